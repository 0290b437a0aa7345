//! Where training stands, apart from the numbers of the model.

use crate::evaluate::WeightedMean;

/// Where training stands: with the state, all that decides how it goes on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Position {
    /// Optimiser steps taken.
    pub step: u32,
    /// Epochs finished.
    pub epoch: u32,
    /// What is known of the epoch under way.
    pub part: PartEpoch,
    /// What a model that adapts its penalty knew after the last epoch.
    pub adaptation: Option<Adaptation>,
    /// How often the learning rate has been halved because the loss was no number.
    pub halvings: u32,
}

/// The part of an epoch that is done.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PartEpoch {
    /// Steps taken.
    pub steps: u32,
    /// Sums over them.
    pub(crate) mean: WeightedMean,
    /// Seconds of training. Checkpoints have none: equal runs have equal files.
    pub seconds: f64,
}

impl PartEpoch {
    /// Images trained on in it.
    pub fn images(&self) -> usize {
        self.mean.images()
    }

    /// The sum of each metric of its steps, each times the images of its step.
    pub fn sums(&self) -> &[f64] {
        self.mean.sums()
    }
}

/// What a model that adapts its penalty knows after an epoch.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Adaptation {
    /// The penalty's weight in this epoch.
    pub weight: f32,
    /// The share of units that were active.
    pub activity: f32,
}
