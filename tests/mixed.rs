//! Numbers that are f16 between operations: what a plan keeps so, what it saves, and that results are those
//! of f32 but for f16's 11 bits.

mod support;

use std::cell::{Cell, RefCell};

use diabolo::data::{Element, ImageShape};
use diabolo::error::Error;
use diabolo::gpu::GpuExecutor;
use diabolo::graph::{Area, Executor, HalfStorage, Plan};
use diabolo::inference::layout;
use diabolo::models::{Choices, Kind};
use diabolo::ops::{AdapterKind, AdapterTraits, GpuTarget, Storage};
use diabolo::rng::Seed;
use diabolo::tensor::Tensor;
use diabolo::train::{BatchShape, Config, Precision, training_plan};
use half::f16;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use support::case::{Case, Results};
use support::compare::norm;
use support::devices::{cpu, gpu_as, gpus_by_matrices};
use support::models::{Setup, conv, dense, everything_half, variant, variants};
use support::rooms;

/// Cases an operation.
const CASES: u32 = 4;
/// The most that a number moves when it becomes f16, as a share of it.
const ROUNDING: f32 = 1.0 / 2048.0;

/// The first number that is further off than f16 has bits for.
fn too_far(expected: &Results, actual: &Results, roundings: usize) -> Option<String> {
    let pairs = expected.iter().zip(actual);
    pairs.into_iter().find_map(|((name, expected), (_, actual))| {
        let largest = expected.data().iter().fold(0.1_f32, |most, x| most.max(x.abs()));
        let most = roundings as f32 * ROUNDING * largest;
        let mut pairs = expected.data().iter().zip(actual.data());
        // Written so that a NaN is wrong.
        let is_same = |e: f32, a: f32| e.to_bits() == a.to_bits() || e == a;
        let wrong = pairs.find(|(e, a)| !(is_same(**e, **a) || (*a - *e).abs() <= most))?;
        Some(format!("{name}: {} where {} is right, within {most:e}", wrong.1, wrong.0))
    })
}

/// What is kept by f16 and multiplied as f32, and where the adapter has matrix units, multiplied as f16.
fn gpus() -> Vec<GpuExecutor> {
    let stored = [AdapterKind::Discrete, AdapterKind::Software].map(gpu_as);
    stored.into_iter().chain(gpus_by_matrices()).collect()
}

