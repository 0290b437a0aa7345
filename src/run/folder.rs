//! The folder that a run writes to.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use crate::data::Manifest;
use crate::error::{Error, Result};
use crate::file::{cannot_write, read_text, temporary_file, write_atomically};

/// The folder of the last checkpoints, in the run folder.
pub const CHECKPOINTS: &str = "checkpoints";
/// The most bytes of what a run remembers of its images, which are a hundred a picture.
const MOST_MANIFEST: u64 = 1 << 30;

/// A file of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunFile {
    /// Held-out images above what the model makes of them.
    Reconstructions,
    /// The loss by epoch.
    Loss,
    /// The kernels of the first layer.
    Filters,
    /// Corrupted images, what the model makes of them, and the clean ones.
    Restored,
    /// New images.
    Samples,
    /// Ways from one image to another.
    Interpolation,
    /// Images over the plane of a two-dimensional code.
    LatentGrid,
    /// Codes of held-out images in two dimensions.
    Codes,
    /// How often each code of a codebook is used.
    CodeUse,
    /// The divergence of each dimension of a variational code.
    Divergences,
    /// Which classes a linear probe took for which, by the `probe` task.
    Confusion,
    /// What it measured.
    Probe,
    /// Time by operation, where it was measured.
    Profile,
    /// The prior of VQ-VAE's places.
    Prior,
    /// What was measured of samples, by the `evaluate` task.
    SampleMeasures,
    /// What was measured.
    Metrics,
    /// Which images were trained on and held out, and the names of their classes.
    Manifest,
    /// What codes of the images are like, for new ones to be drawn.
    CodeDistribution,
    /// How long the epochs took.
    Times,
    /// The options the run was started with.
    Config,
    /// The trained model, with the optimiser's state.
    Model,
    /// The model when it was best on the held-out images.
    Best,
}

impl RunFile {
    /// All of them.
    pub const ALL: [RunFile; 22] = [
        Self::Reconstructions,
        Self::Loss,
        Self::Filters,
        Self::Restored,
        Self::Samples,
        Self::Interpolation,
        Self::LatentGrid,
        Self::Codes,
        Self::CodeUse,
        Self::Divergences,
        Self::Confusion,
        Self::Probe,
        Self::Profile,
        Self::Prior,
        Self::SampleMeasures,
        Self::Metrics,
        Self::Manifest,
        Self::CodeDistribution,
        Self::Times,
        Self::Config,
        Self::Model,
        Self::Best,
    ];

    /// Files that only some models and runs have.
    pub const OCCASIONAL: [RunFile; 11] = [
        Self::Restored,
        Self::Interpolation,
        Self::LatentGrid,
        Self::CodeUse,
        Self::Divergences,
        Self::Confusion,
        Self::Probe,
        Self::Profile,
        Self::Prior,
        Self::SampleMeasures,
        Self::CodeDistribution,
    ];

    /// Its name inside the folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reconstructions => "reconstructions.png",
            Self::Loss => "loss.png",
            Self::Filters => "filters.png",
            Self::Restored => "restored.png",
            Self::Samples => "samples.png",
            Self::Interpolation => "interpolation.png",
            Self::LatentGrid => "latent_grid.png",
            Self::Codes => "codes.png",
            Self::CodeUse => "code_use.png",
            Self::Divergences => "kl.png",
            Self::Confusion => "confusion.png",
            Self::Probe => "probe.json",
            Self::Profile => "profile.json",
            Self::Prior => "prior.safetensors",
            Self::SampleMeasures => "samples.json",
            Self::Metrics => "metrics.json",
            Self::Manifest => "manifest.json",
            Self::CodeDistribution => "codes.safetensors",
            Self::Times => "times.json",
            Self::Config => "config.toml",
            Self::Model => "model.safetensors",
            Self::Best => "best.safetensors",
        }
    }
}

