//! Activations, and their derivatives as an operation of its own.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::nodes::{Activate, ActivationGradient, activate, affine, mul, unary};
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::function::{Activation, EpiloguePart, Pointwise, UnaryKind};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

impl Activation {
    /// The number by which `shaders/shared/activation.wgsl` knows it; 0 is the identity.
    pub fn code(self) -> u32 {
        match self {
            Self::Relu => 1,
            Self::LeakyRelu(_) => 2,
            Self::Sigmoid => 3,
            Self::Tanh => 4,
            Self::Softplus => 5,
            Self::Gelu => 6,
            Self::Silu => 7,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::LeakyRelu(_) => "leaky-relu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Softplus => "softplus",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
        }
    }

    /// The slope of a leaky rectifier; 0 for all others.
    pub fn slope(self) -> f32 {
        if let Self::LeakyRelu(slope) = self { slope } else { 0.0 }
    }

    /// Whether the derivative is written in terms of the activation's output (else of its input).
    fn by_output(self) -> bool {
        !matches!(self, Self::Gelu | Self::Silu)
    }

    /// Applies it to `values` in place.
    pub fn apply(self, values: &mut [f32]) {
        macro_rules! each {
            ($x:ident => $y:expr) => {
                simd::vectorised!(for value in values {
                    let $x = *value;
                    *value = $y;
                })
            };
        }
        match self {
            Self::Relu => each!(x => if x > 0.0 { x } else { 0.0 }),
            Self::LeakyRelu(slope) => each!(x => if x > 0.0 { x } else { slope * x }),
            Self::Sigmoid => each!(x => simd::sigmoid(x)),
            Self::Tanh => each!(x => simd::tanh(x)),
            Self::Softplus => each!(x => simd::softplus(x)),
            Self::Gelu => each!(x => x * normal_distribution(x)),
            Self::Silu => each!(x => x * simd::sigmoid(x)),
        }
    }

    /// Multiplies `gradients` by its derivative, given at `v`: the activation's output (for GELU and
    /// SiLU, its input).
    pub fn apply_gradient(self, gradients: &mut [f32], v: &[f32]) {
        macro_rules! each {
            ($g:ident, $v:ident => $by_x:expr) => {
                simd::vectorised!(for (gradient, value) in gradients.iter_mut().zip(v) {
                    let ($g, $v) = (*gradient, *value);
                    *gradient = $by_x;
                })
            };
        }
        match self {
            Self::Relu => each!(g, y => if y > 0.0 { g } else { 0.0 }),
            Self::LeakyRelu(slope) => each!(g, y => if y > 0.0 { g } else { slope * g }),
            Self::Sigmoid => each!(g, y => flush(g * y * (1.0 - y))),
            Self::Tanh => each!(g, y => g * (1.0 - y * y)),
            Self::Softplus => each!(g, y => g * (1.0 - simd::exp(-y))),
            Self::Gelu => each!(g, x => g * (normal_distribution(x) + x * normal_density(x))),
            Self::Silu => each!(g, x => {
                let s = simd::sigmoid(x);
                g * s * (1.0 + x * (1.0 - s))
            }),
        }
    }

    /// What [`Self::apply`] computes in WGSL, of the names of a vec4 and of the slope.
    pub(crate) fn wgsl(self, x: &str, slope: &str) -> String {
        match self {
            Self::Relu => format!("max({x}, vec4<f32>(0.0))"),
            Self::LeakyRelu(_) => format!("select({slope} * {x}, {x}, {x} > vec4<f32>(0.0))"),
            Self::Sigmoid => format!("sigmoid4({x})"),
            Self::Tanh => format!("tanh4({x})"),
            Self::Softplus => format!("softplus4({x})"),
            Self::Gelu => format!("{x} * normal_distribution4({x})"),
            Self::Silu => format!("{x} * sigmoid4({x})"),
        }
    }

    /// What [`Self::apply_gradient`] computes in WGSL, of the names of vec4s `g` and `v` and of the
    /// slope.
    pub(crate) fn gradient_wgsl(self, g: &str, v: &str, slope: &str) -> String {
        match self {
            Self::Relu => format!("select(vec4<f32>(0.0), {g}, {v} > vec4<f32>(0.0))"),
            Self::LeakyRelu(_) => format!("select({slope} * {g}, {g}, {v} > vec4<f32>(0.0))"),
            Self::Sigmoid => format!("{g} * {v} * (1.0 - {v})"),
            Self::Tanh => format!("{g} * (1.0 - {v} * {v})"),
            Self::Softplus => format!("{g} * (1.0 - exp(-{v}))"),
            Self::Gelu => format!(
                "{g} * (normal_distribution4({v}) + {v} * 0.3989423 * exp(-0.5 * {v} * {v}))"
            ),
            Self::Silu => format!("{g} * sigmoid4({v}) * (1.0 + {v} * (1.0 - sigmoid4({v})))"),
        }
    }
}

#[inline(always)]
fn normal_distribution(x: f32) -> f32 {
    0.5 + 0.5 * simd::erf(x * std::f32::consts::FRAC_1_SQRT_2)
}

#[inline(always)]
fn normal_density(x: f32) -> f32 {
    0.398_942_3 * simd::exp(-0.5 * x * x)
}

/// Numbers that mean nothing as 0. A saturated output layer has gradients so small that the products
/// behind it are denormal, on which processors spend a hundred times the work; GPUs flush them too.
#[inline(always)]
fn flush(x: f32) -> f32 {
    if x.abs() < 1e-30 { 0.0 } else { x }
}

