//! A network's parts, and what they say of it before any layer is made.

use super::stages::Stages;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::models::architecture::{Architecture, CodeForm, Sizes};
use crate::nn::{Layer, Start};
use crate::ops::{self, Activation, Builder, NodeId};
use crate::shape::Shape;

/// Where layers are added: a graph, and whether it is one that trains.
pub struct Scope<'a> {
    /// The graph.
    pub graph: &'a mut Graph,
    /// Whether dropout drops, and batch normalisation takes the batch's own moments and notes them.
    pub training: bool,
}

/// An encoder and a decoder.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Network {
    /// The images it takes and makes.
    pub images: ImageShape,
    /// Its layers.
    pub architecture: Architecture,
    /// The form of its codes.
    pub code: CodeForm,
    /// What follows every hidden layer.
    pub activation: Activation,
    /// Classes of the label that encoder and decoder are told; 0 where they are told none.
    pub classes: usize,
    /// The share of hidden units and of code that is left out at random in training.
    pub dropout: f32,
    /// Whether the decoder's weights are the encoder's, transposed.
    pub tied: bool,
    /// How weights start.
    pub start: Start,
    /// The stages of convolutional networks.
    pub stages: Stages,
    /// Whether a [linear path](super::linear) leads from images to codes, which then are linear, and
    /// back. In dense networks without hidden layers there is nothing besides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub linear: bool,
    /// Whether the path's windows step finer than other layers on their way to the code, too. Those of earlier
    /// versions did not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finer_windows: bool,
    /// Whether what the decoder makes is a correction, added to what the encoder saw.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub correction: bool,
    /// Inputs of a layer that the learning rate is meant for; see [`Layer::width`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
}

impl Network {
    /// A network of these parts without labels, dropout or tied weights.
    pub fn new(images: ImageShape, architecture: Architecture, code: CodeForm) -> Self {
        let (stages, activation) = (Stages::of(&architecture, code), Activation::Relu);
        let (classes, dropout, tied, start) = (0, 0.0, false, Start::default());
        let (linear, finer_windows, correction, width) = (false, false, false, None);
        Self {
            images,
            architecture,
            code,
            activation,
            classes,
            dropout,
            tied,
            start,
            stages,
            linear,
            finer_windows,
            correction,
            width,
        }
    }

    /// Adds a linear path. The last stage's map is then no code by itself: a rectifier may have ended
    /// it.
    pub fn begin_linear(&mut self) {
        self.linear = true;
        if let (CodeForm::Features, Some([channels, ..])) = (self.code, self.innermost()) {
            self.code = CodeForm::Map(channels);
        }
        self.finer_windows = !self.is_vector();
    }

    /// Height and width that all stages divide.
    pub(super) fn padded_size(&self) -> [usize; 2] {
        let factor = 1 << self.architecture.halvings().unwrap_or(0);
        [self.images.height, self.images.width].map(|size| size.next_multiple_of(factor))
    }

    /// Channels, height and width of the map behind the last stage; `None` in dense networks.
    pub(super) fn innermost(&self) -> Option<[usize; 3]> {
        let halvings = self.architecture.halvings()?;
        let [height, width] = self.padded_size().map(|size| size >> halvings);
        Some([self.architecture.features().unwrap_or(self.images.channels), height, width])
    }

    /// Whether the decoder's weights can be the encoder's.
    pub fn can_be_tied(&self) -> bool {
        let Architecture::Dense(sizes) = &self.architecture else { return false };
        sizes.is_mirrored() && self.classes == 0
    }

    /// The most numbers that one layer makes of one image.
    pub fn widest(&self) -> usize {
        let ImageShape { channels, height, width } = self.images;
        let layers = |sizes: &Sizes| sizes.encoder.iter().chain(&sizes.decoder).copied().max();
        match &self.architecture {
            Architecture::Dense(sizes) => layers(sizes).unwrap_or(0).max(self.images.elements()),
            // Stages next to the image are as large as it is.
            Architecture::Conv(sizes) => {
                layers(sizes).unwrap_or(0).max(channels) * (height + 1) * (width + 1)
            }
            Architecture::Flat(flat) => {
                flat.channels.max(4 * channels) * (height + 1) * (width + 1) / 4
            }
        }
    }

