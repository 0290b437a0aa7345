//! Samples in two parts: as they are told apart already, or by seed.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::archive::{Found, Labelled};
use super::samples::Samples;
use crate::data::dataset::ImageFile;
use crate::data::load_options::LoadOptions;
use crate::data::order::Split;
use crate::error::{Error, Result};

/// A part of a dataset before its numbers are scaled.
#[derive(Default)]
pub(super) struct Part {
    pub samples: Samples,
    /// The class of each.
    pub labels: Option<Vec<u32>>,
    /// The files that they come from, where each has its own.
    pub files: Vec<ImageFile>,
}

/// Both parts.
pub(super) struct Parts {
    pub train: Part,
    /// None where nothing is held out.
    pub test: Option<Part>,
    /// The names of the classes; empty where there are none.
    pub classes: Vec<String>,
}

impl Parts {
    /// Those that `found`, of the file or folder at `path`, comes to.
    ///
    /// # Errors
    /// When there are too few samples, or the parts do not fit together.
    pub fn of(found: Found, path: &Path, options: &LoadOptions) -> Result<Self> {
        match found {
            Found::Whole(all) => Self::drawn(all, options),
            Found::Parted { train, test } => Self::told_apart(path, train, test, options),
        }
    }

    fn drawn(Labelled { samples, labels }: Labelled, options: &LoadOptions) -> Result<Self> {
        let classes = labels.as_ref().map(|labels| classes_of(&[labels])).unwrap_or_default();
        let labels = labels.map(|labels| numbered(&labels, &classes));
        let (share, limit) = (options.hold_out, options.limit);
        let split = Split::by_share(labels.as_deref(), samples.count, share, options.seed, limit)?;
        let part = |indices: &[u32]| {
            let label = |at: &u32, labels: &[u32]| labels[*at as usize];
            let labels = labels.as_ref();
            Part {
                samples: samples.select(indices),
                labels: labels.map(|labels| indices.iter().map(|at| label(at, labels)).collect()),
                files: vec![],
            }
        };
        let test = (!split.test.is_empty()).then(|| part(&split.test));
        Ok(Self { train: part(&split.train), test, classes })
    }

    fn told_apart(
        path: &Path,
        train: Labelled,
        test: Labelled,
        options: &LoadOptions,
    ) -> Result<Self> {
        if options.hold_out.is_some_and(|share| share > 0.0) {
            let what = "has no effect: the samples to hold out are told apart already";
            return Err(Error::option("--hold-out", what));
        }
        let shapes = [train.samples.shape, test.samples.shape];
        if shapes[0] != shapes[1] {
            let what =
                format!("has samples of {} to train on and of {} to test", shapes[0], shapes[1]);
            return Err(Error::file(path, what));
        }
        let both = train.labels.zip(test.labels);
        let classes = both.as_ref().map(|(a, b)| classes_of(&[a, b])).unwrap_or_default();
        let labels = both.map(|(a, b)| [numbered(&a, &classes), numbered(&b, &classes)]);
        let [labels, test_labels] = labels.map_or([None, None], |both| both.map(Some));
        let mut train = Part { samples: train.samples, labels, files: vec![] };
        if let Some(limit) = options.limit.filter(|limit| *limit < train.samples.count) {
            let kept: Vec<u32> = (0..limit as u32).collect();
            train.samples = train.samples.select(&kept);
            train.labels.iter_mut().for_each(|labels| labels.truncate(limit));
        }
        let test = Part { samples: test.samples, labels: test_labels, files: vec![] };
        Ok(Self { train, test: Some(test), classes })
    }
}

/// Whole numbers that label samples, as classes by number.
pub(super) fn classes_of(labels: &[&[i64]]) -> Vec<String> {
    let all: BTreeSet<i64> = labels.iter().copied().flatten().copied().collect();
    all.into_iter().map(|label| label.to_string()).collect()
}

/// Labels as places among the classes.
fn numbered(labels: &[i64], classes: &[String]) -> Vec<u32> {
    let places: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
    labels.iter().map(|label| places[&*label.to_string()]).collect()
}
