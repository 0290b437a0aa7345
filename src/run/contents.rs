//! What lies in a folder: checkpoints of a run, and files that are no run's.

use std::fs;
use std::path::{Path, PathBuf};

use super::folder::{CHECKPOINTS, RunFile};
use super::lock::LOCK_FILE;
use crate::file;
use crate::train::Config;

/// The checkpoints that are in the folder of a run, the newest first.
pub(super) fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        [RunFile::Model, RunFile::Best].map(|file| folder.join(file.name())).into();
    let steps = fs::read_dir(folder.join(CHECKPOINTS)).into_iter().flatten().flatten();
    let mut steps: Vec<PathBuf> = steps.map(|entry| entry.path()).collect();
    steps.retain(|path| path.extension().is_some_and(|ending| ending == "safetensors"));
    steps.sort_unstable_by(|one, other| other.cmp(one));
    found.extend(steps);
    found.retain(|path| path.is_file());
    found
}

/// The first file by name that no run has, but for what the system hides.
pub(super) fn first_other(folder: &Path) -> Option<PathBuf> {
    let is_other = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_event = name.starts_with("events.out.tfevents.") && name.ends_with(".diabolo");
        let is_known = name == LOCK_FILE || name.starts_with('.') || is_event;
        let is_empty = name == CHECKPOINTS && checkpoints(folder).is_empty();
        // Earlier versions wrote options before anything was saved.
        let is_config = name == RunFile::Config.name() && is_config(path);
        !(is_known || is_empty || is_config || name == "Thumbs.db" || name == "desktop.ini")
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_other).min()
}

fn is_config(path: &Path) -> bool {
    let text = file::read_text(path, Config::MOST_BYTES as u64);
    text.is_ok_and(|text| Config::from_toml(&text, path).is_ok())
}
