//! Codes as text: a line each of a path and its numbers, separated by commas (RFC 4180); and where in their pictures
//! parts lie that have codes of their own.

mod areas;
mod codes;
mod records;

pub use areas::{from_bytes as areas_from_bytes, read as read_areas, write_to as write_areas_to};
pub use codes::{from_bytes, read, write, write_parts_to, write_to};
#[cfg(feature = "cli")]
pub(crate) use records::Records;