    /// Whether there is a hidden layer, which the activation is for.
    pub fn has_hidden_layers(&self) -> bool {
        match &self.architecture {
            Architecture::Dense(sizes) => !(sizes.encoder.is_empty() && sizes.decoder.is_empty()),
            Architecture::Conv(_) | Architecture::Flat(_) => true,
        }
    }

    /// Whether a code is one dense layer away from the image.
    pub fn is_one_layer(&self) -> bool {
        matches!(&self.architecture, Architecture::Dense(sizes) if sizes.encoder.is_empty())
            && self.classes == 0
    }

    /// A layer with this activation.
    pub(super) fn layer(&self, activation: Option<Activation>) -> Layer {
        Layer { start: self.start, width: self.width, ..Layer::from(activation) }
    }

    /// What the product of a layer over so many inputs is multiplied by.
    pub fn scale(&self, inputs: usize) -> f32 {
        self.layer(None).scale(inputs)
    }

    /// The dense layers of the encoder that see images: a code may be made by one or two. A linear path is
    /// not among them.
    pub fn dense_on_images(&self) -> &'static [&'static str] {
        match &self.architecture {
            Architecture::Conv(_) | Architecture::Flat(_) => &[],
            Architecture::Dense(sizes) if sizes.encoder.is_empty() => {
                &["code", "mean", "log_variance"]
            }
            Architecture::Dense(_) => &["dense1"],
        }
    }

    /// The layer that ends a decoder: it begins by adding nothing to a linear path, or to what the encoder saw.
    pub(super) fn output(&self) -> Layer {
        let start = if self.linear || self.correction { Start::Zero } else { self.start };
        Layer { start, ..self.layer(None) }
    }

    /// A layer that ends an encoder: beside a linear path it begins by adding nothing.
    pub(super) fn last(&self, activation: Option<Activation>) -> Layer {
        let start = if self.linear { Start::Zero } else { self.start };
        Layer { start, ..self.layer(activation) }
    }

    /// Whether the linear path is all there is of the encoder, and of the decoder.
    pub(super) fn is_only_linear(&self) -> [bool; 2] {
        match &self.architecture {
            Architecture::Dense(sizes) if self.linear => {
                [&sizes.encoder, &sizes.decoder].map(|hidden| hidden.is_empty())
            }
            _ => [false; 2],
        }
    }

    /// A hidden layer.
    pub(super) fn hidden(&self) -> Layer {
        self.layer(Some(self.activation))
    }

    /// `x` with dropout, where the network has it and trains.
    pub(super) fn dropped(&self, scope: &mut Scope, x: NodeId) -> Result<NodeId> {
        match scope.training {
            true => ops::dropout(scope.graph, x, self.dropout),
            false => Ok(x),
        }
    }

    /// `x`, `[batch, features]` or a map, with the labels as features or channels more.
    pub(super) fn told(
        &self,
        scope: &mut Scope,
        x: NodeId,
        labels: Option<NodeId>,
    ) -> Result<NodeId> {
        if self.classes == 0 {
            return Ok(x);
        }
        let labels =
            labels.ok_or_else(|| Error::Graph("this network has to be told labels".into()))?;
        let shape = scope.graph.shape(x).clone();
        let mut one = vec![1; shape.rank()];
        (one[0], one[1]) = (shape[0], self.classes);
        let mut spread = shape.to_vec();
        spread[1] = self.classes;
        let labels = ops::reshape(scope.graph, labels, one)?;
        let labels = ops::expand(scope.graph, labels, &Shape::new(spread))?;
        ops::concat(scope.graph, &[x, labels], 1)
    }
}
