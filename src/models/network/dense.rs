//! Networks of dense layers.

use super::structure::{Network, Scope};
use crate::error::Result;
use crate::models::architecture::Architecture;
use crate::nn;
use crate::ops::{self, Builder, NodeId};

/// Hidden layers `encoder.dense1` and on.
pub(super) fn encode(
    network: &Network,
    scope: &mut Scope,
    mut x: NodeId,
    sizes: &[usize],
) -> Result<NodeId> {
    for (layer, size) in (1..).zip(sizes) {
        let name = format!("encoder.dense{layer}");
        x = nn::dense(scope.graph, &name, x, *size, network.hidden())?;
        x = network.dropped(scope, x)?;
    }
    Ok(x)
}

/// Hidden layers `decoder.dense1` and on.
pub(super) fn decode(
    network: &Network,
    scope: &mut Scope,
    mut x: NodeId,
    sizes: &[usize],
) -> Result<NodeId> {
    for (layer, size) in (1..).zip(sizes) {
        let name = format!("decoder.dense{layer}");
        let twin = twin(network, sizes.len() + 1 - layer);
        x = match network.tied {
            true => nn::dense_tied(scope.graph, &name, &twin, x, *size, network.hidden())?,
            false => nn::dense(scope.graph, &name, x, *size, network.hidden())?,
        };
        x = network.dropped(scope, x)?;
    }
    Ok(x)
}

/// The layer `decoder.NAME`, shaped like the images.
pub(super) fn output(
    network: &Network,
    scope: &mut Scope,
    x: NodeId,
    name: &str,
) -> Result<NodeId> {
    let images = network.images;
    let (batch, name) = (scope.graph.shape(x)[0], format!("decoder.{name}"));
    let pixels = match network.tied {
        true => {
            let twin = twin(network, 0);
            nn::dense_tied(scope.graph, &name, &twin, x, images.elements(), network.output())?
        }
        false => nn::dense(scope.graph, &name, x, images.elements(), network.output())?,
    };
    ops::reshape(scope.graph, pixels, [batch, images.channels, images.height, images.width])
}

/// The encoder's layer that leads from hidden layer `layer` inward; 0 stands for the image.
fn twin(network: &Network, layer: usize) -> String {
    let Architecture::Dense(sizes) = &network.architecture else { return String::new() };
    match layer == sizes.encoder.len() {
        true => "encoder.code".into(),
        false => format!("encoder.dense{}", layer + 1),
    }
}
