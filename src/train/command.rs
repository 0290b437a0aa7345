//! What the leading process of a training tells the others to do.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::ops::StepScalars;

/// What all processes do next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Command {
    /// Go on from the state that follows: parameters, buffers and moments.
    State,
    /// Take the images in the order of this epoch.
    Order { epoch: u32 },
    /// Compute shards of this step, each process those at its places, and end it.
    Step { number: usize, scalars: Words, places: Vec<Range<usize>> },
    /// Measure these steps of the held-out images each, and send the rows. The weight is given by its bits.
    Evaluate { weight: u32, steps: Vec<Range<usize>> },
    /// Say what the state comes to, in one number.
    Digest,
    /// The training is over.
    End,
}

/// Scalars by their bits: text has no word for some numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Words([u32; 12]);

impl From<StepScalars> for Words {
    fn from(scalars: StepScalars) -> Self {
        Self(bytemuck::cast(scalars))
    }
}

impl From<Words> for StepScalars {
    fn from(words: Words) -> Self {
        bytemuck::cast(words.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_come_back_to_the_bit() {
        let scalars = StepScalars {
            step: u32::MAX,
            weight: f32::INFINITY,
            learning_rate: 0.1,
            corrections: [1e-40, -0.0, f32::MAX, 3.0],
            ..StepScalars::default()
        };
        let step = Command::Step { number: 3, scalars: scalars.into(), places: vec![0..4, 4..4] };
        let text = serde_json::to_string(&step).expect("has JSON");
        let read: Command = serde_json::from_str(&text).expect("is JSON");
        assert_eq!(read, step);
        let Command::Step { scalars: words, .. } = read else { panic!("{text}") };
        assert_eq!(StepScalars::from(words), scalars);
    }
}
