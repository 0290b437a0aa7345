//! How much of a corruption there is: one number, or any of a range.

use std::fmt;
use std::str::FromStr;

/// How much of a corruption there is, the same for all images or drawn anew for each. Parsed from `A` or `A-B`,
/// and printed the same way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount {
    /// The least.
    pub least: f32,
    /// The greatest; the same number, where nothing is drawn.
    pub most: f32,
}

/// By how much amounts that are drawn differ at least.
const STEP: f32 = 1.0 / (1 << 24) as f32;

impl Amount {
    /// Whether it is drawn for each image.
    pub fn is_range(self) -> bool {
        self.least != self.most
    }

    /// The steps of 2^-24 that the range has.
    pub(crate) fn steps(self) -> u32 {
        (f64::from(self.most - self.least) / f64::from(STEP)) as u32
    }

    /// What a random word makes of it, evenly from the range: a whole number of steps above its least, so that
    /// every device comes to the same bits.
    #[inline(always)]
    pub(crate) fn drawn(self, word: u32) -> f32 {
        let steps = (u64::from(self.steps()) * u64::from(word)) >> 32;
        self.least + steps as f32 * STEP
    }
}

impl From<f32> for Amount {
    fn from(amount: f32) -> Self {
        Self { least: amount, most: amount }
    }
}

impl From<[f32; 2]> for Amount {
    fn from([least, most]: [f32; 2]) -> Self {
        Self { least, most }
    }
}

impl FromStr for Amount {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(amount) = text.parse::<f32>() {
            return Ok(amount.into());
        }
        // Of `1e-3-1e-2`, the dash that stands between two numbers.
        let split = |(place, dash): (usize, &str)| {
            let (least, most) = (text[..place].parse(), text[place + dash.len()..].parse());
            Some(Self { least: least.ok()?, most: most.ok()? })
        };
        text.match_indices('-').find_map(split).ok_or(())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_range() {
            true => write!(f, "{}-{}", self.least, self.most),
            false => write!(f, "{}", self.least),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_and_two_are_told_apart() {
        for (text, [least, most]) in [
            ("0.25", [0.25; 2]),
            ("1e-3", [1e-3; 2]),
            ("0.1-0.5", [0.1, 0.5]),
            ("1e-3-1e-2", [1e-3, 1e-2]),
            ("0-1e-2", [0.0, 1e-2]),
        ] {
            assert_eq!(text.parse(), Ok(Amount { least, most }), "{text}");
        }
        for wrong in ["", "-", "0.1-", "a-b", "0.1-0.2-0.3"] {
            assert_eq!(wrong.parse::<Amount>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn draws_reach_from_the_least_to_the_greatest() {
        let amount = Amount::from([0.25, 0.75]);
        assert_eq!(amount.drawn(0), 0.25);
        assert_eq!(amount.drawn(1 << 31), 0.5);
        assert_eq!(amount.drawn(u32::MAX), 0.75 - STEP);
        assert_eq!([0, 7, u32::MAX].map(|word| Amount::from(0.3).drawn(word)), [0.3; 3]);
    }
}
