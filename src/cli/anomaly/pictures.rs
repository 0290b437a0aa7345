//! Which pictures are judged, and which normal ones set the threshold.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::data::{Dataset, Intake, Source, folder, order, permutation};
use crate::error::{Error, Result};
use crate::inference;
use crate::rng::{Seed, stream};
use crate::tasks::{Pictures, Trained};
use crate::tensor::Tensor;

/// Names of the class of normal pictures where none is given, as data sets have them.
const NORMAL: [&str; 2] = ["good", "normal"];
/// The share of normal pictures that is held out unless told otherwise.
pub const HOLD_OUT: f64 = 0.2;

/// The pictures to be judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The folder that they were found in.
    pub folder: PathBuf,
    /// Where each is, in the order of their paths.
    pub paths: Vec<PathBuf>,
    /// The sub-folder each lies in; empty for those that lie in none.
    pub labels: Vec<String>,
    /// Which label is that of normal pictures, where one is.
    pub normal: Option<String>,
}

impl Judged {
    /// The pictures in `folder`. `normal` names the sub-folder of normal ones.
    ///
    /// # Errors
    /// When there are none, or no sub-folder of that name.
    pub fn find(folder: &Path, normal: Option<&str>) -> Result<Self> {
        let paths = folder::files_in(folder)?;
        let labels: Vec<String> =
            paths.iter().map(|path| folder::class_of(folder, path).unwrap_or_default()).collect();
        let has = |name: &str| labels.iter().any(|label| label == name);
        let normal = match normal {
            Some(name) if has(name) => Some(name),
            Some(name) => {
                let what = format!(
                    "`{name}` is no folder of pictures in {}; {}",
                    folder.display(),
                    named(&labels)
                );
                return Err(Error::option("--normal", what));
            }
            None => NORMAL.into_iter().find(|name| has(name)),
        };
        let normal = normal.map(ToOwned::to_owned);
        Ok(Self { folder: folder.to_path_buf(), paths, labels, normal })
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
    let classes: Vec<Option<String>> =
        files.iter().map(|file| folder::class_of(folder, file)).collect();
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
    Run(Dataset),
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
            let dataset = trained.dataset()?;
            if dataset.masked {
                let what = "is needed: the images of this run lack pixels";
                return Err(Error::option("--train", what));
            }
            return Ok(Self::Run(dataset));
        };
        let files = folder::files_in(folder)?;
        let count = u32::try_from(files.len())
            .map_err(|_| Error::file(folder, "holds more pictures than can be numbered"))?;
        let held_out = order::held_out(files.len(), share.unwrap_or(HOLD_OUT));
        let chosen = permutation(seed, stream::SPLIT, 0, count);
        let chosen = chosen.iter().take(held_out).map(|index| files[*index as usize].clone());
        Ok(Self::Files(chosen.collect()))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Run(dataset) => dataset.test.count,
            Self::Files(files) => files.len(),
        }
    }

    /// A part of them, `[count, channels, height, width]`, as `trained` takes them.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn images(&self, part: Range<usize>, intake: Intake) -> Result<Tensor> {
        match self {
            Self::Run(dataset) => Ok(inference::tensor(dataset, &dataset.test, part)?.0),
            Self::Files(files) => Ok(Pictures::read(&files[part], intake)?.images),
        }
    }
}

/// Whether the run's images are those in `folder`.
pub fn was_trained_on(trained: &Trained, folder: &Path) -> bool {
    let Ok(Source::Images(own)) = trained.config().data.parse() else { return false };
    match (fs::canonicalize(own), fs::canonicalize(folder)) {
        (Ok(own), Ok(folder)) => own == folder,
        _ => false,
    }
}
