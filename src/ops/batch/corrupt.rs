//! Images corrupted at random, for models that learn to restore them (Vincent, Larochelle, Bengio and
//! Manzagol, 2008).

use std::sync::Arc;

use super::amount::Amount;
use super::corruption::{Corruption, CorruptionKind};
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::elementwise::nodes::{add, mul, unary};
use crate::ops::function::UnaryKind;
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::random::draws::{DRAWS, RandomKind, draw_output, drawn, normals, random};
use crate::ops::step::StepScalars;
use crate::ops::target::GpuTarget;
use crate::ops::window::blur::{Blur, sizes};
use crate::ops::window::jpeg::Jpeg;
use crate::rng::{self, Stream};
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("batch/corrupt");

/// `images` of `[batch, channels, height, width]` in [0, 1], corrupted as `corruption` says, of the
/// same shape and range; others at every step, but for a blur, which draws nothing.
///
/// There is no gradient: what is corrupted is data. Only normal noise from a range is a sum, and has one.
///
/// # Errors
/// When the amount is out of its range, or `images` has another rank or is empty.
pub fn corrupt(
    builder: &mut dyn Builder,
    images: NodeId,
    corruption: Corruption,
) -> Result<NodeId> {
    corruption.check()?;
    let amount = corruption.amount;
    let kind = match corruption.kind {
        CorruptionKind::Gaussian if amount.is_range() => {
            let noisy = noise_of_any_strength(builder, images, amount)?.images;
            return unary(builder, noisy, UnaryKind::Clamp { low: 0.0, high: 1.0 });
        }
        CorruptionKind::Gaussian => Kind::Gaussian,
        CorruptionKind::SaltAndPepper => Kind::SaltAndPepper,
        CorruptionKind::Mask => Kind::Mask,
        CorruptionKind::Rectangles => Kind::Rectangles,
        CorruptionKind::Haze => Kind::Haze,
        CorruptionKind::Camera => Kind::Camera,
        CorruptionKind::Blur => {
            let stream = amount.is_range().then(|| builder.fresh_stream());
            return builder.apply(Arc::new(Blur { deviation: amount, stream }), &[images]);
        }
        CorruptionKind::Jpeg => {
            let (qualities, stream) = ([amount.least, amount.most], builder.fresh_stream());
            let qualities = qualities.map(|quality| quality as u32);
            return builder.apply(Arc::new(Jpeg { qualities, stream }), &[images]);
        }
    };
    let stream = builder.fresh_stream();
    builder.apply(Arc::new(Corrupt { kind, amount, stream }), &[images])
}

/// `numbers` of `[batch, channels, height, width]` without bounds, corrupted as `corruption` says: as
/// [`corrupt`] does, but that what normal noise makes is not clipped.
///
/// # Errors
/// As [`corrupt`], and when `corruption` is of pixels, which have a black and a white.
pub fn corrupt_numbers(
    builder: &mut dyn Builder,
    numbers: NodeId,
    corruption: Corruption,
) -> Result<NodeId> {
    corruption.check()?;
    corruption.check_numbers()?;
    let Some(deviation) = corruption.deviation() else {
        return corrupt(builder, numbers, corruption);
    };
    if deviation.is_range() {
        return Ok(noise_of_any_strength(builder, numbers, deviation)?.images);
    }
    let kind = RandomKind::Normal { mean: 0.0, deviation: deviation.least };
    let shape = builder.shape(numbers).clone();
    let noise = random(builder, shape, kind)?;
    add(builder, numbers, noise)
}

/// Images with noise, and how strong it is.
#[derive(Clone, Copy, Debug)]
pub struct Noisy {
    /// `[batch, channels, height, width]`.
    pub images: NodeId,
    /// The standard deviation of each one's noise, `[batch, 1, 1, 1]`.
    pub deviations: NodeId,
}

/// `images` with normal noise that is not clipped, and how strong it is: as [`corrupt_numbers`] by the
/// same `corruption`, but that another noise is drawn where its strength is one number.
///
/// # Errors
/// As [`corrupt`], and when `corruption` is no normal noise.
pub fn noisy(builder: &mut dyn Builder, images: NodeId, corruption: Corruption) -> Result<Noisy> {
    corruption.check()?;
    match corruption.deviation() {
        Some(deviation) => noise_of_any_strength(builder, images, deviation),
        None => {
            let what = format!(
                "`{corruption}` has no strength that this model can be told; give gaussian:0.1"
            );
            Err(Error::option("--noise", what))
        }
    }
}

/// `images` and normal noise, of a deviation between these two drawn for each image.
fn noise_of_any_strength(
    builder: &mut dyn Builder,
    images: NodeId,
    deviation: Amount,
) -> Result<Noisy> {
    let shape = builder.shape(images).clone();
    crate::ops::window::blur::check_images("corrupt", &[&shape])?;
    let deviations = RandomKind::Uniform { low: deviation.least, high: deviation.most };
    let deviations = random(builder, [shape[0], 1, 1, 1], deviations)?;
    let noise = random(builder, shape, RandomKind::Normal { mean: 0.0, deviation: 1.0 })?;
    let noise = mul(builder, noise, deviations)?;
    Ok(Noisy { images: add(builder, images, noise)?, deviations })
}

