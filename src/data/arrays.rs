//! Numbers as NumPy has them: an array of samples, an archive of such arrays, or a folder with a sample
//! a file.
//!
//! - `.npy`: `[N, D]` are vectors; `[N, H, W]`, `[N, C, H, W]` and `[N, H, W, C]` (of 1, 3 or 4
//!   channels) are images.
//! - `.npz`, and a folder that has files so named: what arrays are follows from their names, see
//!   [`roles`]; one array alone is the samples, whatever it is called. Where samples are told apart as
//!   those of `train` and of `test`, that is the split.
//! - Another folder: each `.npy` file in it and its sub-folders is a sample, `[D]`, `[H, W]`, `[C, H, W]` or
//!   `[H, W, C]`; sub-folders are classes, and files stay in the part in which a run remembers them, as
//!   pictures do.
//!
//! Bytes of images are pixels, 0 to 255. Other numbers are standardised, unless `--range` says which of
//! them become 0 and 1. NaN is missing; in an image, that pixel is, in all its channels.

use std::path::{Path, PathBuf};

use super::dataset::{Dataset, Images};
use super::folder as pictures;
use super::levels::StoredRange;
use super::load_options::LoadOptions;
use super::manifest::Manifest;
use super::scaling::Scaling;
use crate::arithmetic::byte::SHARE;
use crate::error::{Error, Result};
use crate::shape::{Element, ImageShape};

mod archive;
mod folder;
mod found;
mod parts;
mod roles;
mod samples;

#[cfg(feature = "cli")]
pub(crate) use archive::are_told_apart;
use found::Found;
use parts::{Part, Parts};
pub(crate) use samples::Samples;

/// Samples that are measured where none is held out.
const MEASURED: usize = 1000;

/// The samples at `path`; split as they say themselves, or else by seed. A run remembers what its numbers
/// were standardised by, and where each sample has a file, the split.
///
/// # Errors
/// When they cannot be read, are too few, differ in shape, or what arrays are does not follow from their
/// names.
pub(super) fn load(
    path: &Path,
    options: &LoadOptions,
    known: Option<&Manifest>,
) -> Result<Dataset> {
    let parts = match path.is_dir() && !archive::is_folder_of_roles(path)? {
        true => folder::read(path, options, known)?,
        false => Parts::of(archive::read(path)?, path, options)?,
    };
    let Parts { train, test, classes } = parts;
    let shape = train.samples.shape;
    let is_vector = shape.channels == 1 && shape.height == 1;
    let are_bytes = |part: &Part| part.samples.are_bytes;
    let all_bytes = are_bytes(&train) && test.as_ref().is_none_or(are_bytes);
    let has_gaps = |part: &Part| part.samples.numbers.iter().any(|number| number.is_nan());
    let masked = has_gaps(&train) || test.as_ref().is_some_and(has_gaps);
    let element = match all_bytes && !is_vector && options.range.is_none() {
        true => Element::Byte,
        false => Element::Number,
    };
    let scaling = match (element, options.range) {
        (Element::Number, None) => {
            let known = known.and_then(|known| known.scaling.clone());
            let scaling = known.unwrap_or_else(|| Scaling::of(&train.samples.numbers, &shape));
            scaling.check(&shape).map_err(|error| Error::file(path, error))?;
            Some(scaling)
        }
        _ => None,
    };
    let stored = Stored { shape, element, range: options.range, scaling: scaling.as_ref(), masked };
    let train = stored.images(train);
    let trains_on_all = test.is_none();
    let test = match test {
        Some(test) => stored.images(test),
        None => some_of(&train),
    };
    let name = name(path);
    Ok(Dataset {
        name,
        shape,
        masked,
        paired: false,
        element,
        scaling,
        train,
        test,
        trains_on_all,
        classes,
    })
}

/// Samples as a user hands them over, in the order that they lie in.
pub(crate) struct Given {
    pub samples: Samples,
    /// The file of each, where each has its own.
    pub files: Vec<PathBuf>,
    /// The label of each, where there are labels.
    pub labels: Option<Vec<i64>>,
}

