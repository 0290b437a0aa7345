//! Why a file of arrays cannot be taken, and how that is said.

use std::io;
use std::path::Path;

use crate::error::Error;

/// Why a file cannot be taken.
#[derive(Debug)]
pub(super) enum Problem {
    /// It is not what it should be; the reason.
    Damaged(String),
    /// It is right, and not of a kind that is read here; what to say.
    Foreign(String),
    /// It cannot be read.
    Io(io::Error),
}

/// What is read, or why it cannot be.
pub(super) type Parsed<T> = Result<T, Problem>;

impl Problem {
    /// Of reading what was there, packed or not.
    pub fn reading(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Damaged("it ends too early".into()),
            // What unpacking says of wrong bytes, and of a wrong checksum.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Io(error),
        }
    }

    /// What is said of the file at `path`.
    pub fn of(self, path: &Path) -> Error {
        match self {
            Self::Damaged(why) => {
                let what = format!("is damaged or no .npy file ({why}); use another copy");
                Error::file(path, what)
            }
            Self::Foreign(what) => Error::file(path, what),
            Self::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => {
                    Error::file(path, "does not exist; name a file of arrays")
                }
                io::ErrorKind::InvalidInput => {
                    Error::file(path, "is not a file; name an array that numpy.save wrote")
                }
                _ => Error::file(path, format!("cannot be read: {error}; use another copy")),
            },
        }
    }
}
