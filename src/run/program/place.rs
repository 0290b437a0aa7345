//! Where a run goes: its folder, which nobody's work is lost in, and what it goes on from there.

use std::fs;
use std::path::{Path, PathBuf};

use super::occupant::{DATA, EPOCHS, Earlier, Occupant};
use super::options::TrainArgs;
use crate::error::{Error, Result};
use crate::run::folder::{CHECKPOINTS, RunFolder};
use crate::run::lock::{LOCK_FILE, RunLock};
use crate::train::Config;

/// Folders that are tried for a run without one of its own.
const MOST_NUMBERS: u32 = 10_000;

/// A run that looks for its place.
#[derive(Clone, Copy)]
pub(super) struct Newcomer<'a> {
    pub args: &'a TrainArgs,
    pub config: &'a Config,
    /// The digest of its images.
    pub digest: &'a str,
}

/// Where a run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub path: PathBuf,
    /// What it goes on from, if it does.
    pub checkpoint: Option<PathBuf>,
    /// What a user should know of it.
    pub remarks: Vec<String>,
}

impl Place {
    fn new(path: PathBuf, checkpoint: Option<PathBuf>) -> Self {
        Self { path, checkpoint, remarks: vec![] }
    }

    fn remark(mut self, remark: String) -> Self {
        self.remarks.push(remark);
        self
    }
}

