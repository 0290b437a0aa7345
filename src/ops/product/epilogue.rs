//! What products and convolutions compute on the way out, once fused.

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::function::{Activation, EpiloguePart};
use crate::ops::kernel::{Binding, Dispatch, MAX_INPUTS};
use crate::shape::Shape;

/// The epilogue of a kernel. What it reads besides follows the operation's own two inputs: the bias,
/// the other summand, the value at which the derivative is taken; each only where there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fused {
    /// Whether one number a channel is added.
    pub bias: bool,
    /// Whether a tensor of the output's shape is added.
    pub sum: bool,
    /// What comes last.
    pub last: Last,
}

/// The end of an epilogue.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Last {
    /// Nothing more.
    #[default]
    Nothing,
    /// An activation.
    Activation(Activation),
    /// The product with an activation's derivative.
    Gradient(Activation),
}

/// Inputs of the operation itself.
const OWN: usize = 2;

impl Fused {
    /// With `part` as well, where it may follow what is there already.
    pub(crate) fn with(self, part: EpiloguePart) -> Option<Self> {
        if self.last != Last::Nothing {
            return None;
        }
        match part {
            EpiloguePart::Bias if !self.bias && !self.sum => Some(Self { bias: true, ..self }),
            EpiloguePart::Sum if !self.sum => Some(Self { sum: true, ..self }),
            EpiloguePart::Activation(activation) => {
                Some(Self { last: Last::Activation(activation), ..self })
            }
            EpiloguePart::ActivationGradient(activation) => {
                Some(Self { last: Last::Gradient(activation), ..self })
            }
            EpiloguePart::Bias | EpiloguePart::Sum => None,
        }
    }

    /// Gradients are rules about the operation alone.
    pub(crate) fn none_yet(self) -> Result<()> {
        match self == Self::default() {
            true => Ok(()),
            false => Err(Error::Graph("differentiate before fusing".into())),
        }
    }

    fn sum_input(self) -> usize {
        OWN + usize::from(self.bias)
    }

    fn value_input(self) -> usize {
        self.sum_input() + usize::from(self.sum)
    }

    /// Refuses a bias that is not one number a channel, and further inputs unlike the output.
    pub(crate) fn check(
        self,
        op: &'static str,
        inputs: &[&Shape],
        channels: usize,
        output: &Shape,
    ) -> Result<()> {
        if self.bias && inputs[OWN][..] != [channels] {
            return Err(Error::shape(op, "the bias has one number a channel", inputs));
        }
        let rest = inputs.get(self.sum_input()..).unwrap_or_default();
        match rest.iter().find(|shape| shape.elements() != output.elements()) {
            Some(_) => Err(Error::shape(op, "what an epilogue reads is like the output", inputs)),
            None => Ok(()),
        }
    }

    /// The buffers of bias, summand and value. One that is not there has a stand-in, so that one
    /// entry point does for all.
    pub(crate) fn bindings(self) -> [Binding; 3] {
        let stand_in = Binding::Input(1);
        let or = |there: bool, input| if there { Binding::Input(input) } else { stand_in };
        let differentiates = matches!(self.last, Last::Gradient(_));
        [or(self.bias, OWN), or(self.sum, self.sum_input()), or(differentiates, self.value_input())]
    }

    /// Sets the constants of the pass that ends with the epilogue.
    pub(crate) fn constants(self, dispatch: Dispatch) -> Dispatch {
        let (activation, gradient) = match self.last {
            Last::Nothing => (None, false),
            Last::Activation(activation) => (Some(activation), false),
            Last::Gradient(activation) => (Some(activation), true),
        };
        dispatch
            .constant("BIAS", u32::from(self.bias))
            .constant("SUM", u32::from(self.sum))
            .constant("GRADIENT", u32::from(gradient))
            .constant("ACTIVATION", activation.map_or(0, Activation::code))
            .constant("SLOPE", activation.map_or(0.0, Activation::slope))
    }

    /// The epilogue with the numbers it reads.
    pub(crate) fn on<'a>(self, inputs: &[&'a [f32]; MAX_INPUTS]) -> Epilogue<'a> {
        Epilogue {
            bias: self.bias.then(|| inputs[OWN]),
            summand: self.sum.then(|| inputs[self.sum_input()]),
            value: inputs[self.value_input()],
            last: self.last,
        }
    }
}

/// An epilogue on the CPU, for any stretch of the output that is in cache.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a> {
    bias: Option<&'a [f32]>,
    summand: Option<&'a [f32]>,
    value: &'a [f32],
    last: Last,
}

impl Epilogue<'_> {
    /// Finishes `out`, whose first element is number `start` of the output and begins a plane of
    /// `plane` elements of one channel.
    pub fn apply(&self, out: &mut [f32], start: usize, plane: usize) {
        if let Some(bias) = self.bias {
            simd::vectorised!(add_bias(out, bias, start, plane));
        }
        if let Some(summand) = self.summand {
            let summand = &summand[start..][..out.len()];
            simd::vectorised!(out.iter_mut().zip(summand).for_each(|(out, x)| *out += x));
        }
        match self.last {
            Last::Nothing => {}
            Last::Activation(activation) => activation.apply(out),
            Last::Gradient(activation) => {
                activation.apply_gradient(out, &self.value[start..][..out.len()]);
            }
        }
    }
}

#[inline(always)]
fn add_bias(out: &mut [f32], bias: &[f32], start: usize, plane: usize) {
    if plane == 1 && start.is_multiple_of(bias.len()) {
        for row in out.chunks_mut(bias.len()) {
            row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
        }
        return;
    }
    let first = start / plane % bias.len();
    let channels = bias.iter().cycle().skip(first);
    for (plane, bias) in out.chunks_mut(plane).zip(channels) {
        plane.iter_mut().for_each(|value| *value += bias);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_have_their_own_channels_wherever_they_begin() {
        for plane in 1..3 {
            let mut out = vec![0.0; 4 * plane];
            add_bias(&mut out, &[1.0, 2.0, 3.0], 2 * plane, plane);
            let expected: Vec<f32> =
                [3.0, 1.0, 2.0, 3.0].into_iter().flat_map(|bias| vec![bias; plane]).collect();
            assert_eq!(out, expected);
        }
    }
}
