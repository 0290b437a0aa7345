//! Operations that move numbers about, and that find them.

use diabolo::graph::Graph;
use diabolo::ops::{self, NodeId};
use diabolo::shape::{Element, Shape};
use diabolo::tensor::Tensor;
use proptest::prelude::*;

use super::super::case::{Case, distinct, tensor};
use super::super::compare::Tolerance;
use super::{size, small_shape};

pub fn reshape() -> impl Strategy<Value = Case> {
    (size(), 1_usize..9, any::<u64>()).prop_map(|(batch, side, seed)| {
        let x = tensor([batch, side, side], seed, -1.0, 1.0);
        Case::new("flatten", vec![x], |graph, x| {
            let flat = ops::flatten(graph, x[0])?;
            ops::affine(graph, flat, 2.0, 0.0)
        })
    })
}

pub fn permute() -> impl Strategy<Value = Case> {
    let axes = prop::collection::vec(1_usize..14, 1..5);
    let shuffled = axes.prop_flat_map(|shape| {
        (Just((0..shape.len()).collect::<Vec<_>>()).prop_shuffle(), Just(shape))
    });
    (shuffled, any::<u64>()).prop_map(|((axes, shape), seed)| {
        let x = tensor(Shape::new(shape), seed, -1.0, 1.0);
        Case::new(format!("permute {axes:?}"), vec![x], move |graph, x| {
            ops::permute(graph, x[0], &axes)
        })
        .within(Tolerance::Exact)
    })
}

pub fn concat() -> impl Strategy<Value = Case> {
    let parts = prop::collection::vec(1_usize..9, 1..9);
    (parts, prop::collection::vec(1_usize..7, 1..4), 0_usize..4, any::<u64>()).prop_map(
        |(parts, shape, axis, seed)| {
            let axis = axis % shape.len();
            let part = |size: usize| {
                let mut shape = shape.clone();
                shape[axis] = size;
                tensor(Shape::new(shape), seed ^ size as u64, -1.0, 1.0)
            };
            let inputs = parts.into_iter().map(part).collect();
            Case::new(format!("concat along {axis}"), inputs, move |graph, x| {
                ops::concat(graph, x, axis)
            })
            .within(Tolerance::Exact)
        },
    )
}

/// An axis and what is left out of it, or added to it, at both ends.
fn cut_axes() -> impl Strategy<Value = Vec<[usize; 3]>> {
    let cut = || prop_oneof![Just(0_usize), 1_usize..4];
    prop::collection::vec((1_usize..9, cut(), cut()).prop_map(|(a, b, c)| [a, b, c]), 1..5)
}

pub fn slice() -> impl Strategy<Value = Case> {
    (cut_axes(), any::<u64>()).prop_map(|(axes, seed)| {
        let shape: Vec<usize> =
            axes.iter().map(|[size, before, after]| size + before + after).collect();
        let begin: Vec<usize> = axes.iter().map(|[_, before, _]| *before).collect();
        let end: Vec<usize> = axes.iter().map(|[size, before, _]| size + before).collect();
        let x = tensor(Shape::new(shape), seed, -1.0, 1.0);
        Case::new(format!("slice {begin:?} to {end:?}"), vec![x], move |graph, x| {
            ops::slice(graph, x[0], &begin, &end)
        })
        .within(Tolerance::Exact)
    })
}

pub fn pad() -> impl Strategy<Value = Case> {
    (cut_axes(), any::<bool>(), any::<u64>()).prop_map(|(axes, zeros, seed)| {
        let part = |k: usize| axes.iter().map(|axis| axis[k]).collect::<Vec<usize>>();
        let (shape, before, after) = (part(0), part(1), part(2));
        let value = if zeros { 0.0 } else { 1.5 };
        let x = tensor(Shape::new(shape), seed, -1.0, 1.0);
        Case::new(format!("pad {before:?}, {after:?} of {value}"), vec![x], move |graph, x| {
            ops::pad(graph, x[0], &before, &after, value)
        })
        .within(Tolerance::Exact)
    })
}

/// Whole numbers below `below`, as f32.
fn whole(shape: impl Into<Shape>, seed: u64, below: usize) -> Tensor {
    let mut drawn = tensor(shape, seed, 0.0, below as f32);
    drawn.data_mut().iter_mut().for_each(|value| *value = value.floor().min(below as f32 - 1.0));
    drawn
}

pub fn gather() -> impl Strategy<Value = Case> {
    (size(), 1_usize..30, size(), any::<u64>()).prop_map(|(rows, width, count, seed)| {
        let table = tensor([rows, width], seed, -1.0, 1.0);
        let index = whole([count], seed ^ 1, rows);
        Case::new("gather", vec![table, index], |graph, x| ops::gather(graph, x[0], x[1]))
            .differentiable(1)
            .within(Tolerance::Sums)
    })
}

