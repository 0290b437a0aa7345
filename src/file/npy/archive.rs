//! NumPy's `.npz` files: archives (ZIP) of `.npy` files, packed or as they are.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::array::{Array, parse};
use super::problem::{Parsed, Problem};
use crate::error::Result;
use crate::file::reading::open;

/// What every archive begins with: the head of its first file, or the end of an empty one.
const MAGICS: [&[u8; 4]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// The most bytes that a packed array may come to: deflating makes a thousand bytes of one.
const MOST_UNPACKED: u64 = 1 << 30;
/// What arrays are named with inside.
const ENDING: &str = ".npy";
/// Names that a message lists.
const LISTED: usize = 8;

/// An archive of arrays, each of which is read when it is asked for.
pub struct Archive {
    entries: Entries<BufReader<File>>,
    path: PathBuf,
}

impl Archive {
    /// Opens the `.npz` file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or no archive.
    pub fn open(path: &Path) -> Result<Self> {
        let opened = || {
            let (file, length) = open(path).map_err(Problem::Io)?;
            Entries::new(BufReader::new(file), length)
        };
        let entries = opened().map_err(|problem| problem.of(path))?;
        Ok(Self { entries, path: path.into() })
    }

    /// The names of its arrays, as `numpy.load` gives them, in their order.
    pub fn names(&self) -> Vec<String> {
        self.entries.names().into_iter().map(Into::into).collect()
    }

    /// Reads the array of this name.
    ///
    /// # Errors
    /// When there is none, it is damaged, or it holds something else, such as objects.
    pub fn read(&mut self, name: &str) -> Result<Array> {
        self.entries.array(name).map_err(|problem| problem.of(&self.path))
    }
}

/// Whether a file that begins so is an archive.
pub(super) fn is_archive(start: &[u8]) -> bool {
    MAGICS.iter().any(|magic| start.starts_with(*magic))
}

/// What is in an archive.
pub(super) struct Entries<S> {
    archive: ZipArchive<S>,
    length: u64,
}

impl<S: Read + Seek> Entries<S> {
    /// Those of an archive of `length` bytes.
    pub fn new(source: S, length: u64) -> Parsed<Self> {
        Ok(Self { archive: ZipArchive::new(source).map_err(refused)?, length })
    }

    fn names(&self) -> Vec<&str> {
        self.archive.file_names().filter_map(|name| name.strip_suffix(ENDING)).collect()
    }

    /// The array of this name, or the only one.
    pub fn named_or_only(&mut self, name: Option<&str>) -> Parsed<Array> {
        let only = match (name, &self.names()[..]) {
            (Some(name), _) => name.to_owned(),
            (None, [only]) => (*only).to_owned(),
            (None, []) => return Err(Problem::Foreign("is an archive without arrays".into())),
            (None, names) => {
                let what = format!("holds several arrays; name one of {}", listed(names));
                return Err(Problem::Foreign(what));
            }
        };
        self.array(&only)
    }

    fn array(&mut self, name: &str) -> Parsed<Array> {
        let name = name.strip_suffix(ENDING).unwrap_or(name);
        let length = self.length;
        let Some(index) = self.archive.index_for_name(&format!("{name}{ENDING}")) else {
            let what = format!("has no array `{name}`; it has {}", listed(&self.names()));
            return Err(Problem::Foreign(what));
        };
        let mut entry = self.archive.by_index(index).map_err(refused)?;
        let (packed, unpacked) = (entry.compressed_size(), entry.size());
        let is_possible = match entry.compression() {
            CompressionMethod::Stored => packed == unpacked && packed <= length,
            _ => packed <= length,
        };
        if !is_possible {
            let what = format!("its array `{name}` claims {unpacked} bytes");
            return Err(Problem::Damaged(what));
        }
        if entry.compression() != CompressionMethod::Stored && unpacked > MOST_UNPACKED {
            let what = format!(
                "packs {unpacked} bytes into its array `{name}`, of which there may be {MOST_UNPACKED}; \
                 save it with numpy.savez, which does not pack"
            );
            return Err(Problem::Foreign(what));
        }
        let array = parse(&mut entry, unpacked)?;
        // The checksum is compared at the end, and nothing may follow.
        match entry.read(&mut [0]).map_err(Problem::reading)? {
            0 => Ok(array),
            _ => Err(Problem::Damaged(format!("its array `{name}` goes on behind its end"))),
        }
    }
}

/// The first of some names, and how many more there are.
fn listed(names: &[&str]) -> String {
    let more = names.len().saturating_sub(LISTED);
    let names: Vec<String> =
        names.iter().take(LISTED).map(|name| format!("`{}`", name.escape_debug())).collect();
    match (&names[..], more) {
        ([], _) => "none".into(),
        (_, 0) => names.join(", "),
        _ => format!("{} and {more} more", names.join(", ")),
    }
}

fn refused(error: ZipError) -> Problem {
    match error {
        ZipError::Io(error) => Problem::reading(error),
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            let what = format!("cannot be unpacked ({error}); save it anew with numpy.savez");
            Problem::Foreign(what)
        }
        _ => Problem::Damaged(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
