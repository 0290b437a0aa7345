//! Files: read and no more than expected, written whole or not at all.

#[cfg(feature = "cli")]
mod destination;
pub mod npy;
mod picture;
mod reading;
mod target;
mod writing;

#[cfg(feature = "cli")]
pub(crate) use destination::{FileId, check_writable, is_standard_output, nearest};
#[cfg(feature = "cli")]
pub(crate) use picture::PictureFormat;
pub(crate) use picture::save_picture;
pub(crate) use reading::{open, read, read_text};
pub(crate) use writing::{cannot_write, is_abandoned, temporary_file};
pub use writing::{write_atomically, write_whole};
