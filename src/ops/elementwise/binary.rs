//! Arithmetic on two tensors, element by element, with broadcasting.

use super::nodes::{Binary, activate, affine, div, greater_equal, mul, sub};
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::function::{Activation, BinaryKind, EpiloguePart, Pointwise};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::layout::expand::{expand, sum_to};
use crate::ops::layout::strided::{MAX_AXES, Walk};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static EXAMPLE: Kernel = kernel!("elementwise/binary");

impl BinaryKind {
    /// Calls `f` with the function.
    #[inline(always)]
    fn with<R>(self, f: impl Applied<R>) -> R {
        match self {
            Self::Add => f.to(|a, b| a + b),
            Self::Subtract => f.to(|a, b| a - b),
            Self::Multiply => f.to(|a, b| a * b),
            Self::Divide => f.to(|a, b| a / b),
            Self::Maximum => f.to(|a, b| if a >= b { a } else { b }),
            Self::Minimum => f.to(|a, b| if b >= a { a } else { b }),
            Self::GreaterEqual => f.to(|a, b| if a >= b { 1.0 } else { 0.0 }),
            Self::Equal => f.to(|a, b| if a == b { 1.0 } else { 0.0 }),
            Self::SquaredError => f.to(|a, b| (a - b) * (a - b)),
            Self::BinaryCrossEntropy => f.to(
                #[inline(always)]
                |a, b| {
                    let positive = if a > 0.0 { a } else { 0.0 };
                    positive - a * b + simd::ln_1p_unit(simd::exp(-a.abs()))
                },
            ),
        }
    }

    /// `out[i] = f(a[i], b[i])`.
    pub(crate) fn apply(self, out: &mut [f32], a: &[f32], b: &[f32]) {
        self.with(Flat { out, a, b });
    }

    /// f(a, b) in WGSL, of the names of two vec4s.
    pub(crate) fn wgsl(self, a: &str, b: &str) -> String {
        let indicator =
            |condition| format!("select(vec4<f32>(0.0), vec4<f32>(1.0), {a} {condition} {b})");
        match self {
            Self::Add => format!("{a} + {b}"),
            Self::Subtract => format!("{a} - {b}"),
            Self::Multiply => format!("{a} * {b}"),
            Self::Divide => format!("{a} / {b}"),
            Self::Maximum => format!("max({a}, {b})"),
            Self::Minimum => format!("min({a}, {b})"),
            Self::GreaterEqual => indicator(">="),
            Self::Equal => indicator("=="),
            Self::SquaredError => format!("({a} - {b}) * ({a} - {b})"),
            Self::BinaryCrossEntropy => {
                format!("max({a}, vec4<f32>(0.0)) - {a} * {b} + ln_1p_unit4(exp(-abs({a})))")
            }
        }
    }
}

/// What a function of two numbers is applied to.
trait Applied<R> {
    /// Applies it.
    fn to(self, f: impl Fn(f32, f32) -> f32) -> R;
}

/// Slices of one length.
struct Flat<'a> {
    out: &'a mut [f32],
    a: &'a [f32],
    b: &'a [f32],
}

impl Applied<()> for Flat<'_> {
    #[inline(always)]
    fn to(self, f: impl Fn(f32, f32) -> f32) {
        let Self { out, a, b } = self;
        simd::vectorised!(for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
            *out = f(*a, *b);
        });
    }
}

/// Rows of a walk over tensors that broadcast, from `first` on.
struct Rows<'a> {
    out: &'a mut [f32],
    call: &'a CpuCall<'a>,
    walk: &'a Walk,
    first: usize,
}

impl Applied<()> for Rows<'_> {
    #[inline(always)]
    fn to(self, f: impl Fn(f32, f32) -> f32) {
        run(self.out, self.call, self.walk, self.first, f);
    }
}

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
}

/// Rows of `walk` from `first` on, as many as `out` holds.
fn run(out: &mut [f32], call: &CpuCall, walk: &Walk, first: usize, f: impl Fn(f32, f32) -> f32) {
    let (a, b) = (call.inputs[0], call.inputs[1]);
    let (length, strides) = walk.inner::<2>();
    walk.rows::<2>(first, out.len() / length, |start, [at_a, at_b]| {
        let out = &mut out[start - first * length..][..length];
        simd::vectorised!(row(out, &a[at_a..], &b[at_b..], strides, &f));
    });
}

