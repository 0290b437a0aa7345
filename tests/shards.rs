//! Steps whose images come in shards: what they come to, and that nobody can tell who computed them.

#[path = "support/program.rs"]
mod program;
mod support;

use std::fs;
use std::path::Path;

use clap::Parser;
use diabolo::cpu::CpuExecutor;
use diabolo::data::{Dataset, LoadOptions, Source};
use diabolo::error::{Error, Result};
use diabolo::graph::{Executor, State};
use diabolo::models::{Choices, Kind};
use diabolo::run::MetricsFile;
use diabolo::train::{Advance, Config, Position, Trainer};
use program::{check_failed, diabolo, printed};
use support::compare::{assert_as_near, assert_near};
use support::devices::gpu;
use tempfile::TempDir;

/// Six steps of a whole batch, and one of 6 images: with 4 shards, one of 4 and one of 2.
const IMAGES: usize = 102;
const BATCH: usize = 16;

fn digits() -> Dataset {
    let options = LoadOptions { limit: Some(IMAGES), ..LoadOptions::default() };
    Dataset::load(&Source::Digits, &options).expect("embedded")
}

fn config(kind: Kind, options: &str, shards: usize) -> Config {
    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        choices: Choices,
    }
    let words = std::iter::once("test").chain(options.split_whitespace());
    let given = Options::try_parse_from(words).expect("options are right").choices;
    let (model, recipe) = kind.build(digits().shape, 10, &given, false).expect("they go together");
    let noise = recipe.choices.noise;
    let config = Config { batch: BATCH, shards, noise, learning_rate: 2e-3, ..Config::new(model) };
    config.check().expect("it can train");
    config
}

/// Models that read nothing of a whole batch but what is pooled.
fn models() -> Vec<(Kind, &'static str)> {
    vec![
        (Kind::Conv, "--arch conv:4,6 --latent 6 --loss mse"),
        (Kind::Conv, "--arch conv:4,6 --latent 6 --norm batch --dropout 0.2"),
        (Kind::Vae, "--arch dense:24 --latent 6"),
        (Kind::Iwae, "--arch dense:12 --latent 6 --samples 3"),
        (Kind::Cvae, "--arch dense:12 --latent 6"),
        (Kind::Denoising, "--arch dense:12 --latent 6 --noise rectangles:0.25"),
        (Kind::Vqvae, "--arch conv:4,6 --code-dim 3 --codes 8 --block plain --norm none"),
        (Kind::Vqvae, "--arch dense:24 --latent 12 --code-dim 3 --codes 8 --codebook loss"),
        (Kind::Contractive, "--arch dense --latent 14 --penalty 0.1"),
        (
            Kind::Contractive,
            "--arch conv:4,6 --latent 6 --activation silu --penalty 0.1 --probes 2",
        ),
        (
            Kind::Sparse,
            "--arch dense:12 --latent 6 --sparsity l1 --penalty 0.05 --target-sparsity 0.3",
        ),
        // The mean activation is that of a shard, whoever computes it.
        (Kind::Sparse, "--arch dense:12 --latent 6 --sparsity kl"),
        (Kind::Sparse, "--arch dense:12 --latent 12 --sparsity topk --k 3"),
    ]
}

/// The state and the sum of the losses after so many steps on these devices.
fn train_on(
    mut lead: impl Executor,
    helpers: Vec<Box<dyn Executor>>,
    config: &Config,
    steps: u32,
) -> (State, f64) {
    let dataset = digits();
    let trainer = Trainer::with_helpers(&mut lead, helpers, config, &dataset);
    let mut trainer = trainer.expect("it fits");
    trainer.begin().expect("the device is there");
    let loss = advance(&mut trainer, steps);
    (trainer.state().expect("there is one"), loss)
}

/// Takes so many steps; the sum of the losses of whole epochs.
fn advance(trainer: &mut Trainer, steps: u32) -> f64 {
    let (mut sum, end) = (0.0, trainer.step() + steps);
    while trainer.step() < end {
        match trainer.advance(end - trainer.step(), &mut ()).expect("the device is there") {
            Advance::Epoch(report) => sum += report.train_loss + report.test.loss(),
            Advance::Paused => {}
            Advance::NotFinite(fault) => panic!("{}", fault.describe()),
        }
    }
    sum
}

