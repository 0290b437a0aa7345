//! How near a picture comes to another one.

use std::fmt;

use crate::cpu::CpuExecutor;
use crate::error::Result;
use crate::evaluate::psnr;
use crate::graph::{Executor, Graph, Plan, PlanRequest, State};
use crate::nn::structural_similarity;
use crate::ops::StepScalars;
use crate::rng::Seed;
use crate::tensor::Tensor;

/// Two measures of likeness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// The peak signal-to-noise ratio in decibels.
    pub psnr: f64,
    /// The mean structural similarity; see [`structural_similarity`].
    pub ssim: f64,
}

impl Quality {
    /// Those of `picture` and `clean`, both `[1, channels, height, width]` in [0, 1].
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn of(picture: &Tensor, clean: &Tensor) -> Result<Self> {
        Ok(Self { psnr: psnr(picture, clean)?, ssim: similarity(picture, clean)? })
    }

    /// The mean of some; NaN of none.
    pub fn mean(each: impl Iterator<Item = Quality> + Clone) -> Self {
        let count = each.clone().count() as f64;
        let mean = |of: fn(Quality) -> f64| each.clone().map(of).sum::<f64>() / count;
        Self { psnr: mean(|quality| quality.psnr), ssim: mean(|quality| quality.ssim) }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} dB, SSIM {:.4}", self.psnr, self.ssim)
    }
}

fn similarity(a: &Tensor, b: &Tensor) -> Result<f64> {
    let mut graph = Graph::new();
    let inputs = [graph.input("a", a.shape().clone()), graph.input("b", b.shape().clone())];
    let similarity = structural_similarity(&mut graph, inputs[0], inputs[1])?;
    let layout = graph.layout();
    let mut executor = CpuExecutor::new();
    executor.set_state(&State::initial(&layout, Seed(0), 0))?;
    let outputs = vec![("similarity".into(), similarity)];
    let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) })?;
    let plan = executor.add_plan(plan, None)?;
    executor.write_input(plan, "a", a)?;
    executor.write_input(plan, "b", b)?;
    executor.run(plan, &[StepScalars::default()])?;
    Ok(f64::from(executor.read_output(plan, "similarity")?.data()[0]))
}
