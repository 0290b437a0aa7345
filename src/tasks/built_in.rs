//! Models that are part of the program, and go by a name where others go by a folder.

use std::path::Path;

/// A model that is part of the program.
#[derive(Debug)]
pub struct BuiltIn {
    /// What `--model` takes for it.
    pub name: &'static str,
    /// What it is for, what it learned from and by which options, what it comes to, and its licence; Markdown,
    /// whose first line is a title.
    pub card: &'static str,
    /// A model file without what training needs.
    pub(super) file: &'static [u8],
}

macro_rules! built_in {
    ($name:literal) => {
        BuiltIn {
            name: $name,
            card: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/models/", $name, ".md")),
            file: include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/data/models/",
                $name,
                ".safetensors"
            )),
        }
    };
}

/// All of them.
pub static BUILT_IN: [BuiltIn; 1] = [built_in!("jpeg")];

impl BuiltIn {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        BUILT_IN.iter().find(|model| model.name == name)
    }

    /// The one that is meant by a path where nothing is.
    pub(super) fn meant_by(path: &Path) -> Option<&'static Self> {
        path.to_str().and_then(Self::named).filter(|_| !path.exists())
    }

    /// The card's first line, without its mark.
    pub fn title(&self) -> &'static str {
        self.card.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])
    }
}