/// One row: elements of `a` and `b` lie `strides` apart.
#[inline(always)]
fn row(out: &mut [f32], a: &[f32], b: &[f32], strides: [usize; 2], f: &impl Fn(f32, f32) -> f32) {
    match strides {
        [1, 1] => {
            for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *out = f(*a, *b);
            }
        }
        [1, 0] => {
            for (out, a) in out.iter_mut().zip(a) {
                *out = f(*a, b[0]);
            }
        }
        [0, 1] => {
            for (out, b) in out.iter_mut().zip(b) {
                *out = f(a[0], *b);
            }
        }
        [step_a, step_b] => {
            for (i, out) in out.iter_mut().enumerate() {
                *out = f(a[i * step_a], b[i * step_b]);
            }
        }
    }
}

impl Op for Binary {
    fn name(&self) -> &'static str {
        match self.0 {
            BinaryKind::SquaredError => "squared_error",
            BinaryKind::BinaryCrossEntropy => "binary_cross_entropy",
            _ => "binary",
        }
    }

    fn halves(&self) -> Halves {
        Halves::All
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

    fn pointwise(&self) -> Option<Pointwise> {
        Some(Pointwise::Binary(self.0))
    }

    fn epilogue_part(&self) -> Option<EpiloguePart> {
        (self.0 == BinaryKind::Add).then_some(EpiloguePart::Sum)
    }

    fn cpu(&self, mut call: CpuCall) {
        let out = std::mem::take(&mut call.outputs[0]);
        if call.shapes.inputs.iter().all(|shape| *shape == call.shapes.output) {
            let (a, b) = (call.inputs[0], call.inputs[1]);
            return simd::in_chunks(out, |start, out| {
                let [a, b] = [a, b].map(|x| &x[start..][..out.len()]);
                self.0.apply(out, a, b);
            });
        }
        let walk =
            Walk::broadcast(&call.shapes.output, &call.shapes.inputs.iter().collect::<Vec<_>>());
        let row = walk.inner::<2>().0;
        simd::in_rows(out, row, |first, out| {
            self.0.with(Rows { out, call: &call, walk: &walk, first });
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.output.elements();
        let bindings = vec![Binding::Input(0), Binding::Input(1), Binding::Output(0)];
        let walk = Walk::broadcast(&shapes.output, &shapes.inputs.iter().collect::<Vec<_>>());
        let flat = shapes.inputs.iter().all(|shape| *shape == shapes.output);
        let (entry, invocations) =
            if flat { ("same_shape", count.div_ceil(4)) } else { ("broadcast", count) };
        let dispatch =
            Dispatch::new(&kernel_of(&walk), bindings, Dispatch::linear(invocations, 64));
        let dispatch = dispatch.entry(entry).constant("KIND", self.0 as u32);
        vec![dispatch.params([invocations as u32])]
    }
}

fn kernel_of(walk: &Walk) -> Kernel {
    EXAMPLE.with_lines(&[walk.wgsl("place_a", 0), walk.wgsl("place_b", 1)].join("\n"))
}

pub(crate) fn kernel() -> &'static Kernel {
    &EXAMPLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_file_is_written_of_its_walks() {
        let (shape, bias) = (Shape::from([2, 3, 4, 5]), Shape::from([3, 1, 1]));
        let walk = Walk::broadcast(&shape, &[&shape, &bias]);
        let lines = [walk.wgsl("place_a", 0), walk.wgsl("place_b", 1)].join("\n");
        crate::ops::written::assert_example(&EXAMPLE, &lines);
        // Tensors of one shape have one kernel, whatever the shape.
        let flat = |sizes: [usize; 2]| {
            let shape = Shape::from(sizes);
            kernel_of(&Walk::broadcast(&shape, &[&shape, &shape])).name
        };
        assert_eq!(flat([2, 3]), flat([7, 5]));
    }
}
