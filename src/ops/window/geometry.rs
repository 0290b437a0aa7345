//! How a window moves over an image: one description for convolution, its adjoints, and pooling.

use crate::ops::kernel::Dispatch;

/// How a kernel of `[height, width]` walks over the two last axes of an image.
///
/// Output place `o` and kernel place `k` of an axis read input place
/// `o * stride + k * dilation - padding_before`; what lies outside the image counts as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvGeometry {
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Rows and columns from one window to the next.
    pub stride: [usize; 2],
    /// Rows above and below, columns left and right, that are added to the image.
    pub padding: [[usize; 2]; 2],
    /// Rows and columns from one place of the kernel to the next.
    pub dilation: [usize; 2],
}

/// Why a window cannot walk over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// The kernel has no rows or no columns.
    #[error("the kernel is {}x{}; both sizes must be 1 or more", .0[0], .0[1])]
    EmptyKernel([usize; 2]),
    /// The window would never move.
    #[error("the stride is {}x{}; both must be 1 or more", .0[0], .0[1])]
    ZeroStride([usize; 2]),
    /// All places of the kernel would fall together.
    #[error("the dilation is {}x{}; both must be 1 or more", .0[0], .0[1])]
    ZeroDilation([usize; 2]),
    /// The window does not fit once.
    #[error("a window of {span} does not fit into {padded} (padding included) along {axis}")]
    TooSmall {
        /// `height` or `width`.
        axis: &'static str,
        /// What the window covers, dilation included.
        span: usize,
        /// The image's size with its padding.
        padded: usize,
    },
    /// Some window lies in the padding alone, so that it has no maximum.
    #[error("a window along {axis} holds nothing but padding; use less padding")]
    OnlyPadding {
        /// `height` or `width`.
        axis: &'static str,
    },
    /// Output padding that another output size would make unnecessary.
    #[error("output padding of {output_padding} along {axis}; it must be below the stride")]
    OutputPadding {
        /// `height` or `width`.
        axis: &'static str,
        /// What was asked for.
        output_padding: usize,
    },
    /// A transposed convolution whose padding takes away everything.
    #[error("padding leaves nothing of the output's {axis}")]
    EmptyOutput {
        /// `height` or `width`.
        axis: &'static str,
    },
}

const AXES: [&str; 2] = ["height", "width"];

impl ConvGeometry {
    /// A kernel that stays inside the image and moves by one.
    pub fn valid(kernel: [usize; 2]) -> Self {
        Self { kernel, stride: [1, 1], padding: [[0, 0]; 2], dilation: [1, 1] }
    }

    /// A kernel that moves by `stride`, with as much padding as gives `ceil(size / stride)` windows
    /// (Keras, TensorFlow); where the padding is odd, one more below and to the right.
    ///
    /// `image` is `[height, width]`: with strides above 1 the padding depends on it.
    pub fn same(kernel: [usize; 2], stride: [usize; 2], image: [usize; 2]) -> Self {
        let padding = std::array::from_fn(|axis| {
            let windows = image[axis].div_ceil(stride[axis].max(1)).max(1);
            let covered = (windows - 1) * stride[axis] + kernel[axis];
            let total = covered.saturating_sub(image[axis]);
            [total / 2, total - total / 2]
        });
        Self { kernel, stride, padding, dilation: [1, 1] }
    }

