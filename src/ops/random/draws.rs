//! Tensors of random numbers, drawn anew at every step.

use std::sync::Arc;

use crate::arithmetic::simd;
use crate::error::Result;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::step::StepScalars;
use crate::ops::target::GpuTarget;
use crate::rng::{self, Stream};
use crate::shape::Shape;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RandomKind {
    /// Evenly from `[low, high)`.
    Uniform {
        /// The least value.
        low: f32,
        /// The bound above.
        high: f32,
    },
    /// From a normal distribution.
    Normal {
        /// Its mean.
        mean: f32,
        /// Its standard deviation.
        deviation: f32,
    },
    /// 1 with this probability, else 0.
    Bernoulli {
        /// The probability of 1.
        probability: f32,
    },
    /// The raw words, for tests that compare them bit for bit.
    #[doc(hidden)]
    Words,
}

static KERNEL: Kernel = kernel!("random/draws");

/// A tensor of `shape` drawn from a stream of its own, with the step as counter.
///
/// # Errors
/// When `shape` holds too many numbers.
pub fn random(
    builder: &mut dyn Builder,
    shape: impl Into<Shape>,
    kind: RandomKind,
) -> Result<NodeId> {
    let stream = builder.fresh_stream();
    builder.apply(Arc::new(Random { shape: shape.into(), kind, stream }), &[])
}

/// The operation of [`random`].
#[derive(Clone, Debug)]
pub struct Random {
    /// The output's shape.
    pub shape: Shape,
    /// What is drawn.
    pub kind: RandomKind,
    /// Where from.
    pub stream: Stream,
}

impl Op for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn shape(&self, _inputs: &[&Shape]) -> Result<Shape> {
        Ok(self.shape.clone())
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![])
    }

    fn cpu(&self, mut call: CpuCall) {
        draw_output!(call, self.stream, |_, out, words| match self.kind {
            RandomKind::Uniform { low, high } => {
                each(out, words, |word| low + (high - low) * rng::uniform(word));
            }
            RandomKind::Normal { mean, deviation } => {
                let normals = normals(words);
                for (out, normal) in out.iter_mut().zip(&normals) {
                    *out = mean + deviation * normal;
                }
            }
            RandomKind::Bernoulli { probability } => {
                each(out, words, |word| if rng::uniform(word) < probability { 1.0 } else { 0.0 })
            }
            RandomKind::Words => each(out, words, f32::from_bits),
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let (kind, [a, b]) = match self.kind {
            RandomKind::Uniform { low, high } => (0_u32, [low, high]),
            RandomKind::Normal { mean, deviation } => (1, [mean, deviation]),
            RandomKind::Bernoulli { probability } => (2, [probability, 0.0]),
            RandomKind::Words => (0, [0.0; 2]),
        };
        let groups = Dispatch::linear(vectors, 64);
        vec![
            Dispatch::new(&KERNEL, vec![Binding::Output(0)], groups)
                .entry(if self.kind == RandomKind::Words { "words" } else { "main" })
                .constant("KIND", kind)
                .params([vectors as u32, self.stream.0, a.to_bits(), b.to_bits()]),
        ]
    }

    fn stream(&self) -> Option<Stream> {
        Some(self.stream)
    }
}

/// Elements drawn at once: sixteen blocks, which fill the widest vectors.
pub(crate) const DRAWS: usize = 4 * BLOCKS;
const BLOCKS: usize = 16;

/// Hands `out` to `f` in pieces of up to [`DRAWS`] elements, with the index of each piece's first
/// element and one random word an element.
#[inline(always)]
pub(crate) fn in_draws(
    out: &mut [f32],
    step: &StepScalars,
    stream: Stream,
    f: impl Fn(usize, &mut [f32], &[u32; DRAWS]) + Sync,
) {
    simd::in_rows(out, DRAWS, |first, out| {
        simd::vectorised!(for (piece, out) in out.chunks_mut(DRAWS).enumerate() {
            let piece = first + piece;
            f(piece * DRAWS, out, &drawn(step, stream, piece));
        });
    });
}

/// [`in_draws`] over the output of a call, with a function that is compiled into its loop.
macro_rules! draw_output {
    ($call:ident, $stream:expr, |$start:pat_param, $out:ident, $words:ident| $body:expr) => {{
        let step = $call.step;
        $crate::ops::random::draws::in_draws(
            $call.output(),
            step,
            $stream,
            #[inline(always)]
            |$start, $out, $words| $body,
        )
    }};
}
pub(crate) use draw_output;

/// The words of elements `piece * DRAWS ..` of `stream` at this step.
#[inline(always)]
pub(crate) fn drawn(step: &StepScalars, stream: Stream, piece: usize) -> [u32; DRAWS] {
    let mut words = [0; DRAWS];
    for (block, words) in words.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *words = step.random_words(stream, (piece * BLOCKS + block) as u32);
    }
    words
}

/// Standard normal numbers, a pair from each pair of words.
#[inline(always)]
pub(crate) fn normals(words: &[u32; DRAWS]) -> [f32; DRAWS] {
    let mut normals = [0.0; DRAWS];
    for (pair, words) in normals.as_chunks_mut::<2>().0.iter_mut().zip(words.as_chunks::<2>().0) {
        *pair = rng::normal_pair(words[0], words[1]);
    }
    normals
}

#[inline(always)]
fn each(out: &mut [f32], words: &[u32; DRAWS], f: impl Fn(u32) -> f32) {
    for (out, word) in out.iter_mut().zip(words) {
        *out = f(*word);
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::kernel::MAX_INPUTS;
    use crate::rng::Seed;

    fn draw(kind: RandomKind, length: usize) -> Vec<f32> {
        let op = Random { shape: Shape::from([length]), kind, stream: Stream(3) };
        let shapes = Shapes { inputs: vec![], output: op.shape.clone() };
        let step = StepScalars { step: 5, seed: [11, 22], ..Default::default() };
        let mut out = vec![f32::NAN; length];
        let outputs = [&mut out[..], &mut [], &mut []];
        op.cpu(CpuCall { shapes: &shapes, inputs: [&[]; MAX_INPUTS], outputs, step: &step });
        out
    }

    #[test]
    fn words_are_the_blocks_of_the_stream() {
        // Long enough for threads, and not a multiple of a block.
        let drawn = draw(RandomKind::Words, 70_001);
        let seed = Seed(11 | 22 << 32);
        for index in [0, 1, 63, 64, 32_771, 70_000] {
            let block = rng::block(seed, Stream(3), 5, index as u32 / 4);
            assert_eq!(drawn[index].to_bits(), block[index % 4], "element {index}");
        }
    }

    #[test]
    fn distributions_have_their_moments() {
        let moments = |kind| {
            let drawn = draw(kind, 40_001);
            let mean = drawn.iter().map(|x| f64::from(*x)).sum::<f64>() / drawn.len() as f64;
            let square = |x: &f32| (f64::from(*x) - mean).powi(2);
            (mean, drawn.iter().map(square).sum::<f64>() / drawn.len() as f64)
        };
        let close = |(mean, variance): (f64, f64), expected: (f64, f64)| {
            (mean - expected.0).abs() < 0.03 && (variance - expected.1).abs() < 0.05
        };
        assert!(close(moments(RandomKind::Uniform { low: -1.0, high: 2.0 }), (0.5, 0.75)));
        assert!(close(moments(RandomKind::Normal { mean: 1.0, deviation: 0.5 }), (1.0, 0.25)));
        assert!(close(moments(RandomKind::Bernoulli { probability: 0.3 }), (0.3, 0.21)));
    }
}
