//! Pictures in pairs: what is given, and what it should become.
//!
//! A pair is read as one picture of twice the channels, so that whatever is cut from it is cut from both at
//! the same place.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::load_options::LoadOptions;
use super::partners::Partners;
use super::picture::{Origin, Picture, read};
use crate::error::{Error, Result, counted, listed};
use crate::shape::ImageShape;

/// Where the picture is that another one should become, or why there is none; `None` where pictures are by
/// themselves.
pub(super) type Partner = Option<Result<PathBuf, Fault>>;

/// The clean picture of each noisy one; empty where pictures are by themselves.
#[derive(Debug, Default)]
pub(super) struct Pairing(HashMap<PathBuf, Result<PathBuf, Fault>>);

impl Pairing {
    /// That of the pictures `files` of the folder `noisy` among those `known` in the folder `clean`, by their
    /// names. How many there are that belong to none is said in a warning.
    ///
    /// # Errors
    /// When one folder lies within the other.
    pub fn find(
        (noisy, files): (&Path, &[PathBuf]),
        (clean, known): (&Path, &[PathBuf]),
    ) -> Result<Self> {
        check_apart(noisy, clean)?;
        let partners = Partners::of(clean, known.iter().cloned());
        let find = |path: &PathBuf| {
            let inner = path.strip_prefix(noisy).unwrap_or(path);
            (path.clone(), partners.find(path, &[inner]).map(Path::to_path_buf))
        };
        let this = Self(files.iter().map(find).collect());
        let given = Partners::of(noisy, files.iter().cloned());
        let is_other = |path: &&PathBuf| {
            !given.may_have(path, path.strip_prefix(clean).unwrap_or(path.as_path()))
        };
        let others = known.iter().filter(is_other).map(|path| path.display().to_string());
        let others: Vec<String> = others.collect();
        if !others.is_empty() {
            log::warn!(
                "{}: {} left out, as nothing in {} is called so: {}",
                clean.display(),
                counted(others.len(), "picture"),
                noisy.display(),
                listed(&others)
            );
        }
        Ok(this)
    }

    /// The partner of the picture at `path`.
    pub fn of(&self, path: &Path) -> Partner {
        self.0.get(path).cloned()
    }
}

/// Refuses folders of which one lies within the other, where a picture would be on both sides.
fn check_apart(noisy: &Path, clean: &Path) -> Result<()> {
    let full = |folder: &Path| fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let (a, b) = (full(noisy), full(clean));
    let what = match (a.starts_with(&b), b.starts_with(&a)) {
        (false, false) => return Ok(()),
        (true, true) => "is given twice; pairs:NOISY,CLEAN takes two folders".to_owned(),
        (true, false) => format!("lies in {}; give folders beside each other", clean.display()),
        (false, true) => format!("holds {}; give folders beside each other", clean.display()),
    };
    Err(Error::file(noisy, what))
}

/// The picture at `path`; in a pair, the channels of both, as many of each.
pub(super) fn read_with(
    path: &Path,
    partner: &Partner,
    options: &LoadOptions,
) -> Result<Picture, Fault> {
    let given = read(path, options)?;
    let Some(partner) = partner else { return Ok(given) };
    let clean_path = partner.as_ref().map_err(Clone::clone)?;
    let clean = read(clean_path, options)?;
    let ((width, height), (other_width, other_height)) = (given.origin.size, clean.origin.size);
    if given.origin.size != clean.origin.size {
        let what = format!(
            "is {width}x{height}, but {} is {other_width}x{other_height}",
            clean_path.display()
        );
        return Err(Fault::new(path, what, "a pair has one size: replace or remove one"));
    }
    let channels = given.shape.channels.max(clean.shape.channels);
    let mut pixels = Vec::with_capacity(2 * channels * given.shape.height * given.shape.width);
    for picture in [&given, &clean] {
        pixels.extend(picture.pixels.repeat(channels / picture.shape.channels));
    }
    let extremes = match (given.origin.extremes, clean.origin.extremes) {
        (Some(given), Some(clean)) => Some(given.and(clean)),
        (given, clean) => given.or(clean),
    };
    let origin = Origin { extremes, ..given.origin };
    Ok(Picture { shape: ImageShape { channels: 2 * channels, ..given.shape }, pixels, origin })
}
