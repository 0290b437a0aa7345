//! A model takes the place of another one in a folder, and never lies beside what is the other's.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::checkpoint::{self, Checkpoint};
use super::contents::checkpoints;
use super::folder::{RunFile, RunFolder};
use crate::error::{Error, Result};

/// Where a model lies, whole, until what is another's is gone. A run that was killed leaves it to the
/// next one in the folder, which removes it.
const STAGED: &str = ".diabolo-model";
/// What tasks make of a run in its folder, besides its own files.
const REPORT: &str = "report.html";
/// What a run is, and not what was made of it.
const ITSELF: [RunFile; 5] =
    [RunFile::Config, RunFile::Manifest, RunFile::Times, RunFile::Model, RunFile::Best];

impl RunFolder {
    /// Puts the first checkpoint of a new run into the folder, in the place of all that an earlier run
    /// has there. The options are written last.
    ///
    /// The model is on the disk as a whole before anything else is touched; then the other run's
    /// files go, its model last, whose name the new one takes. So a process that is killed here leaves
    /// either run, with its options in the model, and never files of both.
    ///
    /// # Errors
    /// When it cannot be written, and then the earlier run is as it was; or a file cannot be removed.
    pub(in crate::run) fn begin_with(&self, checkpoint: &Checkpoint) -> Result<()> {
        let (staged, model) = (self.path().join(STAGED), self.file(RunFile::Model));
        let written = checkpoint::save(&staged, checkpoint);
        written.map_err(|error| about(&model, error))?;
        let moved = self.remove_products().and_then(|()| {
            checkpoints(self.path()).iter().filter(|path| **path != model).try_for_each(remove)?;
            self.event_files().iter().try_for_each(remove)?;
            self.remove(RunFile::Config)?;
            self.remove(RunFile::Manifest)?;
            self.remove(RunFile::Times)?;
            fs::rename(&staged, &model)
                .map_err(|error| Error::file(&model, format!("cannot be written: {error}")))
        });
        if moved.is_err() {
            let _ = fs::remove_file(&staged);
        }
        moved?;
        self.write_text(RunFile::Config, &checkpoint.header.config)
    }

    /// Removes what was measured and drawn of the model, whose run goes on to this checkpoint: once that
    /// has been on the disk as a whole, so that there is room for it.
    ///
    /// # Errors
    /// When it cannot be written, or a file cannot be removed.
    pub fn go_on_with(&self, checkpoint: &Checkpoint) -> Result<()> {
        let mut products = RunFile::ALL.into_iter().filter(|file| !ITSELF.contains(file));
        if !products.any(|file| self.file(file).exists()) && !self.path().join(REPORT).exists() {
            return Ok(());
        }
        let (staged, model) = (self.path().join(STAGED), self.file(RunFile::Model));
        let written = checkpoint::save(&staged, checkpoint);
        written.map_err(|error| about(&model, error))?;
        let removed = self.remove_products();
        remove(&staged)?;
        removed
    }

    /// Removes what was measured and drawn of a model: figures, pictures, the prior and the report.
    fn remove_products(&self) -> Result<()> {
        let products = RunFile::ALL.into_iter().filter(|file| !ITSELF.contains(file));
        products.into_iter().try_for_each(|file| self.remove(file))?;
        remove(&self.path().join(REPORT))
    }

    /// Whether a run has left anything here.
    pub fn holds_files(&self) -> bool {
        RunFile::ALL.iter().any(|file| self.file(*file).exists())
            || !checkpoints(self.path()).is_empty()
            || !self.event_files().is_empty()
    }

    /// What TensorBoard reads.
    fn event_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path()).into_iter().flatten().flatten();
        let is_ours = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("events.out.tfevents.") && name.ends_with(".diabolo")
        };
        entries.map(|entry| entry.path()).filter(is_ours).collect()
    }
}

/// The error of a file on its way to `path`, as one of `path`.
fn about(path: &Path, error: Error) -> Error {
    match error {
        Error::File { what, .. } => Error::file(path, what),
        other => other,
    }
}

fn remove(path: &PathBuf) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::file(path, format!("cannot be removed: {error}")))
        }
        _ => Ok(()),
    }
}
