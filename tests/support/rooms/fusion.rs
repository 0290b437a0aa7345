//! What fusion makes of several operations, and the loops that measure ceilings.

use std::sync::Arc;

use diabolo::error::Result;
use diabolo::graph::Graph;
use diabolo::ops::{self, Activation, Builder, ConvGeometry, NodeId, Roofline, UnaryKind};
use diabolo::shape::Shape;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::case::{Case, distinct, tensor};
use super::super::compare::Tolerance;
use super::arithmetic::{all_activations, arithmetic, unary_kinds};

/// One step of a random program: which operation, on which of the values so far.
type Move = (u8, usize, usize);

/// Adds the result of a step, all of whose values stay between -4 and 4.
fn step(graph: &mut Graph, (kind, a, b): Move, values: &mut Vec<NodeId>) -> Result<()> {
    let [a, b] = [a, b].map(|operand| values[operand % values.len()]);
    let value = match kind {
        0 => ops::add(graph, a, b)?,
        1 => ops::mul(graph, a, b)?,
        2 => ops::sub(graph, a, b)?,
        3 => ops::squared_error(graph, a, b)?,
        4 => ops::activate(graph, a, Activation::Sigmoid)?,
        5 => ops::activate(graph, a, Activation::Gelu)?,
        6 => ops::gaussian_kl(graph, a, b)?,
        7 => ops::affine(graph, a, -0.5, 0.25)?,
        8 => ops::unary(graph, a, UnaryKind::Exp)?,
        _ => ops::detach(graph, a)?,
    };
    values.push(ops::activate(graph, value, Activation::Tanh)?);
    Ok(())
}

/// Random elementwise programs on tensors and one number, with a sum of some value on the way that
/// others read, and sizes below and above those that take a second pass.
pub fn chain() -> impl Strategy<Value = Case> {
    let size = prop_oneof![4 => 1_usize..70, 1 => 4000_usize..20_000];
    let moves = prop::collection::vec((0_u8..10, 0_usize..8, 0_usize..8), 1..9);
    (size, moves, any::<u64>()).prop_map(|(size, moves, seed)| {
        let whole = |seed| tensor([size], seed, -1.0, 1.0);
        let inputs = vec![whole(seed), whole(seed ^ 1), tensor([1], seed ^ 2, -1.0, 1.0)];
        let name = format!("chain {moves:?}");
        let case = Case::many(name, inputs, move |graph, x| {
            let number = ops::expand(graph, x[2], &Shape::from([size]))?;
            let mut values = vec![x[0], x[1], number];
            for step_taken in &moves {
                step(graph, *step_taken, &mut values)?;
            }
            let middle = values[values.len() / 2];
            let mean = ops::mean_all(graph, middle)?;
            let mean = ops::affine(graph, mean, 0.5, 0.0)?;
            let last = values[values.len() - 1];
            let mean_everywhere = ops::expand(graph, mean, &Shape::from([size]))?;
            let scaled = ops::mul(graph, last, mean_everywhere)?;
            Ok(vec![scaled, middle, mean])
        });
        case.within(Tolerance::Sums)
    })
}

/// Programs on up to seven inputs, as many as a kernel binds beside its output, which are more than
/// sixteen operations long. One input may be one number, the first too, by whose length no other may be read.
pub fn long_chain() -> impl Strategy<Value = Case> {
    let size = prop_oneof![4 => 1_usize..70, 1 => 4000_usize..20_000];
    let kinds = prop::collection::vec(0_u8..9, 11..20);
    let count = prop_oneof![2 => 2_usize..7, 1 => Just(7)];
    let inputs = (count, prop_oneof![2 => 0_usize..8, 1 => Just(0)]);
    (size, inputs, kinds, any::<(bool, bool)>(), any::<u64>()).prop_map(
        |(size, (count, number), kinds, (summed, gradients), seed)| {
            let elements = |input| if input == number { 1 } else { size };
            let input = |input| tensor([elements(input)], seed ^ input as u64, -1.0, 1.0);
            let inputs: Vec<_> = (0..count).map(input).collect();
            let name = format!("chain {kinds:?}, summed: {summed}");
            let case = Case::new(name, inputs, move |graph, x| {
                let mut values = vec![];
                for input in x {
                    values.push(ops::expand(graph, *input, &Shape::from([size]))?);
                }
                for (place, kind) in kinds.iter().enumerate() {
                    let operand = if place < count { place } else { values.len() - 2 };
                    let last = if place == 0 { 1 } else { values.len() - 1 };
                    step(graph, (*kind, operand, last), &mut values)?;
                }
                let last = values[values.len() - 1];
                if summed { ops::mean_all(graph, last) } else { Ok(last) }
            });
            let case = case.within(Tolerance::Sums);
            if gradients { case } else { case.forward_only() }
        },
    )
}

