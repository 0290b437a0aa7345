//! What changes from step to step.

use crate::rng::{self, Seed, Stream};

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
    /// The place in its batch of the first image of this step: 0, unless the batch comes in shards. Counts random
    /// draws as well, so that no two shards draw the same.
    pub place: u32,
    /// `1 - beta1^t` and `1 - beta2^t` of Adam; of a shard, its share of the step's images; and a spare place.
    pub corrections: [f32; 4],
}

impl StepScalars {
    /// The run's seed, put together again.
    pub fn seed(&self) -> Seed {
        Seed(u64::from(self.seed[0]) | u64::from(self.seed[1]) << 32)
    }

    /// The four words of elements `4 * block ..` of `stream` at this step: `random_words` of
    /// `shaders/shared/philox.wgsl`.
    #[inline(always)]
    pub fn random_words(&self, stream: Stream, block: u32) -> [u32; 4] {
        rng::philox([block, self.step, stream.0, self.place], self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shard_draws_what_another_does() {
        let words = |step, place, block| {
            let scalars = StepScalars { step, place, seed: [3, 5], ..StepScalars::default() };
            scalars.random_words(Stream(7), block)
        };
        let whole = rng::block(Seed(3 | 5 << 32), Stream(7), 2, 9);
        assert_eq!(words(2, 0, 9), whole, "a batch without shards draws as it always did");
        let mut seen: Vec<[u32; 4]> = vec![];
        for step in 0..4 {
            for place in [0, 4, 8, 12] {
                seen.extend((0..16).map(|block| words(step, place, block)));
            }
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }
}
