//! The negative log-likelihood of a normal distribution whose variance is predicted too.

use std::sync::Arc;

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::elementwise::nodes::{affine, mul, sub, unary};
use crate::ops::function::UnaryKind;
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::layout::expand::expand;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::random::reparameterise::{LOG_VARIANCE, clamp_log_variance, log_variance_passes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("loss/gaussian_nll");

const LN_TAU: f32 = 1.837_877_1;

/// The negative log-density, in nats, of each element of `target` under a normal distribution with
/// this mean and log-variance: `(ln 2 pi + v + (target - mean)^2 exp(-v)) / 2`, v clamped to
/// [`LOG_VARIANCE`]. Mean and log-variance are broadcast to `target`'s shape, which is the result's.
///
/// # Errors
/// When they do not broadcast.
pub fn gaussian_nll(
    builder: &mut dyn Builder,
    mean: NodeId,
    log_variance: NodeId,
    target: NodeId,
) -> Result<NodeId> {
    let shape = builder.shape(target).clone();
    let mean = expand(builder, mean, &shape)?;
    let log_variance = expand(builder, log_variance, &shape)?;
    builder.apply(Arc::new(GaussianNll), &[mean, log_variance, target])
}

/// The operation of [`gaussian_nll`], on inputs of one shape.
#[derive(Clone, Copy, Debug)]
pub struct GaussianNll;

impl Op for GaussianNll {
    fn name(&self) -> &'static str {
        "gaussian_nll"
    }

    fn halves(&self) -> Halves {
        Halves::Inputs
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        if inputs[0] != inputs[2] || inputs[1] != inputs[2] {
            let what = "mean, log-variance and target have one shape";
            return Err(Error::shape(self.name(), what, inputs));
        }
        Ok(inputs[2].clone())
    }

    /// With d = target - mean and precision w = exp(-v): -w d in the mean, (1 - w d^2) / 2 in v.
    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let [mean, log_variance, target] = [at.inputs[0], at.inputs[1], at.inputs[2]];
        let [low, high] = LOG_VARIANCE;
        let v = unary(builder, log_variance, UnaryKind::Clamp { low, high })?;
        let negative = affine(builder, v, -1.0, 0.0)?;
        let precision = unary(builder, negative, UnaryKind::Exp)?;
        let distance = sub(builder, target, mean)?;
        let weighted = mul(builder, distance, precision)?;
        let by_target = mul(builder, at.gradient, weighted)?;
        let by_mean = affine(builder, by_target, -1.0, 0.0)?;
        let by_log_variance = match at.wanted[1] {
            true => {
                let square = mul(builder, weighted, distance)?;
                let slope = affine(builder, square, -0.5, 0.5)?;
                let passes = log_variance_passes(builder, log_variance)?;
                let gradient = mul(builder, at.gradient, slope)?;
                Some(mul(builder, gradient, passes)?)
            }
            false => None,
        };
        Ok(vec![Some(by_mean), by_log_variance, Some(by_target)])
    }

    fn takes_broadcast_gradient(&self) -> bool {
        true
    }

    fn cpu(&self, mut call: CpuCall) {
        let [mean, log_variance, target] = [call.inputs[0], call.inputs[1], call.inputs[2]];
        simd::in_chunks(call.output(), |start, out| {
            let (mean, target) = (&mean[start..], &target[start..]);
            simd::vectorised!({
                let inputs = mean.iter().zip(target).zip(&log_variance[start..]);
                for (out, ((mean, target), v)) in out.iter_mut().zip(inputs) {
                    let v = clamp_log_variance(*v);
                    let distance = target - mean;
                    *out = 0.5 * (LN_TAU + v + distance * distance * simd::exp(-v));
                }
            });
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let mut bindings: Vec<Binding> = (0..3).map(Binding::Input).collect();
        bindings.push(Binding::Output(0));
        let groups = Dispatch::linear(vectors, 64);
        vec![Dispatch::new(&KERNEL, bindings, groups).params([vectors as u32])]
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
