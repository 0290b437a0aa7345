//! NumPy's `.npy` files: one array each.

mod array;
mod header;

pub use array::{from_bytes, read, write, write_to, write_whole, write_whole_to};
