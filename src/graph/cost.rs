//! What a step of a plan costs, by the plan's own count: the same on every machine.

use std::iter::Sum;
use std::ops::Add;

use super::plan::{Location, Plan, Step};
use crate::ops::GpuTarget;

/// What an operation, or a whole step, costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// Runs of a kernel on a GPU.
    pub dispatches: u64,
    /// Bytes read and written, each input and output once: what a kernel with a perfect cache moves.
    /// Scratch memory is written and read.
    pub bytes: u64,
    /// Floating-point operations.
    pub flops: u64,
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            dispatches: self.dispatches + other.dispatches,
            bytes: self.bytes + other.bytes,
            flops: self.flops + other.flops,
        }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

impl Step {
    /// What the operation costs on an adapter.
    pub fn cost(&self, target: &GpuTarget) -> Cost {
        let outputs = self.outputs.iter().map(|location| location.length).sum();
        let tensors = || self.inputs.iter().chain(&self.outputs);
        let numbers: usize = tensors().map(|location| location.length).sum();
        let words: usize = tensors().map(Location::words).sum();
        // An operation counts numbers, some of which may lie two a word.
        let tight = |traffic: usize| (traffic as u64 * words as u64) / (numbers as u64).max(1);
        let scratch = self.scratch.map_or(0, |location| location.length);
        Cost {
            dispatches: self.dispatches(target).len() as u64,
            bytes: 4 * (tight(self.op.traffic(&self.shapes, outputs)) + 2 * scratch as u64),
            flops: self.op.flops(&self.shapes),
        }
    }
}

impl Plan {
    /// What one step costs on an adapter, which should be the one the plan is made for.
    pub fn cost(&self, target: &GpuTarget) -> Cost {
        self.steps.iter().map(|step| step.cost(target)).sum()
    }
}
