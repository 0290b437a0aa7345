//! Who made an adapter, and what follows for products: how many sums its registers hold, and how many workgroups it
//! has at work. One table, by what compilers for these chips make of the kernels (docs/chips.md).

use super::adapter::{AdapterKind, AdapterTraits};
use super::half::HalfTerms;
use super::matrices::Matrices;
use super::tile::{Sums, Tile};
use super::units;

/// Makers whose GPUs have registers of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Maker {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// Intel, up to Arc's first generation: 128 registers a thread.
    Intel,
    /// Intel from Xe2 on: twice as many, at 16 lanes or more.
    #[cfg_attr(feature = "cli", value(name = "intel-xe2"))]
    IntelXe2,
    /// Apple, M1 and M2.
    Apple,
    /// Apple from M3 on, whose registers are given out as a kernel runs.
    #[cfg_attr(feature = "cli", value(name = "apple-m3"))]
    AppleM3,
    /// Arm.
    Mali,
    /// Qualcomm.
    Adreno,
    /// Anyone else.
    Unknown,
}

/// What the tiles of products are chosen by.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    /// Compute units, cores, or whatever has workgroups of its own.
    pub units: usize,
    /// Sums that a unit has to have at work, so that it waits for nothing.
    pub sums: usize,
    /// What a second pass that adds up parts costs, in multiply-adds of a unit.
    pub launch: usize,
    /// What that pass and the first one take for a number of a part, written and read, likewise.
    pub part: usize,
    /// The tiles, largest first.
    pub tiles: Vec<Tile>,
    /// Those of its matrix units.
    pub matrix_tiles: Vec<Tile>,
    /// Whether what a step reads is in registers while the step before it is multiplied.
    pub prefetches: bool,
}

/// For few rows and columns.
const SMALL: Tile = Tile::new([32, 32], Sums::FourByFour, 180);
/// For few columns.
const SLIM: Tile = Tile::new([64, 32], Sums::FourByEight, 130);

/// Where an invocation may have 128 registers, and two groups of 256 or more invocations still run at once.
const BROAD: [Tile; 6] = [
    Tile::new([128, 128], Sums::EightByEight, 90),
    Tile::new([64, 128], Sums::EightByEight, 95),
    Tile::new([64, 64], Sums::EightByEight, 100),
    Tile::new([32, 128], Sums::EightByEight, 110),
    SLIM,
    SMALL,
];

/// Where it may have 64 to 96.
const MIDDLE: [Tile; 5] = [
    Tile::new([64, 128], Sums::FourByEight, 120),
    Tile::new([64, 64], Sums::FourByEight, 125),
    Tile::new([32, 128], Sums::FourByEight, 130),
    SLIM,
    SMALL,
];

/// Where it may have fewer.
const NARROW: [Tile; 3] = [
    Tile::new([64, 64], Sums::FourByFour, 160),
    Tile::new([32, 128], Sums::FourByFour, 165),
    SMALL,
];

/// A processor's, whose invocations work alone: tiles say no more than which outputs are neighbours.
const ALONE: [Tile; 4] = [
    Tile::new([32, 32], Sums::FourByFour, 100),
    Tile::new([16, 64], Sums::FourByFour, 100),
    Tile::new([64, 16], Sums::FourByFour, 100),
    Tile::new([4, 64], Sums::FourByFour, 100),
];

/// llvmpipe's: no registers are short, and small tiles take three times as long by output.
const LANES: [Tile; 4] = [
    Tile::new([64, 64], Sums::EightByEight, 100),
    Tile::new([64, 96], Sums::EightByEight, 100),
    Tile::new([32, 128], Sums::EightByEight, 105),
    Tile::new([32, 32], Sums::FourByFour, 300),
];