/// Every function that a chain may be made of, and the gradient of every activation.
pub fn chain_functions() -> impl Strategy<Value = Case> {
    (1_usize..70, any::<bool>(), any::<u64>()).prop_map(|(size, trigonometric, seed)| {
        let inputs = vec![
            tensor([size], seed, -3.0, 3.0),
            tensor([size], seed ^ 1, 0.5, 2.0),
            tensor([size], seed ^ 2, 0.5, 2.0),
            tensor([1], seed ^ 3, 0.5, 1.0),
        ];
        let case = Case::many("functions of a chain", inputs, move |graph, x| {
            let number = ops::expand(graph, x[3], &Shape::from([size]))?;
            let mut values = vec![];
            if trigonometric {
                values.push(ops::unary(graph, x[0], UnaryKind::Sin)?);
                values.push(ops::unary(graph, x[0], UnaryKind::Cos)?);
            } else {
                for activation in all_activations() {
                    values.push(ops::activate(graph, x[0], activation)?);
                }
                // Sines, which are as near as WGSL promises, have chains of their own.
                let trigonometric = [UnaryKind::Sin, UnaryKind::Cos];
                let others = unary_kinds().into_iter();
                for (kind, low, _) in others.filter(|(kind, ..)| !trigonometric.contains(kind)) {
                    // Those whose domain is positive take the second input.
                    values.push(ops::unary(graph, x[usize::from(low > 0.0)], kind)?);
                }
                for (_, build) in arithmetic() {
                    values.push(build(graph, x[1], x[2])?);
                }
                values.push(ops::equal(graph, x[1], x[1])?);
                values.push(ops::binary_cross_entropy(graph, x[0], number)?);
                values.push(ops::gaussian_kl(graph, x[0], x[1])?);
                // A chain that reads nothing.
                let weight = ops::step_weight(graph)?;
                values.push(ops::affine(graph, weight, 2.0, 0.0)?);
            }
            let mut products = vec![];
            for value in &values {
                products.push(ops::mul(graph, *value, number)?);
            }
            let mut sum = products[0];
            for product in &products[1..7.min(products.len())] {
                sum = ops::add(graph, sum, *product)?;
            }
            Ok([vec![sum], products].concat())
        });
        // The gradient in the number is a sum of sines, which is as far off as all of them together.
        if trigonometric { case.differentiable(3).within(Tolerance::Trigonometric) } else { case }
    })
}

/// Pooling after an activation: halving, and windows that overlap.
pub fn rectified_pool() -> impl Strategy<Value = Case> {
    let geometries = vec![
        ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]),
        ConvGeometry::symmetric([3, 3], [2, 2], [1, 1]),
    ];
    let activations = vec![Activation::Relu, Activation::LeakyRelu(0.2), Activation::Tanh];
    let sizes = (1_usize..4, 1_usize..5, 2_usize..17, 2_usize..17);
    (select(geometries), select(activations), sizes, any::<u64>()).prop_map(
        |(geometry, activation, (n, channels, h, w), seed)| {
            let x = distinct([n, channels, h, w], seed);
            let name = format!("{activation} and max_pool2d {geometry:?}");
            Case::new(name, vec![x], move |graph, x| {
                let x = ops::affine(graph, x[0], 0.1, -0.2)?;
                let y = ops::activate(graph, x, activation)?;
                ops::max_pool2d(graph, y, geometry)
            })
            .within(Tolerance::Sums)
        },
    )
}

/// Two dense layers, so that the gradient of one's activation ends the other's input gradient, and
/// biases' gradients come with those of weights: in small tiles, in large and in wide ones, and in parts.
pub fn dense_layers() -> impl Strategy<Value = Case> {
    let sizes = prop_oneof![
        3 => [1_usize..20, 1_usize..40, 1_usize..40],
        1 => [20_usize..60, 130_usize..260, 130_usize..260],
        1 => [600_usize..900, 20_usize..70, 20_usize..130],
        1 => [20_usize..60, 400_usize..520, 5_usize..30],
        1 => [520_usize..700, 129_usize..250, 5_usize..30],
        1 => [520_usize..600, 97_usize..128, 40_usize..64],
    ];
    (sizes, any::<bool>(), any::<u64>()).prop_map(|([batch, inputs, outputs], summed, seed)| {
        let random =
            |shape: &[usize], salt| tensor(Shape::new(shape.to_vec()), seed ^ salt, -1.0, 1.0);
        let inputs = vec![
            random(&[batch, inputs], 0),
            random(&[outputs, inputs], 1),
            random(&[outputs], 2),
            random(&[5, outputs], 3),
            random(&[5], 4),
            random(&[batch, outputs], 5),
        ];
        let case = Case::new(format!("dense layers, summed: {summed}"), inputs, move |graph, x| {
            let transpose = ops::Transpose { a: false, b: true };
            let y = ops::matmul_transposed(graph, x[0], x[1], transpose)?;
            let mut y = ops::bias(graph, y, x[2])?;
            if summed {
                y = ops::add(graph, x[5], y)?;
            }
            let y = ops::activate(graph, y, Activation::Tanh)?;
            let z = ops::matmul_transposed(graph, y, x[3], transpose)?;
            ops::bias(graph, z, x[4])
        });
        case.within(Tolerance::Sums)
    })
}

pub fn roofline() -> impl Strategy<Value = Case> {
    let loops = vec![Roofline::Copy, Roofline::MultiplyAdds(20)];
    (select(loops), 1_usize..90, any::<u64>()).prop_map(|(kind, size, seed)| {
        let x = tensor([size], seed, -1.0, 1.0);
        let case = Case::new(format!("{kind:?}"), vec![x], move |graph, x| {
            graph.apply(Arc::new(kind), &[x[0]])
        });
        case.forward_only().within(Tolerance::Sums)
    })
}
