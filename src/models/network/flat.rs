//! Networks whose convolutions are all at half the image's size, so that no map is small: what is right in
//! an image need not be squeezed. For restoration, and above all of noise (Zhang, Zuo, Zhang: "FFDNet:
//! toward a fast and flexible solution for CNN-based image denoising", 2018).
//!
//! FFDNet makes channels of each 2x2 pixels, convolves by 3x3, and puts pixels together again from the
//! channels of its last convolution. A 6x6 kernel of stride 2 sees the same pixels by as many weights: it
//! is the first layer here, and its transpose the last.

use super::conv::{SAME, convolution, cropped, finished};
use super::structure::{Network, Scope};
use crate::error::{Error, Result};
use crate::models::architecture::{CodeForm, Flat};
use crate::nn;
use crate::ops::{Activation, ConvGeometry, NodeId};

/// From 3x3 places of 2x2 pixels, and to them.
const HALVE: ConvGeometry = ConvGeometry::symmetric([6, 6], [2, 2], [2, 2]);

impl Network {
    /// Refuses what such a network has not.
    pub(super) fn check_flat(&self) -> Result<()> {
        if matches!(self.code, CodeForm::Vector(_)) {
            let what =
                "a flat network's code is a map; give --latent map or map:8, or --arch conv:32,64";
            return Err(Error::option("--latent", what));
        }
        Ok(())
    }
}

/// Layers `encoder.conv1` and on, the first of which halves `x`; the last one's activation is `last`.
pub(super) fn encode(
    network: &Network,
    scope: &mut Scope,
    mut x: NodeId,
    flat: Flat,
    last: Option<Activation>,
) -> Result<NodeId> {
    for layer in 1..=flat.encoder() {
        let name = format!("encoder.conv{layer}");
        let geometry = if layer == 1 { HALVE } else { SAME };
        let activation = if layer == flat.encoder() { last } else { Some(network.activation) };
        x = finished(network, scope, &name, activation, |graph, layer| {
            nn::conv2d(graph, &name, x, flat.channels, geometry, layer)
        })?;
        x = network.dropped(scope, x)?;
    }
    Ok(x)
}

/// Layers `decoder.conv1` and on, but for the last.
pub(super) fn decode(
    network: &Network,
    scope: &mut Scope,
    mut x: NodeId,
    flat: Flat,
) -> Result<NodeId> {
    for layer in 1..flat.decoder() {
        x = convolution(network, scope, &format!("decoder.conv{layer}"), x, flat.channels, SAME)?;
        x = network.dropped(scope, x)?;
    }
    Ok(x)
}

/// The layer `decoder.NAME`, which doubles `x`, cropped to the images.
pub(super) fn output(
    network: &Network,
    scope: &mut Scope,
    x: NodeId,
    name: &str,
) -> Result<NodeId> {
    let (name, channels) = (format!("decoder.{name}"), network.images.channels);
    let x = nn::conv_transpose2d(scope.graph, &name, x, channels, HALVE, network.output())?;
    cropped(network, scope.graph, x)
}
