//! Cutting out and putting into a larger tensor, which are each other's gradients: what they are, and how
//! they are added. The rest of each stands in its own room.

use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::ops::node::NodeId;
use crate::ops::op::Builder;

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

/// `x` with `before[axis]` and `after[axis]` elements of `value` added along each axis.
///
/// # Errors
/// When there is not one number before and one after an axis.
pub fn pad(
    builder: &mut dyn Builder,
    x: NodeId,
    before: &[usize],
    after: &[usize],
    value: f32,
) -> Result<NodeId> {
    let rank = builder.shape(x).rank();
    let right = before.len() == rank && after.len() == rank;
    if right && before.iter().chain(after).all(|count| *count == 0) {
        return Ok(x);
    }
    builder.apply(Arc::new(Pad { before: before.to_vec(), after: after.to_vec(), value }), &[x])
}

/// The operation of [`pad`].
#[derive(Clone, Debug)]
pub struct Pad {
    /// Elements added at the beginning of each axis.
    pub before: Vec<usize>,
    /// Elements added at the end of each axis.
    pub after: Vec<usize>,
    /// What they are.
    pub value: f32,
}
