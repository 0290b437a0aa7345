//! How a product is cut into tiles for a GPU: which tile, and into how many parts its terms go.

use crate::ops::half::HalfTerms;
use crate::ops::kernel::{Dispatch, Kernel};
use crate::ops::matrices::Matrices;
use crate::ops::needs::Replacement;
use crate::ops::target::GpuTarget;
use crate::ops::tile::{DEPTH, Sums, Tile};
use crate::ops::tuning::Variant;

/// Other sums than a kernel's text says: fewer an invocation, or those of matrix units.
pub(crate) const SUMS_4X8: Replacement = ("sums_8x8", "sums_4x8");
pub(crate) const SUMS_4X4: Replacement = ("sums_8x8", "sums_4x4");
pub(crate) const SUMS_4X4_MATRICES: Replacement = ("sums_8x8", "sums_4x4_matrices");
pub(crate) const SUMS_2X2_MATRICES: Replacement = ("sums_8x8", "sums_2x2_matrices");
pub(crate) const TILE_OF_MATRICES: Replacement = ("tile", "tile_of_matrices");
pub(crate) const F16_BY_8: Replacement = ("f32_by_8", "f16_by_8");
pub(crate) const F16_BY_16: Replacement = ("f32_by_8", "f16_by_16");

/// A kernel in all its variants, see [`Tile::variant_of`], named after the first; `$part` are further replacements.
macro_rules! by_sums {
    ($kernel:expr, $name:literal $(, $part:expr)*) => {{
        use $crate::ops::product::tiles::*;
        [
            $kernel.named($name).replacing(&[$($part),*]),
            $kernel.named(concat!($name, "_4x8")).replacing(&[$($part,)* SUMS_4X8]),
            $kernel.named(concat!($name, "_4x4")).replacing(&[$($part,)* SUMS_4X4]),
            $kernel.named(concat!($name, "_f32_by_8")).replacing(&[
                $($part,)* TILE_OF_MATRICES, SUMS_4X4_MATRICES,
            ]),
            $kernel.named(concat!($name, "_f16_by_8")).replacing(&[
                $($part,)* TILE_OF_MATRICES, SUMS_4X4_MATRICES, F16_BY_8,
            ]),
            $kernel.named(concat!($name, "_f16_by_16")).replacing(&[
                $($part,)* TILE_OF_MATRICES, SUMS_2X2_MATRICES, F16_BY_16,
            ]),
        ]
    }};
}
pub(crate) use by_sums;

/// A kernel by the sums of its tile.
pub(crate) type BySums = [Kernel; 6];

impl Tile {
    /// Sets the constants of `tile.wgsl` and `steps.wgsl`, or of `tile_of_matrices.wgsl`, for `terms` as they are kept.
    pub(crate) fn constants(
        self,
        dispatch: Dispatch,
        terms: Option<HalfTerms>,
        target: &GpuTarget,
    ) -> Dispatch {
        let dispatch = dispatch
            .constant("TILE_M", self.rows as u32)
            .constant("TILE_N", self.columns as u32)
            .constant("THREADS", self.invocations() as u32)
            .constant("PREFETCH", u32::from(target.chip.prefetches));
        let Sums::Matrices { of, lanes } = self.sums else { return dispatch };
        let dispatch = dispatch.constant("LANES", lanes as u32);
        match terms.filter(|_| of.rounds()) {
            None => dispatch,
            Some(HalfTerms { exponents: [a, b] }) => dispatch
                .constant("SCALE_A", (a as f32).exp2())
                .constant("SCALE_B", (b as f32).exp2()),
        }
    }

