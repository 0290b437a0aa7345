//! `scores.csv`: a line a picture.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::pictures::Judged;
use crate::error::Result;
use crate::file::write_atomically;

/// The first line of `scores.csv`.
pub const SCORES_HEAD: &str = "path,label,score,flagged,heat_map";

/// Writes `scores.csv`: a line a picture with its path, label, score, whether it is flagged, and where
/// its heat map is, or nothing where there are none.
///
/// # Errors
/// When the file cannot be written.
pub fn save_scores(
    path: &Path,
    judged: &Judged,
    scores: &[f64],
    threshold: f64,
    heat_maps: &[PathBuf],
) -> Result<()> {
    write_atomically(path, |out| {
        writeln!(out, "{SCORES_HEAD}")?;
        let rows = judged.paths.iter().zip(&judged.labels).zip(scores);
        for (number, ((path, label), score)) in rows.enumerate() {
            write_field(out, &path.to_string_lossy())?;
            write!(out, ",")?;
            write_field(out, label)?;
            write!(out, ",{score},{},", *score > threshold)?;
            if let Some(heat_map) = heat_maps.get(number) {
                write_field(out, &heat_map.to_string_lossy())?;
            }
            writeln!(out)?;
        }
        Ok(())
    })
}

/// A field as RFC 4180 has it: in quotes where it holds what would end it.
fn write_field(out: &mut dyn Write, text: &str) -> io::Result<()> {
    match text.contains([',', '"', '\n', '\r']) {
        true => write!(out, "\"{}\"", text.replace('"', "\"\"")),
        false => write!(out, "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_one_field() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("scores.csv");
        let judged = Judged {
            paths: vec!["t/a,\"b\".png".into(), "t/c.png".into()],
            labels: vec!["good".into(), String::new()],
            ..Judged::default()
        };
        let maps = ["heat_maps/a,\"b\".png".into()];
        save_scores(&path, &judged, &[0.25, 2.0], 1.0, &maps).expect("writable");
        let text = std::fs::read_to_string(path).expect("readable");
        let row = "\"t/a,\"\"b\"\".png\",good,0.25,false,\"heat_maps/a,\"\"b\"\".png\"";
        assert_eq!(text, format!("{SCORES_HEAD}\n{row}\nt/c.png,,2,true,\n"));
    }
}