pub fn argmin() -> impl Strategy<Value = Case> {
    (prop::collection::vec(1_usize..9, 0..3), size(), any::<bool>(), any::<u64>()).prop_map(
        |(rest, last, ties, seed)| {
            let shape = Shape::new([&rest[..], &[last]].concat());
            // Among equals the first counts, on both devices.
            let x = if ties { whole(shape, seed, 3) } else { distinct(shape, seed) };
            Case::many("argmin and argmax", vec![x], |graph, x| {
                Ok(vec![ops::argmin(graph, x[0])?, ops::argmax(graph, x[0])?])
            })
            .forward_only()
            .within(Tolerance::Exact)
        },
    )
}

/// Numbers among which some are beyond comparison: NaN, infinities and both zeros.
fn uncommon(shape: impl Into<Shape>, seed: u64) -> Tensor {
    let numbers =
        [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-40, -1e-40, 1.0];
    let mut drawn = whole(shape, seed, numbers.len());
    drawn.data_mut().iter_mut().for_each(|value| *value = numbers[*value as usize]);
    drawn
}

pub fn top_k_mask() -> impl Strategy<Value = Case> {
    let last = prop_oneof![3 => size(), 1 => 90_usize..700];
    (prop::collection::vec(1_usize..9, 0..3), last, 0.0_f32..1.1, 0..3, any::<u64>()).prop_map(
        |(rest, last, share, numbers, seed)| {
            let shape = Shape::new([&rest[..], &[last]].concat());
            let k = ((share * last as f32) as usize).max(1);
            let name = format!("top_k_mask {k}");
            if seed % 8 == 0 {
                // As many as the step's weight says, which is 1 at the least.
                let x = distinct(shape, seed);
                let build =
                    |graph: &mut Graph, x: &[NodeId]| ops::scheduled_top_k_mask(graph, x[0]);
                return Case::new("scheduled top_k_mask", vec![x], build)
                    .forward_only()
                    .within(Tolerance::Exact);
            }
            if numbers == 0 {
                let x = uncommon(shape, seed);
                return Case::new(name, vec![x], move |graph, x| ops::top_k_mask(graph, x[0], k))
                    .forward_only()
                    .within(Tolerance::Exact);
            }
            // Of equals the first are kept, on both devices.
            let x = if numbers == 1 { whole(shape, seed, 3) } else { distinct(shape, seed) };
            Case::many(name, vec![x], move |graph, x| {
                let mask = ops::top_k_mask(graph, x[0], k)?;
                Ok(vec![ops::mul(graph, x[0], mask)?, mask])
            })
            .within(Tolerance::Exact)
        },
    )
}

pub fn one_hot() -> impl Strategy<Value = Case> {
    (small_shape(), size(), any::<u64>()).prop_map(|(shape, classes, seed)| {
        // One number in some stands for no class.
        let index = whole(Shape::new(shape), seed, classes + 1);
        Case::new("one_hot", vec![index], move |graph, x| ops::one_hot(graph, x[0], classes))
            .forward_only()
            .within(Tolerance::Exact)
    })
}

/// Words as the numbers that have their bits, which is how datasets travel.
fn words(values: impl Iterator<Item = u32>) -> Tensor {
    let data: Vec<f32> = values.map(f32::from_bits).collect();
    Tensor::new([data.len()], data).expect("one axis fits")
}

/// Pixels, order and labels of a dataset, the size of its images, and that of a batch.
pub(super) fn dataset() -> impl Strategy<Value = ([Tensor; 3], [usize; 3], usize)> {
    let image = (1_usize..4, 1_usize..8, 1_usize..8);
    (image, 1_usize..20, 1_usize..20, any::<u64>()).prop_map(
        |((channels, height, width), count, batch, seed)| {
            let bytes = count * channels * height * width;
            let random = tensor([bytes.div_ceil(4), 4], seed, 0.0, 256.0);
            let pixels = random
                .data()
                .chunks(4)
                .map(|four| u32::from_le_bytes([0, 1, 2, 3].map(|byte| four[byte] as u8)));
            // Steps begin at `cursor` of the order, which may be beyond its end.
            let order = whole([count], seed ^ 1, count);
            let labels = words((0..count as u32).map(|label| label % 10));
            let order = words(order.data().iter().map(|value| *value as u32));
            ([words(pixels), order, labels], [channels, height, width], batch)
        },
    )
}

pub fn gather_images() -> impl Strategy<Value = Case> {
    let element = prop_oneof![3 => Just(Element::Byte), 1 => Just(Element::Number)];
    (dataset(), element).prop_map(|((mut inputs, image, batch), element)| {
        if element == Element::Number {
            let count = inputs[2].data().len() * image.iter().product::<usize>();
            inputs[0] = tensor([count], count as u64, -3.0, 3.0);
        }
        Case::many(format!("gather_images {element:?}"), inputs.to_vec(), move |graph, x| {
            let images = ops::gather_images(graph, x[0], x[1], batch, image, element)?;
            Ok(vec![images, ops::gather_labels(graph, x[2], x[1], batch)?])
        })
        .forward_only()
    })
}
