//! Numbers that are not finite: where they first come from.

use super::position::Position;
use super::report::{Advance, Fault, Listener};
use super::trainer::Trainer;
use crate::error::Result;
use crate::graph::{Finding, State};

impl Trainer<'_> {
    /// Finds what made `fault` in a run that was at `position` with this `state` before, by taking
    /// the same steps again: the first operation that gave a number that is not finite, and the
    /// step it did so in. `None` where it does not come about again. The state is of no use then.
    ///
    /// # Errors
    /// When the device fails.
    pub fn find_fault(
        &mut self,
        state: &State,
        position: &Position,
        fault: Fault,
    ) -> Result<Option<(u32, Finding)>> {
        let mut good = (state.clone(), position.clone());
        let (mut step, mut bad) = (fault.step, fault.step);
        // Numbers may be broken for some steps before the loss shows it: halve the way to the step
        // that broke them.
        loop {
            self.resume(&good.0, good.1.clone())?;
            if !self.repeat(step)? {
                return Ok(None);
            }
            let state = self.state()?;
            match state.not_finite() {
                Some(_) => bad = step,
                None => good = (state, self.position().clone()),
            }
            let way = bad - good.1.step;
            if way <= 1 {
                break;
            }
            step = good.1.step + way / 2;
        }
        let step = good.1.step;
        self.resume(&good.0, good.1)?;
        Ok(self.inspect()?.map(|finding| (step, finding)))
    }

    /// Takes steps up to `step`; `false` where a loss on the way is no number.
    fn repeat(&mut self, step: u32) -> Result<bool> {
        while self.position().step < step {
            let most = step - self.position().step;
            if let Advance::NotFinite(_) = self.advance(most, &mut Silent)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Says nothing of steps that are taken again.
struct Silent;

impl Listener for Silent {
    fn advanced(&mut self, _images: usize, _loss: f64) {}
}
