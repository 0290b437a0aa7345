//! What is known of files that have not changed since they were read: their digests, and whether they can be used.
//!
//! A file counts as unchanged where its length, its times of change and its number on the disk are what they were, as
//! version control has it; a file that was changed within the last seconds may change again within the same tick of the
//! clock, and is not remembered. So a start that finds its pixels in the cache reads no picture at all.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::archive;
use super::fault::Fault;
use super::load_options::LoadOptions;
use crate::file;

/// How old a change must be, so that another one has another time.
const SETTLED: Duration = Duration::from_secs(2);
/// The most bytes that are read of what is remembered.
const MOST_BYTES: u64 = 1 << 32;

/// What tells a file from what it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    length: u64,
    /// Nanoseconds since 1970.
    modified: u128,
    /// The time of the last change of any kind, and the file's number, where the system has them.
    changed: (i64, i64, u64),
    /// Where a member begins in its archive, and its length.
    member: (u64, u64),
}

/// What was found out of something in a file that looked like this.
type Found<T> = HashMap<String, (Signature, T)>;

/// What is remembered of a folder's files.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Memory {
    digests: Found<String>,
    /// By what pictures were read with: that they are whole, or why they cannot be used and what to do.
    looked_at: HashMap<String, Found<Option<(String, String)>>>,
}

impl Memory {
    fn is_empty(&self) -> bool {
        self.digests.is_empty() && self.looked_at.is_empty()
    }
}

/// What is known of the files of a folder.
#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    /// Where it is kept; nowhere where there is no cache.
    path: Option<PathBuf>,
    before: Memory,
    /// What was found in this process.
    found: Mutex<Memory>,
}

impl KnownFiles {
    /// What the cache knows of the files of `folder`.
    pub fn of(folder: &Path, options: &LoadOptions) -> Self {
        let Ok(Some(cache)) = options.storing.cache.folder() else { return Self::default() };
        let full = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        let name: String = Md5::digest(format!("{}\n{}", full.display(), folder.display()))
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let path = cache.join(name).with_extension(ENDING);
        let read = || serde_json::from_slice(&file::read(&path, MOST_BYTES).ok()?).ok();
        let before = read().unwrap_or_default();
        Self { path: Some(path), before, found: Mutex::default() }
    }

    /// The digest of the file at `path`, as it was, or as `digest` finds it.
    ///
    /// # Errors
    /// As `digest`.
    pub fn digest<E>(
        &self,
        path: &Path,
        digest: impl FnOnce(&Path) -> Result<String, E>,
    ) -> Result<String, E> {
        if self.path.is_none() {
            return digest(path);
        }
        let (name, signature) = (path.to_string_lossy(), signature_of(path));
        let known = self.before.digests.get(&*name);
        if let Some((_, md5)) = known.filter(|(then, _)| Some(*then) == signature) {
            return Ok(md5.clone());
        }
        let md5 = digest(path)?;
        if let Some(signature) = signature.filter(Signature::is_settled) {
            let known = (signature, md5.clone());
            self.remember(|found| found.digests.insert(name.into_owned(), known));
        }
        Ok(md5)
    }

    /// Why the picture in `file` at `path` cannot be used when it is read as `options` say, if so, as it was or as
    /// `look` finds it.
    pub fn fault(
        &self,
        (file, path): (&Path, &Path),
        options: &LoadOptions,
        look: impl FnOnce() -> Option<Fault>,
    ) -> Option<Fault> {
        if self.path.is_none() {
            return look();
        }
        let (name, with) = (path.to_string_lossy(), options.wording());
        let signature = signature_of(file);
        let known = self.before.looked_at.get(&with).and_then(|looked| looked.get(&*name));
        if let Some((_, words)) = known.filter(|(then, _)| Some(*then) == signature) {
            return words.clone().map(|(what, to_do)| Fault::new(path, what, to_do));
        }
        let fault = look();
        if let Some(signature) = signature.filter(Signature::is_settled) {
            let known = (signature, fault.as_ref().map(Fault::words));
            self.remember(|found| {
                found.looked_at.entry(with).or_default().insert(name.into_owned(), known)
            });
        }
        fault
    }

