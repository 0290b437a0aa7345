//! The divergence of a normal distribution from the standard one.

use std::sync::Arc;

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::elementwise::nodes::{affine, mul, unary};
use crate::ops::function::{Pointwise, UnaryKind};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::random::reparameterise::{LOG_VARIANCE, clamp_log_variance, log_variance_passes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("loss/gaussian_kl");

/// The Kullback-Leibler divergence, in nats, of each normal distribution with this mean and
/// log-variance from the standard normal: `(exp(v) - 1 - v + mean^2) / 2`, v clamped to
/// [`LOG_VARIANCE`]. Both inputs of one shape, which is the result's.
///
/// # Errors
/// When the shapes differ.
pub fn gaussian_kl(
    builder: &mut dyn Builder,
    mean: NodeId,
    log_variance: NodeId,
) -> Result<NodeId> {
    builder.apply(Arc::new(GaussianKl), &[mean, log_variance])
}

/// Of one distribution.
#[inline(always)]
pub(crate) fn divergence(mean: f32, log_variance: f32) -> f32 {
    let v = clamp_log_variance(log_variance);
    0.5 * (simd::exp(v) - 1.0 - v + mean * mean)
}

/// The operation of [`gaussian_kl`].
#[derive(Clone, Copy, Debug)]
pub struct GaussianKl;

impl Op for GaussianKl {
    fn name(&self) -> &'static str {
        "gaussian_kl"
    }

    fn halves(&self) -> Halves {
        Halves::Inputs
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        if inputs[0] != inputs[1] {
            let what = "mean and log-variance have one shape";
            return Err(Error::shape(self.name(), what, inputs));
        }
        Ok(inputs[0].clone())
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let by_mean = mul(builder, at.inputs[0], at.gradient)?;
        let by_log_variance = match at.wanted[1] {
            true => {
                let [low, high] = LOG_VARIANCE;
                let v = unary(builder, at.inputs[1], UnaryKind::Clamp { low, high })?;
                let variance = unary(builder, v, UnaryKind::Exp)?;
                let slope = affine(builder, variance, 0.5, -0.5)?;
                let passes = log_variance_passes(builder, at.inputs[1])?;
                let gradient = mul(builder, slope, at.gradient)?;
                Some(mul(builder, gradient, passes)?)
            }
            false => None,
        };
        Ok(vec![Some(by_mean), by_log_variance])
    }

    fn takes_broadcast_gradient(&self) -> bool {
        true
    }

    fn cpu(&self, mut call: CpuCall) {
        let (mean, log_variance) = (call.inputs[0], call.inputs[1]);
        simd::in_chunks(call.output(), |start, out| {
            let inputs = mean[start..].iter().zip(&log_variance[start..]);
            simd::vectorised!(for (out, (mean, v)) in out.iter_mut().zip(inputs) {
                *out = divergence(*mean, *v);
            });
        });
    }

    fn pointwise(&self) -> Option<Pointwise> {
        Some(Pointwise::GaussianKl)
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let bindings = vec![Binding::Input(0), Binding::Input(1), Binding::Output(0)];
        let groups = Dispatch::linear(vectors, 64);
        vec![Dispatch::new(&KERNEL, bindings, groups).params([vectors as u32])]
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
