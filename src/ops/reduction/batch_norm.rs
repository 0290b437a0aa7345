//! Batch normalisation (Ioffe and Szegedy, 2015), in parts: the moments of a batch, and the
//! normalisation by given moments.

use std::sync::Arc;

use super::reduce::{ReduceKind, reduce};
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::elementwise::nodes::{add, affine, mul, squared_error, sub, unary};
use crate::ops::function::UnaryKind;
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::layout::reshape::reshape;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("reduction/batch_norm");

/// The mean and the biased variance of each channel of `x` of `[batch, channels, ...]`, over all
/// axes but axis 1; both of `[channels]`.
///
/// # Errors
/// When `x` has no axis 1.
pub fn moments(builder: &mut dyn Builder, x: NodeId) -> Result<(NodeId, NodeId)> {
    let shape = builder.shape(x).clone();
    let Some(channels) = shape.get(1).copied() else {
        return Err(Error::shape("moments", "needs [batch, channels, ...]", &[&shape]));
    };
    let axes = axes_but_channels(&shape);
    let mean = reduce(builder, x, ReduceKind::Mean, &axes)?;
    // From the mean, not from the mean square: that would cancel where the mean is large.
    let squares = squared_error(builder, x, mean)?;
    let variance = reduce(builder, squares, ReduceKind::Mean, &axes)?;
    Ok((reshape(builder, mean, [channels])?, reshape(builder, variance, [channels])?))
}

/// What running moments become after a batch of `count` numbers a channel, by PyTorch's rule:
/// `(1 - momentum) running + momentum batch`, the batch's variance made unbiased. All `[channels]`.
///
/// # Errors
/// When the shapes do not broadcast.
pub fn running_moments(
    builder: &mut dyn Builder,
    running: [NodeId; 2],
    batch: [NodeId; 2],
    momentum: f32,
    count: usize,
) -> Result<[NodeId; 2]> {
    let unbiased = count as f32 / count.saturating_sub(1).max(1) as f32;
    let mut blend = |running, batch, weight| {
        let old = affine(builder, running, 1.0 - momentum, 0.0)?;
        let new = affine(builder, batch, weight, 0.0)?;
        add(builder, old, new)
    };
    Ok([blend(running[0], batch[0], momentum)?, blend(running[1], batch[1], momentum * unbiased)?])
}

/// `(x - mean) * gamma / sqrt(variance + epsilon) + beta` for `x` of `[batch, channels, ...]`, the
/// others of `[channels]`.
///
/// # Errors
/// When `x` has no axis 1, or another is not one number a channel.
pub fn normalise(
    builder: &mut dyn Builder,
    x: NodeId,
    [mean, variance]: [NodeId; 2],
    gamma: NodeId,
    beta: NodeId,
    epsilon: f32,
) -> Result<NodeId> {
    builder.apply(Arc::new(Normalise { epsilon }), &[x, mean, variance, gamma, beta])
}

/// The operation of [`normalise`].
#[derive(Clone, Copy, Debug)]
pub struct Normalise {
    /// Added to the variance.
    pub epsilon: f32,
}

fn axes_but_channels(shape: &Shape) -> Vec<usize> {
    (0..shape.rank()).filter(|axis| *axis != 1).collect()
}

impl Normalise {
    /// The part of the output that is the factor gamma / sqrt(variance + epsilon), of `[channels]`,
    /// and its reciprocal root alone.
    fn factors(&self, builder: &mut dyn Builder, at: &Backward) -> Result<[NodeId; 2]> {
        let shifted = affine(builder, at.inputs[2], 1.0, self.epsilon)?;
        let root = unary(builder, shifted, UnaryKind::Sqrt)?;
        let reciprocal = unary(builder, root, UnaryKind::Reciprocal)?;
        Ok([mul(builder, at.inputs[3], reciprocal)?, reciprocal])
    }
}

