//! Where an operation stands in a graph whose batch is left open.

use crate::error::Error;
use crate::ops::Op;

/// The batch sizes that graphs are built for. Neither is 1, for which builders take short cuts.
pub(super) const BATCHES: [usize; 2] = [2, 3];

/// The size of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// The same for every batch.
    Fixed(usize),
    /// So many times the batch.
    Batch(usize),
}

/// What a node of an operation becomes a node of.
pub(super) struct Place<'a> {
    /// The operation for each of [`BATCHES`].
    pub ops: [&'a dyn Op; 2],
    /// The names of what it reads.
    pub inputs: Vec<&'a str>,
    /// The sizes of what it reads.
    pub input_sizes: Vec<Vec<Size>>,
    /// The name of its result.
    pub output: &'a str,
    /// The sizes of its result.
    pub sizes: Vec<Size>,
}

impl Place<'_> {
    /// The operation as one of type `T`.
    pub fn op<T: Op>(&self) -> Option<&T> {
        (self.ops[0] as &dyn std::any::Any).downcast_ref()
    }

    /// The error of an operation that ONNX has no counterpart of.
    pub fn unsupported(&self, why: impl Into<String>) -> Error {
        Error::Unsupported { op: self.ops[0].name(), why: why.into() }
    }
}
