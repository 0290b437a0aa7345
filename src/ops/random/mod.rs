//! Draws, counted and never kept.

pub(crate) mod binarise;
pub(crate) mod draws;
pub(crate) mod dropout;
pub(crate) mod reparameterise;

pub use binarise::{Binarise, binarise};
pub use draws::{Random, RandomKind, random};
pub use dropout::{Dropout, dropout};
pub use reparameterise::{LOG_VARIANCE, Reparameterise, reparameterise};
