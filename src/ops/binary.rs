//! Arithmetic on two tensors, element by element, with broadcasting.

use std::sync::Arc;

use super::strided::{MAX_AXES, Walk};
use super::*;
use crate::kernel;
use crate::simd;

/// A function of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryKind {
    /// a + b
    Add,
    /// a - b
    Subtract,
    /// a * b
    Multiply,
    /// a / b
    Divide,
    /// The greater; where equal, the gradient goes to a.
    Maximum,
    /// The lesser; where equal, the gradient goes to a.
    Minimum,
    /// 1 where a >= b, else 0.
    GreaterEqual,
    /// 1 where a = b, else 0.
    Equal,
    /// (a - b)^2
    SquaredError,
    /// The cross-entropy, in nats, of a Bernoulli variable with logit a under target b in [0, 1]:
    /// `max(a, 0) - a b + ln(1 + e^-|a|)`.
    BinaryCrossEntropy,
}

static KERNEL: Kernel = kernel!("binary", "linear", "walk", "activation");

fn binary(builder: &mut dyn Builder, a: NodeId, b: NodeId, kind: BinaryKind) -> Result<NodeId> {
    builder.apply(Arc::new(Binary(kind)), &[a, b])
}

macro_rules! builders {
    ($($(#[$doc:meta])* $name:ident $kind:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// When the shapes do not broadcast.
        pub fn $name(builder: &mut dyn Builder, a: NodeId, b: NodeId) -> Result<NodeId> {
            binary(builder, a, b, BinaryKind::$kind)
        }
    )*};
}

builders! {
    /// `a + b`.
    add Add;
    /// `a - b`.
    sub Subtract;
    /// `a * b`.
    mul Multiply;
    /// `a / b`.
    div Divide;
    /// The greater of `a` and `b`.
    maximum Maximum;
    /// The lesser of `a` and `b`.
    minimum Minimum;
    /// 1 where `a >= b`, else 0.
    greater_equal GreaterEqual;
    /// 1 where `a = b`, else 0.
    equal Equal;
    /// `(a - b)^2`.
    squared_error SquaredError;
    /// The cross-entropy of each pixel, in nats, from logits `a` and targets `b` in [0, 1].
    binary_cross_entropy BinaryCrossEntropy;
}

/// The operation behind [`add`] and its kin.
#[derive(Clone, Copy, Debug)]
pub struct Binary(pub BinaryKind);

impl Binary {
    /// Factors of the output's gradient in a and in b; `None` stands for none at all.
    fn partials(&self, builder: &mut dyn Builder, at: &Backward) -> Result<[Option<NodeId>; 2]> {
        let (g, a, b) = (at.gradient, at.inputs[0], at.inputs[1]);
        let negative = |builder: &mut dyn Builder, x| affine(builder, x, -1.0, 0.0);
        let wants = |input: usize| at.wanted[input];
        let mut by = [None, None];
        match self.0 {
            BinaryKind::Add => by = [Some(g), Some(g)],
            BinaryKind::Subtract => {
                by[0] = Some(g);
                by[1] = wants(1).then(|| negative(builder, g)).transpose()?;
            }
            BinaryKind::Multiply => {
                by[0] = wants(0).then(|| mul(builder, g, b)).transpose()?;
                by[1] = wants(1).then(|| mul(builder, g, a)).transpose()?;
            }
            BinaryKind::Divide => {
                let quotient = div(builder, g, b)?;
                by[0] = Some(quotient);
                if wants(1) {
                    let product = mul(builder, quotient, at.output)?;
                    by[1] = Some(negative(builder, product)?);
                }
            }
            BinaryKind::Maximum | BinaryKind::Minimum => {
                let first = match self.0 {
                    BinaryKind::Maximum => greater_equal(builder, a, b)?,
                    _ => greater_equal(builder, b, a)?,
                };
                let second = affine(builder, first, -1.0, 1.0)?;
                by = [Some(mul(builder, g, first)?), Some(mul(builder, g, second)?)];
            }
            BinaryKind::GreaterEqual | BinaryKind::Equal => {}
            BinaryKind::SquaredError => {
                let difference = sub(builder, a, b)?;
                let twice = affine(builder, g, 2.0, 0.0)?;
                let by_a = mul(builder, difference, twice)?;
                by[0] = Some(by_a);
                by[1] = wants(1).then(|| negative(builder, by_a)).transpose()?;
            }
            BinaryKind::BinaryCrossEntropy => {
                if wants(0) {
                    let probability = activate(builder, a, Activation::Sigmoid)?;
                    let difference = sub(builder, probability, b)?;
                    by[0] = Some(mul(builder, difference, g)?);
                }
                if wants(1) {
                    let product = mul(builder, a, g)?;
                    by[1] = Some(negative(builder, product)?);
                }
            }
        }
        Ok(by)
    }

    fn compute(&self, out: &mut [f32], call: &CpuCall, walk: &Walk, first_row: usize) {
        match self.0 {
            BinaryKind::Add => run(out, call, walk, first_row, |a, b| a + b),
            BinaryKind::Subtract => run(out, call, walk, first_row, |a, b| a - b),
            BinaryKind::Multiply => run(out, call, walk, first_row, |a, b| a * b),
            BinaryKind::Divide => run(out, call, walk, first_row, |a, b| a / b),
            BinaryKind::Maximum => {
                run(out, call, walk, first_row, |a, b| if a >= b { a } else { b })
            }
            BinaryKind::Minimum => {
                run(out, call, walk, first_row, |a, b| if b >= a { a } else { b })
            }
            BinaryKind::GreaterEqual => {
                run(out, call, walk, first_row, |a, b| if a >= b { 1.0 } else { 0.0 });
            }
            BinaryKind::Equal => {
                run(out, call, walk, first_row, |a, b| if a == b { 1.0 } else { 0.0 });
            }
            BinaryKind::SquaredError => run(out, call, walk, first_row, |a, b| (a - b) * (a - b)),
            BinaryKind::BinaryCrossEntropy => run(out, call, walk, first_row, |a, b| {
                (if a > 0.0 { a } else { 0.0 }) - a * b + simd::ln_1p_unit(simd::exp(-a.abs()))
            }),
        }
    }
}

/// Rows of `walk` from `first` on, as many as `out` holds.
fn run(out: &mut [f32], call: &CpuCall, walk: &Walk, first: usize, f: impl Fn(f32, f32) -> f32) {
    let (a, b) = (call.inputs[0], call.inputs[1]);
    let (length, strides) = walk.inner::<2>();
    simd::vectorised(|| {
        walk.rows::<2>(first, out.len() / length, |start, [at_a, at_b]| {
            let out = &mut out[start - first * length..][..length];
            match strides {
                [1, 1] => {
                    let operands = a[at_a..][..length].iter().zip(&b[at_b..][..length]);
                    out.iter_mut().zip(operands).for_each(|(out, (a, b))| *out = f(*a, *b));
                }
                [1, 0] => {
                    let b = b[at_b];
                    out.iter_mut().zip(&a[at_a..][..length]).for_each(|(out, a)| *out = f(*a, b));
                }
                [0, 1] => {
                    let a = a[at_a];
                    out.iter_mut().zip(&b[at_b..][..length]).for_each(|(out, b)| *out = f(a, *b));
                }
                [step_a, step_b] => out.iter_mut().enumerate().for_each(|(i, out)| {
                    *out = f(a[at_a + i * step_a], b[at_b + i * step_b]);
                }),
            }
        });
    });
}

impl Op for Binary {
    fn name(&self) -> &'static str {
        match self.0 {
            BinaryKind::SquaredError => "squared_error",
            BinaryKind::BinaryCrossEntropy => "binary_cross_entropy",
            _ => "binary",
        }
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let shape = inputs[0].broadcast(inputs[1]);
        let shape =
            shape.ok_or_else(|| Error::shape(self.name(), "shapes must broadcast", inputs))?;
        let walk = Walk::broadcast(&shape, inputs);
        if walk.sizes.len() > MAX_AXES {
            return Err(Error::shape(self.name(), "at most 8 axes after merging", inputs));
        }
        Ok(shape)
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let output = builder.shape(at.output).clone();
        let partials = self.partials(builder, at)?;
        let mut gradients = vec![];
        for ((input, partial), wanted) in at.inputs.iter().zip(partials).zip(at.wanted) {
            let shape = builder.shape(*input).clone();
            gradients.push(match partial.filter(|_| *wanted) {
                None => None,
                // An operand that was not repeated takes the gradient as it is, broadcast or not.
                Some(partial) if shape == output => Some(partial),
                Some(partial) => {
                    let whole = expand(builder, partial, &output)?;
                    Some(sum_to(builder, whole, &shape)?)
                }
            });
        }
        Ok(gradients)
    }

    fn takes_broadcast_gradient(&self) -> bool {
        true
    }

    fn cpu(&self, mut call: CpuCall) {
        let walk =
            Walk::broadcast(&call.shapes.output, &call.shapes.inputs.iter().collect::<Vec<_>>());
        let row = walk.inner::<2>().0;
        let out = std::mem::take(&mut call.outputs[0]);
        let whole = walk.sizes.len() == 1;
        // A walk of one row can be cut anywhere; others between rows.
        if whole && call.shapes.inputs.iter().all(|shape| *shape == call.shapes.output) {
            simd::in_chunks(out, |start, out| {
                let inputs = std::array::from_fn(|operand| match operand {
                    0 | 1 => &call.inputs[operand][start..start + out.len()],
                    _ => &[][..],
                });
                let sizes = vec![out.len()];
                let part = Walk { sizes, strides: walk.strides.clone() };
                let outputs = [&mut [][..], &mut [][..], &mut [][..]];
                let piece = CpuCall { shapes: call.shapes, inputs, outputs, step: call.step };
                self.compute(out, &piece, &part, 0);
            });
        } else {
            simd::in_rows(out, row, |first, out| self.compute(out, &call, &walk, first));
        }
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.output.elements();
        let bindings = vec![Binding::Input(0), Binding::Input(1), Binding::Output(0)];
        let walk = Walk::broadcast(&shapes.output, &shapes.inputs.iter().collect::<Vec<_>>());
        let flat = shapes.inputs.iter().all(|shape| *shape == shapes.output);
        let (entry, invocations) =
            if flat { ("same_shape", count.div_ceil(4)) } else { ("broadcast", count) };
        let dispatch = Dispatch::new(&KERNEL, bindings, Dispatch::linear(invocations, 64))
            .entry(entry)
            .constant("KIND", self.0 as u32)
            .params([invocations as u32, 0, 0, 0].into_iter().chain(walk.words()));
        vec![if flat { dispatch } else { dispatch.constant("AXES", walk.sizes.len() as u32) }]
    }
}

pub(super) fn kernel() -> &'static Kernel {
    &KERNEL
}