fn cpus(count: usize) -> Vec<Box<dyn Executor>> {
    (0..count).map(|_| Box::new(CpuExecutor::new()) as Box<dyn Executor>).collect()
}

fn on_cpus(count: usize, config: &Config, steps: u32) -> (State, f64) {
    train_on(CpuExecutor::new(), cpus(count - 1), config, steps)
}

fn bits(state: &State) -> Vec<u32> {
    let numbers =
        state.parameters.iter().chain(&state.buffers).chain(state.moments.iter().flatten());
    numbers.map(|number| number.to_bits()).collect()
}

/// The greatest difference between numbers of two states, moments aside.
fn distance(a: &State, b: &State) -> f32 {
    let numbers = |state: &State| [&state.parameters[..], &state.buffers[..]].concat();
    let (a, b) = (numbers(a), numbers(b));
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn any_number_of_workers_ends_in_the_same_bits() {
    for (kind, options) in models() {
        let config = config(kind, options, 8);
        let (expected, loss) = on_cpus(1, &config, 20);
        for workers in [2, 3, 8] {
            let (state, other) = on_cpus(workers, &config, 20);
            assert_eq!(bits(&state), bits(&expected), "{kind:?} {options}: {workers} workers");
            assert_eq!(loss.to_bits(), other.to_bits(), "{kind:?} {options}: {workers} workers");
        }
    }
}

#[test]
fn shards_come_to_what_the_whole_batch_does() {
    // What draws nothing, and whose loss is a mean over images.
    let cases = [
        (Kind::Conv, "--arch conv:4,6 --latent 6 --loss mse"),
        (Kind::Contractive, "--arch dense --latent 14 --penalty 0.1"),
        (
            Kind::Sparse,
            "--arch dense:12 --latent 6 --sparsity l1 --penalty 0.05 --target-sparsity 0.3",
        ),
    ];
    for (kind, options) in cases {
        let (whole, loss) = on_cpus(1, &config(kind, options, 1), 21);
        for shards in [2, 4, 8, 16] {
            let (state, other) = on_cpus(1, &config(kind, options, shards), 21);
            let far = distance(&whole, &state);
            assert!(far < 2e-4, "{kind:?} {options}, {shards} shards: {far}");
            assert!((loss - other).abs() < 1e-4 * loss, "{kind:?} {options}: {loss}, {other}");
        }
    }
}

#[test]
fn a_codebook_follows_the_whole_batch() {
    // No code starts again within the first steps but by a draw, which shards make from the first one.
    let options = "--arch conv:4,6 --code-dim 3 --codes 2 --block plain --norm none";
    let (whole, _) = on_cpus(1, &config(Kind::Vqvae, options, 1), 14);
    let (state, _) = on_cpus(1, &config(Kind::Vqvae, options, 4), 14);
    let counts = |state: &State| -> Vec<f32> {
        let found = state.tensors().find(|(name, ..)| *name == "codebook.counts");
        found.expect("it has counts").2.to_vec()
    };
    let (whole, state) = (counts(&whole), counts(&state));
    let total = |counts: &[f32]| counts.iter().sum::<f32>();
    assert!((total(&whole) - total(&state)).abs() < 1e-3 * total(&whole), "{whole:?} {state:?}");
}

#[test]
fn a_run_goes_on_to_the_same_bits_with_other_workers() {
    let dataset = digits();
    let config = config(Kind::Vae, "--arch dense:24 --latent 6", 8);
    let (expected, _) = on_cpus(2, &config, 19);
    let mut first = CpuExecutor::new();
    let mut trainer = Trainer::new(&mut first, &config, &dataset).expect("it fits");
    advance(&mut trainer, 9);
    let (state, position): (State, Position) =
        (trainer.state().expect("there is one"), trainer.position().clone());
    drop(trainer);
    let mut lead = CpuExecutor::new();
    let mut trainer =
        Trainer::with_helpers(&mut lead, cpus(2), &config, &dataset).expect("it fits");
    trainer.resume(&state, position).expect("it goes on");
    advance(&mut trainer, 10);
    assert_eq!(bits(&trainer.state().expect("there is one")), bits(&expected));
    let shares = trainer.shares();
    assert_eq!(shares.len(), 3);
    assert!(shares.iter().all(|(_, shards)| *shards > 0), "{shares:?}");
}

#[test]
fn what_the_device_shows_is_the_state_of_the_run() {
    let dataset = digits();
    let config = config(Kind::Conv, "--arch conv:4,6 --latent 6 --norm batch", 4);
    let mut device = CpuExecutor::new();
    let mut trainer = Trainer::new(&mut device, &config, &dataset).expect("it fits");
    advance(&mut trainer, 3);
    let state = trainer.state().expect("there is one");
    drop(trainer);
    let shown = Executor::state(&mut device).expect("there is one");
    assert_eq!((shown.parameters, shown.buffers), (state.parameters, state.buffers));
    assert!(shown.moments.is_empty() && state.moments.len() == 2);
}

#[test]
fn an_adapter_and_the_processor_agree() {
    for (kind, options) in models() {
        let config = config(kind, options, 8);
        let (expected, _) = on_cpus(1, &config, 20);
        // Adam divides gradients by their size, so that what rounding leaves of those that are none moves weights, too:
        // how far, an adapter that does all of it says.
        let (alone, _) = train_on(gpu(), vec![], &config, 20);
        let lead: Box<dyn Executor> = Box::new(gpu());
        let (state, _) = train_on(CpuExecutor::new(), vec![lead], &config, 20);
        println!("{kind:?} {options}");
        assert_as_near(&expected, &state, &alone, 1e-3);
    }
    // And where the adapter leads, alone or not.
    let config = config(Kind::Vae, "--arch dense:24 --latent 6", 8);
    let (expected, _) = on_cpus(1, &config, 20);
    for helpers in 0..2 {
        let (state, _) = train_on(gpu(), cpus(helpers), &config, 20);
        assert_near(&expected, &state, 1e-3);
    }
}

#[test]
fn devices_of_one_adapter_end_in_the_same_bits() {
    for (kind, options) in [
        (Kind::Conv, "--arch conv:4,6 --latent 6 --norm batch"),
        (Kind::Vae, "--arch dense:24 --latent 6"),
        (Kind::Vqvae, "--arch conv:4,6 --code-dim 3 --codes 8 --block plain --norm none"),
    ] {
        let config = config(kind, options, 8);
        let by = |helpers: usize| {
            let helpers = (0..helpers).map(|_| Box::new(gpu()) as Box<dyn Executor>).collect();
            let (state, loss) = train_on(gpu(), helpers, &config, 9);
            (bits(&state), loss.to_bits())
        };
        // One device adds all up by itself, two and three leave the last sums to the host.
        let alone = by(0);
        assert!(alone == by(1) && alone == by(2), "{kind:?} {options}");
    }
}

#[test]
fn shards_of_several_sizes_and_helpers_without_work_are_refused() {
    let said = |result: Result<()>| match result {
        Err(Error::Option { option, what }) => format!("{option} {what}"),
        other => panic!("{other:?}"),
    };
    let with = |shards| Config { shards, ..config(Kind::Dense, "--latent 4", 1) };
    assert!(
        said(with(5).check()).contains("give --shards 4, or --batch 20"),
        "{:?}",
        with(5).check()
    );
    assert!(said(with(0).check()).starts_with("--shards there must"));
    let (dataset, config) = (digits(), with(1));
    let mut lead = CpuExecutor::new();
    let trainer = Trainer::with_helpers(&mut lead, cpus(1), &config, &dataset);
    assert!(said(trainer.map(drop)).contains("--shards 8"));
}

/// The bytes of all tensors of a run's model, moments included, in the order of the file.
fn tensors(run: &Path) -> Vec<u8> {
    let mut bytes = fs::read(run.join("model.safetensors")).expect("a model");
    let header = bytes[..8].try_into().expect("eight bytes");
    bytes.split_off(8 + u64::from_le_bytes(header) as usize)
}

#[test]
fn the_program_shares_steps_out_among_devices() {
    let folder = TempDir::new().expect("a temporary folder");
    let run = |name: &str| folder.path().join(name);
    let line = |name: &str, options: &str| {
        format!(
            "train --variant vqvae --arch conv:4 --codes 8 --code-dim 2 --limit 100 --batch 16 \
             --schedule constant --out {} {options}",
            run(name).display()
        )
    };
    let train = |name: &str, options: &str| printed(&diabolo(&line(name, options)));
    train("one", "--epochs 2 --device cpu --shards 8 --quiet");
    let said = train("two", "--epochs 2 --device cpu,cpu");
    assert!(said.matches("device: CPU (").count() == 2 && said.contains("shards: "), "{said}");
    train("three", "--epochs 1 --device cpu,cpu,cpu --quiet");
    train("three", "--epochs 2 --device cpu --shards 8 --resume --quiet");
    for name in ["two", "three"] {
        assert!(tensors(&run(name)) == tensors(&run("one")), "{name}");
    }
    let metrics = MetricsFile::load(&run("two").join("metrics.json")).expect("metrics");
    // Seven steps an epoch, of which the last has four images in two shards.
    let shards: Vec<u64> = metrics.shares.iter().map(|share| share.shards).collect();
    assert!(shards.iter().sum::<u64>() == 2 * (6 * 8 + 2) && shards.len() == 2, "{shards:?}");
    assert!(metrics.adapter.contains(" + "), "{}", metrics.adapter);
    for (name, devices) in [("helping", "cpu,gpu"), ("leading", "gpu,cpu")] {
        let said = train(name, &format!("--epochs 1 --device {devices}"));
        assert!(said.matches("device: ").count() == 2, "{said}");
    }
}

#[test]
fn missing_pixels_are_weighed_alike_whoever_computes_them() {
    let folder = TempDir::new().expect("a temporary folder");
    let trained = |device: &str| {
        let out = folder.path().join(device);
        printed(&diabolo(&format!(
            "train --variant dense --arch dense:12 --latent 4 --loss mse --missing random:0.3 --limit 100 \
             --batch 16 --epochs 2 --shards 4 --quiet --device {device} --out {}",
            out.display()
        )));
        fs::read(out.join("model.safetensors")).expect("a model")
    };
    let one = trained("cpu");
    assert!(one == trained("cpu,cpu,cpu"));
}

#[test]
fn what_cannot_be_shared_is_refused_by_its_option() {
    let folder = TempDir::new().expect("a temporary folder");
    let out = folder.path().join("run").display().to_string();
    let fails = |options: &str, words: &str| {
        check_failed(&diabolo(&format!("train --variant dense --out {out} {options}")), 2, words);
    };
    fails("--device cpu,cpu --shards 1", "--shards: 1 leaves nothing for a second device");
    fails("--device cpu,cpu --batch 12", "give --shards 6, or --batch 16");
    fails("--device cpu,", "--device: is empty");
    fails("--device cpu,nothing", "no adapter is called `nothing`");
    let trained = |options: &str| {
        printed(&diabolo(&format!(
            "train --variant dense --limit 64 --epochs 1 --quiet --out {out} {options}"
        )))
    };
    trained("--device cpu --shards 4");
    let alone =
        format!("train --variant dense --limit 64 --epochs 1 --device cpu --resume --out {out}");
    check_failed(&diabolo(&alone), 1, "--shards: 4 there, not given here");
    trained("--device cpu,cpu --shards 4 --resume");
}

#[cfg(not(feature = "mpi"))]
#[test]
fn without_its_feature_nothing_of_mpi_is_linked_and_the_option_says_how_to_build_it() {
    let output = diabolo("train --variant dense --mpi");
    check_failed(&output, 2, "--mpi: is not in this program: build it with `cargo build");
    let program = fs::read(env!("CARGO_BIN_EXE_diabolo")).expect("the program");
    assert!(!program.windows(7).any(|bytes| bytes == b"libmpi."));
}
