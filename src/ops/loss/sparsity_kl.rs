//! The penalty that keeps the mean activity of a sigmoid unit low.

use std::sync::Arc;

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::elementwise::nodes::{affine, mul, sub, unary};
use crate::ops::function::UnaryKind;
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("loss/sparsity_kl");

/// Probabilities are kept this far from 0 and 1; there is no gradient beyond.
const MARGIN: f32 = 1e-6;

/// The Kullback-Leibler divergence, in nats, of a Bernoulli variable with probability `p` from one
/// with probability `rho`, for each element of `p`: `rho ln(rho / p) + (1 - rho) ln((1 - rho) /
/// (1 - p))`, p clamped to [1e-6, 1 - 1e-6].
///
/// # Errors
/// When `rho` does not lie between 0 and 1.
pub fn sparsity_kl(builder: &mut dyn Builder, p: NodeId, rho: f32) -> Result<NodeId> {
    if !(rho > 0.0 && rho < 1.0) {
        let what = format!("a target activity of {rho} does not lie between 0 and 1");
        return Err(Error::option("sparsity", what));
    }
    builder.apply(Arc::new(SparsityKl { rho }), &[p])
}

/// The operation of [`sparsity_kl`].
#[derive(Clone, Copy, Debug)]
pub struct SparsityKl {
    /// The activity aimed at.
    pub rho: f32,
}

impl SparsityKl {
    /// The part that does not depend on p.
    fn constant(&self) -> f32 {
        let rho = f64::from(self.rho);
        (rho * rho.ln() + (1.0 - rho) * (1.0 - rho).ln()) as f32
    }
}

impl Op for SparsityKl {
    fn name(&self) -> &'static str {
        "sparsity_kl"
    }

    fn halves(&self) -> Halves {
        Halves::Inputs
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    /// (1 - rho) / (1 - p) - rho / p
    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let (low, high) = (MARGIN, 1.0 - MARGIN);
        let p = unary(builder, at.inputs[0], UnaryKind::Clamp { low, high })?;
        let rest = affine(builder, p, -1.0, 1.0)?;
        let upper = unary(builder, rest, UnaryKind::Reciprocal)?;
        let upper = affine(builder, upper, 1.0 - self.rho, 0.0)?;
        let lower = unary(builder, p, UnaryKind::Reciprocal)?;
        let lower = affine(builder, lower, self.rho, 0.0)?;
        let slope = sub(builder, upper, lower)?;
        let passes = unary(builder, at.inputs[0], UnaryKind::Within { low, high })?;
        let slope = mul(builder, slope, passes)?;
        Ok(vec![Some(mul(builder, slope, at.gradient)?)])
    }

    fn takes_broadcast_gradient(&self) -> bool {
        true
    }

    fn cpu(&self, mut call: CpuCall) {
        let (rho, constant, p) = (self.rho, self.constant(), call.inputs[0]);
        simd::map(
            call.output(),
            p,
            #[inline(always)]
            |p| {
                let p = if p < MARGIN { MARGIN } else { p };
                let p = if p > 1.0 - MARGIN { 1.0 - MARGIN } else { p };
                constant - rho * simd::ln(p) - (1.0 - rho) * simd::ln(1.0 - p)
            },
        );
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let numbers = [self.rho, self.constant()].map(f32::to_bits);
        let bindings = vec![Binding::Input(0), Binding::Output(0)];
        vec![
            Dispatch::new(&KERNEL, bindings, Dispatch::linear(vectors, 64))
                .constant("MARGIN", MARGIN)
                .params([vectors as u32].into_iter().chain(numbers)),
        ]
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
