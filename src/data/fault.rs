//! Pictures that cannot be used, each with the reason, told of in one go.

use std::io;
use std::path::{Path, PathBuf};

use image::ImageError;

use crate::error::Error;

/// Pictures that a message names; of more it says how many there are.
const NAMED: usize = 10;

/// The ways on for a picture that is damaged.
const REPLACE: &str = "replace or remove it";
/// The ways on for a picture of a kind that is not read.
const CONVERT: &str = "convert it, for instance to PNG or JPEG";

/// Why a picture cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The picture.
    pub path: PathBuf,
    what: String,
    to_do: String,
}

impl Fault {
    /// A fault of the picture at `path`: what it is, and what to do.
    pub fn new(path: &Path, what: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { path: path.to_path_buf(), what: one_line(&what.into()), to_do: to_do.into() }
    }

    /// A picture that is damaged, or none at all.
    pub fn damaged(path: &Path, why: impl std::fmt::Display) -> Self {
        Self::new(path, format!("cannot be decoded ({why})"), REPLACE)
    }

    /// A picture that is whole but of a kind that is not read.
    pub fn unread(path: &Path, kind: impl std::fmt::Display) -> Self {
        Self::new(path, format!("is {kind}, which is not read"), CONVERT)
    }

    /// A picture whose file cannot be opened.
    pub fn unopened(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::new(path, "there is no such file", "check the name"),
            io::ErrorKind::InvalidInput => Self::new(path, error.to_string(), "give a picture"),
            _ => Self::new(path, format!("cannot be read: {error}"), "check the file"),
        }
    }

    /// What the decoder says of the picture.
    pub fn decoding(path: &Path, error: &ImageError) -> Self {
        match error {
            ImageError::Unsupported(why) => {
                let what = format!("is of a kind that is not read ({why})");
                Self::new(path, what, CONVERT)
            }
            error => Self::damaged(path, error),
        }
    }

    /// What is wrong, and what to do.
    pub fn words(&self) -> (String, String) {
        (self.what.clone(), self.to_do.clone())
    }

    /// This fault as the only one.
    pub fn error(&self) -> Error {
        Error::file(&self.path, format!("{}; {}", self.what, self.to_do))
    }

    /// The picture, by its path within `folder`, and what is wrong with it.
    fn within(&self, folder: &Path) -> String {
        let path = self.path.strip_prefix(folder).unwrap_or(&self.path);
        format!("{}: {}", path.display(), self.what)
    }
}

/// All of them in one line, by their paths within `folder`.
pub(crate) fn list(faults: &[Fault], folder: &Path) -> String {
    let named: Vec<String> = faults.iter().take(NAMED).map(|fault| fault.within(folder)).collect();
    let more = match faults.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    named.join("; ") + &more
}

/// The error that names them: a single one by itself, others by what they are in `folder`, of `count`
/// pictures.
pub(crate) fn error(faults: &[Fault], folder: &Path, count: usize) -> Error {
    if let [fault] = faults {
        return fault.error();
    }
    let what = format!(
        "{} of {count} pictures cannot be used: {}; replace or remove them",
        faults.len(),
        list(faults, folder)
    );
    Error::file(folder, what)
}

/// A message goes into one line, whatever a decoder says.
fn one_line(text: &str) -> String {
    text.split(['\n', '\r']).map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_are_named_and_the_others_counted() {
        let folder = Path::new("d");
        let faults: Vec<Fault> = (0..13)
            .map(|number| Fault::damaged(&folder.join(format!("{number}.png")), "a\nb"))
            .collect();
        let text = error(&faults, folder, 20).to_string();
        assert!(text.starts_with("d: 13 of 20 pictures cannot be used: 0.png: cannot"), "{text}");
        assert!(text.contains("; 9.png: cannot be decoded (a b); and 3 more; "), "{text}");
        assert!(!text.contains('\n') && !text.contains("10.png"), "{text}");
        let text = error(&faults[..1], folder, 20).to_string();
        assert_eq!(text, "d/0.png: cannot be decoded (a b); replace or remove it");
    }
}
