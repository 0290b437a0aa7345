//! `metrics.json`: what a run measured, for scripts and tables.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Result};
use crate::file::{self, write_atomically};
use crate::train::{Adaptation, EpochReport};

/// The most bytes of a file that is read; an epoch takes some 150.
const MOST_BYTES: u64 = 64 << 20;

/// The contents of `metrics.json`. A number that is not finite is stored as `null`, since JSON has
/// no word for it, and read back as NaN.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricsFile {
    /// The version of this crate.
    pub diabolo: String,
    /// The device the run was on: `gpu` or `cpu`.
    pub device: String,
    /// The adapter's or processor's name.
    pub adapter: String,
    /// What a loss counts, such as `nats per image`.
    pub loss_unit: String,
    /// Numbers that were trained.
    pub parameters: u64,
    /// Bytes of device memory that were planned.
    pub planned_bytes: u64,
    /// Images trained on, a second of training.
    #[serde(deserialize_with = "number_or_null")]
    pub images_per_second: f64,
    /// Who computed how many shards of the steps, where these came in shards; since the run was last resumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// Every epoch, in order.
    pub epochs: Vec<EpochMetrics>,
    /// The finished model on the held-out images: each measure that applies, by name.
    #[serde(deserialize_with = "numbers_or_null")]
    pub test: BTreeMap<String, f64>,
    /// The divergence of each dimension of a variational code from the prior, in nats.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "list_with_nulls")]
    pub kl_per_dimension: Vec<f32>,
}

/// What a device did of a training in shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Its name.
    pub device: String,
    /// Shards that it computed.
    pub shards: u64,
}

impl From<(String, u64)> for Share {
    fn from((device, shards): (String, u64)) -> Self {
        Self { device, shards }
    }
}

/// One epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Its number, from 1.
    pub epoch: u64,
    /// The mean loss while training.
    #[serde(deserialize_with = "number_or_null")]
    pub train_loss: f64,
    /// The loss on the held-out images; NaN where it was not measured.
    #[serde(deserialize_with = "number_or_null")]
    pub test_loss: f64,
    /// How long its training took; NaN where that is not known.
    #[serde(deserialize_with = "number_or_null")]
    pub seconds: f64,
    /// The penalty's weight and the share of active units, for a model that adapts.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub adaptation: Option<Adaptation>,
}

impl From<&EpochReport> for EpochMetrics {
    fn from(report: &EpochReport) -> Self {
        Self {
            epoch: report.epoch.into(),
            train_loss: report.train_loss,
            test_loss: report.test.loss(),
            seconds: report.seconds,
            adaptation: report.adaptation,
        }
    }
}

impl MetricsFile {
    /// Metrics of this version, with nothing measured yet.
    pub fn new(loss_unit: impl Into<String>) -> Self {
        let diabolo = env!("CARGO_PKG_VERSION").to_owned();
        Self { diabolo, loss_unit: loss_unit.into(), ..Self::default() }
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
        let text = file::read_text(path, MOST_BYTES).map_err(|error| {
            Error::file(path, format!("cannot be read: {error}; name that of a run"))
        })?;
        serde_json::from_str(&text).map_err(|error| {
            Error::file(path, format!("is not a metrics file ({error}); name that of a run"))
        })
    }
}

pub(super) fn number_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<f64, D::Error> {
    Option::deserialize(deserializer).map(|number| number.unwrap_or(f64::NAN))
}

fn numbers_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<BTreeMap<String, f64>, D::Error> {
    let numbers: BTreeMap<String, Option<f64>> = Deserialize::deserialize(deserializer)?;
    Ok(numbers.into_iter().map(|(name, number)| (name, number.unwrap_or(f64::NAN))).collect())
}