impl fmt::Display for RunFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A folder with the files of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Makes the folder where it is missing, and makes sure that a run's files can be written to
    /// it, so that a run does not fail once it is trained. Files of an earlier run stay until they
    /// are written anew.
    ///
    /// # Errors
    /// When `path` is a file, or it or one of the files cannot be written.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let folder = Self(path.into());
        if fs::metadata(&folder.0).is_ok_and(|found| !found.is_dir()) {
            let what = "is a file where a folder is needed; choose another folder with --out";
            return Err(Error::file(&folder.0, what));
        }
        fs::create_dir_all(&folder.0).map_err(|error| cannot_write(&folder.0, &error))?;
        temporary_file(&folder.0)
            .and_then(tempfile::NamedTempFile::close)
            .map_err(|error| cannot_write(&folder.0, &error))?;
        for path in RunFile::ALL.map(|file| folder.file(file)) {
            if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
                let what = "is in the way: a run writes a file of this name; choose another \
                    folder with --out";
                return Err(Error::file(path, what));
            }
        }
        let checkpoints = folder.0.join(CHECKPOINTS);
        if fs::metadata(&checkpoints).is_ok_and(|found| !found.is_dir()) {
            let what = "is in the way: a run makes a folder of this name; choose another folder \
                with --out";
            return Err(Error::file(checkpoints, what));
        }
        Ok(folder)
    }

    /// The folder of a run that was made before.
    ///
    /// # Errors
    /// When there is no such folder, or no model in it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let folder = Self(path.into());
        let kind = fs::metadata(&folder.0).map_err(|error| {
            let what = match error.kind() {
                io::ErrorKind::NotFound => "does not exist".to_owned(),
                _ => format!("cannot be read: {error}"),
            };
            Error::file(&folder.0, format!("{what}; name the folder of a finished run"))
        })?;
        if !kind.is_dir() {
            return Err(Error::file(&folder.0, "is a file; name the folder of a finished run"));
        }
        let model = folder.file(RunFile::Model);
        if !model.is_file() {
            return Err(Error::file(model, "is missing; name the folder of a finished run"));
        }
        Ok(folder)
    }

    /// The folder at a path, whatever is there.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// What the run remembers of its images; nothing for runs of earlier versions.
    ///
    /// # Errors
    /// When its file is damaged.
    pub fn manifest(&self) -> Result<Option<Manifest>> {
        let path = self.file(RunFile::Manifest);
        match read_text(&path, MOST_MANIFEST) {
            Ok(text) => Manifest::from_json(&text, &path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(path, format!("cannot be read: {error}"))),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where one of its files is, or will be.
    pub fn file(&self, file: RunFile) -> PathBuf {
        self.0.join(file.name())
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, file: RunFile) -> Result<()> {
        let path = self.file(file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::file(path, format!("cannot be removed: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Writes a file of text, such as the options.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_text(&self, file: RunFile, text: &str) -> Result<()> {
        write_atomically(&self.file(file), |out| out.write_all(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_with_their_parents_and_left_empty() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = root.path().join("runs/conv-digits");
        let folder = RunFolder::create(&path).expect("can be made");
        assert_eq!(fs::read_dir(&path).expect("is there").count(), 0);
        let missing = RunFolder::open(&path).expect_err("holds no model").to_string();
        assert!(missing.contains("model.safetensors: is missing"), "{missing}");
        folder.write_text(RunFile::Config, "epochs = 3\n").expect("writable");
        folder.write_text(RunFile::Model, "").expect("writable");
        assert_eq!(RunFolder::create(&path).expect("may exist"), folder);
        assert_eq!(RunFolder::open(&path).expect("holds a model"), folder);
        let config = fs::read_to_string(path.join("config.toml")).expect("written");
        assert_eq!(config, "epochs = 3\n");
    }

    #[test]
    fn a_file_in_the_way_is_an_error_before_training() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let file = root.path().join("taken");
        fs::write(&file, "mine").expect("writable");
        let blocked = root.path().join("blocked");
        fs::create_dir_all(blocked.join("loss.png")).expect("writable");
        for path in [file.clone(), file.join("below"), blocked, "/dev/null".into()] {
            let error = RunFolder::create(path).expect_err("must fail").to_string();
            assert!(error.contains("choose another folder with --out"), "{error}");
        }
        assert_eq!(fs::read_to_string(&file).expect("untouched"), "mine");
        for path in [file, root.path().join("missing")] {
            let error = RunFolder::open(path).expect_err("must fail").to_string();
            assert!(error.contains("name the folder of a finished run"), "{error}");
        }
    }
}
