//! Operations, in families: one room each, with shape rule, gradient, CPU function and GPU dispatch.
//!
//! An operation knows its inputs only as shapes and slices of 32-bit words. It names the kernel that
//! computes it and how that is to be dispatched, and leaves buffers and devices to the executors.

mod batch;
mod elementwise;
mod layout;
mod loss;
mod optimiser;
mod product;
mod random;
mod reduction;
mod window;

pub(crate) mod adapter;
pub(crate) mod catalogue;
pub(crate) mod function;
pub(crate) mod half;
pub(crate) mod half_kernels;
pub(crate) mod kernel;
pub(crate) mod maker;
pub(crate) mod matrices;
pub(crate) mod metric;
pub(crate) mod needs;
pub(crate) mod node;
pub(crate) mod op;
pub mod shared;
pub(crate) mod software;
pub(crate) mod step;
pub(crate) mod target;
pub(crate) mod tile;
pub(crate) mod tuning;
pub(crate) mod units;
pub(crate) mod update;
pub(crate) mod written;

pub use batch::*;
pub use elementwise::*;
pub use layout::*;
pub use loss::*;
pub use optimiser::*;
pub use product::*;
pub use random::*;
pub use reduction::*;
pub use window::*;

pub use adapter::{AdapterKind, AdapterTraits};
pub use catalogue::kernels;
pub use function::{Activation, BinaryKind, EpiloguePart, Pointwise, UnaryKind};
pub use half::{HalfTerms, Halves, Storage};
pub use kernel::{Binding, Dispatch, Kernel, MAX_GROUPS, MAX_INPUTS, MAX_OUTPUTS};
pub use maker::{Chip, Maker};
pub use matrices::Matrices;
pub use metric::MetricColumn;
pub use node::{Backward, NodeId};
pub use op::{Builder, CpuCall, Op, Shapes, Variants};
pub use step::StepScalars;
pub use target::GpuTarget;
pub use tile::{Sums, Tile};
pub use tuning::{MOST_SPLITS, Tuning, Variant};
pub use update::{Optimiser, Update};
