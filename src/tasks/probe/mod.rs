//! What codes tell of classes: a linear classifier that reads them.

mod linear;
mod scores;

pub use linear::linear_probe;
#[cfg(feature = "cli")]
pub(crate) use linear::{Labelled, MOST_NUMBERS, from_run};
pub use scores::{ClassScore, Confusion};
