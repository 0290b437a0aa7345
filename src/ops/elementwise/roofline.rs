//! Two loops that do nothing but arithmetic and nothing but copy: the ceilings that all other
//! operations stay below (Williams, Waterman, Patterson: "Roofline", 2009).

use pulp::{Simd, WithSimd};

use crate::arithmetic::simd;
use crate::error::Result;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("elementwise/roofline");

/// Chains of multiply-adds that do not wait for each other.
const CHAINS: usize = 8;

/// What is measured, on one input of any shape; the output is shaped like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roofline {
    /// Eight chains of this many multiply-adds an element.
    MultiplyAdds(u32),
    /// A copy.
    Copy,
}

impl Op for Roofline {
    fn name(&self) -> &'static str {
        "roofline"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let input = call.inputs[0];
        simd::in_chunks(call.output(), |start, out| {
            let input = &input[start..][..out.len()];
            match *self {
                Self::Copy => out.copy_from_slice(input),
                Self::MultiplyAdds(rounds) => {
                    pulp::Arch::new().dispatch(Chains { out, input, rounds });
                }
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let bindings = vec![Binding::Input(0), Binding::Output(0)];
        let dispatch = Dispatch::new(&KERNEL, bindings, Dispatch::linear(vectors, 64))
            .params([vectors as u32]);
        vec![match *self {
            Self::Copy => dispatch.entry("copy"),
            Self::MultiplyAdds(rounds) => dispatch.entry("multiply_add").constant("ROUNDS", rounds),
        }]
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        match *self {
            Self::Copy => 0,
            Self::MultiplyAdds(rounds) => {
                (2 * CHAINS * shapes.output.elements()) as u64 * u64::from(rounds)
            }
        }
    }
}

/// The arithmetic of a piece, written in vectors: a compiler left alone keeps the chains in memory.
struct Chains<'a> {
    out: &'a mut [f32],
    input: &'a [f32],
    rounds: u32,
}

impl WithSimd for Chains<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (out, out_rest) = S::as_mut_simd_f32s(self.out);
        let (input, input_rest) = S::as_simd_f32s(self.input);
        let splat = |x: f32| simd.splat_f32s(x);
        for (out, x) in out.iter_mut().zip(input) {
            let starts: [f32; CHAINS] = std::array::from_fn(|number| number as f32);
            let [mut c0, mut c1, mut c2, mut c3, mut c4, mut c5, mut c6, mut c7] =
                starts.map(|number| simd.add_f32s(*x, splat(number)));
            let (a, b) = (splat(0.999), splat(0.001));
            for _ in 0..self.rounds {
                c0 = simd.mul_add_f32s(c0, a, b);
                c1 = simd.mul_add_f32s(c1, a, b);
                c2 = simd.mul_add_f32s(c2, a, b);
                c3 = simd.mul_add_f32s(c3, a, b);
                c4 = simd.mul_add_f32s(c4, a, b);
                c5 = simd.mul_add_f32s(c5, a, b);
                c6 = simd.mul_add_f32s(c6, a, b);
                c7 = simd.mul_add_f32s(c7, a, b);
            }
            let sum = |a, b| simd.add_f32s(a, b);
            *out = sum(sum(sum(c0, c1), sum(c2, c3)), sum(sum(c4, c5), sum(c6, c7)));
        }
        for (out, x) in out_rest.iter_mut().zip(input_rest) {
            let mut chains: [f32; CHAINS] = std::array::from_fn(|number| x + number as f32);
            for _ in 0..self.rounds {
                chains = chains.map(|c| c.mul_add(0.999, 0.001));
            }
            let [a, b, c, d, e, f, g, h] = chains;
            *out = ((a + b) + (c + d)) + ((e + f) + (g + h));
        }
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
