//! How a model is made and trained where nothing else is asked for.

use serde::{Deserialize, Serialize};

use super::architecture::{Architecture, CodeForm};
use super::choices::Choices;
use crate::nn::Loss;
use crate::ops::Activation;

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

/// Numbers of a code where nothing else is said.
pub(super) const LATENT: usize = 32;

impl Recipe {
    /// That of plain autoencoders of any architecture, on any images; without one, of the
    /// convolutions that suit them.
    pub(super) fn plain(arch: Option<Architecture>, code: Option<CodeForm>) -> Self {
        let choices = Choices {
            arch,
            latent: Some(code.unwrap_or(CodeForm::Vector(LATENT))),
            // Smooth, and nowhere without a slope for long: no unit dies of one large step.
            activation: Some(Activation::Gelu),
            loss: Some(Loss::Mse),
            ..Choices::default()
        };
        let (batch, learning_rate) = match code {
            None | Some(CodeForm::Vector(_)) => (64, PLAIN_RATE),
            // Each image shows as many examples as its map has places, and what is left to be learned
            // beside the linear path is small.
            Some(CodeForm::Features | CodeForm::Map(_)) => (16, MAP_RATE),
        };
        let schedule = Schedule::WarmCosine;
        Self { batch, learning_rate, schedule, epochs: 10, choices }
    }

    /// How a variant whose own publications ask for nothing else is trained.
    pub(super) fn usual(choices: Choices) -> Self {
        let schedule = Schedule::WarmCosine;
        Self { batch: 64, learning_rate: USUAL_RATE, schedule, epochs: 10, choices }
    }

    /// What this recipe asks of a model, for layers that were named: what it says of its own, and of how
    /// fast they learn, says nothing of others. The activation stays where it `is_of_code`.
    pub(super) fn of_named_layers(self, is_of_code: bool) -> Self {
        let activation = match is_of_code {
            true => self.choices.activation,
            false => Some(Activation::Gelu),
        };
        Self::usual(Choices {
            arch: None,
            activation,
            block: None,
            downsample: None,
            norm: None,
            downsample_kernel: None,
            upsample_kernel: None,
            tied: None,
            ..self.choices
        })
    }
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
    /// It rises along a line for a twentieth of the run, and for 100 steps at least, then falls to 0 along half
    /// a cosine: Adam's first steps, by moments of few gradients, are the least sure (Ma and Yarats, "On the
    /// adequacy of untuned warmup for adaptive optimization", 2021). So a run of ten steps, which can learn
    /// next to nothing, keeps what it begins with.
    WarmCosine,
}

/// The rate of plain autoencoders, and the inputs of a layer that it is meant for. Layers of a shallow
/// network stand four times as much; those of a deep one then unlearn, beside their linear path, as much
/// as they learn.
const PLAIN_RATE: f32 = 5e-3;
/// The same where codes are maps.
const MAP_RATE: f32 = 2e-3;
pub(super) const PLAIN_WIDTH: usize = 256;

/// The rate of other variants on layers of any kind.
const USUAL_RATE: f32 = 2e-3;
/// The inputs of a layer that the rates of all other recipes, 0.001 to 0.003, are meant for.
pub(super) const WIDTH: usize = 1024;

impl Schedule {
    /// The share of a run in which the rate of [`Schedule::WarmCosine`] rises.
    pub const WARM: f64 = 0.05;
    /// The least steps in which it does.
    pub const WARM_STEPS: f64 = 100.0;

    /// The factor of the rate after `step` steps of a run of `steps`.
    pub fn factor(self, step: f64, steps: f64) -> f32 {
        let share = step / steps;
        let falling =
            |share: f64| (0.5 + 0.5 * (std::f64::consts::PI * share.clamp(0.0, 1.0)).cos()) as f32;
        match self {
            Self::Constant => 1.0,
            Self::Cosine => falling(share),
            Self::WarmCosine => {
                let rises = Self::WARM.max(Self::WARM_STEPS / steps);
                let risen = (share / rises).min(1.0) as f32;
                risen * falling((share - Self::WARM) / (1.0 - Self::WARM))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn short_runs_never_have_the_whole_rate() {
        let rate = |step, steps| Schedule::WarmCosine.factor(f64::from(step), f64::from(steps));
        assert_eq!([0, 50, 100].map(|step| rate(step, 2000)), [0.0, 0.5, 1.0]);
        assert_eq!([0, 100, 200].map(|step| rate(step, 4000)), [0.0, 0.5, 1.0]);
        assert!((rate(1050, 2000) - 0.5).abs() < 1e-6 && rate(2000, 2000) < 1e-6);
        // The rate of a long run after as many steps is never passed.
        for step in 0..10 {
            let cosine = Schedule::Cosine.factor(f64::from(step), 10.0);
            assert!(
                rate(step, 10) <= 0.01 * step as f32
                    && rate(step, 10) >= 0.01 * step as f32 * cosine
            );
        }
    }
}
