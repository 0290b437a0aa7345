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

static EXAMPLE: Kernel = kernel!("layout/pad");

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
        let kernel = EXAMPLE.with_lines(&wgsl(&self.axes(&shapes.inputs[0])));
        let bindings = vec![Binding::Input(0), Binding::Output(0)];
        let dispatch = Dispatch::new(&kernel, bindings, Dispatch::linear(count, 64));
        vec![dispatch.params([count as u32, self.value.to_bits()])]
    }
}

/// The function in WGSL that finds element `i` of the output in the input, axes innermost first.
fn wgsl(axes: &[Axis]) -> String {
    let mut text = String::from(
        "fn source(i: u32) -> u32 {\n    // Before the input, differences wrap round to something large.\n",
    );
    let (mut outside, mut at) = (vec![], vec![]);
    let (mut within, mut stride) = (1, 1);
    for (number, axis) in axes.iter().rev().enumerate() {
        let mut place = String::from("i");
        if within > 1 {
            place += &format!(" / {within}u");
        }
        if number + 1 < axes.len() {
            place += &format!(" % {}u", axis.outer);
        }
        text += &format!("    let p{number} = {place} - {}u;\n", axis.before);
        outside.push(format!("p{number} >= {}u", axis.inner));
        at.push(if stride > 1 { format!("p{number} * {stride}u") } else { format!("p{number}") });
        within *= axis.outer;
        stride *= axis.inner;
    }
    let (outside, at) = (outside.join(" || "), at.join(" + "));
    text + &format!("    if {outside} {{\n        return NOWHERE;\n    }}\n    return {at};\n}}\n")
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
    &EXAMPLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_file_is_written_of_its_axes() {
        let pad = Pad { before: vec![1, 2], after: vec![1, 1], value: 0.0 };
        crate::ops::written::assert_example(&EXAMPLE, &wgsl(&pad.axes(&Shape::from([3, 4]))));
    }
}
