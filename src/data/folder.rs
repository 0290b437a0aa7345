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

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use image::ImageFormat;
use rayon::prelude::*;

use super::bar::progress_bar;
use super::dataset::{Dataset, ImageFile, Images};
use super::load_options::LoadOptions;
use super::manifest::Manifest;
use super::partition::{Member, Partition};
use super::patches;
use super::picture::{Picture, decode};
use crate::error::{Error, Result};
use crate::shape::{ImageShape, MAX_BYTES};

/// Images decoded between two looks at whether all is well.
const CHUNK: usize = 512;

/// Images that are measured where none is held out.
const MEASURED: usize = 1000;

const TEMPLATE: &str = "{msg} [{bar:30}] {pos} of {len}, {eta} left";

/// The images in `folder`, a tenth held out, or the share that `--hold-out` asks for; or, where a run
/// remembers its pictures, those in the parts that they were in.
///
/// # Errors
/// When the folder is missing or holds fewer than two images, when an image cannot be decoded, and
/// when sizes differ and `--size` is not given.
pub fn load(folder: &Path, options: &LoadOptions, known: Option<&Manifest>) -> Result<Dataset> {
    let files = find(folder, options)?;
    let Partition { train, held_out, classes } = match known {
        Some(manifest) => Partition::remembered(folder, &files, manifest)?,
        None => Partition::drawn(folder, &files, options)?,
    };
    // Both parts go through one pass, since the channels are settled by all images together.
    let members: Vec<&Member> = train.iter().chain(&held_out).collect();
    let pictures = decode_all(&members, options)?;
    let shape = common_shape(&pictures)?;
    let mut pictures = pictures.into_iter();
    let mut part = |members: &[Member]| {
        let labels = (!classes.is_empty()).then(Vec::new);
        let mut images = Images { labels, ..Images::default() };
        for (member, parts) in members.iter().zip(pictures.by_ref()) {
            for picture in &parts {
                for _ in 0..shape.channels / picture.shape.channels {
                    images.pixels.extend_from_slice(&picture.pixels);
                }
            }
            images.count += parts.len();
            images.files.push(ImageFile { images: parts.len(), ..member.file.clone() });
            if let (Some(labels), Some(label)) = (&mut images.labels, member.label) {
                labels.extend(std::iter::repeat_n(label, parts.len()));
            }
        }
        images
    };
    let (mut train, mut test) = (part(&train), part(&held_out));
    if let (Some(_), Some(limit)) = (options.patches, options.limit) {
        train = limited(train, limit);
    }
    let trains_on_all = test.count == 0;
    if trains_on_all {
        let count = train.count.min(MEASURED);
        let kept = |number: usize| (number * train.count / count) as u32;
        test = train.select(&(0..count).map(kept).collect::<Vec<_>>());
    }
    warn_of_copies(&train, &test, trains_on_all);
    let name = name(folder);
    Ok(Dataset { name, shape, masked: false, train, test, trains_on_all, classes })
}

/// So many parts of pictures, spread over all pictures. All files stay listed: they are those of a run,
/// even where no part of one is kept.
fn limited(train: Images, limit: usize) -> Images {
    let (limit, count) = (limit.min(train.count) as u64, train.count as u64);
    let kept: Vec<u32> = (0..limit).map(|part| (part * count / limit) as u32).collect();
    let mut first = 0;
    let files = train.files.iter().map(|file| {
        let end = first + file.images as u32;
        let before = |end: u32| kept.partition_point(|part| *part < end);
        let images = before(end) - before(first);
        first = end;
        ImageFile { images, ..file.clone() }
    });
    let files = files.collect();
    Images { files, ..train.select(&kept) }
}

/// Says how many held-out pictures are copies of some that are trained on.
fn warn_of_copies(train: &Images, test: &Images, trains_on_all: bool) {
    let known: HashSet<&str> = train.files.iter().map(|file| &*file.md5).collect();
    let copies: Vec<&ImageFile> =
        test.files.iter().filter(|file| known.contains(&*file.md5)).collect();
    if let (Some(first), false) = (copies.first(), trains_on_all) {
        log::warn!(
            "{} of the {} held-out pictures are copies of pictures that are trained on, such as {}: what              is measured on them says nothing of new ones",
            copies.len(),
            test.files.len(),
            first.file
        );
    }
}

fn name(folder: &Path) -> String {
    let full = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    full.file_name().map_or_else(|| "images".into(), |name| name.to_string_lossy().into_owned())
}

/// Every image file below `folder`, at least two if one is held out, sorted by path.
fn find(folder: &Path, options: &LoadOptions) -> Result<Vec<PathBuf>> {
    let files = files_in(folder)?;
    if files.len() == 1 && options.hold_out != Some(0.0) {
        let what = "holds a single image; at least 2 are needed, as one is held out; --hold-out 0 holds \
                    none out";
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

/// The picture of each path, or the patches cut from it.
fn decode_all(members: &[&Member], options: &LoadOptions) -> Result<Vec<Vec<Picture>>> {
    let bar = progress_bar(members.len() as u64, options.progress, TEMPLATE).with_message("images");
    let mut pictures: Vec<Vec<Picture>> = Vec::with_capacity(members.len());
    let mut count = 0;
    // The first comes alone: with its size it is known how much all will take, and a small file whose
    // image is far larger is given up at once, not kept with as many others as a chunk has.
    let (first, others) = members.split_at(members.len().min(1));
    for chunk in std::iter::once(first).chain(others.chunks(CHUNK)) {
        let first = pictures.first().map(|parts| parts[0].shape);
        // Results are kept in order, so that of several bad files the same one is named each time.
        let decoded: Vec<Result<Vec<Picture>>> = chunk
            .par_iter()
            .map(|Member { path, number, .. }| {
                let picture = decode(path, options)?;
                let parts = match options.patches {
                    Some(size) => patches::cut(&picture, size, path, options.seed, *number)?,
                    None => vec![picture],
                };
                let shape = parts[0].shape;
                check_size(first.unwrap_or(shape), &members[0].path, shape, path)?;
                let least = (count + parts.len()).max(members.len());
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
