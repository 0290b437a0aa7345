//! Every tile that a GPU of any maker may be given, on the adapter at hand: alone, so that it is taken for small
//! products, too, and its edges are seen.

mod support;

use diabolo::error::Error;
use diabolo::ops::{Chip, GpuTarget, Maker, Tile};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use rayon::prelude::*;
use support::case::Case;
use support::compare::difference;
use support::devices::{cpu, gpu_with};
use support::rooms;

/// Targets with one tile each, of all that there are, as its first maker has it; with few units, so that terms are
/// cut into parts where there are many.
fn targets() -> Vec<GpuTarget> {
    let mut known: Vec<(Tile, bool)> = vec![];
    for target in Maker::ALL.map(|maker| GpuTarget::new(&maker.typical())) {
        for tile in target.chip.tiles {
            let way = (tile, target.chip.prefetches);
            if !known.contains(&way) {
                known.push(way);
            }
        }
    }
    let alone = |(tile, prefetches)| {
        let chip = Chip {
            units: 8,
            sums: 1,
            launch: 0,
            part: 0,
            tiles: vec![tile],
            matrix_tiles: vec![],
            prefetches,
        };
        GpuTarget { chip, ..GpuTarget::new(&Maker::Unknown.typical()) }
    };
    known.into_iter().map(alone).collect()
}

/// A case of a room, other than for other targets.
fn sample(cases: impl Strategy<Value = Case>, number: usize) -> Case {
    let config = Config { rng_seed: RngSeed::Fixed(number as u64), ..Config::default() };
    let mut runner = TestRunner::new(config);
    cases.new_tree(&mut runner).expect("a room has cases").current()
}

fn check(number: usize, target: &GpuTarget) -> Result<(), Error> {
    let cases = [
        sample(rooms::matmul_batched(), number),
        sample(rooms::matmul_fused(), number),
        sample(rooms::dense_layers(), number),
        sample(rooms::conv2d_fused(), number),
        sample(rooms::conv_transpose2d_fused(), number),
    ];
    let mut gpu = gpu_with(target.clone());
    for case in cases {
        let drawn = case.draw()?;
        let expected = drawn.run(&mut cpu(), false)?;
        let actual = drawn.run(&mut gpu, true)?;
        for ((name, expected), (_, actual)) in expected.iter().zip(&actual) {
            let difference = difference(expected, actual, case.tolerance);
            assert_eq!(difference, None, "{name} of {case:?} with {:?}", target.chip);
        }
    }
    Ok(())
}

#[test]
fn every_tile_of_every_maker_gives_what_the_processor_gives() {
    let targets = targets();
    assert_eq!(targets.len(), 17, "a tile is new or gone");
    targets.par_iter().enumerate().for_each(|(number, target)| {
        check(number, target).unwrap_or_else(|error| panic!("{:?}: {error}", target.chip));
    });
}
