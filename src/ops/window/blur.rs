//! A Gaussian blur of images, as the product of one along each axis.

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("window/blur");

/// The largest standard deviation, in pixels.
pub(crate) const MAX_DEVIATION: f32 = 16.0;

/// The weights that the kernel has room for: of the largest radius, filled up to whole vectors.
const MAX_WEIGHTS: usize = 52;

/// Images of `[batch, channels, height, width]` in [0, 1], each plane convolved with a Gaussian
/// that is cut at the first whole pixel from 3 deviations on and scaled to a sum of 1. Pixels
/// beyond an edge are those on it. There is no gradient; see [`corrupt`](crate::ops::corrupt).
#[derive(Clone, Copy, Debug)]
pub struct Blur {
    /// The Gaussian's standard deviation in pixels, above 0 up to 16.
    pub deviation: f32,
}

/// Batch, channels, height and width of a shape that has passed [`check_images`].
pub(crate) fn sizes(shape: &Shape) -> [usize; 4] {
    shape[..].try_into().expect("the shape rule has passed")
}

/// The shape rule of an operation on images that keeps their shape.
pub(crate) fn check_images(op: &'static str, inputs: &[&Shape]) -> Result<Shape> {
    if inputs[0].rank() != 4 || inputs[0].elements() == 0 {
        let what = "needs images of [batch, channels, height, width]";
        return Err(Error::shape(op, what, inputs));
    }
    Ok(inputs[0].clone())
}

impl Blur {
    fn radius(&self) -> usize {
        (3.0 * self.deviation).ceil() as usize
    }

    /// The weight of a pixel by its distance.
    fn weights(&self) -> Vec<f32> {
        let exponent = |distance: usize| (distance as f64 / f64::from(self.deviation)).powi(2);
        let weights: Vec<f64> =
            (0..=self.radius()).map(|distance| (-0.5 * exponent(distance)).exp()).collect();
        let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
        weights.iter().map(|weight| (weight / sum) as f32).collect()
    }
}

/// `out[x] = sum of weight[|k|] * row(x + k)`, where `row` gives a whole line of neighbours.
#[inline(always)]
fn weigh<'a>(out: &mut [f32], weights: &[f32], line: impl Fn(usize) -> &'a [f32]) {
    let radius = weights.len() - 1;
    out.fill(0.0);
    for k in 0..=2 * radius {
        let weight = weights[k.abs_diff(radius)];
        out.iter_mut().zip(line(k)).for_each(|(out, x)| *out += weight * x);
    }
    for out in out {
        *out = if *out > 1.0 { 1.0 } else { *out };
    }
}

/// Blurs one plane of rows of `width`: along the columns, then along each row. `room` is as long as
/// a row and two radii.
#[inline(always)]
fn blur_plane(out: &mut [f32], plane: &[f32], width: usize, weights: &[f32], room: &mut [f32]) {
    let (height, radius) = (plane.len() / width, weights.len() - 1);
    for (y, out) in out.chunks_exact_mut(width).enumerate() {
        weigh(out, weights, |k| {
            let y = (y + k).saturating_sub(radius).min(height - 1);
            &plane[y * width..][..width]
        });
        room[..radius].fill(out[0]);
        room[radius..][..width].copy_from_slice(out);
        room[radius + width..].fill(out[width - 1]);
        weigh(out, weights, |k| &room[k..][..width]);
    }
}

impl Op for Blur {
    fn name(&self) -> &'static str {
        "blur"
    }

    fn halves(&self) -> Halves {
        Halves::Inputs
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        if !(self.deviation > 0.0 && self.deviation <= MAX_DEVIATION) {
            let what = "the deviation is above 0 and at most 16 pixels";
            return Err(Error::shape(self.name(), what, inputs));
        }
        check_images(self.name(), inputs)
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let [_, _, height, width] = sizes(&call.shapes.output);
        let (plane, weights, input) = (height * width, self.weights(), call.inputs[0]);
        simd::in_rows(call.output(), plane, |first, out| {
            let mut room = vec![0.0; width + 2 * self.radius()];
            let planes = input[first * plane..].chunks_exact(plane);
            for (out, input) in out.chunks_exact_mut(plane).zip(planes) {
                simd::vectorised!(blur_plane(out, input, width, &weights, &mut room));
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let [_, _, height, width] = sizes(&shapes.output);
        let count = shapes.output.elements();
        let mut weights = self.weights();
        weights.resize(MAX_WEIGHTS, 0.0);
        let along = |length: usize, stride: usize, from, to| {
            let words = [count as u32, 0, 0, 0].into_iter();
            Dispatch::new(&KERNEL, vec![from, to], Dispatch::linear(count, 64))
                .constant("RADIUS", self.radius() as u32)
                .constant("LENGTH", length as u32)
                .constant("STRIDE", stride as u32)
                .params(words.chain(weights.iter().map(|weight| weight.to_bits())))
        };
        vec![
            along(height, width, Binding::Input(0), Binding::Scratch),
            along(width, 1, Binding::Scratch, Binding::Output(0)),
        ]
    }

    fn gpu_scratch(&self, shapes: &Shapes, _target: &GpuTarget) -> usize {
        shapes.output.elements()
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        4 * (2 * self.radius() as u64 + 1) * shapes.output.elements() as u64
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_reach_three_deviations_and_sum_to_one() {
        for (deviation, radius) in [(0.1, 1), (1.0, 3), (1.5, 5), (MAX_DEVIATION, 48)] {
            let weights = Blur { deviation }.weights();
            assert_eq!(weights.len(), radius + 1, "{deviation}");
            assert!(weights.len() <= MAX_WEIGHTS);
            let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
            assert!((sum - 1.0).abs() < 1e-6, "{deviation}: {sum}");
        }
    }
}
