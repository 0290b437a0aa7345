//! A tensor put into a larger one.

use super::nodes::{Pad, slice};
use super::strided::{MAX_AXES, Walk};
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("layout/pad");

/// Some axes of a padding as one: an axis and all axes within it that are not padded.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    outer: usize,
    before: usize,
    inner: usize,
}

impl Pad {
    /// The axes, merged where they can be, outermost first; at least one.
    fn axes(&self, input: &Shape) -> Vec<Axis> {
        let mut axes: Vec<Axis> = vec![];
        for (axis, inner) in input.iter().copied().enumerate() {
            let (before, after) = (self.before[axis], self.after[axis]);
            match axes.last_mut() {
                Some(last) if before == 0 && after == 0 => {
                    last.outer *= inner;
                    last.before *= inner;
                    last.inner *= inner;
                }
                _ => axes.push(Axis { outer: before + inner + after, before, inner }),
            }
        }
        if axes.is_empty() {
            axes.push(Axis { outer: 1, before: 0, inner: 1 });
        }
        axes
    }
}

impl Op for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let rank = inputs[0].rank();
        if self.before.len() != rank || self.after.len() != rank || rank > MAX_AXES {
            let what = "needs one number before and one after each of at most 8 axes";
            return Err(Error::shape(self.name(), what, inputs));
        }
        let size = |axis: usize| self.before[axis] + inputs[0][axis] + self.after[axis];
        Ok(Shape::new((0..rank).map(size).collect::<Vec<_>>()))
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let shape = builder.shape(at.inputs[0]);
        let end: Vec<usize> =
            shape.iter().zip(&self.before).map(|(size, before)| before + size).collect();
        Ok(vec![Some(slice(builder, at.gradient, &self.before, &end)?)])
    }

    fn cpu(&self, mut call: CpuCall) {
        let axes = self.axes(&call.shapes.inputs[0]);
        let (input, value) = (call.inputs[0], self.value);
        let (last, outer) = axes.split_last().expect("there is one axis at least");
        let walk = Walk {
            sizes: outer.iter().map(|axis| axis.outer).chain([last.outer]).collect(),
            strides: vec![],
        };
        simd::in_rows(call.output(), last.outer, |first, out| {
            walk.rows::<0>(first, out.len() / last.outer, |start, []| {
                let row = &mut out[start - first * last.outer..][..last.outer];
                row.fill(value);
                if let Some(at) = input_row(outer, start / last.outer) {
                    let from = &input[at * last.inner..][..last.inner];
                    row[last.before..][..last.inner].copy_from_slice(from);
                }
            });
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.output.elements();
        let axes = self.axes(&shapes.inputs[0]);
        let words = |of: fn(&Axis) -> usize| {
            let mut words = [0; MAX_AXES];
            for (word, axis) in words.iter_mut().zip(axes.iter().rev()) {
                *word = of(axis) as u32;
            }
            words
        };
        let sizes = [words(|axis| axis.outer), words(|axis| axis.before), words(|axis| axis.inner)];
        let head = [count as u32, self.value.to_bits(), 0, 0];
        vec![
            Dispatch::new(
                &KERNEL,
                vec![Binding::Input(0), Binding::Output(0)],
                Dispatch::linear(count, 64),
            )
            .constant("AXES", axes.len() as u32)
            .params(head.into_iter().chain(sizes.into_iter().flatten())),
        ]
    }
}

/// The row of the input that lies in row `row` of the output, by all axes but the innermost.
fn input_row(axes: &[Axis], row: usize) -> Option<usize> {
    let (mut rest, mut stride, mut at) = (row, 1, 0);
    for axis in axes.iter().rev() {
        let place = (rest % axis.outer).checked_sub(axis.before)?;
        if place >= axis.inner {
            return None;
        }
        at += place * stride;
        stride *= axis.inner;
        rest /= axis.outer;
    }
    Some(at)
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
