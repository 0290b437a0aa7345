//! The batch: images of the resident dataset, in the epoch's order, as numbers.

use std::sync::Arc;

use super::corrupt::Corrupt;
use crate::arithmetic::byte::number_of_byte;
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, MAX_INPUTS, MAX_OUTPUTS, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::step::StepScalars;
use crate::ops::target::GpuTarget;
use crate::rng::Stream;
use crate::shape::{Element, Shape};

static KERNEL: Kernel = kernel!("batch/gather_images");

/// Images `order[cursor ..]` of the dataset as `[batch, channels, height, width]`: byte times 1 / 255, or
/// the numbers as they are.
///
/// `pixels` holds the elements of all images one after the other, bytes four a word, the first one lowest;
/// `order` holds the images' numbers as `u32`; the cursor comes with each step. A number that no
/// image has, and a place beyond the order, stand for the last one.
///
/// # Errors
/// When `pixels` holds no image of that size, or `order` is empty.
pub fn gather_images(
    builder: &mut dyn Builder,
    pixels: NodeId,
    order: NodeId,
    batch: usize,
    image: [usize; 3],
    element: Element,
) -> Result<NodeId> {
    let gather = GatherImages { batch, image, element, corrupted: None };
    builder.apply(Arc::new(gather), &[pixels, order])
}

/// Labels of the images that [`gather_images`] takes, as `[batch]` whole numbers in f32.
///
/// # Errors
/// When `labels` or `order` is empty.
pub fn gather_labels(
    builder: &mut dyn Builder,
    labels: NodeId,
    order: NodeId,
    batch: usize,
) -> Result<NodeId> {
    builder.apply(Arc::new(GatherLabels { batch }), &[labels, order])
}

/// The operation of [`gather_images`].
#[derive(Clone, Copy, Debug)]
pub struct GatherImages {
    /// Images taken at once.
    pub batch: usize,
    /// Channels, height and width of an image.
    pub image: [usize; 3],
    /// How its elements are stored.
    pub element: Element,
    /// How the images are corrupted that are a second output.
    pub corrupted: Option<Corrupt>,
}

/// The operation of [`gather_labels`].
#[derive(Clone, Copy, Debug)]
pub struct GatherLabels {
    /// Labels taken at once.
    pub batch: usize,
}

impl GatherImages {
    /// Elements of an image.
    fn size(&self) -> usize {
        self.image.iter().product()
    }

    /// How many images lie in so many words.
    fn images(&self, words: usize) -> usize {
        words * 4 / (self.size() * self.element.bytes())
    }
}

/// The kernel's uniform.
fn words(counts: [usize; 3], corrupt: [u32; 5]) -> impl Iterator<Item = u32> {
    counts.into_iter().map(|count| count as u32).chain(corrupt)
}

/// The number of the image that place `b` of the batch takes.
fn image_at(order: &[u32], step: &StepScalars, b: usize, images: usize) -> usize {
    let place = (step.cursor as usize + b).min(order.len() - 1);
    (order[place] as usize).min(images - 1)
}

impl Op for GatherImages {
    fn name(&self) -> &'static str {
        "gather_images"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let [channels, height, width] = self.image;
        let bytes = inputs[0].elements() * 4;
        let image = self.size() * self.element.bytes();
        let fits = image > 0 && bytes >= image && inputs[1].elements() > 0;
        if !fits || u32::try_from(bytes).is_err() {
            let what = "needs one image and one place of the order at least, and under 4 GiB";
            return Err(Error::shape(self.name(), what, inputs));
        }
        Ok(Shape::from([self.batch, channels, height, width]))
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None, None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let order: &[u32] = bytemuck::cast_slice(call.inputs[1]);
        let (size, step, words) = (self.size(), call.step, call.inputs[0]);
        let images = self.images(words.len());
        let bytes: &[u8] = bytemuck::cast_slice(words);
        simd::in_rows(call.output(), size, |first, out| {
            for (b, out) in out.chunks_mut(size).enumerate() {
                let place = image_at(order, step, first + b, images) * size;
                match self.element {
                    Element::Number => out.copy_from_slice(&words[place..][..size]),
                    Element::Byte => simd::vectorised!({
                        for (out, byte) in out.iter_mut().zip(&bytes[place..][..size]) {
                            *out = number_of_byte(*byte);
                        }
                    }),
                }
            }
        });
        if let Some(corrupt) = self.corrupted {
            let [clean, corrupted, ..] = call.outputs;
            let mut outputs: [&mut [f32]; MAX_OUTPUTS] = Default::default();
            outputs[0] = corrupted;
            let mut inputs: [&[f32]; MAX_INPUTS] = Default::default();
            inputs[0] = clean;
            corrupt.cpu(CpuCall { inputs, outputs, ..call });
        }
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.output.elements();
        let images = self.images(shapes.inputs[0].elements());
        let mut bindings = vec![Binding::Input(0), Binding::Input(1), Binding::Output(0)];
        bindings.extend(self.corrupted.map(|_| Binding::Output(1)));
        let groups = Dispatch::linear(count.div_ceil(4), 64);
        let gather = Dispatch::new(&KERNEL, bindings, groups)
            .constant("SIZE", self.size() as u32)
            .constant("NUMBERS", u32::from(self.element == Element::Number));
        let counts = [count, images, shapes.inputs[1].elements()];
        let Some(corrupt) = &self.corrupted else {
            return vec![gather.params(words(counts, [0; 5]))];
        };
        let gather = corrupt.constants(gather.entry("corrupted_too"), &shapes.output);
        vec![gather.params(words(counts, corrupt.params(&shapes.output)))]
    }

    /// Of the dataset the batch alone is read.
    fn traffic(&self, shapes: &Shapes, outputs: usize) -> usize {
        shapes.output.elements() * self.element.bytes() / 4 + self.batch + outputs
    }

    fn stream(&self) -> Option<Stream> {
        self.corrupted.and_then(|corrupt| corrupt.stream())
    }
}