impl Newcomer<'_> {
    /// Finds the place: `--out`, or the first folder by the usual `name` and a number that nothing is
    /// lost in.
    ///
    /// # Errors
    /// When the folder holds what would be lost, or there is another run to go on from than this one.
    pub fn find(&self, name: &str) -> Result<Place> {
        let saving = &self.args.saving;
        if let Some(file) = &saving.resume_from {
            let earlier = Earlier::read(file)?;
            let place =
                self.args.out.as_deref().map_or_else(|| self.numbered(name), |out| self.named(out));
            return self.going_on(place?, &earlier);
        }
        match (&self.args.out, saving.resume) {
            (Some(out), true) => self.resumed(out),
            (Some(out), false) => self.named(out),
            (None, true) => self.found(name),
            (None, false) => self.numbered(name),
        }
    }

    /// Finds the place and takes it.
    ///
    /// # Errors
    /// As [`Newcomer::find`] and [`Claim::take`].
    pub fn claim(&self, name: &str) -> Result<(Place, Claim)> {
        let place = self.find(name).map_err(|error| self.writer().unwrap_or(error))?;
        let claim = Claim::take(&place.path)?;
        // Another process may have saved something there before the folder was locked.
        match self.find(name)? {
            again if again.path == place.path => Ok((again, claim)),
            _ => Err(Error::file(&place.path, "has become another run's just now; try once more")),
        }
    }

    /// That another process writes to `--out`, if one does: what it will hold is not known yet.
    fn writer(&self) -> Option<Error> {
        let out = self.args.out.as_deref().filter(|out| out.join(LOCK_FILE).exists());
        out.and_then(|out| RunLock::take(out).err())
    }

    /// Refuses to go on from another run; else the place with what is to be said of going on.
    fn going_on(&self, place: Place, earlier: &Earlier) -> Result<Place> {
        match earlier.differences(self.config, self.digest) {
            differences if differences.is_empty() => Ok(match earlier.other_length(self.config) {
                None => place,
                Some(length) => place.remark(format!(
                    "{length}: the learning rate goes on as in a run of that length, whose numbers \
                     from the beginning on would be others"
                )),
            }),
            differences => Err(self.refusal(earlier, &differences)),
        }
    }

    fn refusal(&self, earlier: &Earlier, differences: &[String]) -> Error {
        let of_images = differences.iter().filter(|text| text.starts_with(DATA)).count();
        let what = match (of_images, differences.len() - of_images) {
            (0, _) => "with other options",
            (_, 0) => "on other images",
            _ => "on other images and with other options",
        };
        let same = match of_images == differences.len() && earlier.has_source_of(self.config) {
            true => "bring them back",
            false => "give the same",
        };
        let option =
            if self.args.saving.resume_from.is_some() { "--resume-from" } else { "--resume" };
        let list = differences.join("; ");
        let what =
            format!("was trained {what} ({list}); {same}, or leave {option} out to train anew");
        Error::file(&earlier.checkpoint, what)
    }

    /// `--out` of a run that begins, or goes on from a checkpoint that was named.
    fn named(&self, out: &Path) -> Result<Place> {
        let place = Place::new(out.to_path_buf(), self.args.saving.resume_from.clone());
        if self.args.overwrite || self.goes_on_within(out) {
            return Ok(place);
        }
        match Occupant::of(out) {
            Occupant::Nothing => Ok(place),
            Occupant::Run(earlier) => match earlier.losses(self.config, self.digest) {
                losses if losses.is_empty() => Ok(match &place.checkpoint {
                    None => self.again(place, &earlier),
                    Some(_) => place,
                }),
                losses => Err(holds_another(out, &losses)),
            },
            Occupant::Unreadable(error) => Err(Error::file(
                out,
                format!(
                    "holds a model that cannot be read ({error}); choose another folder with \
                     --out, or replace it with --overwrite"
                ),
            )),
            Occupant::Other(file) => Err(holds_others(out, &file)),
        }
    }

    /// `--out` of a run that goes on with what is there.
    fn resumed(&self, out: &Path) -> Result<Place> {
        match Occupant::of(out) {
            Occupant::Nothing => Ok(begins_anew(Place::new(out.to_path_buf(), None))),
            Occupant::Run(earlier) => {
                self.going_on(Place::new(out.to_path_buf(), RunFolder::newest(out)), &earlier)
            }
            Occupant::Unreadable(error) => Err(error),
            Occupant::Other(file) => Err(holds_others(out, &file)),
        }
    }

    /// Of the folders by the usual name, the first that nothing is lost in.
    fn numbered(&self, name: &str) -> Result<Place> {
        let checkpoint = || self.args.saving.resume_from.clone();
        let first = usual(name, 1);
        let mut why = None;
        for number in 1..=MOST_NUMBERS {
            let place = Place::new(usual(name, number), checkpoint());
            if self.args.overwrite || self.goes_on_within(&place.path) {
                return Ok(place);
            }
            let taken = match Occupant::of(&place.path) {
                Occupant::Nothing => None,
                Occupant::Run(earlier) => match earlier.losses(self.config, self.digest) {
                    losses if losses.is_empty() && place.checkpoint.is_none() => {
                        return Ok(renamed(self.again(place, &earlier), &first, why));
                    }
                    losses if losses.is_empty() => None,
                    losses => Some(format!("another run ({})", losses.join("; "))),
                },
                Occupant::Unreadable(_) => Some("a model that cannot be read".to_owned()),
                Occupant::Other(_) => Some("files that are no run's".to_owned()),
            };
            match taken {
                None => return Ok(renamed(place, &first, why)),
                Some(taken) => drop(why.get_or_insert(taken)),
            }
        }
        Err(Error::file(first, "and all folders by this name and a number are taken; give --out"))
    }

    /// Of the folders by the usual name, the one whose run this one goes on with.
    fn found(&self, name: &str) -> Result<Place> {
        let (mut free, mut nearest) = (None, None::<(Vec<String>, Box<Earlier>)>);
        for path in (1..=MOST_NUMBERS).map(|number| usual(name, number)) {
            if !path.exists() {
                free.get_or_insert(path);
                break;
            }
            match Occupant::of(&path) {
                Occupant::Nothing => drop(free.get_or_insert(path)),
                Occupant::Run(earlier) => {
                    let found = earlier.differences(self.config, self.digest);
                    if found.is_empty() {
                        let newest = RunFolder::newest(&path);
                        return self.going_on(Place::new(path, newest), &earlier);
                    }
                    let is_of_data = earlier.has_images(self.config, self.digest)
                        || earlier.has_source_of(self.config);
                    let is_nearer =
                        nearest.as_ref().is_none_or(|(least, _)| found.len() < least.len());
                    if is_of_data && is_nearer {
                        nearest = Some((found, earlier));
                    }
                }
                Occupant::Unreadable(error) if path == usual(name, 1) => return Err(error),
                Occupant::Unreadable(_) | Occupant::Other(_) => {}
            }
        }
        match (nearest, free) {
            (Some((differences, earlier)), _) => Err(self.refusal(&earlier, &differences)),
            (None, Some(path)) => Ok(begins_anew(Place::new(path, None))),
            (None, None) => Err(Error::file(usual(name, 1), "is taken by other runs; give --out")),
        }
    }

    /// Whether the checkpoint that was named is one of the run in this folder, so that going back to
    /// it was asked for.
    fn goes_on_within(&self, folder: &Path) -> bool {
        let Some(file) = &self.args.saving.resume_from else { return false };
        let (Ok(file), Ok(folder)) = (fs::canonicalize(file), fs::canonicalize(folder)) else {
            return false;
        };
        file.parent() == Some(&folder) || file.parent() == Some(&folder.join(CHECKPOINTS))
    }

    /// A run that begins where the very same one was before.
    fn again(&self, place: Place, earlier: &Earlier) -> Place {
        if earlier.epoch >= self.config.epochs.into() {
            return place;
        }
        let (path, done) = (place.path.display().to_string(), earlier.epoch);
        place.remark(format!(
            "{path} holds {done} epochs of this very run, which begins anew; --resume goes on with it"
        ))
    }
}

