//! What a folder holds before a run is written to it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::data::Source;
use crate::error::{Error, Result};
use crate::run::checkpoint::{self, Header};
use crate::run::contents::{checkpoints, first_other};
use crate::run::folder::RunFolder;
use crate::train::Config;

/// What differences begin with that are none of options.
pub(super) const DATA: &str = "--data";
/// The option that a run may go on under another value of.
pub(super) const EPOCHS: &str = "--epochs";

/// What a folder holds.
#[derive(Debug)]
pub(super) enum Occupant {
    /// Nothing that would be missed; or there is no folder.
    Nothing,
    /// A run that has saved something.
    Run(Box<Earlier>),
    /// Models, none of which can be read; why, of the first.
    Unreadable(Error),
    /// A file or folder that is no run's.
    Other(PathBuf),
}

/// A run that has saved something.
#[derive(Debug)]
pub(super) struct Earlier {
    /// The file that says so.
    pub checkpoint: PathBuf,
    /// Its options.
    pub config: Config,
    /// The digest of its images, where it is known.
    pub data: Option<String>,
    /// Epochs that it has had.
    pub epoch: u64,
}

impl Occupant {
    /// What is in the folder at `path`.
    pub fn of(path: &Path) -> Self {
        let mut unreadable = None;
        for checkpoint in checkpoints(path) {
            match Earlier::read(&checkpoint) {
                Ok(earlier) => return Self::Run(Box::new(earlier)),
                Err(error) => drop(unreadable.get_or_insert(error)),
            }
        }
        match (unreadable, first_other(path)) {
            (Some(error), _) => Self::Unreadable(error),
            (None, Some(other)) => Self::Other(other),
            (None, None) => Self::Nothing,
        }
    }
}

impl Earlier {
    /// Reads of which run the checkpoint at `path` is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let Header { config, data, epoch, .. } = checkpoint::read_header(path)?;
        let config = Config::from_toml(&config, path)?;
        Ok(Self { checkpoint: path.to_path_buf(), config, data, epoch })
    }

    /// Whether its images are named as those of `config` are, by however written a path.
    pub fn has_source_of(&self, config: &Config) -> bool {
        place(&self.config.data) == place(&config.data)
    }

    /// Whether its images are those of `config` that have this digest, wherever they lie.
    pub fn has_images(&self, config: &Config, digest: &str) -> bool {
        match &self.data {
            Some(known) => known == digest,
            None => self.has_source_of(config),
        }
    }

    /// In what it differs from a run under `config` on images of this digest, if anything but the number
    /// of epochs decides its numbers: a text for each.
    pub fn differences(&self, config: &Config, digest: &str) -> Vec<String> {
        let mut differences = config.differences(&self.config);
        differences.retain(|difference| difference.option != EPOCHS);
        let mut texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
        if !self.has_images(config, digest) {
            let (there, here) = (&self.config.data, &config.data);
            if !self.has_source_of(config) {
                texts.insert(0, format!("{DATA}: {there} there, {here} here"));
            } else if !differences.iter().any(|difference| difference.is_of_images()) {
                texts.insert(0, format!("{DATA}: the images of {here} have changed since"));
            }
        }
        texts
    }

    /// What a run under `config` would do away with, were it to take this one's place: nothing where it
    /// comes to the same numbers and as far.
    pub fn losses(&self, config: &Config, digest: &str) -> Vec<String> {
        let mut losses = self.differences(config, digest);
        losses.extend(self.other_length(config));
        if losses.is_empty() && u64::from(config.epochs) < self.epoch {
            losses.push(format!("{EPOCHS}: {} done there, {} here", self.epoch, config.epochs));
        }
        losses
    }

    /// Both numbers of epochs, where they differ and decide the learning rate.
    pub fn other_length(&self, config: &Config) -> Option<String> {
        let mut differences = config.differences(&self.config).into_iter();
        let length = differences.find(|difference| difference.option == EPOCHS);
        length.map(|difference| difference.to_string())
    }
}

/// Where images lie, however it is written; nothing where that cannot be read.
pub(super) fn place(data: &str) -> Option<Source> {
    let full = |folder: PathBuf| fs::canonicalize(&folder).unwrap_or(folder);
    Some(match data.parse().ok()? {
        Source::Images(folder) => Source::Images(full(folder)),
        Source::Numbers(path) => Source::Numbers(full(path)),
        Source::Mnist(folder) => Source::Mnist(folder.map(full)),
        Source::Pairs { noisy, clean } => Source::Pairs { noisy: full(noisy), clean: full(clean) },
        other @ (Source::Digits | Source::Sprites(_)) => other,
    })
}

impl RunFolder {
    /// The checkpoint that a run in this folder goes on from: the model, or the best one where a run
    /// was ended that had saved no other.
    pub(super) fn newest(path: &Path) -> Option<PathBuf> {
        checkpoints(path).into_iter().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::folder::CHECKPOINTS;
    use crate::run::lock::LOCK_FILE;

    #[test]
    fn what_is_no_runs_is_told_from_what_is() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        let of = |expected: &str| {
            let found = format!("{:?}", Occupant::of(folder.path()));
            assert!(found.starts_with(expected), "{found}");
        };
        assert!(matches!(Occupant::of(&path("missing")), Occupant::Nothing));
        of("Nothing");
        for name in [".DS_Store", LOCK_FILE, ".diabolo-left", "events.out.tfevents.1.2.diabolo"] {
            fs::write(path(name), "x").expect("writable");
        }
        fs::create_dir(path(CHECKPOINTS)).expect("writable");
        of("Nothing");
        // Of the name that a run has for it, but no options of a run.
        fs::write(path("config.toml"), "mine = 1").expect("writable");
        of("Other");
        fs::remove_file(path("config.toml")).expect("is there");
        fs::write(path("notes.txt"), "mine").expect("writable");
        of("Other");
        fs::write(path("model.safetensors"), "damaged").expect("writable");
        of("Unreadable");
    }

    #[test]
    fn a_folder_is_the_same_however_it_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let here = folder.path().display();
        assert_eq!(place(&format!("images:{here}")), place(&format!("images:{here}/./")));
        assert_ne!(place(&format!("images:{here}")), place(&format!("mnist:{here}")));
        let pairs = |noisy: &str| place(&format!("pairs:{here}{noisy},{here}"));
        assert_eq!(pairs("/."), pairs(""));
        assert_ne!(pairs("/other"), pairs(""));
        assert_eq!(place("digits"), place("digits"));
        assert_ne!(place("digits"), place("sprites"));
    }
}
