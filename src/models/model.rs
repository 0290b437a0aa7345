//! A model, what it is given and what it gives.

use super::kind::Kind;
use super::network::Network;
use super::variant::{Quantiser, Variance, Variant};
use super::{haze, holes};
use crate::data::ImageShape;
use crate::nn::{Loss, Output};
use crate::ops::NodeId;

/// A model: a network with an objective.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Model {
    /// How reconstructions are compared with images.
    pub loss: Loss,
    /// The variance of [`Loss::Gaussian`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variance: Option<Variance>,
    /// What makes pixels of what the decoder's last layer gives.
    #[serde(default)]
    pub output: Output,
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
    /// Whether the encoder is told how strong the noise in an image is, by a plane more of that number
    /// (Zhang, Zuo, Zhang: "FFDNet", 2018).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub noise_level: bool,
    /// Whether it makes pixels that are missing and changes no others. The encoder sees the mean of those around in
    /// their places, and by a plane more where they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fills: bool,
    /// Whether it is told of all of these; else black or white pixels are taken for missing ones, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub knows_holes: bool,
    /// Whether the decoder makes a transmission and an airlight, by which haze is undone, and not what is to be added.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transmission: bool,
}

/// A batch, as nodes.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// The images to be reconstructed, in [0, 1], `[batch, channels, height, width]`.
    pub images: NodeId,
    /// What the encoder sees of them: the same, corrupted or with pixels missing; and a plane more, for
    /// a model that is told how strong the noise is, or where pixels are missing ([`Model::input`]).
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

    /// What one unit of its loss is.
    pub fn unit(&self) -> &'static str {
        match (self.is_variational(), self.loss) {
            (true, Loss::Mse) => "squared error + nats per image",
            (_, Loss::Mse) if self.quantiser.is_some() => "MSE + weighted bits per pixel",
            _ if self.quantiser.is_some() => "nats + weighted bits per image",
            _ if self.noise_level => "variances of the noise per pixel",
            (_, loss) => loss.unit(),
        }
    }

    /// Whether codes are distributions.
    pub fn is_variational(&self) -> bool {
        matches!(self.variant, Variant::Vae(_) | Variant::Cvae(_) | Variant::Iwae(_))
    }

    /// Whether a code beside says how wide the numbers of a quantised one are.
    pub fn has_hyperprior(&self) -> bool {
        self.quantiser.is_some_and(|quantiser| quantiser.hyperprior.is_some())
    }

    /// Planes that the encoder sees beside an image: of how strong its noise is, of where pixels are missing, or of how
    /// dark it is around.
    pub(super) fn planes(&self) -> usize {
        match self.transmission {
            true => haze::PLANES,
            false => usize::from(self.noise_level || self.fills),
        }
    }

    /// Pixels to each side that reconstructions depend on by what stands around its pixels, besides those by the network.
    pub(crate) fn surroundings(&self) -> usize {
        match (self.fills, self.transmission) {
            (true, _) => holes::REACH,
            (_, true) => haze::REACH,
            _ => 0,
        }
    }

    /// Whether encoder and decoder are told labels.
    pub fn is_conditional(&self) -> bool {
        self.network.classes > 0
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
}
