//! Files that tasks read, and where what they make of them is written.

mod input;
mod outputs;

pub use input::{Input, paths, stem};
pub use outputs::{Outputs, is_read};
