//! A model in training, as the files of a run.

use std::path::PathBuf;

use super::checkpoint::{Checkpoint, Header};
use super::contents::{checkpoints, first_other};
use super::folder::{RunFile, RunFolder};
use super::lock::RunLock;
use super::metrics::EpochMetrics;
use super::times::Times;
use crate::data::Manifest;
use crate::error::{Error, Result};
use crate::graph::State;
use crate::rng::Seed;
use crate::train::{EpochReport, PartEpoch, Position, Trainer};

/// Stores a model and its options in `folder`, which is made where it is missing: from there,
/// [`Trained::load`](crate::tasks::Trained::load) takes it, every command of the program does, and
/// `diabolo train --resume` goes on from it. `epochs` is what each epoch came to, which the model's file
/// keeps; there may be none.
///
/// A run that is in the folder goes, with all that was made of it.
///
/// Options should say in [`Config::data`](crate::train::Config::data) where the images came from, as `--data` does, for
/// what is done later with them.
///
/// ```
/// use diabolo::models::{Choices, Kind};
/// use diabolo::prelude::*;
/// use diabolo::run;
/// use diabolo::train::{Config, Trainer};
///
/// # let place = tempfile::tempdir().expect("a folder");
/// # let folder = place.path().join("run");
/// let dataset = Dataset::load(&Source::Digits, &LoadOptions { limit: Some(128), ..LoadOptions::default() })?;
/// let (model, _) = Kind::Dense.build(dataset.shape, 0, &Choices::default(), false)?;
/// let config = Config { data: "digits".into(), limit: Some(128), ..Config::new(model) };
/// let mut device = gpu::open(&DeviceChoice::Cpu)?;
/// let mut trainer = Trainer::new(device.executor.as_mut(), &config, &dataset)?;
/// let epoch = trainer.epoch_of_training(&mut ())?;
/// run::store(&folder, &mut trainer, &[epoch])?;
///
/// let mut trained = Trained::load(&folder, &DeviceChoice::Cpu)?;
/// assert_eq!(trained.sample(3, 1.0, None, Seed(0))?.shape()[..], [3, 1, 8, 8]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// When an option or a number of the model makes no sense, the device is lost, the folder holds files that
/// are no run's, another process writes to it, or it cannot be written.
pub fn store(
    folder: impl Into<PathBuf>,
    trainer: &mut Trainer,
    epochs: &[EpochReport],
) -> Result<RunFolder> {
    trainer.config().check()?;
    let state = trainer.state()?;
    if let Some(name) = state.not_finite() {
        let what = format!("{name} has a number that is not finite, and is not stored");
        return Err(Error::NotFinite(what));
    }
    let history: Vec<EpochMetrics> = epochs.iter().map(EpochMetrics::from).collect();
    let checkpoint = Checkpoint::of(trainer, state, &history, None)?;
    let folder: PathBuf = folder.into();
    if checkpoints(&folder).is_empty()
        && let Some(file) = first_other(&folder)
    {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let what = format!("holds {name}, which is no run's; choose another folder");
        return Err(Error::file(folder, what));
    }
    let folder = RunFolder::create(folder)?;
    let _lock = RunLock::take(folder.path())?;
    folder.begin_with(&checkpoint)?;
    Times::of(&history, &trainer.position().part).save(&folder)?;
    let dataset = trainer.dataset();
    let manifest = Manifest::of(dataset, dataset.digest()?);
    folder.write_text(RunFile::Manifest, &manifest.to_json()?)?;
    Ok(folder)
}

impl Checkpoint {
    /// Where `trainer` stands, whose model is in this `state`. `data` is the digest of its images. How long it took
    /// is said elsewhere, by [`Times`].
    ///
    /// # Errors
    /// When the history or the options cannot be put in words.
    pub(in crate::run) fn of(
        trainer: &Trainer,
        state: State,
        history: &[EpochMetrics],
        data: Option<String>,
    ) -> Result<Self> {
        let timeless = |epoch: &EpochMetrics| EpochMetrics { seconds: f64::NAN, ..*epoch };
        let history: Vec<EpochMetrics> = history.iter().map(timeless).collect();
        let history = serde_json::to_string(&history)
            .map_err(|error| Error::Graph(format!("the history has no JSON: {error}")))?;
        let Position { step, epoch, part, halvings, .. } = trainer.position().clone();
        let part = PartEpoch { seconds: 0.0, ..part };
        let config = trainer.config();
        let header = Header {
            step: step.into(),
            epoch: epoch.into(),
            seed: Seed(config.seed),
            config: config.to_toml()?,
            model: config.model.name().into(),
            history,
            part,
            halvings,
            data,
        };
        Ok(Self { state, header })
    }
}
