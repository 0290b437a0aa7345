//! The images of a folder, decoded in threads, and those that cannot be used found in one go.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::bar::progress_bar;
use super::fault::{self, Fault};
use super::gathering::{Gathering, too_many};
use super::known_files::KnownFiles;
use super::load_options::LoadOptions;
use super::opening::page_of;
use super::pairs::{Pairing, read_with};
use super::partition::Member;
use super::parts::parts_of;
use super::picture::{Origin, Picture, remarks};
use crate::error::{Error, Result};
use crate::shape::ImageShape;

/// Images decoded between two looks at whether all is well.
const CHUNK: usize = 512;

const TEMPLATE: &str = "{msg} [{bar:30}] {pos} of {len}, {eta} left";

/// The files that can be used: all, or with `--skip-damaged` those that are not damaged or too small, and
/// have a partner where they need one; and a warning about the others.
///
/// # Errors
/// When none can be.
pub(super) fn usable(
    folder: &Path,
    files: Vec<PathBuf>,
    pairing: &Pairing,
    options: &LoadOptions,
    known: &KnownFiles,
) -> Result<Vec<PathBuf>> {
    if !options.skip_damaged {
        return Ok(files);
    }
    let bar = progress_bar(files.len() as u64, options.progress, TEMPLATE).with_message("checked");
    let faults: Vec<Option<Fault>> = files
        .par_iter()
        .map(|path| {
            let partner = pairing.of(path);
            let look = || parts_of(path, &partner, options, 0).err();
            let fault = match partner {
                None => known.fault((&page_of(path).0, path), options, look),
                // Whether it can be used depends on another file, too.
                Some(_) => look(),
            };
            bar.inc(1);
            fault
        })
        .collect();
    bar.finish_and_clear();
    let count = files.len();
    let whole = files.into_iter().zip(&faults).filter(|(_, fault)| fault.is_none());
    let whole: Vec<PathBuf> = whole.map(|(path, _)| path).collect();
    let faults: Vec<Fault> = faults.into_iter().flatten().collect();
    if whole.is_empty() {
        return Err(fault::error(&faults, folder, count));
    }
    if !faults.is_empty() {
        let (skipped, list) = (faults.len(), fault::list(&faults, folder));
        log::warn!("{}: {skipped} of {count} pictures are skipped: {list}", folder.display());
    }
    Ok(whole)
}

/// The only picture of `folder`, with remarks about it in the log.
///
/// # Errors
/// When it cannot be used.
pub(super) fn decode_only(folder: &Path, only: &Member, options: &LoadOptions) -> Result<Picture> {
    let picture = read_with(&only.path, &only.partner, options).map_err(|fault| fault.error())?;
    for remark in remarks(&[picture.origin], options) {
        log::warn!("{}: {remark}", folder.display());
    }
    Ok(picture)
}

/// What a chunk came to.
#[derive(Default)]
struct Decoded {
    pictures: Vec<Vec<Picture>>,
    faults: Vec<Fault>,
    /// What cannot be mended by leaving pictures out.
    error: Option<Error>,
}

/// Decodes each picture, or cuts patches from it, and adds them to `gathering`. What is to be said of all together.
///
/// # Errors
/// When there are pictures that cannot be used: all are named, up to where one has a size of its own or
/// they are too many. When the images cannot be kept.
pub(super) fn decode_all(
    folder: &Path,
    members: &[&Member],
    options: &LoadOptions,
    gathering: &mut Gathering,
) -> Result<Vec<String>> {
    let bar = progress_bar(members.len() as u64, options.progress, TEMPLATE).with_message("images");
    let mut origins: Vec<Origin> = Vec::with_capacity(members.len());
    let mut faults = vec![];
    // The first comes alone: with its size it is known how much all will take, and a small file whose
    // image is far larger is given up at once, not kept with as many others as a chunk has.
    let (one, others) = members.split_at(members.len().min(1));
    for (number, chunk) in std::iter::once(one).chain(others.chunks(CHUNK)).enumerate() {
        // The size that all must have, and whose it is.
        let first = gathering.shape().zip(members.first().map(|member| &*member.path));
        let so_far = (gathering.count(), members.len());
        let decoded = decode_chunk(chunk, options, number == 0, first, so_far);
        faults.extend(decoded.faults);
        match decoded.error {
            Some(error) if faults.is_empty() => return Err(error),
            Some(_) => break,
            None => {}
        }
        // What is refused in the end need not be kept.
        if faults.is_empty() {
            for parts in &decoded.pictures {
                gathering.push(parts)?;
            }
            origins.extend(decoded.pictures.iter().filter_map(|parts| Some(parts.first()?.origin)));
        }
        if gathering.is_found() {
            break;
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    if !faults.is_empty() {
        // The order so far is that of a draw.
        faults.sort_by(|a, b| a.path.cmp(&b.path));
        return Err(refused(&faults, folder, members.len()));
    }
    Ok(remarks(&origins, options))
}

/// The error about pictures that cannot be used.
fn refused(faults: &[Fault], folder: &Path, count: usize) -> Error {
    let add = |what: String| format!("{what}, or give --skip-damaged to go on without");
    match fault::error(faults, folder, count) {
        Error::File { path, what } => Error::File { path, what: add(what) },
        other => other,
    }
}

/// Decodes a chunk, which may be the first of all; the size is that of `first`. Of pictures,
/// `count` are there already, or parts of them, and `total` are to come in all.
fn decode_chunk(
    chunk: &[&Member],
    options: &LoadOptions,
    is_first: bool,
    first: Option<(ImageShape, &Path)>,
    (count, total): (usize, usize),
) -> Decoded {
    // Nothing is kept that is not held against the first picture's size.
    let keeps = first.is_some() || is_first;
    let decode = |member: &&Member| -> Result<Result<Vec<Picture>>, Fault> {
        let path = &member.path;
        let parts = parts_of(path, &member.partner, options, member.number)?;
        if !keeps {
            return Ok(Ok(vec![]));
        }
        let shape = parts[0].shape;
        let (first, first_path) = first.unwrap_or((shape, path));
        if let Err(error) = check_size(first, first_path, shape, path) {
            return Ok(Err(error));
        }
        let least = (count + parts.len()).max(total);
        Ok(shape.stored_bytes(least).map(|_| parts).ok_or_else(|| too_many(&shape, least)))
    };
    // Results are kept in order, so that of several bad files the same ones are named each time.
    let results: Vec<_> = chunk.par_iter().map(decode).collect();
    let mut decoded = Decoded::default();
    for result in results {
        match result {
            Ok(Ok(parts)) => decoded.pictures.push(parts),
            Ok(Err(error)) => decoded.error = decoded.error.or(Some(error)),
            Err(fault) => decoded.faults.push(fault),
        }
    }
    decoded
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
