//! The same elements under another shape: no work, only another view.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::ops::kernel::Dispatch;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

/// `x` under another shape with as many elements.
///
/// # Errors
/// When the number of elements differs.
pub fn reshape(builder: &mut dyn Builder, x: NodeId, shape: impl Into<Shape>) -> Result<NodeId> {
    let shape = shape.into();
    if *builder.shape(x) == shape {
        return Ok(x);
    }
    builder.apply(Arc::new(Reshape { shape }), &[x])
}

/// `x` of `[batch, ...]` as `[batch, features]`.
///
/// # Errors
/// When `x` has no axes.
pub fn flatten(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    let shape = builder.shape(x).clone();
    let Some(batch) = shape.first().copied() else {
        return Err(Error::shape("flatten", "needs a batch axis", &[&shape]));
    };
    let features: usize = shape[1..].iter().product();
    reshape(builder, x, [batch, features])
}

/// The operation of [`reshape`].
#[derive(Clone, Debug)]
pub struct Reshape {
    /// The output's shape.
    pub shape: Shape,
}

impl Op for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        if inputs[0].elements() != self.shape.elements() {
            let what = format!("{} does not hold as many elements", self.shape);
            return Err(Error::shape(self.name(), what, inputs));
        }
        Ok(self.shape.clone())
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let shape = builder.shape(at.inputs[0]).clone();
        Ok(vec![Some(reshape(builder, at.gradient, shape)?)])
    }

    fn cpu(&self, mut call: CpuCall) {
        let input = call.inputs[0];
        call.output().copy_from_slice(input);
    }

    fn gpu(&self, _shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        vec![]
    }

    fn flops(&self, _shapes: &Shapes) -> u64 {
        0
    }

    fn is_view(&self) -> bool {
        true
    }
}
