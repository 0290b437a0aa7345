//! The sizes of tensors, and of images.

use std::fmt;
use std::ops::Deref;

/// The sizes of a tensor's axes, outermost first. A scalar has no axes.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A shape with these axes.
    pub fn new(axes: impl Into<Vec<usize>>) -> Self {
        Self(axes.into())
    }

    /// The shape of a single number.
    pub fn scalar() -> Self {
        Self(Vec::new())
    }

    /// How many axes there are.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// How many elements there are: the product of the axes, or the largest number where that is
    /// too small for it.
    pub fn elements(&self) -> usize {
        self.0.iter().fold(1, |product, axis| product.saturating_mul(*axis))
    }

    /// Elements between neighbours along each axis.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        for axis in (1..self.rank()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis];
        }
        strides
    }

    /// Strides for reading a tensor of this shape as if it had shape `target`: 0 along every axis
    /// that is repeated. Axes are aligned at the last one, as in NumPy.
    pub fn broadcast_strides(&self, target: &Shape) -> Vec<usize> {
        let missing = target.rank() - self.rank();
        let own = self.strides();
        (0..target.rank())
            .map(|axis| match axis.checked_sub(missing) {
                Some(axis) if self.0[axis] != 1 => own[axis],
                _ => 0,
            })
            .collect()
    }

    /// The shape two operands share after broadcasting, if there is one.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let size = |shape: &Shape, axis: usize| match (axis + shape.rank()).checked_sub(rank) {
            Some(axis) => shape.0[axis],
            None => 1,
        };
        (0..rank)
            .map(|axis| match (size(self, axis), size(other, axis)) {
                (a, b) if a == b => Some(a),
                (1, b) => Some(b),
                (a, 1) => Some(a),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(Shape)
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<&[usize]> for Shape {
    fn from(axes: &[usize]) -> Self {
        Self(axes.to_vec())
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(axes: [usize; N]) -> Self {
        Self(axes.to_vec())
    }
}

impl From<Vec<usize>> for Shape {
    fn from(axes: Vec<usize>) -> Self {
        Self(axes)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[")?;
        for (axis, size) in self.0.iter().enumerate() {
            write!(f, "{}{size}", if axis > 0 { ", " } else { "" })?;
        }
        write!(f, "]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The most bytes of pixels a dataset may have. It is kept in memory, so a count that comes from a
/// typing error or a damaged header must not get as far as the allocator.
pub const MAX_BYTES: u64 = 1 << 34;

/// The largest width and height of an image.
pub const MAX_SIDE: usize = 16_384;

/// How the elements of images are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Element {
    /// A byte, which stands for a 255th of it.
    #[default]
    Byte,
    /// Four bytes, which are an f32, lowest first.
    Number,
}

impl Element {
    /// How many bytes one takes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Number => 4,
        }
    }
}

/// The sizes of one image, stored as `[channels, height, width]`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct ImageShape {
    /// 1 for gray, 3 for red, green and blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// How many bytes (or numbers) one image has.
    pub fn elements(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The bytes of `count` such images, if a dataset may be as large as that.
    pub(crate) fn bytes(&self, count: usize) -> Option<usize> {
        let bytes = [self.channels, self.height, self.width]
            .into_iter()
            .try_fold(count as u64, |bytes, axis| bytes.checked_mul(axis as u64))?;
        (bytes <= MAX_BYTES).then(|| usize::try_from(bytes).ok()).flatten()
    }

    /// The bytes of `count` such images where they need not be in memory, if there may be as many.
    pub(crate) fn stored_bytes(&self, count: usize) -> Option<u64> {
        let count = u32::try_from(count).ok()?;
        [self.channels, self.height, self.width]
            .into_iter()
            .try_fold(count.into(), |bytes: u64, axis| bytes.checked_mul(axis as u64))
    }
}

impl fmt::Display for ImageShape {
    /// As `width x height`, with the colours in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colours = match self.channels {
            1 => "gray".to_owned(),
            3 => "RGB".to_owned(),
            channels => format!("{channels} channels"),
        };
        write!(f, "{}x{} {colours}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_overflow_are_refused() {
        let shape = ImageShape { channels: 3, height: 1 << 14, width: 1 << 14 };
        assert_eq!(shape.bytes(2), Some(6 << 28));
        assert_eq!(shape.bytes(1000), None);
        assert_eq!(shape.bytes(usize::MAX), None);
    }
}
