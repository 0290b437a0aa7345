//! Codes of images and images of codes, by the variant.

use super::architecture::CodeForm;
use super::model::{Encoded, Model};
use super::network::Scope;
use super::variant::{Variance, Variant};
use super::{haze, vae};
use crate::error::{Error, Result};
use crate::graph::{Initialiser, State};
use crate::nn::Decoded;
use crate::ops::{self, Activation, Builder, NodeId, UnaryKind};

/// The logarithm of the shared variance before training.
const SHARED_START: f32 = -3.0;

/// Below this log-variance a Gaussian pixel would be sharper than the 255 steps it is stored in.
const LEAST_LOG_VARIANCE: f32 = -12.5;

/// Noise below this is hardly more than what rounding to 255 steps adds.
const LEAST_DEVIATION: f32 = 2.0 / 255.0;

impl Model {
    /// The activation of the code: the network's, unless the variant wants it linear.
    pub(super) fn code_activation(&self) -> Option<Activation> {
        match &self.variant {
            // Whole numbers of either sign.
            _ if self.quantiser.is_some() || self.network.linear => None,
            Variant::Sparse(sparse) => sparse.code_activation(self.network.activation),
            Variant::Vae(_) | Variant::Cvae(_) | Variant::Iwae(_) | Variant::Vqvae(_) => None,
            _ => Some(self.network.activation),
        }
    }

    /// The codes of `input`, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// When the images are not of the model's size.
    pub fn encode(
        &self,
        scope: &mut Scope,
        input: NodeId,
        labels: Option<NodeId>,
    ) -> Result<Encoded> {
        if self.is_variational() {
            let posterior = vae::posterior(self, scope, input, labels)?;
            let (code, log_variance) = (posterior.mean, Some(posterior.log_variance));
            return Ok(Encoded { code, log_variance, index: None });
        }
        let code = self.network.code(scope, input, labels, self.code_activation())?;
        match &self.variant {
            Variant::Vqvae(vqvae) => {
                let quantised = vqvae.quantise(scope, code)?;
                let (code, index) = (quantised.code, Some(quantised.index));
                Ok(Encoded { code, log_variance: None, index })
            }
            variant => {
                let code = match variant {
                    Variant::Sparse(sparse) => sparse.keep_greatest(scope, code)?,
                    _ => code,
                };
                let code = match &self.quantiser {
                    Some(quantiser) => quantiser.quantise(scope.graph, code)?,
                    None => self.network.dropped_code(scope, code)?,
                };
                Ok(Encoded { code, log_variance: None, index: None })
            }
        }
    }

    /// The logarithm of the scale of the distribution of each number of a `code`, in steps and shaped like it, of a model
    /// with a hyperprior.
    ///
    /// # Errors
    /// When the code is not of the model's size.
    pub fn log_scale(&self, scope: &mut Scope, code: NodeId) -> Result<Option<NodeId>> {
        let said = self.quantiser.map(|quantiser| quantiser.log_scale(scope, code));
        said.transpose().map(Option::flatten)
    }

    /// The codes of `input` before the last step of the encoder, a rectifier, a sigmoid or the choice of
    /// the greatest units, or the rounding to steps: numbers without bounds, to which a distribution is fitted.
    /// [`Model::activate`] is that step, but for the rounding.
    ///
    /// # Errors
    /// When the images are not of the model's size.
    pub fn encode_linear(
        &self,
        scope: &mut Scope,
        input: NodeId,
        labels: Option<NodeId>,
    ) -> Result<NodeId> {
        if self.network.linear || self.quantiser.is_some() {
            return self.network.code(scope, input, labels, None);
        }
        let features = self.network.linear_features(scope, input, labels)?;
        self.network.head(scope, "code", features, None)
    }

    /// Makes codes of what [`Model::encode_linear`] gives, row by row.
    pub fn activate(&self, codes: &mut [f32]) {
        let network = &self.network;
        let is_linear = network.code != CodeForm::Features || network.has_linear_features();
        if let (Some(activation), true) = (self.code_activation(), is_linear) {
            activation.apply(codes);
        }
        self.rectify(codes);
    }

    /// The codes of `input` as a classifier should read them: of top-k codes, with more units than
    /// reconstructions are made of; else the codes themselves.
    ///
    /// # Errors
    /// When the images are not of the model's size.
    pub fn represent(
        &self,
        scope: &mut Scope,
        input: NodeId,
        labels: Option<NodeId>,
    ) -> Result<NodeId> {
        let Variant::Sparse(sparse) = &self.variant else {
            return Ok(self.encode(scope, input, labels)?.code);
        };
        let code = self.network.code(scope, input, labels, self.code_activation())?;
        sparse.keep_more(scope, code)
    }

