//! The files that hold a verdict.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::pictures::Judged;
use crate::error::{Error, Result};
use crate::file::write_atomically;

/// What was found, as `anomaly.json` has it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Verdict {
    /// The kind of score.
    pub score: &'static str,
    /// What one unit of it is.
    pub unit: &'static str,
    /// Pictures whose score is above it are flagged.
    pub threshold: f64,
    /// The share of normal pictures that may be flagged.
    pub false_positive_rate: f64,
    /// Normal pictures that the threshold comes from.
    pub held_out: usize,
    /// Pictures that were judged.
    pub judged: usize,
    /// Those of them that were flagged.
    pub flagged: usize,
    /// What is known by the labels, where there are any.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
}

/// How the verdict agrees with labels.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Known {
    /// The name of the normal class.
    pub normal: String,
    /// Anomalies that were judged.
    pub anomalies: usize,
    /// Those of them that were flagged.
    pub anomalies_flagged: usize,
    /// The area under the ROC curve; `None` where there are not both kinds.
    pub auroc: Option<f64>,
}

impl Verdict {
    /// The one line that says it.
    pub fn summary(&self) -> String {
        let mut line = String::new();
        if let Some(area) = self.known.as_ref().and_then(|known| known.auroc) {
            line = format!("AUROC {area:.4}; ");
        }
        line += &format!("{} of {} pictures flagged", self.flagged, self.judged);
        if let Some(known) = &self.known {
            let (normal, flagged) =
                (self.judged - known.anomalies, self.flagged - known.anomalies_flagged);
            line += &format!(
                " ({} of {} anomalies, {flagged} of {normal} normal)",
                known.anomalies_flagged, known.anomalies
            );
        }
        let (threshold, unit, held_out) = (self.threshold, self.unit, self.held_out);
        line + &format!(
            ", threshold {threshold:.6} {unit} from {held_out} held-out normal pictures"
        )
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::file(path, format!("cannot be put in words: {error}")))?;
        text.push('\n');
        write_atomically(path, |out| out.write_all(text.as_bytes()))
    }
}

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
            folder: "t".into(),
            paths: vec!["t/a,\"b\".png".into(), "t/c.png".into()],
            labels: vec!["good".into(), String::new()],
            normal: None,
        };
        let maps = ["heat_maps/a,\"b\".png".into()];
        save_scores(&path, &judged, &[0.25, 2.0], 1.0, &maps).expect("writable");
        let text = std::fs::read_to_string(path).expect("readable");
        let row = "\"t/a,\"\"b\"\".png\",good,0.25,false,\"heat_maps/a,\"\"b\"\".png\"";
        assert_eq!(text, format!("{SCORES_HEAD}\n{row}\nt/c.png,,2,true,\n"));
    }

    #[test]
    fn the_summary_is_one_line() {
        let known =
            Known { normal: "good".into(), anomalies: 5, anomalies_flagged: 4, auroc: Some(0.975) };
        let verdict = Verdict {
            score: "mse",
            unit: "squared error per pixel",
            threshold: 0.0125,
            false_positive_rate: 0.05,
            held_out: 20,
            judged: 15,
            flagged: 5,
            known: Some(known),
        };
        assert_eq!(
            verdict.summary(),
            "AUROC 0.9750; 5 of 15 pictures flagged (4 of 5 anomalies, 1 of 10 normal), threshold \
             0.012500 squared error per pixel from 20 held-out normal pictures"
        );
        let json = serde_json::to_value(&verdict).expect("has JSON");
        assert_eq!((&json["auroc"], &json["normal"]), (&0.975.into(), &"good".into()));
        let plain = Verdict { known: None, ..verdict };
        assert!(plain.summary().starts_with("5 of 15 pictures flagged, threshold"));
    }
}
