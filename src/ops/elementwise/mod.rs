//! Functions of one and of two numbers, and chains of them.

pub(crate) mod activation;
pub(crate) mod bias;
pub(crate) mod binary;
pub(crate) mod chain;
pub(crate) mod chain_text;
pub(crate) mod custom;
pub(crate) mod nodes;
pub(crate) mod roofline;
pub(crate) mod unary;

pub use bias::{Bias, bias};
pub use chain::{Chain, Instruction, Total};
pub use custom::{Elementwise, ElementwiseGradient};
pub use nodes::{
    Activate, ActivationGradient, Binary, Unary, activate, add, affine, binary_cross_entropy, div,
    equal, greater_equal, maximum, minimum, mul, squared_error, sub, unary,
};
pub use roofline::Roofline;
