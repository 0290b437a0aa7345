//! Every operation on the GPU against the same on the CPU, with its gradients: checked shaders,
//! random shapes, memory full of NaN beforehand, fused and not fused.

mod support;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use support::case::{Case, Results};
use support::compare::difference;
use support::devices::{cpu, gpu};
use support::rooms;

/// Cases an operation. The numbers are drawn from one fixed seed, so that a failure is seen again.
const CASES: u32 = 40;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(20_240_917),
        failure_persistence: None,
        max_shrink_iters: 40,
        ..ProptestConfig::default()
    }
}

fn compare(case: &Case, what: &str, expected: &Results, actual: &Results) -> Result<(), String> {
    for ((name, expected), (_, actual)) in expected.iter().zip(actual) {
        if let Some(difference) = difference(expected, actual, case.tolerance) {
            return Err(format!("{what}: {name} of {case:?}: {difference}"));
        }
    }
    Ok(())
}

/// Runs cases of one room on a GPU that is opened once.
fn check(cases: impl Strategy<Value = Case>) {
    let mut gpu = gpu();
    let gpu = std::cell::RefCell::new(&mut gpu);
    let result = TestRunner::new(config()).run(&cases, |case| {
        let fail = |error: diabolo::error::Error| TestCaseError::fail(error.to_string());
        let drawn = case.draw().map_err(fail)?;
        let reference = drawn.run(&mut cpu(), false).map_err(fail)?;
        for fuse in [false, true] {
            let on_cpu = drawn.run(&mut cpu(), fuse).map_err(fail)?;
            let on_gpu = drawn.run(&mut **gpu.borrow_mut(), fuse).map_err(fail)?;
            let fused = if fuse { "fused" } else { "not fused" };
            for (place, results) in [("CPU", &on_cpu), ("GPU", &on_gpu)] {
                compare(&case, &format!("{place}, {fused}"), &reference, results)
                    .map_err(TestCaseError::fail)?;
            }
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
