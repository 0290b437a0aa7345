//! Dropout (Srivastava et al., 2014): elements left out at random while training.

use std::sync::Arc;

use super::draws::draw_output;
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::rng::{self, Stream};
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("random/dropout");

/// `x`, of any shape, with each element set to 0 with `probability` and the others scaled so that
/// the mean stays; others at every step.
///
/// # Errors
/// When `probability` is not in `[0, 1)`.
pub fn dropout(builder: &mut dyn Builder, x: NodeId, probability: f32) -> Result<NodeId> {
    if !(0.0..1.0).contains(&probability) {
        let what = format!("a probability of {probability} is not in [0, 1)");
        return Err(Error::option("dropout", what));
    }
    if probability == 0.0 {
        return Ok(x);
    }
    let stream = builder.fresh_stream();
    builder.apply(Arc::new(Dropout { probability, stream }), &[x])
}

/// The operation of [`dropout`]. It is linear, and draws the same mask wherever it is applied with
/// the same stream, so it is its own gradient.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    /// With which an element is left out.
    pub probability: f32,
    /// Where the mask is drawn from.
    pub stream: Stream,
}

impl Dropout {
    fn scale(&self) -> f32 {
        1.0 / (1.0 - self.probability)
    }
}

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(builder.apply(Arc::new(*self), &[at.gradient])?)])
    }

    fn cpu(&self, mut call: CpuCall) {
        let (input, scale) = (call.inputs[0], self.scale());
        draw_output!(call, self.stream, |start, out, words| {
            for ((out, x), word) in out.iter_mut().zip(&input[start..]).zip(words) {
                *out = if rng::uniform(*word) >= self.probability { x * scale } else { 0.0 };
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let numbers = [self.probability, self.scale()].map(f32::to_bits);
        let bindings = vec![Binding::Input(0), Binding::Output(0)];
        vec![
            Dispatch::new(&KERNEL, bindings, Dispatch::linear(vectors, 64))
                .params([vectors as u32, self.stream.0].into_iter().chain(numbers)),
        ]
    }

    fn stream(&self) -> Option<Stream> {
        Some(self.stream)
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
