//! The contractive autoencoder: `L + W mean_x ||J(x)||^2`, J the Jacobian of the code in the image,
//! by Frobenius' norm (Rifai, Vincent, Muller, Glorot, Bengio: "Contractive auto-encoders", 2011).

use super::architecture::{Architecture, CodeForm, Sizes};
use super::autoencoder::{Reconstructed, reconstruct};
use super::choices::Choices;
use super::model::{Batch, Model, Objective};
use super::network::{Norm, Scope};
use super::option_checks::{count, not_negative};
use super::recipe::{LATENT, Recipe, Schedule};
use super::terms::{by_scale, plus_weighted};
use super::variant::Contractive;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::nn::{self, Loss};
use crate::ops::{self, Activation, Builder, NodeId, RandomKind, ReduceKind, UnaryKind};
use crate::shape::Shape;
use crate::tensor::Tensor;

pub(super) const OPTIONS: [&str; 6] = ["latent", "loss", "variance", "tied", "penalty", "probes"];

/// Above this many numbers of a code, an exact norm would take as many passes through the encoder.
const MOST_PASSES: usize = 128;

/// Projections by which the norm of long codes is reported.
const LEAST_PROBES: usize = 32;

/// One layer of 1000 sigmoid units with tied weights, as in the paper.
pub(super) fn recipe(given: &Choices) -> Recipe {
    let choices = Choices {
        arch: Some(Architecture::Dense(Sizes::mirrored(vec![]))),
        // The exact norm of a long code has a closed form for one layer alone.
        latent: Some(CodeForm::Vector(if given.arch.is_some() { LATENT } else { 1000 })),
        activation: Some(Activation::Sigmoid),
        loss: Some(Loss::Bce),
        penalty: Some(by_scale(given.loss.unwrap_or(Loss::Bce), 3.0)),
        tied: Some(true),
        ..Choices::default()
    };
    let schedule = Schedule::Cosine;
    Recipe { batch: 128, learning_rate: 3e-3, schedule, epochs: 10, choices }
}

impl Contractive {
    /// The settings that `choices` name.
    ///
    /// # Errors
    /// When a number is out of its range.
    pub fn new(choices: &Choices) -> Result<Self> {
        let penalty = not_negative("--penalty", choices.penalty.unwrap_or(0.0))?;
        let probes = count("--probes", choices.probes.unwrap_or(0), 0..=1024)?;
        Ok(Self { penalty, probes })
    }

    pub(super) fn check(&self, model: &Model) -> Result<()> {
        let network = &model.network;
        not_negative("--penalty", self.penalty)?;
        count("--probes", self.probes, 0..=1024)?;
        if network.stages.norm == Norm::Batch {
            let what = "batch makes a code depend on other images, so that it has no Jacobian of \
                        its own; leave it out";
            return Err(Error::option("--norm", what));
        }
        let is_short = network.latent() <= MOST_PASSES || closed_form(model).is_some();
        if self.probes == 0 && !is_short {
            let what = format!(
                "is needed for a code of {} numbers: the exact norm takes a pass for each; give \
                 --probes 4, or a code of at most {MOST_PASSES}",
                network.latent()
            );
            return Err(Error::option("--probes", what));
        }
        Ok(())
    }

    pub(super) fn objective(
        &self,
        model: &Model,
        scope: &mut Scope,
        batch: &Batch,
    ) -> Result<Objective> {
        let Reconstructed { code, mut loss } = reconstruct(model, scope, batch)?;
        let graph = &mut *scope.graph;
        let mut measures = vec![];
        // Measured where the weight is 0, too, so that both can be compared.
        if self.penalty > 0.0 || !scope.training {
            // What is reported is exact, or nearly so, however the penalty is estimated.
            let probes = match scope.training {
                true => self.probes,
                false if model.network.latent() <= MOST_PASSES => 0,
                false => self.probes.max(LEAST_PROBES),
            };
            let squares = match closed_form(model) {
                Some(activation) if self.probes == 0 || !scope.training => {
                    one_layer_squares(graph, code, activation, model)?
                }
                _ => jacobian_squares(graph, code, batch.input, probes)?,
            };
            let penalty = ops::mean_all(graph, squares)?;
            loss = plus_weighted(graph, loss, penalty)?;
            if !scope.training {
                let norms = ops::unary(graph, squares, UnaryKind::Sqrt)?;
                measures.push(("jacobian_norm", ops::mean_all(graph, norms)?));
            }
        }
        Ok(Objective { loss, measures, activity: None })
    }
}

