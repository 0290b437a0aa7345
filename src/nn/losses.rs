//! Reconstruction losses, and the unit each is reported in; penalties on codes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ops::{self, Activation, Builder, NodeId, ReduceKind, UnaryKind};

/// How a reconstruction is compared with its image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The squared error: its mean over all pixels of all images; where a divergence stands beside
    /// it, its sum over an image's pixels, which is a Gaussian likelihood of variance 1/2 up to a
    /// constant.
    #[default]
    Mse,
    /// Binary cross-entropy, summed over an image's pixels and averaged over images.
    Bce,
    /// The negative logarithm of a Gaussian density whose variance is learned, summed over an
    /// image's pixels and averaged over images.
    Gaussian,
}

/// What makes pixels of what the decoder's last layer gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// A sigmoid: a probability, for [`Loss::Bce`].
    #[default]
    Sigmoid,
    /// A clamp to [0, 1], which in training has a slope of [`LEAK`] outside: a pixel that is far out
    /// on the wrong side has a gradient still, which a sigmoid's would hardly, and one that is far
    /// out on the right side costs next to nothing.
    Clamp,
    /// As it is: for numbers that have no bounds.
    Number,
}

/// The slope of [`Output::Clamp`] outside [0, 1] in training.
pub const LEAK: f32 = 0.1;

const UNIT: UnaryKind = UnaryKind::Clamp { low: 0.0, high: 1.0 };

/// What a decoder makes of codes.
#[derive(Clone, Copy, Debug)]
pub struct Decoded {
    /// What the last layer gives, `[batch, channels, height, width]`; with a [`Decoded::base`], what
    /// is to be added to that.
    pub logits: NodeId,
    /// What makes pixels of it.
    pub output: Output,
    /// What the encoder saw, for a residual model.
    pub base: Option<NodeId>,
    /// The deviation of the base's noise, or of what rounding does to an image, where it is known; broadcasts to the
    /// images. What is to be added to a base is in units of it, and errors are in those of its square. Without, strong
    /// noise, whose errors are the greatest, would be all that is learned.
    pub deviation: Option<NodeId>,
    /// The logarithm of the Gaussian's variance, for [`Loss::Gaussian`]; broadcasts to the images.
    pub log_variance: Option<NodeId>,
}

impl Decoded {
    /// The reconstruction as it is trained; one that no sigmoid made may reach beyond [0, 1].
    ///
    /// # Errors
    /// Never for nodes of the same graph.
    pub fn reconstruction(&self, builder: &mut dyn Builder) -> Result<NodeId> {
        if let Some(base) = self.base {
            let added = match self.deviation {
                Some(deviation) => ops::mul(builder, self.logits, deviation)?,
                None => self.logits,
            };
            return ops::add(builder, base, added);
        }
        match self.output {
            Output::Sigmoid => ops::activate(builder, self.logits, Activation::Sigmoid),
            Output::Number => Ok(self.logits),
            Output::Clamp => {
                let inside = ops::unary(builder, self.logits, UNIT)?;
                let inside = ops::affine(builder, inside, 1.0 - LEAK, 0.0)?;
                let outside = ops::affine(builder, self.logits, LEAK, 0.0)?;
                ops::add(builder, inside, outside)
            }
        }
    }

    /// The reconstruction as it is shown and measured: in [0, 1], where pixels are.
    ///
    /// # Errors
    /// Never for nodes of the same graph.
    pub fn shown(&self, builder: &mut dyn Builder) -> Result<NodeId> {
        let made = match (self.base, self.output) {
            (None, Output::Clamp) => self.logits,
            _ => self.reconstruction(builder)?,
        };
        match self.is_probability() || self.output == Output::Number {
            true => Ok(made),
            false => ops::unary(builder, made, UNIT),
        }
    }

    /// Whether the last layer gives logits of probabilities.
    pub fn is_probability(&self) -> bool {
        self.base.is_none() && self.output == Output::Sigmoid
    }
}

impl Loss {
    /// What one unit of the loss is, where nothing stands beside it.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Mse => "MSE per pixel",
            Self::Bce | Self::Gaussian => "nats per image",
        }
    }

    /// The error of each pixel of `images` in [0, 1], shaped like them; 0 where `seen`,
    /// `[batch, 1, height, width]`, is 0.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn errors(
        self,
        builder: &mut dyn Builder,
        decoded: Decoded,
        images: NodeId,
        seen: Option<NodeId>,
    ) -> Result<NodeId> {
        let errors = match self {
            Self::Mse => {
                let reconstruction = decoded.reconstruction(builder)?;
                ops::squared_error(builder, reconstruction, images)?
            }
            Self::Bce => ops::binary_cross_entropy(builder, decoded.logits, images)?,
            Self::Gaussian => {
                let mean = decoded.reconstruction(builder)?;
                let log_variance = decoded.log_variance.ok_or_else(|| {
                    crate::error::Error::Graph("the decoder gives no log-variance".into())
                })?;
                let shape = builder.shape(mean).clone();
                let log_variance = ops::expand(builder, log_variance, &shape)?;
                ops::gaussian_nll(builder, mean, log_variance, images)?
            }
        };
        let errors = match decoded.deviation {
            Some(deviation) => {
                let variance = ops::mul(builder, deviation, deviation)?;
                ops::div(builder, errors, variance)?
            }
            None => errors,
        };
        match seen {
            Some(seen) => ops::mul(builder, errors, seen),
            None => Ok(errors),
        }
    }

    /// The sum of [`Loss::errors`] over each image: `[batch]`.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn by_image(
        self,
        builder: &mut dyn Builder,
        decoded: Decoded,
        images: NodeId,
        seen: Option<NodeId>,
    ) -> Result<NodeId> {
        let errors = self.errors(builder, decoded, images, seen)?;
        per_image(builder, errors)
    }

    /// The loss, a scalar, in its [unit](Loss::unit).
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn of(
        self,
        builder: &mut dyn Builder,
        decoded: Decoded,
        images: NodeId,
        seen: Option<NodeId>,
    ) -> Result<NodeId> {
        let errors = self.errors(builder, decoded, images, seen)?;
        match self {
            Self::Mse => mean_seen(builder, errors, seen),
            Self::Bce | Self::Gaussian => image_mean(builder, errors),
        }
    }
}