fn list_with_nulls<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<f32>, D::Error> {
    let numbers: Vec<Option<f32>> = Deserialize::deserialize(deserializer)?;
    Ok(numbers.into_iter().map(|number| number.unwrap_or(f32::NAN)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn metrics(train_loss: f64, psnr: f64) -> MetricsFile {
        let adaptation = Some(Adaptation { weight: 0.5, activity: 0.25 });
        let epoch = EpochMetrics { seconds: 0.25, adaptation, ..EpochMetrics::default() };
        MetricsFile {
            device: "gpu".to_owned(),
            adapter: "an \"adapter\"\n".to_owned(),
            parameters: 1_234,
            planned_bytes: u64::MAX,
            images_per_second: 1e5,
            shares: vec![Share { device: "a".to_owned(), shards: 9 }],
            epochs: vec![EpochMetrics { epoch: 1, train_loss, test_loss: 0.1, ..epoch }],
            test: [("mse", 0.0), ("bce", 88.5), ("psnr", psnr)]
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            ..MetricsFile::new("nats per image")
        }
    }

    #[test]
    fn a_round_trip_keeps_every_number() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.json");
        let before = metrics(0.1 + 0.2, 33.1);
        before.save(&path).expect("writable");
        assert_eq!(MetricsFile::load(&path).expect("readable"), before);
    }

    #[test]
    fn numbers_that_are_not_finite_make_valid_json() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.json");
        metrics(f64::NAN, f64::INFINITY).save(&path).expect("writable");
        let text = std::fs::read_to_string(&path).expect("readable");
        let json: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        assert!(json["epochs"][0]["train_loss"].is_null() && json["test"]["psnr"].is_null());
        assert_eq!(json["test"]["bce"], 88.5);
        assert!(text.contains("\n  \"device\": \"gpu\"") && text.ends_with("}\n"), "{text}");
        let after = MetricsFile::load(&path).expect("readable");
        assert!(after.epochs[0].train_loss.is_nan() && after.test["psnr"].is_nan());
    }

    #[test]
    fn other_files_are_errors() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.json");
        MetricsFile::load(&path).expect_err("is missing");
        std::fs::write(&path, "{\"device\": 3}").expect("writable");
        let text = MetricsFile::load(&path).expect_err("is another file").to_string();
        assert!(text.contains("is not a metrics file"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_in_place_of_a_file_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.json");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        let text = MetricsFile::load(&path).expect_err("has no end").to_string();
        assert!(text.contains("it is not a file"), "{text}");
    }

    /// Equal, or both no finite number.
    fn same(a: f64, b: f64) -> bool {
        a == b || !(a.is_finite() || b.is_finite())
    }

    fn read_back(file: &MetricsFile) -> MetricsFile {
        serde_json::from_str(&serde_json::to_string(file).expect("has JSON")).expect("readable")
    }

    proptest! {
        #[test]
        fn every_number_comes_back(
            numbers in prop::collection::vec(any::<f64>(), 1..9),
            divergences in prop::collection::vec(any::<f32>(), 0..5),
            names in prop::collection::vec(".{0,9}", 9),
        ) {
            let mut before = metrics(numbers[0], numbers[numbers.len() - 1]);
            before.kl_per_dimension = divergences;
            before.test.extend(names.into_iter().zip(numbers));
            let after = read_back(&before);
            prop_assert!(before.test.keys().eq(after.test.keys()));
            let pairs = before.test.values().zip(after.test.values());
            prop_assert!(pairs.clone().all(|(a, b)| same(*a, *b)), "{:?}", pairs);
            prop_assert!(same(before.epochs[0].train_loss, after.epochs[0].train_loss));
            let pairs = before.kl_per_dimension.iter().zip(&after.kl_per_dimension);
            prop_assert!(pairs.clone().all(|(a, b)| same((*a).into(), (*b).into())), "{:?}", pairs);
        }

        #[test]
        fn no_damage_is_too_strange(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = serde_json::to_vec(&metrics(0.5, 33.1)).expect("has JSON");
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            let _ = serde_json::from_slice::<MetricsFile>(&bytes);
            let _ = serde_json::from_slice::<MetricsFile>(&bytes[..cut.index(bytes.len())]);
        }
    }
}
