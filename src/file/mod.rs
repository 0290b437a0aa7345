//! Files: read and no more than expected, written whole or not at all.

mod reading;
mod writing;

pub(crate) use reading::{open, read, read_text};
pub use writing::write_atomically;
pub(crate) use writing::{cannot_write, is_abandoned, temporary_file};
