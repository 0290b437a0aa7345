//! A Gaussian blur of images, as the product of one along each axis.

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::batch::amount::Amount;
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::step::StepScalars;
use crate::ops::target::GpuTarget;
use crate::rng::Stream;
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
    /// The Gaussian's standard deviation in pixels, above 0 up to 16; or a range that each image draws from.
    pub deviation: Amount,
    /// What draws it, where there is a range.
    pub stream: Option<Stream>,
}

/// Below this deviation in pixels, no neighbour has a weight that is a number: nothing is blurred.
const NOTHING: f32 = 0.0625;

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

fn radius(deviation: f32) -> usize {
    (3.0 * deviation).ceil() as usize
}

/// The weight of a pixel by its distance.
fn weights(deviation: f32) -> Vec<f32> {
    let exponent = |distance: usize| (distance as f64 / f64::from(deviation)).powi(2);
    let weights: Vec<f64> =
        (0..=radius(deviation)).map(|distance| (-0.5 * exponent(distance)).exp()).collect();
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

impl Blur {
    /// The deviation of image `b`.
    fn deviation_of(&self, step: &StepScalars, b: usize) -> f32 {
        let Some(stream) = self.stream else { return self.deviation.least };
        self.deviation.drawn(step.random_words(stream, b as u32)[0]).max(NOTHING)
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
        let Amount { least, most } = self.deviation;
        let is_known = if self.stream.is_some() { least >= 0.0 } else { least == most };
        if !(is_known && most > 0.0 && most <= MAX_DEVIATION) {
            let what = "the deviation is above 0 and at most 16 pixels";
            return Err(Error::shape(self.name(), what, inputs));
        }
        check_images(self.name(), inputs)
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let [_, channels, height, width] = sizes(&call.shapes.output);
        let (plane, input, step) = (height * width, call.inputs[0], call.step);
        simd::in_rows(call.output(), plane, |first, out| {
            let planes = input[first * plane..].chunks_exact(plane);
            let mut known = (f32::NAN, vec![], vec![]);
            for (p, (out, input)) in out.chunks_exact_mut(plane).zip(planes).enumerate() {
                let deviation = self.deviation_of(step, (first + p) / channels);
                if known.0 != deviation {
                    known =
                        (deviation, weights(deviation), vec![0.0; width + 2 * radius(deviation)]);
                }
                let (_, weights, room) = &mut known;
                simd::vectorised!(blur_plane(out, input, width, weights, room));
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let [_, channels, height, width] = sizes(&shapes.output);
        let (count, least) = (shapes.output.elements(), self.deviation.least);
        let mut weights = if self.stream.is_some() { vec![] } else { weights(least) };
        weights.resize(MAX_WEIGHTS, 0.0);
        let draws = self.stream.map(|stream| [stream.0, least.to_bits(), self.deviation.steps()]);
        let along = |length: usize, stride: usize, from, to| {
            let words = [count as u32].into_iter().chain(draws.unwrap_or_default());
            Dispatch::new(&KERNEL, vec![from, to], Dispatch::linear(count, 64))
                .entry(if draws.is_some() { "drawn" } else { "main" })
                .constant("RADIUS", radius(least) as u32)
                .constant("IMAGE", (channels * height * width) as u32)
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

    fn stream(&self) -> Option<Stream> {
        self.stream
    }

    /// At the middle of a range.
    fn flops(&self, shapes: &Shapes) -> u64 {
        4 * (2 * radius(0.5 * (self.deviation.least + self.deviation.most)) as u64 + 1)
            * shapes.output.elements() as u64
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
            let weights = weights(deviation);
            assert_eq!(weights.len(), radius + 1, "{deviation}");
            assert!(weights.len() <= MAX_WEIGHTS);
            let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
            assert!((sum - 1.0).abs() < 1e-6, "{deviation}: {sum}");
        }
        assert_eq!(weights(NOTHING), [1.0, 0.0]);
    }
}
