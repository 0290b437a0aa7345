//! A folder of images, or two of pairs: found, decoded in threads, brought to one size and one number of
//! channels.
//!
//! - Every format that this program can decode, in the folder and its sub-folders, known by content
//!   where a name says nothing. Hidden files and folders are passed over, and folders of runs within it; other files are counted by
//!   their endings in a warning. The pages of a TIFF are images of their own.
//! - Sub-folders of the folder are classes, in the order of their names, whatever lies deeper in
//!   them. Images beside them form a class named `.`; a single sub-folder with nothing beside it is
//!   no class, and neither are images that all lie in the folder itself.
//! - Three channels, or one with `--gray` or when every image is stored without colour. Transparent
//!   parts are laid over white, as pages show them. The first frame of an animation is taken. A
//!   photograph's orientation is heeded.
//! - `--size` stretches, so that no part of an image goes unseen, unless `--fit` says otherwise.
//!   `--patches` cuts as many parts of one size out of each image as would tile it, at random places.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::archive_pictures::{self, archives_of, is_pattern};
use super::colour_profile;
use super::dataset::{Dataset, ImageFile, Images};
use super::decoding::{decode_all, usable};
use super::format::{self, Kind, LeftOut};
use super::gathering::{Gathered, Gathering, Portion};
use super::known_files::KnownFiles;
use super::load_options::LoadOptions;
use super::manifest::Manifest;
use super::only_picture;
use super::opening::pictures_in;
use super::pairs::Pairing;
use super::partition::{Member, Partition};
use crate::error::{Error, Result, counted};
use crate::shape::ImageShape;

/// Images that are measured where none is held out.
const MEASURED: usize = 1000;

/// The images in `folder`, a tenth held out, or the share that `--hold-out` asks for; or, where a run
/// remembers its pictures, those in the parts that they were in.
///
/// # Errors
/// When the folder is missing or holds fewer than two images (or none, with `--patches`), when images
/// cannot be decoded and `--skip-damaged` is not given, and when sizes differ and `--size` is not given.
pub fn load(folder: &Path, options: &LoadOptions, known: Option<&Manifest>) -> Result<Dataset> {
    let (digests, pairing) = (KnownFiles::of(folder, options), Pairing::default());
    let files = usable(folder, files_in(folder)?, &pairing, options, &digests)?;
    let dataset = divided(folder, &files, (&pairing, &digests), options, known)?;
    remember(digests, &dataset);
    Ok(dataset)
}

/// The same of the images in `noisy`, each with the one of its name in `clean` that it should become.
///
/// # Errors
/// As [`load`], and when an image has no partner, several, or one of another size, and `--skip-damaged` is
/// not given, or one folder lies within the other.
pub fn load_pairs(
    noisy: &Path,
    clean: &Path,
    options: &LoadOptions,
    known: Option<&Manifest>,
) -> Result<Dataset> {
    let files = files_in(noisy)?;
    let pairing = Pairing::find((noisy, &files), (clean, &files_in(clean)?))?;
    let digests = KnownFiles::of(noisy, options);
    let files = usable(noisy, files, &pairing, options, &digests)?;
    let stored = divided(noisy, &files, (&pairing, &digests), options, known)?;
    remember(digests, &stored);
    // What was read as one picture is two.
    let shape = ImageShape { channels: stored.shape.channels / 2, ..stored.shape };
    Ok(Dataset { shape, paired: true, ..stored })
}

