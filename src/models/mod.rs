//! Autoencoders: a network, and what it is trained for. A variant is an objective, not an
//! architecture: each takes dense and convolutional networks alike.

mod architecture;
mod autoencoder;
mod choices;
mod contractive;
mod conv;
mod cvae;
mod denoising;
mod dense;
mod iwae;
mod kind;
mod network;
mod quantiser;
mod sparse;
mod vae;
mod vqvae;

pub use architecture::{Architecture, CodeForm, Sizes};
pub use choices::Choices;
pub use contractive::{Contractive, jacobian_squares};
pub use iwae::{Iwae, log_likelihood};
pub use kind::{Kind, Recipe, Schedule};
pub use network::{Block, Downsample, Network, Norm, Scope, Stages};
pub use quantiser::{LOCATION, LOG_SCALE, Quantiser};
pub use sparse::{Sparse, Sparsity};
pub use vae::{Vae, Variance};
pub use vqvae::{CodebookRule, VqVae};

use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::graph::{Graph, Initialiser, State};
use crate::nn::{Decoded, Loss};
use crate::ops::{self, Activation, NodeId, UnaryKind};

/// A model: a network with an objective.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Model {
    /// How reconstructions are compared with images.
    pub loss: Loss,
    /// The variance of [`Loss::Gaussian`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variance: Option<Variance>,
    /// Encoder and decoder.
    pub network: Network,
    /// What stands beside the reconstruction.
    pub variant: Variant,
    /// What makes whole numbers of the codes of plain autoencoders, so that they can be compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiser: Option<Quantiser>,
    /// Whether the decoder makes what is to be added to what the encoder saw.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub residual: bool,
}

/// What a model is trained for besides reconstruction.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Variant {
    /// Nothing; dense layers by default.
    Dense,
    /// Nothing; convolutions by default.
    Conv,
    /// Undoing noise.
    Denoising,
    /// Few active units.
    Sparse(Sparse),
    /// A small Jacobian.
    Contractive(Contractive),
    /// Codes near a normal distribution.
    Vae(Vae),
    /// The same, told labels.
    Cvae(Vae),
    /// The importance-weighted bound.
    Iwae(Iwae),
    /// Codes from a codebook.
    Vqvae(VqVae),
}

/// A batch, as nodes.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// The images to be reconstructed, in [0, 1], `[batch, channels, height, width]`.
    pub images: NodeId,
    /// What the encoder sees of them: the same, spoilt or with pixels missing.
    pub input: NodeId,
    /// 1 where a pixel is known, else 0: `[batch, 1, height, width]`; `None` where all are.
    pub seen: Option<NodeId>,
    /// One-hot labels, `[batch, classes]`, for a model that is told them.
    pub labels: Option<NodeId>,
}

/// A code with what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Encoded {
    /// The code that reconstructions are made of: for variational models, the mean.
    pub code: NodeId,
    /// The logarithm of the code's variance, for variational models; shaped like the code.
    pub log_variance: Option<NodeId>,
    /// Which codes of the codebook it consists of, `[batch, places]`, for VQ-VAE.
    pub index: Option<NodeId>,
}

/// What a model is trained by, over a batch.
#[derive(Clone, Debug)]
pub struct Objective {
    /// What is made small, a scalar.
    pub loss: NodeId,
    /// Scalars to be reported beside it, each a mean over the batch, by their name in
    /// `metrics.json`.
    pub measures: Vec<(&'static str, NodeId)>,
    /// The share of active units, for a model that adapts its penalty to it.
    pub activity: Option<NodeId>,
}

/// Below this log-variance a Gaussian pixel would be sharper than the 255 steps it is stored in.
const LEAST_LOG_VARIANCE: f32 = -12.5;

impl Model {
    /// The size of the images it takes and makes.
    pub fn images(&self) -> ImageShape {
        self.network.images
    }

