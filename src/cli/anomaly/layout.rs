//! Data sets laid out as MVTec AD is: a folder with `train`, `test` and `ground_truth`, whose masks say
//! which pixels of a test picture show what is wrong.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::run::note;

/// The folder of masks.
pub const MASKS: &str = "ground_truth";
const TRAIN: &str = "train";
const TEST: &str = "test";

/// Which folders, or files, are learned from and judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Normal pictures.
    pub train: Option<PathBuf>,
    /// Pictures to judge, and folders of them.
    pub test: Vec<PathBuf>,
}

impl Layout {
    /// What `train` and `test` name, where either may be the root of such a data set.
    ///
    /// # Errors
    /// When there is nothing to judge.
    pub fn of(train: Option<&Path>, test: &[PathBuf]) -> Result<Self> {
        let mut layout = Self::default();
        if let Some(folder) = train {
            let inner = folder.join(TRAIN);
            let is_root = inner.is_dir() && (folder.join(TEST).is_dir() || has_masks(folder));
            layout.train = Some(if is_root { inner } else { folder.to_path_buf() });
            if test.is_empty() && is_root && folder.join(TEST).is_dir() {
                layout.test.push(folder.join(TEST));
            }
        }
        for path in test {
            let inner = path.join(TEST);
            let is_root = inner.is_dir() && (path.join(TRAIN).is_dir() || has_masks(path));
            layout.test.push(if is_root { inner } else { path.clone() });
        }
        if layout.test.is_empty() {
            let what = "is needed: pictures to judge, or folders of them";
            return Err(Error::option("--test", what));
        }
        Ok(layout)
    }

    /// Says which folders are taken, where they are not those that were named.
    pub fn tell(&self, train: Option<&Path>, test: &[PathBuf]) {
        if self.train.as_deref() != train
            && let Some(folder) = &self.train
        {
            note(format_args!("normal pictures are those in {}", folder.display()));
        }
        for folder in self.test.iter().filter(|folder| !test.contains(folder)) {
            note(format_args!("judged are the pictures in {}", folder.display()));
        }
    }
}

fn has_masks(folder: &Path) -> bool {
    folder.join(MASKS).is_dir()
}

/// The folder of masks that belongs to a folder of pictures: in it, or beside it.
pub fn masks_of(folder: &Path) -> Option<PathBuf> {
    let full = fs::canonicalize(folder).ok()?;
    let near = [Some(full.as_path()), full.parent()];
    let masks = near.into_iter().flatten().map(|folder| folder.join(MASKS));
    masks.into_iter().find(|masks| masks.is_dir())
}

/// The masks of a picture by its place in its folder, such as `broken/003.png`: `broken/003_mask.png`,
/// `broken/003.png`, or all in the folder `broken/003`. None where there is no such file.
pub fn masks_for(masks: &Path, inner: &Path) -> Vec<PathBuf> {
    let stem = inner.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = masks.join(inner).parent().map(Path::to_path_buf).unwrap_or_default();
    let named = |stem: &str| {
        let mut found: Vec<PathBuf> = files(&folder);
        found.retain(|path| path.file_stem().is_some_and(|name| name == stem));
        found.truncate(1);
        found
    };
    let ways = [named(&format!("{stem}_mask")), named(&stem), files(&folder.join(&stem))];
    ways.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
}

/// The files in a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(folder: &Path, files: &[&str]) {
        for file in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().expect("inside")).expect("writable");
            fs::write(path, "").expect("writable");
        }
    }

    #[test]
    fn a_root_is_told_from_a_folder_of_classes() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let root = place.path().join("bottle");
        let files = ["train/good/0.png", "test/bad/0.png", "ground_truth/bad/0_mask.png"];
        made(&root, &files);
        let (train, test) = (root.join("train"), root.join("test"));
        let both = Layout { train: Some(train.clone()), test: vec![test.clone()] };
        assert_eq!(Layout::of(Some(&root), &[]).expect("has both"), both);
        assert_eq!(Layout::of(Some(&root), std::slice::from_ref(&root)).expect("has both"), both);
        assert_eq!(Layout::of(Some(&train), std::slice::from_ref(&test)).expect("named"), both);
        let alone = Layout { train: None, test: vec![test.clone()] };
        assert_eq!(Layout::of(None, std::slice::from_ref(&root)).expect("has one"), alone);
        assert!(Layout::of(Some(&train), &[]).is_err() && Layout::of(None, &[]).is_err());
        // A class may be called so.
        let classes = place.path().join("vehicles");
        made(&classes, &["train/0.png", "tram/0.png"]);
        let named = Layout { train: Some(classes.clone()), test: vec![classes.clone()] };
        assert_eq!(
            Layout::of(Some(&classes), std::slice::from_ref(&classes)).expect("named"),
            named
        );
    }

    #[test]
    fn masks_are_found_by_each_way_of_naming_them() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let root = place.path();
        made(root, &["test/a/1.png", "ground_truth/a/1_mask.png", "ground_truth/b/1.bmp"]);
        made(root, &["ground_truth/c/1/000.png", "ground_truth/c/1/001.png"]);
        let masks = masks_of(&root.join("test")).expect("beside it");
        assert_eq!(masks_of(root), Some(masks.clone()));
        let named = |inner: &str| masks_for(&masks, Path::new(inner));
        assert_eq!(named("a/1.png"), [masks.join("a/1_mask.png")]);
        assert_eq!(named("b/1.jpg"), [masks.join("b/1.bmp")]);
        assert_eq!(named("c/1.png").len(), 2);
        assert!(named("a/2.png").is_empty() && named("good/1.png").is_empty());
    }
}
