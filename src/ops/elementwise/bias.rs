//! A number a channel, added to every element of that channel.

use std::sync::Arc;

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::function::EpiloguePart;
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::layout::reshape::reshape;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::reduction::reduce::{ReduceKind, reduce};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("elementwise/bias");

/// `x + bias` along axis 1: `x` is `[batch, channels, ...]`, `bias` is `[channels]`.
///
/// # Errors
/// When `bias` is not one number a channel.
pub fn bias(builder: &mut dyn Builder, x: NodeId, bias: NodeId) -> Result<NodeId> {
    builder.apply(Arc::new(Bias), &[x, bias])
}

/// The operation of [`bias`].
#[derive(Clone, Copy, Debug)]
pub struct Bias;

impl Op for Bias {
    fn name(&self) -> &'static str {
        "bias"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        match (inputs[0].get(1), &inputs[1][..]) {
            (Some(channels), [numbers]) if channels == numbers => Ok(inputs[0].clone()),
            _ => Err(Error::shape(self.name(), "needs one number a channel (axis 1)", inputs)),
        }
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let rank = builder.shape(at.inputs[0]).rank();
        let axes: Vec<usize> = (0..rank).filter(|axis| *axis != 1).collect();
        let by_bias = match at.wanted[1] {
            true => {
                let sum = reduce(builder, at.gradient, ReduceKind::Sum, &axes)?;
                let shape = builder.shape(at.inputs[1]).clone();
                Some(reshape(builder, sum, shape)?)
            }
            false => None,
        };
        Ok(vec![Some(at.gradient), by_bias])
    }

    fn cpu(&self, mut call: CpuCall) {
        let channels = call.shapes.inputs[1].elements();
        let plane: usize = call.shapes.output[2..].iter().product();
        let (x, bias) = (call.inputs[0], call.inputs[1]);
        simd::in_rows(call.output(), channels * plane, |first, out| {
            let x = &x[first * channels * plane..][..out.len()];
            simd::vectorised!({
                for (row, (out, x)) in out.chunks_mut(plane).zip(x.chunks(plane)).enumerate() {
                    let bias = bias[row % channels];
                    out.iter_mut().zip(x).for_each(|(out, x)| *out = x + bias);
                }
            });
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.output.elements();
        let plane: usize = shapes.output[2..].iter().product();
        vec![
            Dispatch::new(
                &KERNEL,
                vec![Binding::Input(0), Binding::Input(1), Binding::Output(0)],
                Dispatch::linear(count.div_ceil(4), 64),
            )
            .constant("CHANNELS", shapes.inputs[1].elements() as u32)
            .constant("PLANE", plane as u32)
            .params([count as u32]),
        ]
    }

    fn epilogue_part(&self) -> Option<EpiloguePart> {
        Some(EpiloguePart::Bias)
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
