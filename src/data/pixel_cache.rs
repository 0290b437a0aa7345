//! The cache folder, in which decoded pictures are kept from one start to the next.
//!
//! A file of it is named by what its pixels depend on: the digests of the pictures' bytes and all options that change
//! pixels. So it holds what it is named for, whatever became of the pictures since, and wherever they lie; it is never
//! changed, and written beside its place and moved there once it is whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use super::load_options::LoadOptions;
use super::pixel_file::{Index, PixelFile};
use crate::error::{Error, Result};
use crate::file;

/// What the names of files of pixels end in.
pub(super) const PIXELS: &str = "pixels";
/// What the names of files end in that are locked while one is made.
pub(super) const LOCK: &str = "lock";

/// What pixels depend on, as a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// That of the pictures that are known by these words, read as `options` say.
    pub fn of(pictures: &[String], options: &LoadOptions) -> Self {
        let mut whole = Md5::new();
        whole.update(options.wording());
        // Their order is that of a draw.
        let mut sorted: Vec<&String> = pictures.iter().collect();
        sorted.sort_unstable();
        sorted.iter().for_each(|picture| whole.update(format!("\n{picture}")));
        Self(whole.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The cache folder.
#[derive(Clone, Debug)]
pub(super) struct PixelCache {
    pub folder: PathBuf,
}

impl PixelCache {
    /// The file of this key, if it is there. One that is damaged is removed, which a warning says.
    pub fn find(&self, key: &Key) -> Option<(PixelFile, Index)> {
        let path = self.path(key);
        match PixelFile::open(&path) {
            Ok(found) => {
                if found.is_some() {
                    log::info!("pixels are read from {}", path.display());
                }
                found
            }
            Err(error) => {
                let path_shown = path.display();
                log::warn!("{path_shown}: {error}; it is removed, and pictures are decoded again");
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Where the file of this key is, or is to be.
    pub fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(&key.0).with_extension(PIXELS)
    }

    /// Takes the right to make the file of this key, and waits where another process makes it. Makes the folder, and
    /// removes what a process that was killed has left half-written there.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn claim(&self, key: &Key) -> Result<Claim> {
        let refuse = |error: io::Error| {
            let what = format!(
                "cannot be written: {error}; give another folder by --cache DIR, or --cache none, which decodes \
                 pictures anew each time"
            );
            Error::file(&self.folder, what)
        };
        fs::create_dir_all(&self.folder).map_err(refuse)?;
        let path = self.folder.join(&key.0).with_extension(LOCK);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(refuse)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                log::warn!("another process decodes these pictures; waiting for it");
                file.lock().map_err(refuse)?;
            }
            // Without locks, both decode, and the last one's file stays.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        for path in entries(&self.folder).filter(|path| file::is_abandoned(path)) {
            log::info!("removing {}, which was never finished", path.display());
            let _ = fs::remove_file(path);
        }
        Ok(Claim { path, _file: file })
    }
}

/// The right to make a file, while this value lives. The system gives it up when the process ends.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    _file: File,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Who waits for it has it open, and finds the file there.
        let _ = fs::remove_file(&self.path);
    }
}

/// What is in a folder; nothing where there is none.
pub(super) fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Bytes that this user may still write to the disk of a folder; `None` where that is not known.
#[cfg(unix)]
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// Bytes that this user may still write to the disk of a folder; `None` where that is not known.
#[cfg(not(unix))]
pub(super) fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn a_key_is_of_all_that_changes_pixels_and_nothing_else() {
        let pictures = ["b", "a"].map(String::from);
        let other = ["b", "c"].map(String::from);
        let swapped = ["a", "b"].map(String::from);
        let options = LoadOptions::default();
        let key = Key::of(&pictures, &options);
        assert_eq!(key, Key::of(&swapped, &options));
        assert_ne!(key, Key::of(&other, &options));
        let seeded = LoadOptions { seed: Seed(7), ..options.clone() };
        assert_eq!(key, Key::of(&pictures, &seeded));
        let patches = Some((8, 8));
        let changes = [
            LoadOptions { size: Some((8, 8)), ..options.clone() },
            LoadOptions { gray: true, ..options.clone() },
            LoadOptions { range: "0-7".parse().ok(), ..options.clone() },
            LoadOptions { patches, ..options.clone() },
            LoadOptions { patches, ..seeded },
        ];
        let mut keys: Vec<Key> = changes.iter().map(|other| Key::of(&pictures, other)).collect();
        keys.push(key);
        for (place, key) in keys.iter().enumerate() {
            assert!(!keys[..place].contains(key), "{place}");
        }
    }
}
