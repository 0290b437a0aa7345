//! Haze, undone by what a network says of it: `y = x t + a (1 - t)` (Koschmieder, 1924) gives `x = a + (y - a) / t`
//! wherever the transmission t and the airlight a are known. Both are smooth, so that a network may learn them at a
//! small size and need not pass the picture on (Cai, Xu, Jia, Qing, Tao: "DehazeNet", 2016).

use crate::error::Result;
use crate::ops::{self, Builder, NodeId, UnaryKind};

/// The airlight of a network that has not learned.
const USUAL_AIRLIGHT: f32 = 0.9;

/// The logarithm of 1 / t, and so how much of a picture may be lost: all but a twentieth.
const OPTICAL_DEPTH: UnaryKind = UnaryKind::Clamp { low: -0.5, high: 3.0 };

/// What is to be added to `hazy`, `[batch, channels, height, width]`, by what a network says of each pixel and
/// channel: the optical depth, which is `-ln t`, and how far the airlight is from the usual one. Of zeros, nothing.
///
/// # Errors
/// When the shapes differ.
pub(super) fn correction(
    builder: &mut dyn Builder,
    hazy: NodeId,
    [depth, airlight]: [NodeId; 2],
) -> Result<NodeId> {
    let depth = ops::unary(builder, depth, OPTICAL_DEPTH)?;
    let gain = ops::unary(builder, depth, UnaryKind::Exp)?;
    let more = ops::affine(builder, gain, 1.0, -1.0)?;
    let airlight = ops::affine(builder, airlight, 1.0, USUAL_AIRLIGHT)?;
    let from_light = ops::sub(builder, hazy, airlight)?;
    ops::mul(builder, from_light, more)
}
