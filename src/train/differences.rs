//! In what the options of two runs differ, as a user would name them.

use std::collections::BTreeMap;
use std::fmt;

use toml::{Table, Value};

use super::config::Config;
use crate::data::Fit;
use crate::models::Schedule;

/// What is measured afterwards changes nothing of a training, and where images lie nothing of them.
const OF_NO_ACCOUNT: [&str; 5] = ["data", "test_data", "nll", "nll_images", "test_noise"];
/// Follows from the images.
const OF_IMAGES: [&str; 4] = [
    "model.network.images.channels",
    "model.network.images.height",
    "model.network.images.width",
    "model.network.classes",
];
/// Where the variant's own settings stand, which are not compared with those of another variant.
const VARIANT: &str = "model.variant.";
const VARIANT_NAME: &str = "model.variant.name";
/// Options whose names are not those of their fields.
const OPTIONS: [(&str, &str); 9] = [
    ("learning_rate", "--lr"),
    ("model.network.architecture", "--arch"),
    ("model.network.code", "--latent"),
    ("model.quantiser.step", "--quantise"),
    ("model.quantiser.rate", "--rate"),
    ("model.quantiser.hyperprior", "--hyperprior"),
    (VARIANT_NAME, "--variant"),
    ("model.variant.rule", "--codebook"),
    ("model.variant.target", "--target-sparsity"),
];
/// Fields that no option names: what earlier versions did otherwise.
const NO_OPTIONS: [&str; 6] = [
    "model.output",
    "model.network.start",
    "model.network.linear",
    "model.network.finer_windows",
    "model.network.width",
    "optimiser.",
];
/// Options that decide which images there are.
const IMAGE_OPTIONS: [&str; 11] = [
    "--size",
    "--fit",
    "--range",
    "--patches",
    "--scales",
    "--gray",
    "--limit",
    "--hold-out",
    "--missing",
    "--skip-damaged",
    "--seed",
];

/// An option that two runs have different values of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The option, or what is different where no option names it.
    pub option: String,
    /// What the other run has.
    pub there: String,
    /// What this run has.
    pub here: String,
}

impl Difference {
    /// Whether the option decides which images there are.
    pub fn is_of_images(&self) -> bool {
        IMAGE_OPTIONS.contains(&self.option.as_str())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, there, here } = self;
        write!(f, "{option}: {there} there, {here} here")
    }
}

impl Config {
    /// In which options `self` and `other` differ that decide the numbers of a run, besides the images
    /// themselves: where there are none, a run under `self` may go on from one under `other`. The
    /// number of epochs decides them only where the learning rate depends on it.
    pub fn differences(&self, other: &Config) -> Vec<Difference> {
        let (here, there) = (self.named_values(), other.named_values());
        let same_variant = here.get(VARIANT_NAME) == there.get(VARIANT_NAME);
        let counts = |key: &str| match key {
            "epochs" => self.schedule != Schedule::Constant,
            VARIANT_NAME => true,
            _ => !OF_NO_ACCOUNT.contains(&key) && (same_variant || !key.starts_with(VARIANT)),
        };
        let mut keys: Vec<&String> = here.keys().chain(there.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| counts(key) && here.get(*key) != there.get(*key));
        // What follows from the images is said where nothing else tells them apart.
        if keys.iter().any(|key| !OF_IMAGES.contains(&key.as_str())) {
            keys.retain(|key| !OF_IMAGES.contains(&key.as_str()));
        }
        let value = |values: &BTreeMap<String, String>, key: &str| {
            values.get(key).cloned().unwrap_or_else(|| "not given".into())
        };
        let difference = |key: &String| Difference {
            option: option_of(key),
            there: value(&there, key),
            here: value(&here, key),
        };
        keys.into_iter().map(difference).collect()
    }