    /// The variant with this tile's sums among a kernel's.
    pub(crate) fn variant_of(self, kernels: &'static BySums) -> &'static Kernel {
        let [eight_by_eight, four_by_eight, four_by_four, f32_by_8, f16_by_8, f16_by_16] = kernels;
        match self.sums {
            Sums::EightByEight => eight_by_eight,
            Sums::FourByEight => four_by_eight,
            Sums::FourByFour => four_by_four,
            Sums::Matrices { of: Matrices::F32By8, .. } => f32_by_8,
            Sums::Matrices { of: Matrices::F16By8, .. } => f16_by_8,
            Sums::Matrices { of: Matrices::F16By16, .. } => f16_by_16,
        }
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

/// Terms below which a part of sums without tiles is not worth its second pass: 16 for each invocation.
const LEAST_TERMS: usize = 1024;

/// Parts of sums without tiles beyond which adding them up, one after the other, takes longest.
const MOST_DIRECT_SPLITS: usize = 128;

/// Workgroups a unit beyond which parts no longer keep it busier.
const MOST_GROUPS_A_UNIT: usize = 8;

/// The most words of partial sums.
const MOST_PARTIAL_WORDS: usize = 1 << 22;

impl Tiling {
    /// The cut that was chosen by measuring, with one of the adapter's tiles.
    pub fn chosen(
        variant: Variant,
        batch: usize,
        sizes: [usize; 3],
        target: &GpuTarget,
    ) -> Option<Self> {
        let tile = target.chip.tiles.iter().find(|tile| tile.sides() == variant.tile)?;
        Some(Self::cut(*tile, batch, sizes, variant.splits))
    }

    /// The cut that takes least time for a product of these sizes, by [`Tiling::time`], of terms as they are kept.
    pub fn best(
        batch: usize,
        sizes: [usize; 3],
        terms: Option<HalfTerms>,
        target: &GpuTarget,
    ) -> Self {
        let best = Self::best_of(target.chip.tiles_for(terms), batch, sizes, target);
        best.expect("every chip has tiles")
    }

    /// The same by one of these tiles.
    pub fn best_of(
        tiles: impl Iterator<Item = Tile>,
        batch: usize,
        sizes: [usize; 3],
        target: &GpuTarget,
    ) -> Option<Self> {
        let cuts = tiles.flat_map(|tile| {
            let whole = Self::cut(tile, batch, sizes, 1);
            let most = (target.chip.units * MOST_GROUPS_A_UNIT).div_ceil(whole.groups);
            (1..=most).map(move |split_k| Self::cut(tile, batch, sizes, split_k))
        });
        cuts.min_by_key(|cut| cut.time(target))
    }

    /// The same, with all terms of an output in one part.
    pub fn whole(
        batch: usize,
        sizes: [usize; 3],
        terms: Option<HalfTerms>,
        target: &GpuTarget,
    ) -> Self {
        let cuts = target.chip.tiles_for(terms).map(|tile| Self::cut(tile, batch, sizes, 1));
        cuts.min_by_key(|cut| cut.time(target)).expect("every chip has tiles")
    }

    /// How long a product takes, as multiply-adds of a unit: units do their workgroups one after the other, and
    /// are not busy with few; parts are added up by a second pass.
    fn time(&self, target: &GpuTarget) -> usize {
        let Self { tile, split_k, k_each, groups, .. } = *self;
        let outputs = tile.rows * tile.columns;
        let rounds = groups.div_ceil(target.chip.units).max(target.chip.sums / outputs);
        let products = rounds * outputs * k_each / 100 * tile.cost;
        let partial = groups * outputs;
        products + if split_k > 1 { target.chip.launch + target.chip.part * partial } else { 0 }
    }

    /// Into `split_k` parts, or fewer where there is no memory or nothing to do for them.
    fn cut(tile: Tile, batch: usize, [m, k, n]: [usize; 3], split_k: usize) -> Self {
        let (tiles_m, tiles_n) = (m.div_ceil(tile.rows), n.div_ceil(tile.columns));
        let whole = (tiles_m * tiles_n * batch).max(1);
        let by_memory = (MOST_PARTIAL_WORDS / (batch * m * n).max(1)).max(1);
        let split_k = split_k.min(by_memory).max(1);
        let k_each = k.div_ceil(split_k).next_multiple_of(DEPTH).max(DEPTH);
        let split_k = k.div_ceil(k_each).max(1);
        Self { tile, tiles_m, tiles_n, split_k, k_each, groups: whole * split_k }
    }
}

/// Into how many parts, and of how many terms each, sums are cut that so many workgroups without tiles compute.
pub(crate) fn direct_splits(groups: usize, terms: usize, target: &GpuTarget) -> [usize; 2] {
    let split_k = target.chip.units * MOST_GROUPS_A_UNIT / groups.max(1);
    direct_cut(terms, split_k.min(terms / LEAST_TERMS).min(MOST_DIRECT_SPLITS))
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
    use crate::ops::adapter::AdapterTraits;
    use crate::ops::maker::Maker;

    fn target(maker: Maker) -> GpuTarget {
        GpuTarget::new(&maker.typical())
    }

    fn best(sizes: [usize; 3], maker: Maker) -> ([usize; 2], usize) {
        let tiling = Tiling::best(1, sizes, None, &target(maker));
        (tiling.tile.sides(), tiling.split_k)
    }

    #[test]
    fn large_products_have_the_largest_tiles_and_one_part() {
        for (maker, sides) in [
            (Maker::Nvidia, [128, 128]),
            (Maker::Amd, [128, 128]),
            (Maker::Apple, [64, 128]),
            (Maker::Intel, [64, 64]),
        ] {
            assert_eq!(best([4096, 1024, 4096], maker), (sides, 1), "{maker:?}");
        }
    }

    #[test]
    fn few_rows_have_tiles_of_few_rows() {
        assert_eq!(best([32, 784, 1 << 16], Maker::Nvidia), ([32, 128], 1));
        assert_eq!(best([32, 784, 1 << 16], Maker::Intel), ([32, 128], 1));
        let software = GpuTarget::new(&AdapterTraits::llvmpipe());
        assert_eq!(Tiling::best(1, [32, 784, 784], None, &software).tile.sides(), [32, 128]);
        assert_eq!(Tiling::best(1, [256, 784, 64], None, &software).tile.sides(), [64, 64]);
    }

    #[test]
    fn terms_are_cut_where_tiles_are_fewer_than_units() {
        for maker in [Maker::Nvidia, Maker::Intel, Maker::Apple] {
            let weight_gradient = Tiling::best(1, [64, 64 * 28 * 28, 576], None, &target(maker));
            let Tiling { groups, split_k, k_each, .. } = weight_gradient;
            assert!(groups >= target(maker).chip.units, "{maker:?}: {weight_gradient:?}");
            assert!(split_k * k_each >= 64 * 28 * 28);
        }
        // Parts may be shorter than 256 terms, but not so short that the second pass takes longer than they save.
        let Tiling { split_k, k_each, .. } =
            Tiling::best(1, [256, 784, 64], None, &target(Maker::Nvidia));
        assert!(split_k > 1 && k_each < 256, "{split_k} parts of {k_each}");
        assert_eq!(Tiling::best(1, [64, 64, 64], None, &target(Maker::Nvidia)).split_k, 1);
    }

    #[test]
    fn parts_cover_all_terms() {
        for maker in Maker::ALL {
            let target = target(maker);
            for k in 1..1500 {
                let Tiling { split_k, k_each, .. } = Tiling::best(1, [64, k, 64], None, &target);
                assert!(split_k * k_each >= k && (split_k - 1) * k_each < k);
            }
        }
    }
}
