//! Which numbers of each row are the greatest: the activity that a k-sparse autoencoder keeps
//! (Makhzani and Frey, 2014).

use std::sync::Arc;

use super::softmax::rows_dispatch;
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::kernel::{Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("reduction/top_k_mask");

/// 1 at the `k` greatest numbers of each row of the last axis of `x`, else 0; of the shape of `x`.
///
/// Of equal numbers the first count, so that a row of `n` has exactly `min(k, n)` ones. NaN counts
/// as beyond the infinity of its sign. There is no gradient: `x` times the mask has the mask.
///
/// # Errors
/// When `k` is 0, there is no axis, or the last is empty.
pub fn top_k_mask(builder: &mut dyn Builder, x: NodeId, k: usize) -> Result<NodeId> {
    if k == 0 {
        return Err(Error::option("top_k_mask", "a k of 0 keeps nothing; give 1 or more"));
    }
    builder.apply(Arc::new(TopKMask { k: Some(k) }), &[x])
}

/// As [`top_k_mask`], with the whole number nearest to each step's
/// [weight](crate::ops::StepScalars::weight) as `k`, and 1 at the least: a `k` that changes in the course of the
/// training.
///
/// # Errors
/// When there is no axis, or the last is empty.
pub fn scheduled_top_k_mask(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    builder.apply(Arc::new(TopKMask { k: None }), &[x])
}

/// The operation of [`top_k_mask`] and [`scheduled_top_k_mask`].
#[derive(Clone, Copy, Debug)]
pub struct TopKMask {
    /// How many are kept; `None` for as many as the step's weight says.
    pub k: Option<usize>,
}

/// A number of the same order as `x`, in which both zeros are one.
#[inline(always)]
fn key(x: f32) -> u32 {
    let bits = x.to_bits();
    let bits = if bits == 0x8000_0000 { 0 } else { bits };
    bits ^ ((bits as i32 >> 31) as u32 | 0x8000_0000)
}

#[inline(always)]
fn count(row: &[f32], condition: impl Fn(u32) -> bool) -> u32 {
    row.iter().map(|x| u32::from(condition(key(*x)))).sum()
}

/// Writes the mask of `row`, which holds at least `k` numbers.
#[inline(always)]
fn mask_row(out: &mut [f32], row: &[f32], k: u32) {
    // The greatest key that k numbers reach: the k-th greatest number's, bit by bit.
    let mut least = 0;
    for bit in (0..32).rev() {
        let candidate = least | 1 << bit;
        let reached = count(row, |key| key >= candidate);
        least = if reached >= k { candidate } else { least };
    }
    let mut ties = k - count(row, |key| key > least);
    for (out, x) in out.iter_mut().zip(row) {
        let tied = key(*x) == least && ties > 0;
        ties -= u32::from(tied);
        *out = if tied || key(*x) > least { 1.0 } else { 0.0 };
    }
}

impl Op for TopKMask {
    fn name(&self) -> &'static str {
        "top_k_mask"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        match inputs[0].last() {
            Some(1..) if self.k != Some(0) => Ok(inputs[0].clone()),
            _ => {
                let what = "needs a last axis that is not empty, and a k of 1 or more";
                Err(Error::shape(self.name(), what, inputs))
            }
        }
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let length = *call.shapes.inputs[0].last().expect("the shape rule has passed");
        let scheduled = (call.step.weight + 0.5) as usize;
        let k = self.k.unwrap_or(scheduled).clamp(1, length) as u32;
        let input = call.inputs[0];
        simd::in_rows(call.output(), length, |first, out| {
            let rows = input[first * length..].chunks(length);
            for (out, row) in out.chunks_mut(length).zip(rows) {
                simd::vectorised!(mask_row(out, row, k));
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let mut dispatch = rows_dispatch(&KERNEL, &shapes.inputs[0]);
        dispatch.params.push(self.k.unwrap_or(0) as u32);
        vec![dispatch]
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        32 * shapes.output.elements() as u64
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(row: &[f32], k: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; row.len()];
        mask_row(&mut out, row, k as u32);
        out
    }

    #[test]
    fn keys_are_in_the_order_of_their_numbers() {
        let ordered =
            [f32::NEG_INFINITY, -2.0, -1e-40, 0.0, 1e-40, 1e-3, 1.0, 3e38, f32::INFINITY, f32::NAN];
        assert!(ordered.is_sorted_by(|a, b| key(*a) < key(*b)));
        assert_eq!(key(-0.0), key(0.0));
        assert!(key(-f32::NAN) < key(f32::NEG_INFINITY));
    }

    #[test]
    fn the_greatest_are_kept_and_of_equal_ones_the_first() {
        let row = [3.0, -1.0, 0.0, 3.0, -0.0, 7.0];
        assert_eq!(mask(&row, 1), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(mask(&row, 2), [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(mask(&row, 4), [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]);
        assert_eq!(mask(&row, 5), [1.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(mask(&row, 6), [1.0; 6]);
    }

    #[test]
    fn exactly_k_are_kept_whatever_the_numbers() {
        let rows = [[f32::NAN; 5], [-f32::NAN, 1.0, f32::NAN, f32::INFINITY, -0.0], [0.0; 5]];
        for row in rows {
            for k in 1..=5 {
                assert_eq!(mask(&row, k).iter().sum::<f32>(), k as f32, "{k} of {row:?}");
            }
        }
    }
}
