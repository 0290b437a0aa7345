//! A box cut out of a tensor.

use super::nodes::{Slice, pad};
use super::strided::{MAX_AXES, Walk};
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::Dispatch;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

impl Slice {
    /// The walk over the output that reads the input, and where in the input it starts.
    fn walk(&self, shapes: &Shapes) -> (Walk, usize) {
        let strides = shapes.inputs[0].strides();
        let base = self.begin.iter().zip(&strides).map(|(begin, stride)| begin * stride).sum();
        (Walk::new(&shapes.output, &[strides]), base)
    }
}

impl Op for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let rank = inputs[0].rank();
        let known = self.begin.len() == rank && self.end.len() == rank && rank <= MAX_AXES;
        let fits =
            |axis: usize| self.begin[axis] < self.end[axis] && self.end[axis] <= inputs[0][axis];
        if !known || !(0..rank).all(fits) {
            let what = format!("no indices {:?} to {:?}", self.begin, self.end);
            return Err(Error::shape(self.name(), what, inputs));
        }
        let sizes = self.end.iter().zip(&self.begin).map(|(end, begin)| end - begin);
        Ok(Shape::new(sizes.collect::<Vec<_>>()))
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let shape = builder.shape(at.inputs[0]);
        let after: Vec<usize> = shape.iter().zip(&self.end).map(|(size, end)| size - end).collect();
        Ok(vec![Some(pad(builder, at.gradient, &self.begin, &after, 0.0)?)])
    }

    fn cpu(&self, mut call: CpuCall) {
        let (walk, base) = self.walk(call.shapes);
        walk.copy(&call.inputs[0][base..], call.output());
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let (walk, base) = self.walk(shapes);
        vec![walk.dispatch(base)]
    }
}