    /// A word for file names and reports.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// The variant's name.
    pub fn kind(&self) -> Kind {
        match self.variant {
            Variant::Dense => Kind::Dense,
            Variant::Conv => Kind::Conv,
            Variant::Denoising => Kind::Denoising,
            Variant::Sparse(_) => Kind::Sparse,
            Variant::Contractive(_) => Kind::Contractive,
            Variant::Vae(_) => Kind::Vae,
            Variant::Cvae(_) => Kind::Cvae,
            Variant::Iwae(_) => Kind::Iwae,
            Variant::Vqvae(_) => Kind::Vqvae,
        }
    }

    /// Refuses parts that do not go together.
    ///
    /// # Errors
    /// When there are such; the error names the option.
    pub fn check(&self) -> Result<()> {
        self.network.check()?;
        if self.network.tied && self.variance == Some(Variance::Learned) {
            let what =
                "leaves --variance learned without weights of its own; leave one of them out";
            return Err(Error::option("--tied", what));
        }
        match &self.variant {
            Variant::Sparse(sparse) => sparse.check(self),
            Variant::Vae(vae) | Variant::Cvae(vae) => vae.check(),
            Variant::Iwae(iwae) => iwae.check(),
            Variant::Vqvae(vqvae) => vqvae.check(self),
            Variant::Contractive(contractive) => contractive.check(self),
            Variant::Dense | Variant::Conv | Variant::Denoising => Ok(()),
        }?;
        if self.residual && self.loss != Loss::Mse {
            let what = "makes differences, which have a squared error; give --loss mse";
            return Err(Error::option("--residual", what));
        }
        if self.residual && self.quantiser.is_some() {
            let what = "has no effect on a residual model, whose codes alone make no image";
            return Err(Error::option("--quantise", what));
        }
        if let Some(quantiser) = &self.quantiser {
            if !self.kind().is_plain() {
                let what = format!("has no effect on the {} model", self.name());
                return Err(Error::option("--quantise", what));
            }
            quantiser.check(&self.network)?;
        }
        match &self.variant {
            Variant::Vae(_) | Variant::Cvae(_) | Variant::Iwae(_)
                if self.network.code == CodeForm::Features =>
            {
                let what = "a variational code needs a layer of its own; give a number or map:8";
                Err(Error::option("--latent", what))
            }
            _ => Ok(()),
        }
    }

    /// What one unit of its loss is.
    pub fn unit(&self) -> &'static str {
        match (self.is_variational(), self.loss) {
            (true, Loss::Mse) => "squared error + nats per image",
            (_, Loss::Mse) if self.quantiser.is_some() => "MSE + weighted bits per pixel",
            _ if self.quantiser.is_some() => "nats + weighted bits per image",
            (_, loss) => loss.unit(),
        }
    }

    /// Whether codes are distributions.
    pub fn is_variational(&self) -> bool {
        matches!(self.variant, Variant::Vae(_) | Variant::Cvae(_) | Variant::Iwae(_))
    }

    /// Whether encoder and decoder are told labels.
    pub fn is_conditional(&self) -> bool {
        self.network.classes > 0
    }

    /// The activation of the code: the network's, unless the variant wants it linear.
    fn code_activation(&self) -> Option<Activation> {
        match &self.variant {
            // Whole numbers of either sign.
            _ if self.quantiser.is_some() => None,
            Variant::Sparse(sparse) => sparse.code_activation(self.network.activation),
            Variant::Vae(_) | Variant::Cvae(_) | Variant::Iwae(_) | Variant::Vqvae(_) => None,
            _ => Some(self.network.activation),
        }
    }

    /// The codes of `input`, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// When the images are not of the model's size.
    pub fn encode(
        &self,
        scope: &mut Scope,
        input: NodeId,
        labels: Option<NodeId>,
    ) -> Result<Encoded> {
        if self.is_variational() {
            let posterior = vae::posterior(self, scope, input, labels)?;
            let (code, log_variance) = (posterior.mean, Some(posterior.log_variance));
            return Ok(Encoded { code, log_variance, index: None });
        }
        let features = self.network.features(scope, input, labels)?;
        let code = self.network.head(scope, "code", features, self.code_activation())?;
        match &self.variant {
            Variant::Vqvae(vqvae) => {
                let quantised = vqvae.quantise(scope, code)?;
                let (code, index) = (quantised.code, Some(quantised.index));
                Ok(Encoded { code, log_variance: None, index })
            }
            variant => {
                let code = match variant {
                    Variant::Sparse(sparse) => sparse.keep_greatest(scope, code)?,
                    _ => code,
                };
                let code = match &self.quantiser {
                    Some(quantiser) => quantiser.quantise(scope, code)?,
                    None => self.network.dropped_code(scope, code)?,
                };
                Ok(Encoded { code, log_variance: None, index: None })
            }
        }
    }

