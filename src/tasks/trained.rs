//! The model of a finished run, ready for use on a device.

use std::path::Path;

use super::built_in::BuiltIn;
use crate::data::{Dataset, Manifest, Storing, class_table, label_of};
use crate::error::{Error, Result};
use crate::gpu::{self, DeviceChoice, Opened};
use crate::graph::{Executor, State, StateLayout};
use crate::inference::{self, Inference, KnownCodes, LearnedPrior, PlaceSampler, Sampler, layout};
use crate::models::Model;
use crate::run::checkpoint::Checkpoint;
#[cfg(feature = "cli")]
use crate::run::checkpoint::{Header, Width};
use crate::run::{RunFile, RunFolder, checkpoint, unfinished};
use crate::tensor::Tensor;
use crate::train::Config;

/// A trained model in host memory.
pub(crate) struct Stored {
    pub folder: RunFolder,
    built_in: Option<&'static BuiltIn>,
    /// What its file says of itself.
    #[cfg(feature = "cli")]
    pub header: Header,
    pub config: Config,
    pub state: State,
}

impl Stored {
    /// Reads the model of the run in `folder`; or the built-in one of this name, where there is no such folder.
    ///
    /// # Errors
    /// When there is no finished run, or its model cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        if let Some(built_in) = BuiltIn::meant_by(folder) {
            return Self::built_in(built_in);
        }
        let folder = RunFolder::open(folder)?;
        let path = folder.file(RunFile::Model);
        let header = checkpoint::read_header(&path)?;
        let config = Config::from_toml(&header.config, &path)?;
        if let Some(what) = unfinished(folder.path(), &header, &config) {
            log::warn!("{what}");
        }
        let checkpoint = checkpoint::load(&path, &layout(&config.model)?)?;
        Ok(Self::of(folder, None, config, checkpoint))
    }

    fn of(
        folder: RunFolder,
        built_in: Option<&'static BuiltIn>,
        config: Config,
        checkpoint: Checkpoint,
    ) -> Self {
        Self {
            folder,
            built_in,
            #[cfg(feature = "cli")]
            header: checkpoint.header,
            config,
            state: checkpoint.state,
        }
    }

    /// The model, as a run's.
    ///
    /// # Errors
    /// Never for a file that this version wrote or an earlier one.
    fn built_in(model: &'static BuiltIn) -> Result<Self> {
        let folder = RunFolder::at(model.name.into());
        let path = folder.path();
        let header = checkpoint::header_from_bytes(model.file, path)?;
        let config = Config::from_toml(&header.config, path)?;
        let checkpoint = checkpoint::from_bytes(model.file, path, &layout(&config.model)?)?;
        Ok(Self::of(folder, Some(model), config, checkpoint))
    }

    /// The model on the device that `choice` comes to.
    ///
    /// # Errors
    /// When the device fails.
    fn onto(self, choice: &DeviceChoice) -> Result<Trained> {
        let Self { folder, built_in, config, state, .. } = self;
        let mut opened = gpu::open(choice)?;
        opened.executor.set_state(&state)?;
        let storing = Storing::default();
        Ok(Trained { folder, built_in, config, layout: state.layout, opened, storing })
    }

    /// A model file of it without what training goes on from: a third of the bytes, or a sixth in half width.
    ///
    /// # Errors
    /// Never for what was read from a file.
    #[cfg(feature = "cli")]
    pub fn weights(self, width: Width) -> Result<Vec<u8>> {
        let state = State { moments: vec![], ..self.state };
        checkpoint::to_bytes(self.folder.path(), Checkpoint { state, header: self.header }, width)
    }
}

