//! The pictures in archives: in one, or in all that a pattern stands for.

use std::path::{Path, PathBuf};

use super::archive::{self, is_archive};
use super::format::{self, Kind, LeftOut};
use super::opening::pictures_in;
use crate::error::{Error, Result};

/// Whether a name is a pattern and no file's or folder's, such as `parts/*.tar`.
pub(super) fn is_pattern(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.contains(['*', '?', '['])) && !path.exists()
}

/// The archives that a name stands for, in the order of their names; nothing where it is none's.
///
/// # Errors
/// When it is a pattern that no file has, or others than archives have.
pub(super) fn archives_of(path: &Path) -> Result<Option<Vec<PathBuf>>> {
    if is_archive(path) {
        return Ok(Some(vec![path.to_path_buf()]));
    }
    if !is_pattern(path) {
        return Ok(None);
    }
    let refuse = |what: String| Err(Error::file(path, what));
    let found = match path.to_str().map(glob::glob) {
        Some(Ok(found)) => found,
        Some(Err(error)) => {
            return refuse(format!("is no pattern: {}; write DIR/*.tar", error.msg));
        }
        None => return refuse("is no text; rename it".into()),
    };
    let found = found.collect::<std::result::Result<Vec<PathBuf>, _>>();
    let found = found.map_err(|error| {
        Error::file(error.path(), format!("cannot be listed: {}", error.error()))
    })?;
    match found.iter().find(|path| !is_archive(path)) {
        _ if found.is_empty() => refuse("no file has such a name; check the pattern".into()),
        Some(other) => refuse(format!(
            "stands for {}, which is no archive; a pattern is for archives, such as DIR/*.tar",
            other.display()
        )),
        None => Ok(Some(found)),
    }
}

/// Every picture in these archives, by its archive and its name, sorted within each; what else is there is counted.
///
/// # Errors
/// When an archive cannot be read, or is damaged.
pub(super) fn pictures(archives: &[PathBuf], left_out: &mut LeftOut) -> Result<Vec<PathBuf>> {
    let mut files = vec![];
    for path in archives {
        let archive = archive::open(path)?;
        for (what, count) in &archive.left_out {
            left_out.add_many(what, *count);
        }
        for name in archive.members.keys() {
            let member = path.join(name);
            match format::of_file(&member) {
                Kind::Picture(format) => files.extend(pictures_in(member, format)),
                kind => left_out.add(&member, kind),
            }
        }
    }
    Ok(files)
}