    /// The codes of `input` as a classifier should read them: of top-k codes, with more units than
    /// reconstructions are made of; else the codes themselves.
    ///
    /// # Errors
    /// When the images are not of the model's size.
    pub fn represent(
        &self,
        scope: &mut Scope,
        input: NodeId,
        labels: Option<NodeId>,
    ) -> Result<NodeId> {
        let Variant::Sparse(sparse) = &self.variant else {
            return Ok(self.encode(scope, input, labels)?.code);
        };
        let features = self.network.features(scope, input, labels)?;
        let code = self.network.head(scope, "code", features, self.code_activation())?;
        sparse.keep_more(scope, code)
    }

    /// What the decoder makes of codes.
    ///
    /// # Errors
    /// When the codes are not of the model's size.
    pub fn decode(
        &self,
        scope: &mut Scope,
        code: NodeId,
        labels: Option<NodeId>,
    ) -> Result<Decoded> {
        let network = &self.network;
        match self.variance {
            None => {
                let [logits] = network.decode(scope, code, labels, ["output"])?;
                Ok(Decoded { logits, base: None, log_variance: None })
            }
            Some(Variance::Shared) => {
                let [logits] = network.decode(scope, code, labels, ["output"])?;
                let start = Initialiser::Constant(vae::SHARED_START);
                let shared = scope.graph.parameter("decoder.log_variance", [1; 4], start)?;
                Ok(Decoded { logits, base: None, log_variance: Some(shared) })
            }
            Some(Variance::Learned) => {
                let outputs = ["output", "log_variance"];
                let [logits, variance] = network.decode(scope, code, labels, outputs)?;
                let range =
                    UnaryKind::Clamp { low: LEAST_LOG_VARIANCE, high: ops::LOG_VARIANCE[1] };
                let variance = ops::unary(scope.graph, variance, range)?;
                Ok(Decoded { logits, base: None, log_variance: Some(variance) })
            }
        }
    }

    /// What the decoder makes of `code`, the code of `input`.
    ///
    /// # Errors
    /// When the images are not of the model's size.
    pub fn decode_beside(
        &self,
        scope: &mut Scope,
        code: NodeId,
        input: NodeId,
        labels: Option<NodeId>,
    ) -> Result<Decoded> {
        let base = self.residual.then_some(input);
        Ok(Decoded { base, ..self.decode(scope, code, labels)? })
    }

    /// How many codes of the codebook one code of VQ-VAE consists of, by the axes of its map if it is
    /// one; none for other models, which have no codebook.
    pub fn places(&self) -> Option<Vec<usize>> {
        match (&self.variant, &self.network.code_shape()[..]) {
            (Variant::Vqvae(_), [_, height, width]) => Some(vec![*height, *width]),
            (Variant::Vqvae(vqvae), _) => Some(vec![self.network.latent() / vqvae.code_dim]),
            _ => None,
        }
    }

    /// The codes, row by row, that consist of codes of the codebook in `state` with these numbers.
    ///
    /// # Errors
    /// When the model has no codebook, or that has no such number.
    pub fn look_up(&self, state: &State, indices: &[u32]) -> Result<Vec<f32>> {
        let Variant::Vqvae(vqvae) = &self.variant else {
            return Err(Error::Graph(format!("a {} model has no codebook", self.name())));
        };
        let places = self.places().map_or(1, |axes| axes.iter().product());
        let are_maps = self.network.code_shape().len() == 3;
        vqvae.look_up(state, places, are_maps, indices)
    }

