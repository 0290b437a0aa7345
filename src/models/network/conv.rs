//! Networks of convolutions, for any number of channels and any image size.
//!
//! A stage of the encoder halves the image: a 3x3 convolution and a 2x2 max-pool, or a 3x3
//! convolution of stride 2. A stage of the decoder doubles it by a transposed convolution of
//! stride 2. Sizes that the stages do not divide are padded with zeros on the way in and cropped on
//! the way out.

use super::stages::{Block, Downsample, Norm};
use super::structure::{Network, Scope};
use crate::data::ImageShape;
use crate::error::Result;
use crate::graph::Graph;
use crate::models::architecture::{CodeForm, Sizes};
use crate::nn::{self, Layer, Start};
use crate::ops::{self, Activation, Builder, ConvGeometry, NodeId};

/// A 1x1 convolution.
pub(super) const POINT: ConvGeometry = ConvGeometry::symmetric([1, 1], [1, 1], [0, 0]);
const SAME: ConvGeometry = ConvGeometry::symmetric([3, 3], [1, 1], [1, 1]);
const HALVE: ConvGeometry = ConvGeometry::symmetric([3, 3], [2, 2], [1, 1]);
const POOL: ConvGeometry = ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]);

/// Height and width that all stages divide.
fn padded_size(network: &Network, stages: usize) -> [usize; 2] {
    let factor = 1 << stages;
    [network.images.height, network.images.width].map(|size| size.next_multiple_of(factor))
}

/// Channels, height and width after the last stage.
pub(super) fn innermost(network: &Network, sizes: &Sizes) -> [usize; 3] {
    let stages = sizes.encoder.len();
    let [height, width] = padded_size(network, stages).map(|size| size >> stages);
    [sizes.encoder.last().copied().unwrap_or(network.images.channels), height, width]
}

/// `images` with zeros below and to the right, up to a size that all stages divide.
pub(super) fn padded(
    network: &Network,
    graph: &mut Graph,
    images: NodeId,
    stages: usize,
) -> Result<NodeId> {
    let ImageShape { height, width, .. } = network.images;
    let [rows, columns] = padded_size(network, stages);
    if [rows, columns] == [height, width] {
        return Ok(images);
    }
    ops::pad(graph, images, &[0; 4], &[0, 0, rows - height, columns - width], 0.0)
}

/// Stages `encoder.conv1` and on; the last one's convolution with activation `last`.
pub(super) fn encode(
    network: &Network,
    scope: &mut Scope,
    mut x: NodeId,
    channels: &[usize],
    last: Option<Activation>,
) -> Result<NodeId> {
    let stages = channels.len();
    for (stage, channels) in (1..).zip(channels) {
        let name = format!("encoder.conv{stage}");
        let activation = if stage == stages { last } else { Some(network.activation) };
        let halving = network.stages.downsample;
        let geometry = if halving == Downsample::Pool { SAME } else { HALVE };
        x = finished(network, scope, &name, activation, |graph, layer| {
            nn::conv2d(graph, &name, x, *channels, geometry, layer)
        })?;
        if halving == Downsample::Pool {
            x = ops::max_pool2d(scope.graph, x, POOL)?;
        }
        if network.stages.block == Block::Residual {
            x = residual(network, scope, &format!("encoder.block{stage}"), x, *channels)?;
        }
        x = network.dropped(scope, x)?;
    }
    match (network.stages.block, channels.last()) {
        (Block::Inner, Some(channels)) => residual(network, scope, "encoder.inner", x, *channels),
        _ => Ok(x),
    }
}

/// Stages `decoder.conv_transpose1` and on, behind a dense layer where the code is no map.
pub(super) fn decode(
    network: &Network,
    scope: &mut Scope,
    code: NodeId,
    sizes: &Sizes,
) -> Result<NodeId> {
    let mut x = match network.code {
        CodeForm::Vector(_) => {
            let batch = scope.graph.shape(code)[0];
            let [channels, height, width] = innermost(network, sizes);
            let units = channels * height * width;
            let x = nn::dense(scope.graph, "decoder.dense", code, units, network.hidden())?;
            ops::reshape(scope.graph, x, [batch, channels, height, width])?
        }
        CodeForm::Features | CodeForm::Map(_) => code,
    };
    if network.stages.block == Block::Inner {
        let [channels, ..] = innermost(network, sizes);
        x = convolution(network, scope, "decoder.conv", x, channels, SAME)?;
        x = residual(network, scope, "decoder.inner", x, channels)?;
    }
    let kernel = network.stages.upsample_kernel;
    let padding = (kernel - 1) / 2;
    let double = ConvGeometry::symmetric([kernel; 2], [2, 2], [padding; 2]);
    for (stage, channels) in (1..).zip(&sizes.decoder) {
        let name = format!("decoder.conv_transpose{stage}");
        x = finished(network, scope, &name, Some(network.activation), |graph, layer| {
            nn::conv_transpose2d(graph, &name, x, *channels, double, layer)
        })?;
        if network.stages.block == Block::Residual {
            x = residual(network, scope, &format!("decoder.block{stage}"), x, *channels)?;
        }
        x = network.dropped(scope, x)?;
    }
    Ok(x)
}

/// The layer `decoder.NAME`, cropped to the images.
pub(super) fn output(
    network: &Network,
    scope: &mut Scope,
    x: NodeId,
    name: &str,
) -> Result<NodeId> {
    let (batch, name) = (scope.graph.shape(x)[0], format!("decoder.{name}"));
    let ImageShape { channels, height, width } = network.images;
    let x = nn::conv2d(scope.graph, &name, x, channels, SAME, network.last(None))?;
    ops::slice(scope.graph, x, &[0; 4], &[batch, channels, height, width])
}

/// A convolution with what follows it.
fn convolution(
    network: &Network,
    scope: &mut Scope,
    name: &str,
    x: NodeId,
    channels: usize,
    geometry: ConvGeometry,
) -> Result<NodeId> {
    finished(network, scope, name, Some(network.activation), |graph, layer| {
        nn::conv2d(graph, name, x, channels, geometry, layer)
    })
}

/// A product with its bias, or with batch normalisation as `NAME.norm` in its place, and an
/// activation.
fn finished(
    network: &Network,
    scope: &mut Scope,
    name: &str,
    activation: Option<Activation>,
    product: impl FnOnce(&mut Graph, Layer) -> Result<NodeId>,
) -> Result<NodeId> {
    if network.stages.norm == Norm::None {
        return product(scope.graph, network.layer(activation));
    }
    let x = product(scope.graph, Layer { bias: false, ..network.layer(None) })?;
    let x = nn::batch_norm(scope.graph, &format!("{name}.norm"), x, scope.training)?;
    match activation {
        Some(activation) => ops::activate(scope.graph, x, activation),
        None => Ok(x),
    }
}

/// `activation(x + f(x))` with two 3x3 convolutions f.
fn residual(
    network: &Network,
    scope: &mut Scope,
    name: &str,
    x: NodeId,
    channels: usize,
) -> Result<NodeId> {
    let inner = convolution(network, scope, &format!("{name}.conv1"), x, channels, SAME)?;
    let name = format!("{name}.conv2");
    // Without normalisation, signals would grow by each block.
    let start = if network.stages.norm == Norm::None { Start::Zero } else { network.start };
    let inner = finished(network, scope, &name, None, |graph, layer| {
        nn::conv2d(graph, &name, inner, channels, SAME, Layer { start, ..layer })
    })?;
    let sum = ops::add(scope.graph, x, inner)?;
    ops::activate(scope.graph, sum, network.activation)
}
