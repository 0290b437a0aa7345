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
pub(super) const SAME: ConvGeometry = ConvGeometry::symmetric([3, 3], [1, 1], [1, 1]);
const POOL: ConvGeometry = ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]);

/// `images` with zeros below and to the right, up to a size that all stages divide.
pub(super) fn padded(network: &Network, graph: &mut Graph, images: NodeId) -> Result<NodeId> {
    let ImageShape { height, width, .. } = network.images;
    let [rows, columns] = network.padded_size();
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
        let kernel = network.stages.downsample_kernel;
        let stride = if halving == Downsample::Pool { 1 } else { 2 };
        let geometry = ConvGeometry::symmetric([kernel; 2], [stride; 2], [kernel / 2; 2]);
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
            let [channels, height, width] = network.innermost().unwrap_or_default();
            let units = channels * height * width;
            let x = nn::dense(scope.graph, "decoder.dense", code, units, network.hidden())?;
            ops::reshape(scope.graph, x, [batch, channels, height, width])?
        }
        CodeForm::Features | CodeForm::Map(_) => code,
    };
    if network.stages.block == Block::Inner {
        let [channels, ..] = network.innermost().unwrap_or_default();
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
    let (name, channels) = (format!("decoder.{name}"), network.images.channels);
    let x = nn::conv2d(scope.graph, &name, x, channels, SAME, network.output())?;
    cropped(network, scope.graph, x)
}

/// `x` without what [`padded`] added.
pub(super) fn cropped(network: &Network, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let ImageShape { channels, height, width } = network.images;
    let batch = graph.shape(x)[0];
    ops::slice(graph, x, &[0; 4], &[batch, channels, height, width])
}

/// A convolution with what follows it.
pub(super) fn convolution(
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

/// A product with its bias or with the normalisation `NAME.norm`, and an activation, which divisive
/// normalisation is by itself.
pub(super) fn finished(
    network: &Network,
    scope: &mut Scope,
    name: &str,
    activation: Option<Activation>,
    product: impl FnOnce(&mut Graph, Layer) -> Result<NodeId>,
) -> Result<NodeId> {
    let norm = format!("{name}.norm");
    match (network.stages.norm, activation) {
        (Norm::None, _) => return product(scope.graph, network.layer(activation)),
        (Norm::Gdn, None) => return product(scope.graph, network.layer(None)),
        (Norm::Gdn, Some(_)) => {
            let x = product(scope.graph, network.layer(None))?;
            return nn::divisive_norm(scope.graph, &norm, x, name.starts_with("decoder."));
        }
        (Norm::Batch | Norm::Group, _) => {}
    }
    let x = product(scope.graph, Layer { bias: false, ..network.layer(None) })?;
    let x = match network.stages.norm {
        Norm::Group => nn::group_norm(scope.graph, &norm, x, groups(scope.graph.shape(x)[1]))?,
        _ => nn::batch_norm(scope.graph, &norm, x, scope.training)?,
    };
    match activation {
        Some(activation) => ops::activate(scope.graph, x, activation),
        None => Ok(x),
    }
}

/// Groups of so many channels: of eight or so, of which the paper finds 16 best and any between 2 and 32
/// about as good.
fn groups(channels: usize) -> usize {
    (1..=channels / 8).rev().find(|groups| channels.is_multiple_of(*groups)).unwrap_or(1)
}

/// `activation(x + f(x))` with two 3x3 convolutions f.
fn residual(
    network: &Network,
    scope: &mut Scope,
    name: &str,
    x: NodeId,
    channels: usize,
) -> Result<NodeId> {
    let names = [format!("{name}.conv1"), format!("{name}.conv2")];
    let sum = added(network, scope, names.each_ref().map(String::as_str), x, channels)?;
    ops::activate(scope.graph, sum, network.activation)
}

/// `x + f(x)` with two 3x3 convolutions f of these names.
pub(super) fn added(
    network: &Network,
    scope: &mut Scope,
    [first, second]: [&str; 2],
    x: NodeId,
    channels: usize,
) -> Result<NodeId> {
    let inner = convolution(network, scope, first, x, channels, SAME)?;
    // Without normalisation, signals would grow by each block.
    let is_kept = matches!(network.stages.norm, Norm::Batch | Norm::Group);
    let start = if is_kept { network.start } else { Start::Zero };
    let inner = finished(network, scope, second, None, |graph, layer| {
        nn::conv2d(graph, second, inner, channels, SAME, Layer { start, ..layer })
    })?;
    ops::add(scope.graph, x, inner)
}
