//! Softmax, its logarithm, and log-sum-exp, over the last axis.

use std::sync::Arc;

use super::reduce::{ReduceKind, reduce};
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::elementwise::nodes::{mul, sub, unary};
use crate::ops::function::UnaryKind;
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

/// What is made of each row x of the last axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftmaxKind {
    /// `exp(x) / sum exp(x)`
    Softmax,
    /// `x - ln sum exp(x)`
    LogSoftmax,
    /// `ln sum exp(x)`, one number a row.
    LogSumExp,
}

static KERNEL: Kernel = kernel!("reduction/softmax");

/// `exp(x) / sum exp(x)` over the last axis of `x`.
///
/// # Errors
/// When `x` has no axis, or the last is empty.
pub fn softmax(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    builder.apply(Arc::new(Softmax(SoftmaxKind::Softmax)), &[x])
}

/// `x - ln sum exp(x)` over the last axis of `x`.
///
/// # Errors
/// When `x` has no axis, or the last is empty.
pub fn log_softmax(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    builder.apply(Arc::new(Softmax(SoftmaxKind::LogSoftmax)), &[x])
}

/// `ln sum exp(x)` over the last axis of `x`, which keeps a size of 1.
///
/// # Errors
/// When `x` has no axis, or the last is empty.
pub fn log_sum_exp(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    builder.apply(Arc::new(Softmax(SoftmaxKind::LogSumExp)), &[x])
}

/// The operation of [`softmax`], [`log_softmax`] and [`log_sum_exp`].
#[derive(Clone, Copy, Debug)]
pub struct Softmax(pub SoftmaxKind);

impl Softmax {
    #[inline(always)]
    fn rows(&self, out: &mut [f32], input: &[f32], length: usize) {
        for (number, row) in input.chunks(length).enumerate() {
            let max = row.iter().fold(f32::MIN, |a, b| if *b > a { *b } else { a });
            match self.0 {
                SoftmaxKind::Softmax => {
                    let out = &mut out[number * length..][..length];
                    out.iter_mut().zip(row).for_each(|(out, x)| *out = simd::exp(x - max));
                    let factor = 1.0 / out.iter().sum::<f32>();
                    out.iter_mut().for_each(|out| *out *= factor);
                }
                SoftmaxKind::LogSoftmax => {
                    // Not x - (max + logarithm), which would round the logarithm away under a large max.
                    let logarithm = simd::ln(sum_exp(row, max));
                    let out = &mut out[number * length..][..length];
                    out.iter_mut().zip(row).for_each(|(out, x)| *out = (x - max) - logarithm);
                }
                SoftmaxKind::LogSumExp => out[number] = max + simd::ln(sum_exp(row, max)),
            }
        }
    }
}

#[inline(always)]
fn sum_exp(row: &[f32], max: f32) -> f32 {
    row.iter().map(|x| simd::exp(x - max)).sum()
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        match self.0 {
            SoftmaxKind::Softmax => "softmax",
            SoftmaxKind::LogSoftmax => "log_softmax",
            SoftmaxKind::LogSumExp => "log_sum_exp",
        }
    }

    fn halves(&self) -> Halves {
        Halves::Inputs
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let mut shape = inputs[0].to_vec();
        match shape.last_mut() {
            None | Some(0) => {
                return Err(Error::shape(
                    self.name(),
                    "needs a last axis that is not empty",
                    inputs,
                ));
            }
            Some(last) if self.0 == SoftmaxKind::LogSumExp => *last = 1,
            Some(_) => {}
        }
        Ok(Shape::new(shape))
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let (x, y, g) = (at.inputs[0], at.output, at.gradient);
        let last = builder.shape(x).rank() - 1;
        let gradient = match self.0 {
            // y (g - sum(g y))
            SoftmaxKind::Softmax => {
                let product = mul(builder, g, y)?;
                let sum = reduce(builder, product, ReduceKind::Sum, &[last])?;
                let rest = sub(builder, g, sum)?;
                mul(builder, y, rest)?
            }
            // g - exp(y) sum(g)
            SoftmaxKind::LogSoftmax => {
                let sum = reduce(builder, g, ReduceKind::Sum, &[last])?;
                let probability = unary(builder, y, UnaryKind::Exp)?;
                let product = mul(builder, probability, sum)?;
                sub(builder, g, product)?
            }
            SoftmaxKind::LogSumExp => {
                let probability = softmax(builder, x)?;
                mul(builder, probability, g)?
            }
        };
        Ok(vec![Some(gradient)])
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        4 * shapes.inputs[0].elements() as u64
    }

    fn cpu(&self, mut call: CpuCall) {
        let length = *call.shapes.inputs[0].last().expect("the shape rule has passed");
        let input = call.inputs[0];
        let row = if self.0 == SoftmaxKind::LogSumExp { 1 } else { length };
        simd::in_rows(call.output(), row, |first, out| {
            let input = &input[first * length..][..out.len() / row * length];
            simd::vectorised!(self.rows(out, input, length));
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        vec![rows_dispatch(&KERNEL, &shapes.inputs[0]).constant("MODE", self.0 as u32)]
    }
}

/// A dispatch over the rows of the last axis of `input`: an invocation a row for short rows, else a
/// workgroup.
pub(crate) fn rows_dispatch(kernel: &'static Kernel, input: &Shape) -> Dispatch {
    let length = *input.last().expect("the shape rule has passed");
    let rows = input.elements() / length;
    let alone = length <= 32;
    let groups = Dispatch::linear(rows, if alone { 64 } else { 1 });
    Dispatch::new(kernel, vec![Binding::Input(0), Binding::Output(0)], groups)
        .entry(if alone { "alone" } else { "together" })
        .constant("LENGTH", length as u32)
        .params([rows as u32])
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
