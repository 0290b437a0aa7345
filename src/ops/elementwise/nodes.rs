//! The operations of one and of two numbers that gradients of each other are made of: what they are, and
//! how they are added. The rest of each stands in its own room.

use std::sync::Arc;

use crate::error::Result;
use crate::ops::function::{Activation, BinaryKind, UnaryKind};
use crate::ops::node::NodeId;
use crate::ops::op::Builder;

/// The operation of [`unary`].
#[derive(Clone, Copy, Debug)]
pub struct Unary(pub UnaryKind);

/// `kind(x)` for each element of `x`, of any shape.
///
/// # Errors
/// Never for a node of the same graph.
pub fn unary(builder: &mut dyn Builder, x: NodeId, kind: UnaryKind) -> Result<NodeId> {
    builder.apply(Arc::new(Unary(kind)), &[x])
}

/// `scale * x + offset`.
///
/// # Errors
/// Never for a node of the same graph.
pub fn affine(builder: &mut dyn Builder, x: NodeId, scale: f32, offset: f32) -> Result<NodeId> {
    if (scale, offset) == (1.0, 0.0) {
        return Ok(x);
    }
    unary(builder, x, UnaryKind::Affine { scale, offset })
}

/// The operation behind [`add`] and its kin.
#[derive(Clone, Copy, Debug)]
pub struct Binary(pub BinaryKind);

fn binary(builder: &mut dyn Builder, a: NodeId, b: NodeId, kind: BinaryKind) -> Result<NodeId> {
    builder.apply(Arc::new(Binary(kind)), &[a, b])
}

macro_rules! builders {
    ($($(#[$doc:meta])* $name:ident $kind:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// When the shapes do not broadcast.
        pub fn $name(builder: &mut dyn Builder, a: NodeId, b: NodeId) -> Result<NodeId> {
            binary(builder, a, b, BinaryKind::$kind)
        }
    )*};
}

builders! {
    /// `a + b`.
    add Add;
    /// `a - b`.
    sub Subtract;
    /// `a * b`.
    mul Multiply;
    /// `a / b`.
    div Divide;
    /// The greater of `a` and `b`.
    maximum Maximum;
    /// The lesser of `a` and `b`.
    minimum Minimum;
    /// 1 where `a >= b`, else 0.
    greater_equal GreaterEqual;
    /// 1 where `a = b`, else 0.
    equal Equal;
    /// `(a - b)^2`.
    squared_error SquaredError;
    /// The cross-entropy of each pixel, in nats, from logits `a` and targets `b` in [0, 1].
    binary_cross_entropy BinaryCrossEntropy;
}

/// The operation of [`activate`].
#[derive(Clone, Copy, Debug)]
pub struct Activate(pub Activation);

/// `gradient * activation'(x)`, from the gradient and the activation's output (for GELU and SiLU,
/// its input).
#[derive(Clone, Copy, Debug)]
pub struct ActivationGradient(pub Activation);

/// `activation(x)` for each element of `x`, of any shape.
///
/// # Errors
/// Never for a node of the same graph.
pub fn activate(builder: &mut dyn Builder, x: NodeId, activation: Activation) -> Result<NodeId> {
    builder.apply(Arc::new(Activate(activation)), &[x])
}
