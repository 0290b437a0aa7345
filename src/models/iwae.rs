//! The importance-weighted autoencoder: a VAE trained on the bound
//! `-ln(1/k sum_i p(x, z_i) / q(z_i | x))` of k samples, which is tighter the more there are (Burda,
//! Grosse, Salakhutdinov: "Importance weighted autoencoders", 2016). With thousands of samples it
//! measures the log-likelihood of any variational model.

use super::architecture::{Architecture, CodeForm, Sizes};
use super::choices::Choices;
use super::model::{Batch, Model, Objective};
use super::network::Scope;
use super::option_checks::count;
use super::recipe::{Recipe, Schedule};
use super::vae::{self, Posterior};
use super::variant::Iwae;
use crate::error::Result;
use crate::graph::Graph;
use crate::nn::{self, Loss};
use crate::ops::{self, Activation, Builder, NodeId, UnaryKind};
use crate::shape::Shape;

pub(super) const OPTIONS: [&str; 8] =
    ["latent", "loss", "variance", "dropout", "samples", "binarise", "nll", "nll-images"];

/// 784-200-200-50 with tanh on pixels drawn anew at each step, as in the paper.
pub(super) fn recipe() -> Recipe {
    let choices = Choices {
        arch: Some(Architecture::Dense(Sizes::mirrored(vec![200, 200]))),
        latent: Some(CodeForm::Vector(50)),
        activation: Some(Activation::Tanh),
        loss: Some(Loss::Bce),
        samples: Some(50),
        binarise: Some(true),
        ..Choices::default()
    };
    let schedule = Schedule::Cosine;
    Recipe { batch: 100, learning_rate: 1e-3, schedule, epochs: 10, choices }
}

impl Iwae {
    /// The settings that `choices` name.
    ///
    /// # Errors
    /// When there is no sample, or more than 65536.
    pub fn new(choices: &Choices) -> Result<Self> {
        Ok(Self { samples: count("--samples", choices.samples.unwrap_or(1), 1..=1 << 16)? })
    }

    pub(super) fn check(&self) -> Result<()> {
        count("--samples", self.samples, 1..=1 << 16).map(|_| ())
    }

    pub(super) fn objective(
        &self,
        model: &Model,
        scope: &mut Scope,
        batch: &Batch,
    ) -> Result<Objective> {
        let posterior = vae::posterior(model, scope, batch.input, batch.labels)?;
        let likelihoods = weighted(model, scope, batch, &posterior, self.samples)?;
        let likelihood = ops::mean_all(scope.graph, likelihoods)?;
        let loss = ops::affine(scope.graph, likelihood, -1.0, 0.0)?;
        let mut measures = vec![];
        if !scope.training {
            measures =
                vae::bound(model, scope, batch, &posterior)?.measures(scope.graph, model.loss)?;
            measures.push(("bound", loss));
        }
        Ok(Objective { loss, measures, activity: None })
    }
}

/// The logarithm of the likelihood of each image, estimated by `samples` weighted samples of its
/// code, in nats: `[batch]`.
///
/// # Errors
/// When the model is not variational.
pub fn log_likelihood(
    model: &Model,
    scope: &mut Scope,
    batch: &Batch,
    samples: usize,
) -> Result<NodeId> {
    let posterior = vae::posterior(model, scope, batch.input, batch.labels)?;
    weighted(model, scope, batch, &posterior, samples)
}

/// `ln(1/k sum_i exp(w_i))` of the logarithms of weights `w = ln p(x | z) + ln p(z) - ln q(z | x)`.
fn weighted(
    model: &Model,
    scope: &mut Scope,
    batch: &Batch,
    posterior: &Posterior,
    samples: usize,
) -> Result<NodeId> {
    let images = scope.graph.shape(batch.images)[0];
    let repeat = |graph: &mut Graph, x| repeated(graph, x, samples);
    let mean = repeat(scope.graph, posterior.mean)?;
    let log_variance = repeat(scope.graph, posterior.log_variance)?;
    let code = ops::reparameterise(scope.graph, mean, log_variance)?;
    let labels = batch.labels.map(|labels| repeat(scope.graph, labels)).transpose()?;
    let decoded = model.decode(scope, code, labels)?;
    let graph = &mut *scope.graph;
    let targets = repeat(graph, batch.images)?;
    let seen = batch.seen.map(|seen| repeat(graph, seen)).transpose()?;
    let errors = model.loss.by_image(graph, decoded, targets, seen)?;
    // ln p(z) - ln q(z | x) = sum (-ln q) - z^2 / 2 - ln(2 pi) / 2
    let own = ops::gaussian_nll(graph, mean, log_variance, code)?;
    let square = ops::unary(graph, code, UnaryKind::Square)?;
    let prior = ops::affine(graph, square, -0.5, -0.5 * std::f32::consts::TAU.ln())?;
    let ratio = ops::add(graph, own, prior)?;
    let ratio = nn::per_image(graph, ratio)?;
    let weights = ops::sub(graph, ratio, errors)?;
    let weights = ops::reshape(graph, weights, [images, samples])?;
    let sum = ops::log_sum_exp(graph, weights)?;
    let sum = ops::reshape(graph, sum, [images])?;
    ops::affine(graph, sum, 1.0, -(samples as f32).ln())
}

/// `x`, `[batch, ...]`, with each row `times` times in a row: `[batch * times, ...]`.
fn repeated(graph: &mut Graph, x: NodeId, times: usize) -> Result<NodeId> {
    let shape = graph.shape(x).clone();
    let (batch, rest) = (shape[0], &shape[1..]);
    let one = [&[batch, 1][..], rest].concat();
    let spread = [&[batch, times][..], rest].concat();
    let joined = [&[batch * times][..], rest].concat();
    let x = ops::reshape(graph, x, Shape::new(one))?;
    let x = ops::expand(graph, x, &Shape::new(spread))?;
    ops::reshape(graph, x, Shape::new(joined))
}
