//! Timing, and what is compared with time.

use std::time::Instant;

use crate::error::Result;
use crate::graph::{Cost, Executor, Plan, PlanId};
use crate::ops::{GpuTarget, Optimiser, StepScalars};
use crate::tensor::Tensor;

/// What a plan costs by its own count, and what the same graph would, not fused.
#[derive(Clone, Debug)]
pub struct PlanCosts {
    /// The plan's cost a step.
    pub fused: Cost,
    /// That of the same graph, each operation by itself.
    pub unfused: Cost,
    /// Bytes of activations and gradients on the way, as planned.
    pub planned_bytes: u64,
    /// The same if each had memory of its own and nothing were fused.
    pub apart_bytes: u64,
    /// The plan, where operations are what is measured.
    pub plan: Option<Plan>,
    /// The adapter that all this is counted for.
    pub target: GpuTarget,
}

impl PlanCosts {
    /// Those of the plans that `plan` makes for a target, fused or not. On the CPU, dispatches are
    /// counted as for a discrete GPU.
    ///
    /// # Errors
    /// When `plan` fails.
    pub fn of(
        target: Option<&GpuTarget>,
        plan: impl Fn(Option<&GpuTarget>, bool) -> Result<Plan>,
    ) -> Result<Self> {
        let target = target.cloned().unwrap_or_default();
        let fused = plan(Some(&target), true)?;
        let unfused = plan(Some(&target), false)?;
        Ok(Self {
            fused: fused.cost(&target),
            unfused: unfused.cost(&target),
            planned_bytes: fused.memory.slots,
            apart_bytes: unfused.memory.unshared,
            plan: Some(fused),
            target,
        })
    }

    /// The plan's [listing](Plan::listing); nothing where there is no plan.
    pub fn listing(&self) -> String {
        self.plan.as_ref().map_or(String::new(), |plan| plan.listing(&self.target))
    }
}

/// What is done when a workload runs.
#[derive(Clone, Debug)]
enum Action {
    Run,
    Write(Tensor),
    Read,
}

/// A workload on an executor.
#[derive(Clone, Debug)]
pub struct Loaded {
    plan: PlanId,
    action: Action,
    /// What a step costs.
    pub costs: PlanCosts,
}

/// How long a step took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The first step's seconds; on a GPU the driver may still have work to do for it.
    pub first: f64,
    /// The median seconds of those after it.
    pub median: f64,
}

impl Loaded {
    /// A workload that runs a plan.
    pub(super) fn of_plan(plan: PlanId, costs: PlanCosts) -> Self {
        Self { plan, action: Action::Run, costs }
    }

    /// One that writes input `x` of a plan.
    pub(super) fn writing(plan: PlanId, value: Tensor, costs: PlanCosts) -> Self {
        Self { plan, action: Action::Write(value), costs }
    }

    /// One that reads output `y` of a plan.
    pub(super) fn reading(plan: PlanId, costs: PlanCosts) -> Self {
        Self { plan, action: Action::Read, costs }
    }

    /// The plan that runs.
    pub fn plan(&self) -> PlanId {
        self.plan
    }

    /// Takes `count` steps and waits for them; the seconds that took.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn run(&self, executor: &mut dyn Executor, count: usize) -> Result<f64> {
        let corrections = Optimiser::adam().corrections(0);
        let scalars =
            |row| StepScalars { row, learning_rate: 1e-3, corrections, ..Default::default() };
        let steps: Vec<StepScalars> = (0..count as u32).map(scalars).collect();
        let begin = Instant::now();
        match &self.action {
            Action::Run => executor.run(self.plan, &steps)?,
            Action::Write(value) => {
                for _ in 0..count {
                    executor.write_input(self.plan, "x", value)?;
                }
            }
            Action::Read => {
                for _ in 0..count {
                    executor.read_output(self.plan, "y")?;
                }
            }
        }
        executor.wait()?;
        let seconds = begin.elapsed().as_secs_f64();
        executor.take_metrics(true)?;
        Ok(seconds)
    }

    /// Measures steps after warm-up: 20 times, or fewer where they take long, but 5 at least. Short
    /// steps are measured several at a time, as a training run submits them.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn measure(&self, executor: &mut dyn Executor) -> Result<Measured> {
        const BUDGET: f64 = 3.0;
        let first = self.run(executor, 1)?;
        let once = self.run(executor, 1)?.min(self.run(executor, 1)?);
        let together = ((0.02 / once) as usize).clamp(1, 8);
        let count = ((BUDGET / (once * together as f64)) as usize).clamp(5, 20);
        let mut seconds = (0..count)
            .map(|_| Ok(self.run(executor, together)? / together as f64))
            .collect::<Result<Vec<f64>>>()?;
        seconds.sort_by(f64::total_cmp);
        let middle = (seconds[(count - 1) / 2] + seconds[count / 2]) / 2.0;
        Ok(Measured { first, median: middle })
    }
}

/// What a device can do at most: see [`Roofline`](crate::ops::Roofline).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Ceilings {
    /// Floating-point operations a second, in 10^9.
    pub gflops: f64,
    /// Bytes a second to and from memory, in 10^9.
    pub gbytes: f64,
}

impl Ceilings {
    /// Which share of the nearer ceiling a step of this cost reaches in `seconds`.
    pub fn share(&self, cost: &Cost, seconds: f64) -> f64 {
        let arithmetic = cost.flops as f64 / (self.gflops * 1e9);
        let memory = cost.bytes as f64 / (self.gbytes * 1e9);
        arithmetic.max(memory) / seconds
    }
}
