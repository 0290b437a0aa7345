//! The norm of all gradients together, by which they are clipped.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("optimiser/global_norm");

/// The Euclidean norm of all gradients together. The gaps between tensors are not read.
#[derive(Clone, Debug)]
pub struct GlobalNorm {
    /// The words of each tensor.
    pub segments: Vec<Range<usize>>,
}

/// Words that one workgroup of the first pass sums.
const GRAIN: usize = 4096;

impl GlobalNorm {
    fn groups(segment: &Range<usize>) -> usize {
        segment.len().div_ceil(GRAIN)
    }
}

impl Op for GlobalNorm {
    fn name(&self) -> &'static str {
        "global_norm"
    }

    fn shape(&self, _inputs: &[&Shape]) -> Result<Shape> {
        Ok(Shape::scalar())
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Err(Error::Graph("the global norm of gradients has no gradient".into()))
    }

    fn cpu(&self, mut call: CpuCall) {
        let gradients = call.inputs[0];
        let square = |range: &Range<usize>| -> f64 {
            gradients[range.clone()].iter().map(|g| f64::from(*g) * f64::from(*g)).sum()
        };
        call.output()[0] = self.segments.iter().map(square).sum::<f64>().sqrt() as f32;
    }

    fn gpu(&self, _shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let mut done = 0;
        let mut dispatches: Vec<Dispatch> = self
            .segments
            .iter()
            .map(|segment| {
                let groups = Self::groups(segment);
                let numbers = [segment.start, segment.end, done, GRAIN];
                done += groups;
                Dispatch::new(
                    &KERNEL,
                    vec![Binding::Input(0), Binding::Scratch],
                    Dispatch::linear(groups, 1),
                )
                .entry("squares")
                .params(numbers.map(|number| number as u32))
            })
            .collect();
        dispatches.push(
            Dispatch::new(&KERNEL, vec![Binding::Scratch, Binding::Output(0)], [1, 1, 1])
                .entry("root")
                .params([0, done as u32, 0, 0]),
        );
        dispatches
    }

    fn gpu_scratch(&self, _shapes: &Shapes, _target: &GpuTarget) -> usize {
        self.segments.iter().map(Self::groups).sum()
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
