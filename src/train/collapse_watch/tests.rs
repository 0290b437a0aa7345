use super::*;
use crate::cpu::CpuExecutor;
use crate::data::{LoadOptions, Source};
use crate::models::{Choices, Kind};
use crate::train::Config;

#[test]
fn codes_are_looked_at_often_first_and_seldom_then() {
    let due: Vec<u32> = (1..100).filter(|epoch| is_due(*epoch)).collect();
    assert_eq!(due, [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96]);
}

/// Trains on the digits at this rate; what the watch says, with the epochs, and the losses.
fn watched(kind: Kind, rate: f32, epochs: u32) -> (Vec<(u32, Finding)>, Vec<f64>) {
    let dataset = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
    let (model, _) =
        kind.build(dataset.shape, 10, &Choices::default(), false).expect("options go together");
    let config = Config { learning_rate: rate, batch: 32, epochs, ..Config::new(model) };
    let mut device = CpuExecutor::new();
    let mut trainer = Trainer::new(&mut device, &config, &dataset).expect("fits");
    let mut watch = CollapseWatch::new(&dataset);
    let (mut said, mut losses) = (vec![], vec![]);
    for _ in 0..epochs {
        let report = trainer.epoch_of_training(&mut ()).expect("trains");
        let found = watch.look(&mut trainer, &report).expect("looks");
        said.extend(found.into_iter().map(|found| (report.epoch, found)));
        losses.extend([report.train_loss, report.test.loss()]);
    }
    (said, losses)
}

#[test]
fn a_rate_that_kills_units_is_named_once_and_early() {
    let (said, _) = watched(Kind::Dense, 1.0, 9);
    let mut kinds: Vec<Trouble> = said.iter().map(|(_, found)| found.trouble).collect();
    assert_eq!(said.first().map(|(epoch, _)| *epoch), Some(1), "{said:?}");
    assert!(kinds.contains(&Trouble::MeanImage), "{said:?}");
    assert!(said.iter().all(|(epoch, _)| *epoch < 9), "{said:?}");
    let count = kinds.len();
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds.len(), count, "each is said once");
}

#[test]
fn a_healthy_training_hears_nothing_and_is_not_changed() {
    let (said, losses) = watched(Kind::Dense, 1e-3, 6);
    assert_eq!(said, []);
    let dataset = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
    let (model, _) =
        Kind::Dense.build(dataset.shape, 10, &Choices::default(), false).expect("goes together");
    let config = Config { learning_rate: 1e-3, batch: 32, epochs: 6, ..Config::new(model) };
    let mut device = CpuExecutor::new();
    let mut trainer = Trainer::new(&mut device, &config, &dataset).expect("fits");
    for pair in losses.chunks(2) {
        let report = trainer.epoch_of_training(&mut ()).expect("trains");
        assert_eq!(pair, [report.train_loss, report.test.loss()]);
    }
}
