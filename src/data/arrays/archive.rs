//! An array of samples, or several arrays whose names say what they are.

use std::path::{Path, PathBuf};

use super::found::{Found, Labelled, classes_of};
use super::roles::{Half, Role, of_name};
use super::samples::{Samples, is_array};
use crate::data::folder::list;
use crate::error::{Error, Result, counted};
use crate::file::npy::{self, Archive, Array, Numbers};

/// Labels of more classes than this are numbers to be predicted, not classes.
const MOST_CLASSES: usize = 10_000;

/// Where arrays are.
enum Place {
    /// One file has one array.
    Single(PathBuf),
    /// One file has several.
    Archive(PathBuf, Archive),
    /// A folder has a file for each.
    Folder(PathBuf, Vec<(String, PathBuf)>),
}

impl Place {
    fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Folder(path.into(), named_files(path)?));
        }
        let is_archive = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
        Ok(match is_archive {
            true => Self::Archive(path.into(), Archive::open(path)?),
            false => Self::Single(path.into()),
        })
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Single(_) => vec!["x".into()],
            Self::Archive(_, archive) => archive.names(),
            Self::Folder(_, files) => files.iter().map(|(name, _)| name.clone()).collect(),
        }
    }

    /// The array of this name, and the path that messages call it by.
    fn array(&mut self, name: &str) -> Result<(Array, PathBuf)> {
        match self {
            Self::Single(path) => Ok((npy::read_array(path, None)?, path.clone())),
            Self::Archive(path, archive) => Ok((archive.read(name)?, path.join(name))),
            Self::Folder(path, files) => {
                let found = files.iter().find(|(known, _)| known == name);
                let file = found.map_or_else(|| path.join(name), |(_, file)| file.clone());
                Ok((npy::read_array(&file, None)?, file))
            }
        }
    }
}

/// Whether the files of a folder are named as the arrays of an archive are, and so are no single samples.
pub(super) fn is_folder_of_roles(folder: &Path) -> Result<bool> {
    let is_of_training = |(name, _): &(String, PathBuf)| {
        matches!(of_name(name), Some((Half::Train, Role::Samples)))
            || ["x", "data"].contains(&&*name.to_lowercase())
    };
    Ok(named_files(folder)?.iter().any(is_of_training))
}

/// Whether the samples at `path` are told apart as those to train on and to test.
///
/// # Errors
/// When there is no such file or folder, or it cannot be read.
#[cfg(feature = "cli")]
pub(crate) fn are_told_apart(path: &Path) -> Result<bool> {
    let names = Place::open(path)?.names();
    let has = |half| names.iter().any(|name| of_name(name) == Some((half, Role::Samples)));
    Ok(has(Half::Train) && has(Half::Test))
}

/// The arrays that lie in a folder itself, by name.
fn named_files(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let unreadable = |error| Error::file(folder, format!("cannot be listed: {error}"));
    let named = |path: PathBuf| {
        let stem = path.file_stem()?.to_string_lossy().into_owned();
        (is_array(&path) && path.is_file()).then_some((stem, path))
    };
    Ok(list(folder).map_err(unreadable)?.into_iter().filter_map(named).collect())
}

/// The samples of an array, or of the arrays in an archive or a folder.
///
/// # Errors
/// When one cannot be read, what they are does not follow from their names, or they do not fit together.
pub(super) fn read(path: &Path) -> Result<Found> {
    let mut place = Place::open(path)?;
    let names = place.names();
    let mut known: Vec<(Half, Role, &String)> = vec![];
    for name in &names {
        let found = of_name(name).or((names.len() == 1).then_some((Half::All, Role::Samples)));
        let Some((half, role)) = found.filter(|(half, _)| *half != Half::Validation) else {
            log::warn!("{}: array `{name}` is left out", path.display());
            continue;
        };
        if let Some((.., other)) = known.iter().find(|(h, r, _)| (*h, *r) == (half, role)) {
            let what =
                format!("has `{other}` and `{name}`, which are the same by their names; leave one");
            return Err(Error::file(path, what));
        }
        known.push((half, role, name));
    }
    let named = |half, role| {
        known.iter().find(|(h, r, _)| (*h, *r) == (half, role)).map(|(.., name)| *name)
    };
    let mut read = |half| -> Result<Option<Labelled>> {
        let Some(name) = named(half, Role::Samples) else { return Ok(None) };
        let (array, path) = place.array(name)?;
        let samples = Samples::of_array(array, &path)?;
        let labels = match named(half, Role::Labels) {
            Some(name) => labels(place.array(name)?, samples.count)?,
            None => None,
        };
        Ok(Some(Labelled { samples, labels }))
    };
    match (read(Half::All)?, read(Half::Train)?, read(Half::Test)?) {
        (Some(all), None, None) | (None, Some(all), None) => Ok(Found::Whole(all)),
        (None, Some(train), Some(test)) => Ok(Found::Parted { train, test }),
        _ => {
            let what = format!(
                "has {}: {}; name one of them x (and its labels y), or x_train and x_test (y_train and \
                 y_test)",
                counted(names.len(), "array"),
                names.join(", ")
            );
            Err(Error::file(path, what))
        }
    }
}

/// The labels in an array of `count` whole numbers; none where there are no classes to tell apart.
///
/// # Errors
/// When there are more or fewer, or they are not whole.
fn labels((array, path): (Array, PathBuf), count: usize) -> Result<Option<Vec<i64>>> {
    let refuse = |what: String| Err(Error::file(&path, what));
    let axes = array.shape.to_vec();
    if !matches!(axes[..], [n] | [n, 1] if n == count) {
        let what = format!("has labels of shape {} for {}", array.shape, counted(count, "sample"));
        return refuse(format!("{what}; one whole number a sample is needed"));
    }
    let labels: Vec<i64> = match array.numbers {
        Numbers::Bytes(bytes) => bytes.into_iter().map(i64::from).collect(),
        Numbers::Reals(numbers) => {
            if let Some(number) =
                numbers.iter().find(|number| number.fract() != 0.0 || number.is_nan())
            {
                return refuse(format!("has the label {number}; labels are whole numbers"));
            }
            numbers.into_iter().map(|number| number as i64).collect()
        }
    };
    let classes = classes_of(&[&labels]).len();
    match classes {
        0 | 1 => Ok(None),
        _ if classes > MOST_CLASSES => {
            log::warn!(
                "{}: {classes} different labels are no classes and are left out",
                path.display()
            );
            Ok(None)
        }
        _ => Ok(Some(labels)),
    }
}
