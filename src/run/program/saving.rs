//! When checkpoints are written, and which of them are kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::file::cannot_write;
use crate::graph::StateLayout;
use crate::run::checkpoint::{self, Checkpoint};
use crate::run::folder::{CHECKPOINTS, RunFile, RunFolder};
use crate::run::lock::remove_abandoned;

/// How often to save within a run. The end of the run is saved always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveEvery {
    /// After so many steps.
    Steps(u32),
    /// After so much time.
    Time(Duration),
}

impl FromStr for SaveEvery {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            let what = format!("`{text}` is neither steps, such as 200, nor time, such as 90s");
            Error::option("--save-every", what)
        };
        let units = [("s", 1), ("min", 60), ("m", 60), ("h", 3600)];
        let unit =
            units.into_iter().find_map(|(name, seconds)| Some((text.strip_suffix(name)?, seconds)));
        let (number, seconds) = unit.unwrap_or((text, 0));
        let number: u32 = number.trim_end().parse().map_err(|_| wrong())?;
        match (number, seconds) {
            (0, _) => Err(Error::option("--save-every", "must be above 0")),
            (steps, 0) => Ok(Self::Steps(steps)),
            (number, seconds) => Ok(Self::Time(Duration::from_secs(u64::from(number) * seconds))),
        }
    }
}

/// Knows when the next checkpoint is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    every: Option<SaveEvery>,
    last: Instant,
}

impl Schedule {
    pub fn new(every: Option<SaveEvery>) -> Self {
        Self { every, last: Instant::now() }
    }

    /// Steps until the next checkpoint by steps, after `step` of them.
    pub fn steps_left(&self, step: u32) -> u32 {
        match self.every {
            Some(SaveEvery::Steps(every)) => every - step % every,
            _ => u32::MAX,
        }
    }

    /// Whether it is time.
    pub fn time_is_up(&self) -> bool {
        matches!(self.every, Some(SaveEvery::Time(time)) if self.last.elapsed() >= time)
    }

    /// Whether to save after `step` steps, where the last of them may have ended an epoch.
    pub fn is_due(&self, step: u32, epoch_ended: bool) -> bool {
        match self.every {
            None => epoch_ended,
            Some(SaveEvery::Steps(every)) => step.is_multiple_of(every),
            Some(SaveEvery::Time(_)) => self.time_is_up(),
        }
    }

    /// Notes that a checkpoint was written.
    pub fn saved(&mut self) {
        self.last = Instant::now();
    }
}

/// The checkpoints of a run folder: the newest, the last few, and the best.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    folder: &'a RunFolder,
    keep: usize,
    /// The steps of the files of this run that are kept, in order.
    steps: Vec<u64>,
    /// The lowest held-out loss so far, and whether `best.safetensors` is this run's.
    best: Option<f64>,
    /// The newest checkpoint, and its step.
    newest: Option<(PathBuf, u64)>,
    /// Whether the best one up to the newest was put aside for a later one, which training may yet go
    /// back from.
    put_aside: bool,
}

impl<'a> Keeper<'a> {
    /// The checkpoints of a run that begins. Those of an earlier run go when its first is written.
    pub fn new(folder: &'a RunFolder, keep: usize) -> Self {
        remove_abandoned(&folder.path().join(CHECKPOINTS));
        Self { folder, keep, steps: vec![], best: None, newest: None, put_aside: false }
    }

    /// Takes up the checkpoints of a run that goes on from `path`, after `step` steps, with this
    /// lowest loss so far.
    pub fn resume(&mut self, path: &Path, step: u64, best: Option<f64>) {
        self.steps = stored(self.folder).into_iter().filter(|known| *known <= step).collect();
        self.best = best;
        self.newest = Some((path.to_path_buf(), step));
        self.put_aside = put_aside(self.folder).is_file();
    }

    /// Forgets those after `step`, which training has gone back to: the best one is again the best of
    /// what is left, which has this loss.
    pub fn go_back(&mut self, step: u64, best: Option<f64>) {
        self.steps.retain(|known| *known <= step);
        let (file, aside) = (self.folder.file(RunFile::Best), put_aside(self.folder));
        let is_kept = |path: &Path| step_of(path).is_some_and(|known| known <= step);
        // Without a loss, what lies there is an earlier run's.
        if self.best.is_some() && !is_kept(&file) {
            let is_back = self.put_aside && is_kept(&aside) && fs::rename(&aside, &file).is_ok();
            if !is_back {
                remove(&file);
                self.best = None;
                return;
            }
            self.put_aside = false;
        }
        self.best = best;
    }

    /// The newest checkpoint and its step.
    pub fn newest(&self) -> Option<(&Path, u64)> {
        self.newest.as_ref().map(|(path, step)| (path.as_path(), *step))
    }

    /// Whether this held-out loss is the lowest so far.
    pub fn is_best(&self, loss: f64) -> bool {
        self.best.is_none_or(|best| loss < best) && !loss.is_nan()
    }

