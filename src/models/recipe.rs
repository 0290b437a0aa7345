//! How a model is made and trained where nothing else is asked for.

use serde::{Deserialize, Serialize};

use super::choices::Choices;

/// How a model is made and trained unless options say otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Images a step.
    pub batch: usize,
    /// Learning rate of Adam at the start.
    pub learning_rate: f32,
    /// How it goes on.
    pub schedule: Schedule,
    /// Passes over the training images.
    pub epochs: u32,
    /// The model's own options.
    pub choices: Choices,
}

/// How the learning rate goes over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// It stays.
    #[default]
    Constant,
    /// It falls to 0 along half a cosine (Loshchilov and Hutter, "SGDR", 2017, without restarts).
    Cosine,
}

impl Schedule {
    /// The factor of the rate where this share of the run is over.
    pub fn factor(self, share: f64) -> f32 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => (0.5 + 0.5 * (std::f64::consts::PI * share.min(1.0)).cos()) as f32,
        }
    }
}