    fn remember<T>(&self, change: impl FnOnce(&mut Memory) -> T) {
        change(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Keeps what is known now for the next start. Failing costs time then, and nothing else.
    pub fn save(self) {
        let Some(path) = self.path else { return };
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        if found.is_empty() {
            return;
        }
        let mut memory = self.before;
        memory.digests.extend(found.digests);
        for (with, looked) in found.looked_at {
            memory.looked_at.entry(with).or_default().extend(looked);
        }
        let written =
            serde_json::to_vec(&memory).map_err(|error| error.to_string()).and_then(|text| {
                file::write_whole(&path, |out| out.write_all(&text))
                    .map_err(|error| error.to_string())
            });
        if let Err(error) = written {
            log::debug!("{error}");
        }
    }
}

/// What the name of a file of this kind ends in.
pub(super) const ENDING: &str = "files";

impl Signature {
    fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let changed = u128::try_from(self.changed.0).unwrap_or(0) * 1_000_000_000;
        self.modified.max(changed) + SETTLED.as_nanos() < now.as_nanos()
    }
}

/// What tells the file at `path` from what it was before; nothing where there is none, or it is not known.
fn signature_of(path: &Path) -> Option<Signature> {
    let (found, member) = match (fs::metadata(path), archive::split(path)) {
        (Ok(found), _) => (found, (0, 0)),
        (Err(_), Some((archive, inner))) => {
            let span = *archive::read(archive).ok()?.members.get(inner)?;
            (fs::metadata(archive).ok()?, (span.start, span.length))
        }
        (Err(_), None) => return None,
    };
    let modified = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    Some(Signature { length: found.len(), modified, changed: changed(&found), member })
}

#[cfg(unix)]
fn changed(found: &Metadata) -> (i64, i64, u64) {
    use std::os::unix::fs::MetadataExt;
    (found.ctime(), found.ctime_nsec(), found.ino())
}

#[cfg(not(unix))]
fn changed(_found: &Metadata) -> (i64, i64, u64) {
    (0, 0, 0)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs::File;

    use super::*;
    use crate::data::storing::{Cache, Storing};

    #[test]
    fn a_file_is_read_again_once_it_has_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::Folder(folder.path().into());
        let storing = Storing { cache, ..Storing::default() };
        let options = LoadOptions { storing, ..LoadOptions::default() };
        let path = folder.path().join("a.png");
        let reads = Cell::new(0);
        let look = |expected: u32| {
            let known = KnownFiles::of(folder.path(), &options);
            let digest = |path: &Path| {
                reads.set(reads.get() + 1);
                fs::read_to_string(path)
            };
            let found = known.digest(&path, digest).expect("there");
            let fault = known.fault((&path, &path), &options, || {
                Some(Fault::damaged(&path, format!("it is {found}")))
            });
            known.save();
            assert_eq!(reads.get(), expected, "{found}");
            (found, fault.map(|fault| fault.error().to_string()))
        };
        fs::write(&path, "one").expect("writable");
        // What was written just now may be written again within a tick.
        look(1);
        let first = look(2);
        std::thread::sleep(SETTLED + Duration::from_millis(100));
        assert_eq!(look(3), first);
        assert_eq!(look(3), first);
        let modified = fs::metadata(&path).and_then(|found| found.modified()).expect("known");
        fs::write(&path, "two").expect("writable");
        let file = File::options().write(true).open(&path).expect("writable");
        file.set_modified(modified).expect("ours");
        if cfg!(unix) {
            // Its length and time are what they were, but that was done to it just now.
            let (found, fault) = look(4);
            assert_eq!(found, "two");
            assert!(fault.expect("a fault").contains("it is two"));
        }
    }
}
