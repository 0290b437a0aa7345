//! What is in a cache folder, to be listed and cleared.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::known_files;
use super::pixel_cache::{LOCK, PIXELS, entries};
use super::pixel_file::PixelFile;
use crate::error::{Error, Result};
use crate::file;
use crate::shape::ImageShape;

/// Letters of a key.
const KEY: usize = 32;

/// A file of a cache folder.
#[derive(Clone, Debug)]
pub struct CacheEntry {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// What its pictures were called.
    pub source: String,
    /// How many images it holds.
    pub images: usize,
    /// Their shape.
    pub shape: ImageShape,
}

/// The files of a cache folder that are whole, in the order of their names; none where there is no such folder.
pub fn cache_entries(folder: &Path) -> Vec<CacheEntry> {
    let mut paths: Vec<PathBuf> = entries(folder).filter(|path| is_ours(path, PIXELS)).collect();
    paths.sort_unstable();
    let entry = |path: PathBuf| {
        let (_, index) = PixelFile::open(&path).ok()??;
        let bytes = fs::metadata(&path).ok()?.len();
        let (images, shape) = (index.count(), index.shape);
        Some(CacheEntry { path, bytes, source: index.source, images, shape })
    };
    paths.into_iter().filter_map(entry).collect()
}

/// What came of clearing a cache folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Files of pixels that were removed.
    pub removed: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that another process is using, which stay.
    pub in_use: usize,
}

/// Removes what a cache folder holds, but for what is in use, and for files that are none of this program's.
///
/// # Errors
/// When a file cannot be removed.
pub fn clear_cache(folder: &Path) -> Result<Cleared> {
    let mut cleared = Cleared::default();
    for path in entries(folder) {
        let is_pixels = is_ours(&path, PIXELS);
        let is_idle = || File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
        let is_ours = [PIXELS, LOCK, known_files::ENDING].iter().any(|end| is_ours(&path, end));
        if !(is_ours || file::is_abandoned(&path)) {
            continue;
        }
        if !is_idle() {
            cleared.in_use += usize::from(is_pixels);
            continue;
        }
        let bytes = fs::metadata(&path).map_or(0, |found| found.len());
        fs::remove_file(&path)
            .map_err(|error| Error::file(&path, format!("cannot be removed: {error}")))?;
        if is_pixels {
            cleared.removed += 1;
            cleared.bytes += bytes;
        }
    }
    Ok(cleared)
}

/// Whether a file is named by a key and has this ending.
fn is_ours(path: &Path, ending: &str) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let is_key = stem.len() == KEY && stem.bytes().all(|letter| letter.is_ascii_hexdigit());
    is_key && path.extension().is_some_and(|own| own == ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_or_another_programs_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = |letter: &str, ending: &str| {
            folder.path().join(letter.repeat(KEY)).with_extension(ending)
        };
        let theirs = folder.path().join("notes.pixels");
        let ours = [name("a", PIXELS), name("b", PIXELS), name("c", LOCK)];
        for path in ours.iter().chain([&theirs]) {
            fs::write(path, "1234").expect("the folder is ours");
        }
        let open = File::open(&ours[1]).expect("there");
        open.lock_shared().expect("a lock");
        let cleared = clear_cache(folder.path()).expect("removable");
        assert_eq!(cleared, Cleared { removed: 1, bytes: 4, in_use: 1 });
        assert!(!ours[0].exists() && ours[1].exists() && !ours[2].exists() && theirs.exists());
        drop(open);
        assert_eq!(clear_cache(folder.path()).expect("removable").removed, 1);
        let nowhere = clear_cache(&folder.path().join("none")).expect("nothing");
        assert_eq!(nowhere, Cleared::default());
    }
}
