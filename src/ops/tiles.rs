//! How a product is cut into tiles for a GPU: which tile, and into how many parts its terms go.

use super::{AdapterKind, Dispatch, GpuTarget, Kernel, Variant};

/// The outputs of one workgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tile {
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

    /// Its number in a [`Variant`]: its columns.
    pub fn number(self) -> usize {
        self.sides()[1]
    }
}

/// A cut of a product of `[m, k]` and `[k, n]`, `batch` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tiling {
    /// The tile.
    pub tile: Tile,
    /// Tiles along m.
    pub tiles_m: usize,
    /// Tiles along n.
    pub tiles_n: usize,
    /// Into how many parts the terms are cut; a second pass adds the parts up, in order.
    pub splits: usize,
    /// Terms of one part, a multiple of [`DEPTH`].
    pub k_each: usize,
    /// All workgroups.
    pub groups: usize,
}

/// Terms that lie in workgroup memory at a time.
pub(super) const DEPTH: usize = 16;

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
        // By lanes, an output of a small tile takes three times as long as one of a larger tile, so half
        // the cores make them sooner in large tiles than all of them in small ones.
        let worth = if by_lanes(target) { 3 } else { 2 };
        let starving =
            |tiling: &Self| tiling.groups < workgroups_wanted(target) && !by_lanes(target);
        if m <= 32 && 2 * area(&wide) <= 3 * area(&small) && !starving(&wide) {
            return wide;
        }
        if area(&large) >= worth * area(&small) || starving(&large) { small } else { large }
    }

    fn by(tile: Tile, batch: usize, [m, k, n]: [usize; 3], target: &GpuTarget) -> Self {
        let [rows, columns] = tile.sides();
        let whole = (m.div_ceil(rows) * n.div_ceil(columns) * batch).max(1);
        let splits = workgroups_wanted(target) / whole;
        Self::cut(tile, batch, [m, k, n], splits.min(k / LEAST_TERMS))
    }

    /// Into `splits` parts, or fewer where there is no memory or nothing to do for them.
    fn cut(tile: Tile, batch: usize, [m, k, n]: [usize; 3], splits: usize) -> Self {
        let [rows, columns] = tile.sides();
        let (tiles_m, tiles_n) = (m.div_ceil(rows), n.div_ceil(columns));
        let whole = (tiles_m * tiles_n * batch).max(1);
        let by_memory = (MOST_PARTIAL_WORDS / (batch * m * n).max(1)).max(1);
        let splits = splits.min(by_memory).max(1);
        let k_each = k.div_ceil(splits).next_multiple_of(DEPTH).max(DEPTH);
        let splits = k.div_ceil(k_each).max(1);
        Self { tile, tiles_m, tiles_n, splits, k_each, groups: whole * splits }
    }
}

/// Into how many parts, and of how many terms each, sums are cut that one invocation each computes.
pub(super) fn direct_splits(outputs: usize, terms: usize, target: &GpuTarget) -> [usize; 2] {
    let invocations = workgroups_wanted(target) * 64;
    let splits = invocations.div_ceil(outputs.max(1)).min(terms / LEAST_TERMS);
    direct_cut(terms, splits.min(MOST_DIRECT_SPLITS))
}

/// Terms in `splits` parts, or fewer.
pub(super) fn direct_cut(terms: usize, splits: usize) -> [usize; 2] {
    let splits = splits.max(1);
    let k_each = terms.div_ceil(splits).next_multiple_of(DEPTH).max(DEPTH);
    [terms.div_ceil(k_each).max(1), k_each]
}

/// A kernel that computes tiles, with either way of adding up their terms.
#[derive(Debug)]
pub(super) struct TiledKernel {
    /// Each invocation owns all that its sums need.
    pub alone: Kernel,
    /// The lanes of a subgroup share what they load.
    pub lanes: Kernel,
}

impl TiledKernel {
    /// The one for an adapter.
    pub fn on(&'static self, target: &GpuTarget) -> &'static Kernel {
        if by_lanes(target) { &self.lanes } else { &self.alone }
    }

    /// Sets what its entries of either kind need. A software adapter compiles the loop over terms in
    /// less time than terms that are spelled out, and runs it no slower.
    pub fn constants(dispatch: Dispatch, target: &GpuTarget) -> Dispatch {
        if by_lanes(target) {
            return dispatch;
        }
        dispatch.constant("UNROLLED", u32::from(target.kind != AdapterKind::Software))
    }

    /// Both, for lists.
    pub fn both(&'static self) -> [&'static Kernel; 2] {
        [&self.alone, &self.lanes]
    }
}

fn by_lanes(target: &GpuTarget) -> bool {
    target.eight_lanes && target.kind == AdapterKind::Software
}

/// The [`TiledKernel`] of `shaders/FILE.wgsl` under two names, after its parts of `shaders/shared/`, and
/// the sums of invocations, or of lanes, after these.
macro_rules! tiled_kernel {
    ($file:literal as $alone:literal, $lanes:literal: $($part:literal),*; $sums:literal, $by_lanes:literal) => {
        $crate::ops::tiles::TiledKernel {
            alone: $crate::ops::Kernel {
                name: $alone,
                ..$crate::kernel!($file, $($part,)* "terms", $sums)
            },
            lanes: $crate::ops::Kernel {
                name: $lanes,
                ..$crate::kernel!($file, $($part,)* "lanes", $by_lanes)
            },
        }
    };
}
pub(super) use tiled_kernel;

/// Workgroups that keep an adapter busy.
fn workgroups_wanted(target: &GpuTarget) -> usize {
    match target.kind {
        AdapterKind::Discrete => 256,
        AdapterKind::Integrated => 64,
        AdapterKind::Software => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_split_only_where_tiles_are_few() {
        let target = GpuTarget::default();
        assert_eq!(Tiling::any(1, [4096, 1024, 4096], &target).splits, 1);
        let weight_gradient = Tiling::large(1, [64, 64 * 28 * 28, 576], &target);
        assert_eq!(weight_gradient.splits, 28);
        assert!(weight_gradient.splits * weight_gradient.k_each >= 64 * 28 * 28);
        assert_eq!(Tiling::any(1, [128, 3136, 32], &target).tile, Tile::Small);
        let software = GpuTarget { kind: AdapterKind::Software, ..GpuTarget::default() };
        assert_eq!(Tiling::any(1, [32, 784, 784], &software).tile, Tile::Wide);
    }

    #[test]
    fn parts_cover_all_terms() {
        for k in 1..3000 {
            let tiling = Tiling::any(1, [64, k, 64], &GpuTarget::default());
            assert!(tiling.splits * tiling.k_each >= k && (tiling.splits - 1) * tiling.k_each < k);
        }
    }
}
