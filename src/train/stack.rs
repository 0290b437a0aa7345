//! Gradients of shards, added up on the device that has computed them: they leave it as sums.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::slice::from_ref;

use super::tree::Addition;
use crate::error::Result;
use crate::graph::{Arriving, Executor, Plan, PlanId, StateLayout, gradient_pieces};
use crate::ops::StepScalars;

/// A device's stack of sums.
#[derive(Debug)]
pub(super) struct Stack {
    layout: StateLayout,
    /// The words of the pieces in which sums leave the device.
    pieces: Vec<Range<usize>>,
    /// Plans that put gradients on the stack, by their words, the stack's height, and how often is added.
    plans: HashMap<(Range<usize>, usize, usize), PlanId>,
}

impl Stack {
    /// An empty one, of gradients that are laid out so.
    pub fn new(layout: &StateLayout) -> Self {
        let pieces = gradient_pieces(layout);
        Self { layout: layout.clone(), pieces, plans: HashMap::new() }
    }

    /// The words of the pieces in which sums leave the device, one behind the other.
    pub fn pieces(&self) -> &[Range<usize>] {
        &self.pieces
    }

    /// Runs the plan of a shard, and adds its gradients to what is there. Waits for nothing.
    pub fn run(
        &mut self,
        executor: &mut dyn Executor,
        plan: PlanId,
        scalars: &StepScalars,
        addition: Addition,
    ) -> Result<()> {
        executor.run(plan, from_ref(scalars))?;
        let words = 0..self.pieces.last().map_or(0, |piece| piece.end);
        self.add(executor, words, scalars, addition)
    }

    /// The same for a shard with which a sum is finished, whose pieces leave while its backward pass goes on:
    /// `arrived` gets each with its number.
    pub fn run_and_send(
        &mut self,
        executor: &mut dyn Executor,
        plan: PlanId,
        scalars: &StepScalars,
        addition: Addition,
        mut arrived: impl FnMut(usize, Vec<f32>),
    ) -> Result<()> {
        let (order, operations) = self.order(executor.plan(plan)?);
        let mut coming: VecDeque<(usize, Box<dyn Arriving>)> = VecDeque::new();
        let mut done = 0;
        for (before, piece) in order {
            if before > done {
                executor.run_part(plan, scalars, done..before)?;
                done = before;
            }
            let words = self.pieces[piece].clone();
            self.add(executor, words.clone(), scalars, addition)?;
            coming.push_back((piece, executor.send_sum(addition.top(), words)?));
            while let Some((piece, numbers)) = next_arrived(&mut coming)? {
                arrived(piece, numbers.take()?);
            }
        }
        if done < operations {
            executor.run_part(plan, scalars, done..operations)?;
        }
        for (piece, numbers) in coming {
            arrived(piece, numbers.take()?);
        }
        Ok(())
    }

    /// Sends the pieces of the sum that is on the top.
    pub fn send(&self, executor: &mut dyn Executor, top: usize) -> Result<Vec<Box<dyn Arriving>>> {
        self.pieces.iter().map(|words| executor.send_sum(top, words.clone())).collect()
    }

    /// The pieces, each with the number of the plan's operations after which its gradients are stored, by that; and
    /// the number of all.
    fn order(&self, plan: &Plan) -> (Vec<(usize, usize)>, usize) {
        let pieces = self.pieces.iter().enumerate();
        let mut order: Vec<_> =
            pieces.map(|(piece, words)| (plan.operations_before(words), piece)).collect();
        order.sort_unstable();
        (order, plan.steps.len())
    }

    /// Puts these words of the gradients on the stack, and adds them up.
    fn add(
        &mut self,
        executor: &mut dyn Executor,
        words: Range<usize>,
        scalars: &StepScalars,
        addition: Addition,
    ) -> Result<()> {
        if words.is_empty() {
            return Ok(());
        }
        let Addition { height, adds, .. } = addition;
        let key = (words.clone(), height, adds);
        let plan = match self.plans.get(&key) {
            Some(plan) => *plan,
            None => {
                let plan = Plan::sum(&self.layout, words, height, adds);
                let plan = executor.add_plan(plan, None)?;
                self.plans.insert(key, plan);
                plan
            }
        };
        executor.run(plan, from_ref(scalars))
    }
}

/// The first of what is coming, if it has arrived.
fn next_arrived<T>(
    coming: &mut VecDeque<(T, Box<dyn Arriving>)>,
) -> Result<Option<(T, Box<dyn Arriving>)>> {
    match coming.front() {
        Some((_, first)) if first.has_arrived()? => Ok(coming.pop_front()),
        _ => Ok(None),
    }
}
