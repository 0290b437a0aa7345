//! What a run remembers of its images: which it was trained on, which it held out, and what its classes
//! are called, in order.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::dataset::{Dataset, ImageFile};
use super::scaling::Scaling;
use crate::error::{Error, Result};

/// What a run remembers of its images, as `manifest.json` in its folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The digest of all pixels and labels; see [`Dataset::digest`].
    pub digest: String,
    /// The names of the classes, by label.
    pub classes: Vec<String>,
    /// The pictures that were trained on; empty where images are of no folder.
    pub train: Vec<ImageFile>,
    /// Those that were held out.
    pub held_out: Vec<ImageFile>,
    /// What numbers were standardised by, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
}

impl Manifest {
    /// That of `dataset`, whose [`Dataset::digest`] this is.
    pub fn of(dataset: &Dataset, digest: String) -> Self {
        let held_out = if dataset.trains_on_all { &[][..] } else { &dataset.test.files };
        Self {
            digest,
            classes: dataset.classes.clone(),
            train: dataset.train.files.clone(),
            held_out: held_out.to_vec(),
            scaling: dataset.scaling.clone(),
        }
    }

    /// As text.
    ///
    /// # Errors
    /// When it cannot be put in words.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|error| Error::Graph(format!("a manifest has no JSON: {error}")))
    }

    /// Reads it back from the text of `path`.
    ///
    /// # Errors
    /// When it is not what [`Manifest::to_json`] makes.
    pub fn from_json(text: &str, path: &Path) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            let what =
                format!("is no list of a run's images ({error}); bring it back, or remove it");
            Error::file(path, what)
        })
    }
}

/// Classes by number and name, the number alone where that is the name.
pub fn class_table(classes: &[String]) -> String {
    let is_number = |(label, name): (usize, &String)| *name == label.to_string();
    if classes.iter().enumerate().all(is_number) {
        return format!("0 to {}", classes.len().saturating_sub(1));
    }
    let named = classes.iter().enumerate().map(|(label, name)| format!("{label} {name}"));
    named.collect::<Vec<_>>().join(", ")
}
