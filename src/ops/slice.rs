//! A box cut out of a tensor.

use std::ops::Range;
use std::sync::Arc;

use super::strided::{MAX_AXES, Walk};
use super::*;

/// The part of `x` with indices `begin[axis] .. end[axis]` along each axis.
///
/// # Errors
/// When there is not one begin and one end an axis, or a part is empty or beyond its axis.
pub fn slice(
    builder: &mut dyn Builder,
    x: NodeId,
    begin: &[usize],
    end: &[usize],
) -> Result<NodeId> {
    if begin.iter().all(|begin| *begin == 0) && end == &builder.shape(x)[..] {
        return Ok(x);
    }
    builder.apply(Arc::new(Slice { begin: begin.to_vec(), end: end.to_vec() }), &[x])
}

/// The part of `x` with indices `range` along one axis, and all of the others.
///
/// # Errors
/// When there is no such axis, or `range` is empty or beyond it.
pub fn slice_axis(
    builder: &mut dyn Builder,
    x: NodeId,
    axis: usize,
    range: Range<usize>,
) -> Result<NodeId> {
    let shape = builder.shape(x).clone();
    if axis >= shape.rank() {
        return Err(Error::shape("slice", format!("there is no axis {axis}"), &[&shape]));
    }
    let mut begin = vec![0; shape.rank()];
    let mut end = shape.to_vec();
    (begin[axis], end[axis]) = (range.start, range.end);
    slice(builder, x, &begin, &end)
}

/// The operation of [`slice()`].
#[derive(Clone, Debug)]
pub struct Slice {
    /// The first index along each axis.
    pub begin: Vec<usize>,
    /// The index after the last along each axis.
    pub end: Vec<usize>,
}

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
