//! The place of the least or greatest number of each row.

use std::sync::Arc;

use super::softmax::rows_dispatch;
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::{Dispatch, Kernel, kernel};
use crate::ops::layout::one_hot::MAX_INDEX;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("reduction/argmin");

/// The index of the least number along the last axis of `x`, the first among equals, as a whole
/// number in f32; the last axis is gone. There is no gradient.
///
/// # Errors
/// When there is no axis, or the last is empty or longer than 2^24.
pub fn argmin(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    builder.apply(Arc::new(Argmin { greatest: false }), &[x])
}

/// The index of the greatest number along the last axis of `x`; see [`argmin`].
///
/// # Errors
/// When there is no axis, or the last is empty or longer than 2^24.
pub fn argmax(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    builder.apply(Arc::new(Argmin { greatest: true }), &[x])
}

/// The operation of [`argmin`] and [`argmax`].
#[derive(Clone, Copy, Debug)]
pub struct Argmin {
    /// Whether the greatest number is looked for.
    pub greatest: bool,
}

impl Op for Argmin {
    fn name(&self) -> &'static str {
        if self.greatest { "argmax" } else { "argmin" }
    }

    fn halves(&self) -> Halves {
        Halves::Inputs
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        match inputs[0].split_last() {
            Some((1..=MAX_INDEX, outer)) => Ok(Shape::from(outer)),
            _ => Err(Error::shape(self.name(), "needs a last axis from 1 to 2^24 long", inputs)),
        }
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let input = call.inputs[0];
        let length = *call.shapes.inputs[0].last().expect("the shape rule has passed");
        simd::in_rows(call.output(), 1, |first, out| {
            for (out, row) in out.iter_mut().zip(input[first * length..].chunks(length)) {
                let mut place = 0;
                for (index, value) in row.iter().enumerate() {
                    let better = match self.greatest {
                        true => *value > row[place],
                        false => *value < row[place],
                    };
                    place = if better { index } else { place };
                }
                *out = place as f32;
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let dispatch = rows_dispatch(&KERNEL, &shapes.inputs[0]);
        vec![dispatch.constant("SIGN", if self.greatest { -1.0 } else { 1.0 })]
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        shapes.inputs[0].elements() as u64
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
