//! The variants and their settings, as runs store them. What each does is in the file of its name.

use serde::{Deserialize, Serialize};

/// What a model is trained for besides reconstruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// The settings of a sparse autoencoder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sparse {
    /// What keeps codes sparse.
    pub sparsity: Sparsity,
    /// The penalty's weight at the start.
    pub penalty: f32,
    /// The units that stay, for [`Sparsity::TopK`]; 0 for all.
    pub k: usize,
    /// The mean activation that [`Sparsity::Kl`] aims at.
    pub rho: f32,
    /// Epochs in which k falls from 40 times itself: with few units from the start, most would never
    /// be among them (section 4.2.1 of the paper).
    pub warmup: u32,
    /// The share of active units to which the penalty's weight is adapted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<f32>,
}

/// What keeps codes sparse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", value(rename_all = "lower"))]
pub enum Sparsity {
    /// The sum of magnitudes.
    #[default]
    L1,
    /// The divergence of mean activations from a rate.
    Kl,
    /// Only the k greatest units stay.
    TopK,
}

/// The settings of a contractive autoencoder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contractive {
    /// The weight of the squared norm.
    pub penalty: f32,
    /// Random projections a step that estimate the norm; 0 for the exact one.
    pub probes: usize,
}

/// The settings of a variational autoencoder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vae {
    /// The weight of the divergence.
    pub beta: f32,
    /// Epochs in which the weight rises from 0 to beta.
    pub warmup: u32,
    /// Nats of mean divergence in each dimension below which less gains nothing.
    pub free_bits: f32,
}

/// Where the variance of a Gaussian decoder comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Variance {
    /// One number for all pixels of all images, a parameter.
    #[default]
    Shared,
    /// One number a pixel, an output of the decoder.
    Learned,
}

/// The settings of an importance-weighted autoencoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iwae {
    /// Samples in the bound.
    pub samples: usize,
}

/// The settings of a vector-quantised autoencoder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VqVae {
    /// Codes in the codebook.
    pub codes: usize,
    /// Numbers of each.
    pub code_dim: usize,
    /// How they follow.
    pub rule: CodebookRule,
    /// The weight of the commitment.
    pub penalty: f32,
}

/// How the codebook follows what it stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum CodebookRule {
    /// Each code is a moving average of the places it is nearest to.
    #[default]
    Ema,
    /// By gradient, like all parameters.
    Loss,
}

/// How a code becomes whole numbers, and what they cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiser {
    /// The distance of neighbouring values.
    pub step: f32,
    /// The weight of the bits: of bits a pixel beside a [squared error](crate::nn::Loss::Mse), else of
    /// bits an image.
    pub rate: f32,
    /// Channels of the code that says how wide the distribution of each number is, if there is one (Ballé et al.,
    /// "Variational image compression with a scale hyperprior", 2018).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hyperprior: Option<usize>,
}
