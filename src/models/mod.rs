//! Autoencoders: from images to a code, and from a code to images.

mod conv;
mod dense;

pub use conv::ConvAutoencoder;
pub use dense::DenseAutoencoder;

use crate::data::ImageShape;
use crate::error::Result;
use crate::graph::Graph;
use crate::ops::{self, Activation, NodeId};

/// A model, by its architecture.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "architecture", rename_all = "kebab-case")]
pub enum Model {
    /// Dense layers.
    Dense(DenseAutoencoder),
    /// Convolutions.
    Conv(ConvAutoencoder),
}

/// How a model is trained unless options say otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Images a step.
    pub batch: usize,
    /// Learning rate of Adam.
    pub learning_rate: f32,
}

/// The nodes of a whole model over a batch of images.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    /// The code, `[batch, latent]`.
    pub code: NodeId,
    /// What the sigmoid makes the reconstruction of, shaped like the images.
    pub logits: NodeId,
    /// The reconstruction, in [0, 1], shaped like the images.
    pub reconstruction: NodeId,
}

impl Model {
    /// The size of the images it takes and makes.
    pub fn images(&self) -> ImageShape {
        match self {
            Self::Dense(model) => model.images,
            Self::Conv(model) => model.images,
        }
    }

    /// How many numbers a code has.
    pub fn latent(&self) -> usize {
        match self {
            Self::Dense(model) => model.latent(),
            Self::Conv(model) => model.latent,
        }
    }

    /// A word for file names and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dense(_) => "dense",
            Self::Conv(_) => "conv",
        }
    }

    /// The parameter whose rows are the first layer's filters.
    pub fn first_weight(&self) -> &'static str {
        match self {
            Self::Dense(_) => dense::FIRST_WEIGHT,
            Self::Conv(_) => conv::FIRST_WEIGHT,
        }
    }

    /// The code `[batch, latent]` of `images`, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// When the images are not of the model's size.
    pub fn encode(&self, graph: &mut Graph, images: NodeId) -> Result<NodeId> {
        match self {
            Self::Dense(model) => model.encode(graph, images),
            Self::Conv(model) => model.encode(graph, images),
        }
    }

    /// The logits `[batch, channels, height, width]` of the images with codes `code`.
    ///
    /// # Errors
    /// When the codes are not of the model's size.
    pub fn decode(&self, graph: &mut Graph, code: NodeId) -> Result<NodeId> {
        match self {
            Self::Dense(model) => model.decode(graph, code),
            Self::Conv(model) => model.decode(graph, code),
        }
    }

    /// The whole way, from images to their reconstruction.
    ///
    /// # Errors
    /// When the images are not of the model's size.
    pub fn forward(&self, graph: &mut Graph, images: NodeId) -> Result<Forward> {
        let code = self.encode(graph, images)?;
        let logits = self.decode(graph, code)?;
        let reconstruction = ops::activate(graph, logits, Activation::Sigmoid)?;
        Ok(Forward { code, logits, reconstruction })
    }
}
