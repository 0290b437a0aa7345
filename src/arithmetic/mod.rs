//! Arithmetic on the processor: what CPU functions are made of.

pub mod byte;
pub mod eigen;
pub mod product;
pub mod simd;
pub mod workspace;
