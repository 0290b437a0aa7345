//! What several devices come to that share the shards of training steps, next to each of them alone.

use std::time::Instant;

use super::workloads::{Workload, dataset};
use crate::error::{Error, Result};
use crate::gpu::DeviceChoices;
use crate::run::say;
use crate::train::{Config, Listener, Trainer};

/// The most shards of a step.
const SHARDS: usize = 8;
/// Steps that are taken before any is measured: in those, devices find out how fast they are.
const WARM_UP: u32 = 4;
/// Steps that are measured, and the seconds after which they may be fewer, but these.
const MEASURED: u32 = 40;
const SECONDS: f64 = 3.0;
const FEWEST: u32 = 5;

/// A training step by several devices.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
struct Together {
    /// The workload.
    name: String,
    /// Milliseconds of a whole step on each device alone, by its name.
    alone_ms: Vec<(String, f64)>,
    /// Milliseconds of a step that they share.
    together_ms: f64,
    /// The shards that each computed of the steps.
    shards: Vec<u64>,
}

impl Together {
    fn measure(workload: &Workload, config: &Config, choices: &DeviceChoices) -> Result<Self> {
        let mut alone_ms = vec![];
        for mut device in choices.open()? {
            let loaded = workload.load(device.executor.as_mut())?;
            let measured = loaded.measure(device.executor.as_mut())?;
            alone_ms.push((device.executor.name(), measured.median * 1e3));
        }
        let mut devices = choices.open()?.into_iter().map(|device| device.executor);
        let mut lead = devices.next().expect("there is a device, or an error");
        let shards = (1..=SHARDS).rev().find(|shards| config.batch.is_multiple_of(*shards));
        let config = Config { shards: shards.unwrap_or(1), ..config.clone() };
        let dataset = dataset(&config, (WARM_UP + MEASURED + 1) as usize);
        let helpers = devices.collect();
        let mut trainer = Trainer::with_helpers(lead.as_mut(), helpers, &config, &dataset)?;
        trainer.advance(WARM_UP, &mut ())?;
        let before = trainer.shares();
        let (begin, first) = (Instant::now(), trainer.step());
        trainer.advance(MEASURED, &mut Until { begin, steps: 0 })?;
        let steps = trainer.step() - first;
        let together_ms = begin.elapsed().as_secs_f64() * 1e3 / f64::from(steps);
        let shards = trainer.shares().into_iter().zip(before);
        let shards = shards.map(|((_, after), (_, before))| after - before).collect();
        Ok(Self { name: workload.name.clone(), alone_ms, together_ms, shards })
    }

    /// How often the speed of the fastest device alone that of all is, and which share of the sum of theirs.
    fn gain(&self) -> [f64; 2] {
        let alone = self.alone_ms.iter().map(|(_, ms)| *ms);
        let fastest = alone.clone().fold(f64::INFINITY, f64::min);
        let sum: f64 = alone.map(|ms| 1.0 / ms).sum();
        [fastest / self.together_ms, 1.0 / (self.together_ms * sum)]
    }

    fn lines(&self) -> String {
        let alone = self.alone_ms.iter().zip(&self.shards).map(|((device, ms), shards)| {
            format!("{:<12} {ms:>10.3} ms  {device} alone; {shards} shards together\n", self.name)
        });
        let [gain, share] = self.gain();
        format!(
            "{}{:<12} {:>10.3} ms  together: {gain:.2} times the fastest alone, {:.0}% of their sum",
            alone.collect::<String>(),
            self.name,
            self.together_ms,
            100.0 * share
        )
    }
}

/// Lets steps end once they have taken long enough.
struct Until {
    begin: Instant,
    steps: u32,
}

impl Listener for Until {
    fn advanced(&mut self, _images: usize, _loss: f64) {
        self.steps += 1;
    }

    fn pauses(&mut self) -> bool {
        self.steps >= FEWEST && self.begin.elapsed().as_secs_f64() > SECONDS
    }
}

/// Measures the training steps among `workloads`, and prints what comes of it.
///
/// # Errors
/// When none is a training step, there is no such device, or it is lost.
pub(super) fn together(
    workloads: &[Workload],
    choices: &DeviceChoices,
    is_json: bool,
) -> Result<()> {
    let mut is_none = true;
    for workload in workloads {
        let Some(config) = workload.training() else { continue };
        let found = Together::measure(workload, config, choices)?;
        is_none = false;
        match is_json {
            false => say(format_args!("{}", found.lines())),
            true => {
                let line = serde_json::to_string(&found)
                    .map_err(|error| Error::Graph(format!("a row has no JSON: {error}")))?;
                say(format_args!("{line}"));
            }
        }
    }
    match is_none {
        true => Err(Error::option("--device", "several share training steps, such as --only W1")),
        false => Ok(()),
    }
}