/// The activation of a one-layer encoder whose derivative follows from its output.
fn closed_form(model: &Model) -> Option<Activation> {
    let activation = model.network.activation;
    let is_known = matches!(activation, Activation::Sigmoid | Activation::Tanh);
    (is_known && model.network.is_one_layer()).then_some(activation)
}

/// The squared norm for `h = s(W x + b)`: `sum_j s'(h_j)^2 sum_i W_ji^2`, `[batch]` (equation 7 of
/// the paper, for the sigmoid).
fn one_layer_squares(
    graph: &mut Graph,
    code: NodeId,
    activation: Activation,
    model: &Model,
) -> Result<NodeId> {
    let square = ops::unary(graph, code, UnaryKind::Square)?;
    let slope = match activation {
        // 1 - h^2
        Activation::Tanh => ops::affine(graph, square, -1.0, 1.0)?,
        // h - h^2
        _ => ops::sub(graph, code, square)?,
    };
    let slopes = ops::unary(graph, slope, UnaryKind::Square)?;
    let weight = graph
        .state()
        .iter()
        .find(|entry| entry.name.0 == "encoder.code.weight")
        .map(|entry| (entry.name.0.clone(), entry.shape.clone(), entry.initialiser.clone()));
    let (name, shape, initialiser) =
        weight.ok_or_else(|| Error::Graph("a one-layer encoder has one weight".into()))?;
    let weight = graph.parameter(&name, shape, initialiser)?;
    let weights = ops::unary(graph, weight, UnaryKind::Square)?;
    let mut rows = ops::reduce(graph, weights, ReduceKind::Sum, &[1])?;
    let scale = model.network.scale(model.network.images.elements());
    if scale < 1.0 {
        rows = ops::affine(graph, rows, scale * scale, 0.0)?;
    }
    let width = code_width(graph, code);
    let rows = ops::reshape(graph, rows, [1, width])?;
    let products = ops::mul(graph, slopes, rows)?;
    nn::per_image(graph, products)
}

fn code_width(graph: &Graph, code: NodeId) -> usize {
    graph.shape(code)[1..].iter().product()
}

/// For each image of `input`, `[batch, ...]`, the squared Frobenius norm of the Jacobian of its
/// code, `[batch, ...]`: `[batch]`. Exact, by one vector-Jacobian product a number of the code,
/// where `probes` is 0; else the mean of `||v J||^2` over that many random v of -1 and 1, whose
/// expectation it is (Hutchinson, "A stochastic estimator of the trace of the influence matrix",
/// 1990).
///
/// # Errors
/// When an operation between the two has no gradient.
pub fn jacobian_squares(
    graph: &mut Graph,
    code: NodeId,
    input: NodeId,
    probes: usize,
) -> Result<NodeId> {
    let shape = graph.shape(code).clone();
    let width = code_width(graph, code);
    let flat = Shape::from([shape[0], width]);
    let mut sum: Option<NodeId> = None;
    for pass in 0..if probes == 0 { width } else { probes } {
        let vector = match probes {
            0 => {
                let mut one = vec![0.0; width];
                one[pass] = 1.0;
                let one = graph.constant(Tensor::new([1, width], one)?);
                ops::expand(graph, one, &flat)?
            }
            _ => {
                let coin = RandomKind::Bernoulli { probability: 0.5 };
                let coins = ops::random(graph, flat.clone(), coin)?;
                ops::affine(graph, coins, 2.0, -1.0)?
            }
        };
        let vector = ops::reshape(graph, vector, shape.clone())?;
        let row = graph.vector_jacobian(code, vector, &[input])?[0];
        let squares = ops::unary(graph, row, UnaryKind::Square)?;
        let squares = nn::per_image(graph, squares)?;
        sum = Some(match sum {
            Some(sum) => ops::add(graph, sum, squares)?,
            None => squares,
        });
    }
    let sum = sum.ok_or_else(|| Error::Graph("a code without numbers has no Jacobian".into()))?;
    ops::affine(graph, sum, 1.0 / probes.max(1) as f32, 0.0)
}