fn check(cases: impl Strategy<Value = Case>) {
    let gpus = RefCell::new(gpus());
    let config = ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(20_261_129),
        failure_persistence: None,
        max_shrink_iters: 40,
        ..ProptestConfig::default()
    };
    let fused = Cell::new(false);
    let result = TestRunner::new(config).run(&cases, |case| {
        // Each operation meets both, and no case twice.
        fused.set(!fused.get());
        let fuse = fused.get();
        let fail = |error: Error| TestCaseError::fail(format!("{case:?}: {error}"));
        let mut case = case.clone().amid();
        // What the processor is given are f16 too.
        for (input, _) in case.inputs.iter_mut().zip(&case.differentiable).filter(|it| *it.1) {
            let numbers = input.data().iter().map(|x| f16::from_f32(*x).to_f32()).collect();
            *input = Tensor::new(input.shape().clone(), numbers).map_err(fail)?;
        }
        let mut drawn = case.draw().map_err(fail)?;
        let expected = drawn.run(&mut cpu(), false).map_err(fail)?;
        drawn.half = Some(everything_half());
        for gpu in &mut *gpus.borrow_mut() {
            let plan = drawn.plan(gpu.target(), fuse).map_err(fail)?;
            let actual = drawn.run(gpu, fuse).map_err(fail)?;
            if let Some(wrong) = too_far(&expected, &actual, plan.steps.len()) {
                return Err(TestCaseError::fail(format!("{case:?}, fused: {fuse}: {wrong}")));
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

macro_rules! half_tests {
    ($($room:ident),* $(,)?) => {mod operations {$(
        #[test]
        fn $room() {
            super::check(super::rooms::$room());
        }
    )*}};
}

for_each_room!(half_tests);

/// A step of training as on MNIST, on a GPU with f16 or without.
fn planned(kind: Kind, precision: Precision, f16: bool) -> diabolo::error::Result<Plan> {
    let images = ImageShape { channels: 1, height: 28, width: 28 };
    let recipe = kind.recipe(&Choices::default(), true).choices;
    let model = kind.model(images, 10, &recipe)?;
    let layout = layout(&model)?;
    let config = Config { batch: 128, precision, ..Config::new(model) };
    let (element, masked, paired) = (Element::Byte, false, false);
    let shape = BatchShape { images, masked, paired, element, batch: 128, room: 128 };
    let target = GpuTarget::new(&AdapterTraits { f16, ..AdapterTraits::default() });
    training_plan(&config, &layout, shape, Some(&target), true)
}

#[test]
fn activations_take_half_the_memory_and_the_state_as_much() {
    // What is sums, parts of sums, or small stays as it is: of dense layers a larger share.
    for (kind, most) in [(Kind::Conv, 0.55), (Kind::Vae, 0.8), (Kind::Vqvae, 0.7)] {
        let whole = planned(kind, Precision::F32, true).expect("can be planned");
        let half = planned(kind, Precision::Mixed, true).expect("can be planned");
        let share = half.memory.slots as f64 / whole.memory.slots as f64;
        assert!(share < most, "{kind:?}: {} of {}", half.memory, whole.memory);
        let rest = |plan: &Plan| (plan.memory.total() - plan.memory.slots, plan.steps.len());
        assert_eq!(rest(&half), rest(&whole), "{kind:?}");
        let locations = whole.steps.iter().flat_map(|step| step.inputs.iter().chain(&step.outputs));
        assert!(locations.into_iter().all(|at| at.storage == Storage::F32));
    }
}

#[test]
fn only_working_memory_is_f16_and_only_gradients_are_scaled() {
    let plan = planned(Kind::Conv, Precision::Mixed, true).expect("can be planned");
    let scaled = Storage::F16 { exponent: HalfStorage::of_batch(128).gradient_exponent };
    let mut seen = vec![];
    for step in &plan.steps {
        for at in step.inputs.iter().chain(&step.outputs).chain(&step.scratch) {
            let is_slot = matches!(at.area, Area::Slot(_));
            assert!(is_slot || at.storage == Storage::F32, "{}: {at:?}", step.op.name());
            assert!(at.length >= HalfStorage::LEAST || at.storage == Storage::F32, "{at:?}");
            seen.push(at.storage);
        }
        // Parts of sums.
        assert!(step.scratch.is_none_or(|at| at.storage == Storage::F32));
        // What reads a gradient and gives no parameter's gives one.
        let [gives, takes] =
            [&step.outputs, &step.inputs].map(|list| list.iter().any(|at| at.storage == scaled));
        let is_small = step.outputs[0].length < HalfStorage::LEAST;
        let ends = step.outputs.iter().any(|at| !matches!(at.area, Area::Slot(_)));
        assert!(!takes || gives || ends || is_small, "{}", step.op.name());
    }
    for storage in [Storage::F32, Storage::F16 { exponent: 0 }, scaled] {
        assert!(seen.contains(&storage), "nothing is {storage:?}");
    }
}

#[test]
fn devices_without_f16_are_refused_with_what_to_do() {
    let text = planned(Kind::Dense, Precision::Mixed, false).unwrap_err().to_string();
    assert!(text.starts_with("--precision") && text.contains("lacks"), "{text}");
    assert!(text.contains("give --precision f32, or another --device"), "{text}");
    planned(Kind::Dense, Precision::F32, false).expect("needs no f16");
}

/// Twenty steps of `setup` by f16 and by f32.
fn trains_as_f32_does(name: &str, setup: &Setup, gpu: &mut GpuExecutor) {
    let half = Setup { half: Some(everything_half()), ..setup.clone() };
    let start = setup.start(Seed(3));
    let expected = setup.train(&mut cpu(), &start, 0..20);
    let actual = half.train(gpu, &start, 0..20);
    for (step, (a, b)) in expected.losses.iter().zip(&actual.losses).enumerate() {
        // Written so that a NaN fails.
        assert!((a - b).abs() <= 0.01 * a.abs(), "{name}: loss of step {step}: {b}, not {a}");
    }
    let apart = |a: &[f32], b: &[f32]| norm(a.iter().zip(b).map(|(a, b)| a - b));
    let moved = apart(&start.parameters, &expected.state.parameters);
    let off = apart(&actual.state.parameters, &expected.state.parameters);
    assert!(off <= 0.1 * moved, "{name}: parameters are {off} off after a way of {moved}");
    assert_ne!(actual.state.parameters, expected.state.parameters, "{name}: nothing is f16");
}

#[test]
fn twenty_steps_go_the_way_of_f32() {
    let unclipped = Setup { clip_norm: None, ..conv() };
    let variational = variant(Kind::Vae, "--arch conv:4,6 --latent 6");
    for (name, setup) in
        [("dense", dense()), ("conv", conv()), ("unclipped", unclipped), ("vae", variational)]
    {
        gpus().iter_mut().for_each(|gpu| trains_as_f32_does(name, &setup, gpu));
    }
}

/// Numbers that are drawn by a comparison, or chosen by the largest, may be others by a rounding.
#[test]
fn every_variant_trains_by_f16() {
    for (name, setup) in variants() {
        println!("{name}");
        let half = Setup { half: Some(everything_half()), ..setup };
        let trained = half.train(&mut gpu_as(AdapterKind::Discrete), &half.start(Seed(3)), 0..20);
        assert!(trained.losses.iter().all(|loss| loss.is_finite()), "{name}: {:?}", trained.losses);
        assert!(trained.losses[19] < trained.losses[0], "{name}: {:?}", trained.losses);
    }
}

#[test]
fn a_run_by_f16_that_was_cut_in_two_ends_where_the_whole_one_does() {
    let half = Setup { half: Some(everything_half()), ..conv() };
    let start = half.start(Seed(7));
    let device = || gpu_as(AdapterKind::Discrete);
    let whole = half.train(&mut device(), &start, 0..10);
    let first = half.train(&mut device(), &start, 0..4);
    let mut rest = half.train(&mut device(), &first.state, 4..10);
    rest.losses.splice(0..0, first.losses);
    assert_eq!(whole, rest);
}