    /// A kernel with the same padding on opposite sides (PyTorch).
    pub const fn symmetric(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Self {
        let [rows, columns] = padding;
        Self { kernel, stride, padding: [[rows; 2], [columns; 2]], dilation: [1, 1] }
    }

    /// The same with other steps between the kernel's places.
    pub fn dilated(self, dilation: [usize; 2]) -> Self {
        Self { dilation, ..self }
    }

    /// Rows and columns that one window covers.
    ///
    /// Meaningful for a geometry whose kernel is not empty.
    pub fn span(&self) -> [usize; 2] {
        std::array::from_fn(|axis| (self.kernel[axis] - 1) * self.dilation[axis] + 1)
    }

    /// How many windows fit into an image of `[height, width]`.
    ///
    /// # Errors
    /// When a size is 0 that cannot be, or no window fits.
    pub fn output_size(&self, image: [usize; 2]) -> Result<[usize; 2], GeometryError> {
        self.check()?;
        let span = self.span();
        let mut output = [0; 2];
        for axis in 0..2 {
            let padded = image[axis] + self.padding[axis][0] + self.padding[axis][1];
            if image[axis] == 0 || padded < span[axis] {
                let (axis, span) = (AXES[axis], span[axis]);
                return Err(GeometryError::TooSmall { axis, span, padded });
            }
            output[axis] = (padded - span[axis]) / self.stride[axis] + 1;
        }
        Ok(output)
    }

    /// The image of `[height, width]` that a transposed convolution makes of `windows` (PyTorch's
    /// rule): `(windows - 1) * stride - padding + span + output_padding`.
    ///
    /// # Errors
    /// When a size is 0 that cannot be, the output padding reaches the stride (another window would
    /// fit then), or nothing is left.
    pub fn transposed_size(
        &self,
        windows: [usize; 2],
        output_padding: [usize; 2],
    ) -> Result<[usize; 2], GeometryError> {
        self.check()?;
        let span = self.span();
        let mut image = [0; 2];
        for axis in 0..2 {
            let output_padding = output_padding[axis];
            if output_padding >= self.stride[axis] {
                return Err(GeometryError::OutputPadding { axis: AXES[axis], output_padding });
            }
            let whole =
                windows[axis].saturating_sub(1) * self.stride[axis] + span[axis] + output_padding;
            let [before, after] = self.padding[axis];
            if windows[axis] == 0 || whole <= before + after {
                return Err(GeometryError::EmptyOutput { axis: AXES[axis] });
            }
            image[axis] = whole - before - after;
        }
        Ok(image)
    }

    /// Checks that each window holds at least one element of an image of `[height, width]`.
    ///
    /// # Errors
    /// When one does not, besides those of [`ConvGeometry::output_size`].
    pub fn check_windows(&self, image: [usize; 2]) -> Result<(), GeometryError> {
        let output = self.output_size(image)?;
        for axis in 0..2 {
            let holds_one = |place: usize| {
                (0..self.kernel[axis]).any(|k| self.source(axis, place, k, image[axis]).is_some())
            };
            if !(0..output[axis]).all(holds_one) {
                return Err(GeometryError::OnlyPadding { axis: AXES[axis] });
            }
        }
        Ok(())
    }

    /// The place along `axis` of an image of `size` that output place `place` reads with kernel
    /// place `k`; none in the padding.
    #[inline(always)]
    pub(crate) fn source(&self, axis: usize, place: usize, k: usize, size: usize) -> Option<usize> {
        let padded = place * self.stride[axis] + k * self.dilation[axis];
        let source = padded.wrapping_sub(self.padding[axis][0]);
        (source < size).then_some(source)
    }

    /// The output places along `axis`, of `places`, that read inside an image of `size` with kernel
    /// place `k`.
    pub(crate) fn inside(
        &self,
        axis: usize,
        k: usize,
        size: usize,
        places: usize,
    ) -> std::ops::Range<usize> {
        let (stride, offset) = (self.stride[axis], k * self.dilation[axis]);
        let before = self.padding[axis][0];
        let first = before.saturating_sub(offset).div_ceil(stride);
        let end = (size + before).saturating_sub(offset).div_ceil(stride);
        let end = end.min(places);
        first.min(end)..end
    }

    /// Whether windows neither overlap nor leave gaps in an image of `image` with `output` windows.
    pub(crate) fn tiles(&self, image: [usize; 2], output: [usize; 2]) -> bool {
        (0..2).all(|axis| {
            self.stride[axis] == self.kernel[axis]
                && self.padding[axis] == [0, 0]
                && self.dilation[axis] == 1
                && image[axis] == output[axis] * self.stride[axis]
        })
    }

    /// Whether each window is one place, in order: an ordinary product.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [[0, 0]; 2]
    }

    /// The walk of the kernel turned by 180 degrees over the windows, which reads from each place of
    /// the image the windows that read it. There is one for strides of 1 and padding below the span.
    pub(crate) fn turned(&self) -> Option<Self> {
        let mut padding = [[0; 2]; 2];
        for (axis, padding) in padding.iter_mut().enumerate() {
            let reach = self.span()[axis] - 1;
            for (side, padding) in padding.iter_mut().enumerate() {
                *padding = reach.checked_sub(self.padding[axis][side])?;
            }
        }
        (self.stride == [1, 1]).then_some(Self { padding, ..*self })
    }