impl Op for GatherLabels {
    fn name(&self) -> &'static str {
        "gather_labels"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        if inputs.iter().any(|shape| shape.elements() == 0) {
            return Err(Error::shape(
                self.name(),
                "needs a label and a place of the order",
                inputs,
            ));
        }
        Ok(Shape::from([self.batch]))
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None, None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let labels: &[u32] = bytemuck::cast_slice(call.inputs[0]);
        let order: &[u32] = bytemuck::cast_slice(call.inputs[1]);
        let step = call.step;
        for (b, out) in call.output().iter_mut().enumerate() {
            *out = labels[image_at(order, step, b, labels.len())] as f32;
        }
    }

    /// Of the dataset the batch alone is read.
    fn traffic(&self, _shapes: &Shapes, outputs: usize) -> usize {
        3 * outputs
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let numbers = [self.batch, shapes.inputs[0].elements(), shapes.inputs[1].elements()];
        vec![
            Dispatch::new(
                &KERNEL,
                vec![Binding::Input(0), Binding::Input(1), Binding::Output(0)],
                Dispatch::linear(self.batch, 64),
            )
            .entry("labels")
            .params(words(numbers, [0; 5])),
        ]
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(values: &[u32]) -> Vec<f32> {
        values.iter().copied().map(f32::from_bits).collect()
    }

    fn gather(op: &dyn Op, inputs: [&[f32]; 2], cursor: u32) -> Vec<f32> {
        let input_shapes = inputs.map(|input| Shape::from([input.len()]));
        let output = op.shape(&[&input_shapes[0], &input_shapes[1]]).unwrap();
        let mut out = vec![f32::NAN; output.elements()];
        let shapes = Shapes { inputs: input_shapes.to_vec(), output };
        let step = StepScalars { cursor, ..Default::default() };
        let mut all: [&[f32]; MAX_INPUTS] = [&[]; MAX_INPUTS];
        all[..2].copy_from_slice(&inputs);
        let outputs = [&mut out[..], &mut [], &mut []];
        op.cpu(CpuCall { shapes: &shapes, inputs: all, outputs, step: &step });
        out
    }

    #[test]
    fn images_of_odd_size_straddle_words() {
        // Five images of 1 x 1 x 3 bytes: 0 1 2, 3 4 5, ...
        let bytes: Vec<u8> = (0..16).collect();
        let packed: Vec<u32> =
            bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        let element = Element::Byte;
        let op = GatherImages { batch: 3, image: [1, 1, 3], element, corrupted: None };
        let out = gather(&op, [&words(&packed), &words(&[9, 4, 0, 3])], 1);
        let expected = [12, 13, 14, 0, 1, 2, 9, 10, 11].map(number_of_byte);
        assert_eq!(out, expected);
    }

    #[test]
    fn numbers_are_taken_as_they_are() {
        let element = Element::Number;
        let op = GatherImages { batch: 3, image: [1, 1, 2], element, corrupted: None };
        let out = gather(&op, [&[1.0, -2.5, 3.0, 1e9, 5.0, 0.1], &words(&[2, 0, 9])], 0);
        // There are three samples; a number beyond them is the last one's.
        assert_eq!(out, [5.0, 0.1, 1.0, -2.5, 5.0, 0.1]);
    }

    #[test]
    fn labels_follow_the_order_and_places_beyond_it_are_its_last() {
        let op = GatherLabels { batch: 3 };
        let out = gather(&op, [&words(&[7, 8, 9]), &words(&[2, 0])], 0);
        assert_eq!(out, [9.0, 7.0, 7.0]);
    }
}
