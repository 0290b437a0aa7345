//! What a dependant does with the library alone, which has to work without the feature `cli`: training a
//! model, keeping it, and what a trained model is for.

use std::path::Path;

use diabolo::inference::latent;
use diabolo::models::{Choices, Kind};
use diabolo::ops::{Corruption, CorruptionKind};
use diabolo::prelude::*;
use diabolo::tasks::restore::{Quality, corrupt};
use diabolo::train::{Advance, Config, EpochReport, Trainer};
use diabolo::{plot, run};

const LIMIT: Option<usize> = Some(256);

/// Trains a small model for two epochs, and stores it.
fn trained(kind: Kind, folder: &Path) -> Vec<EpochReport> {
    let options = LoadOptions { limit: LIMIT, ..LoadOptions::default() };
    let dataset = Dataset::load(&Source::Digits, &options).expect("embedded");
    let (model, recipe) =
        kind.build(dataset.shape, 0, &Choices::default(), false).expect("a model of digits");
    let learning_rate = recipe.learning_rate;
    let config = Config {
        data: "digits".into(),
        limit: LIMIT,
        epochs: 2,
        learning_rate,
        ..Config::new(model)
    };
    let mut device = gpu::open(&DeviceChoice::Cpu).expect("always there");
    let mut trainer = Trainer::new(device.executor.as_mut(), &config, &dataset).expect("fits");
    let mut epochs = vec![];
    while trainer.epoch() < config.epochs {
        match trainer.advance(3, &mut ()).expect("trains") {
            Advance::Paused => {}
            Advance::Epoch(report) => epochs.push(*report),
            Advance::NotFinite(fault) => panic!("{}", fault.describe()),
        }
    }
    run::store(folder, &mut trainer, &epochs).expect("a folder of ours");
    epochs
}

#[test]
fn a_model_is_trained_kept_and_used() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("runs/mine");
    let epochs = trained(Kind::Conv, &folder);
    assert!(epochs[1].test.loss() < epochs[0].test.loss());

    let mut trained = Trained::load(&folder, &DeviceChoice::Cpu).expect("was stored");
    assert_eq!(trained.config().limit, LIMIT);
    let images = trained.held_out(6).expect("embedded");
    let codes = trained.inference().encode(&images, None).expect("encodes");
    assert_eq!((codes.count(), codes.width), (6, trained.model().network.latent()));
    let decoded = trained.inference().decode(&codes.values, None).expect("decodes");
    let made = trained.inference().reconstruct(&images, None).expect("reconstructs");
    assert_eq!(decoded.shape(), images.shape());
    for (a, b) in decoded.data().iter().zip(made.data()) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    let steps = trained.interpolate(&trained.held_out(2).expect("embedded"), 5, None);
    assert_eq!(steps.expect("goes there").shape()[0], 5);
    assert_eq!(trained.sample(4, 1.0, None, Seed(1)).expect("draws").shape()[0], 4);
    assert_eq!(trained.augment(&images, 2, 0.5, None, Seed(1)).expect("draws").len(), 2);
    let confusion = trained.probe(Seed(0)).expect("the digits have classes");
    assert!(confusion.accuracy() > 0.3, "{}", confusion.accuracy());

    let sheet = place.path().join("made.png");
    let picture = plot::reconstructions(&images, &made).expect("images");
    plot::save_png(&sheet, &picture).expect("writable");
    assert_eq!(Raster::read(&sheet).expect("a picture").shape.width, picture.width() as usize);
}

#[test]
fn a_picture_is_restored() {
    let place = tempfile::tempdir().expect("a temporary folder");
    trained(Kind::Denoising, place.path());
    let mut trained = Trained::load(place.path(), &DeviceChoice::Cpu).expect("was stored");
    let clean = trained.held_out(1).expect("embedded");
    let noise = Corruption::new(CorruptionKind::Gaussian, 0.4);
    let corrupted = corrupt(&clean, noise, Seed(2), 0).expect("a picture");
    let made = trained.restore(&corrupted, None).expect("restores");
    let [before, after] =
        [&corrupted, &made].map(|picture| Quality::of(picture, &clean).expect("of one size").psnr);
    assert!(after > before - 3.0, "{before} {after}");
    assert_eq!(latent::linear(&[0.0], &[1.0], 0.5), [0.5]);
}

#[test]
fn what_cannot_be_loaded_again_is_not_stored() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let dataset = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
    let (model, _) =
        Kind::Dense.build(dataset.shape, 0, &Choices::default(), false).expect("a model of digits");
    let config = Config { epochs: 0, ..Config::new(model) };
    let mut device = CpuExecutor::new();
    let mut trainer = Trainer::new(&mut device, &config, &dataset).expect("fits");
    let error = run::store(place.path(), &mut trainer, &[]).expect_err("no epochs").to_string();
    assert!(error.starts_with("--epochs"), "{error}");
    assert!(Trained::load(place.path(), &DeviceChoice::Cpu).is_err());
}
