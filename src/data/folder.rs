//! A folder of images: found, decoded in threads, brought to one size and one number of channels.
//!
//! - Every format that this program can decode, in the folder and its sub-folders, known by content
//!   where a name says nothing. Hidden files and folders are passed over; other files are counted by
//!   their endings in a warning. The pages of a TIFF are images of their own.
//! - Sub-folders of the folder are classes, in the order of their names, whatever lies deeper in
//!   them. Images beside them form a class named `.`; a single sub-folder with nothing beside it is
//!   no class, and neither are images that all lie in the folder itself.
//! - Three channels, or one with `--gray` or when every image is stored without colour. Transparent
//!   parts are laid over white, as pages show them. The first frame of an animation is taken. A
//!   photograph's orientation is heeded.
//! - `--size` stretches, so that no part of an image goes unseen, unless `--fit` says otherwise.
//!   `--patches` cuts as many parts of one size out of each image as would tile it, at random places.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::dataset::{Dataset, Images};
use super::decoding::{common_shape, decode_all, usable};
use super::format::{self, Kind, LeftOut};
use super::load_options::LoadOptions;
use super::only_picture;
use super::opening::pictures_in;
use super::order::Split;
use crate::error::{Error, Result};

/// The class of images that lie beside class folders.
const LOOSE: &str = ".";

/// The images in `folder`, a tenth held out, or the share that `--hold-out` asks for.
///
/// # Errors
/// When the folder is missing or holds fewer than two images (or none, with `--patches`), when images
/// cannot be decoded and `--skip-damaged` is not given, and when sizes differ and `--size` is not given.
pub fn load(folder: &Path, options: &LoadOptions) -> Result<Dataset> {
    let files = usable(folder, files_in(folder)?, options)?;
    if let [file] = &files[..] {
        let (shape, train, test) = only_picture::load(folder, file, options)?;
        let classes = vec![];
        return Ok(Dataset { name: name(folder), shape, masked: false, train, test, classes });
    }
    let (labels, classes) = classify(folder, &files);
    let split = Split::by_share(files.len(), options.hold_out, options.seed, options.limit)?;
    // Both parts go through one pass, since the channels are settled by all images together.
    let chosen: Vec<u32> = split.train.iter().chain(&split.test).copied().collect();
    let paths: Vec<&Path> = chosen.iter().map(|&index| files[index as usize].as_path()).collect();
    let pictures = decode_all(folder, &paths, options)?;
    let shape = common_shape(&pictures)?;
    let mut pictures = pictures.into_iter();
    let mut part = |indices: &[u32]| {
        let mut images = Images { labels: labels.as_ref().map(|_| vec![]), ..Images::default() };
        for (index, parts) in indices.iter().zip(pictures.by_ref()) {
            for picture in &parts {
                for _ in 0..shape.channels / picture.shape.channels {
                    images.pixels.extend_from_slice(&picture.pixels);
                }
            }
            images.count += parts.len();
            if let (Some(to), Some(all)) = (&mut images.labels, &labels) {
                to.extend(std::iter::repeat_n(all[*index as usize], parts.len()));
            }
        }
        images
    };
    let (mut train, test) = (part(&split.train), part(&split.test));
    if let (Some(_), Some(limit)) = (options.patches, options.limit) {
        // Parts are the images; those that are kept are spread over all pictures.
        let (limit, count) = (limit.min(train.count) as u64, train.count as u64);
        let kept: Vec<u32> = (0..limit).map(|part| (part * count / limit) as u32).collect();
        train = train.select(&kept);
    }
    Ok(Dataset { name: name(folder), shape, masked: false, train, test, classes })
}

fn name(folder: &Path) -> String {
    let full = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    full.file_name().map_or_else(|| "images".into(), |name| name.to_string_lossy().into_owned())
}

/// Every image file below `folder`, at least one, sorted by path.
///
/// # Errors
/// When there is none, or a folder cannot be listed.
pub fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        let what = if folder.exists() { "is not a folder" } else { "there is no such folder" };
        return Err(Error::file(folder, format!("{what}; give images:DIR a folder of images")));
    }
    let mut files = Vec::new();
    let mut left_out = LeftOut::default();
    // Links are followed, so a folder may be reached twice, or from within itself.
    let mut seen = HashSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error| Error::file(&folder, format!("cannot be listed: {error}"));
        if !seen.insert(fs::canonicalize(&folder).map_err(unreadable)?) {
            continue;
        }
        for path in list(&folder).map_err(unreadable)? {
            if path.is_dir() {
                folders.push(path);
            } else if !path.is_file() {
                left_out.add_special();
            } else {
                match format::of_file(&path) {
                    Kind::Picture(format) => files.extend(pictures_in(path, format)),
                    kind => left_out.add(&path, kind),
                }
            }
        }
    }
    files.sort_unstable();
    match (files.len(), left_out.total()) {
        (0, count) => {
            let others = match count {
                0 => String::new(),
                _ => format!(" ({})", left_out.describe()),
            };
            let formats = format::names();
            let what = format!("holds no image{others}; the formats that are read: {formats}");
            Err(Error::file(folder, what))
        }
        (_, 0) => Ok(files),
        (_, count) => {
            let what = left_out.describe();
            log::warn!("{}: {count} files are left out: {what}", folder.display());
            Ok(files)
        }
    }
}

/// What is in a folder, except for hidden things, in an order that does not depend on the disk.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// The sub-folder of `folder` that a file lies in, at any depth; `None` where it lies in `folder`
/// itself.
pub fn class_of(folder: &Path, file: &Path) -> Option<String> {
    let inner = file.strip_prefix(folder).unwrap_or(file);
    let mut parts = inner.components();
    match (parts.next(), parts.next()) {
        (Some(first), Some(_)) => Some(first.as_os_str().to_string_lossy().into_owned()),
        _ => None,
    }
}

/// The class of each file and the classes' names, or nothing where there is but one class.
fn classify(folder: &Path, files: &[PathBuf]) -> (Option<Vec<u32>>, Vec<String>) {
    let class = |path: &PathBuf| class_of(folder, path).unwrap_or_else(|| LOOSE.to_owned());
    let names: Vec<String> = files.iter().map(class).collect();
    let classes: Vec<String> = names.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    if classes.len() < 2 {
        return (None, Vec::new());
    }
    // `classes` is sorted and holds every name, so the partition point is the name's own place.
    let label = |name: &String| classes.partition_point(|class| class < name) as u32;
    (Some(names.iter().map(label).collect()), classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_the_first_level_of_folders() {
        let label = |paths: &[&str]| {
            let files: Vec<PathBuf> = paths.iter().map(|path| Path::new("d").join(path)).collect();
            classify(Path::new("d"), &files)
        };
        let (labels, classes) = label(&["b/1.png", "a/deep/2.png", "b/3.png"]);
        assert_eq!((labels, classes), (Some(vec![1, 0, 1]), vec!["a".into(), "b".into()]));
        let (labels, classes) = label(&["1.png", "a/2.png"]);
        assert_eq!((labels, classes), (Some(vec![0, 1]), vec![".".into(), "a".into()]));
        assert_eq!(label(&["1.png", "2.png"]), (None, vec![]));
        assert_eq!(label(&["a/1.png", "a/2.png"]), (None, vec![]));
    }
}