/// The samples at `path`: all of them, or where those to test are told apart, these.
///
/// # Errors
/// When they cannot be read, differ in shape, or what arrays are does not follow from their names.
pub(crate) fn given(path: &Path) -> Result<Given> {
    if path.is_dir() && !archive::is_folder_of_roles(path)? {
        let (samples, files) = folder::all(path)?;
        return Ok(Given { samples, files, labels: None });
    }
    let found = match archive::read(path)? {
        Found::Whole(found) | Found::Parted { test: found, .. } => found,
    };
    Ok(Given { samples: found.samples, files: vec![], labels: found.labels })
}

/// Whether a path is a folder of arrays, and of no pictures.
pub(crate) fn is_folder_of_arrays(path: &Path) -> bool {
    path.is_dir() && folder::files_in(path).is_ok() && pictures::files_in(path).is_err()
}

/// How samples are stored.
struct Stored<'a> {
    shape: ImageShape,
    element: Element,
    range: Option<StoredRange>,
    scaling: Option<&'a Scaling>,
    masked: bool,
}

impl Stored<'_> {
    fn images(&self, part: Part) -> Images {
        let Part { samples: Samples { count, mut numbers, .. }, labels, files } = part;
        let pixels = match self.element {
            Element::Byte => numbers.iter().map(|number| *number as u8).collect(),
            Element::Number => {
                scale(&mut numbers, &self.shape, self.range, self.scaling);
                if self.masked {
                    numbers = with_gaps(numbers, &self.shape);
                }
                numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
            }
        };
        Images { pixels, labels, count, files, stored: None }
    }
}

/// Brings numbers to what a model takes: by the range, or by the scaling, or, as bytes, to [0, 1].
pub(crate) fn scale(
    numbers: &mut [f32],
    shape: &ImageShape,
    range: Option<StoredRange>,
    scaling: Option<&Scaling>,
) {
    match (range, scaling) {
        (Some(range), _) => {
            let within = |number: &mut f32| {
                if !number.is_nan() {
                    *number = range.share(f64::from(*number)) as f32;
                }
            };
            numbers.iter_mut().for_each(within);
        }
        (None, Some(scaling)) => scaling.apply(numbers, shape),
        (None, None) => numbers.iter_mut().for_each(|number| *number *= SHARE),
    }
}

/// `[count, channels, ..]` with one channel more, 1 where a pixel is there and 0 where one of its numbers
/// is missing, in which case all of them are 0.
pub(crate) fn with_gaps(numbers: Vec<f32>, shape: &ImageShape) -> Vec<f32> {
    let (elements, plane) = (shape.elements(), shape.height * shape.width);
    let mut all = Vec::with_capacity(numbers.len() / elements * (elements + plane));
    for sample in numbers.chunks(elements) {
        let is_seen =
            |pixel: usize| !sample[pixel..].iter().step_by(plane).any(|number| number.is_nan());
        let seen: Vec<bool> = (0..plane).map(is_seen).collect();
        let number = |(at, number): (usize, &f32)| if seen[at % plane] { *number } else { 0.0 };
        all.extend(sample.iter().enumerate().map(number));
        all.extend(seen.iter().map(|seen| f32::from(u8::from(*seen))));
    }
    all
}

/// Some of those that are trained on, to be measured where none is held out.
fn some_of(train: &Images) -> Images {
    let count = train.count.min(MEASURED);
    let kept = |number: usize| (number * train.count / count.max(1)) as u32;
    train.select(&(0..count).map(kept).collect::<Vec<_>>())
}

/// A short name: that of the folder, or of the file without its ending.
fn name(path: &Path) -> String {
    let full = std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    let name = if full.is_dir() { full.file_name() } else { full.file_stem() };
    name.map_or_else(|| "numbers".into(), |name| name.to_string_lossy().into_owned())
}
