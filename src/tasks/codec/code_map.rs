//! The whole numbers of a code.

use super::quality::Quality;

/// The whole numbers that stand for an image: one map a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeMap {
    /// Maps.
    pub channels: usize,
    /// Rows of each.
    pub rows: usize,
    /// Columns of each.
    pub columns: usize,
    /// How coarse the numbers are.
    pub quality: Quality,
    /// Channel by channel and row by row.
    pub values: Vec<i32>,
}

/// Numbers of a code lie between this and its negative.
pub(super) const LARGEST: i32 = 1 << 20;

impl CodeMap {
    /// Channels, rows and columns.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.rows, self.columns]
    }
}
