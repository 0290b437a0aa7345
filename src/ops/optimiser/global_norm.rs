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
/// Segments that one dispatch can tell apart: `MOST_SEGMENTS` of the kernel. More take more dispatches.
const MOST_SEGMENTS: usize = 256;

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
        let mut dispatches = vec![];
        for segments in self.segments.chunks(MOST_SEGMENTS) {
            let first = done;
            let mut table = vec![];
            for segment in segments {
                table.extend([segment.start, segment.end, done - first, 0]);
                done += Self::groups(segment);
            }
            table.resize(4 * MOST_SEGMENTS, 0);
            let numbers = [done - first, segments.len(), first, GRAIN].into_iter().chain(table);
            let groups = Dispatch::linear(done - first, 1);
            dispatches.push(
                Dispatch::new(&KERNEL, vec![Binding::Input(0), Binding::Scratch], groups)
                    .entry("squares")
                    .params(numbers.map(|number| number as u32)),
            );
        }
        dispatches.push(
            Dispatch::new(&KERNEL, vec![Binding::Scratch, Binding::Output(0)], [1, 1, 1])
                .entry("root")
                .params([done as u32].into_iter().chain([0; 3 + 4 * MOST_SEGMENTS])),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(tensors: usize) -> Vec<(&'static str, [u32; 3], [u32; 4])> {
        let segments = (0..tensors).map(|tensor| 8192 * tensor..8192 * tensor + 4097).collect();
        let shapes = Shapes { inputs: vec![[8192 * tensors].into()], output: Shape::scalar() };
        let dispatches = GlobalNorm { segments }.gpu(&shapes, &GpuTarget::default()).into_iter();
        let head = |params: &[u32]| [params[0], params[1], params[2], params[3]];
        dispatches.map(|it| (it.entry, it.workgroups, head(&it.params))).collect()
    }

    #[test]
    fn all_tensors_are_squared_in_one_dispatch() {
        let root = ("root", [1, 1, 1]);
        let [squares, last] = passes(40)[..] else { panic!("{:?}", passes(40)) };
        assert_eq!(squares, ("squares", [80, 1, 1], [80, 40, 0, 4096]));
        assert_eq!(last, (root.0, root.1, [80, 0, 0, 0]));
        // What no table holds goes into a second one, whose results lie behind those of the first.
        let [_, second, last] = passes(300)[..] else { panic!("{:?}", passes(300)) };
        assert_eq!(second, ("squares", [88, 1, 1], [88, 44, 512, 4096]));
        assert_eq!(last, (root.0, root.1, [600, 0, 0, 0]));
    }
}
