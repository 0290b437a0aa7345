//! Which variant of a kernel is used, where a table by shape and adapter kind is overruled by what was
//! measured on the adapter at hand.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A way of computing a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Rows and columns of a tile; 0 and 0 for a kernel without tiles.
    pub tile: [usize; 2],
    /// Into how many parts the terms are cut; limited by how many there are.
    pub splits: usize,
}

/// The most parts that terms are cut into.
pub const MOST_SPLITS: usize = 1024;

impl Variant {
    /// Whether there is a kernel for it.
    pub fn is_possible(self) -> bool {
        let is_side = |side: &usize| [32, 64, 128].contains(side);
        let is_tile = self.tile == [0, 0] || self.tile.iter().all(is_side);
        is_tile && (1..=MOST_SPLITS).contains(&self.splits)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tile {
            [0, 0] => write!(f, "no tiles, {} parts", self.splits),
            [rows, columns] => write!(f, "tiles of {rows} x {columns}, {} parts", self.splits),
        }
    }
}

/// The variants chosen for products, by [`Variants::key`](crate::ops::Variants::key).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuning(pub BTreeMap<String, Variant>);

impl Tuning {
    /// The variant for a product, if one was chosen that there is.
    pub fn choice(&self, key: impl FnOnce() -> String) -> Option<Variant> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&key()).copied().filter(|variant| variant.is_possible())
    }
}

/// The tiles that there are on any adapter; those that one at hand has not are passed over.
pub(super) const TILES: [[usize; 2]; 6] =
    [[32, 32], [64, 32], [64, 64], [32, 128], [64, 128], [128, 128]];

/// Tiles of these sizes, whole and in up to so many parts of the terms as make sense.
pub(super) fn candidates(tiles: &[[usize; 2]], terms: usize) -> Vec<Variant> {
    let most = (terms / 64).clamp(1, 64);
    let splits = [1, 2, 4, 8, 16, 32, 64].into_iter().filter(|splits| *splits <= most);
    splits
        .flat_map(|splits| tiles.iter().map(move |tile| Variant { tile: *tile, splits }))
        .collect()
}
