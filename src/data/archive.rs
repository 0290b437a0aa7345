//! Archives of pictures (`.tar`), read in place: which members there are, and where their bytes lie.
//!
//! A member is called by the path of its archive and its name within, as if the archive were a folder. Names are looked
//! up in an index, which is made once for each state of a file.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::file;

/// What the name of an archive ends in.
const ENDING: &str = "tar";

/// Where the bytes of a member are in its archive. An archive that was cut off may end before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: u64,
    pub length: u64,
}

/// What an archive holds.
#[derive(Debug, Default)]
pub(super) struct Archive {
    /// Files, by their names; of several of one name the last, which is what unpacking leaves.
    pub members: BTreeMap<PathBuf, Span>,
    /// What is no file, or has no name within the archive, and how many there are.
    pub left_out: BTreeMap<&'static str, usize>,
}

/// Whether a path names an archive that is there.
pub(super) fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING)) && path.is_file()
}

/// The archive that a path leads into, and the name of the member there; nothing where it leads into none.
pub(super) fn split(path: &Path) -> Option<(&Path, &Path)> {
    let mut ways = path.ancestors().skip(1);
    let archive = ways.find(|way| is_archive(way))?;
    Some((archive, path.strip_prefix(archive).ok()?))
}

/// An index, and the file that it is of.
struct Known {
    length: u64,
    modified: Option<SystemTime>,
    archive: Arc<Archive>,
}

/// Indices that were made so far. They are looked up for every member that is opened.
static KNOWN: RwLock<Option<HashMap<PathBuf, Known>>> = RwLock::new(None);

/// The index of the archive at `path`.
///
/// # Errors
/// When it cannot be read, or is damaged.
pub(super) fn read(path: &Path) -> io::Result<Arc<Archive>> {
    let found = fs::metadata(path)?;
    let (length, modified) = (found.len(), found.modified().ok());
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let same = known
        .as_ref()
        .and_then(|known| known.get(path))
        .filter(|known| (known.length, known.modified) == (length, modified));
    if let Some(same) = same {
        return Ok(same.archive.clone());
    }
    drop(known);
    let archive = Arc::new(index(file::open(path)?.0)?);
    let made = Known { length, modified, archive: archive.clone() };
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.get_or_insert_default().insert(path.to_path_buf(), made);
    Ok(archive)
}

/// The index of the archive at `path`, which a user named.
///
/// # Errors
/// When it cannot be read, or is damaged.
pub(super) fn open(path: &Path) -> Result<Arc<Archive>> {
    read(path).map_err(|error| {
        let what = format!("is no archive that can be read: {error}; make it anew by `tar -cf`");
        Error::file(path, what)
    })
}

fn index(file: File) -> io::Result<Archive> {
    let mut found = Archive::default();
    let mut archive = tar::Archive::new(file);
    let mut last = PathBuf::new();
    for entry in archive.entries_with_seek()? {
        let entry = entry.map_err(|error| {
            let what = format!("it is damaged behind its member `{}`: {error}", last.display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        let mut leave_out = |what| *found.left_out.entry(what).or_default() += 1;
        if kind.is_symlink() || kind.is_hard_link() {
            leave_out("that are links");
            continue;
        }
        if !kind.is_file() && !kind.is_contiguous() {
            leave_out("that are no files (devices, sparse files)");
            continue;
        }
        let Ok(name) = entry.path() else {
            leave_out("whose names are none here");
            continue;
        };
        match within(&name) {
            Some(name) if is_hidden(&name) => {}
            Some(name) => {
                let span = Span { start: entry.raw_file_position(), length: entry.size() };
                last.clone_from(&name);
                found.members.insert(name, span);
            }
            None => leave_out("whose names lead out of the archive"),
        }
    }
    Ok(found)
}

/// A member's name, if it leads to a place within the archive.
fn within(name: &Path) -> Option<PathBuf> {
    let mut inner = PathBuf::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => inner.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!inner.as_os_str().is_empty()).then_some(inner)
}

fn is_hidden(name: &Path) -> bool {
    name.iter().any(|part| part.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A header that says what it likes.
    fn header(name: &str, kind: tar::EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        header
    }

    fn indexed(members: &[(&str, tar::EntryType)]) -> Archive {
        let mut file = tempfile::tempfile().expect("a file");
        for (name, kind) in members {
            file.write_all(header(name, *kind, 5).as_bytes()).expect("writable");
            file.write_all(&[b'x'; 512]).expect("writable");
        }
        io::Seek::rewind(&mut file).expect("a file");
        index(file).expect("whole")
    }

    #[test]
    fn members_are_files_that_lie_within() {
        use tar::EntryType as Kind;
        let archive = indexed(&[
            ("./a/1.png", Kind::Regular),
            ("a/1.png", Kind::Regular),
            ("../b.png", Kind::Regular),
            ("/c.png", Kind::Regular),
            ("a/../../d.png", Kind::Regular),
            ("._e.png", Kind::Regular),
            ("a/.hidden/f.png", Kind::Regular),
            ("g.png", Kind::Symlink),
            ("h.png", Kind::Link),
            ("i.png", Kind::Char),
            ("a/2", Kind::Regular),
        ]);
        let members: Vec<(&Path, Span)> =
            archive.members.iter().map(|(name, span)| (&**name, *span)).collect();
        let span = |number: u64| Span { start: 1024 * number + 512, length: 5 };
        assert_eq!(members, [(Path::new("a/1.png"), span(1)), (Path::new("a/2"), span(10))]);
        let left_out: Vec<usize> = archive.left_out.values().copied().collect();
        assert_eq!(left_out, [2, 1, 3], "{:?}", archive.left_out);
    }

    #[test]
    fn whatever_a_file_says_it_is_an_index_or_an_error() {
        let mut random = 1_u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize
        };
        let whole: Vec<u8> = [
            header("a.png", tar::EntryType::Regular, 700).as_bytes().to_vec(),
            vec![7; 1024],
            header("b.png", tar::EntryType::Regular, u64::MAX / 4).as_bytes().to_vec(),
            vec![7; 512],
        ]
        .concat();
        for _ in 0..2000 {
            let mut other = whole.clone();
            for _ in 0..next() % 4 {
                let at = next() % other.len();
                other[at] = next() as u8;
            }
            other.truncate(next() % (other.len() + 1));
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(&other).expect("writable");
            io::Seek::rewind(&mut file).expect("a file");
            if let Ok(archive) = index(file) {
                assert!(archive.members.len() < 4);
            }
        }
    }
}
