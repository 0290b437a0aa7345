//! Functions, arithmetic, losses, and chains of them.

use crate::check::case::{Case, Draft};
use crate::check::tolerance::Tolerance;
use crate::check::values::{ANY, Values};
use crate::error::Result;
use crate::graph::Graph;
use crate::ops::{self, Activation, Builder, NodeId, UnaryKind};
use crate::shape::Shape;

type Binary = fn(&mut dyn Builder, NodeId, NodeId) -> Result<NodeId>;

const POSITIVE: Values = Values::Between { low: 0.5, high: 2.0 };
const WIDE: Values = Values::Between { low: -3.0, high: 3.0 };
const SHAPE: &[usize] = &[3, 7, 5];

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut all = vec![];
    for kind in [
        Activation::Relu,
        Activation::LeakyRelu(0.1),
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Softplus,
        Activation::Gelu,
        Activation::Silu,
    ] {
        let draft = Draft::new(format!("{kind:?}"), &[(SHAPE, WIDE)]);
        all.push(
            draft
                .within(Tolerance::Elementwise)
                .case(|graph, x| Ok(vec![ops::activate(graph, x[0], kind)?]))?,
        );
    }
    all.extend(functions()?);
    all.push(arithmetic("arithmetic", [SHAPE, SHAPE])?);
    all.push(arithmetic("arithmetic of other shapes", [&[7, 1], SHAPE])?);
    all.extend(losses()?);
    all.push(chain()?);
    let bias = Draft::new("bias", &[(&[4, 6, 5], ANY), (&[6], ANY)]);
    all.push(bias.case(|graph, x| Ok(vec![ops::bias(graph, x[0], x[1])?]))?);
    Ok(all)
}

/// All functions of one number, in two graphs: where they are as near as that, and where they are not.
fn functions() -> Result<Vec<Case>> {
    let smooth = [
        (UnaryKind::Affine { scale: 1.5, offset: -0.5 }, 0),
        (UnaryKind::Exp, 0),
        (UnaryKind::Square, 0),
        (UnaryKind::Abs, 0),
        (UnaryKind::Sign, 0),
        (UnaryKind::Clamp { low: -1.0, high: 2.0 }, 0),
        (UnaryKind::Within { low: -1.0, high: 2.0 }, 0),
        (UnaryKind::Floor, 0),
        (UnaryKind::Log, 1),
        (UnaryKind::Sqrt, 1),
        (UnaryKind::Reciprocal, 1),
        (UnaryKind::Power { exponent: 1.7 }, 1),
    ];
    let waves = [(UnaryKind::Sin, 0), (UnaryKind::Cos, 0)];
    let sum = |graph: &mut Graph, x: &[NodeId], kinds: &[(UnaryKind, usize)]| {
        let mut values = vec![];
        for (kind, input) in kinds {
            values.push(ops::unary(graph, x[*input], *kind)?);
        }
        let mut sum = values[0];
        for value in &values[1..] {
            sum = ops::add(graph, sum, *value)?;
        }
        Ok([vec![sum], values].concat())
    };
    let inputs = [(SHAPE, WIDE), (SHAPE, POSITIVE)];
    let functions = Draft::new("functions", &inputs).within(Tolerance::Elementwise);
    let waves_of = Draft::new("sine and cosine", &inputs[..1]).within(Tolerance::Trigonometric);
    Ok(vec![
        functions.case(|graph, x| sum(graph, x, &smooth))?,
        waves_of.case(|graph, x| sum(graph, x, &waves))?,
    ])
}

fn arithmetic(name: &str, [a, b]: [&[usize]; 2]) -> Result<Case> {
    let all: [Binary; 9] = [
        ops::add,
        ops::sub,
        ops::mul,
        ops::div,
        ops::maximum,
        ops::minimum,
        ops::equal,
        ops::greater_equal,
        ops::squared_error,
    ];
    Draft::new(name, &[(a, POSITIVE), (b, POSITIVE)]).case(|graph, x| {
        let mut values = vec![];
        for build in all {
            values.push(build(graph, x[0], x[1])?);
        }
        let product = ops::mul(graph, values[3], values[8])?;
        Ok([vec![product], values].concat())
    })
}

fn losses() -> Result<Vec<Case>> {
    let unit = Values::Between { low: 0.05, high: 0.95 };
    let near = |name: &str, inputs: &[Values]| {
        let inputs: Vec<_> = inputs.iter().map(|values| (SHAPE, *values)).collect();
        Draft::new(name, &inputs).within(Tolerance::Elementwise)
    };
    Ok(vec![
        near("binary cross-entropy", &[WIDE, unit])
            .case(|graph, x| Ok(vec![ops::binary_cross_entropy(graph, x[0], x[1])?]))?,
        near("Gaussian likelihood", &[ANY, ANY, ANY])
            .case(|graph, x| Ok(vec![ops::gaussian_nll(graph, x[0], x[1], x[2])?]))?,
        near("Gaussian divergence", &[ANY, WIDE])
            .case(|graph, x| Ok(vec![ops::gaussian_kl(graph, x[0], x[1])?]))?,
        near("sparsity", &[unit]).case(|graph, x| Ok(vec![ops::sparsity_kl(graph, x[0], 0.1)?]))?,
        near("weight of a step", &[ANY]).case(|graph, x| {
            let weight = ops::step_weight(graph)?;
            Ok(vec![ops::mul(graph, x[0], weight)?])
        })?,
    ])
}

/// A long chain with a sum on the way, over more numbers than one workgroup adds up.
fn chain() -> Result<Case> {
    const SIZE: usize = 9001;
    let inputs = [(&[SIZE][..], ANY), (&[SIZE][..], ANY), (&[1][..], ANY)];
    Draft::new("chain", &inputs).case(|graph, x| {
        let number = ops::expand(graph, x[2], &Shape::from([SIZE]))?;
        let a = ops::mul(graph, x[0], number)?;
        let b = ops::activate(graph, a, Activation::Gelu)?;
        let c = ops::squared_error(graph, b, x[1])?;
        let mean = ops::mean_all(graph, c)?;
        let everywhere = ops::expand(graph, mean, &Shape::from([SIZE]))?;
        let d = ops::unary(graph, c, UnaryKind::Exp)?;
        Ok(vec![ops::mul(graph, d, everywhere)?, c, mean])
    })
}
