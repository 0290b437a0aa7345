//! Every operation on the GPU against the same on the CPU, with its gradients: checked shaders, and
//! those that users run, random shapes, memory full of NaN beforehand, fused and not fused.

mod support;

use std::cell::{Cell, RefCell};

use diabolo::error::Error;
use diabolo::ops::AdapterKind;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use support::case::{Case, Drawn, Results};
use support::compare::difference;
use support::devices::{Device, cpu, gpu_as, trusted_gpu_as};
use support::rooms;

/// Cases an operation; `DIABOLO_TEST_CASES` says another number. They are drawn from one fixed seed, so that a
/// failure is seen again.
const CASES: u32 = 24;

fn cases() -> u32 {
    let Ok(text) = std::env::var("DIABOLO_TEST_CASES") else { return CASES };
    let count: std::num::NonZeroU32 =
        text.parse().unwrap_or_else(|error| panic!("DIABOLO_TEST_CASES is `{text}`: {error}"));
    count.get()
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: cases(),
        rng_seed: RngSeed::Fixed(20_240_917),
        failure_persistence: None,
        max_shrink_iters: 40,
        ..ProptestConfig::default()
    }
}

/// The results of `case` on `device` where they are not the reference's.
fn check_on(
    device: &mut dyn Device,
    case: &Case,
    drawn: &Drawn,
    reference: &Results,
    fuse: bool,
) -> Result<(), TestCaseError> {
    let place = if fuse { "fused" } else { "not fused" };
    let place = format!("{case:?} on {}, {place}", device.name());
    let results = drawn.run(device, fuse);
    let results = results.map_err(|error| TestCaseError::fail(format!("{place}: {error}")))?;
    for ((name, expected), (_, actual)) in reference.iter().zip(&results) {
        if let Some(difference) = difference(expected, actual, case.tolerance) {
            return Err(TestCaseError::fail(format!("{place}: {name}: {difference}")));
        }
    }
    Ok(())
}

/// Of how many cases one is run without checks, too: each takes as long again to compile.
const TRUSTED: u32 = 4;

/// Runs cases of one room on the CPU, and on the adapter with the kernels of a large GPU and with
/// those of the smallest. Some run as users run them, too: without checks, a driver compiles other
/// code.
fn check(cases: impl Strategy<Value = Case>) {
    let gpus = RefCell::new([AdapterKind::Discrete, AdapterKind::Software].map(gpu_as));
    let trusted = RefCell::new(trusted_gpu_as(AdapterKind::Discrete));
    let count = Cell::new(0_u32);
    let result = TestRunner::new(config()).run(&cases, |case| {
        let fail = |error: Error| TestCaseError::fail(format!("{case:?}: {error}"));
        let drawn = case.draw().map_err(fail)?;
        let plain = drawn.plan(None, false).map_err(fail)?;
        let fused = drawn.plan(None, true).map_err(fail)?;
        let reference = drawn.run(&mut cpu(), false).map_err(fail)?;
        let [large, small] = &mut *gpus.borrow_mut();
        check_on(large, &case, &drawn, &reference, true)?;
        check_on(small, &case, &drawn, &reference, true)?;
        if count.replace(count.get() + 1).is_multiple_of(TRUSTED) {
            check_on(&mut *trusted.borrow_mut(), &case, &drawn, &reference, true)?;
        }
        if plain.steps.len() != fused.steps.len() {
            check_on(&mut cpu(), &case, &drawn, &reference, true)?;
            check_on(small, &case, &drawn, &reference, false)?;
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

macro_rules! parity_tests {
    ($($room:ident),* $(,)?) => {$(
        #[test]
        fn $room() {
            check(rooms::$room());
        }
    )*};
}

for_each_room!(parity_tests);
