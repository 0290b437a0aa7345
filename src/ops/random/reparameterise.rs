//! A draw from a normal distribution that can be differentiated in its parameters (Kingma and
//! Welling, 2014), and the range of log-variances.

use std::sync::Arc;

use super::draws::{draw_output, normals};
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::elementwise::nodes::{affine, mul, sub, unary};
use crate::ops::function::UnaryKind;
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::rng::Stream;
use crate::shape::Shape;

/// Log-variances are clamped to this range wherever they are used, and have no gradient outside:
/// standard deviations from 3e-7 to 22000. `shaders/shared/gaussian.wgsl` has the same numbers.
pub const LOG_VARIANCE: [f32; 2] = [-30.0, 20.0];

static KERNEL: Kernel = kernel!("random/reparameterise");

/// A log-variance, clamped.
#[inline(always)]
pub(crate) fn clamp_log_variance(x: f32) -> f32 {
    let [low, high] = LOG_VARIANCE;
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// 1 where a log-variance has a gradient, else 0.
pub(crate) fn log_variance_passes(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    let [low, high] = LOG_VARIANCE;
    unary(builder, x, UnaryKind::Within { low, high })
}

/// `mean + exp(log_variance / 2) * e`, e standard normal and drawn anew at every step; both inputs
/// of one shape, any shape.
///
/// # Errors
/// When the shapes differ.
pub fn reparameterise(
    builder: &mut dyn Builder,
    mean: NodeId,
    log_variance: NodeId,
) -> Result<NodeId> {
    let stream = builder.fresh_stream();
    builder.apply(Arc::new(Reparameterise { stream }), &[mean, log_variance])
}

/// The operation of [`reparameterise`].
#[derive(Clone, Copy, Debug)]
pub struct Reparameterise {
    /// Where the noise is drawn from.
    pub stream: Stream,
}

impl Op for Reparameterise {
    fn name(&self) -> &'static str {
        "reparameterise"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        if inputs[0] != inputs[1] {
            let what = "mean and log-variance have one shape";
            return Err(Error::shape(self.name(), what, inputs));
        }
        Ok(inputs[0].clone())
    }

    /// In the log-variance, z = mean + exp(v / 2) e has the derivative (z - mean) / 2.
    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let by_log_variance = match at.wanted[1] {
            true => {
                let noise = sub(builder, at.output, at.inputs[0])?;
                let passes = log_variance_passes(builder, at.inputs[1])?;
                let half = affine(builder, at.gradient, 0.5, 0.0)?;
                let product = mul(builder, half, noise)?;
                Some(mul(builder, product, passes)?)
            }
            false => None,
        };
        Ok(vec![Some(at.gradient), by_log_variance])
    }

    fn cpu(&self, mut call: CpuCall) {
        let [mean, log_variance] = [call.inputs[0], call.inputs[1]];
        draw_output!(call, self.stream, |start, out, words| {
            let noise = normals(words);
            let inputs = mean[start..].iter().zip(&log_variance[start..]);
            for ((out, (mean, v)), noise) in out.iter_mut().zip(inputs).zip(&noise) {
                *out = mean + simd::exp(0.5 * clamp_log_variance(*v)) * noise;
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let bindings = vec![Binding::Input(0), Binding::Input(1), Binding::Output(0)];
        vec![
            Dispatch::new(&KERNEL, bindings, Dispatch::linear(vectors, 64))
                .params([vectors as u32, self.stream.0]),
        ]
    }

    fn stream(&self) -> Option<Stream> {
        Some(self.stream)
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
