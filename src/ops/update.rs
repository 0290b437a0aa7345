//! How parameters follow their gradients: by which rule, and where an operation takes the step itself, as
//! gradients that nobody else reads are never stored then.

use super::kernel::{Binding, MAX_OUTPUTS};
use super::step::StepScalars;
use crate::error::{Error, Result};

/// How parameters follow their gradients. The learning rate comes with each step.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Optimiser {
    /// Gradient descent: `v = momentum v + g`, `p -= rate v` (PyTorch's form).
    Sgd {
        /// The share of the last step that is kept.
        momentum: f32,
    },
    /// Adam (Kingma and Ba, 2015), with decoupled weight decay (AdamW, Loshchilov and Hutter,
    /// 2019) where `weight_decay` is above 0.
    Adam {
        /// Decay of the gradient's mean.
        beta1: f32,
        /// Decay of the gradient's square.
        beta2: f32,
        /// Added to the root of the second moment.
        epsilon: f32,
        /// The share of a parameter, times the rate, that each step takes away.
        weight_decay: f32,
    },
}

impl Optimiser {
    /// Adam at its usual settings: 0.9, 0.999, 1e-8.
    pub fn adam() -> Self {
        Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }

    /// AdamW at Adam's usual settings.
    pub fn adam_w(weight_decay: f32) -> Self {
        Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay }
    }

    /// Refuses numbers by which nothing is learned.
    ///
    /// # Errors
    /// When one is out of its range; the error names it.
    pub fn check(&self) -> Result<()> {
        let share = |name: &str, value: f32| match (0.0..1.0).contains(&value) {
            true => Ok(()),
            false => Err(Error::option(name, format!("is {value}; it takes 0 to below 1"))),
        };
        match *self {
            Self::Sgd { momentum } => share("momentum", momentum),
            Self::Adam { beta1, beta2, epsilon, weight_decay } => {
                share("beta1", beta1)?;
                share("beta2", beta2)?;
                if !(epsilon > 0.0 && epsilon.is_finite()) {
                    let what = format!("is {epsilon}; it must be above 0, such as 1e-8");
                    return Err(Error::option("epsilon", what));
                }
                if !(weight_decay >= 0.0 && weight_decay.is_finite()) {
                    let what = format!("is {weight_decay}; it takes 0 or above, such as 0.01");
                    return Err(Error::option("weight_decay", what));
                }
                Ok(())
            }
        }
    }

    /// How many numbers a parameter it remembers.
    pub fn moments(&self) -> usize {
        match self {
            Self::Sgd { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }

    /// `1 - beta1^t` and `1 - beta2^t` for step `step` (from 0, so t = step + 1), which go into
    /// [`StepScalars::corrections`].
    pub fn corrections(&self, step: u32) -> [f32; 4] {
        match self {
            Self::Sgd { .. } => [1.0, 1.0, 0.0, 0.0],
            Self::Adam { beta1, beta2, .. } => {
                let correction = |beta: f32| 1.0 - f64::from(beta).powf(f64::from(step) + 1.0);
                [correction(*beta1) as f32, correction(*beta2) as f32, 0.0, 0.0]
            }
        }
    }
}

/// The parameters that an operation updates in place of giving their gradients: by Adam, as its
/// outputs, in place: all parameters and the two moments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// The rule.
    pub optimiser: Optimiser,
    /// The word of the parameters at which the one begins whose gradient is the first output.
    pub first: usize,
    /// The same for the second output.
    pub second: Option<usize>,
}

impl Update {
    /// The buffers that take the place of an epilogue's: the two moments.
    pub(super) fn bindings(self) -> [Binding; 2] {
        [Binding::Output(1), Binding::Output(2)]
    }

    /// Where the outputs begin, for the kernel's uniform.
    pub(super) fn places(self) -> [u32; 2] {
        [self.first, self.second.unwrap_or_default()].map(|word| word as u32)
    }

    /// The step on the CPU, by the gradients of either parameter.
    pub(super) fn take(
        self,
        outputs: [&mut [f32]; MAX_OUTPUTS],
        first: &[f32],
        second: &[f32],
        step: &StepScalars,
    ) {
        let [parameters, mean, square] = outputs;
        let both = [(Some(self.first), first), (self.second, second)];
        for (place, gradients) in both {
            let Some(place) = place else { continue };
            let words = place..place + gradients.len();
            let state =
                [&mut parameters[words.clone()], &mut mean[words.clone()], &mut square[words]];
            self.optimiser.take(state, gradients, 1.0, step);
        }
    }

    /// Words read and written for so many parameters.
    pub(super) fn traffic(self, parameters: usize) -> usize {
        2 * (1 + self.optimiser.moments()) * parameters
    }
}
