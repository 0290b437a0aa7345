//! Arrays from files: the one of an `.npy` file, or one of an `.npz` file's.

use std::io::{BufReader, Cursor, Read, Seek};
use std::path::Path;

use super::archive::{Entries, is_archive};
use super::array::{Array, parse};
use super::problem::{Parsed, Problem};
use crate::error::Result;
use crate::file::reading::open;
use crate::tensor::Tensor;

/// Reads an array of real or whole numbers or truths, rounded to f32 where that does not hold them.
///
/// # Errors
/// As [`read_array`], and when the file is an archive of several arrays.
pub fn read(path: &Path) -> Result<Tensor> {
    read_array(path, None)?.into_tensor()
}

/// Reads the array of an `.npy` file; or of an `.npz` file that of this name, or its only one.
///
/// # Errors
/// When the file cannot be read, is damaged, or holds something else, such as objects; when it has no array of this
/// name, or several and none is named. No more memory is asked for than the file has bytes for, packed ones
/// included.
pub fn read_array(path: &Path, name: Option<&str>) -> Result<Array> {
    let read = || {
        let (file, length) = open(path).map_err(Problem::Io)?;
        array_in(BufReader::new(file), length, name)
    };
    read().map_err(|problem| problem.of(path))
}

/// Reads the array of a file with these `bytes`; `path` is for messages only.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Tensor> {
    array_from_bytes(bytes, None, path)?.into_tensor()
}

/// Reads an array of a file with these `bytes`; `path` is for messages only.
///
/// # Errors
/// As [`read_array`].
pub fn array_from_bytes(bytes: &[u8], name: Option<&str>, path: &Path) -> Result<Array> {
    array_in(Cursor::new(bytes), bytes.len() as u64, name).map_err(|problem| problem.of(path))
}

/// The array in a file of `length` bytes, told from an archive by how it begins.
fn array_in(mut source: impl Read + Seek, length: u64, name: Option<&str>) -> Parsed<Array> {
    let mut start = vec![];
    source.by_ref().take(4).read_to_end(&mut start).map_err(Problem::reading)?;
    source.rewind().map_err(Problem::reading)?;
    if is_archive(&start) {
        return Entries::new(source, length)?.named_or_only(name);
    }
    match name {
        None => parse(&mut source, length),
        Some(name) => {
            let what = format!("is no archive of arrays (.npz), of which `{name}` could be one");
            Err(Problem::Foreign(what))
        }
    }
}