    /// Writes the best checkpoint so far, which has this loss. Unless the same is the newest one in a
    /// moment (`is_due`), the best one up to the newest is put aside, for training may go back to that.
    pub fn save_best(&mut self, checkpoint: &Checkpoint, loss: f64, is_due: bool) -> Result<()> {
        let file = self.folder.file(RunFile::Best);
        if let (false, Some(_), Some((_, newest))) = (is_due, self.best, &self.newest)
            && step_of(&file).is_some_and(|step| step <= *newest)
        {
            let aside = put_aside(self.folder);
            let folder = self.folder.path().join(CHECKPOINTS);
            fs::create_dir_all(&folder).map_err(|error| cannot_write(&folder, &error))?;
            remove(&aside);
            // Not all file systems have links.
            fs::hard_link(&file, &aside)
                .or_else(|_| fs::copy(&file, &aside).map(drop))
                .map_err(|error| cannot_write(&aside, &error))?;
            self.put_aside = true;
        }
        checkpoint::save(&file, checkpoint)?;
        self.best = Some(loss);
        Ok(())
    }

    /// Writes the newest checkpoint, also among the last ones, and removes those that are too many.
    pub fn save(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let step = checkpoint.header.step;
        if self.keep > 0 {
            let folder = self.folder.path().join(CHECKPOINTS);
            fs::create_dir_all(&folder).map_err(|error| cannot_write(&folder, &error))?;
            checkpoint::save(&path_of(self.folder, step), checkpoint)?;
            self.steps.retain(|known| *known != step);
            self.steps.push(step);
        }
        let path = self.folder.file(RunFile::Model);
        checkpoint::save(&path, checkpoint)?;
        self.newest = Some((path, step));
        let many = self.steps.len().saturating_sub(self.keep);
        self.steps.drain(..many);
        for other in stored(self.folder).into_iter().filter(|step| !self.steps.contains(step)) {
            remove(&path_of(self.folder, other));
        }
        if self.best.is_none() {
            remove(&self.folder.file(RunFile::Best));
        }
        // Training goes back to no earlier one from now on.
        remove(&put_aside(self.folder));
        self.put_aside = false;
        Ok(())
    }
}

/// Removes a file that is not needed any more. One that stays is in the way of nothing.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        log::warn!("{} cannot be removed: {error}", path.display());
    }
}

fn path_of(folder: &RunFolder, step: u64) -> PathBuf {
    folder.path().join(CHECKPOINTS).join(format!("step-{step:08}.safetensors"))
}

/// Where the best checkpoint up to the newest is put aside.
fn put_aside(folder: &RunFolder) -> PathBuf {
    folder.path().join(CHECKPOINTS).join(RunFile::Best.name())
}

/// The step of a checkpoint, if there is one.
fn step_of(path: &Path) -> Option<u64> {
    checkpoint::read_header(path).ok().map(|header| header.step)
}

/// The steps of the checkpoints in the folder, in order.
fn stored(folder: &RunFolder) -> Vec<u64> {
    let entries = fs::read_dir(folder.path().join(CHECKPOINTS)).into_iter().flatten().flatten();
    let step = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let digits = name.to_str()?.strip_prefix("step-")?.strip_suffix(".safetensors")?;
        digits.parse().ok().filter(|step| path_of(folder, *step).file_name() == Some(&name))
    };
    let mut steps: Vec<u64> = entries.filter_map(step).collect();
    steps.sort_unstable();
    steps
}

/// Loads a checkpoint. Where it is damaged or gone, the error names the newest other one in the
/// folder that is whole.
pub(super) fn load(path: &Path, layout: &StateLayout, folder: &RunFolder) -> Result<Checkpoint> {
    checkpoint::load(path, layout).map_err(|error| {
        let Error::File { path, what } = error else { return error };
        let others = stored(folder).into_iter().rev().map(|step| path_of(folder, step));
        let mut others = others.chain([folder.file(RunFile::Model), folder.file(RunFile::Best)]);
        let whole = others.find(|other| *other != path && checkpoint::load(other, layout).is_ok());
        match whole {
            Some(other) => {
                let other = other.display();
                Error::file(path, format!("{what}; or go on by --resume-from {other}"))
            }
            None => Error::File { path, what },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_times_are_told_apart() {
        let parsed = |text: &str| text.parse::<SaveEvery>().ok();
        let time = |seconds| Some(SaveEvery::Time(Duration::from_secs(seconds)));
        assert_eq!(parsed("200"), Some(SaveEvery::Steps(200)));
        assert_eq!(["90s", "5m", "5min", "2h"].map(parsed), [90, 300, 300, 7200].map(time));
        for wrong in ["", "0", "0s", "s", "-3", "1.5", "10 days", "99999999999"] {
            let text = wrong.parse::<SaveEvery>().expect_err(wrong).to_string();
            assert!(text.contains("--save-every"), "{text}");
        }
    }

    #[test]
    fn a_checkpoint_is_due_by_steps_time_or_epochs() {
        let steps = Schedule::new(Some(SaveEvery::Steps(10)));
        assert_eq!([0, 7, 10].map(|step| steps.steps_left(step)), [10, 3, 10]);
        assert!(steps.is_due(20, false) && !steps.is_due(21, true));
        let time = Schedule::new(Some(SaveEvery::Time(Duration::from_secs(3600))));
        assert!(!time.is_due(1, true) && time.steps_left(5) == u32::MAX);
        assert!(Schedule::new(Some(SaveEvery::Time(Duration::ZERO))).is_due(1, false));
        let epochs = Schedule::new(None);
        assert!(epochs.is_due(7, true) && !epochs.is_due(7, false));
    }
}