impl Maker {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Nvidia,
        Self::Amd,
        Self::Intel,
        Self::IntelXe2,
        Self::Apple,
        Self::AppleM3,
        Self::Mali,
        Self::Adreno,
        Self::Unknown,
    ];

    /// Who made an adapter, by PCI's number or, where a driver gives none, by its name.
    pub fn of(adapter: &AdapterTraits) -> Self {
        let name = adapter.name.to_lowercase();
        match adapter.vendor {
            0x10de => Self::Nvidia,
            0x1002 => Self::Amd,
            // No subgroup of Xe2 has eight invocations.
            0x8086 if adapter.subgroup_sizes.is_some_and(|[least, _]| least >= 16) => {
                Self::IntelXe2
            }
            0x8086 => Self::Intel,
            0x13b5 => Self::Mali,
            0x5143 => Self::Adreno,
            0x106b => apple(&name),
            _ if name.contains("apple") => apple(&name),
            _ => Self::Unknown,
        }
    }

    /// An adapter of this maker, of which nothing else is known: a newer one, with f16 and the maker's matrix units,
    /// where kernels are written for those. Intel's take no squares.
    pub fn typical(self) -> AdapterTraits {
        let (vendor, kind, name) = match self {
            Self::Nvidia => (0x10de, AdapterKind::Discrete, ""),
            Self::Amd => (0x1002, AdapterKind::Discrete, ""),
            Self::Intel | Self::IntelXe2 => (0x8086, AdapterKind::Integrated, ""),
            Self::Apple => (0x106b, AdapterKind::Integrated, "Apple M1"),
            Self::AppleM3 => (0x106b, AdapterKind::Integrated, "Apple M3"),
            Self::Mali => (0x13b5, AdapterKind::Integrated, ""),
            Self::Adreno => (0x5143, AdapterKind::Integrated, ""),
            Self::Unknown => (0, AdapterKind::Discrete, ""),
        };
        let subgroup_sizes = match self {
            Self::IntelXe2 => Some([16, 32]),
            Self::Nvidia | Self::Apple | Self::AppleM3 => Some([32, 32]),
            Self::Amd => Some([32, 64]),
            _ => None,
        };
        let matrices = match self {
            Self::Nvidia | Self::Amd => Some(Matrices::F16By16),
            Self::Apple | Self::AppleM3 => Some(Matrices::F32By8),
            _ => None,
        };
        AdapterTraits {
            vendor,
            name: name.into(),
            subgroup_sizes,
            max_workgroup_bytes: 32 << 10,
            f16: true,
            matrices,
            ..AdapterTraits::of(kind)
        }
    }

    /// Units of one of its adapters, by its name, or those of a middling one.
    fn units(self, adapter: &AdapterTraits) -> usize {
        if matches!(self, Self::Nvidia | Self::Amd | Self::Intel | Self::IntelXe2)
            && let Some(units) = units::published(&adapter.name.to_lowercase())
        {
            return units;
        }
        match (self, adapter.kind) {
            (Self::Apple | Self::AppleM3, _) => apple_cores(&adapter.name.to_lowercase()),
            (Self::Intel | Self::IntelXe2, AdapterKind::Discrete) => 28,
            (Self::Intel | Self::IntelXe2 | Self::Mali | Self::Adreno, _) => 8,
            (Self::Amd, AdapterKind::Integrated) => 12,
            (_, AdapterKind::Integrated) => 16,
            (_, AdapterKind::Discrete) => 64,
            (_, AdapterKind::Software) => 4,
        }
    }
}

/// By the name's chip, such as "apple m3 pro"; what is not known is taken to be a first one.
fn apple(name: &str) -> Maker {
    let generation =
        name.split_once(" m").map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
    match generation.and_then(|number| number.parse::<u32>().ok()) {
        Some(3..) => Maker::AppleM3,
        _ => Maker::Apple,
    }
}

/// Of a chip, by its size.
fn apple_cores(name: &str) -> usize {
    match () {
        () if name.contains("ultra") => 64,
        () if name.contains("max") => 32,
        () if name.contains("pro") => 16,
        () => 8,
    }
}

impl Chip {
    /// What is known of an adapter.
    pub fn of(adapter: &AdapterTraits) -> Self {
        let maker = Maker::of(adapter);
        let units = maker.units(adapter);
        let software = adapter.kind == AdapterKind::Software;
        let tiles: &[Tile] = match maker {
            _ if adapter.has_eight_lanes() => &LANES,
            _ if software => &ALONE,
            Maker::Nvidia | Maker::Amd | Maker::AppleM3 => &BROAD,
            Maker::IntelXe2 | Maker::Apple => &MIDDLE,
            Maker::Intel | Maker::Mali | Maker::Adreno => &NARROW,
            Maker::Unknown if adapter.kind == AdapterKind::Discrete => &BROAD,
            Maker::Unknown => &NARROW,
        };
        let (launch, part) = match maker {
            _ if software => (100_000, 4),
            // 2 us and 8 bytes at 3.3 TB/s, as an H200 was seen to take them.
            Maker::Nvidia => (500_000, 1),
            _ => (1_000_000, 4),
        };
        let fits = |tile: &Tile| tile.bytes() <= adapter.max_workgroup_bytes as usize;
        let matrix_tiles = matrix_tiles(adapter).filter(fits).collect();
        Self {
            units,
            sums: if software { 1 } else { 8192 },
            launch,
            part,
            tiles: tiles.iter().copied().filter(fits).collect(),
            matrix_tiles,
            prefetches: matches!(maker, Maker::Nvidia | Maker::Amd) && !software,
        }
    }

    /// The tiles for terms as they are kept. Matrix units serve those alone that may be f16.
    pub(crate) fn tiles_for(&self, terms: Option<HalfTerms>) -> impl Iterator<Item = Tile> {
        let by_matrices = self.matrix_tiles.iter().filter(move |_| terms.is_some());
        by_matrices.chain(&self.tiles).copied()
    }
}

/// Rows and columns of tiles for matrix units, with what an output costs, by how many numbers are brought for a
/// multiply-add, of which the units do several while others do one. Two thirds of these, and five thirds, made steps
/// slower on an H200.
const BY_MATRICES: [([usize; 2], usize); 5] =
    [([64, 128], 60), ([64, 64], 67), ([32, 128], 75), ([64, 32], 90), ([32, 32], 112)];

