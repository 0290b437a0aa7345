//! What steps are told that changes from one to the next.

use super::config::Config;
use super::position::Position;
use crate::ops::StepScalars;
use crate::rng::Seed;

/// What changes from step to step of an epoch.
pub(super) struct Scalars<'a> {
    config: &'a Config,
    /// Steps before the epoch.
    first: u32,
    /// Steps of an epoch.
    count: usize,
    epoch: u32,
    adapted: Option<f32>,
    learning_rate: f32,
}

impl<'a> Scalars<'a> {
    pub fn new(config: &'a Config, at: &Position, count: usize, adapted: Option<f32>) -> Self {
        let first = at.step - at.part.steps;
        let learning_rate = config.learning_rate * 0.5_f32.powi(at.halvings as i32);
        Self { config, first, count, epoch: at.epoch, adapted, learning_rate }
    }

    /// The weight of step `number` of the epoch.
    pub fn weight(&self, number: u32) -> f32 {
        let epochs = self.epoch as f32 + number as f32 / self.count as f32;
        self.config.model.weight(epochs, self.adapted)
    }

    /// All that step `number` of the epoch is told.
    pub fn of(&self, number: u32) -> StepScalars {
        let (config, step) = (self.config, self.first + number);
        let length = f64::from(config.epochs) * self.count as f64;
        StepScalars {
            step,
            weight: self.weight(number),
            seed: Seed(config.seed).key(),
            learning_rate: self.learning_rate * config.schedule.factor(step.into(), length),
            corrections: config.optimiser.corrections(step),
            ..StepScalars::default()
        }
    }
}
