//! Encoder and decoder, whatever they are trained for: from images to features and codes, and from
//! codes to what images are made of.

mod conv;
mod dense;

pub use conv::{Block, Downsample, Norm};

use super::architecture::{Architecture, CodeForm, Sizes};
use crate::data::{ImageShape, MAX_SIDE};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::nn::{self, Layer, Start};
use crate::ops::{self, Activation, Builder, NodeId};
use crate::tensor::Shape;

/// Gray, colours, and room for scientific images.
const MOST_CHANNELS: usize = 64;

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
}

/// How the stages of a convolutional network are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stages {
    /// What each stage holds.
    pub block: Block,
    /// How it halves the image.
    pub downsample: Downsample,
    /// What follows each convolution.
    pub norm: Norm,
    /// The kernel's side of the transposed convolutions that double the image: 2, 3 or 4.
    pub upsample_kernel: usize,
}

impl Default for Stages {
    fn default() -> Self {
        let (block, downsample, norm) = Default::default();
        Self { block, downsample, norm, upsample_kernel: 2 }
    }
}

impl Network {
    /// A network of these parts without labels, dropout or tied weights.
    pub fn new(images: ImageShape, architecture: Architecture, code: CodeForm) -> Self {
        let (stages, activation) = (Stages::default(), Activation::Relu);
        let (classes, dropout, tied, start) = (0, 0.0, false, Start::default());
        Self { images, architecture, code, activation, classes, dropout, tied, start, stages }
    }

    /// Refuses parts that do not go together.
    ///
    /// # Errors
    /// When there are such; the error names the option.
    pub fn check(&self) -> Result<()> {
        let is_dense = matches!(self.architecture, Architecture::Dense(_));
        if is_dense && !matches!(self.code, CodeForm::Vector(_)) {
            let what = "a map needs convolutions; give a number, or --arch conv:32,64";
            return Err(Error::option("--latent", what));
        }
        if is_dense && self.stages != Stages::default() {
            let what = "--block, --downsample, --norm and --upsample-kernel have no effect on \
                        dense layers; leave them out or give --arch conv:32,64";
            return Err(Error::option("--arch", what));
        }
        if !(2..=4).contains(&self.stages.upsample_kernel) {
            return Err(Error::option("--upsample-kernel", "takes 2, 3 or 4"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let what = format!("is {}; it must lie in [0, 1)", self.dropout);
            return Err(Error::option("--dropout", what));
        }
        let ImageShape { channels, height, width } = self.images;
        let sides = [height, width].iter().all(|side| (1..=MAX_SIDE).contains(side));
        if !sides || !(1..=MOST_CHANNELS).contains(&channels) {
            let what = format!("{} is no size of images that a model can take", self.images);
            return Err(Error::option("--size", what));
        }
        if self.tied && !self.can_be_tied() {
            let what = "needs dense layers whose decoder mirrors the encoder";
            return Err(Error::option("--tied", what));
        }
        Ok(())
    }

    /// Whether the decoder's weights can be the encoder's.
    pub fn can_be_tied(&self) -> bool {
        let Architecture::Dense(sizes) = &self.architecture else { return false };
        sizes.is_mirrored() && self.classes == 0
    }

    /// The shape of one code.
    pub fn code_shape(&self) -> Vec<usize> {
        match (self.code, &self.architecture) {
            (CodeForm::Vector(size), _) => vec![size],
            (CodeForm::Map(channels), Architecture::Conv(sizes)) => {
                let [_, height, width] = conv::innermost(self, sizes);
                vec![channels, height, width]
            }
            (CodeForm::Features, Architecture::Conv(sizes)) => {
                conv::innermost(self, sizes).to_vec()
            }
            // Refused by `check`.
            (_, Architecture::Dense(_)) => vec![],
        }
    }

    /// How many numbers a code has.
    pub fn latent(&self) -> usize {
        self.code_shape().iter().product()
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
        }
    }

    /// Whether there is a hidden layer, which the activation is for.
    pub fn has_hidden_layers(&self) -> bool {
        match &self.architecture {
            Architecture::Dense(sizes) => !(sizes.encoder.is_empty() && sizes.decoder.is_empty()),
            Architecture::Conv(_) => true,
        }
    }

    /// Whether a code is one dense layer away from the image.
    pub fn is_one_layer(&self) -> bool {
        matches!(&self.architecture, Architecture::Dense(sizes) if sizes.encoder.is_empty())
            && self.classes == 0
    }

    /// The encoder's features of `images`, `[batch, channels, height, width]`, told `labels`,
    /// one-hot `[batch, classes]`, if the network takes them: `[batch, units]` or a map.
    ///
    /// # Errors
    /// When shapes do not fit, or labels are missing.
    pub fn features(
        &self,
        scope: &mut Scope,
        images: NodeId,
        labels: Option<NodeId>,
    ) -> Result<NodeId> {
        match &self.architecture {
            Architecture::Dense(sizes) => {
                let x = ops::flatten(scope.graph, images)?;
                let x = self.told(scope, x, labels)?;
                dense::encode(self, scope, x, &sizes.encoder)
            }
            Architecture::Conv(sizes) => {
                let x = conv::padded(self, scope.graph, images, sizes.encoder.len())?;
                let x = self.told(scope, x, labels)?;
                conv::encode(self, scope, x, &sizes.encoder)
            }
        }
    }

    /// A code made of `features` by the layer `encoder.NAME`; for [`CodeForm::Features`] there is no
    /// such layer.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn head(
        &self,
        scope: &mut Scope,
        name: &str,
        features: NodeId,
        activation: Option<Activation>,
    ) -> Result<NodeId> {
        let name = format!("encoder.{name}");
        match self.code {
            CodeForm::Vector(size) => {
                let x = ops::flatten(scope.graph, features)?;
                nn::dense(scope.graph, &name, x, size, self.layer(activation))
            }
            CodeForm::Features => Ok(features),
            CodeForm::Map(channels) => {
                let layer = self.layer(activation);
                nn::conv2d(scope.graph, &name, features, channels, conv::POINT, layer)
            }
        }
    }