    /// Each option by its key, tables within tables with dots in between.
    fn named_values(&self) -> BTreeMap<String, String> {
        // Options that were read or checked can be stored.
        let text = self.to_toml().unwrap_or_default();
        let mut table: Table = text.parse().unwrap_or_default();
        let mut values = BTreeMap::new();
        // As the command line has them.
        for (key, noise) in [("noise", self.noise), ("test_noise", self.test_noise)] {
            table.remove(key);
            values.extend(noise.map(|noise| (key.to_owned(), noise.to_string())));
        }
        for (key, size) in [("size", self.size), ("patches", self.patches)] {
            table.remove(key);
            values
                .extend(size.map(|(width, height)| (key.to_owned(), format!("{width}x{height}"))));
        }
        flatten("", &table, &mut values);
        if self.fit == Some(Fit::default()) {
            // What is done where nothing is said.
            values.remove("fit");
        }
        values
    }
}

fn flatten(before: &str, table: &Table, values: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key = format!("{before}{key}");
        match value {
            Value::Table(table) => flatten(&format!("{key}."), table, values),
            Value::String(text) => drop(values.insert(key, text.clone())),
            other => drop(values.insert(key, other.to_string())),
        }
    }
}

/// What a user calls the option of this key.
fn option_of(key: &str) -> String {
    if let Some((_, option)) = OPTIONS.iter().find(|(known, _)| *known == key) {
        return (*option).to_owned();
    }
    let name = key.rsplit('.').next().unwrap_or(key).replace('_', "-");
    let is_none = NO_OPTIONS.iter().any(|none| key.starts_with(none)) || OF_IMAGES.contains(&key);
    if is_none { name } else { format!("--{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageShape;
    use crate::models::{Choices, Kind};
    use crate::ops::{Corruption, CorruptionKind};

    fn config(kind: Kind, choices: &Choices) -> Config {
        let images = ImageShape { channels: 1, height: 8, width: 8 };
        let (model, recipe) = kind.build(images, 0, choices, false).expect("options go together");
        Config { learning_rate: recipe.learning_rate, ..Config::new(model) }
    }

    fn said(here: &Config, there: &Config) -> Vec<String> {
        here.differences(there).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_option_that_differs_is_named_with_both_values() {
        let there = config(Kind::Dense, &Choices::default());
        assert_eq!(said(&there, &there), [""; 0]);
        let choices = Choices { latent: Some("7".parse().expect("a code")), ..Choices::default() };
        let here = Config {
            learning_rate: 0.001,
            size: Some((16, 8)),
            noise: Some(Corruption::new(CorruptionKind::Blur, 1.5)),
            ..config(Kind::Dense, &choices)
        };
        let expected = [
            "--lr: 0.005 there, 0.001 here",
            "--latent: 32 there, 7 here",
            "--noise: not given there, blur:1.5 here",
            "--size: not given there, 16x8 here",
        ];
        assert_eq!(said(&here, &there), expected);
        assert!(here.differences(&there)[3].is_of_images());
    }

    #[test]
    fn what_changes_no_number_is_no_difference() {
        let there = config(Kind::Dense, &Choices::default());
        let data = "images:elsewhere".to_owned();
        let here = Config { data, nll: Some(9), nll_images: 3, epochs: 9, ..there.clone() };
        assert_eq!(said(&here, &there), [""; 0]);
        let [stretched, cropped] =
            [Fit::Stretch, Fit::Crop].map(|fit| Config { fit: Some(fit), ..there.clone() });
        assert_eq!(said(&stretched, &there), [""; 0]);
        assert_eq!(said(&there, &stretched), [""; 0]);
        assert_eq!(said(&cropped, &stretched), ["--fit: not given there, crop here"]);
        let cosine = Config { schedule: Schedule::Cosine, ..there.clone() };
        let longer = Config { epochs: 9, ..cosine.clone() };
        assert_eq!(said(&longer, &cosine), ["--epochs: 1 there, 9 here"]);
    }

    #[test]
    fn another_variant_is_named_without_its_own_settings() {
        let (there, here) =
            (config(Kind::Vae, &Choices::default()), config(Kind::Sparse, &Choices::default()));
        let said = said(&here, &there);
        assert!(said.contains(&"--variant: vae there, sparse here".to_owned()), "{said:?}");
        assert!(
            said.iter().all(|line| !line.contains("beta") && !line.contains("rho")),
            "{said:?}"
        );
        let vae = config(Kind::Vae, &Choices { beta: Some(4.0), ..Choices::default() });
        assert_eq!(vae.differences(&there)[0].to_string(), "--beta: 1.0 there, 4.0 here");
    }
}
