//! The weight that a schedule gives a part of the loss, as a number of the graph.

use std::sync::Arc;

use crate::error::Result;
use crate::ops::function::Pointwise;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("loss/step_weight");

/// [`StepScalars::weight`](crate::ops::StepScalars::weight) of the step that runs, of shape `[]`: beta, or the weight of a penalty,
/// which then changes from step to step without another plan. There is no gradient.
///
/// # Errors
/// Never.
pub fn step_weight(builder: &mut dyn Builder) -> Result<NodeId> {
    builder.apply(Arc::new(StepWeight), &[])
}

/// The operation of [`step_weight`].
#[derive(Clone, Copy, Debug)]
pub struct StepWeight;

impl Op for StepWeight {
    fn name(&self) -> &'static str {
        "step_weight"
    }

    fn shape(&self, _inputs: &[&Shape]) -> Result<Shape> {
        Ok(Shape::scalar())
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![])
    }

    fn pointwise(&self) -> Option<Pointwise> {
        Some(Pointwise::StepWeight)
    }

    fn cpu(&self, mut call: CpuCall) {
        call.output()[0] = call.step.weight;
    }

    fn gpu(&self, _shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        vec![Dispatch::new(&KERNEL, vec![Binding::Output(0)], [1, 1, 1])]
    }

    fn flops(&self, _shapes: &Shapes) -> u64 {
        0
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
