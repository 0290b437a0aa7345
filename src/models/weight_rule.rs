//! The weight that stands in each step's scalars: how it goes over a training, and how a model adapts it.

use serde::Serialize;

/// How a weight goes over a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum WeightRule {
    /// It stays.
    Constant {
        /// What it is.
        value: f32,
    },
    /// It rises from 0 along a line.
    Rising {
        /// Where it ends.
        value: f32,
        /// Epochs that it takes.
        warmup: u32,
    },
    /// It falls along a line.
    Falling {
        /// Where it ends.
        value: f32,
        /// Epochs that it takes.
        warmup: u32,
        /// How many times its end it begins at.
        factor: f32,
    },
}

impl WeightRule {
    /// The weight so many epochs into the training.
    pub fn at(self, epochs: f32) -> f32 {
        match self {
            Self::Constant { value } => value,
            Self::Rising { value, warmup } => value * (epochs / warmup as f32).min(1.0),
            Self::Falling { value, warmup, factor } => {
                let left = (1.0 - epochs / warmup as f32).max(0.0);
                value * (1.0 + (factor - 1.0) * left)
            }
        }
    }
}

/// How a weight is adapted to the share of units that are active: one step of dual ascent on its logarithm an
/// epoch (multipliers: Bertsekas, 1982), more weight where too many are active, less where too few.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Adapting {
    /// The share that is wanted.
    pub target: f32,
    /// How far one epoch can move the logarithm of the weight.
    pub rate: f32,
    /// The least weight.
    pub least: f32,
    /// The greatest.
    pub most: f32,
}

impl Adapting {
    /// The weight for the next epoch after one at `weight` in which this share of units was active.
    pub fn next(self, weight: f32, activity: f32) -> f32 {
        let excess = (activity.max(1e-6) / self.target).ln();
        let step = (self.rate * excess).clamp(-self.rate, self.rate);
        (weight * step.exp()).clamp(self.least, self.most)
    }
}
