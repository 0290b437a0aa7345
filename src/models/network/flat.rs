//! Networks whose convolutions are all at half the image's size, so that no map is small: what is right in
//! an image need not be squeezed. For restoration, and above all of noise (Zhang, Zuo, Zhang: "FFDNet:
//! toward a fast and flexible solution for CNN-based image denoising", 2018).
//!
//! FFDNet makes channels of each 2x2 pixels, convolves by 3x3, and puts pixels together again from the
//! channels of its last convolution. A 6x6 kernel of stride 2 sees the same pixels by as many weights: it
//! is the first layer here, and its transpose the last.
//!
//! With residual blocks, layers between these go in pairs, each added to what it reads and nothing behind the sum, so
//! that what is deep begins as what is shallow (Lim et al.: "Enhanced deep residual networks for single image
//! super-resolution", 2017). Twelve layers one behind the other come apart at rates at which pairs learn.

use std::ops::RangeInclusive;

use super::conv::{SAME, added, cropped, finished};
use super::stages::Block;
use super::structure::{Network, Scope};
use crate::error::{Error, Result};
use crate::models::architecture::{CodeForm, Flat};
use crate::nn;
use crate::ops::{self, Activation, Builder, ConvGeometry, NodeId};

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
        if self.stages.block == Block::Inner {
            let what = "has no place in a flat network, whose maps are all of one size; give residual or plain";
            return Err(Error::option("--block", what));
        }
        Ok(())
    }
}

/// Layers `encoder.conv1` and on, the first of which halves `x`; the last one's activation is `last`.
pub(super) fn encode(
    network: &Network,
    scope: &mut Scope,
    x: NodeId,
    flat: Flat,
    last: Option<Activation>,
) -> Result<NodeId> {
    let (name, layers) = ("encoder.conv1", flat.encoder());
    let activation = if layers == 1 { last } else { Some(network.activation) };
    let x = finished(network, scope, name, activation, |graph, layer| {
        nn::conv2d(graph, name, x, flat.channels, HALVE, layer)
    })?;
    let x = network.dropped(scope, x)?;
    between(network, scope, "encoder", x, 2..=layers, last)
}

/// Layers `decoder.conv1` and on, but for the last.
pub(super) fn decode(
    network: &Network,
    scope: &mut Scope,
    x: NodeId,
    flat: Flat,
) -> Result<NodeId> {
    between(network, scope, "decoder", x, 1..=flat.decoder() - 1, Some(network.activation))
}

/// Layers `SIDE.convN` of 3x3, in pairs where blocks are residual; the last one's activation is `last`.
fn between(
    network: &Network,
    scope: &mut Scope,
    side: &str,
    mut x: NodeId,
    layers: RangeInclusive<usize>,
    last: Option<Activation>,
) -> Result<NodeId> {
    let channels = scope.graph.shape(x)[1];
    let (mut layer, end) = layers.into_inner();
    while layer <= end {
        let in_pairs = network.stages.block == Block::Residual && layer < end;
        let name = format!("{side}.conv{layer}");
        if in_pairs {
            let second = format!("{side}.conv{}", layer + 1);
            x = added(network, scope, [&name, &second], x, channels)?;
            if let Some(last) = last.filter(|_| layer + 1 == end) {
                x = ops::activate(scope.graph, x, last)?;
            }
        } else {
            let activation = if layer == end { last } else { Some(network.activation) };
            x = finished(network, scope, &name, activation, |graph, layer| {
                nn::conv2d(graph, &name, x, channels, SAME, layer)
            })?;
        }
        layer += if in_pairs { 2 } else { 1 };
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
