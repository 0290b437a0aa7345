//! Arithmetic on one tensor, element by element.

use super::nodes::{Unary, affine, mul, unary};
use crate::arithmetic::simd;
use crate::error::Result;
use crate::ops::function::{Pointwise, UnaryKind};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

/// What the exponential takes at most, which leaves it a number: some GPUs' compilers take no number to be infinite,
/// and may make anything of one that is. NaN stays NaN, as it does not by a minimum.
const MOST: f32 = 88.7;

impl UnaryKind {
    /// The number by which `shaders/shared/unary.wgsl` knows it.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Affine { .. } => 0,
            Self::Exp => 1,
            Self::Log => 2,
            Self::Sqrt => 3,
            Self::Square => 4,
            Self::Abs => 5,
            Self::Reciprocal => 6,
            Self::Sign => 7,
            Self::Sin => 8,
            Self::Cos => 9,
            Self::Clamp { .. } => 10,
            Self::Power { .. } => 11,
            Self::Within { .. } => 12,
            Self::Floor => 13,
        }
    }

    /// `out[i] = f(x[i])`.
    pub(crate) fn apply(self, out: &mut [f32], x: &[f32]) {
        macro_rules! each {
            ($x:ident => $y:expr) => {
                simd::vectorised!(for (out, x) in out.iter_mut().zip(x) {
                    let $x = *x;
                    *out = $y;
                })
            };
        }
        match self {
            UnaryKind::Affine { scale, offset } => each!(x => scale * x + offset),
            UnaryKind::Exp => each!(x => simd::exp(if x > MOST { MOST } else { x })),
            UnaryKind::Log => each!(x => simd::ln(x)),
            UnaryKind::Sqrt => each!(x => x.sqrt()),
            UnaryKind::Square => each!(x => x * x),
            UnaryKind::Abs => each!(x => x.abs()),
            UnaryKind::Reciprocal => each!(x => 1.0 / x),
            UnaryKind::Sign => each!(x => {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    0.0
                }
            }),
            UnaryKind::Sin => each!(x => x.sin()),
            UnaryKind::Cos => each!(x => x.cos()),
            UnaryKind::Clamp { low, high } => each!(x => x.max(low).min(high)),
            UnaryKind::Power { exponent } => each!(x => x.powf(exponent)),
            UnaryKind::Within { low, high } => {
                each!(x => if x >= low && x <= high { 1.0 } else { 0.0 });
            }
            UnaryKind::Floor => each!(x => x.floor()),
        }
    }

    /// f(x) in WGSL, of the name of a vec4 and those of [`Self::constants`].
    pub(crate) fn wgsl(self, x: &str, [a, b]: [&str; 2]) -> String {
        match self {
            Self::Affine { .. } => format!("{a} * {x} + {b}"),
            Self::Exp => {
                let most = format!("vec4<f32>({MOST})");
                format!("exp(select({x}, {most}, {x} > {most}))")
            }
            Self::Log => format!("log({x})"),
            Self::Sqrt => format!("sqrt({x})"),
            Self::Square => format!("{x} * {x}"),
            Self::Abs => format!("abs({x})"),
            Self::Reciprocal => format!("1.0 / {x}"),
            Self::Sign => format!("sign({x})"),
            Self::Sin => format!("sin({x})"),
            Self::Cos => format!("cos({x})"),
            Self::Clamp { .. } => format!("clamp({x}, vec4<f32>({a}), vec4<f32>({b}))"),
            Self::Power { .. } => format!("pow({x}, vec4<f32>({a}))"),
            Self::Within { .. } => format!(
                "select(vec4<f32>(0.0), vec4<f32>(1.0), ({x} >= vec4<f32>({a})) & ({x} <= vec4<f32>({b})))"
            ),
            Self::Floor => format!("floor({x})"),
        }
    }

    /// The two numbers that the kernel takes besides x.
    pub(crate) fn constants(self) -> [f32; 2] {
        match self {
            Self::Affine { scale, offset } => [scale, offset],
            Self::Clamp { low, high } | Self::Within { low, high } => [low, high],
            Self::Power { exponent } => [exponent, 0.0],
            _ => [0.0; 2],
        }
    }
}

static KERNEL: Kernel = kernel!("elementwise/unary");

impl Unary {
    /// The derivative as a node, given the input x and the output y.
    fn derivative(&self, b: &mut dyn Builder, x: NodeId, y: NodeId) -> Result<NodeId> {
        match self.0 {
            UnaryKind::Exp => Ok(y),
            UnaryKind::Log => unary(b, x, UnaryKind::Reciprocal),
            UnaryKind::Sqrt => {
                let reciprocal = unary(b, y, UnaryKind::Reciprocal)?;
                affine(b, reciprocal, 0.5, 0.0)
            }
            UnaryKind::Square => affine(b, x, 2.0, 0.0),
            UnaryKind::Abs => unary(b, x, UnaryKind::Sign),
            UnaryKind::Reciprocal => {
                let square = unary(b, y, UnaryKind::Square)?;
                affine(b, square, -1.0, 0.0)
            }
            UnaryKind::Sin => unary(b, x, UnaryKind::Cos),
            UnaryKind::Cos => {
                let sine = unary(b, x, UnaryKind::Sin)?;
                affine(b, sine, -1.0, 0.0)
            }
            UnaryKind::Clamp { low, high } => unary(b, x, UnaryKind::Within { low, high }),
            UnaryKind::Power { exponent } => {
                let lower = unary(b, x, UnaryKind::Power { exponent: exponent - 1.0 })?;
                affine(b, lower, exponent, 0.0)
            }
            UnaryKind::Affine { .. }
            | UnaryKind::Sign
            | UnaryKind::Within { .. }
            | UnaryKind::Floor => unreachable!("handled by the gradient rule"),
        }
    }
}

impl Op for Unary {
    fn name(&self) -> &'static str {
        "unary"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let gradient = match self.0 {
            UnaryKind::Sign | UnaryKind::Within { .. } | UnaryKind::Floor => return Ok(vec![None]),
            UnaryKind::Affine { scale, .. } => affine(builder, at.gradient, scale, 0.0)?,
            _ => {
                let derivative = self.derivative(builder, at.inputs[0], at.output)?;
                mul(builder, at.gradient, derivative)?
            }
        };
        Ok(vec![Some(gradient)])
    }

    fn takes_broadcast_gradient(&self) -> bool {
        true
    }

    fn pointwise(&self) -> Option<Pointwise> {
        Some(Pointwise::Unary(self.0))
    }

    fn cpu(&self, mut call: CpuCall) {
        let x = call.inputs[0];
        simd::in_chunks(call.output(), |start, out| self.0.apply(out, &x[start..][..out.len()]));
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let [a, b] = self.0.constants().map(f32::to_bits);
        let bindings = vec![Binding::Input(0), Binding::Output(0)];
        vec![
            Dispatch::new(&KERNEL, bindings, Dispatch::linear(vectors, 64))
                .constant("KIND", self.0.code())
                .params([vectors as u32, a, b]),
        ]
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