    /// What the decoder makes of codes.
    ///
    /// # Errors
    /// When the codes are not of the model's size.
    pub fn decode(
        &self,
        scope: &mut Scope,
        code: NodeId,
        labels: Option<NodeId>,
    ) -> Result<Decoded> {
        let (network, output) = (&self.network, self.output);
        match self.variance {
            None => {
                let [logits] = network.decode(scope, code, labels, ["output"])?;
                Ok(Decoded { logits, output, base: None, deviation: None, log_variance: None })
            }
            Some(Variance::Shared) => {
                let [logits] = network.decode(scope, code, labels, ["output"])?;
                let start = Initialiser::Constant(SHARED_START);
                let shared = scope.graph.parameter("decoder.log_variance", [1; 4], start)?;
                Ok(Decoded {
                    logits,
                    output,
                    base: None,
                    deviation: None,
                    log_variance: Some(shared),
                })
            }
            Some(Variance::Learned) => {
                let outputs = ["output", "log_variance"];
                let [logits, variance] = network.decode(scope, code, labels, outputs)?;
                let range =
                    UnaryKind::Clamp { low: LEAST_LOG_VARIANCE, high: ops::LOG_VARIANCE[1] };
                let variance = ops::unary(scope.graph, variance, range)?;
                Ok(Decoded {
                    logits,
                    output,
                    base: None,
                    deviation: None,
                    log_variance: Some(variance),
                })
            }
        }
    }

    /// What the decoder makes of `code`, the code of `input`, which is as [`Model::input`] makes it.
    ///
    /// # Errors
    /// When the images are not of the model's size.
    pub fn decode_beside(
        &self,
        scope: &mut Scope,
        code: NodeId,
        input: NodeId,
        labels: Option<NodeId>,
    ) -> Result<Decoded> {
        let channels = self.images().channels;
        let shape = scope.graph.shape(input);
        if self.planes() > 0 && shape.get(1) != Some(&(channels + self.planes())) {
            let what = "lacks the planes of what the model is told; Model::input adds them";
            return Err(Error::shape("decode_beside", what, &[shape]));
        }
        let mut base = input;
        if self.planes() > 0 {
            base = ops::slice_axis(scope.graph, input, 1, 0..channels)?;
        }
        if self.transmission {
            let of_haze = self.network.decode(scope, code, labels, ["output", "airlight"])?;
            let logits = haze::correction(scope.graph, base, of_haze)?;
            let (output, base) = (self.output, Some(base));
            return Ok(Decoded { logits, output, base, deviation: None, log_variance: None });
        }
        let decoded = self.decode(scope, code, labels)?;
        let base = self.residual.then_some(base);
        if self.planes() == 0 {
            return Ok(Decoded { base, ..decoded });
        }
        let told = ops::slice_axis(scope.graph, input, 1, channels..channels + 1)?;
        if self.fills {
            let logits = ops::mul(scope.graph, decoded.logits, told)?;
            return Ok(Decoded { base, logits, ..decoded });
        }
        let range = UnaryKind::Clamp { low: LEAST_DEVIATION, high: f32::MAX };
        let deviation = Some(ops::unary(scope.graph, told, range)?);
        Ok(Decoded { base, deviation, ..decoded })
    }

    /// The codes, row by row, that consist of codes of the codebook in `state` with these numbers.
    ///
    /// # Errors
    /// When the model has no codebook, or that has no such number.
    pub fn look_up(&self, state: &State, indices: &[u32]) -> Result<Vec<f32>> {
        let Variant::Vqvae(vqvae) = &self.variant else {
            return Err(Error::Graph(format!("a {} model has no codebook", self.name())));
        };
        let places = self.places().map_or(1, |axes| axes.iter().product());
        let are_maps = self.network.code_shape().len() == 3;
        vqvae.look_up(state, places, are_maps, indices)
    }

    /// Codes, row by row, as the encoder could have made them: without what its last step, a
    /// rectifier or a choice of units, lets no code have.
    pub fn rectify(&self, codes: &mut [f32]) {
        match (self.rectifier(), &self.variant) {
            (Rectifier::Greatest { .. }, Variant::Sparse(sparse)) => {
                codes.chunks_mut(self.network.latent()).for_each(|code| sparse.rectify(code));
            }
            (Rectifier::Relu, _) => codes.iter_mut().for_each(|value| *value = value.max(0.0)),
            _ => {}
        }
    }

    /// What the encoder's last step lets no code have.
    pub fn rectifier(&self) -> Rectifier {
        match &self.variant {
            Variant::Sparse(sparse) if sparse.k > 0 => Rectifier::Greatest { k: sparse.k },
            _ if self.code_activation() == Some(Activation::Relu) => Rectifier::Relu,
            _ => Rectifier::None,
        }
    }
}

/// What codes have lost by the encoder's last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Rectifier {
    /// Nothing.
    None,
    /// What is below 0.
    Relu,
    /// All but the greatest units of a code.
    Greatest {
        /// How many stay.
        k: usize,
    },
}
