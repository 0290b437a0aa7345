//! What a model comes to on held-out images while it trains, by all processes of a team.

use std::ops::{ControlFlow, Range};

use super::command::Command;
use super::pass::Taken;
use super::ranks::Ranks;
use super::trainer::Trainer;
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, WeightedMean};
use crate::inference::DRAWS;
use crate::ops::StepScalars;

/// A step of which nobody's speed is measured anew.
const UNMEASURED: u64 = 2;

impl Trainer<'_> {
    /// Measures on all held-out images. Where several processes train, each measures some, and the rows are added
    /// in the order of the images.
    ///
    /// # Errors
    /// When a device fails.
    pub fn evaluate(&mut self) -> Result<Evaluation> {
        let weight = self.config.model.weight(self.position.epoch as f32, self.adapted);
        let all = 0..self.test.steps();
        let parts = match self.train.ranks() {
            None => vec![all],
            Some(ranks) => {
                let steps = ranks.divide(all.len(), UNMEASURED);
                let command = Command::Evaluate { weight: weight.to_bits(), steps: steps.clone() };
                ranks.team.tell_all(&command)?;
                steps
            }
        };
        let mut mean = WeightedMean::default();
        for taken in self.measured(weight, parts[0].clone())? {
            mean.add(&taken.row.values, taken.images);
        }
        for (from, part) in parts.iter().enumerate().skip(1) {
            let Some(ranks) = self.train.ranks() else { break };
            for (number, row) in part.clone().zip(rows(ranks, from, self.test.metrics(), part)?) {
                mean.add(&row, self.test.images_of(number));
            }
        }
        Ok(mean.evaluation(self.test.metrics()))
    }

    /// Measures these of the steps over held-out images.
    pub(super) fn measured(&mut self, weight: f32, part: Range<usize>) -> Result<Vec<Taken>> {
        if part.is_empty() {
            return Ok(vec![]);
        }
        let order: Vec<u32> = (0..self.test.count() as u32).collect();
        // Other draws than training has, and the same for every seed.
        let seed = DRAWS.key();
        let scalars = |step| StepScalars { step, weight, seed, ..StepScalars::default() };
        let mut rows = vec![];
        let part = part.start as u32..part.end as u32;
        self.test.run(self.executor, &order, part, scalars, |steps| {
            rows.extend_from_slice(steps);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(rows)
    }
}

/// The rows that process `from` has measured.
fn rows(
    ranks: &Ranks,
    from: usize,
    metrics: &[String],
    part: &Range<usize>,
) -> Result<Vec<Vec<f32>>> {
    let (_, numbers) = ranks.team.receive_numbers(from)?;
    match numbers.len() == part.len() * metrics.len() {
        true => Ok(numbers.chunks(metrics.len().max(1)).map(<[f32]>::to_vec).collect()),
        false => Err(Error::Rank {
            what: format!("rank {from} has measured other things than rank 0"),
            code: 1,
        }),
    }
}
