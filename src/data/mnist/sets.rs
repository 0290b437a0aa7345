//! Data sets that come as MNIST does, and how their files are called.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A data set in four files: images and labels, to train on and to test with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set {
    /// What it is called, and how it is chosen where a folder holds several.
    pub name: &'static str,
    /// What the names of its files begin with.
    pub prefixes: [&'static str; 2],
    /// What its labels stand for, in their order; where nothing stands here, for numbers.
    pub classes: Option<&'static str>,
    /// Whether its images are stored column by column.
    pub is_transposed: bool,
}

/// Classes of EMNIST with upper and lower case apart.
const ALL: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Classes of EMNIST where letters whose cases look alike are one.
const MERGED: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt";
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";

const fn emnist(name: &'static str, prefixes: [&'static str; 2], classes: &'static str) -> Set {
    Set { name, prefixes, classes: Some(classes), is_transposed: true }
}

/// MNIST, and what has its files' names, such as Fashion-MNIST and KMNIST.
pub(super) const MNIST: Set =
    Set { name: "mnist", prefixes: ["train", "t10k"], classes: None, is_transposed: false };

/// QMNIST (Yadav and Bottou, 2019) and the splits of EMNIST (Cohen and others, 2017), besides MNIST.
pub(super) const SETS: [Set; 8] = [
    MNIST,
    Set {
        name: "qmnist",
        prefixes: ["qmnist-train", "qmnist-test"],
        classes: None,
        is_transposed: false,
    },
    emnist("emnist-balanced", ["emnist-balanced-train", "emnist-balanced-test"], MERGED),
    emnist("emnist-byclass", ["emnist-byclass-train", "emnist-byclass-test"], ALL),
    emnist("emnist-bymerge", ["emnist-bymerge-train", "emnist-bymerge-test"], MERGED),
    emnist("emnist-digits", ["emnist-digits-train", "emnist-digits-test"], DIGITS),
    emnist("emnist-letters", ["emnist-letters-train", "emnist-letters-test"], LETTERS),
    emnist("emnist-mnist", ["emnist-mnist-train", "emnist-mnist-test"], DIGITS),
];

/// The set that `folder` holds, and the folder: `DIR` that holds one, or `DIR/NAME` for one of several
/// in `DIR`.
///
/// # Errors
/// When there is no such folder, or it holds several sets.
pub(super) fn choose(folder: &Path) -> Result<(&Path, Set)> {
    if folder.is_dir() {
        let found: Vec<Set> = SETS.into_iter().filter(|set| set.is_in(folder)).collect();
        return match found[..] {
            // Its files are then missed by their names.
            [] => Ok((folder, MNIST)),
            [set] => Ok((folder, set)),
            _ => {
                let names: Vec<String> = found
                    .iter()
                    .map(|set| format!("mnist:{}", folder.join(set.name).display()))
                    .collect();
                let what = format!("holds several data sets; give one of {}", names.join(", "));
                Err(Error::file(folder, what))
            }
        };
    }
    let named = |name: &std::ffi::OsStr| SETS.into_iter().find(|set| name == set.name);
    let within = folder.parent().map(|parent| match parent.as_os_str().is_empty() {
        true => Path::new("."),
        false => parent,
    });
    match (within.filter(|parent| parent.is_dir()), folder.file_name().and_then(named)) {
        (Some(parent), Some(set)) if set.is_in(parent) => Ok((parent, set)),
        _ => {
            let what = "there is no such folder; give the one that holds the four IDX files";
            Err(Error::file(folder, what))
        }
    }
}

impl Set {
    /// Whether any file of images is there.
    fn is_in(&self, folder: &Path) -> bool {
        self.prefixes.iter().any(|prefix| images_of(folder, prefix).is_ok())
    }
}

/// The file of images of this part of a set.
///
/// # Errors
/// When there is none.
pub(super) fn images_of(folder: &Path, prefix: &str) -> Result<PathBuf> {
    find(folder, prefix, "images", &["idx3-ubyte", "idx4-ubyte"])
}

/// The file of labels of this part of a set.
///
/// # Errors
/// When there is none.
pub(super) fn labels_of(folder: &Path, prefix: &str) -> Result<PathBuf> {
    find(folder, prefix, "labels", &["idx1-ubyte", "idx2-int"])
}

/// The file of this name in any spelling that is in use: with a dash or a dot, gzipped or not.
fn find(folder: &Path, prefix: &str, what: &str, kinds: &[&str]) -> Result<PathBuf> {
    for kind in kinds {
        for separator in ['-', '.'] {
            for suffix in ["", ".gz"] {
                let name = format!("{prefix}-{what}{separator}{kind}{suffix}");
                let path = folder.join(name);
                if path.is_file() {
                    return Ok(path);
                }
            }
        }
    }
    let what = format!(
        "holds no file {prefix}-{what}-{}, with or without .gz; give the folder that holds all four \
         files of MNIST, QMNIST or a split of EMNIST",
        kinds[0]
    );
    Err(Error::file(folder, what))
}
