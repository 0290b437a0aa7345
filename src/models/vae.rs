//! The variational autoencoder: `E_q[-ln p(x | z)] + beta KL(q(z | x) || N(0, 1))`, with
//! `q = N(mean(x), variance(x))` (Kingma and Welling, "Auto-encoding variational Bayes", 2014; beta:
//! Higgins et al., 2017; free bits: Kingma et al., "Improved variational inference with inverse
//! autoregressive flow", 2016).
//!
//! The decoder is Bernoulli under `--loss bce`, Gaussian with a learned variance under `--loss
//! gaussian`, and Gaussian of variance 1/2 up to a constant under `--loss mse`.

use super::architecture::{Architecture, CodeForm, Sizes};
use super::choices::Choices;
use super::model::{Batch, Model, Objective};
use super::network::Scope;
use super::option_checks::{count, not_negative};
use super::recipe::Recipe;
use super::terms::plus_weighted;
use super::variant::Vae;
use super::weight_rule::WeightRule;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::nn::{self, Loss};
use crate::ops::{self, Activation, Builder, NodeId, ReduceKind};
use crate::tensor::Tensor;

pub(super) const OPTIONS: [&str; 10] = [
    "latent",
    "loss",
    "variance",
    "dropout",
    "beta",
    "warmup",
    "free-bits",
    "binarise",
    "nll",
    "nll-images",
];

/// A posterior over codes, both parts shaped like a batch of codes.
pub(super) struct Posterior {
    pub mean: NodeId,
    pub log_variance: NodeId,
}

/// 784-400-20, as PyTorch's example has it; not its rectifiers and constant rate.
pub(super) fn recipe() -> Recipe {
    Recipe::usual(Choices {
        arch: Some(Architecture::Dense(Sizes::mirrored(vec![400]))),
        latent: Some(CodeForm::Vector(20)),
        activation: Some(Activation::Gelu),
        loss: Some(Loss::Bce),
        beta: Some(1.0),
        ..Choices::default()
    })
}

/// The posterior of the codes of `input`.
pub(super) fn posterior(
    model: &Model,
    scope: &mut Scope,
    input: NodeId,
    labels: Option<NodeId>,
) -> Result<Posterior> {
    let features = model.network.features(scope, input, labels)?;
    let mean = model.network.head(scope, "mean", features, None)?;
    let log_variance = model.network.head(scope, "log_variance", features, None)?;
    Ok(Posterior { mean, log_variance })
}

/// The parts of the evidence lower bound over a batch.
pub(super) struct Bound {
    /// `-ln p(x | z)`, z drawn, in nats an image; a scalar.
    pub reconstruction: NodeId,
    /// The divergence of each dimension of each image's code in nats; `[batch, latent]`.
    pub divergence: NodeId,
}

/// Draws a code for each image and measures the bound's parts.
pub(super) fn bound(
    model: &Model,
    scope: &mut Scope,
    batch: &Batch,
    posterior: &Posterior,
) -> Result<Bound> {
    let Posterior { mean, log_variance } = *posterior;
    let code = ops::reparameterise(scope.graph, mean, log_variance)?;
    let decoded = model.decode(scope, code, batch.labels)?;
    let graph = &mut *scope.graph;
    let errors = model.loss.errors(graph, decoded, batch.images, batch.seen)?;
    let reconstruction = nn::image_mean(graph, errors)?;
    let divergence = ops::gaussian_kl(graph, mean, log_variance)?;
    let divergence = ops::flatten(graph, divergence)?;
    Ok(Bound { reconstruction, divergence })
}

/// The evidence lower bound of each image, one code drawn, in nats: `[batch]`. Under
/// [`Loss::Mse`] the likelihood is a Gaussian of variance 1/2 up to a constant.
pub(super) fn bound_by_image(model: &Model, scope: &mut Scope, batch: &Batch) -> Result<NodeId> {
    let Posterior { mean, log_variance } = posterior(model, scope, batch.input, batch.labels)?;
    let code = ops::reparameterise(scope.graph, mean, log_variance)?;
    let decoded = model.decode(scope, code, batch.labels)?;
    let graph = &mut *scope.graph;
    let errors = model.loss.by_image(graph, decoded, batch.images, batch.seen)?;
    let divergence = ops::gaussian_kl(graph, mean, log_variance)?;
    let divergence = nn::per_image(graph, divergence)?;
    let sum = ops::add(graph, errors, divergence)?;
    ops::affine(graph, sum, -1.0, 0.0)
}

impl Bound {
    /// The measures `reconstruction`, `kl`, and `elbo`, their sum: the negative bound, where the
    /// reconstruction is a likelihood with its constant.
    pub fn measures(&self, graph: &mut Graph, loss: Loss) -> Result<Vec<(&'static str, NodeId)>> {
        let kl = nn::image_mean(graph, self.divergence)?;
        let mut measures = vec![("reconstruction", self.reconstruction), ("kl", kl)];
        if loss != Loss::Mse {
            measures.push(("elbo", ops::add(graph, self.reconstruction, kl)?));
        }
        Ok(measures)
    }
}

impl Vae {
    /// The settings that `choices` name.
    ///
    /// # Errors
    /// When a number is out of its range.
    pub fn new(choices: &Choices) -> Result<Self> {
        let warmup = choices.warmup.unwrap_or(0);
        if choices.beta == Some(0.0) && (warmup > 0 || choices.free_bits.is_some()) {
            let option = if warmup > 0 { "--warmup" } else { "--free-bits" };
            return Err(Error::option(option, "has no effect beside --beta 0"));
        }
        count("--warmup", warmup as usize, 0..=1 << 20)?;
        Ok(Self {
            beta: not_negative("--beta", choices.beta.unwrap_or(1.0))?,
            warmup,
            free_bits: not_negative("--free-bits", choices.free_bits.unwrap_or(0.0))?,
        })
    }

    pub(super) fn check(&self) -> Result<()> {
        not_negative("--beta", self.beta)?;
        not_negative("--free-bits", self.free_bits).map(|_| ())
    }

    /// The divergence's weight.
    pub(super) fn weight(&self) -> WeightRule {
        match self.warmup {
            0 => WeightRule::Constant { value: self.beta },
            warmup => WeightRule::Rising { value: self.beta, warmup },
        }
    }

    pub(super) fn objective(
        &self,
        model: &Model,
        scope: &mut Scope,
        batch: &Batch,
    ) -> Result<Objective> {
        let posterior = posterior(model, scope, batch.input, batch.labels)?;
        let bound = bound(model, scope, batch, &posterior)?;
        let graph = &mut *scope.graph;
        let mut charged = nn::image_mean(graph, bound.divergence)?;
        if self.free_bits > 0.0 {
            let means = ops::reduce(graph, bound.divergence, ReduceKind::Mean, &[0])?;
            let free = graph.constant(Tensor::full([1, 1], self.free_bits));
            let width = graph.shape(means).clone();
            let free = ops::expand(graph, free, &width)?;
            let above = ops::maximum(graph, means, free)?;
            charged = ops::sum_all(graph, above)?;
        }
        let loss = plus_weighted(graph, bound.reconstruction, charged)?;
        Ok(Objective { loss, measures: bound.measures(graph, model.loss)?, activity: None })
    }
}
