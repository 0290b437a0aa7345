//! One process at a time writes to a run folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use crate::error::{Error, Result};
use crate::file::{cannot_write, is_abandoned};

/// The file whose lock stands for the folder. It stays when the run ends, unless nothing was saved in a
/// folder that was made for it.
pub const LOCK_FILE: &str = "run.lock";

/// The right to write to a run folder, for as long as this value lives. The system gives it up when
/// the process ends, however that comes about, so that no lock is ever stale.
#[derive(Debug)]
pub struct RunLock(#[expect(dead_code, reason = "it is held, not used")] Option<File>);

impl RunLock {
    /// Takes the folder, or fails at once where another process has it. Then removes what a process
    /// that was killed while it wrote has left half-written there.
    ///
    /// # Errors
    /// When another process has the folder, or the lock's file cannot be written.
    pub fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|error| cannot_write(&path, &error))?;
        match file.try_lock() {
            // A run that saved nothing takes its lock's file away.
            Ok(()) if !is_at(&file, &path) => return Self::take(folder),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(folder, &path)),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                let folder = folder.display();
                log::warn!("{folder}: this file system has no locks; start no other run in it");
                return Ok(Self(None));
            }
            Err(TryLockError::Error(error)) => return Err(cannot_write(&path, &error)),
        }
        // For the message of whoever comes next; the lock does not depend on it.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        remove_abandoned(folder);
        Ok(Self(Some(file)))
    }
}

/// Whether `path` still names this open file. Where that is not known, open files cannot be removed.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let number = |found: fs::Metadata| (found.dev(), found.ino());
        file.metadata().ok().map(number) == fs::metadata(path).ok().map(number)
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

fn taken(folder: &Path, lock: &Path) -> Error {
    let process = fs::read_to_string(lock).unwrap_or_default();
    let process = match process.trim().parse::<u32>() {
        Ok(number) => format!("process {number}"),
        Err(_) => "another process".to_owned(),
    };
    let what =
        format!("is being written by {process}; wait until it ends, or choose another with --out");
    Error::file(folder, what)
}

/// Removes files that nobody will give a name any more. What cannot be removed does no harm.
pub(in crate::run) fn remove_abandoned(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| is_abandoned(path)) {
        log::info!("removing {}, which was never finished", path.display());
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::temporary_file;

    #[test]
    fn a_folder_has_one_writer_at_a_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = RunLock::take(folder.path()).expect("is free");
        let text = RunLock::take(folder.path()).expect_err("is taken").to_string();
        let holder = format!("is being written by process {}", std::process::id());
        assert!(cfg!(windows) || text.contains(&holder), "{text}");
        assert!(text.contains("--out"), "{text}");
        drop(first);
        RunLock::take(folder.path()).expect("is free again");
    }

    #[test]
    fn what_a_killed_writer_left_goes_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let left = folder.path().join(".diabolo-left");
        fs::write(&left, "half").expect("writable");
        let mine = folder.path().join("diabolo-notes.txt");
        fs::write(&mine, "mine").expect("writable");
        let written = temporary_file(folder.path()).expect("writable");
        let _lock = RunLock::take(folder.path()).expect("is free");
        assert!(!left.exists() && mine.exists() && written.path().exists());
    }
}
