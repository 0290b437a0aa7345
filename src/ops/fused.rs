//! What products and convolutions compute on the way out, once fused.

use super::*;

/// The bias and the activation in the epilogue of a kernel (or neither).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fused {
    /// Whether a third input, one number a channel, is added.
    pub bias: bool,
    /// What is applied last.
    pub activation: Option<Activation>,
}

impl Fused {
    /// A bias as well, unless something is fused already.
    pub(super) fn with_bias(self) -> Option<Self> {
        (self == Self::default()).then_some(Self { bias: true, activation: None })
    }

    /// An activation as well, unless there is one already.
    pub(super) fn with_activation(self, activation: Activation) -> Option<Self> {
        self.activation.is_none().then_some(Self { activation: Some(activation), ..self })
    }

    /// Gradients are rules about the operation alone.
    pub(super) fn none_yet(self) -> Result<()> {
        match self == Self::default() {
            true => Ok(()),
            false => Err(Error::Graph("differentiate before fusing".into())),
        }
    }

    /// The third input. Without a bias its binding is there all the same, so that one entry point
    /// does for both.
    pub(super) fn bias_binding(self) -> Binding {
        Binding::Input(if self.bias { 2 } else { 1 })
    }

    /// Sets the constants of the pass that ends with bias and activation.
    pub(super) fn constants(self, dispatch: Dispatch) -> Dispatch {
        dispatch
            .constant("BIAS", u32::from(self.bias))
            .constant("ACTIVATION", self.activation.map_or(0, Activation::code))
            .constant("SLOPE", self.activation.map_or(0.0, Activation::slope))
    }
}
