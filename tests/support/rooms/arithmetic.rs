//! Products, sums, and arithmetic element by element.

use diabolo::ops::{self, Activation, Builder, ReduceKind, Transpose, UnaryKind};
use diabolo::shape::Shape;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::case::{Case, distinct, tensor};
use super::super::compare::Tolerance;
use super::{size, small_shape};

pub fn all_activations() -> [Activation; 7] {
    [
        Activation::Relu,
        Activation::LeakyRelu(0.1),
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Softplus,
        Activation::Gelu,
        Activation::Silu,
    ]
}

fn transposes() -> impl Strategy<Value = Transpose> {
    any::<(bool, bool)>().prop_map(|(a, b)| Transpose { a, b })
}

fn product(batch: &[usize], [m, k, n]: [usize; 3], transpose: Transpose, seed: u64) -> Case {
    let side = |turned: bool, rows: usize, columns: usize| {
        let sides = if turned { [columns, rows] } else { [rows, columns] };
        Shape::new([batch, &sides].concat())
    };
    let a = tensor(side(transpose.a, m, k), seed, -1.0, 1.0);
    let b = tensor(side(transpose.b, k, n), seed ^ 1, -1.0, 1.0);
    Case::new(format!("matmul {transpose:?}"), vec![a, b], move |graph, x| {
        ops::matmul_transposed(graph, x[0], x[1], transpose)
    })
    .within(Tolerance::Sums)
}

pub fn matmul() -> impl Strategy<Value = Case> {
    // After the first: few tiles with many terms, so that the terms are split; many tiles; large tiles
    // whose terms are split; and few rows, whose tiles are wide, without and with splits.
    let sizes = prop_oneof![
        6 => (size(), size(), size()),
        1 => (1_usize..70, 600_usize..3000, 1_usize..70),
        1 => (60_usize..200, 1_usize..40, 60_usize..200),
        1 => (65_usize..129, 512_usize..900, 65_usize..129),
        1 => (1_usize..33, 1_usize..40, 400_usize..520),
        1 => (1_usize..33, 512_usize..700, 129_usize..250),
    ];
    (sizes, transposes(), any::<u64>())
        .prop_map(|((m, k, n), transpose, seed)| product(&[], [m, k, n], transpose, seed))
}

pub fn matmul_batched() -> impl Strategy<Value = Case> {
    (1_usize..5, (size(), size(), size()), transposes(), any::<u64>()).prop_map(
        |(batch, (m, k, n), transpose, seed)| product(&[batch], [m, k, n], transpose, seed),
    )
}

pub fn matmul_fused() -> impl Strategy<Value = Case> {
    let epilogue = (any::<bool>(), select(all_activations().to_vec()), any::<bool>());
    ((size(), size(), size()), epilogue, any::<u64>()).prop_map(
        |((m, k, n), (biased, activation, forward), seed)| {
            let inputs = vec![
                tensor([m, k], seed, -1.0, 1.0),
                tensor([k, n], seed ^ 1, -1.0, 1.0),
                tensor([n], seed ^ 2, -1.0, 1.0),
            ];
            let name = format!("matmul, bias: {biased}, {activation:?}");
            let case = Case::new(name, inputs, move |graph, x| {
                let product = ops::matmul(graph, x[0], x[1])?;
                let sum = if biased { ops::bias(graph, product, x[2])? } else { product };
                ops::activate(graph, sum, activation)
            });
            // Without gradients, no activation needs its input kept.
            if forward { case.forward_only() } else { case }.within(Tolerance::Sums)
        },
    )
}

pub fn activation() -> impl Strategy<Value = Case> {
    (select(all_activations().to_vec()), small_shape(), any::<u64>()).prop_map(
        |(kind, shape, seed)| {
            let x = tensor(Shape::new(shape), seed, -6.0, 6.0);
            Case::new(format!("{kind:?}"), vec![x], move |graph, x| {
                ops::activate(graph, x[0], kind)
            })
            .twice()
        },
    )
}

/// Functions, each with a range where it is defined and, but for its jumps, smooth.
pub fn unary_kinds() -> Vec<(UnaryKind, f32, f32)> {
    vec![
        (UnaryKind::Affine { scale: 1.5, offset: -0.5 }, -3.0, 3.0),
        (UnaryKind::Exp, -4.0, 4.0),
        (UnaryKind::Log, 0.1, 9.0),
        (UnaryKind::Sqrt, 0.1, 9.0),
        (UnaryKind::Square, -3.0, 3.0),
        (UnaryKind::Abs, -3.0, 3.0),
        (UnaryKind::Reciprocal, 0.3, 4.0),
        (UnaryKind::Sign, -3.0, 3.0),
        (UnaryKind::Sin, -3.0, 3.0),
        (UnaryKind::Cos, -3.0, 3.0),
        (UnaryKind::Clamp { low: -1.0, high: 2.0 }, -3.0, 3.0),
        (UnaryKind::Power { exponent: 1.7 }, 0.2, 3.0),
        (UnaryKind::Within { low: -1.0, high: 2.0 }, -3.0, 3.0),
        (UnaryKind::Floor, -3.0, 3.0),
    ]
}

