//! From images to features and codes, and from codes to what images are made of.

use super::stages::{Block, Stages};
use super::structure::{Network, Scope};
use super::{conv, dense, flat};
use crate::data::{ImageShape, MAX_SIDE};
use crate::error::{Error, Result};
use crate::models::architecture::{Architecture, CodeForm};
use crate::nn;
use crate::ops::{self, Activation, NodeId};

/// Gray, colours, and room for scientific images.
const MOST_CHANNELS: usize = 64;

impl Network {
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
        if matches!(self.architecture, Architecture::Flat(_)) {
            self.check_flat()?;
        }
        if is_dense && self.stages != Stages::default() {
            let what = "--block, --downsample, --norm and the kernels have no effect on dense layers; \
                        leave them out or give --arch conv:32,64";
            return Err(Error::option("--arch", what));
        }
        if !(2..=5).contains(&self.stages.upsample_kernel) {
            return Err(Error::option("--upsample-kernel", "takes 2, 3, 4 or 5"));
        }
        if ![3, 5].contains(&self.stages.downsample_kernel) {
            return Err(Error::option("--downsample-kernel", "takes 3 or 5"));
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

    /// The shape of one code.
    pub fn code_shape(&self) -> Vec<usize> {
        match (self.code, self.innermost()) {
            (CodeForm::Vector(size), _) => vec![size],
            (CodeForm::Map(channels), Some([_, height, width])) => vec![channels, height, width],
            (CodeForm::Features, Some(features)) => features.to_vec(),
            // Refused by `check`.
            (CodeForm::Map(_) | CodeForm::Features, None) => vec![],
        }
    }

    /// How many numbers a code has.
    pub fn latent(&self) -> usize {
        self.code_shape().iter().product()
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
        self.features_ending(scope, images, labels, Some(self.activation))
    }

    /// The features of [`Network::features`] before their last activation, where they are the code and
    /// end in one.
    ///
    /// # Errors
    /// As [`Network::features`].
    pub fn linear_features(
        &self,
        scope: &mut Scope,
        images: NodeId,
        labels: Option<NodeId>,
    ) -> Result<NodeId> {
        let last = (!self.has_linear_features()).then_some(self.activation);
        self.features_ending(scope, images, labels, last)
    }

    /// Whether the code is a map of features whose last activation can be left out: rectifying before
    /// the greatest of a window is chosen is the same as rectifying that.
    pub fn has_linear_features(&self) -> bool {
        self.code == CodeForm::Features
            && self.stages.block == Block::Plain
            && self.activation == Activation::Relu
    }

    fn features_ending(
        &self,
        scope: &mut Scope,
        images: NodeId,
        labels: Option<NodeId>,
        last: Option<Activation>,
    ) -> Result<NodeId> {
        match &self.architecture {
            Architecture::Dense(sizes) => {
                let x = ops::flatten(scope.graph, images)?;
                let x = self.told(scope, x, labels)?;
                dense::encode(self, scope, x, &sizes.encoder)
            }
            Architecture::Conv(sizes) => {
                let x = conv::padded(self, scope.graph, images)?;
                let x = self.told(scope, x, labels)?;
                conv::encode(self, scope, x, &sizes.encoder, last)
            }
            Architecture::Flat(flat) => {
                let x = conv::padded(self, scope.graph, images)?;
                let x = self.told(scope, x, labels)?;
                flat::encode(self, scope, x, *flat, last)
            }
        }
    }

    /// The code of `images`, as [`Network::features`] takes them: linear where the network has a linear
    /// path, else with this activation behind the layer `encoder.code`.
    ///
    /// # Errors
    /// When shapes do not fit, or labels are missing.
    pub fn code(
        &self,
        scope: &mut Scope,
        images: NodeId,
        labels: Option<NodeId>,
        activation: Option<Activation>,
    ) -> Result<NodeId> {
        if !self.linear {
            let features = self.features(scope, images, labels)?;
            return self.head(scope, "code", features, activation);
        }
        let linear = self.linear_code(scope, images)?;
        if self.is_only_linear()[0] {
            return Ok(linear);
        }
        let features = self.features(scope, images, labels)?;
        let more = self.head(scope, "code", features, None)?;
        ops::add(scope.graph, linear, more)
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
                nn::dense(scope.graph, &name, x, size, self.last(activation))
            }
            CodeForm::Features => Ok(features),
            CodeForm::Map(channels) => {
                let layer = self.last(activation);
                nn::conv2d(scope.graph, &name, features, channels, conv::POINT, layer)
            }
        }
    }

    /// For each of `outputs`, the first of which is the image, the layer `decoder.OUTPUT` of the decoder on `code`, shaped like the
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
        let linear = match self.linear {
            true => Some(self.linear_image(scope, code)?),
            false => None,
        };
        if let (Some(linear), true, 1) = (linear, self.is_only_linear()[1], N) {
            return Ok([linear; N]);
        }
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
            Architecture::Flat(flat) => {
                let x = flat::decode(self, scope, code, *flat)?;
                for (made, output) in made.iter_mut().zip(outputs) {
                    *made = flat::output(self, scope, x, output)?;
                }
            }
        }
        if let Some(linear) = linear {
            made[0] = ops::add(scope.graph, linear, made[0])?;
        }
        Ok(made)
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
}
