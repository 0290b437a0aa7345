//! A dense autoencoder: 784-64-32-32-64-784 and any other sizes, rectified, sigmoid out.

use super::{Model, Recipe};
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::nn;
use crate::ops::{self, Activation, Builder, NodeId};

/// Dense layers down to the code, and the same sizes back.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DenseAutoencoder {
    /// The images.
    pub images: ImageShape,
    /// The encoder's layers; the last is the code. The decoder's are these in reverse.
    pub sizes: Vec<usize>,
}

pub(super) const FIRST_WEIGHT: &str = "encoder.dense1.weight";

impl DenseAutoencoder {
    /// How the classic one is trained.
    pub const RECIPE: Recipe = Recipe { batch: 256, learning_rate: 1e-3 };

    /// Layers of 64 and 32 units: 784-64-32-32-64-784 on MNIST.
    ///
    /// # Errors
    /// Never: the sizes are right.
    pub fn classic(images: ImageShape) -> Result<Model> {
        Ok(Model::Dense(Self::new(images, vec![64, 32])?))
    }

    /// Layers of these sizes; `[64, 32]` is the classic one for MNIST.
    ///
    /// # Errors
    /// When there is no layer, or one without units.
    pub fn new(images: ImageShape, sizes: Vec<usize>) -> Result<Self> {
        if sizes.is_empty() || sizes.contains(&0) {
            return Err(Error::option("sizes", "every layer needs at least one unit"));
        }
        Ok(Self { images, sizes })
    }

    pub(super) fn latent(&self) -> usize {
        self.sizes[self.sizes.len() - 1]
    }

    pub(super) fn encode(&self, graph: &mut Graph, images: NodeId) -> Result<NodeId> {
        let x = ops::flatten(graph, images)?;
        rectified(graph, "encoder", x, &self.sizes)
    }

    pub(super) fn decode(&self, graph: &mut Graph, code: NodeId) -> Result<NodeId> {
        let batch = graph.shape(code)[0];
        let sizes: Vec<usize> = self.sizes.iter().rev().copied().collect();
        let x = rectified(graph, "decoder", code, &sizes)?;
        let pixels = nn::dense(graph, "decoder.output", x, self.images.elements(), None)?;
        let ImageShape { channels, height, width } = self.images;
        ops::reshape(graph, pixels, [batch, channels, height, width])
    }
}

fn rectified(graph: &mut Graph, part: &str, mut x: NodeId, sizes: &[usize]) -> Result<NodeId> {
    for (layer, size) in (1..).zip(sizes) {
        x = nn::dense(graph, &format!("{part}.dense{layer}"), x, *size, Some(Activation::Relu))?;
    }
    Ok(x)
}
