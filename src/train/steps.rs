//! The steps of a training: each one plan, or shards.

use std::ops::{ControlFlow, Range};

use super::pass::{Pass, Taken};
use super::ranks::Ranks;
use super::shards::Shards;
use crate::error::Result;
use crate::graph::{Executor, Finding, State};
use crate::ops::StepScalars;

/// How steps are taken.
pub(super) enum Steps<'a> {
    /// Each as one plan, which changes the state on the device.
    Whole(Pass<'a>),
    /// Each as shards, of which the state on the device follows.
    Shared(Box<Shards<'a>>),
}

impl Steps<'_> {
    /// How many steps a pass takes.
    pub fn count(&self) -> usize {
        match self {
            Self::Whole(pass) => pass.steps(),
            Self::Shared(shards) => shards.steps(),
        }
    }

    /// The state as it is now, moments included.
    pub fn state(&mut self, executor: &mut dyn Executor) -> Result<State> {
        match self {
            Self::Whole(_) => executor.state(),
            Self::Shared(shards) => shards.state(),
        }
    }

    /// Goes on from another state.
    pub fn set_state(&mut self, executor: &mut dyn Executor, state: &State) -> Result<()> {
        match self {
            Self::Whole(_) => executor.set_state(state),
            Self::Shared(shards) => shards.set_state(executor, state),
        }
    }

    /// Tells other processes, if there are any, which epoch's order comes next.
    pub fn announce(&self, epoch: u32) -> Result<()> {
        match self {
            Self::Whole(_) => Ok(()),
            Self::Shared(shards) => shards.announce(epoch),
        }
    }

    /// Gives back what plans take on the device that leads.
    pub fn remove_plans(&self, executor: &mut dyn Executor) -> Result<()> {
        match self {
            Self::Whole(pass) => pass.remove_plans(executor),
            Self::Shared(shards) => shards.remove_plans(executor),
        }
    }

    /// The processes that compute, where there are several.
    pub fn ranks(&self) -> Option<&Ranks> {
        match self {
            Self::Whole(_) => None,
            Self::Shared(shards) => shards.ranks(),
        }
    }

    /// As [`Pass::run`].
    pub fn run(
        &mut self,
        executor: &mut dyn Executor,
        order: &[u32],
        range: Range<u32>,
        scalars: impl FnMut(u32) -> StepScalars,
        arrived: impl FnMut(&[Taken]) -> Result<ControlFlow<()>>,
    ) -> Result<u32> {
        match self {
            Self::Whole(pass) => pass.run(executor, order, range, scalars, arrived),
            Self::Shared(shards) => shards.run(executor, order, range, scalars, arrived),
        }
    }

    /// As [`Pass::inspect`].
    pub fn inspect(
        &mut self,
        executor: &mut dyn Executor,
        order: &[u32],
        number: u32,
        scalars: StepScalars,
    ) -> Result<Option<Finding>> {
        match self {
            Self::Whole(pass) => pass.inspect(executor, order, number, scalars),
            Self::Shared(shards) => shards.inspect(executor, order, number, scalars),
        }
    }
}
