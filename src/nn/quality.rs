//! Measures of how alike two images look.

use crate::error::{Error, Result};
use crate::ops::{self, Builder, ConvGeometry, NodeId};

/// Constants of the index for pixels in [0, 1]: (0.01)^2 and (0.03)^2.
const STABILISERS: [f32; 2] = [1e-4, 9e-4];

/// The mean structural similarity of `a` and `b`, `[batch, channels, height, width]` in [0, 1]: one
/// scalar, the mean over images, channels and windows (Wang, Bovik, Sheikh, Simoncelli: "Image
/// quality assessment", 2004), with a uniform 7x7 window and sample covariances as scikit-image has
/// it. Images under 7 pixels take the largest odd window that fits.
///
/// # Errors
/// When the shapes differ or are not images.
pub fn structural_similarity(builder: &mut dyn Builder, a: NodeId, b: NodeId) -> Result<NodeId> {
    let shape = builder.shape(a).clone();
    let [_, _, height, width] = shape[..] else {
        return Err(Error::shape("structural_similarity", "takes images", &[&shape]));
    };
    let least = height.min(width).min(7);
    let window = if least % 2 == 0 { least - 1 } else { least };
    let pixels = (window * window) as f32;
    let geometry = ConvGeometry::valid([window, window]);
    let mean = |g: &mut dyn Builder, x| ops::avg_pool2d(g, x, geometry);
    let unbiased = if pixels > 1.0 { pixels / (pixels - 1.0) } else { 1.0 };

    let (mean_a, mean_b) = (mean(builder, a)?, mean(builder, b)?);
    let product_of_means = ops::mul(builder, mean_a, mean_b)?;
    let square_a = ops::unary(builder, mean_a, ops::UnaryKind::Square)?;
    let square_b = ops::unary(builder, mean_b, ops::UnaryKind::Square)?;
    let means = ops::add(builder, square_a, square_b)?;

    let product = ops::mul(builder, a, b)?;
    let product = mean(builder, product)?;
    let covariance = ops::sub(builder, product, product_of_means)?;
    let own_a = ops::unary(builder, a, ops::UnaryKind::Square)?;
    let own_b = ops::unary(builder, b, ops::UnaryKind::Square)?;
    let own = ops::add(builder, own_a, own_b)?;
    let own = mean(builder, own)?;
    let variances = ops::sub(builder, own, means)?;

    let luminance = ops::affine(builder, product_of_means, 2.0, STABILISERS[0])?;
    let contrast = ops::affine(builder, covariance, 2.0 * unbiased, STABILISERS[1])?;
    let numerator = ops::mul(builder, luminance, contrast)?;
    let luminance = ops::affine(builder, means, 1.0, STABILISERS[0])?;
    let contrast = ops::affine(builder, variances, unbiased, STABILISERS[1])?;
    let denominator = ops::mul(builder, luminance, contrast)?;
    let index = ops::div(builder, numerator, denominator)?;
    ops::mean_all(builder, index)
}
