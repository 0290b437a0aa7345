//! Pixels made black or white at random, with their brightness as the probability of white: dynamic
//! binarisation (Burda, Grosse and Salakhutdinov, 2016).

use std::sync::Arc;

use super::draws::draw_output;
use crate::error::Result;
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::rng::{self, Stream};
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("random/binarise");

/// 1 with probability `x` for each element of `images`, else 0, drawn anew at every step; of any
/// shape, in [0, 1]. What is 0 stays 0 and what is 1 stays 1. There is no gradient.
///
/// # Errors
/// Never for a node of the same graph.
pub fn binarise(builder: &mut dyn Builder, images: NodeId) -> Result<NodeId> {
    let stream = builder.fresh_stream();
    builder.apply(Arc::new(Binarise { stream }), &[images])
}

/// The operation of [`binarise`].
#[derive(Clone, Copy, Debug)]
pub struct Binarise {
    /// Where the draws come from.
    pub stream: Stream,
}

impl Op for Binarise {
    fn name(&self) -> &'static str {
        "binarise"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let input = call.inputs[0];
        draw_output!(call, self.stream, |start, out, words| {
            for ((out, x), word) in out.iter_mut().zip(&input[start..]).zip(words) {
                *out = if rng::uniform(*word) < *x { 1.0 } else { 0.0 };
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let bindings = vec![Binding::Input(0), Binding::Output(0)];
        vec![
            Dispatch::new(&KERNEL, bindings, Dispatch::linear(vectors, 64))
                .params([vectors as u32, self.stream.0]),
        ]
    }

    fn stream(&self) -> Option<Stream> {
        Some(self.stream)
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
