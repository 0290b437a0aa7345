//! How a product is cut into tiles for a GPU: which tile, and into how many parts its terms go.

use crate::ops::kernel::Dispatch;
use crate::ops::target::GpuTarget;
use crate::ops::tuning::Variant;

/// The outputs of one workgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tile {
    /// 32 x 32, for narrow products, and where larger ones are too few.
    Small,
    /// 64 x 64.
    Large,
    /// 32 x 128, for few rows.
    Wide,
}

impl Tile {
    /// Rows and columns.
    pub fn sides(self) -> [usize; 2] {
        match self {
            Self::Small => [32, 32],
            Self::Large => [64, 64],
            Self::Wide => [32, 128],
        }
    }

    /// The tile for a product of many columns and so many rows: the wide one where a large one would be
    /// half empty.
    pub fn for_rows(rows: usize) -> Self {
        let used = |tile: Self| rows.next_multiple_of(tile.sides()[0]);
        if used(Self::Large) >= 2 * used(Self::Wide) { Self::Wide } else { Self::Large }
    }

    /// Sets the constants of `tile.wgsl`.
    pub fn constants(self, dispatch: Dispatch) -> Dispatch {
        let [rows, columns] = self.sides().map(|side| side as u32);
        dispatch.constant("TILE_M", rows).constant("TILE_N", columns)
    }

    /// Its number in a [`Variant`]: its columns.
    pub fn number(self) -> usize {
        self.sides()[1]
    }
}

/// A cut of a product of `[m, k]` and `[k, n]`, `batch` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiling {
    /// The tile.
    pub tile: Tile,
    /// Tiles along m.
    pub tiles_m: usize,
    /// Tiles along n.
    pub tiles_n: usize,
    /// Into how many parts the terms are cut; a second pass adds the parts up, in order.
    pub split_k: usize,
    /// Terms of one part, a multiple of [`DEPTH`].
    pub k_each: usize,
    /// All workgroups.
    pub groups: usize,
}

/// Terms that lie in workgroup memory at a time.
pub(crate) const DEPTH: usize = 16;

/// Terms below which a part is not worth its second pass.
const LEAST_TERMS: usize = 256;

/// Parts of sums without tiles beyond which adding them up, one after the other, takes longest.
const MOST_DIRECT_SPLITS: usize = 128;

/// The most words of partial sums.
const MOST_PARTIAL_WORDS: usize = 1 << 22;

impl Tiling {
    /// The cut that was chosen by measuring, with tiles of a size that there is a kernel for.
    pub fn chosen(
        variant: Variant,
        batch: usize,
        sizes: [usize; 3],
        tiles: &[Tile],
    ) -> Option<Self> {
        let tile = tiles.iter().find(|tile| tile.number() == variant.tile)?;
        Some(Self::cut(*tile, batch, sizes, variant.splits))
    }

    /// The cut for a product of these sizes, by tiles of 64 alone.
    pub fn large(batch: usize, [m, k, n]: [usize; 3], target: &GpuTarget) -> Self {
        Self::by(Tile::Large, batch, [m, k, n], target)
    }

    /// The cut for a product of these sizes: by wide tiles where there are few rows, by small ones
    /// where less than half of the large ones would be used or too few of them are at work, else by
    /// large ones.
    pub fn any(batch: usize, [m, k, n]: [usize; 3], target: &GpuTarget) -> Self {
        let [small, large, wide] = [Tile::Small, Tile::Large, Tile::Wide]
            .map(|tile| Self::by(tile, batch, [m, k, n], target));
        let area = |tiling: &Self| -> usize {
            tiling.tiles_m * tiling.tiles_n * tiling.tile.sides().iter().product::<usize>()
        };
        let starving = |tiling: &Self| tiling.groups < target.least_workgroups;
        if m <= 32 && 2 * area(&wide) <= 3 * area(&small) && !starving(&wide) {
            return wide;
        }
        let worth = target.small_tile_worth;
        if area(&large) >= worth * area(&small) || starving(&large) { small } else { large }
    }

    fn by(tile: Tile, batch: usize, [m, k, n]: [usize; 3], target: &GpuTarget) -> Self {
        let [rows, columns] = tile.sides();
        let whole = (m.div_ceil(rows) * n.div_ceil(columns) * batch).max(1);
        let split_k = target.workgroups_wanted / whole;
        Self::cut(tile, batch, [m, k, n], split_k.min(k / LEAST_TERMS))
    }

    /// Into `split_k` parts, or fewer where there is no memory or nothing to do for them.
    fn cut(tile: Tile, batch: usize, [m, k, n]: [usize; 3], split_k: usize) -> Self {
        let [rows, columns] = tile.sides();
        let (tiles_m, tiles_n) = (m.div_ceil(rows), n.div_ceil(columns));
        let whole = (tiles_m * tiles_n * batch).max(1);
        let by_memory = (MOST_PARTIAL_WORDS / (batch * m * n).max(1)).max(1);
        let split_k = split_k.min(by_memory).max(1);
        let k_each = k.div_ceil(split_k).next_multiple_of(DEPTH).max(DEPTH);
        let split_k = k.div_ceil(k_each).max(1);
        Self { tile, tiles_m, tiles_n, split_k, k_each, groups: whole * split_k }
    }
}

/// Into how many parts, and of how many terms each, sums are cut that one invocation each computes.
pub(crate) fn direct_splits(outputs: usize, terms: usize, target: &GpuTarget) -> [usize; 2] {
    let invocations = target.workgroups_wanted * 64;
    let split_k = invocations.div_ceil(outputs.max(1)).min(terms / LEAST_TERMS);
    direct_cut(terms, split_k.min(MOST_DIRECT_SPLITS))
}

/// Terms in `split_k` parts, or fewer.
pub(crate) fn direct_cut(terms: usize, split_k: usize) -> [usize; 2] {
    let split_k = split_k.max(1);
    let k_each = terms.div_ceil(split_k).next_multiple_of(DEPTH).max(DEPTH);
    [terms.div_ceil(k_each).max(1), k_each]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::target::{AdapterKind, AdapterTraits};

    #[test]
    fn terms_are_split_only_where_tiles_are_few() {
        let target = GpuTarget::default();
        assert_eq!(Tiling::any(1, [4096, 1024, 4096], &target).split_k, 1);
        let weight_gradient = Tiling::large(1, [64, 64 * 28 * 28, 576], &target);
        assert_eq!(weight_gradient.split_k, 28);
        assert!(weight_gradient.split_k * weight_gradient.k_each >= 64 * 28 * 28);
        assert_eq!(Tiling::any(1, [128, 3136, 32], &target).tile, Tile::Small);
        let software = GpuTarget::new(&AdapterTraits::of(AdapterKind::Software));
        assert_eq!(Tiling::any(1, [32, 784, 784], &software).tile, Tile::Wide);
    }

    #[test]
    fn parts_cover_all_terms() {
        for k in 1..3000 {
            let tiling = Tiling::any(1, [64, k, 64], &GpuTarget::default());
            assert!(
                tiling.split_k * tiling.k_each >= k && (tiling.split_k - 1) * tiling.k_each < k
            );
        }
    }
}
