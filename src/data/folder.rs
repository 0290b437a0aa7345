//! A folder of images: found, decoded in threads, brought to one size and one number of channels.
//!
//! - Every format that this program can decode, in the folder and its sub-folders. Hidden files and
//!   folders are passed over; other files are counted in a warning.
//! - Sub-folders of the folder are classes, in the order of their names, whatever lies deeper in
//!   them. Images beside them form a class named `.`; a single sub-folder with nothing beside it is
//!   no class, and neither are images that all lie in the folder itself.
//! - Three channels, or one with `--gray` or when every image is stored without colour. Transparent
//!   parts are laid over white, as pages show them. The first frame of an animation is taken. A
//!   photograph's orientation is heeded.
//! - `--size` stretches, so that no part of an image goes unseen. `--patches` cuts as many parts of
//!   one size out of each image as would tile it, at random places.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use image::ImageFormat;
use rayon::prelude::*;

use super::bar::progress_bar;
use super::colour_profile;
use super::dataset::{Dataset, Images};
use super::load_options::LoadOptions;
use super::order::Split;
use super::patches;
use super::picture::{Picture, decode};
use crate::error::{Error, Result};
use crate::shape::{ImageShape, MAX_BYTES};

/// The class of images that lie beside class folders.
const LOOSE: &str = ".";

/// Images decoded between two looks at whether all is well.
const CHUNK: usize = 512;

const TEMPLATE: &str = "{msg} [{bar:30}] {pos} of {len}, {eta} left";

/// The images in `folder`, a tenth held out, or the share that `--hold-out` asks for.
///
/// # Errors
/// When the folder is missing or holds fewer than two images, when an image cannot be decoded, and
/// when sizes differ and `--size` is not given.
pub fn load(folder: &Path, options: &LoadOptions) -> Result<Dataset> {
    let files = find(folder)?;
    let (labels, classes) = classify(folder, &files);
    let split = Split::by_share(files.len(), options.hold_out, options.seed, options.limit)?;
    // Both parts go through one pass, since the channels are settled by all images together.
    let chosen: Vec<u32> = split.train.iter().chain(&split.test).copied().collect();
    let paths: Vec<&Path> = chosen.iter().map(|&index| files[index as usize].as_path()).collect();
    let pictures = decode_all(&paths, options)?;
    if let Some(note) = colour_profile::note(&paths) {
        log::warn!("{note}");
    }
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

/// The files of those images in `folder` that a run with these options holds out.
///
/// # Errors
/// When the folder is missing or holds fewer than two images.
pub fn held_out(folder: &Path, options: &LoadOptions) -> Result<Vec<PathBuf>> {
    let files = find(folder)?;
    let split = Split::by_share(files.len(), options.hold_out, options.seed, options.limit)?;
    Ok(split.test.iter().map(|index| files[*index as usize].clone()).collect())
}

fn name(folder: &Path) -> String {
    let full = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    full.file_name().map_or_else(|| "images".into(), |name| name.to_string_lossy().into_owned())
}

/// Every image file below `folder`, at least two, sorted by path.
fn find(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = files_in(folder)?;
    if files.len() == 1 {
        let what = "holds a single image; at least 2 are needed, as one is held out";
        return Err(Error::file(folder, what));
    }
    Ok(files)
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
    let mut others = 0;
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
            } else if path.is_file() && is_image(&path) {
                files.push(path);
            } else {
                others += 1;
            }
        }
    }
    files.sort_unstable();
    match files.len() {
        0 => {
            let what = format!(
                "holds no image (and {others} other files); the formats that are read: {}",
                formats()
            );
            return Err(Error::file(folder, what));
        }
        _ if others > 0 => {
            log::warn!("{}: {others} files are not images and are left out", folder.display());
        }
        _ => {}
    }
    Ok(files)
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

/// By the name's ending, or by the first bytes where the name has none.
fn is_image(path: &Path) -> bool {
    let format = if path.extension().is_some() {
        ImageFormat::from_path(path).ok()
    } else {
        let mut start = Vec::new();
        let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut start));
        read.ok().and_then(|_| image::guess_format(&start).ok())
    };
    format.is_some_and(|format| format.reading_enabled())
}

fn formats() -> String {
    let mut names: Vec<&str> = ImageFormat::all()
        .filter(ImageFormat::reading_enabled)
        .filter_map(|format| format.extensions_str().first().copied())
        .collect();
    names.sort_unstable();
    names.join(", ")
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

/// The picture of each path, or the patches cut from it.
fn decode_all(paths: &[&Path], options: &LoadOptions) -> Result<Vec<Vec<Picture>>> {
    let bar = progress_bar(paths.len() as u64, options.progress, TEMPLATE).with_message("images");
    let mut pictures: Vec<Vec<Picture>> = Vec::with_capacity(paths.len());
    let mut count = 0;
    // The first comes alone: with its size it is known how much all will take, and a small file whose
    // image is far larger is given up at once, not kept with as many others as a chunk has.
    let (first, others) = paths.split_at(paths.len().min(1));
    for chunk in std::iter::once(first).chain(others.chunks(CHUNK)) {
        let first = pictures.first().map(|parts| parts[0].shape);
        let done = pictures.len();
        // Results are kept in order, so that of several bad files the same one is named each time.
        let decoded: Vec<Result<Vec<Picture>>> = chunk
            .par_iter()
            .enumerate()
            .map(|(place, path)| {
                let picture = decode(path, options)?;
                let parts = match options.patches {
                    Some(size) => patches::cut(&picture, size, path, options.seed, done + place)?,
                    None => vec![picture],
                };
                let shape = parts[0].shape;
                check_size(first.unwrap_or(shape), paths[0], shape, path)?;
                let least = (count + parts.len()).max(paths.len());
                match shape.bytes(least) {
                    Some(_) => Ok(parts),
                    None => Err(too_large(&shape, least)),
                }
            })
            .collect();
        for parts in decoded {
            let parts = parts?;
            count += parts.len();
            pictures.push(parts);
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(pictures)
}

fn check_size(first: ImageShape, first_path: &Path, other: ImageShape, path: &Path) -> Result<()> {
    let size = |shape: ImageShape| (shape.width, shape.height);
    let ((width, height), (other_width, other_height)) = (size(first), size(other));
    if (width, height) == (other_width, other_height) {
        return Ok(());
    }
    let what = format!(
        "is {other_width}x{other_height}, but {} is {width}x{height}; give --size WxH to bring all \
         images to one size, such as --size 64x64",
        first_path.display()
    );
    Err(Error::file(path, what))
}

fn too_large(shape: &ImageShape, count: usize) -> Error {
    let what = format!(
        "{count} images of {shape} need more than {} GiB; give a smaller --size, or --limit",
        MAX_BYTES >> 30
    );
    Error::option("--data", what)
}

/// The sizes of the first image with the most channels of any.
fn common_shape(pictures: &[Vec<Picture>]) -> Result<ImageShape> {
    let shapes = || pictures.iter().flatten().map(|picture| picture.shape);
    let count = shapes().count();
    match shapes().find(|shape| shape.channels > 1).or_else(|| shapes().next()) {
        Some(shape) if shape.bytes(count).is_some() => Ok(shape),
        Some(shape) => Err(too_large(&shape, count)),
        None => Err(Error::option("--data", "there are no images; give a folder that has some")),
    }
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
