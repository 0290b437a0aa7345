//! A convolutional autoencoder, for any number of channels and any image size.
//!
//! Encoder: a 3x3 convolution, rectified, and a 2x2 max-pool a stage; a dense layer to the code.
//! Decoder: a dense layer, a 2x2 transposed convolution of stride 2 a stage, a 3x3 convolution.
//! Sizes that the stages do not divide are padded with zeros on the way in and cropped on the way
//! out.

use super::{Model, Recipe};
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::nn;
use crate::ops::{self, Activation, Builder, ConvGeometry, NodeId};

/// Stages of convolution and pooling, and the code between.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ConvAutoencoder {
    /// The images.
    pub images: ImageShape,
    /// Channels of each stage, from the images inward.
    pub channels: Vec<usize>,
    /// Numbers of a code.
    pub latent: usize,
}

const RELU: Option<Activation> = Some(Activation::Relu);
pub(super) const FIRST_WEIGHT: &str = "encoder.conv1.weight";

impl ConvAutoencoder {
    /// How the classic one is trained.
    pub const RECIPE: Recipe = Recipe { batch: 128, learning_rate: 2e-3 };

    /// Stages of 32 and 64 channels and a code of 32 numbers.
    ///
    /// # Errors
    /// Never: the sizes are right.
    pub fn classic(images: ImageShape) -> Result<Model> {
        Ok(Model::Conv(Self::new(images, vec![32, 64], 32)?))
    }

    /// Stages of these many channels; `[32, 64]` with a code of 32 is the default.
    ///
    /// # Errors
    /// When there is no stage, or a size is 0.
    pub fn new(images: ImageShape, channels: Vec<usize>, latent: usize) -> Result<Self> {
        if channels.is_empty() || channels.contains(&0) || latent == 0 {
            return Err(Error::option("channels", "every stage and the code need a size above 0"));
        }
        Ok(Self { images, channels, latent })
    }

    /// Height and width that all stages divide.
    fn padded(&self) -> [usize; 2] {
        let factor = 1 << self.channels.len();
        [self.images.height, self.images.width].map(|size| size.next_multiple_of(factor))
    }

    /// Channels, height and width after the last stage.
    fn innermost(&self) -> [usize; 3] {
        let factor = 1 << self.channels.len();
        let [height, width] = self.padded().map(|size| size / factor);
        [self.channels[self.channels.len() - 1], height, width]
    }

    pub(super) fn encode(&self, graph: &mut Graph, images: NodeId) -> Result<NodeId> {
        let ImageShape { height, width, .. } = self.images;
        let [rows, columns] = self.padded();
        let mut x = images;
        if [rows, columns] != [height, width] {
            let after = [0, 0, rows - height, columns - width];
            x = ops::pad(graph, x, &[0; 4], &after, 0.0)?;
        }
        let same = ConvGeometry::symmetric([3, 3], [1, 1], [1, 1]);
        let halve = ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]);
        for (stage, channels) in (1..).zip(&self.channels) {
            x = nn::conv2d(graph, &format!("encoder.conv{stage}"), x, *channels, same, RELU)?;
            x = ops::max_pool2d(graph, x, halve)?;
        }
        let x = ops::flatten(graph, x)?;
        nn::dense(graph, "encoder.dense", x, self.latent, RELU)
    }

    pub(super) fn decode(&self, graph: &mut Graph, code: NodeId) -> Result<NodeId> {
        let batch = graph.shape(code)[0];
        let [channels, height, width] = self.innermost();
        let x = nn::dense(graph, "decoder.dense", code, channels * height * width, RELU)?;
        let mut x = ops::reshape(graph, x, [batch, channels, height, width])?;
        let double = ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]);
        for (stage, channels) in (1..).zip(self.channels.iter().rev()) {
            let name = format!("decoder.conv_transpose{stage}");
            x = nn::conv_transpose2d(graph, &name, x, *channels, double, RELU)?;
        }
        let same = ConvGeometry::symmetric([3, 3], [1, 1], [1, 1]);
        let x = nn::conv2d(graph, "decoder.output", x, self.images.channels, same, None)?;
        let ImageShape { channels, height, width } = self.images;
        ops::slice(graph, x, &[0; 4], &[batch, channels, height, width])
    }
}
