//! Fusion: the same computation in fewer operations. Node numbers stay; a node that became part of
//! another one stays too, read by nobody.

mod chain;
mod constants;
mod corrupted;
mod epilogue;
mod passes;
mod pooling;
mod sums;
