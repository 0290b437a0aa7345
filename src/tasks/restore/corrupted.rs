//! What is wrong with a picture: noise that is added to it, or pixels that are missing.

use std::path::PathBuf;
use std::str::FromStr;

use crate::cpu::CpuExecutor;
use crate::error::{Error, Result};
use crate::graph::{Executor, Graph, Plan, PlanRequest, State};
use crate::ops::{self, Amount, Corruption, StepScalars};
use crate::rng::Seed;
use crate::tensor::Tensor;

/// What a picture is corrupted by before it is restored.
#[derive(Clone, Debug, PartialEq)]
pub enum CorruptedBy {
    /// Noise.
    Noise(Corruption),
    /// Pixels left out where this picture is dark.
    Mask(PathBuf),
}

impl FromStr for CorruptedBy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match (text.parse(), text.strip_prefix("mask:")) {
            (Err(_), Some(file)) if file.parse::<Amount>().is_err() => Ok(Self::Mask(file.into())),
            (noise, _) => noise.map(Self::Noise),
        }
    }
}

/// `picture`, `[1, channels, height, width]` in [0, 1], with noise that depends on `seed` and on the
/// picture's `number`.
///
/// # Errors
/// When the noise is out of its range, or `picture` is no picture.
pub fn corrupt(picture: &Tensor, noise: Corruption, seed: Seed, number: usize) -> Result<Tensor> {
    let mut graph = Graph::new();
    let clean = graph.input("clean", picture.shape().clone());
    let corrupted = ops::corrupt(&mut graph, clean, noise)?;
    let layout = graph.layout();
    let mut executor = CpuExecutor::new();
    executor.set_state(&State::initial(&layout, Seed(0), 0))?;
    let outputs = vec![("corrupted".into(), corrupted)];
    let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) })?;
    let plan = executor.add_plan(plan, None)?;
    executor.write_input(plan, "clean", picture)?;
    let step = number as u32;
    executor.run(plan, &[StepScalars { step, seed: seed.key(), ..Default::default() }])?;
    executor.read_output(plan, "corrupted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::CorruptionKind;

    #[test]
    fn masks_are_files_and_shares_are_noise() {
        assert_eq!("mask:a.png".parse::<CorruptedBy>().unwrap(), CorruptedBy::Mask("a.png".into()));
        let noise = CorruptedBy::Noise(Corruption::new(CorruptionKind::Mask, 0.5));
        assert_eq!("mask:0.5".parse::<CorruptedBy>().unwrap(), noise);
        for wrong in ["mask:2", "mask:0.5-0.1", "fog:1", "gaussian", "a.png"] {
            assert!(
                wrong.parse::<CorruptedBy>().unwrap_err().to_string().contains("--noise"),
                "{wrong}"
            );
        }
    }
}
