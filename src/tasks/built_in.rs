//! Models that are part of the program, and go by a name where others go by a folder.

use std::path::Path;

use crate::ops::CorruptionKind;

/// A model that is part of the program.
#[derive(Debug)]
pub struct BuiltIn {
    /// What `--model` takes for it.
    pub name: &'static str,
    /// What it is for, what it learned from and by which options, what it comes to, and its licence; Markdown,
    /// whose first line is a title.
    pub card: &'static str,
    /// Which of several models of this name, of which the last is taken where none is named. Pictures that were compressed
    /// by an earlier one need it still.
    pub version: u8,
    /// A model file without what training needs.
    pub(super) file: &'static [u8],
}

impl PartialEq for BuiltIn {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.version) == (other.name, other.version)
    }
}

impl Eq for BuiltIn {}

macro_rules! built_in {
    ($name:literal) => {
        BuiltIn {
            name: $name,
            version: 1,
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
pub static BUILT_IN: &[BuiltIn] = &[
    built_in!("camera"),
    built_in!("codec"),
    built_in!("codec-gray"),
    built_in!("deblur"),
    built_in!("denoise"),
    built_in!("denoise-gray"),
    built_in!("haze"),
    built_in!("jpeg"),
    built_in!("missing"),
];

/// Which one is taken where none is named: by what pictures suffer from, and whether it is for gray ones alone. What
/// stands first is preferred. Those that are no part of the program are passed over.
const CHOICES: [(CorruptionKind, bool, &str); 10] = [
    (CorruptionKind::Gaussian, true, "denoise-gray"),
    (CorruptionKind::Gaussian, false, "denoise"),
    (CorruptionKind::Jpeg, false, "jpeg"),
    (CorruptionKind::SaltAndPepper, false, "missing"),
    (CorruptionKind::Mask, false, "missing"),
    (CorruptionKind::Rectangles, false, "missing"),
    (CorruptionKind::Camera, false, "camera"),
    (CorruptionKind::Camera, false, "denoise"),
    (CorruptionKind::Haze, false, "haze"),
    (CorruptionKind::Blur, false, "deblur"),
];

impl BuiltIn {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        BUILT_IN.iter().find(|model| model.name == name)
    }

    /// The one of this name and version.
    pub fn of_version(name: &str, version: u8) -> Option<&'static Self> {
        BUILT_IN.iter().find(|model| model.name == name && model.version == version)
    }

    /// The codec for pictures that are gray, or not.
    pub fn codec(are_gray: bool) -> Option<&'static Self> {
        let gray = Self::named("codec-gray").filter(|_| are_gray);
        gray.or_else(|| Self::named("codec"))
    }

    /// The one for pictures that suffer from this, all of them gray or not.
    pub fn against(kind: CorruptionKind, are_gray: bool) -> Option<&'static Self> {
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
fn choice(
    kind: CorruptionKind,
    are_gray: bool,
    there: impl Fn(&str) -> bool,
) -> Option<&'static str> {
    let fits = |(of, for_gray, name): &(CorruptionKind, bool, &str)| {
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
        assert_eq!(choice(CorruptionKind::Gaussian, true, all), Some("denoise-gray"));
        assert_eq!(choice(CorruptionKind::Gaussian, false, all), Some("denoise"));
        assert_eq!(choice(CorruptionKind::Rectangles, true, all), Some("missing"));
        let some = |name: &str| name != "denoise-gray" && name != "camera";
        assert_eq!(
            choice(CorruptionKind::Gaussian, true, some),
            Some("denoise"),
            "gray ones as colour"
        );
        assert_eq!(choice(CorruptionKind::Camera, false, some), Some("denoise"));
        // A colour picture loses its colours in a model of gray ones.
        assert_eq!(choice(CorruptionKind::Gaussian, false, |name| name == "denoise-gray"), None);
    }

    #[test]
    fn each_that_is_there_can_be_chosen() {
        for model in BUILT_IN {
            if [false, true].map(BuiltIn::codec).contains(&Some(model)) {
                continue;
            }
            let (kind, for_gray, _) =
                CHOICES.iter().find(|(.., name)| *name == model.name).expect(model.name);
            let chosen = BuiltIn::against(*kind, *for_gray).expect(model.name);
            assert_eq!(chosen.name, model.name);
        }
    }
}