    /// For each of `outputs`, the layer `decoder.OUTPUT` of the decoder on `code`, shaped like the
    /// images.
    ///
    /// # Errors
    /// When shapes do not fit, or labels are missing.
    pub fn decode<const N: usize>(
        &self,
        scope: &mut Scope,
        code: NodeId,
        labels: Option<NodeId>,
        outputs: [&str; N],
    ) -> Result<[NodeId; N]> {
        let code = self.told(scope, code, labels)?;
        let mut made = [code; N];
        match &self.architecture {
            Architecture::Dense(sizes) => {
                let x = dense::decode(self, scope, code, &sizes.decoder)?;
                for (made, output) in made.iter_mut().zip(outputs) {
                    *made = dense::output(self, scope, x, output)?;
                }
            }
            Architecture::Conv(sizes) => {
                let x = conv::decode(self, scope, code, sizes)?;
                for (made, output) in made.iter_mut().zip(outputs) {
                    *made = conv::output(self, scope, x, output)?;
                }
            }
        }
        Ok(made)
    }

    /// A layer with this activation.
    fn layer(&self, activation: Option<Activation>) -> Layer {
        Layer { start: self.start, ..Layer::from(activation) }
    }

    /// A hidden layer.
    fn hidden(&self) -> Layer {
        self.layer(Some(self.activation))
    }

    /// A code with dropout, where the network has it and trains. The last map of a convolutional
    /// encoder has had it already.
    ///
    /// # Errors
    /// Never for a network that passed [`Network::check`].
    pub fn dropped_code(&self, scope: &mut Scope, code: NodeId) -> Result<NodeId> {
        match self.code {
            CodeForm::Features => Ok(code),
            CodeForm::Vector(_) | CodeForm::Map(_) => self.dropped(scope, code),
        }
    }

    /// `x` with dropout, where the network has it and trains.
    fn dropped(&self, scope: &mut Scope, x: NodeId) -> Result<NodeId> {
        match scope.training {
            true => ops::dropout(scope.graph, x, self.dropout),
            false => Ok(x),
        }
    }

    /// `x`, `[batch, features]` or a map, with the labels as features or channels more.
    fn told(&self, scope: &mut Scope, x: NodeId, labels: Option<NodeId>) -> Result<NodeId> {
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
