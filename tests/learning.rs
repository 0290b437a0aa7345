//! Every architecture that the options can spell learns on photographs, in 300 steps.

use std::thread;

use clap::Parser;
use diabolo::cpu::CpuExecutor;
use diabolo::data::Dataset;
use diabolo::error::Result;
use diabolo::models::Kind;
use diabolo::run::TrainArgs;
use diabolo::train::{Listener, Trainer};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestCaseResult, TestRunner};

/// Architectures that are drawn by each of these seeds, in a thread of its own: networks so small keep no more busy.
const CASES: u32 = 10;
const SEEDS: [u64; 4] = [12, 13, 14, 15];
const STEPS: usize = 300;
const BATCH: usize = 16;
/// A unit of which no held-out image makes more than this is dead.
const DEAD: f32 = 1e-3;

struct Quiet;

impl Listener for Quiet {
    fn advanced(&mut self, _images: usize, _loss: f64) {}
}

/// Parts of the photographs in `tests/photographs`.
fn parts(side: usize) -> Vec<String> {
    let folder = concat!("images:", env!("CARGO_MANIFEST_DIR"), "/tests/photographs");
    ["train", "--data", folder, "--device", "cpu", "--quiet", "--patches"]
        .map(String::from)
        .into_iter()
        .chain([format!("{side}x{side}")])
        .collect()
}

/// What a model has come to.
struct Outcome {
    /// Its squared error on held-out images, as a share of their variance.
    error: f64,
    /// The share of dead units of its code.
    dead: f64,
}

/// Trains the model of these options, with defaults for all else.
fn outcome(side: usize, kind: Kind, options: &[String]) -> Result<Outcome> {
    let words = parts(side).into_iter().chain(options.iter().cloned());
    let mut args = TrainArgs::try_parse_from(words).expect("options are right");
    let mut dataset = args.load()?;
    dataset.train = dataset.train.take(STEPS * BATCH);
    let epochs = (STEPS * BATCH).div_ceil(dataset.train.count);
    (args.epochs, args.batch) = (Some(epochs as u32), Some(BATCH));
    let config = args.config(&dataset, kind)?;
    let mut device = CpuExecutor::with_threads(1)?;
    let mut trainer = Trainer::new(&mut device, &config, &dataset)?;
    let mut mse = f64::NAN;
    for _ in 0..epochs {
        mse = trainer.epoch_of_training(&mut Quiet)?.test.get("mse");
    }
    let codes = trainer.inference().encode_dataset(&dataset, &dataset.test, usize::MAX)?;
    let mut greatest = vec![0.0_f32; codes.width];
    for code in codes.values.chunks(codes.width) {
        greatest.iter_mut().zip(code).for_each(|(most, value)| *most = most.max(value.abs()));
    }
    let dead = greatest.iter().filter(|most| **most <= DEAD).count() as f64;
    Ok(Outcome { error: mse / variance(&dataset), dead: dead / codes.width as f64 })
}

/// The mean squared error of the held-out images' mean.
fn variance(dataset: &Dataset) -> f64 {
    let (rows, width) = (&dataset.test.pixels, dataset.shape.elements());
    let mut sums = vec![(0.0, 0.0); width];
    for row in rows.chunks(width) {
        for ((sum, squares), byte) in sums.iter_mut().zip(row) {
            let pixel = f64::from(*byte) / 255.0;
            *sum += pixel;
            *squares += pixel * pixel;
        }
    }
    let count = dataset.test.count as f64;
    let variance = |(sum, squares): &(f64, f64)| squares / count - (sum / count).powi(2);
    sums.iter().map(variance).sum::<f64>() / width as f64
}

fn activations() -> impl Strategy<Value = &'static str> {
    let names =
        ["relu", "leaky-relu:0.1", "leaky-relu:0.3", "sigmoid", "tanh", "softplus", "gelu", "silu"];
    select(names.to_vec())
}

/// Options of a dense network.
fn dense() -> impl Strategy<Value = String> {
    let layers = proptest::collection::vec(4..200_usize, 0..5);
    (layers, 8..70_usize, any::<bool>()).prop_map(|(layers, latent, tied)| {
        let sizes: Vec<String> = layers.iter().map(usize::to_string).collect();
        let colon = if sizes.is_empty() { "" } else { ":" };
        let tied = if tied { " --tied" } else { "" };
        format!("--arch dense{colon}{} --latent {latent}{tied}", sizes.join(","))
    })
}

/// Options of a network of convolutions.
fn conv() -> impl Strategy<Value = String> {
    let stages = proptest::collection::vec(2..20_usize, 1..5);
    let code = prop_oneof![
        (8..70_usize).prop_map(|size| size.to_string()),
        (8..30_usize).prop_map(|channels| format!("map:{channels}")),
        Just("map".to_owned()),
    ];
    let block = select(vec!["plain", "residual", "inner"]);
    let norm = select(vec!["none", "batch", "group", "gdn"]);
    let downsample = select(vec!["pool", "stride"]);
    let kernels = (select(vec![3, 5]), 2..6_usize);
    (stages, code, block, norm, downsample, kernels).prop_map(
        |(stages, code, block, norm, downsample, (down, up))| {
            let sizes: Vec<String> = stages.iter().map(usize::to_string).collect();
            format!(
                "--arch conv:{} --latent {code} --block {block} --norm {norm} --downsample \
                 {downsample} --downsample-kernel {down} --upsample-kernel {up}",
                sizes.join(",")
            )
        },
    )
}

/// Options of convolutions at half the image's size.
fn flat() -> impl Strategy<Value = String> {
    let code = prop_oneof![
        (8..13_usize).prop_map(|channels| format!("map:{channels}")),
        Just("map".to_owned()),
    ];
    (8..20_usize, 2..7_usize, code, select(vec!["none", "batch"])).prop_map(
        |(channels, layers, code, norm)| {
            format!("--arch flat:{channels}x{layers} --latent {code} --norm {norm}")
        },
    )
}

fn learns(side: usize, options: &str) -> TestCaseResult {
    let words: Vec<String> = options.split_whitespace().map(String::from).collect();
    let Outcome { error, dead } = outcome(side, Kind::Conv, &words)
        .map_err(|error| TestCaseError::fail(format!("{options}: {error}")))?;
    println!("{error:.3} of the variance, {dead:.2} dead: {side}x{side} {options}");
    prop_assert!(error < 0.5, "{error} of the variance is left: {options}");
    prop_assert!(dead < 0.1, "{dead} of the units are dead: {options}");
    Ok(())
}

#[test]
fn any_architecture_learns_photographs() {
    thread::scope(|scope| {
        for seed in SEEDS {
            scope.spawn(move || all_learn(seed));
        }
    });
}

/// Draws architectures, and trains each.
fn all_learn(seed: u64) {
    let config = ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 0,
        ..ProptestConfig::default()
    };
    let loss = select(vec!["mse", "bce", "gaussian"]);
    let network = prop_oneof![2 => dense(), 4 => conv(), 1 => flat()];
    let cases = (network, activations(), loss, select(vec![8_usize, 13, 16, 24]));
    TestRunner::new(config)
        .run(&cases, |(network, activation, loss, side)| {
            // Without hidden layers there is nothing for an activation to follow.
            let activation = match network.starts_with("--arch dense ") {
                true => String::new(),
                false => format!("--activation {activation}"),
            };
            learns(side, &format!("{network} {activation} --loss {loss}"))
        })
        .unwrap();
}
