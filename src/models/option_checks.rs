//! Ranges that numbers of options must lie in.

use crate::error::{Error, Result};

/// A number for an option that must be 0 or more.
pub(super) fn not_negative(option: &str, value: f32) -> Result<f32> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(value),
        false => Err(Error::option(option, format!("is {value}; it must be 0 or more"))),
    }
}

/// A count for an option that must be within a range.
pub(super) fn count(
    option: &str,
    value: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<usize> {
    match range.contains(&value) {
        true => Ok(value),
        false => {
            let what = format!("is {value}; it takes {} to {}", range.start(), range.end());
            Err(Error::option(option, what))
        }
    }
}
