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
pub static BUILT_IN: &[BuiltIn] = &[built_in!("jpeg")];

/// Which one is taken where none is named: by what pictures suffer from, in the words of `--noise`, and whether it is
/// for gray pictures alone. What stands first is preferred. Those that are no part of the program are passed over.
const CHOICES: [(&str, bool, &str); 10] = [
    ("gaussian", true, "denoise-gray"),
    ("gaussian", false, "denoise"),
    ("jpeg", false, "jpeg"),
    ("salt-pepper", false, "salt-pepper"),
    ("mask", false, "missing"),
    ("rectangles", false, "missing"),
    ("camera", false, "camera"),
    ("camera", false, "denoise"),
    ("haze", false, "haze"),
    ("blur", false, "deblur"),
];

impl BuiltIn {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        BUILT_IN.iter().find(|model| model.name == name)
    }

    /// The one for pictures that suffer from this kind of `--noise`, all of them gray or not.
    pub fn against(kind: &str, are_gray: bool) -> Option<&'static Self> {
        Self::named(choice(kind, are_gray, |name| Self::named(name).is_some())?)
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

/// The first name in the table that fits, of those that are `there`.
fn choice(kind: &str, are_gray: bool, there: impl Fn(&str) -> bool) -> Option<&'static str> {
    let fits = |(of, for_gray, name): &(&str, bool, &str)| {
        *of == kind && (are_gray || !for_gray) && there(name)
    };
    CHOICES.iter().find(|row| fits(row)).map(|(.., name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits_and_is_there_is_taken() {
        let all = |_: &str| true;
        assert_eq!(choice("gaussian", true, all), Some("denoise-gray"));
        assert_eq!(choice("gaussian", false, all), Some("denoise"));
        assert_eq!(choice("rectangles", true, all), Some("missing"));
        assert_eq!(choice("fog", false, all), None);
        let some = |name: &str| name != "denoise-gray" && name != "camera";
        assert_eq!(choice("gaussian", true, some), Some("denoise"), "gray ones as colour");
        assert_eq!(choice("camera", false, some), Some("denoise"));
        // A colour picture loses its colours in a model of gray ones.
        assert_eq!(choice("gaussian", false, |name| name == "denoise-gray"), None);
    }

    #[test]
    fn each_that_is_there_can_be_chosen() {
        for model in BUILT_IN {
            let (kind, for_gray, _) =
                CHOICES.iter().find(|(.., name)| *name == model.name).expect(model.name);
            let chosen = BuiltIn::against(kind, *for_gray).expect(model.name);
            assert_eq!(chosen.name, model.name);
        }
    }
}