/// What is drawn; the kernel's `KIND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A number an element.
    Gaussian,
    /// A number a pixel.
    SaltAndPepper,
    /// A number a pixel.
    Mask,
    /// A block an image.
    Rectangles,
    /// A block an image.
    Haze,
    /// A number an element.
    Camera,
}

/// The operation of [`corrupt`], unless it is a [`Blur`] or a [`Jpeg`].
#[derive(Clone, Copy, Debug)]
pub struct Corrupt {
    kind: Kind,
    amount: Amount,
    stream: Stream,
}

/// The range of the airlight in a haze, and its width.
const AIRLIGHT: [f32; 2] = [0.8, 0.2];

/// Height and width of the rectangle that covers about `share` of an image of `image`.
fn rectangle(share: f32, image: [usize; 2]) -> [usize; 2] {
    image.map(|side| ((share.sqrt() * side as f32).round() as usize).clamp(1, side))
}

/// The first block of words that images draw their amounts from. Those that pixels and elements draw from are
/// fewer, as memory has no room for 2^33 of them.
const AMOUNTS: u32 = 1 << 31;

/// A whole number below `count` by a random word.
fn below(count: usize, word: u32) -> usize {
    ((count as u64 * u64::from(word)) >> 32) as usize
}

/// What haze lets through at each pixel of a row, by what it lets through at the image's corners.
#[inline(always)]
fn transmissions(line: &mut [f32], corners: [f32; 4], (row, height): (usize, usize)) {
    let [top_left, top_right, bottom_left, bottom_right] = corners;
    let down = (row as f32 + 0.5) / height as f32;
    let left = top_left + (bottom_left - top_left) * down;
    let right = top_right + (bottom_right - top_right) * down;
    let width = line.len() as f32;
    for (column, t) in line.iter_mut().enumerate() {
        *t = left + (right - left) * ((column as f32 + 0.5) / width);
    }
}

#[inline(always)]
fn clip(x: f32) -> f32 {
    let x = if x < 0.0 { 0.0 } else { x };
    if x > 1.0 { 1.0 } else { x }
}

impl Corrupt {
    /// The amount of image `b`.
    #[inline(always)]
    fn amount_of(&self, step: &StepScalars, b: usize) -> f32 {
        self.amounts_of(step, b)[0]
    }

    /// Those of its corners, by row; but for haze, the first is that of the image.
    #[inline(always)]
    fn amounts_of(&self, step: &StepScalars, b: usize) -> [f32; 4] {
        if !self.amount.is_range() {
            return [self.amount.least; 4];
        }
        let words = step.random_words(self.stream, AMOUNTS + b as u32);
        words.map(|word| self.amount.drawn(word))
    }

    /// Adds normal noise: of the amount at each image's numbers, times what `strength` says of the number.
    #[inline(always)]
    fn elements(&self, call: &mut CpuCall, strength: impl Fn(f32) -> f32 + Sync) {
        let (input, step) = (call.inputs[0], call.step);
        let image: usize = call.shapes.output[1..].iter().product();
        draw_output!(call, self.stream, |start, out, words| {
            let noise = normals(words);
            let mut at = 0;
            while at < out.len() {
                // As many elements as are left of this image and of this piece of draws.
                let b = (start + at) / image;
                let end = out.len().min((b + 1) * image - start);
                let deviation = self.amount_of(step, b);
                let given = input[start + at..].iter().zip(&noise[at..]);
                for (out, (x, noise)) in out[at..end].iter_mut().zip(given) {
                    *out = clip(x + deviation * strength(*x) * noise);
                }
                at = end;
            }
        });
    }

    /// Calls `corrupt` with the amount of each image, the draw of each pixel and the pixel in each of its channels.
    #[inline(always)]
    fn pixels(&self, call: &mut CpuCall, corrupt: impl Fn(f32, f32, f32) -> f32 + Sync) {
        let [_, channels, height, width] = sizes(&call.shapes.output);
        let (plane, step, input) = (height * width, call.step, call.inputs[0]);
        let image = channels * plane;
        simd::in_rows(call.output(), image, |first, out| {
            simd::vectorised!({
                for (b, out) in out.chunks_mut(image).enumerate() {
                    let b = first + b;
                    let (input, amount) = (&input[b * image..][..image], self.amount_of(step, b));
                    let mut at = 0;
                    while at < plane {
                        // As many pixels as are left of this image and of this piece of draws.
                        let number = b * plane + at;
                        let words = &drawn(step, self.stream, number / DRAWS)[number % DRAWS..];
                        let count = words.len().min(plane - at);
                        for start in (0..channels).map(|channel| channel * plane + at) {
                            let out = &mut out[start..][..count];
                            for ((out, x), word) in out.iter_mut().zip(&input[start..]).zip(words) {
                                *out = corrupt(amount, rng::uniform(*word), *x);
                            }
                        }
                        at += count;
                    }
                }
            });
        });
    }

