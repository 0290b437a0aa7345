//! The three uses of one convolution, each of which is a gradient of the two others: what they are, and
//! how they are added. The rest of each stands in its own room; see `convolution.rs` for why they are three.

use std::sync::Arc;

use super::convolution::{four, misfit};
use super::geometry::ConvGeometry;
use crate::error::{Error, Result};
use crate::ops::half::HalfTerms;
use crate::ops::node::NodeId;
use crate::ops::op::Builder;
use crate::ops::product::epilogue::Fused;

/// `x` of `[N, Ci, H, W]` convolved with `w` of `[Co, Ci, Kh, Kw]`: `[N, Co, Ho, Wo]`.
///
/// # Errors
/// When channels differ, the kernel is not the geometry's, or no window fits.
pub fn conv2d(
    builder: &mut dyn Builder,
    x: NodeId,
    w: NodeId,
    geometry: ConvGeometry,
) -> Result<NodeId> {
    builder.apply(Arc::new(Conv2d { geometry, fused: Fused::default(), terms: None }), &[x, w])
}

/// The operation of [`conv2d`], with what follows it in its epilogue once fused.
#[derive(Clone, Copy, Debug)]
pub struct Conv2d {
    /// How the kernel walks over `x`.
    pub geometry: ConvGeometry,
    /// The epilogue.
    pub fused: Fused,
    /// How the operands may be multiplied where there are matrix units.
    pub terms: Option<HalfTerms>,
}

/// `y` of `[N, Co, Ho, Wo]` through `w` of `[Co, Ci, Kh, Kw]` (PyTorch's `[in, out, Kh, Kw]`) to
/// `[N, Ci, H, W]`, with `H = (Ho - 1) * stride - padding + span + output_padding`.
///
/// # Errors
/// When channels differ, the kernel is not the geometry's, or the output padding reaches the
/// stride.
pub fn conv_transpose2d(
    builder: &mut dyn Builder,
    y: NodeId,
    w: NodeId,
    geometry: ConvGeometry,
    output_padding: [usize; 2],
) -> Result<NodeId> {
    let shapes = [builder.shape(y), builder.shape(w)];
    let Some([_, _, ho, wo]) = four(shapes[0]) else {
        return Err(Error::shape("conv_transpose2d", "needs [N, Co, Ho, Wo] first", &shapes));
    };
    let size = geometry
        .transposed_size([ho, wo], output_padding)
        .map_err(|error| misfit("conv_transpose2d", error, &shapes))?;
    builder.apply(Arc::new(ConvTranspose2d::plain(geometry, size)), &[y, w])
}

/// `y` through `w` to the size of the image `x`, of which only the shape matters.
pub(crate) fn image_like(
    builder: &mut dyn Builder,
    x: NodeId,
    y: NodeId,
    w: NodeId,
    geometry: ConvGeometry,
) -> Result<NodeId> {
    let image = builder.shape(x);
    let op = ConvTranspose2d::plain(geometry, [image[2], image[3]]);
    builder.apply(Arc::new(op), &[y, w])
}

/// The operation of [`conv_transpose2d`], with what follows it in its epilogue once fused.
#[derive(Clone, Copy, Debug)]
pub struct ConvTranspose2d {
    /// How the kernel walks over the *output*.
    pub geometry: ConvGeometry,
    /// `[H, W]` of the output, which the geometry alone leaves open where the stride is above 1.
    pub output_size: [usize; 2],
    /// The epilogue.
    pub fused: Fused,
    /// How the operands may be multiplied where there are matrix units.
    pub terms: Option<HalfTerms>,
}

impl ConvTranspose2d {
    /// Without bias and activation.
    pub fn plain(geometry: ConvGeometry, output_size: [usize; 2]) -> Self {
        Self { geometry, output_size, fused: Fused::default(), terms: None }
    }
}

/// The gradient in the weight, from `x` and the gradient `g` in the convolution's output.
pub(crate) fn weight_gradient(
    builder: &mut dyn Builder,
    x: NodeId,
    g: NodeId,
    geometry: ConvGeometry,
) -> Result<NodeId> {
    builder.apply(Arc::new(Conv2dWeightGradient { geometry, sums: None, terms: None }), &[x, g])
}

/// From `x` of `[N, Ci, H, W]` and the gradient in [`conv2d`]'s output, `[N, Co, Ho, Wo]`, the
/// gradient in its weight: `[Co, Ci, Kh, Kw]`.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dWeightGradient {
    /// How the kernel walks over `x`.
    pub geometry: ConvGeometry,
    /// Of which input the sums a channel are a second output.
    pub sums: Option<Summed>,
    /// How the operands may be multiplied where there are matrix units.
    pub terms: Option<HalfTerms>,
}

/// An input whose channels are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summed {
    /// The gradient `g`: in a convolution's weight gradient, the gradient of the bias.
    Output,
    /// The image `x`, where windows tile it: the same for a transposed convolution.
    Image,
}

impl Summed {
    /// The same input where `x` and `y` change places.
    pub(crate) fn swapped(self) -> Self {
        match self {
            Self::Output => Self::Image,
            Self::Image => Self::Output,
        }
    }
}
