//! What was found, in words and as JSON.

use std::path::Path;

use crate::error::{Error, Result, counted};
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
    /// The same over pixels, by the heat maps, where it is known which pixels show an anomaly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_auroc: Option<f64>,
}

impl Verdict {
    /// The one line that says it.
    pub fn summary(&self) -> String {
        let mut line = String::new();
        if let Some(area) = self.known.as_ref().and_then(|known| known.auroc) {
            line = format!("AUROC {area:.4}; ");
        }
        if let Some(area) = self.known.as_ref().and_then(|known| known.pixel_auroc) {
            line += &format!("pixel AUROC {area:.4}; ");
        }
        line += &format!("{} of {} flagged", self.flagged, counted(self.judged, "picture"));
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
            ", threshold {threshold:.6} {unit} from {}",
            counted(held_out, "held-out normal picture")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_one_line() {
        let known = Known {
            normal: "good".into(),
            anomalies: 5,
            anomalies_flagged: 4,
            auroc: Some(0.975),
            pixel_auroc: None,
        };
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
        assert!(json.get("pixel_auroc").is_none());
        let by_pixel = verdict.known.clone().map(|known| Known { pixel_auroc: Some(0.5), ..known });
        let finer = Verdict { known: by_pixel, ..verdict.clone() };
        assert!(finer.summary().starts_with("AUROC 0.9750; pixel AUROC 0.5000; 5 of 15"));
        let plain = Verdict { known: None, ..verdict };
        assert!(plain.summary().starts_with("5 of 15 pictures flagged, threshold"));
    }
}
