//! Whole numbers as vectors with a single 1.

use std::sync::Arc;

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

/// Above this, f32 does not hold every whole number.
pub(crate) const MAX_INDEX: usize = 1 << 24;

static KERNEL: Kernel = kernel!("layout/one_hot");

/// For each number of `index`, of any shape, `classes` numbers along a new last axis: 1 at the place
/// it names, 0 elsewhere. A number that is no class has only zeros. There is no gradient.
///
/// # Errors
/// When `classes` is 0 or above 2^24.
pub fn one_hot(builder: &mut dyn Builder, index: NodeId, classes: usize) -> Result<NodeId> {
    builder.apply(Arc::new(OneHot { classes }), &[index])
}

/// The operation of [`one_hot`].
#[derive(Clone, Copy, Debug)]
pub struct OneHot {
    /// The size of the new axis.
    pub classes: usize,
}

impl Op for OneHot {
    fn name(&self) -> &'static str {
        "one_hot"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        if !(1..=MAX_INDEX).contains(&self.classes) {
            return Err(Error::shape(self.name(), "needs from 1 to 2^24 classes", inputs));
        }
        let mut shape = inputs[0].to_vec();
        shape.push(self.classes);
        Ok(Shape::new(shape))
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let index = call.inputs[0];
        simd::in_rows(call.output(), self.classes, |first, out| {
            for (out, index) in out.chunks_mut(self.classes).zip(&index[first..]) {
                out.fill(0.0);
                let place = *index as usize;
                if place < self.classes && place as f32 == *index {
                    out[place] = 1.0;
                }
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.output.elements();
        vec![
            Dispatch::new(
                &KERNEL,
                vec![Binding::Input(0), Binding::Output(0)],
                Dispatch::linear(count, 64),
            )
            .params([count as u32, self.classes as u32]),
        ]
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