    fn check(&self) -> Result<(), GeometryError> {
        if self.kernel.contains(&0) {
            return Err(GeometryError::EmptyKernel(self.kernel));
        }
        if self.stride.contains(&0) {
            return Err(GeometryError::ZeroStride(self.stride));
        }
        if self.dilation.contains(&0) {
            return Err(GeometryError::ZeroDilation(self.dilation));
        }
        Ok(())
    }

    /// Sets the `override` constants of `shaders/shared/geometry.wgsl`.
    pub(crate) fn constants(&self, dispatch: Dispatch) -> Dispatch {
        dispatch
            .constant("KH", self.kernel[0] as u32)
            .constant("KW", self.kernel[1] as u32)
            .constant("SY", self.stride[0] as u32)
            .constant("SX", self.stride[1] as u32)
            .constant("PY", self.padding[0][0] as u32)
            .constant("PX", self.padding[1][0] as u32)
            .constant("DY", self.dilation[0] as u32)
            .constant("DX", self.dilation[1] as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_is_that_of_keras() {
        let same = |kernel, stride, size| {
            let geometry = ConvGeometry::same([kernel; 2], [stride; 2], [size; 2]);
            (geometry.padding[0], geometry.output_size([size; 2]).unwrap()[0])
        };
        assert_eq!(same(3, 1, 28), ([1, 1], 28));
        assert_eq!(same(3, 2, 28), ([0, 1], 14));
        assert_eq!(same(3, 2, 27), ([1, 1], 14));
        assert_eq!(same(4, 1, 7), ([1, 2], 7));
        assert_eq!(same(2, 3, 7), ([0, 1], 3));
        assert_eq!(same(1, 3, 7), ([0, 0], 3));
    }

    #[test]
    fn transposed_sizes_are_those_of_pytorch() {
        let size = |geometry: ConvGeometry, windows, output_padding| {
            geometry.transposed_size([windows; 2], [output_padding; 2]).map(|size| size[0])
        };
        assert_eq!(size(ConvGeometry::symmetric([3, 3], [2, 2], [1, 1]), 7, 1), Ok(14));
        assert_eq!(size(ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]), 7, 0), Ok(14));
        assert_eq!(size(ConvGeometry::valid([3, 3]).dilated([2, 2]), 5, 0), Ok(9));
        let too_much = ConvGeometry::symmetric([3, 3], [2, 2], [1, 1]);
        assert!(matches!(size(too_much, 7, 2), Err(GeometryError::OutputPadding { .. })));
    }

    #[test]
    fn impossible_geometries_are_refused() {
        let geometry = ConvGeometry::valid([3, 3]);
        assert!(matches!(geometry.output_size([2, 5]), Err(GeometryError::TooSmall { .. })));
        let none = ConvGeometry::valid([0, 3]);
        assert_eq!(none.output_size([5, 5]), Err(GeometryError::EmptyKernel([0, 3])));
        let still = ConvGeometry::symmetric([1, 1], [1, 0], [0, 0]);
        assert_eq!(still.output_size([5, 5]), Err(GeometryError::ZeroStride([1, 0])));
        let spread = geometry.dilated([0, 1]);
        assert_eq!(spread.output_size([5, 5]), Err(GeometryError::ZeroDilation([0, 1])));
        let padded = ConvGeometry::symmetric([2, 2], [1, 1], [2, 0]);
        assert!(matches!(padded.check_windows([5, 5]), Err(GeometryError::OnlyPadding { .. })));
    }

    #[test]
    fn inside_agrees_with_source() {
        for (stride, before, dilation, k, size) in [
            (1, 1, 1, 0, 5),
            (2, 1, 1, 2, 7),
            (3, 4, 2, 1, 4),
            (2, 9, 1, 0, 3),
            (1, 0, 3, 2, 4),
            (4, 0, 1, 1, 9),
        ] {
            let geometry = ConvGeometry {
                kernel: [3, 3],
                stride: [stride; 2],
                padding: [[before, 3]; 2],
                dilation: [dilation; 2],
            };
            let inside = geometry.inside(0, k, size, 8);
            for place in 0..8 {
                let expected = geometry.source(0, place, k, size).is_some();
                assert_eq!(inside.contains(&place), expected, "{geometry:?} {place}");
            }
        }
    }
}
