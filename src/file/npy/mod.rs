//! NumPy's files: `.npy`, of one array each, and `.npz`, archives of them.

mod archive;
mod array;
mod header;
mod problem;
mod reading;
mod writing;

pub use archive::Archive;
pub use array::{Array, Numbers};
pub use header::{Family, Kind};
pub use reading::{array_from_bytes, from_bytes, read, read_array};
pub use writing::{write, write_to, write_whole, write_whole_to};
