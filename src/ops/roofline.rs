//! Two loops that do nothing but arithmetic and nothing but copy: the ceilings that all other
//! operations stay below (Williams, Waterman, Patterson: "Roofline", 2009).

use super::*;
use crate::kernel;
use crate::simd;

static KERNEL: Kernel = kernel!("roofline", "linear");

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

/// The arithmetic of a piece. A closure as long as this would be compiled by itself, for a processor
/// without multiply-adds.
struct Chains<'a> {
    out: &'a mut [f32],
    input: &'a [f32],
    rounds: u32,
}

impl pulp::NullaryFnOnce for Chains<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        multiply_adds(self.out, self.input, self.rounds);
    }
}

/// Sixteen elements at a time, so that the chains of all of them stay in registers.
#[inline(always)]
fn multiply_adds(out: &mut [f32], input: &[f32], rounds: u32) {
    const LANES: usize = 16;
    for (out, input) in out.chunks_mut(LANES).zip(input.chunks(LANES)) {
        let mut start = [0.0_f32; LANES];
        start[..input.len()].copy_from_slice(input);
        let mut chains = [start; CHAINS];
        for (number, chain) in chains.iter_mut().enumerate() {
            for c in chain {
                *c += number as f32;
            }
        }
        for _ in 0..rounds {
            for chain in &mut chains {
                for c in chain {
                    *c = c.mul_add(0.999, 0.001);
                }
            }
        }
        let [a, b, c, d, e, f, g, h] = chains;
        for (lane, out) in out.iter_mut().enumerate() {
            *out = ((a[lane] + b[lane]) + (c[lane] + d[lane]))
                + ((e[lane] + f[lane]) + (g[lane] + h[lane]));
        }
    }
}

pub(super) fn kernel() -> &'static Kernel {
    &KERNEL
}
