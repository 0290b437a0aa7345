//! What a user can choose of a model, and of what it is shown.

use super::architecture::{Architecture, CodeForm};
use super::network::{Block, Downsample, Norm};
use super::variant::{CodebookRule, Sparsity, Variance};
use crate::data::Missing;
use crate::nn::Loss;
use crate::ops::{Activation, Corruption};

/// The options, each once: its text for `--help`, its field, its type, and its name on the command
/// line.
macro_rules! choices {
    ($($(#[doc = $doc:tt])* #[arg($($arg:tt)*)] $field:ident: $kind:ty = $name:literal;)*) => {
        /// Options of models; `None` where the model's own recipe decides.
        #[derive(Clone, Debug, Default, PartialEq)]
        #[cfg_attr(feature = "cli", derive(clap::Args))]
        pub struct Choices {
            $(
                $(#[doc = $doc])*
                #[cfg_attr(feature = "cli", arg(long = $name, $($arg)*))]
                pub $field: Option<$kind>,
            )*
        }

        impl Choices {
            /// These, and `recipe` where nothing was chosen.
            pub fn or(self, recipe: Choices) -> Choices {
                Choices { $($field: self.$field.or(recipe.$field),)* }
            }

            /// Whether something is said of the network's layers or its code.
            pub fn names_network(&self) -> bool {
                self.arch.is_some() || self.latent.is_some()
            }

            /// The names of the options that were chosen, without dashes.
            pub fn given(&self) -> Vec<&'static str> {
                let mut given = vec![];
                $(if self.$field.is_some() { given.push($name); })*
                given
            }
        }
    };
}

choices! {
    /// Layers: dense:400, dense:64/32,64 (encoder/decoder), dense (none hidden), conv:32,64 or flat:64x12
    #[arg(value_name = "ARCH")]
    arch: Architecture = "arch";
    /// Numbers of a code; or a map of features, of N channels
    #[arg(value_name = "N|map|map:N")]
    latent: CodeForm = "latent";
    /// What follows hidden layers: relu, leaky-relu:SLOPE, sigmoid, tanh, softplus, gelu or silu
    #[arg(value_name = "NAME")]
    activation: Activation = "activation";
    /// What each stage of a convolutional network holds
    #[arg(value_enum)]
    block: Block = "block";
    /// How a stage of a convolutional network halves an image
    #[arg(value_enum)]
    downsample: Downsample = "downsample";
    /// What follows each convolution
    #[arg(value_enum)]
    norm: Norm = "norm";
    /// The kernel's side of convolutions that halve an image: 3 or 5
    #[arg(value_name = "SIDE")]
    downsample_kernel: usize = "downsample-kernel";
    /// The kernel's side of transposed convolutions: 2, 3, 4 or 5
    #[arg(value_name = "SIDE")]
    upsample_kernel: usize = "upsample-kernel";
    /// The share of units left out at random in training
    #[arg(value_name = "SHARE")]
    dropout: f32 = "dropout";
    /// Let the decoder's weights be the encoder's, transposed
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    tied: bool = "tied";
    /// Let the decoder make what is to be added to what the encoder saw, not the image itself
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    residual: bool = "residual";
    /// How a reconstruction is compared with its image: mse (per pixel), bce or gaussian (nats per
    /// image)
    #[arg(value_enum)]
    loss: Loss = "loss";
    /// Round codes to whole steps of this size, so that `diabolo compress` can store them
    #[arg(value_name = "STEP")]
    quantise: f32 = "quantise";
    /// The weight of a quantised code's bits: of bits a pixel beside --loss mse, else of bits an image
    #[arg(value_name = "WEIGHT")]
    rate: f32 = "rate";
    /// Say by a smaller code of so many channels how wide the numbers of a quantised map are at each place
    #[arg(value_name = "N")]
    hyperprior: usize = "hyperprior";
    /// The weight of the variant's own term; 0 gives the plain autoencoder
    #[arg(value_name = "WEIGHT")]
    penalty: f32 = "penalty";
    /// What keeps codes sparse
    #[arg(value_enum)]
    sparsity: Sparsity = "sparsity";
    /// Units of a code that stay, for --sparsity topk
    #[arg(value_name = "K")]
    k: usize = "k";
    /// The mean activation aimed at by --sparsity kl
    #[arg(value_name = "RATE")]
    rho: f32 = "rho";
    /// The share of active units to reach; the penalty's weight is adjusted after each epoch
    #[arg(value_name = "SHARE")]
    target_sparsity: f32 = "target-sparsity";
    /// The weight of the divergence from the prior
    #[arg(value_name = "BETA")]
    beta: f32 = "beta";
    /// Epochs in which beta rises from 0, or k falls
    #[arg(value_name = "EPOCHS")]
    warmup: u32 = "warmup";
    /// Nats of divergence a dimension that cost nothing less
    #[arg(value_name = "NATS")]
    free_bits: f32 = "free-bits";
    /// The variance of --loss gaussian: one number, or one a pixel of each image
    #[arg(value_enum)]
    variance: Variance = "variance";
    /// Samples of a code in the bound that is trained
    #[arg(value_name = "K")]
    samples: usize = "samples";
    /// Codes in the codebook
    #[arg(value_name = "K")]
    codes: usize = "codes";
    /// Numbers of each code in the codebook
    #[arg(value_name = "D")]
    code_dim: usize = "code-dim";
    /// How the codebook follows: by moving averages, or by gradient
    #[arg(value_enum)]
    codebook: CodebookRule = "codebook";
    /// Random projections that estimate the Jacobian's norm; 0 for the exact one
    #[arg(value_name = "N")]
    probes: usize = "probes";
    /// What corrupts the images that the encoder sees, anew at each step: gaussian:0.4,
    /// camera:0.1, salt-pepper:0.3, mask:0.5, rectangles:0.25, blur:1.5, jpeg:10-40 or haze:0.5
    #[arg(value_name = "KIND:AMOUNT")]
    noise: Corruption = "noise";
    /// What corrupts the held-out images, if not the same
    #[arg(value_name = "KIND:AMOUNT")]
    test_noise: Corruption = "test-noise";
    /// Draw each pixel as 0 or 1 with its brightness as probability, anew at each step
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    binarise: bool = "binarise";
    /// Measure the log-likelihood by this many weighted samples an image
    #[arg(value_name = "K")]
    nll: usize = "nll";
    /// Held-out images for --nll [default: 1000]
    #[arg(value_name = "N")]
    nll_images: usize = "nll-images";
    /// Pixels that nobody sees: an image that is dark where they are, or random:SHARE
    #[arg(value_name = "FILE|random:SHARE")]
    missing: Missing = "missing";
}