/// The images in these files of `folder`, in two parts.
fn divided(
    folder: &Path,
    files: &[PathBuf],
    (pairing, digests): (&Pairing, &KnownFiles),
    options: &LoadOptions,
    known: Option<&Manifest>,
) -> Result<Dataset> {
    let name = name(folder);
    if let Some(mut only) = only(folder, files, options, (known, digests))? {
        only.pair(pairing, digests)?;
        let (shape, train, test) = only_picture::load(folder, &only, options)?;
        return Ok(Dataset { name, shape, train, test, ..Dataset::default() });
    }
    let folder = base(folder);
    let mut partition = match known {
        Some(manifest) => Partition::remembered(folder, files, manifest, digests)?,
        None => Partition::drawn(folder, files, options, digests)?,
    };
    partition.pair(folder, pairing, digests)?;
    let Partition { train, held_out, classes } = partition;
    // Both parts go through one pass, since the channels are settled by all images together.
    let members: Vec<&Member> = train.iter().chain(&held_out).collect();
    let gathered = gathered(folder, &members, options)?;
    let shape = gathered.shape;
    let [of_train, of_held_out] = gathered.split(train.len());
    let part = |members: &[Member], portion: Portion| {
        let Portion { counts, pixels, stored } = portion;
        let counted = || members.iter().zip(counts.iter().map(|count| *count as usize));
        let files = counted().map(|(member, images)| ImageFile { images, ..member.file.clone() });
        let labels = counted()
            .filter_map(|(member, images)| Some(std::iter::repeat_n(member.label?, images)));
        let labels = (!classes.is_empty()).then(|| labels.flatten().collect());
        let count = counts.iter().map(|count| *count as usize).sum();
        Images { pixels, labels, count, files: files.collect(), stored }
    };
    let (mut train, mut test) = (part(&train, of_train), part(&held_out, of_held_out));
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
    // A cache may hold what there is room for.
    let bytes = [&train, &test].map(|part| part.image_bytes() * part.count).iter().sum::<usize>();
    if bytes as u64 <= options.storing.memory.0 {
        (train, test) = (train.brought_to_memory()?, test.brought_to_memory()?);
    }
    Ok(Dataset { name, shape, train, test, trains_on_all, classes, ..Dataset::default() })
}

/// Keeps what is known of the files of a dataset, where that is large enough for its pixels to be kept.
fn remember(known: KnownFiles, dataset: &Dataset) {
    if dataset.train.stored.is_some() {
        known.save();
    }
}

/// The images of these pictures, decoded or as the cache has them.
fn gathered(folder: &Path, members: &[&Member], options: &LoadOptions) -> Result<Gathered> {
    let mut gathering = Gathering::new(folder, members, options);
    let gathered = match gathering.known()? {
        Some(known) => known,
        None => {
            let mut remarks = decode_all(folder, members, options, &mut gathering)?;
            remarks.iter_mut().for_each(|text| *text = format!("{}: {text}", folder.display()));
            let partners =
                members.iter().filter_map(|member| member.partner.as_ref()?.as_deref().ok());
            let paths: Vec<&Path> =
                members.iter().map(|member| &*member.path).chain(partners).collect();
            remarks.extend(colour_profile::note(&paths));
            gathering.finish(remarks)?
        }
    };
    gathered.remarks.iter().for_each(|remark| log::warn!("{remark}"));
    Ok(gathered)
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
    let known: HashSet<&String> = train.files.iter().flat_map(ImageFile::digests).collect();
    let is_copy = |file: &&ImageFile| file.digests().any(|digest| known.contains(digest));
    let copies: Vec<&ImageFile> = test.files.iter().filter(is_copy).collect();
    if let (Some(first), false) = (copies.first(), trains_on_all) {
        log::warn!(
            "{} of the {} held-out pictures are copies of pictures that are trained on, such as {}: what \
             is measured on them says nothing of new ones",
            copies.len(),
            test.files.len(),
            first.file
        );
    }
}

/// The files of those images in `folder` that a run with these options holds out, or remembers to
/// have held out.
///
/// # Errors
/// When the folder is missing or holds fewer than two images.
pub fn held_out(
    folder: &Path,
    options: &LoadOptions,
    known: Option<&Manifest>,
) -> Result<Vec<PathBuf>> {
    let digests = KnownFiles::of(folder, options);
    let files = usable(folder, files_in(folder)?, &Pairing::default(), options, &digests)?;
    if let Some(only) = only(folder, &files, options, (known, &digests))? {
        return Ok(vec![only.path]);
    }
    let folder = base(folder);
    let partition = match known {
        Some(manifest) => Partition::remembered(folder, &files, manifest, &digests)?,
        None => Partition::drawn(folder, &files, options, &digests)?,
    };
    Ok(partition.held_out.into_iter().map(|member| member.path).collect())
}

