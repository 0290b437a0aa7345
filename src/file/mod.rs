//! Files: read and no more than expected, written whole or not at all.

mod picture;
mod reading;
mod target;
mod writing;

pub(crate) use picture::{PictureFormat, save_picture};
pub(crate) use reading::{open, read, read_text};
pub(crate) use target::{FileId, is_standard_output, nearest};
pub use writing::{write_atomically, write_whole};
pub(crate) use writing::{cannot_write, check_writable, is_abandoned, temporary_file};
