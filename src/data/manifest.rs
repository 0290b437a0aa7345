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

/// The number of the class that a user calls so: by its name, or by its number.
pub fn label_of(classes: &[String], name: &str) -> Option<u32> {
    let by_name = classes.iter().position(|class| class == name);
    let by_number = || name.parse().ok().filter(|label| *label < classes.len());
    by_name.or_else(by_number).and_then(|label| u32::try_from(label).ok())
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifest() -> Manifest {
        let file = |name: &str, images| ImageFile {
            file: name.into(),
            md5: "0f".repeat(16),
            images,
            clean: None,
        };
        Manifest {
            digest: "a1".repeat(16),
            classes: vec!["cats".into(), "1".into(), "7".into()],
            train: vec![file("cats/1.png", 1), file("1/\"2\".tif[3]", 12)],
            held_out: vec![file("7/3.png", 1)],
            scaling: None,
        }
    }

    #[test]
    fn a_manifest_comes_back_from_its_text() {
        let text = manifest().to_json().expect("has one");
        assert_eq!(Manifest::from_json(&text, Path::new("x")).expect("whole"), manifest());
        let said = Manifest::from_json("{}", Path::new("manifest.json")).expect_err("empty");
        assert!(said.to_string().starts_with("manifest.json: is no list of a run's"), "{said}");
    }

    #[test]
    fn a_class_is_known_by_its_name_before_its_number() {
        let classes = manifest().classes;
        for (name, expected) in
            [("cats", Some(0)), ("1", Some(1)), ("7", Some(2)), ("2", Some(2)), ("0", Some(0))]
        {
            assert_eq!(label_of(&classes, name), expected, "{name}");
        }
        for name in ["3", "-1", "", "dogs", "99999999999999999999", "1.0"] {
            assert_eq!(label_of(&classes, name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 0..6),
            name in any::<String>(),
        ) {
            let mut text: Vec<char> = manifest().to_json().expect("has one").chars().collect();
            for (place, letter) in changes {
                let place = place.index(text.len());
                text[place] = letter;
            }
            let text: String = text.into_iter().collect();
            if let Ok(read) = Manifest::from_json(&text, Path::new("x")) {
                let again = read.to_json().expect("has one");
                prop_assert_eq!(Manifest::from_json(&again, Path::new("x")).expect("ours"), read.clone());
                let label = label_of(&read.classes, &name);
                prop_assert!(label.is_none_or(|label| (label as usize) < read.classes.len()));
                class_table(&read.classes);
            }
        }
    }
}