impl Op for Normalise {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let channels = inputs[0].get(1);
        let one_each = |shape: &&Shape| matches!(&shape[..], [size] if Some(size) == channels);
        if !inputs[1..].iter().all(one_each) {
            let what = "needs [batch, channels, ...] and four of [channels]";
            return Err(Error::shape(self.name(), what, inputs));
        }
        Ok(inputs[0].clone())
    }

    /// With r = 1 / sqrt(variance + epsilon), s = sum g and t = sum g (x - mean) over a channel:
    /// gamma r g in x, -gamma r s in the mean, -gamma r^3 t / 2 in the variance, r t in gamma, s in
    /// beta.
    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let shape = builder.shape(at.inputs[0]).clone();
        let channels = shape[1];
        let mut wide = vec![1; shape.rank()];
        wide[1] = channels;
        let axes = axes_but_channels(&shape);
        let sum = |builder: &mut dyn Builder, x| {
            let sum = reduce(builder, x, ReduceKind::Sum, &axes)?;
            reshape(builder, sum, [channels])
        };
        let [factor, reciprocal] = self.factors(builder, at)?;
        let mut gradients = vec![None; 5];
        if at.wanted[0] {
            let factor = reshape(builder, factor, wide.clone())?;
            gradients[0] = Some(mul(builder, at.gradient, factor)?);
        }
        if at.wanted[1] || at.wanted[4] {
            let s = sum(builder, at.gradient)?;
            gradients[4] = Some(s);
            let product = mul(builder, factor, s)?;
            gradients[1] = Some(affine(builder, product, -1.0, 0.0)?);
        }
        if at.wanted[2] || at.wanted[3] {
            let mean = reshape(builder, at.inputs[1], wide)?;
            let centred = sub(builder, at.inputs[0], mean)?;
            let product = mul(builder, at.gradient, centred)?;
            let t = sum(builder, product)?;
            let by_gamma = mul(builder, reciprocal, t)?;
            gradients[3] = Some(by_gamma);
            let square = unary(builder, reciprocal, UnaryKind::Square)?;
            let slope = mul(builder, at.inputs[3], square)?;
            let product = mul(builder, slope, by_gamma)?;
            gradients[2] = Some(affine(builder, product, -0.5, 0.0)?);
        }
        Ok(gradients)
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        3 * shapes.output.elements() as u64
    }

    fn cpu(&self, mut call: CpuCall) {
        let channels = call.shapes.inputs[1].elements();
        let plane: usize = call.shapes.output[2..].iter().product();
        let [x, mean, variance, gamma, beta] = std::array::from_fn(|input| call.inputs[input]);
        let factors: Vec<f32> = gamma
            .iter()
            .zip(variance)
            .map(|(gamma, variance)| gamma / (variance + self.epsilon).sqrt())
            .collect();
        simd::in_rows(call.output(), channels * plane, |first, out| {
            let x = &x[first * channels * plane..][..out.len()];
            simd::vectorised!({
                if plane == 1 {
                    for (out, x) in out.chunks_mut(channels).zip(x.chunks(channels)) {
                        let numbers = mean.iter().zip(&factors).zip(beta);
                        for ((out, x), ((mean, factor), beta)) in out.iter_mut().zip(x).zip(numbers)
                        {
                            *out = (x - mean) * factor + beta;
                        }
                    }
                    return;
                }
                for (row, (out, x)) in out.chunks_mut(plane).zip(x.chunks(plane)).enumerate() {
                    let c = row % channels;
                    let (mean, factor, beta) = (mean[c], factors[c], beta[c]);
                    out.iter_mut().zip(x).for_each(|(out, x)| *out = (x - mean) * factor + beta);
                }
            });
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.output.elements();
        let plane: usize = shapes.output[2..].iter().product();
        let mut bindings: Vec<Binding> = (0..5).map(Binding::Input).collect();
        bindings.push(Binding::Output(0));
        vec![
            Dispatch::new(&KERNEL, bindings, Dispatch::linear(count.div_ceil(4), 64))
                .constant("CHANNELS", shapes.inputs[1].elements() as u32)
                .constant("PLANE", plane as u32)
                .params([count as u32, self.epsilon.to_bits()]),
        ]
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
