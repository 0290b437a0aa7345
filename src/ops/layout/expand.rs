//! Repeating a tensor along axes (broadcasting made real), and summing it back.

use std::sync::Arc;

use super::reshape::reshape;
use super::strided::Walk;
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::function::Pointwise;
use crate::ops::half::Halves;
use crate::ops::kernel::Dispatch;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::reduction::reduce::{ReduceKind, reduce};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

/// `x` repeated along its axes of size 1, and along new leading axes, to `shape`.
///
/// # Errors
/// When `x` does not broadcast to `shape`.
pub fn expand(builder: &mut dyn Builder, x: NodeId, shape: &Shape) -> Result<NodeId> {
    if builder.shape(x) == shape {
        return Ok(x);
    }
    if builder.shape(x).elements() == shape.elements() {
        return reshape(builder, x, shape.clone());
    }
    builder.apply(Arc::new(Expand { shape: shape.clone() }), &[x])
}

/// `x` summed over the axes along which a tensor of `shape` would be repeated to become like it:
/// the adjoint of [`expand`].
///
/// # Errors
/// When a tensor of `shape` does not broadcast to `x`'s shape.
pub fn sum_to(builder: &mut dyn Builder, x: NodeId, shape: &Shape) -> Result<NodeId> {
    let from = builder.shape(x).clone();
    if shape.broadcast(&from).as_ref() != Some(&from) {
        return Err(Error::shape(
            "sum_to",
            "the target must broadcast to the source",
            &[&from, shape],
        ));
    }
    let missing = from.rank() - shape.rank();
    let repeated = |axis: &usize| *axis < missing || shape[*axis - missing] != from[*axis];
    let axes: Vec<usize> = (0..from.rank()).filter(repeated).collect();
    let sum = reduce(builder, x, ReduceKind::Sum, &axes)?;
    reshape(builder, sum, shape.clone())
}

/// The operation of [`expand`]; to the same shape, a copy.
#[derive(Clone, Debug)]
pub struct Expand {
    /// The output's shape.
    pub shape: Shape,
}

impl Expand {
    fn walk(&self, shapes: &Shapes) -> Walk {
        Walk::broadcast(&self.shape, &[&shapes.inputs[0]])
    }
}

impl Op for Expand {
    fn name(&self) -> &'static str {
        "expand"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        match inputs[0].broadcast(&self.shape) {
            Some(shape) if shape == self.shape => Ok(shape),
            _ => Err(Error::shape(
                self.name(),
                format!("does not broadcast to {}", self.shape),
                inputs,
            )),
        }
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let shape = builder.shape(at.inputs[0]).clone();
        Ok(vec![Some(sum_to(builder, at.gradient, &shape)?)])
    }

    /// Of one number: every element is that number.
    fn pointwise(&self) -> Option<Pointwise> {
        Some(Pointwise::Copy)
    }

    fn cpu(&self, mut call: CpuCall) {
        let input = call.inputs[0];
        match input {
            [number] => simd::in_chunks(call.output(), |_, out| out.fill(*number)),
            _ if input.len() == call.output().len() => call.output().copy_from_slice(input),
            _ => self.walk(call.shapes).copy(input, call.output()),
        }
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        vec![self.walk(shapes).dispatch(0)]
    }
}
