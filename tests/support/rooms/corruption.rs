//! Images corrupted, and what stands between a draw and the loss: a detached value, a step's weight.

use diabolo::ops::{self, Activation, Amount, Corruption, CorruptionKind};
use diabolo::shape::{Element, Shape};
use diabolo::tensor::Tensor;
use proptest::prelude::*;

use super::super::case::{Case, tensor};
use super::super::compare::Tolerance;
use super::layout::dataset;
use super::small_shape;

/// Images whose planes fill no vector, or straddle it.
fn images() -> impl Strategy<Value = Tensor> {
    (1_usize..6, 1_usize..4, 1_usize..14, 1_usize..14, any::<u64>()).prop_map(
        |(batch, channels, height, width, seed)| {
            tensor([batch, channels, height, width], seed, 0.0, 1.0)
        },
    )
}

fn drawn_corruption() -> impl Strategy<Value = Corruption> {
    (0..11, 0.01_f32..0.99).prop_map(|(kind, amount)| match kind {
        0 => Corruption::new(CorruptionKind::Gaussian, 2.0 * amount),
        1 => Corruption::new(CorruptionKind::SaltAndPepper, amount),
        2 => Corruption::new(CorruptionKind::Mask, amount),
        3 => Corruption::new(CorruptionKind::Rectangles, amount),
        4 => Corruption::new(CorruptionKind::Haze, amount),
        5 => Corruption::new(CorruptionKind::Gaussian, [0.5 * amount, 2.0 * amount]),
        6 => Corruption::new(CorruptionKind::SaltAndPepper, [0.3 * amount, amount]),
        7 => Corruption::new(CorruptionKind::Camera, amount),
        8 => Corruption::new(CorruptionKind::Camera, [0.2 * amount, 2.0 * amount]),
        9 => Corruption::new(CorruptionKind::Haze, [0.3 * amount, amount]),
        _ => Corruption::new(CorruptionKind::Mask, [0.0, amount]),
    })
}

/// How near two devices have to come: where numbers are only replaced, they agree to the bit.
fn within(corruption: Corruption) -> Tolerance {
    match corruption.kind {
        CorruptionKind::Gaussian | CorruptionKind::Haze | CorruptionKind::Camera => {
            Tolerance::Elementwise
        }
        _ => Tolerance::Exact,
    }
}

pub fn corrupt() -> impl Strategy<Value = Case> {
    (images(), drawn_corruption()).prop_map(|(images, corruption)| {
        // Two in one graph, which do not draw alike.
        Case::many(format!("corrupt {corruption}"), vec![images], move |graph, x| {
            let mut corrupted = || ops::corrupt(graph, x[0], corruption);
            Ok(vec![corrupted()?, corrupted()?])
        })
        .forward_only()
        .within(within(corruption))
    })
}

/// A batch that is gathered, and corrupted in the same pass once fused.
pub fn corrupted_batch() -> impl Strategy<Value = Case> {
    (dataset(), drawn_corruption()).prop_map(|((inputs, image, batch), corruption)| {
        let [pixels, order, _] = inputs;
        Case::many(format!("corrupted batch {corruption}"), vec![pixels, order], move |graph, x| {
            let clean = ops::gather_images(graph, x[0], x[1], batch, image, Element::Byte)?;
            Ok(vec![clean, ops::corrupt(graph, clean, corruption)?])
        })
        .forward_only()
        .within(within(corruption))
    })
}

pub fn blur() -> impl Strategy<Value = Case> {
    let deviation = prop_oneof![3 => 0.1_f32..3.0, 1 => 3.0_f32..16.0];
    (images(), deviation, any::<bool>()).prop_map(|(images, most, is_range)| {
        let amount = Amount { least: if is_range { 0.2 * most } else { most }, most };
        let corruption = Corruption::new(CorruptionKind::Blur, amount);
        Case::many(format!("{corruption}"), vec![images], move |graph, x| {
            let mut blurred = || ops::corrupt(graph, x[0], corruption);
            Ok(vec![blurred()?, blurred()?])
        })
        .forward_only()
    })
}

/// Bytes, which stay such: all is whole numbers, so devices agree to the bit.
pub fn jpeg() -> impl Strategy<Value = Case> {
    let sizes =
        (1_usize..4, prop_oneof![Just(1_usize), Just(2), Just(3)], 1_usize..30, 1_usize..30);
    (sizes, 1_u8..=100, 0_u8..100, any::<u64>()).prop_map(|(sizes, least, more, seed)| {
        let (batch, channels, height, width) = sizes;
        let images = tensor([batch, channels, height, width], seed, 0.0, 1.0);
        let bytes = images.data().iter().map(|x| (x * 255.0).round() / 255.0).collect();
        let images = Tensor::new(images.shape().clone(), bytes).expect("of the same shape");
        let corruption =
            Corruption::new(CorruptionKind::Jpeg, [least, (least + more).min(100)].map(f32::from));
        Case::new(format!("jpeg {corruption}"), vec![images], move |graph, x| {
            ops::corrupt(graph, x[0], corruption)
        })
        .forward_only()
        .within(Tolerance::Exact)
    })
}

pub fn binarise() -> impl Strategy<Value = Case> {
    (small_shape(), any::<u64>()).prop_map(|(shape, seed)| {
        let x = tensor(Shape::new(shape), seed, -0.1, 1.1);
        Case::new("binarise", vec![x], |graph, x| ops::binarise(graph, x[0]))
            .forward_only()
            .within(Tolerance::Exact)
    })
}

pub fn step_weight() -> impl Strategy<Value = Case> {
    (small_shape(), any::<u64>()).prop_map(|(shape, seed)| {
        let x = tensor(Shape::new(shape), seed, -1.0, 1.0);
        Case::new("step_weight", vec![x], |graph, x| {
            let weight = ops::step_weight(graph)?;
            ops::mul(graph, x[0], weight)
        })
        .squared()
        .twice()
    })
}

/// An activation of a detached product, alone or beside another reader of the product.
pub fn detach() -> impl Strategy<Value = Case> {
    (1_usize..9, 1_usize..9, 1_usize..9, any::<bool>(), any::<u64>()).prop_map(
        |(rows, inner, columns, shared, seed)| {
            let a = tensor([rows, inner], seed, -1.0, 1.0);
            let b = tensor([inner, columns], seed ^ 1, -1.0, 1.0);
            let c = tensor([rows, columns], seed ^ 2, -1.0, 1.0);
            Case::new(format!("detach, shared {shared}"), vec![a, b, c], move |graph, x| {
                let product = ops::matmul(graph, x[0], x[1])?;
                let fixed = ops::detach(graph, product)?;
                let gate = ops::activate(graph, fixed, Activation::Sigmoid)?;
                let value = if shared { ops::add(graph, product, x[2])? } else { x[2] };
                ops::mul(graph, gate, value)
            })
            .squared()
            .twice()
            .within(Tolerance::Sums)
        },
    )
}
