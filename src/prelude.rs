//! What ten lines of one's own begin with: `use diabolo::prelude::*;`.
//!
//! Graphs and their layers, a device to run them on, images to learn from, and trained models. A
//! function of one's own is an [`Elementwise`]; any other operation of one's own needs [`op`] too. All
//! else is in the module that it belongs to.
//!
//! ```
//! use diabolo::prelude::*;
//!
//! fn main() -> Result<()> {
//!     let images = Dataset::load(&Source::Digits, &LoadOptions::default())?;
//!     let batch = Tensor::new([32, 64], images.train.pixels[..32 * 64].iter().map(|byte| f32::from(*byte) / 255.0).collect())?;
//!
//!     let mut graph = Graph::new();
//!     let x = graph.input("x", [32, 64]);
//!     let code = nn::dense(&mut graph, "encoder", x, 8, Some(Activation::Relu))?;
//!     let y = nn::dense(&mut graph, "decoder", code, 64, Some(Activation::Sigmoid))?;
//!     let loss = nn::mean_squared_error(&mut graph, y, x)?;
//!
//!     let mut fit = Minimiser::open(&DeviceChoice::Cpu, &graph, loss)?;
//!     for _ in 0..20 {
//!         fit.step(&[("x", &batch)], 1e-2)?;
//!     }
//!     println!("loss {}", fit.loss()?);
//!     println!("{:?}", fit.compute(code, &[("x", &batch)])?.shape());
//!     Ok(())
//! }
//! ```

pub use crate::cpu::CpuExecutor;
pub use crate::data::{Dataset, LoadOptions, Source};
pub use crate::error::{Error, Result};
pub use crate::gpu::{self, DeviceChoice};
pub use crate::graph::{Executor, Graph, Plan, PlanRequest, State};
pub use crate::nn;
pub use crate::ops::{self, Activation, Builder, Elementwise, NodeId, Optimiser, StepScalars};
pub use crate::rng::Seed;
pub use crate::shape::Shape;
#[cfg(feature = "cli")]
pub use crate::tasks::Codec;
pub use crate::tasks::{Pictures, Raster, Trained};
pub use crate::tensor::Tensor;
pub use crate::train::Minimiser;

/// What an operation of one's own is written in: `use diabolo::prelude::op::*;`. See
/// [`Op`](crate::ops::Op) and `examples/own_op.rs`.
pub mod op {
    pub use crate::ops::{
        Backward, Binding, CpuCall, Dispatch, GpuTarget, Kernel, Op, Shapes, shared,
    };
    pub use std::sync::Arc;
}
