//! Arithmetic on the processor: what CPU functions are made of.

pub mod product;
pub mod simd;
pub mod workspace;