/// The only picture of the folder, or of a run, a part of which is held out.
fn only(
    folder: &Path,
    files: &[PathBuf],
    options: &LoadOptions,
    (known, digests): (Option<&Manifest>, &KnownFiles),
) -> Result<Option<Member>> {
    let folder = base(folder);
    match known.map(|known| (known, &known.train[..], &known.held_out[..])) {
        Some((known, [train], [held_out])) if train.md5 == held_out.md5 => {
            let one = Manifest { held_out: vec![], ..known.clone() };
            let Partition { train, .. } = Partition::remembered(folder, files, &one, digests)?;
            Ok(train.into_iter().next())
        }
        None if files.len() == 1 && options.hold_out != Some(0.0) => {
            Member::of(folder, &files[0], digests).map(Some)
        }
        _ => Ok(None),
    }
}

/// What a run on the pictures of a folder is called after.
pub(crate) fn name(folder: &Path) -> String {
    // Of archives that a pattern stands for, the folder that they lie in.
    let folder = if is_pattern(folder) { folder.parent().unwrap_or(folder) } else { folder };
    let full = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let name = if full.is_file() { full.file_stem() } else { full.file_name() };
    name.map_or_else(|| "images".into(), |name| name.to_string_lossy().into_owned())
}

/// The folder that pictures lie in: a folder of them, or that of a single file.
fn base(folder: &Path) -> &Path {
    if folder.is_file() { folder.parent().unwrap_or(Path::new("")) } else { folder }
}

/// Every image file below `folder`, at least one, sorted by path; or that file, or its pages; or those in that
/// archive, or in all that a pattern such as `parts/*.tar` stands for.
///
/// # Errors
/// When there is none, or a folder cannot be listed.
pub fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    if let Some(archives) = archives_of(folder)? {
        let mut left_out = LeftOut::default();
        let files = archive_pictures::pictures(&archives, &mut left_out)?;
        return beside(files, &left_out, folder);
    }
    if folder.is_file() {
        return match format::of_file(folder) {
            Kind::Picture(format) => Ok(pictures_in(folder.to_path_buf(), format)),
            _ => {
                let what = format!("is no image; the formats that are read: {}", format::names());
                Err(Error::file(folder, what))
            }
        };
    }
    if !folder.is_dir() {
        let is_there = folder.exists();
        let what = if is_there { "is not a folder" } else { "there is no such folder" };
        return Err(Error::file(folder, format!("{what}; give a folder of images")));
    }
    let mut files = Vec::new();
    let (mut left_out, mut runs) = (LeftOut::default(), 0);
    // Links are followed, so a folder may be reached twice, or from within itself.
    let mut seen = HashSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error| Error::file(&folder, format!("cannot be listed: {error}"));
        if !seen.insert(fs::canonicalize(&folder).map_err(unreadable)?) {
            continue;
        }
        for path in list(&folder).map_err(unreadable)? {
            if path.is_dir() && is_of_a_run(&path) {
                runs += 1;
            } else if path.is_dir() {
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
    if runs > 0 {
        let runs = counted(runs, "folder");
        log::warn!("{}: left out, as no data: {runs} that a run wrote to", folder.display());
    }
    beside(files, &left_out, folder)
}

/// These files, if there are any, and a warning about what was left out beside them.
fn beside(files: Vec<PathBuf>, left_out: &LeftOut, folder: &Path) -> Result<Vec<PathBuf>> {
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

/// Whether a folder within another one holds what a run wrote, or a call of `anomaly`: what those draw is
/// no data. They are known by the lock of a run, else by a model beside its options or numbers.
fn is_of_a_run(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    let has_model = || has("model.safetensors") && (has("config.toml") || has("metrics.json"));
    has("run.lock") || has("anomaly.json") || has_model()
}

/// What is in a folder, except for hidden things, in an order that does not depend on the disk.
pub(super) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
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
