//! What changes from step to step.

use crate::rng::Seed;

/// Numbers that change from step to step; `struct Step` in `shaders/shared/step.wgsl`.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, serde::Serialize, bytemuck::Pod, bytemuck::Zeroable,
)]
pub struct StepScalars {
    /// Optimiser steps taken before this one; the counter of every random draw.
    pub step: u32,
    /// Position in the epoch's order at which this batch starts.
    pub cursor: u32,
    /// The row of the metrics log that this step writes.
    pub row: u32,
    /// For the schedule of a variant: beta, a penalty's weight, a temperature.
    pub weight: f32,
    /// The two words of the run's seed.
    pub seed: [u32; 2],
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Not used; keeps the struct at a multiple of 16 bytes.
    pub padding: f32,
    /// `1 - beta1^t` and `1 - beta2^t` of Adam, and two spare places.
    pub corrections: [f32; 4],
}

impl StepScalars {
    /// The run's seed, put together again.
    pub fn seed(&self) -> Seed {
        Seed(u64::from(self.seed[0]) | u64::from(self.seed[1]) << 32)
    }
}
