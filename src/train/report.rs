//! What a training tells of itself on the way.

use super::position::Adaptation;
use crate::evaluate::Evaluation;

/// What one epoch came to.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochReport {
    /// The epoch's number, from 1.
    pub epoch: u32,
    /// The mean loss over the epoch's steps.
    pub train_loss: f64,
    /// The penalty's weight and the share of active units under it, for a model that adapts.
    pub adaptation: Option<Adaptation>,
    /// Measures on the held-out images afterwards.
    pub test: Evaluation,
    /// Seconds of training, without the evaluation.
    pub seconds: f64,
}

/// Hears of progress as it is known: images that have been trained on since the last call, and the
/// loss of the last of them.
pub trait Listener {
    /// Some steps have been taken.
    fn advanced(&mut self, images: usize, loss: f64);

    /// Whether training should pause after the steps that are under way.
    fn pauses(&mut self) -> bool {
        false
    }
}

/// Hears of it, and lets training go on.
impl Listener for () {
    fn advanced(&mut self, _images: usize, _loss: f64) {}
}

/// How far [`Trainer::advance`](super::trainer::Trainer::advance) came.
#[derive(Clone, Debug, PartialEq)]
pub enum Advance {
    /// Some steps further, within an epoch.
    Paused,
    /// To the end of an epoch.
    Epoch(Box<EpochReport>),
    /// Nowhere: the loss is no number. The state is of no use any more.
    NotFinite(Fault),
}

/// A loss, or a parameter after training steps, that is no finite number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// Steps taken before the fault was seen.
    pub step: u32,
    /// The loss of the next step, where that is at fault.
    pub loss: Option<f32>,
}

impl Fault {
    /// What is wrong, in words.
    pub fn describe(&self) -> String {
        match self.loss {
            Some(loss) => format!("the loss became {loss} at step {}", self.step),
            None => format!("a parameter became no finite number before step {}", self.step),
        }
    }
}
