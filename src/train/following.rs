//! What a process of a team does that does not lead.

use super::command::Command;
use super::steps::Steps;
use super::trainer::Trainer;
use crate::error::{Error, Result};

impl Trainer<'_> {
    /// Does what the leading process of the [team](Trainer::in_team) tells, until it says that the training is
    /// over: computes shards, ends each step as all do, and measures held-out images.
    ///
    /// # Errors
    /// When there is no team that another process leads, a device fails, or another process has failed.
    pub fn follow(&mut self) -> Result<()> {
        let team = self.train.ranks().map(|ranks| ranks.team.clone());
        let Some(team) = team.filter(|team| !team.leads()) else {
            return Err(Error::Graph("this process follows nobody".into()));
        };
        loop {
            let command: Command = team.hear(0)?;
            if let Command::Order { epoch } = &command {
                self.arrange(*epoch);
            }
            let Steps::Shared(shards) = &mut self.train else { continue };
            shards.obey(self.executor, &self.order.1, command.clone())?;
            match command {
                Command::End => {
                    team.end();
                    return Ok(());
                }
                Command::Evaluate { weight, steps } => {
                    let part = steps[team.rank()].clone();
                    let taken = self.measured(f32::from_bits(weight), part)?;
                    let rows: Vec<f32> = taken.into_iter().flat_map(|it| it.row.values).collect();
                    team.send_numbers(0, 0, &rows);
                }
                _ => {}
            }
        }
    }

    /// Ends the training: the other processes of the team, if there are any, are told, and the device gets the memory
    /// of its plans back, for what the model does besides. No step can be taken from here on, and no epoch measured.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn end(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_over, true) {
            return Ok(());
        }
        if let Some(ranks) = self.train.ranks() {
            ranks.team.tell_all(&Command::End)?;
            ranks.team.end();
        }
        self.train.remove_plans(self.executor)?;
        self.test.remove_plans(self.executor)
    }
}

#[cfg(test)]
mod tests;
