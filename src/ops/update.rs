//! A step of the optimiser where the gradient is computed, which then is never stored.

use super::*;

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
