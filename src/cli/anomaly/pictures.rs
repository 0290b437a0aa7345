//! Which pictures are judged, and which normal ones set the threshold.

use std::fs;
use std::path::{Path, PathBuf};

use super::layout::MASKS;
use crate::data::{Dataset, LoadOptions, Source, class_of, folder, order, permutation};
use crate::error::{Error, Result};
use crate::rng::{Seed, stream};
use crate::tasks::Trained;

/// Names of the class of normal pictures where none is given, as data sets have them.
pub const NORMAL: [&str; 3] = ["good", "normal", "ok"];
/// The share of normal pictures that is held out unless told otherwise.
pub const HOLD_OUT: f64 = 0.2;

/// The pictures to be judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// Where each is, in the order of their paths.
    pub paths: Vec<PathBuf>,
    /// The folder that each was found in, for files their own.
    pub folders: Vec<PathBuf>,
    /// The path of each from there on.
    pub inner: Vec<PathBuf>,
    /// The sub-folder each lies in; empty for those that lie in none.
    pub labels: Vec<String>,
    /// Which label is that of normal pictures, where one is.
    pub normal: Option<String>,
}

impl Judged {
    /// The pictures of `inputs`, which are files, and folders whose sub-folders are labels. Masks of
    /// `ground_truth` are none. `normal` names the sub-folder of normal ones.
    ///
    /// # Errors
    /// When there are none, or no sub-folder of that name.
    pub fn find(inputs: &[PathBuf], normal: Option<&str>) -> Result<Self> {
        let mut this = Self::default();
        for input in inputs {
            this.add(input)?;
        }
        let has = |name: &str| this.labels.iter().any(|label| label == name);
        let normal = match normal {
            Some(name) if has(name) => Some(name),
            Some(name) => {
                let folders: Vec<String> =
                    inputs.iter().map(|input| input.display().to_string()).collect();
                let what = format!(
                    "`{name}` is no folder of pictures in {}; {}",
                    folders.join(", "),
                    named(&this.labels)
                );
                return Err(Error::option("--normal", what));
            }
            None => NORMAL.into_iter().find(|name| has(name)),
        };
        this.normal = normal.map(ToOwned::to_owned);
        Ok(this)
    }

    fn add(&mut self, input: &Path) -> Result<()> {
        if input.is_dir() {
            for path in folder::files_in(input)? {
                let label = class_of(input, &path).unwrap_or_default();
                if label != MASKS {
                    self.inner.push(path.strip_prefix(input).unwrap_or(&path).to_path_buf());
                    self.folders.push(input.to_path_buf());
                    self.labels.push(label);
                    self.paths.push(path);
                }
            }
            return Ok(());
        }
        if !input.exists() {
            return Err(Error::file(input, "there is no such picture, or folder of them"));
        }
        self.inner.push(input.file_name().unwrap_or_default().into());
        self.folders.push(input.parent().map(Path::to_path_buf).unwrap_or_default());
        self.labels.push(String::new());
        self.paths.push(input.to_path_buf());
        Ok(())
    }

    /// Of each picture whether it is an anomaly, where that is known.
    pub fn anomalies(&self) -> Option<Vec<bool>> {
        let normal = self.normal.as_ref()?;
        Some(self.labels.iter().map(|label| label != normal).collect())
    }
}

/// The classes, as a hint.
fn named(labels: &[String]) -> String {
    let mut names: Vec<&str> = labels.iter().map(String::as_str).collect();
    names.retain(|name| !name.is_empty());
    names.dedup();
    match names.is_empty() {
        true => "there are no sub-folders".into(),
        false => format!("there are {}", names.join(", ")),
    }
}

/// Refuses a folder of normal pictures that has a class of them, and others.
///
/// # Errors
/// When there is such a class.
pub fn check_normal_only(folder: &Path, normal: Option<&str>) -> Result<()> {
    let files = folder::files_in(folder)?;
    let classes: Vec<Option<String>> = files.iter().map(|file| class_of(folder, file)).collect();
    let is_normal = |class: &Option<String>| {
        class.as_deref().is_some_and(|class| normal.map_or(NORMAL.contains(&class), |n| n == class))
    };
    let found = classes.iter().find(|class| is_normal(class));
    match found {
        Some(Some(name)) if classes.iter().any(|class| !is_normal(class)) => {
            let what = format!(
                "{} holds more than its folder `{name}`, and all of it would be taken for normal; \
                 give {}",
                folder.display(),
                folder.join(name).display()
            );
            Err(Error::option("--train", what))
        }
        _ => Ok(()),
    }
}

/// Normal pictures that the model was not trained on.
pub enum HeldOut {
    /// Those of the run.
    Run(Box<Dataset>),
    /// Files.
    Files(Vec<PathBuf>),
}

impl HeldOut {
    /// Those that the run of `trained` held out itself, where it was trained on `folder` or no folder
    /// is given; else a share of those in `folder`, chosen by seed.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn find(
        trained: &Trained,
        folder: Option<&Path>,
        share: Option<f64>,
        seed: Seed,
    ) -> Result<Self> {
        let Some(folder) = folder.filter(|folder| !was_trained_on(trained, folder)) else {
            let config = trained.config();
            if config.patches.is_some() && config.missing.is_none() {
                return of_run(trained).map(Self::Files);
            }
            let dataset = trained.dataset()?;
            if dataset.masked {
                let what = "is needed: the images of this run lack pixels";
                return Err(Error::option("--train", what));
            }
            return Ok(Self::Run(Box::new(dataset)));
        };
        let files = folder::files_in(folder)?;
        let count = u32::try_from(files.len())
            .map_err(|_| Error::file(folder, "holds more pictures than can be numbered"))?;
        let held_out = order::held_out(files.len(), share.unwrap_or(HOLD_OUT));
        let chosen = permutation(seed, stream::SPLIT, 0, count);
        let chosen = chosen.iter().take(held_out).map(|index| files[*index as usize].clone());
        Ok(Self::Files(chosen.collect()))
    }
}

/// The pictures whose parts the run of `trained` held out.
fn of_run(trained: &Trained) -> Result<Vec<PathBuf>> {
    let config = trained.config();
    let source: Source = config.test_data.as_ref().unwrap_or(&config.data).parse()?;
    let Some(folder) = source.pictures() else {
        return Err(Error::option("--train", "is needed: the run was not trained on pictures"));
    };
    let options = LoadOptions {
        limit: config.limit,
        hold_out: config.hold_out,
        seed: Seed(config.seed),
        ..LoadOptions::default()
    };
    let known = trained.manifest()?;
    let Some(mut known) = known.filter(|known| !known.held_out.is_empty()) else {
        return folder::held_out(folder, &options, None);
    };
    if config.test_data.is_some() {
        // Those that were trained on are in another folder.
        known.train.clear();
    }
    folder::held_out(folder, &options, Some(&known))
}

/// Whether the run's images are those in `folder`.
pub fn was_trained_on(trained: &Trained, folder: &Path) -> bool {
    let source = trained.config().data.parse::<Source>().ok();
    let Some(own) = source.as_ref().and_then(Source::pictures) else { return false };
    let same = |a: &Path, b: &Path| match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    };
    if same(own, folder) {
        return true;
    }
    // Such as `train` and `train/good`, where there is nothing else.
    match (folder::files_in(own), folder::files_in(folder)) {
        (Ok(own), Ok(given)) => {
            own.len() == given.len() && own.iter().zip(&given).all(|(a, b)| same(a, b))
        }
        _ => false,
    }
}
