//! Diabolo: autoencoders on any GPU.
//!
//! A model is a [`graph::Graph`] of [`ops`] with known shapes, built once by the functions of
//! [`nn`] and [`models`]. Gradients are nodes of the same graph. A [`graph::Plan`] schedules it on
//! planned memory; an [`graph::Executor`], [`gpu::GpuExecutor`] or [`cpu::CpuExecutor`], runs plans
//! over one state. [`train`] trains a model on the images of [`data`], [`inference`] is what it does once it
//! is trained, [`evaluate`] what is measured of it. [`run`] puts a training into a folder, [`tasks`] are
//! what people do with the model. [`prelude`] has what a first program needs.
//!
//! The feature `cli`, on by default, adds the program: its commands and options, charts, downloads, and
//! tasks that bring other crates along (the codec, ONNX, reports, TensorBoard).

#![deny(missing_docs)]

pub mod arithmetic;
#[cfg(feature = "cli")]
pub mod bench;
#[cfg(feature = "cli")]
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod cpu;
pub mod data;
pub mod error;
pub mod evaluate;
pub mod file;
pub mod gpu;
pub mod graph;
pub mod inference;
pub mod models;
pub mod nn;
pub mod ops;
pub mod plot;
pub mod portable;
pub mod prelude;
pub mod rng;
pub mod run;
pub mod shape;
pub mod tasks;
pub mod tensor;
pub mod train;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The calls that pages of tasks show are compiled.
#[cfg(doctest)]
mod pages {
    macro_rules! pages {
        ($($page:ident)*) => {
            $(
                #[doc = include_str!(concat!("../docs/", stringify!($page), ".md"))]
                mod $page {}
            )*
        };
    }
    pages!(anomaly augment encode evaluate interpolate plans probe reconstruct restore sample);
    #[cfg(feature = "cli")]
    pages!(browser compress export report tensorboard);
}
