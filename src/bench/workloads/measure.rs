//! Timing, and what is compared with time.

use std::time::Instant;

use crate::error::Result;
use crate::graph::{Clock, Cost, Executor, Plan, PlanId, Timed};
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
    /// Several plans, by those that run at the same time.
    Together(Vec<Vec<PlanId>>),
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
    /// What these were measured by.
    pub clock: Clock,
}

impl Loaded {
    /// A workload that runs a plan.
    pub(super) fn of_plan(plan: PlanId, costs: PlanCosts) -> Self {
        Self { plan, action: Action::Run, costs }
    }

    /// One that runs each of these plans, of which those side by side run at the same time.
    pub(super) fn of_plans(plans: Vec<Vec<PlanId>>, costs: PlanCosts) -> Self {
        Self { plan: plans[0][0], action: Action::Together(plans), costs }
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

    /// So many steps of a plan.
    fn steps(count: usize) -> Vec<StepScalars> {
        let corrections = Optimiser::adam().corrections(0);
        let scalars =
            |row| StepScalars { row, learning_rate: 1e-3, corrections, ..Default::default() };
        (0..count as u32).map(scalars).collect()
    }

    /// Takes `count` steps and waits for them and for what was written; the seconds that took.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn run(&self, executor: &mut dyn Executor, count: usize) -> Result<f64> {
        let steps = Self::steps(count);
        let begin = Instant::now();
        match &self.action {
            Action::Run => executor.run(self.plan, &steps)?,
            Action::Together(plans) => {
                for step in steps {
                    for plans in plans {
                        let steps: Vec<_> = plans.iter().map(|plan| (*plan, step)).collect();
                        executor.run_together(&steps)?;
                    }
                }
            }
            Action::Write(value) => {
                for _ in 0..count {
                    executor.write_input(self.plan, "x", value)?;
                    // Until then it may lie in the host's memory still.
                    executor.wait()?;
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

    /// The same by the device's own clock, where what runs is a plan and it has one.
    fn sample(&self, executor: &mut dyn Executor, count: usize) -> Result<Timed> {
        match &self.action {
            Action::Run => {
                let timed = executor.run_timed(self.plan, &Self::steps(count))?;
                executor.take_metrics(true)?;
                Ok(timed)
            }
            Action::Together(_) | Action::Write(_) | Action::Read => {
                Ok(Timed { seconds: self.run(executor, count)?, clock: Clock::Wall })
            }
        }
    }

    /// Measures steps once the device has worked for a while: 20 samples, or fewer where they take long,
    /// but 5 at least. Short steps are measured many at a time, as a training run submits them; one of more than
    /// 5 seconds is measured once.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn measure(&self, executor: &mut dyn Executor) -> Result<Measured> {
        const BUDGET: f64 = 3.0;
        const WARM_UP: f64 = 0.1;
        const LONG: f64 = 5.0;
        /// Seconds of a sample, and the most steps of one.
        const SAMPLE: f64 = 0.02;
        const MOST: usize = 256;
        let first = self.run(executor, 1)?;
        let begin = Instant::now();
        let Timed { seconds: mut once, clock } = self.sample(executor, 1)?;
        if once > LONG {
            return Ok(Measured { first, median: once, clock });
        }
        let together = |once: f64| ((SAMPLE / once) as usize).clamp(1, MOST);
        while begin.elapsed().as_secs_f64() < WARM_UP {
            let count = together(once);
            once = self.sample(executor, count)?.seconds / count as f64;
        }
        let together = together(once);
        let count = ((BUDGET / (once * together as f64)) as usize).clamp(5, 20);
        let samples =
            (0..count).map(|_| self.sample(executor, together)).collect::<Result<Vec<Timed>>>()?;
        let each = samples.iter().map(|sample| sample.seconds / together as f64);
        let mut seconds: Vec<f64> = each.collect();
        seconds.sort_by(f64::total_cmp);
        let median = (seconds[(count - 1) / 2] + seconds[count / 2]) / 2.0;
        let clocks = samples.iter().map(|sample| sample.clock);
        Ok(Measured { first, median, clock: clocks.max().unwrap_or(Clock::Wall) })
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
