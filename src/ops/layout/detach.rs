//! A value that passes on and a gradient that does not: no work, only another view.

use std::sync::Arc;

use crate::error::Result;
use crate::ops::kernel::Dispatch;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

/// `x` as it is, of any shape, as if it were a constant to differentiation: the stop-gradient of
/// vector quantisation (van den Oord, Vinyals and Kavukcuoglu, 2017).
///
/// # Errors
/// Never for a node of the same graph.
pub fn detach(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    builder.apply(Arc::new(Detach), &[x])
}

/// The operation of [`detach`].
#[derive(Clone, Copy, Debug)]
pub struct Detach;

impl Op for Detach {
    fn name(&self) -> &'static str {
        "detach"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
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

    fn takes_broadcast_gradient(&self) -> bool {
        true
    }
}
