//! Haze, undone by what a network says of it: `y = x t + a (1 - t)` (Koschmieder, 1924) gives `x = a + (y - a) / t`
//! wherever the transmission t and the airlight a are known. Both are smooth, so that a network may learn them at a
//! small size and need not pass the picture on (Cai, Xu, Jia, Qing, Tao: "DehazeNet", 2016).
//!
//! It is shown how dark the darkest pixel around is, near and far: in clear air, some is nearly black almost everywhere
//! (He, Sun, Tang: "Single image haze removal using dark channel prior", 2009).

use super::surroundings::{greatest, mean};
use crate::error::Result;
use crate::ops::{self, Builder, NodeId, ReduceKind, UnaryKind};

/// The airlight of a network that has not learned.
const USUAL_AIRLIGHT: f32 = 0.9;

/// The logarithm of 1 / t, and so how much of a picture may be lost: all but a twentieth.
const OPTICAL_DEPTH: UnaryKind = UnaryKind::Clamp { low: -0.5, high: 3.0 };

/// Sides of the windows whose darkest pixels are shown, the second one of what the first has found.
const NEAR_AND_FAR: [usize; 2] = [15, 49];

/// The side of the window whose mean a transmission is, so that no edge of the picture is taken for one of the haze.
const SMOOTH: usize = 31;

/// Planes that stand beside an image.
pub(super) const PLANES: usize = NEAR_AND_FAR.len();

/// Pixels to each side on which these and the means depend.
pub(crate) const REACH: usize = NEAR_AND_FAR[0] / 2 + NEAR_AND_FAR[1] / 2 + SMOOTH / 2;

/// `images`, `[batch, channels, height, width]`, and beside them the darkest channel of any pixel near, and far:
/// `[batch, channels + 2, height, width]`.
pub(super) fn with_darkness(builder: &mut dyn Builder, images: NodeId) -> Result<NodeId> {
    let negative = ops::affine(builder, images, -1.0, 0.0)?;
    let mut darkest = ops::reduce(builder, negative, ReduceKind::Max, &[1])?;
    let mut all = vec![images];
    for side in NEAR_AND_FAR {
        darkest = greatest(builder, darkest, side)?;
        all.push(ops::affine(builder, darkest, -1.0, 0.0)?);
    }
    ops::concat(builder, &all, 1)
}

/// What is to be added to `hazy`, `[batch, channels, height, width]`, by what a network says of each pixel and
/// channel, whose means count: the optical depth, which is `-ln t`, and how far the airlight is from the usual one. Of
/// zeros, nothing.
///
/// # Errors
/// When the shapes differ.
pub(super) fn correction(
    builder: &mut dyn Builder,
    hazy: NodeId,
    [depth, airlight]: [NodeId; 2],
) -> Result<NodeId> {
    let depth = smooth(builder, depth)?;
    let depth = ops::unary(builder, depth, OPTICAL_DEPTH)?;
    let gain = ops::unary(builder, depth, UnaryKind::Exp)?;
    let more = ops::affine(builder, gain, 1.0, -1.0)?;
    let airlight = smooth(builder, airlight)?;
    let airlight = ops::affine(builder, airlight, 1.0, USUAL_AIRLIGHT)?;
    let from_light = ops::sub(builder, hazy, airlight)?;
    ops::mul(builder, from_light, more)
}

/// The mean of all channels in the window around each pixel, as far as the image goes: `[batch, 1, height, width]`.
fn smooth(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    let x = ops::reduce(builder, x, ReduceKind::Mean, &[1])?;
    let ones = ops::affine(builder, x, 0.0, 1.0)?;
    let share = mean(builder, ones, SMOOTH)?;
    let sum = mean(builder, x, SMOOTH)?;
    ops::div(builder, sum, share)
}