impl FromStr for Activation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let slope = |text: &str| text.parse().ok().filter(|slope| (1e-6..1.0).contains(slope));
        let leaky = text.strip_prefix("leaky-relu:").and_then(slope).map(Self::LeakyRelu);
        let names = [
            Self::Relu,
            Self::LeakyRelu(0.01),
            Self::Sigmoid,
            Self::Tanh,
            Self::Softplus,
            Self::Gelu,
            Self::Silu,
        ];
        let known = names.into_iter().find(|known| known.name() == text);
        leaky.or(known).ok_or_else(|| {
            let list = names.map(Self::name).join(", ");
            let what = format!("`{text}` is none of {list}, or leaky-relu:SLOPE below 1");
            Error::option("--activation", what)
        })
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Self::LeakyRelu(slope) = self { write!(f, ":{slope}") } else { Ok(()) }
    }
}

impl TryFrom<String> for Activation {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Activation> for String {
    fn from(activation: Activation) -> Self {
        activation.to_string()
    }
}

static KERNEL: Kernel = kernel!("elementwise/activation");

impl Op for Activate {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let at_value = if self.0.by_output() { at.output } else { at.inputs[0] };
        let op = Arc::new(ActivationGradient(self.0));
        Ok(vec![Some(builder.apply(op, &[at.gradient, at_value])?)])
    }

    fn cpu(&self, mut call: CpuCall) {
        let input = call.inputs[0];
        simd::in_chunks(call.output(), |start, out| {
            out.copy_from_slice(&input[start..start + out.len()]);
            self.0.apply(out);
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        dispatch(self.0, "main", vec![Binding::Input(0), Binding::Output(0)], shapes)
    }

    fn pointwise(&self) -> Option<Pointwise> {
        Some(Pointwise::Activation(self.0))
    }

    fn epilogue_part(&self) -> Option<EpiloguePart> {
        Some(EpiloguePart::Activation(self.0))
    }
}

impl ActivationGradient {
    /// The derivative of `activation'` in the value it is written in, as nodes.
    fn second(&self, builder: &mut dyn Builder, v: NodeId) -> Result<Option<NodeId>> {
        Ok(Some(match self.0 {
            Activation::Relu | Activation::LeakyRelu(_) => return Ok(None),
            // y (1 - y)
            Activation::Sigmoid => affine(builder, v, -2.0, 1.0)?,
            // 1 - y^2
            Activation::Tanh => affine(builder, v, -2.0, 0.0)?,
            // 1 - e^-y
            Activation::Softplus => {
                let negative = affine(builder, v, -1.0, 0.0)?;
                unary(builder, negative, UnaryKind::Exp)?
            }
            // phi(x) (2 - x^2)
            Activation::Gelu => {
                let square = unary(builder, v, UnaryKind::Square)?;
                let exponent = affine(builder, square, -0.5, 0.0)?;
                let density = unary(builder, exponent, UnaryKind::Exp)?;
                let factor = affine(builder, square, -0.398_942_3, 2.0 * 0.398_942_3)?;
                mul(builder, density, factor)?
            }
            // s (1 - s) (2 + x (1 - 2 s))
            Activation::Silu => {
                let s = activate(builder, v, Activation::Sigmoid)?;
                let rest = affine(builder, s, -1.0, 1.0)?;
                let slope = mul(builder, s, rest)?;
                let turned = affine(builder, s, -2.0, 1.0)?;
                let product = mul(builder, v, turned)?;
                let factor = affine(builder, product, 1.0, 2.0)?;
                mul(builder, slope, factor)?
            }
        }))
    }
}

impl Op for ActivationGradient {
    fn name(&self) -> &'static str {
        "activation_gradient"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        if inputs[0] != inputs[1] {
            return Err(Error::shape(self.name(), "gradient and value have one shape", inputs));
        }
        Ok(inputs[0].clone())
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let [gradient, value] = [at.inputs[0], at.inputs[1]];
        let by_gradient = builder.apply(Arc::new(*self), &[at.gradient, value])?;
        let second = if at.wanted[1] { self.second(builder, value)? } else { None };
        let by_value = match second {
            Some(second) => {
                let product = mul(builder, at.gradient, gradient)?;
                Some(mul(builder, product, second)?)
            }
            None => None,
        };
        Ok(vec![Some(by_gradient), by_value])
    }

    fn cpu(&self, mut call: CpuCall) {
        let (g, v) = (call.inputs[0], call.inputs[1]);
        simd::in_chunks(call.output(), |start, out| {
            out.copy_from_slice(&g[start..][..out.len()]);
            self.0.apply_gradient(out, &v[start..][..out.len()]);
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let bindings = vec![Binding::Input(0), Binding::Output(0), Binding::Input(1)];
        dispatch(self.0, "gradient", bindings, shapes)
    }

    fn pointwise(&self) -> Option<Pointwise> {
        Some(Pointwise::ActivationGradient(self.0))
    }

    fn epilogue_part(&self) -> Option<EpiloguePart> {
        Some(EpiloguePart::ActivationGradient(self.0))
    }
}

fn dispatch(
    activation: Activation,
    entry: &'static str,
    bindings: Vec<Binding>,
    shapes: &Shapes,
) -> Vec<Dispatch> {
    let vectors = shapes.output.elements().div_ceil(4);
    vec![
        Dispatch::new(&KERNEL, bindings, Dispatch::linear(vectors, 64))
            .entry(entry)
            .constant("ACTIVATION", activation.code())
            .constant("SLOPE", activation.slope())
            .params([vectors as u32]),
    ]
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
