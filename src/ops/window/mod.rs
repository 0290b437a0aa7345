//! What windows see that walk over images: convolutions, pooling, blurring, enlarging.

pub(crate) mod avg_pool2d;
pub(crate) mod blur;
pub(crate) mod columns;
pub(crate) mod conv2d;
pub(crate) mod conv2d_weight_gradient;
pub(crate) mod conv_transpose2d;
pub(crate) mod convolution;
pub(crate) mod convolution_cpu;
pub(crate) mod geometry;
pub(crate) mod jpeg;
pub(crate) mod max_pool2d;
pub(crate) mod max_pool2d_backward;
pub(crate) mod nodes;
pub(crate) mod planes;
pub(crate) mod squares;
pub(crate) mod upsample2d;
pub(crate) mod winograd;

pub use avg_pool2d::{AvgPool2d, AvgPool2dGradient, avg_pool2d};
pub use blur::Blur;
pub use geometry::{ConvGeometry, GeometryError};
pub use jpeg::Jpeg;
pub use max_pool2d::{
    MaxPool2d, MaxPool2dGradient, MaxPool2dIndices, MaxPool2dTake, max_pool2d,
    max_pool2d_with_indices,
};
pub use max_pool2d_backward::MaxPool2dBackward;
pub use nodes::{Conv2d, Conv2dWeightGradient, ConvTranspose2d, Summed, conv_transpose2d, conv2d};
pub use upsample2d::{Upsample2d, Upsampling, upsample2d};
