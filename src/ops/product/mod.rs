//! Products of matrices, and what kernels of products share.

pub(crate) mod epilogue;
pub(crate) mod matmul;
pub(crate) mod tiles;

pub use epilogue::{Fused, Last};
pub use matmul::{Matmul, Transpose, matmul, matmul_transposed};