/// The folder of a run by the usual name, and a number behind the first.
pub(super) fn usual(name: &str, number: u32) -> PathBuf {
    match number {
        1 => format!("runs/{name}").into(),
        _ => format!("runs/{name}-{number}").into(),
    }
}

fn renamed(place: Place, first: &Path, why: Option<String>) -> Place {
    let Some(why) = why else { return place };
    let (first, path) = (first.display(), place.path.display().to_string());
    place.remark(format!("{first} holds {why}; this one goes to {path}"))
}

fn begins_anew(place: Place) -> Place {
    let path = place.path.display().to_string();
    place.remark(format!("nothing was saved yet in {path}: training begins at the beginning"))
}

fn holds_another(out: &Path, losses: &[String]) -> Error {
    let only_longer = losses.iter().all(|loss| loss.starts_with(EPOCHS));
    let resume = if only_longer { ", go on with it by --resume" } else { "" };
    let what = format!(
        "holds another run ({}); choose another folder with --out{resume}, or replace it with \
         --overwrite",
        losses.join("; ")
    );
    Error::file(out, what)
}

fn holds_others(out: &Path, file: &Path) -> Error {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let what = format!(
        "holds {name}, which is no run's; choose another folder with --out, or, to write a run's \
         files there nevertheless, --overwrite"
    );
    Error::file(out, what)
}

/// A run's folder while the run lasts. What was made for it goes with it where nothing was saved.
pub(super) struct Claim {
    pub folder: RunFolder,
    lock: Option<RunLock>,
    /// Folders that were not there before, the innermost first.
    made: Vec<PathBuf>,
    /// Whether the lock's file was not there before.
    made_lock: bool,
}

impl Claim {
    /// Makes the folder where it is missing, and locks it.
    ///
    /// # Errors
    /// When it cannot be written, or another process has it.
    pub fn take(path: &Path) -> Result<Self> {
        let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let missing = path.ancestors().take_while(is_missing);
        let made: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
        let made_lock = !path.join(LOCK_FILE).exists();
        let taken = RunFolder::create(path)
            .and_then(|folder| RunLock::take(folder.path()).map(|lock| (folder, lock)));
        match taken {
            Ok((folder, lock)) => Ok(Self { folder, lock: Some(lock), made, made_lock }),
            Err(error) => {
                remove_empty(&made);
                Err(error)
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.folder.holds_files() {
            return;
        }
        // Windows removes no file that is open; elsewhere nobody shall take the lock in between.
        if cfg!(windows) {
            self.lock = None;
        }
        let _ = fs::remove_dir(self.folder.path().join(CHECKPOINTS));
        if self.made_lock {
            let _ = fs::remove_file(self.folder.path().join(LOCK_FILE));
        }
        remove_empty(&self.made);
    }
}

/// Removes these folders, unless something is in them.
fn remove_empty(folders: &[PathBuf]) {
    folders.iter().map(fs::remove_dir).take_while(Result::is_ok).for_each(drop);
}
