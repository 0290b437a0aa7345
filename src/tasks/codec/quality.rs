//! How coarse the whole numbers of a code are.

use std::f32::consts::E;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// From 1, the smallest files, to 8, the best pictures. From one to the next, steps are `e^(1/4)` times as fine: about a
/// fifth more bits for a decibel and a quarter. At 5 they are as large as the step of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality(u8);

/// `e^(i/4)` from i = 4 down to -3.
const FACTORS: [f32; 8] =
    [E, 2.117, 1.648_721_3, 1.284_025_4, 1.0, 0.778_800_8, 0.606_530_7, 0.472_366_55];

impl Quality {
    /// That of the step which the model has.
    pub const TRAINED: Self = Self(5);

    /// The quality of this number, if there is one.
    pub fn new(number: usize) -> Option<Self> {
        u8::try_from(number).ok().filter(|number| (1..=8).contains(number)).map(Self)
    }

    /// All of them, the smallest files first.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=8).map(Self)
    }

    /// Its number.
    pub fn number(self) -> usize {
        self.0.into()
    }

    /// What steps are multiplied by.
    pub(super) fn factor(self) -> f32 {
        FACTORS[self.number() - 1]
    }

    /// By how many times `e^(1/4)` numbers are larger than in training.
    pub(super) fn larger(self) -> i32 {
        i32::from(self.0) - i32::from(Self::TRAINED.0)
    }
}

impl Default for Quality {
    fn default() -> Self {
        Self::TRAINED
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Quality {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || Error::option("--quality", "is a whole number from 1 to 8");
        text.parse().ok().and_then(Self::new).ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::LOG_STEPS;

    #[test]
    fn factors_are_powers_and_1_in_training() {
        for quality in Quality::all() {
            let exact = (-f64::from(quality.larger()) / 4.0).exp();
            assert!((f64::from(quality.factor()) / exact - 1.0).abs() < 2e-7, "{quality}");
            assert_eq!(quality.to_string().parse::<Quality>().expect("is one"), quality);
        }
        assert_eq!(Quality::default().factor(), 1.0);
        // Those that training draws from.
        let [finest, coarsest] = [8, 1].map(|number| -Quality(number).larger() as f32 / 4.0);
        assert_eq!([finest, coarsest], LOG_STEPS);
        for refused in ["0", "9", "-1", "5.0", "", "257"] {
            assert!(refused.parse::<Quality>().is_err(), "{refused}");
        }
    }
}