    /// Calls `corrupt` with each image's number, the image, its place in the output, and its words.
    fn images(
        &self,
        call: &mut CpuCall,
        corrupt: impl Fn(usize, &[f32], &mut [f32], [u32; 4]) + Sync,
    ) {
        let (input, step) = (call.inputs[0], call.step);
        let image: usize = call.shapes.output[1..].iter().product();
        simd::in_rows(call.output(), image, |first, out| {
            for (b, out) in out.chunks_mut(image).enumerate() {
                let b = first + b;
                let words = step.random_words(self.stream, b as u32);
                corrupt(b, &input[b * image..][..image], out, words);
            }
        });
    }

    fn rectangles(&self, call: &mut CpuCall) {
        let [_, _, height, width] = sizes(&call.shapes.output);
        let [h, w] = rectangle(self.amount.least, [height, width]);
        self.images(call, |_, image, out, words| {
            out.copy_from_slice(image);
            let top = below(height - h + 1, words[0]);
            let left = below(width - w + 1, words[1]);
            for plane in out.chunks_mut(height * width) {
                for row in plane.chunks_mut(width).skip(top).take(h) {
                    row[left..][..w].fill(0.0);
                }
            }
        });
    }

    fn haze(&self, call: &mut CpuCall) {
        let [_, _, height, width] = sizes(&call.shapes.output);
        let step = call.step;
        self.images(call, |b, image, out, words| {
            let light = AIRLIGHT[0] + AIRLIGHT[1] * rng::uniform(words[0]);
            let corners = self.amounts_of(step, b);
            let mut line = vec![self.amount.least; width];
            let rows = out.chunks_mut(width).zip(image.chunks(width));
            simd::vectorised!(for (row, (out, image)) in rows.enumerate() {
                if self.amount.is_range() {
                    transmissions(&mut line, corners, (row % height, height));
                }
                for ((out, x), t) in out.iter_mut().zip(image).zip(&line) {
                    *out = clip(x * t + light * (1.0 - t));
                }
            });
        });
    }
}

/// For kernels that include `corruption.wgsl`.
impl Corrupt {
    /// Sets what it needs to know of images of this shape.
    pub(crate) fn constants(&self, dispatch: Dispatch, images: &Shape) -> Dispatch {
        let [_, channels, height, width] = sizes(images);
        dispatch
            .constant("KIND", self.kind as u32)
            .constant("CHANNELS", channels as u32)
            .constant("HEIGHT", height as u32)
            .constant("WIDTH", width as u32)
    }

    /// Its words in the uniform, in order: `stream`, `amount`, `steps`, `height`, `width`.
    pub(crate) fn params(&self, images: &Shape) -> [u32; 5] {
        let [_, _, height, width] = sizes(images);
        let [h, w] = rectangle(self.amount.least, [height, width]);
        let Amount { least, .. } = self.amount;
        [self.stream.0, least.to_bits(), self.amount.steps(), h as u32, w as u32]
    }
}

impl Op for Corrupt {
    fn name(&self) -> &'static str {
        "corrupt"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        crate::ops::window::blur::check_images(self.name(), inputs)
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
    }

    fn cpu(&self, mut call: CpuCall) {
        match self.kind {
            Kind::Gaussian => self.elements(&mut call, |_| 1.0),
            Kind::SaltAndPepper => self.pixels(&mut call, |share, draw, x| {
                let white = if draw < share { 1.0 } else { x };
                if draw < 0.5 * share { 0.0 } else { white }
            }),
            Kind::Mask => {
                self.pixels(&mut call, |share, draw, x| if draw < share { 0.0 } else { x });
            }
            Kind::Rectangles => self.rectangles(&mut call),
            Kind::Haze => self.haze(&mut call),
            Kind::Camera => self.elements(&mut call, |x| 0.25 * (1.0 + 15.0 * clip(x)).sqrt()),
        }
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let bindings = vec![Binding::Input(0), Binding::Output(0)];
        let dispatch = Dispatch::new(&KERNEL, bindings, Dispatch::linear(vectors, 64));
        let params = [vectors as u32].into_iter().chain(self.params(&shapes.output));
        vec![self.constants(dispatch, &shapes.output).params(params)]
    }

    fn stream(&self) -> Option<Stream> {
        Some(self.stream)
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_fit_and_cover_their_share() {
        assert_eq!(rectangle(0.25, [28, 20]), [14, 10]);
        assert_eq!(rectangle(1e-9, [5, 1]), [1, 1]);
        assert_eq!(rectangle(0.999, [5, 7]), [5, 7]);
    }

    #[test]
    fn whole_numbers_stay_below_their_bound() {
        assert_eq!([0, u32::MAX / 2, u32::MAX].map(|word| below(10, word)), [0, 4, 9]);
        assert_eq!(below(1, u32::MAX), 0);
    }
}