/// A trained model on a device.
///
/// ```
/// # use diabolo::models::{Choices, Kind};
/// use diabolo::prelude::*;
/// # use diabolo::run;
/// # use diabolo::train::{Config, Trainer};
///
/// # let place = tempfile::tempdir().expect("a folder");
/// # let folder = place.path().join("run");
/// # let dataset = Dataset::load(&Source::Digits, &LoadOptions { limit: Some(128), ..LoadOptions::default() })?;
/// # let (model, _) = Kind::Dense.build(dataset.shape, 0, &Choices::default(), false)?;
/// # let config = Config { data: "digits".into(), limit: Some(128), ..Config::new(model) };
/// # let mut device = gpu::open(&DeviceChoice::Cpu)?;
/// # let mut trainer = Trainer::new(device.executor.as_mut(), &config, &dataset)?;
/// # run::store(&folder, &mut trainer, &[])?;
/// // `folder` is a run's, from `diabolo train` or from `run::store`.
/// let mut trained = Trained::load(&folder, &DeviceChoice::Cpu)?;
/// let dataset = trained.dataset()?;
/// let codes = trained.inference().encode_dataset(&dataset, &dataset.test, 10)?;
/// let images = trained.inference().decode(&codes.values, None)?;
/// assert_eq!(images.shape()[..], [10, 1, 8, 8]);
/// # Ok::<(), Error>(())
/// ```
pub struct Trained {
    folder: RunFolder,
    built_in: Option<&'static BuiltIn>,
    config: Config,
    layout: StateLayout,
    opened: Opened,
    storing: Storing,
}

impl Trained {
    /// Loads the model of the run in `folder` onto the device that `choice` comes to; or the
    /// [built-in](super::built_in::BuiltIn) one of this name, where there is no such folder.
    ///
    /// # Errors
    /// When there is no finished run, its model cannot be read, or the device fails.
    pub fn load(folder: &Path, choice: &DeviceChoice) -> Result<Self> {
        Stored::read(folder)?.onto(choice)
    }

    /// Loads a built-in model onto the device that `choice` comes to.
    ///
    /// # Errors
    /// When the device fails.
    pub fn of_built_in(model: &'static BuiltIn, choice: &DeviceChoice) -> Result<Self> {
        Stored::built_in(model)?.onto(choice)
    }