pub fn unary() -> impl Strategy<Value = Case> {
    (select(unary_kinds()), small_shape(), any::<u64>()).prop_map(
        |((kind, low, high), shape, seed)| {
            let x = tensor(Shape::new(shape), seed, low, high);
            let trigonometric = matches!(kind, UnaryKind::Sin | UnaryKind::Cos);
            let case = Case::new(format!("{kind:?}"), vec![x], move |graph, x| {
                ops::unary(graph, x[0], kind)
            });
            if trigonometric { case.within(Tolerance::Trigonometric) } else { case }.twice()
        },
    )
}

pub type BinaryBuilder =
    fn(&mut dyn Builder, ops::NodeId, ops::NodeId) -> diabolo::error::Result<ops::NodeId>;

pub fn arithmetic() -> Vec<(&'static str, BinaryBuilder)> {
    vec![
        ("add", ops::add),
        ("sub", ops::sub),
        ("mul", ops::mul),
        ("div", ops::div),
        ("maximum", ops::maximum),
        ("minimum", ops::minimum),
        ("equal", ops::equal),
        ("greater_equal", ops::greater_equal),
        ("squared_error", ops::squared_error),
    ]
}

pub fn binary() -> impl Strategy<Value = Case> {
    (select(arithmetic()), small_shape(), any::<u64>()).prop_map(|((name, build), shape, seed)| {
        let a = tensor(Shape::new(shape.clone()), seed, 0.5, 2.0);
        let b = tensor(Shape::new(shape), seed ^ 1, 0.5, 2.0);
        Case::new(name, vec![a, b], move |graph, x| build(graph, x[0], x[1])).twice()
    })
}

/// Each operand lacks some axes of the result or has them at size 1.
pub fn broadcast() -> impl Strategy<Value = Case> {
    let axes = prop::collection::vec((1_usize..9, 0..4_u8), 1..5);
    (select(arithmetic()), axes, 0_usize..2, any::<u64>()).prop_map(
        |((name, build), axes, dropped, seed)| {
            let side = |bit: u8| -> Vec<usize> {
                let kept = |(size, ones): &(usize, u8)| if ones & bit != 0 { 1 } else { *size };
                axes.iter().map(kept).collect()
            };
            let dropped = dropped.min(axes.len());
            let a = tensor(Shape::new(side(1)[dropped..].to_vec()), seed, 0.5, 2.0);
            let b = tensor(Shape::new(side(2)), seed ^ 1, 0.5, 2.0);
            Case::new(name, vec![a, b], move |graph, x| build(graph, x[0], x[1]))
                .within(Tolerance::Sums)
        },
    )
}

pub fn bias() -> impl Strategy<Value = Case> {
    (size(), size(), prop::collection::vec(1_usize..8, 0..3), any::<u64>()).prop_map(
        |(batch, channels, rest, seed)| {
            let shape = Shape::new([&[batch.min(9), channels], &rest[..]].concat());
            let inputs = vec![tensor(shape, seed, -1.0, 1.0), tensor([channels], seed, -1.0, 1.0)];
            Case::new("bias", inputs, |graph, x| ops::bias(graph, x[0], x[1]))
                .within(Tolerance::Sums)
        },
    )
}

pub fn reduce() -> impl Strategy<Value = Case> {
    let kinds = [ReduceKind::Sum, ReduceKind::Mean, ReduceKind::Max];
    let axes = prop::collection::vec((prop_oneof![Just(1), 2_usize..14], any::<bool>()), 1..5);
    (select(kinds.to_vec()), axes, any::<u64>()).prop_map(|(kind, axes, seed)| {
        let shape: Vec<usize> = axes.iter().map(|(size, _)| *size).collect();
        let reduced: Vec<usize> = (0..axes.len()).filter(|axis| axes[*axis].1).collect();
        let x = distinct(Shape::new(shape), seed);
        let name = format!("{kind:?} over {reduced:?}");
        Case::new(name, vec![x], move |graph, x| ops::reduce(graph, x[0], kind, &reduced))
            .within(Tolerance::Sums)
    })
}

/// Sums long enough to be done in two passes.
pub fn long_sum() -> impl Strategy<Value = Case> {
    let kinds = [ReduceKind::Sum, ReduceKind::Mean, ReduceKind::Max];
    (select(kinds.to_vec()), 1_usize..4, 3000_usize..40_000, any::<u64>()).prop_map(
        |(kind, rows, columns, seed)| {
            let x = tensor([rows, columns], seed, -1.0, 1.0);
            let name = format!("long {kind:?}");
            Case::new(name, vec![x], move |graph, x| ops::reduce(graph, x[0], kind, &[1]))
                .within(Tolerance::Sums)
        },
    )
}

pub fn expand() -> impl Strategy<Value = Case> {
    let axes = prop::collection::vec((1_usize..9, any::<bool>()), 1..5);
    (axes, any::<u64>()).prop_map(|(axes, seed)| {
        let narrow: Vec<usize> =
            axes.iter().map(|(size, wide)| if *wide { 1 } else { *size }).collect();
        let shape = Shape::new(axes.iter().map(|(size, _)| *size).collect::<Vec<_>>());
        let x = tensor(Shape::new(narrow), seed, -1.0, 1.0);
        Case::new(format!("expand to {shape}"), vec![x], move |graph, x| {
            ops::expand(graph, x[0], &shape)
        })
        .within(Tolerance::Sums)
    })
}