/// The tiles of an adapter's matrix units.
fn matrix_tiles(adapter: &AdapterTraits) -> impl Iterator<Item = Tile> {
    let known = adapter.matrices.zip(adapter.subgroup_sizes);
    let software = adapter.kind == AdapterKind::Software;
    let tiles = known.into_iter().flat_map(move |(of, [_, most])| {
        let lanes = match Maker::of(adapter) {
            _ if software => most,
            // Metal says the same of every GPU, 4 to 64.
            Maker::Apple | Maker::AppleM3 => 32,
            // GPUs read a line of each operand, or four, an invocation; smaller subgroups compute the same then.
            _ => most.max(32),
        } as usize;
        // Units of f32 are no faster than others; they bring less.
        let cost = move |cost: usize| if of.rounds() { cost } else { cost * 4 / 3 };
        BY_MATRICES
            .map(|(sides, least)| Tile::new(sides, Sums::Matrices { of, lanes }, cost(least)))
    });
    tiles.filter(|tile| {
        tile.invocations() <= 256 && matches!(tile.sums, Sums::Matrices { lanes: ..=64, .. })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::tile::DEPTH;

    fn named(vendor: u32, name: &str, kind: AdapterKind) -> AdapterTraits {
        AdapterTraits { vendor, name: name.into(), ..AdapterTraits::of(kind) }
    }

    #[test]
    fn makers_are_known_by_number_or_name() {
        use AdapterKind::{Discrete, Integrated};
        for (adapter, expected, units) in [
            (named(0x10de, "NVIDIA GeForce RTX 4090", Discrete), Maker::Nvidia, 128),
            (named(0x10de, "NVIDIA GeForce GTX 980", Discrete), Maker::Nvidia, 64),
            (named(0x1002, "AMD Radeon RX 6800", Discrete), Maker::Amd, 60),
            (named(0x1002, "AMD Radeon 780M", Integrated), Maker::Amd, 12),
            (named(0x8086, "Intel(R) Arc(TM) A770", Discrete), Maker::Intel, 32),
            (named(0x8086, "Intel(R) Iris(R) Xe Graphics", Integrated), Maker::Intel, 8),
            // Metal says no number.
            (named(0, "Apple M1", Integrated), Maker::Apple, 8),
            (named(0, "Apple M2 Max", Integrated), Maker::Apple, 32),
            (named(0x106b, "Apple M2 Pro (G14S B0)", Integrated), Maker::Apple, 16),
            (named(0, "Apple M3 Ultra", Integrated), Maker::AppleM3, 64),
            (named(0, "Apple M10", Integrated), Maker::AppleM3, 8),
            (named(0, "Apple Paravirtual device", Integrated), Maker::Apple, 8),
            (named(0x13b5, "Mali-G715", Integrated), Maker::Mali, 8),
            (named(0x5143, "Adreno (TM) 740", Integrated), Maker::Adreno, 8),
            (named(0x1ae0, "anything", Discrete), Maker::Unknown, 64),
            (named(0, "", Integrated), Maker::Unknown, 16),
        ] {
            assert_eq!(
                (Maker::of(&adapter), Chip::of(&adapter).units),
                (expected, units),
                "{adapter:?}"
            );
        }
        let xe2 = AdapterTraits { subgroup_sizes: Some([16, 32]), ..Maker::Intel.typical() };
        assert_eq!(Maker::of(&xe2), Maker::IntelXe2);
        for maker in Maker::ALL {
            assert_eq!(Maker::of(&maker.typical()), maker);
        }
    }

    #[test]
    fn tiles_are_those_that_registers_hold() {
        let most = |maker: Maker| {
            let sums = Chip::of(&maker.typical()).tiles.into_iter().map(|tile| tile.sums.count());
            sums.max()
        };
        for maker in [Maker::Nvidia, Maker::Amd, Maker::AppleM3, Maker::Unknown] {
            assert_eq!(most(maker), Some(64), "{maker:?}");
        }
        for maker in [Maker::IntelXe2, Maker::Apple] {
            assert_eq!(most(maker), Some(32), "{maker:?}");
        }
        for maker in [Maker::Intel, Maker::Mali, Maker::Adreno] {
            assert_eq!(most(maker), Some(16), "{maker:?}");
        }
        assert_eq!(Chip::of(&AdapterTraits::llvmpipe()).tiles, LANES);
    }

    #[test]
    fn tiles_are_within_the_limits_of_every_adapter() {
        for maker in Maker::ALL {
            for tile in Chip::of(&maker.typical()).tiles {
                // WebGPU promises 256 invocations, and that many bytes.
                assert!((64..=256).contains(&tile.invocations()), "{tile:?}");
                assert!(tile.bytes() <= 32 << 10, "{tile:?}");
                // Sums of an operand's own numbers are added up in B's tile, a vec4 an invocation.
                assert!(DEPTH * (tile.columns / 4 + 1) >= tile.invocations(), "{tile:?}");
            }
            let small = AdapterTraits { max_workgroup_bytes: 16 << 10, ..maker.typical() };
            let tiles = Chip::of(&small).tiles;
            assert!(tiles.iter().all(|tile| tile.bytes() <= 16 << 10), "{tiles:?}");
            assert!(tiles.contains(&SMALL), "{tiles:?}");
        }
    }
}
