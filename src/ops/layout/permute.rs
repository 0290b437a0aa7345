//! Axes in another order.

use std::sync::Arc;

use super::reshape::reshape;
use super::strided::{MAX_AXES, Walk};
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::Dispatch;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

/// `x` with its axes in the order `axes`: axis number k of the result is axis `axes[k]` of `x`.
///
/// # Errors
/// When `axes` does not name each axis once.
pub fn permute(builder: &mut dyn Builder, x: NodeId, axes: &[usize]) -> Result<NodeId> {
    let shape = builder.shape(x).clone();
    let all_once = |axis: &usize| axes.iter().filter(|other| *other == axis).count() == 1;
    if axes.len() == shape.rank() && (0..axes.len()).all(|axis| all_once(&axis)) {
        // Where only axes of size 1 move, elements stay where they are.
        let moved: Vec<usize> = axes.iter().copied().filter(|axis| shape[*axis] != 1).collect();
        if moved.is_sorted() {
            let sizes: Vec<usize> = axes.iter().map(|axis| shape[*axis]).collect();
            return reshape(builder, x, sizes);
        }
    }
    builder.apply(Arc::new(Permute { axes: axes.to_vec() }), &[x])
}

/// The operation of [`permute`].
#[derive(Clone, Debug)]
pub struct Permute {
    /// The input's axes in the output's order.
    pub axes: Vec<usize>,
}

impl Permute {
    fn walk(&self, shapes: &Shapes) -> Walk {
        let strides = shapes.inputs[0].strides();
        let strides = self.axes.iter().map(|axis| strides[*axis]).collect();
        Walk::new(&shapes.output, &[strides])
    }
}

impl Op for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let rank = inputs[0].rank();
        let mut sorted = self.axes.clone();
        sorted.sort_unstable();
        if sorted != (0..rank).collect::<Vec<_>>() || rank > MAX_AXES {
            let what = format!("{:?} must name each of at most 8 axes once", self.axes);
            return Err(Error::shape(self.name(), what, inputs));
        }
        Ok(Shape::new(self.axes.iter().map(|axis| inputs[0][*axis]).collect::<Vec<_>>()))
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let mut back = vec![0; self.axes.len()];
        for (to, from) in self.axes.iter().enumerate() {
            back[*from] = to;
        }
        Ok(vec![Some(permute(builder, at.gradient, &back)?)])
    }

    fn cpu(&self, mut call: CpuCall) {
        self.walk(call.shapes).copy(call.inputs[0], call.output());
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        vec![self.walk(shapes).dispatch(0)]
    }
}