    /// Which model of the program it is, if it is one.
    pub fn built_in(&self) -> Option<&'static BuiltIn> {
        self.built_in
    }

    /// The same model, whose run's images are kept in memory as far as `storing` says.
    pub fn with_storing(self, storing: Storing) -> Self {
        Self { storing, ..self }
    }

    /// The folder of its run.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The options it was trained with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.config.model
    }

    /// Which device that is, for others to be opened beside it.
    pub fn device(&self) -> &DeviceChoice {
        &self.opened.choice
    }

    /// The device that holds its state, which is laid out as [`Trained::layout`] says.
    pub fn executor(&mut self) -> &mut dyn Executor {
        self.opened.executor.as_mut()
    }

    /// Where its parameters are.
    pub fn layout(&self) -> &StateLayout {
        &self.layout
    }

    /// What it does with images and codes.
    pub fn inference(&mut self) -> Inference<'_> {
        Inference::new(self.opened.executor.as_mut(), &self.config.model, &self.layout)
    }

    /// What the run remembers of its images; nothing for runs of earlier versions.
    ///
    /// # Errors
    /// When its file is damaged.
    pub fn manifest(&self) -> Result<Option<Manifest>> {
        self.folder.manifest()
    }

    /// The images it was trained on, and those that were held out, as they were then: pictures that were
    /// added to a folder since are neither. What has changed is said in a warning.
    ///
    /// # Errors
    /// When they cannot be read, or have changed so that they are no longer the model's.
    pub fn dataset(&self) -> Result<Dataset> {
        let manifest = self.manifest()?;
        let dataset =
            self.config.load(manifest.as_ref(), &self.storing).map_err(|error| match error {
                Error::File { path, what } => {
                    let run = self.folder.path().display();
                    Error::file(path, format!("{what} (the images of {run} are needed here)"))
                }
                other => other,
            })?;
        let data = &self.config.data;
        if dataset.shape != self.model().images() {
            let what = format!("`{data}` has changed since the training");
            return Err(Error::file(self.folder.path(), what));
        }
        if let Some(manifest) = manifest
            && manifest.digest != dataset.digest()?
        {
            log::warn!("the images of --data {data} are not all as they were in the training");
        }
        Ok(dataset)
    }

    /// Images that it was not trained on, `[count, channels, height, width]`: the first `count` of them, or all
    /// where they are fewer.
    ///
    /// # Errors
    /// When they cannot be read, or have changed since.
    pub fn held_out(&self, count: usize) -> Result<Tensor> {
        let dataset = self.dataset()?;
        Ok(inference::tensor(&dataset, &dataset.test, 0..dataset.test.count.min(count))?.0)
    }

    /// Codes of the run's images, for [`crate::inference::Sampler`] to take after; none for models with a
    /// prior, which need no images.
    ///
    /// # Errors
    /// When the images cannot be read, or the device fails.
    pub fn known_codes(&mut self) -> Result<KnownCodes> {
        if self.model().is_variational() {
            return Ok(KnownCodes::default());
        }
        let dataset = self.dataset()?;
        self.inference().known_codes(&dataset)
    }

    /// The prior of a vqvae model's places, if one was trained.
    ///
    /// # Errors
    /// When its file is damaged or another model's, or the device is lost.
    pub fn prior(&mut self) -> Result<Option<LearnedPrior>> {
        let state = self.opened.executor.state()?;
        LearnedPrior::load(&self.folder, &self.config.model, &state)
    }

    /// What draws codes for a vqvae model's places from its prior, if one was trained.
    ///
    /// # Errors
    /// As [`Trained::prior`], and when the device fails.
    pub fn place_sampler(&mut self) -> Result<Option<PlaceSampler>> {
        let Some(prior) = self.prior()? else { return Ok(None) };
        let device = gpu::open(&self.opened.choice)?.executor;
        let codebook = self.opened.executor.state()?;
        PlaceSampler::new(device, &prior, &self.config.model, codebook).map(Some)
    }

    /// Where new codes come from: of models without a prior, what the run has stored of its images' codes,
    /// or else the images themselves.
    ///
    /// # Errors
    /// As [`Trained::place_sampler`], and when images whose codes new ones take after cannot be read.
    pub fn sampler(&mut self) -> Result<Sampler> {
        if let Some(places) = self.place_sampler()? {
            return Ok(Sampler::Learned(Box::new(places)));
        }
        if !self.model().is_variational() {
            let state = self.opened.executor.state()?;
            if let Some(stored) = Sampler::load(&self.folder, self.model(), &state)? {
                return Ok(stored);
            }
        }
        let known = self.known_codes()?;
        Ok(Sampler::new(self.model(), known))
    }

    /// The names of the classes, by label; their numbers, where the run remembers no names.
    ///
    /// # Errors
    /// When what the run remembers is damaged.
    pub fn classes(&self) -> Result<Vec<String>> {
        let known = self.manifest()?.map(|manifest| manifest.classes).unwrap_or_default();
        let numbers = || (0..self.model().network.classes).map(|label| label.to_string()).collect();
        Ok(if known.is_empty() { numbers() } else { known })
    }

    /// The label that `name` stands for, where one was asked for: the class of this name, or else of this
    /// number.
    ///
    /// # Errors
    /// When there is no such class, the model is told no labels, or what the run remembers is damaged.
    pub fn label(&self, name: Option<&str>) -> Result<Option<u32>> {
        let Some(name) = name else { return Ok(None) };
        if !self.model().is_conditional() {
            return self.labels(Some(0), 1).map(|_| None);
        }
        let classes = self.classes()?;
        label_of(&classes, name).map(Some).ok_or_else(|| {
            let what = format!("is `{name}`; the model knows {}", class_table(&classes));
            Error::option("--label", what)
        })
    }

    /// A label for each of `count` images: `label` where one was asked for, else `None`.
    ///
    /// # Errors
    /// When the model is told labels and there is none, or is not and there is one.
    pub fn labels(&self, label: Option<u32>, count: usize) -> Result<Option<Vec<u32>>> {
        let classes = self.model().network.classes as u32;
        match label {
            Some(_) if classes == 0 => {
                let name = self.model().name();
                let what = format!("has no effect on a {name} model, which knows no labels");
                Err(Error::option("--label", what))
            }
            Some(label) if label >= classes => {
                let what = format!("is {label}; the model knows {}", class_table(&self.classes()?));
                Err(Error::option("--label", what))
            }
            Some(label) => Ok(Some(vec![label; count])),
            None if classes > 0 => {
                let what = format!("is needed: one of {}", class_table(&self.classes()?));
                Err(Error::option("--label", what))
            }
            None => Ok(None),
        }
    }
}
