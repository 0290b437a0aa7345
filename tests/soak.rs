//! Long runs take no more memory than short ones.
#![cfg(target_os = "linux")]

use std::fs;

use clap::Parser;
use diabolo::data::{Dataset, LoadOptions, Source};
use diabolo::gpu;
use diabolo::models::Kind;
use diabolo::rng::Seed;
use diabolo::run::TrainArgs;
use diabolo::run::checkpoint::{self, Checkpoint, Header};
use diabolo::train::{Advance, Listener, Trainer};

/// Steps of a run, and those after which memory is looked at.
const STEPS: u32 = 20_000;
const EVERY: u32 = 1000;

struct Nobody;

impl Listener for Nobody {
    fn advanced(&mut self, _images: usize, _loss: f64) {}
}

/// Resident memory of this process, in KiB.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("is listed");
    line.trim().trim_end_matches(" kB").parse().expect("is a number")
}

/// Trains a small model on the device, a checkpoint every [`EVERY`] steps, and checks that memory
/// stays within 2% of what it was after the first of them.
fn soak(device: &str) {
    let dataset = Dataset::load(&Source::Digits, &LoadOptions::default()).unwrap();
    let options = "train --arch conv:4,8 --latent 6 --loss mse --epochs 1000000 --batch 8";
    let args = TrainArgs::try_parse_from(options.split(' ')).unwrap();
    let config = args.config(&dataset, Kind::Conv).unwrap();
    let mut opened = gpu::open(&device.parse().unwrap()).unwrap();
    println!("{}", opened.executor.name());
    let mut trainer = Trainer::new(opened.executor.as_mut(), &config, &dataset).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut first = None;
    while trainer.step() < STEPS {
        let most = EVERY - trainer.step() % EVERY;
        let advance = trainer.advance(most, &mut Nobody).unwrap();
        assert!(!matches!(advance, Advance::NotFinite(_)), "{advance:?}");
        if !trainer.step().is_multiple_of(EVERY) {
            continue;
        }
        let header = Header {
            step: trainer.step().into(),
            epoch: trainer.epoch().into(),
            seed: Seed(config.seed),
            config: config.to_toml().unwrap(),
            model: config.model.name().into(),
            history: "[]".into(),
            part: trainer.position().part.clone(),
            halvings: 0,
            data: None,
        };
        let state = trainer.state().unwrap();
        checkpoint::save(&path, &Checkpoint { state, header }).unwrap();
        let now = resident();
        let begin = *first.get_or_insert(now);
        let change = 100.0 * (now / begin - 1.0);
        println!("step {:>6}: {now:.0} KiB resident, {change:+.2}%", trainer.step());
        assert!(change.abs() < 2.0, "memory went from {begin} to {now} KiB");
    }
}

/// One device after the other, as memory is that of the whole process.
#[test]
fn memory_stays_flat_over_twenty_thousand_steps() {
    ["cpu", "gpu"].into_iter().for_each(soak);
}
