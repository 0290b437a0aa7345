//! The one error type. Every message names the thing that is wrong and says what to do.

use std::path::{Path, PathBuf};

use crate::shape::Shape;

/// The exit code of a program that was interrupted.
pub const INTERRUPTED: u8 = 130;

/// What can go wrong, in words a user can act on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation was given shapes it cannot take.
    #[error("{op}: {what}; shapes given: {}", list(.shapes))]
    Shape {
        /// The operation's name.
        op: &'static str,
        /// The rule that was broken.
        what: String,
        /// The shapes of all inputs.
        shapes: Vec<Shape>,
    },
    /// A graph was put together in a way that cannot be compiled or differentiated.
    #[error("graph: {0}")]
    Graph(String),
    /// An operation is not known to the program that a model is exported for.
    #[error("the model cannot be exported: operation `{op}`: {why}")]
    Unsupported {
        /// The operation's name.
        op: &'static str,
        /// What is missing.
        why: String,
    },
    /// An option or argument has a value that makes no sense.
    #[error("{option}: {what}")]
    Option {
        /// The option as the user writes it, such as `--batch`.
        option: String,
        /// What is wrong and what would be right.
        what: String,
    },
    /// A file or folder cannot be used.
    #[error("{}: {what}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
    /// A download failed.
    #[error("download of {url} failed: {what}")]
    Download {
        /// The address that was tried last.
        url: String,
        /// What went wrong and what to do.
        what: String,
    },
    /// No adapter fits what was asked for.
    #[error("device: {0}")]
    Device(String),
    /// The adapter refused or lost something while it was running.
    #[error("gpu: {0}")]
    Gpu(String),
    /// A plan needs more memory than there is.
    #[error("memory: {0}")]
    Memory(String),
    /// A value that must be finite is not.
    #[error("training: {0}")]
    NotFinite(String),
    /// The user asked for an end; what was done so far is saved.
    #[error("{0}")]
    Interrupted(String),
    /// Another process of the same training has failed.
    #[error("{what}")]
    Rank {
        /// Which one, and why.
        what: String,
        /// The exit code that it fails with.
        code: u8,
    },
}

/// A result with this crate's error, unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A shape error of operation `op`.
    pub fn shape(op: &'static str, what: impl Into<String>, shapes: &[&Shape]) -> Self {
        let shapes = shapes.iter().map(|shape| (*shape).clone()).collect();
        Self::Shape { op, what: what.into(), shapes }
    }

    /// An error about a file or folder.
    pub fn file(path: impl AsRef<Path>, what: impl ToString) -> Self {
        Self::File { path: path.as_ref().to_path_buf(), what: what.to_string() }
    }

    /// The exit code of a program that ends with it: 2 for options that make no sense, [`INTERRUPTED`] for an end
    /// that was asked for, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Option { .. } => 2,
            Self::Interrupted(_) => INTERRUPTED,
            Self::Rank { code, .. } => *code,
            _ => 1,
        }
    }

    /// An error about an option's value.
    pub fn option(option: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Option { option: option.into(), what: what.into() }
    }
}

/// Names that a message lists.
const LISTED: usize = 3;

/// The first of these names, and how many there are besides: `a, b, c and 2 more`.
pub(crate) fn listed(names: &[String]) -> String {
    let (shown, more) = names.split_at(names.len().min(LISTED));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!("{}{more}", shown.join(", "))
}

/// So many of a thing, in words: `1 picture`, `2 pictures`, `3 classes`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    let hisses = ["s", "x", "ch", "sh"].iter().any(|end| thing.ends_with(end));
    match (count, hisses) {
        (1, _) => format!("1 {thing}"),
        (_, true) => format!("{count} {thing}es"),
        (_, false) => format!("{count} {thing}s"),
    }
}

fn list(shapes: &[Shape]) -> String {
    shapes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        let words = [counted(0, "picture"), counted(1, "held-out image"), counted(2, "class")];
        assert_eq!(words, ["0 pictures", "1 held-out image", "2 classes"]);
    }
}
