//! The variants by name.

/// A variant, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Kind {
    /// Dense layers: 784-64-32-32-64-784 on MNIST
    Dense,
    /// Stages of convolution and pooling
    Conv,
    /// Few active units: L1 or KL penalty, or only the k most active
    Sparse,
    /// Codes that change little with the image
    Contractive,
    /// Learns to undo noise
    Denoising,
    /// Variational: codes are distributions near a normal one
    Vae,
    /// Variational, told the label
    Cvae,
    /// Variational, trained on the bound of several weighted samples
    Iwae,
    /// Codes from a learned codebook
    Vqvae,
}

impl Kind {
    /// The name, as folders and reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Conv => "conv",
            Self::Sparse => "sparse",
            Self::Contractive => "contractive",
            Self::Denoising => "denoising",
            Self::Vae => "vae",
            Self::Cvae => "cvae",
            Self::Iwae => "iwae",
            Self::Vqvae => "vqvae",
        }
    }

    /// Whether it is trained for nothing but reconstruction.
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Self::Dense | Self::Conv | Self::Denoising)
    }
}
