//! Tensors in host memory: f32, row-major, images as `[batch, channels, height, width]`.

use crate::error::{Error, Result};
pub use crate::shape::Shape;

/// A tensor in host memory.
///
/// ```
/// use diabolo::tensor::Tensor;
///
/// let pixels = Tensor::new([2, 3], vec![0.0, 0.1, 0.2, 0.3, 0.4, 0.5])?;
/// assert_eq!(pixels.shape()[..], [2, 3]);
/// assert_eq!(pixels.reshape([1, 1, 2, 3])?.data()[4], 0.4);
/// assert!(Tensor::new([2, 3], vec![0.0; 5]).is_err());
/// # Ok::<(), diabolo::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Vec<f32>,
}

impl Tensor {
    /// A tensor of `shape` over `data`.
    ///
    /// # Errors
    /// When `data` does not have as many elements as `shape`.
    pub fn new(shape: impl Into<Shape>, data: Vec<f32>) -> Result<Self> {
        let shape = shape.into();
        if shape.elements() != data.len() {
            let what = format!("{} numbers do not fill this shape", data.len());
            return Err(Error::shape("tensor", what, &[&shape]));
        }
        Ok(Self { shape, data })
    }

    /// A tensor filled with one value.
    pub fn full(shape: impl Into<Shape>, value: f32) -> Self {
        let shape = shape.into();
        let data = vec![value; shape.elements()];
        Self { shape, data }
    }

    /// A tensor of zeros.
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Self::full(shape, 0.0)
    }

    /// The sizes of its axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Its elements, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// Its elements, to be written.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Its elements, taken out.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    /// When the number of elements differs.
    pub fn reshape(self, shape: impl Into<Shape>) -> Result<Self> {
        Self::new(shape, self.data)
    }
}
