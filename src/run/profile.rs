//! `profile.json`: time by operation, of a run with `--profile`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::metrics::number_or_null;
use crate::error::{Error, Result};
use crate::file::{self, write_atomically};
use crate::graph::ProfileRow;

/// The most bytes of a file that is read; an operation takes some 200.
const MOST_BYTES: u64 = 16 << 20;

/// The contents of `profile.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileFile {
    /// The adapter's or processor's name.
    pub adapter: String,
    /// Each operation at each shape, longest first.
    pub operations: Vec<OperationProfile>,
}

/// Time spent in one operation at one shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationProfile {
    /// The operation's name.
    pub operation: String,
    /// Its input shapes and output shape, as text.
    pub shape: String,
    /// How often it ran.
    pub calls: u64,
    /// Seconds in all.
    #[serde(deserialize_with = "number_or_null")]
    pub seconds: f64,
    /// Floating-point operations in all.
    pub flops: u64,
}

impl ProfileFile {
    /// The file of these rows.
    pub fn new(adapter: &str, rows: &[ProfileRow]) -> Self {
        let operation = |row: &ProfileRow| OperationProfile {
            operation: row.op.to_owned(),
            shape: row.shape.clone(),
            calls: row.calls,
            seconds: row.seconds,
            flops: row.flops,
        };
        Self { adapter: adapter.to_owned(), operations: rows.iter().map(operation).collect() }
    }

    /// Writes the file, in one piece or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::file(path, format!("cannot be put in words: {error}")))?;
        text.push('\n');
        write_atomically(path, |out| out.write_all(text.as_bytes()))
    }

    /// Reads a file back.
    ///
    /// # Errors
    /// When it cannot be read or does not have these fields.
    pub fn load(path: &Path) -> Result<Self> {
        let text = file::read_text(path, MOST_BYTES)
            .map_err(|error| Error::file(path, format!("cannot be read: {error}; remove it")))?;
        serde_json::from_str(&text).map_err(|error| {
            Error::file(path, format!("is damaged ({error}); make the run anew, or remove it"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_keeps_every_number() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("profile.json");
        let row = ProfileRow {
            op: "matmul",
            shape: "[4, 2] [2, 3] -> [4, 3]".into(),
            calls: 7,
            seconds: 0.1 + 0.2,
            flops: u64::MAX,
        };
        let file = ProfileFile::new("an <adapter>", &[row]);
        file.save(&path).expect("writable");
        assert_eq!(ProfileFile::load(&path).expect("readable"), file);
        std::fs::write(&path, "[]").expect("writable");
        let text = ProfileFile::load(&path).expect_err("is another file").to_string();
        assert!(text.contains("profile.json: is damaged"), "{text}");
    }
}
