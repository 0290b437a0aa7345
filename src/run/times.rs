//! `times.json`: how long the epochs of a run took. It stands apart from the model's file, which is the same for
//! runs that came to the same numbers, however long they took.

#[cfg(feature = "cli")]
use std::path::Path;

use serde::{Deserialize, Serialize};

#[cfg(feature = "cli")]
use super::folder::CHECKPOINTS;
use super::folder::{RunFile, RunFolder};
use super::metrics::EpochMetrics;
use crate::error::{Error, Result};
#[cfg(feature = "cli")]
use crate::file;
use crate::train::PartEpoch;

/// The most bytes of a file that is read; an epoch takes some 20.
#[cfg(feature = "cli")]
const MOST_BYTES: u64 = 16 << 20;

/// How long a run took, up to its newest checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::run) struct Times {
    /// Seconds of training of each epoch; null where they are not known.
    epochs: Vec<Option<f64>>,
    /// Steps that were taken of the epoch under way, and their seconds.
    steps: u32,
    seconds: f64,
}

impl Times {
    /// Those of a run with these epochs, and this part of the next.
    pub fn of(history: &[EpochMetrics], part: &PartEpoch) -> Self {
        let known = |epoch: &EpochMetrics| Some(epoch.seconds).filter(|it| it.is_finite());
        let epochs = history.iter().map(known).collect();
        Self { epochs, steps: part.steps, seconds: part.seconds }
    }

    /// Writes them into the folder of the run.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, folder: &RunFolder) -> Result<()> {
        let path = folder.file(RunFile::Times);
        let text = serde_json::to_string(self)
            .map_err(|error| Error::file(path, format!("cannot be put in words: {error}")))?;
        folder.write_text(RunFile::Times, &format!("{text}\n"))
    }
}

#[cfg(feature = "cli")]
impl Times {
    /// Those of the run that a checkpoint is of. Nothing depends on them: a file that is gone or damaged says that
    /// none is known.
    pub fn beside(checkpoint: &Path) -> Self {
        let folder = checkpoint.parent().unwrap_or(Path::new(""));
        let is_inner = folder.file_name().is_some_and(|name| name == CHECKPOINTS);
        let folder = if is_inner { folder.parent().unwrap_or(Path::new("")) } else { folder };
        let text = file::read_text(&folder.join(RunFile::Times.name()), MOST_BYTES);
        text.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Fills in what a checkpoint does not say. Files of earlier versions say it themselves.
    pub fn fill(&self, history: &mut [EpochMetrics], part: &mut PartEpoch) {
        for (epoch, seconds) in history.iter_mut().zip(&self.epochs) {
            if let (true, Some(seconds)) = (epoch.seconds.is_nan(), seconds) {
                epoch.seconds = *seconds;
            }
        }
        // A checkpoint of a few steps more or fewer is that of a process that was killed before it wrote this.
        if part.seconds == 0.0 && self.steps > 0 && self.epochs.len() == history.len() {
            part.seconds = self.seconds * f64::from(part.steps) / f64::from(self.steps);
        }
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;

    fn epochs(seconds: &[f64]) -> Vec<EpochMetrics> {
        let epoch = |seconds: &f64| EpochMetrics { seconds: *seconds, ..EpochMetrics::default() };
        seconds.iter().map(epoch).collect()
    }

    fn seconds(history: &[EpochMetrics]) -> Vec<f64> {
        history.iter().map(|epoch| epoch.seconds).collect()
    }

    #[test]
    fn a_checkpoint_that_says_no_times_has_those_of_the_file() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let folder = RunFolder::create(place.path()).expect("writable");
        let part = PartEpoch { steps: 4, seconds: 0.5, ..PartEpoch::default() };
        Times::of(&epochs(&[1.5, f64::NAN, 2.25]), &part).save(&folder).expect("writable");
        let inner = place.path().join(CHECKPOINTS).join("step-00000003.safetensors");
        for checkpoint in [folder.file(RunFile::Model), inner] {
            let times = Times::beside(&checkpoint);
            let mut history = epochs(&[f64::NAN; 3]);
            let mut part = PartEpoch { steps: 6, ..PartEpoch::default() };
            times.fill(&mut history, &mut part);
            assert_eq!((history[0].seconds, history[2].seconds), (1.5, 2.25));
            assert!(history[1].seconds.is_nan());
            assert_eq!(part.seconds, 0.75, "it is two steps ahead");
        }
    }

    #[test]
    fn what_is_said_already_stays_and_what_is_not_known_is_not_made_up() {
        let part = PartEpoch { steps: 4, seconds: 0.5, ..PartEpoch::default() };
        let times = Times::of(&epochs(&[1.5, 2.5]), &part);
        let (mut history, mut own) = (epochs(&[7.0]), PartEpoch { seconds: 0.25, ..part.clone() });
        times.fill(&mut history, &mut own);
        assert_eq!((seconds(&history), own.seconds), (vec![7.0], 0.25));
        let mut earlier = PartEpoch { steps: 2, ..PartEpoch::default() };
        times.fill(&mut epochs(&[f64::NAN]), &mut earlier);
        assert_eq!(earlier.seconds, 0.0, "it is of another epoch");
        let nowhere = Times::beside(Path::new("nowhere/model.safetensors"));
        assert_eq!(nowhere, Times::default());
    }
}
