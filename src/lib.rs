//! Diabolo: autoencoders on any GPU.

pub mod cpu;
pub mod data;
pub mod error;
pub mod gpu;
pub mod graph;
pub mod models;
pub mod nn;
pub mod ops;
pub mod rng;
pub mod simd;
pub mod tensor;
pub mod train;
pub mod workloads;
