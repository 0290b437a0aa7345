//! A folder with a sample a file.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::parts::{Part, Parts};
use super::samples::{Samples, is_array};
use crate::data::dataset::ImageFile;
use crate::data::folder::list;
use crate::data::known_files::KnownFiles;
use crate::data::load_options::LoadOptions;
use crate::data::manifest::Manifest;
use crate::data::partition::{Member, Partition};
use crate::error::{Error, Result};
use crate::file::npy;

/// Files that a message names.
const NAMED: usize = 10;

/// The samples in `folder` and its sub-folders, by the seed or as a run remembers them.
///
/// # Errors
/// When there are too few; when some cannot be read or have another shape than most, of which all are
/// named.
pub(super) fn read(
    folder: &Path,
    options: &LoadOptions,
    known: Option<&Manifest>,
) -> Result<Parts> {
    let files = usable(folder, files_in(folder)?, options)?;
    let known = known.filter(|known| !known.train.is_empty());
    let Partition { train, held_out, classes } = match known {
        Some(manifest) => Partition::remembered(folder, &files, manifest, &KnownFiles::default())?,
        None => Partition::drawn(folder, &files, options, &KnownFiles::default())?,
    };
    let part = |members: Vec<Member>| -> Result<Part> {
        let paths: Vec<&Path> = members.iter().map(|member| &*member.path).collect();
        let samples = joined(&paths)?;
        let labels = members.iter().map(|member| member.label).collect();
        let file = |member: Member| ImageFile { images: 1, ..member.file };
        Ok(Part { samples, labels, files: members.into_iter().map(file).collect() })
    };
    let test = match held_out.is_empty() {
        true => None,
        false => Some(part(held_out)?),
    };
    Ok(Parts { train: part(train)?, test, classes })
}

/// All samples in `folder` and its sub-folders, in the order of their paths, and those.
///
/// # Errors
/// When there is none; when some cannot be read or have another shape, of which all are named.
pub(super) fn all(folder: &Path) -> Result<(Samples, Vec<PathBuf>)> {
    let files = usable(folder, files_in(folder)?, &LoadOptions::default())?;
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    Ok((joined(&paths)?, files))
}

/// The samples of these files, which are of one shape.
fn joined(paths: &[&Path]) -> Result<Samples> {
    let singles: Vec<Samples> = paths.par_iter().map(|path| single(path)).collect::<Result<_>>()?;
    let mut samples = Samples { count: singles.len(), are_bytes: true, ..Samples::default() };
    for single in singles {
        samples.shape = single.shape;
        samples.are_bytes &= single.are_bytes;
        samples.numbers.extend(single.numbers);
    }
    Ok(samples)
}

fn single(path: &Path) -> Result<Samples> {
    Samples::of_single(npy::read_array(path, None)?, path)
}

/// The files of which each is a sample of the same shape; with `--skip-damaged`, without the others.
fn usable(folder: &Path, files: Vec<PathBuf>, options: &LoadOptions) -> Result<Vec<PathBuf>> {
    let shapes: Vec<_> =
        files.par_iter().map(|path| single(path).map(|samples| samples.shape)).collect();
    let Some(shape) = shapes.iter().flatten().next().copied() else {
        return Err(shapes.into_iter().find_map(Result::err).unwrap_or_else(|| none_in(folder)));
    };
    let (mut whole, mut faults) = (vec![], vec![]);
    for (path, found) in files.into_iter().zip(shapes) {
        match found {
            Ok(found) if found == shape => whole.push(path),
            Ok(found) => {
                faults.push(format!("{}: is of {found}, others of {shape}", path.display()))
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    if faults.is_empty() {
        return Ok(whole);
    }
    let more = faults.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let (bad, count) = (faults.len(), whole.len() + faults.len());
    let list = faults[..bad.min(NAMED)].join("; ") + &more;
    if options.skip_damaged {
        log::warn!("{}: {bad} of {count} files are skipped: {list}", folder.display());
        return Ok(whole);
    }
    let what =
        format!("{bad} of {count} files cannot be used: {list}; mend them, or give --skip-damaged");
    Err(Error::file(folder, what))
}

fn none_in(folder: &Path) -> Error {
    let what = "holds no .npy file; give npy:FILE or a folder of arrays";
    Error::file(folder, what)
}

/// Every array below `folder`, at least one, sorted by path.
pub(super) fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (vec![], vec![folder.to_path_buf()]);
    let mut seen = std::collections::HashSet::new();
    while let Some(folder) = folders.pop() {
        let unreadable = |error| Error::file(&folder, format!("cannot be listed: {error}"));
        // Links are followed, so a folder may be reached from within itself.
        if !seen.insert(fs::canonicalize(&folder).map_err(unreadable)?) {
            continue;
        }
        for path in list(&folder).map_err(unreadable)? {
            if path.is_dir() {
                folders.push(path);
            } else if is_array(&path) {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    if files.is_empty() { Err(none_in(folder)) } else { Ok(files) }
}
