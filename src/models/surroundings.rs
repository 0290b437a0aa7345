//! What stands in a window around each pixel, row by row and column by column.

use crate::error::Result;
use crate::ops::{self, Builder, ConvGeometry, NodeId};

/// Windows of `side` pixels around each one: of one column, and of one row.
pub(super) fn lines(side: usize) -> [ConvGeometry; 2] {
    let padding = side / 2;
    [
        ConvGeometry::symmetric([side, 1], [1, 1], [padding, 0]),
        ConvGeometry::symmetric([1, side], [1, 1], [0, padding]),
    ]
}

/// The mean of the square window of `side` pixels around each one of `x`, `[batch, channels, height, width]`; beyond
/// the image there are zeros.
pub(super) fn mean(builder: &mut dyn Builder, x: NodeId, side: usize) -> Result<NodeId> {
    let [column, row] = lines(side);
    let x = ops::avg_pool2d(builder, x, column)?;
    ops::avg_pool2d(builder, x, row)
}

/// The greatest of that window.
pub(super) fn greatest(builder: &mut dyn Builder, x: NodeId, side: usize) -> Result<NodeId> {
    let [column, row] = lines(side);
    let x = ops::max_pool2d(builder, x, column)?;
    ops::max_pool2d(builder, x, row)
}
