//! Gradients of the shards of a batch, weighed and added up, to the same bits on every device.

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("optimiser/shard_sum");

/// A step of the sum of shards' gradients. Products and sums are rounded once, as WGSL promises, and what is too
/// small for a whole mantissa is 0, since it does not promise to keep that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardSum {
    /// The input times [the shard's share](crate::ops::StepScalars::corrections) of the step's images.
    Weigh,
    /// The input added to the output, in place.
    Add,
}

impl ShardSum {
    /// Adds `parts` to as many `sums`.
    pub(crate) fn add(sums: &mut [f32], parts: &[f32]) {
        simd::in_chunks(sums, |start, sums| {
            let parts = &parts[start..][..sums.len()];
            simd::vectorised!(for (sum, part) in sums.iter_mut().zip(parts) {
                *sum = whole(*sum + part);
            });
        });
    }

    /// Multiplies `numbers` by a shard's share.
    pub(crate) fn weigh(numbers: &mut [f32], share: f32) {
        numbers.iter_mut().for_each(|number| *number = whole(share * *number));
    }
}

#[inline(always)]
fn whole(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0 } else { x }
}

impl Op for ShardSum {
    fn name(&self) -> &'static str {
        "shard_sum"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Err(Error::Graph("a sum of gradients has no gradient".into()))
    }

    fn cpu(&self, mut call: CpuCall) {
        let (input, share) = (call.inputs[0], call.step.corrections[2]);
        match self {
            Self::Weigh => simd::map(call.output(), input, |x| whole(share * x)),
            Self::Add => Self::add(call.output(), input),
        }
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let bindings = vec![Binding::Input(0), Binding::Output(0)];
        let entry = match self {
            Self::Weigh => "weigh",
            Self::Add => "add",
        };
        let groups = Dispatch::linear(vectors, 64);
        vec![Dispatch::new(&KERNEL, bindings, groups).entry(entry).params([vectors as u32])]
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_some_devices_do_not_keep_is_zero() {
        let tiny = f32::MIN_POSITIVE / 2.0;
        let mut sums = [tiny, f32::MIN_POSITIVE, 1.0, f32::NAN, -tiny];
        ShardSum::add(&mut sums, &[0.0, -tiny, 2.0, 1.0, -tiny]);
        assert_eq!(sums[..3], [0.0, 0.0, 3.0]);
        assert!(sums[3].is_nan());
        assert_eq!(sums[4], -f32::MIN_POSITIVE);
        let mut numbers = [f32::MIN_POSITIVE, -4.0];
        ShardSum::weigh(&mut numbers, 0.25);
        assert_eq!(numbers.map(f32::to_bits), [0.0, -1.0].map(f32::to_bits));
    }
}
