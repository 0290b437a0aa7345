//! The processes that compute shards of the same steps, as the leading one knows them.

use std::ops::Range;

use md5::{Digest, Md5};

use super::command::Command;
use super::team::Team;
use super::workers::{Speed, shared_out};
use crate::error::{Error, Result};
use crate::graph::State;

/// Who trains together.
pub(super) struct Ranks {
    pub team: Team,
    /// By the process: what it is called with its devices, how fast it is, and the shards it has computed. Only
    /// the leading one knows the names.
    names: Vec<String>,
    speeds: Vec<Speed>,
    shards: Vec<u64>,
}

impl Ranks {
    /// Meets the others, once this process is ready to compute on these devices.
    ///
    /// # Errors
    /// When a process has failed before it was ready.
    pub fn meet(team: Team, devices: &str) -> Result<Self> {
        let own = format!("{}: {devices}", team.name());
        let mut names = vec![own];
        match team.leads() {
            true => {
                for from in team.others() {
                    names.push(team.hear(from)?);
                }
            }
            false => team.tell(0, &names[0])?,
        }
        let (speeds, shards) = (vec![Speed::default(); team.count()], vec![0; team.count()]);
        Ok(Self { team, names, speeds, shards })
    }

    /// Shares so many shards out among the processes, by their speed: in their order, each some neighbours.
    pub fn divide(&self, shards: usize, step: u64) -> Vec<Range<usize>> {
        shared_out(&self.speeds, shards, step)
    }

    /// Takes note of a step, in which the processes had these shards, and each such a time for one of them.
    pub fn note(&mut self, places: &[Range<usize>], seconds: &[f64]) {
        for (rank, (places, seconds)) in places.iter().zip(seconds).enumerate() {
            self.speeds[rank].note(*seconds, places.len());
            self.shards[rank] += places.len() as u64;
        }
    }

    /// The other processes, each with the shards that it has computed; nothing where this one does not lead.
    pub fn shares(&self) -> impl Iterator<Item = (String, u64)> {
        self.names.iter().cloned().zip(self.shards.iter().copied()).skip(1)
    }

    /// Has the others go on from this state.
    pub fn send_state(&self, state: &State) -> Result<()> {
        self.team.tell_all(&Command::State)?;
        for to in self.team.others() {
            for numbers in parts(state) {
                self.team.send_numbers(to, 0, numbers);
            }
        }
        Ok(())
    }

    /// The state that the leading process goes on from, laid out as `own`.
    pub fn receive_state(&self, own: &State) -> Result<State> {
        let mut state = own.clone();
        let State { parameters, buffers, moments, .. } = &mut state;
        for part in [parameters, buffers].into_iter().chain(moments) {
            let (_, numbers) = self.team.receive_numbers(0)?;
            if numbers.len() != part.len() {
                let what = "the state of the leading process is another model's";
                return Err(Error::Graph(what.into()));
            }
            *part = numbers;
        }
        Ok(state)
    }

    /// Makes sure that all processes have this state, to the bit.
    ///
    /// # Errors
    /// When one has another; the error names it.
    pub fn compare(&self, state: &State) -> Result<()> {
        self.team.tell_all(&Command::Digest)?;
        let own = digest(state);
        for from in self.team.others() {
            if self.team.hear::<String>(from)? != own {
                let what = format!(
                    "{} has come to other parameters by the same steps than rank 0: it rounds otherwise, being \
                     of another kind, or its memory is faulty; leave it out",
                    self.names[from]
                );
                return Err(Error::Rank { what, code: 1 });
            }
        }
        Ok(())
    }
}

/// The MD5 of all numbers of a state.
pub(super) fn digest(state: &State) -> String {
    let mut digest = Md5::new();
    parts(state).for_each(|numbers| digest.update(bytemuck::cast_slice::<f32, u8>(numbers)));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parts(state: &State) -> impl Iterator<Item = &Vec<f32>> {
    [&state.parameters, &state.buffers].into_iter().chain(&state.moments)
}
