//! Tensors put side by side.

use std::sync::Arc;

use super::nodes::slice_axis;
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, MAX_INPUTS, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("layout/concat");

/// `inputs` side by side along `axis`; all other axes are equal.
///
/// # Errors
/// When there is no input, no such axis, or another axis differs.
pub fn concat(builder: &mut dyn Builder, inputs: &[NodeId], axis: usize) -> Result<NodeId> {
    match inputs {
        [] => Err(Error::shape("concat", "needs an input", &[])),
        [only] if axis < builder.shape(*only).rank() => Ok(*only),
        _ if inputs.len() <= MAX_INPUTS => builder.apply(Arc::new(Concat { axis }), inputs),
        _ => {
            let parts = inputs.chunks(MAX_INPUTS).map(|part| concat(builder, part, axis));
            let parts = parts.collect::<Result<Vec<_>>>()?;
            concat(builder, &parts, axis)
        }
    }
}

/// The operation of [`concat()`], of up to [`MAX_INPUTS`] inputs.
#[derive(Clone, Copy, Debug)]
pub struct Concat {
    /// The axis along which inputs lie side by side.
    pub axis: usize,
}

impl Concat {
    /// Elements from one index of the axes outside to the next.
    fn row(&self, shape: &Shape) -> usize {
        shape[self.axis..].iter().product()
    }
}

impl Op for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let mut shape = inputs[0].to_vec();
        let others_agree = |input: &&Shape| {
            let agrees = |axis: usize| axis == self.axis || input[axis] == inputs[0][axis];
            input.rank() == inputs[0].rank() && (0..input.rank()).all(agrees)
        };
        if self.axis >= shape.len() || !inputs.iter().all(others_agree) {
            let what = format!("all axes but axis {} must agree", self.axis);
            return Err(Error::shape(self.name(), what, inputs));
        }
        shape[self.axis] = inputs.iter().map(|input| input[self.axis]).sum();
        Ok(Shape::new(shape))
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let mut begin = 0;
        let mut gradients = vec![];
        for (input, wanted) in at.inputs.iter().zip(at.wanted) {
            let end = begin + builder.shape(*input)[self.axis];
            let part = wanted.then(|| slice_axis(builder, at.gradient, self.axis, begin..end));
            gradients.push(part.transpose()?);
            begin = end;
        }
        Ok(gradients)
    }

    fn cpu(&self, mut call: CpuCall) {
        let total = self.row(&call.shapes.output);
        let rows: Vec<usize> = call.shapes.inputs.iter().map(|shape| self.row(shape)).collect();
        let inputs = call.inputs;
        crate::arithmetic::simd::in_rows(call.output(), total, |first, out| {
            for (number, out) in out.chunks_mut(total).enumerate() {
                let mut rest = out;
                for (input, row) in inputs.iter().zip(&rows) {
                    let (part, behind) = rest.split_at_mut(*row);
                    part.copy_from_slice(&input[(first + number) * row..][..*row]);
                    rest = behind;
                }
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let total = self.row(&shapes.output);
        let mut offset = 0;
        let part = |(number, shape): (usize, &Shape)| {
            let row = self.row(shape);
            let params = [shape.elements(), row, total, offset].map(|number| number as u32);
            offset += row;
            Dispatch::new(
                &KERNEL,
                vec![Binding::Input(number), Binding::Output(0)],
                Dispatch::linear(shape.elements(), 64),
            )
            .params(params)
        };
        shapes.inputs.iter().enumerate().map(part).collect()
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