/// The mean of `(y - goal)^2` over all elements, a scalar: the plain loss of a graph of one's own.
///
/// # Errors
/// When the shapes do not broadcast to each other.
pub fn mean_squared_error(builder: &mut dyn Builder, y: NodeId, goal: NodeId) -> Result<NodeId> {
    let errors = ops::squared_error(builder, y, goal)?;
    ops::mean_all(builder, errors)
}

/// The mean of `errors`, `[batch, channels, height, width]`, over the pixels that are seen; a scalar.
///
/// # Errors
/// When the shapes do not broadcast.
pub fn mean_seen(
    builder: &mut dyn Builder,
    errors: NodeId,
    seen: Option<NodeId>,
) -> Result<NodeId> {
    let Some(seen) = seen else { return ops::mean_all(builder, errors) };
    let channels = builder.shape(errors).elements() / builder.shape(seen).elements();
    let sum = ops::sum_all(builder, errors)?;
    let count = ops::sum_all(builder, seen)?;
    // A batch without any seen pixel has an error of 0, not NaN.
    let count = ops::affine(builder, count, channels as f32, 1e-6)?;
    ops::div(builder, sum, count)
}

/// The sum of `errors` over an image's pixels, averaged over the images; a scalar.
///
/// # Errors
/// When `errors` has no axes.
pub fn image_mean(builder: &mut dyn Builder, errors: NodeId) -> Result<NodeId> {
    let images = builder.shape(errors)[0] as f32;
    let sum = ops::sum_all(builder, errors)?;
    ops::affine(builder, sum, 1.0 / images, 0.0)
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mse => "mse",
            Self::Bce => "bce",
            Self::Gaussian => "gaussian",
        })
    }
}

/// The sum of `x`, `[batch, ...]`, over everything but the batch: `[batch]`.
///
/// # Errors
/// When `x` has no axes.
pub fn per_image(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    let flat = ops::flatten(builder, x)?;
    let sum = ops::reduce(builder, flat, ReduceKind::Sum, &[1])?;
    let batch = builder.shape(sum)[0];
    ops::reshape(builder, sum, [batch])
}

/// The L1 penalty on activations `x`, `[batch, ...]`: the sum of magnitudes of each image's units,
/// averaged over the batch; a scalar.
///
/// # Errors
/// When `x` has no axes.
pub fn l1_penalty(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    let magnitudes = ops::unary(builder, x, UnaryKind::Abs)?;
    let sums = per_image(builder, magnitudes)?;
    ops::mean_all(builder, sums)
}

/// The KL penalty on activations `x` in (0, 1), `[batch, ...]`: the divergence of each unit's mean
/// over the batch from the rate `target`, summed over units, in nats; a scalar (Ng, "Sparse
/// autoencoder", CS294A notes, 2011).
///
/// # Errors
/// When `x` has no axes or `target` is no rate.
pub fn kl_sparsity_penalty(builder: &mut dyn Builder, x: NodeId, target: f32) -> Result<NodeId> {
    let flat = ops::flatten(builder, x)?;
    let means = ops::reduce(builder, flat, ReduceKind::Mean, &[0])?;
    let divergence = ops::sparsity_kl(builder, means, target)?;
    ops::sum_all(builder, divergence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::graph::{Executor, Graph, Plan, PlanRequest, State};
    use crate::ops::StepScalars;
    use crate::rng::Seed;
    use crate::tensor::Tensor;

    /// The penalty of two images with two units each.
    fn penalty(values: [f32; 4], of: impl Fn(&mut Graph, NodeId) -> Result<NodeId>) -> f32 {
        let mut graph = Graph::new();
        let x = graph.input("x", [2, 2]);
        let penalty = of(&mut graph, x).unwrap();
        let layout = graph.layout();
        let outputs = vec![("penalty".into(), penalty)];
        let request = PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) };
        let mut device = CpuExecutor::new();
        device.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
        let plan = device.add_plan(Plan::new(&request).unwrap(), None).unwrap();
        device.write_input(plan, "x", &Tensor::new([2, 2], values.to_vec()).unwrap()).unwrap();
        device.run(plan, &[StepScalars::default()]).unwrap();
        device.read_output(plan, "penalty").unwrap().data()[0]
    }

    #[test]
    fn penalties_are_what_their_formulas_say() {
        let l1 = penalty([1.0, -2.0, 0.5, 0.0], |graph, x| l1_penalty(graph, x));
        assert!((l1 - 1.75).abs() < 1e-6, "{l1}");
        let rate = |graph: &mut Graph, x| kl_sparsity_penalty(graph, x, 0.2);
        let met = penalty([0.1, 0.2, 0.3, 0.2], rate);
        assert!(met.abs() < 1e-6, "{met}");
        let missed = penalty([0.4, 0.2, 0.6, 0.2], rate);
        let expected = 0.2 * (0.2_f32 / 0.5).ln() + 0.8 * (0.8_f32 / 0.5).ln();
        assert!((missed - expected).abs() < 1e-5, "{missed} is not {expected}");
    }
}