    /// Codes, row by row, as the encoder could have made them: without what its last step, a
    /// rectifier or a choice of units, lets no code have.
    pub fn rectify(&self, codes: &mut [f32]) {
        match &self.variant {
            Variant::Sparse(sparse) if sparse.k > 0 => {
                codes.chunks_mut(self.network.latent()).for_each(|code| sparse.rectify(code));
            }
            _ if self.code_activation() == Some(Activation::Relu) => {
                codes.iter_mut().for_each(|value| *value = value.max(0.0));
            }
            _ => {}
        }
    }

    /// The objective over a batch.
    ///
    /// # Errors
    /// When the images are not of the model's size, or labels are missing.
    pub fn objective(&self, scope: &mut Scope, batch: &Batch) -> Result<Objective> {
        match &self.variant {
            Variant::Dense | Variant::Conv | Variant::Denoising => {
                autoencoder::objective(self, scope, batch)
            }
            Variant::Sparse(sparse) => sparse.objective(self, scope, batch),
            Variant::Contractive(contractive) => contractive.objective(self, scope, batch),
            Variant::Vae(vae) | Variant::Cvae(vae) => vae.objective(self, scope, batch),
            Variant::Iwae(iwae) => iwae.objective(self, scope, batch),
            Variant::Vqvae(vqvae) => vqvae.objective(self, scope, batch),
        }
    }

    /// The evidence lower bound of each image of a batch, one code drawn, in nats: `[batch]` (Kingma
    /// and Welling, 2014). Under [`Loss::Mse`] it lacks a constant.
    ///
    /// # Errors
    /// When the model is not variational.
    pub fn evidence_bound(&self, scope: &mut Scope, batch: &Batch) -> Result<NodeId> {
        match self.is_variational() {
            true => vae::bound_by_image(self, scope, batch),
            false => Err(Error::Graph(format!("a {} model has no evidence bound", self.name()))),
        }
    }

    /// The weight that stands in each step's scalars, `epochs` epochs into the training, where the
    /// model has `adapted` it to its activity.
    pub fn weight(&self, epochs: f32, adapted: Option<f32>) -> f32 {
        match &self.variant {
            Variant::Dense | Variant::Conv | Variant::Denoising => {
                self.quantiser.map_or(0.0, |quantiser| quantiser.rate)
            }
            Variant::Sparse(sparse) => adapted.unwrap_or_else(|| sparse.weight(epochs)),
            Variant::Contractive(contractive) => contractive.penalty,
            Variant::Vae(vae) | Variant::Cvae(vae) => vae.weight(epochs),
            Variant::Iwae(_) => 1.0,
            Variant::Vqvae(vqvae) => vqvae.penalty,
        }
    }

    /// The weight for the next epoch after one at `weight` in which this share of units was active.
    pub fn adapted(&self, weight: f32, activity: f32) -> Option<f32> {
        match &self.variant {
            Variant::Sparse(sparse) => sparse.adapted(weight, activity),
            _ => None,
        }
    }
}

/// A number for an option that must be 0 or more.
fn not_negative(option: &str, value: f32) -> Result<f32> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(value),
        false => Err(Error::option(option, format!("is {value}; it must be 0 or more"))),
    }
}

/// A weight that suits losses that are summed over an image: for one that is a mean over its pixels,
/// as many times less as MNIST's images have pixels.
fn by_scale(loss: Loss, weight: f32) -> f32 {
    if loss == Loss::Mse { weight / 784.0 } else { weight }
}

/// `loss` and `term` times the weight that comes with each step; all scalars.
fn plus_weighted(graph: &mut Graph, loss: NodeId, term: NodeId) -> Result<NodeId> {
    let weight = ops::step_weight(graph)?;
    let weighted = ops::mul(graph, term, weight)?;
    ops::add(graph, loss, weighted)
}

/// A count for an option that must be within a range.
fn count(option: &str, value: usize, range: std::ops::RangeInclusive<usize>) -> Result<usize> {
    match range.contains(&value) {
        true => Ok(value),
        false => {
            let what = format!("is {value}; it takes {} to {}", range.start(), range.end());
            Err(Error::option(option, what))
        }
    }
}
