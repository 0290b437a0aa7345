//! The vector-quantised autoencoder: each place of the code is replaced by the nearest vector of a
//! learned codebook, so that an image becomes a few whole numbers (van den Oord, Vinyals,
//! Kavukcuoglu: "Neural discrete representation learning", 2017).
//!
//! `L(x, d(q)) + W mean (z - [q])^2`, q the nearest code of z, [.] without a gradient; the gradient
//! of q passes to z unchanged. The codebook follows by moving averages (its appendix A.1), or by the
//! gradient of `mean ([z] - q)^2`. Codes that hardly any place takes start again from places of the
//! batch, drawn at random (Dhariwal et al., "Jukebox", 2020).

use super::architecture::{Architecture, CodeForm, Sizes};
use super::choices::Choices;
use super::model::{Batch, Model, Objective};
use super::network::{Block, Downsample, Network, Norm, Scope};
use super::option_checks::{count, not_negative};
use super::recipe::{Recipe, Schedule};
use super::terms::{by_scale, plus_weighted};
use super::variant::{CodebookRule, VqVae};
use crate::error::{Error, Result};
use crate::graph::{Graph, Initialiser, Pooling, State};
use crate::nn::Loss;
use crate::ops::{self, Activation, Builder, NodeId, RandomKind, ReduceKind, Transpose, UnaryKind};
use crate::shape::Shape;

pub(super) const OPTIONS: [&str; 7] =
    ["latent", "loss", "variance", "codes", "code-dim", "codebook", "penalty"];

/// The codes.
const CODES: &str = "codebook.codes";
/// How far codes that follow by gradient have been moved besides.
const MOVES: &str = "codebook.moves";
/// The share that moving averages keep at each step.
const DECAY: f32 = 0.99;
/// Codes that are used less than this share of the average one start again ...
const DEAD: f32 = 0.01;
/// ... with a count of this share, so that they have time to find their places.
const REVIVED: f32 = 0.1;

/// Two strided stages to a map of 7x7 codes on MNIST.
pub(super) fn recipe(given: &Choices) -> Recipe {
    // Mean squared error is the default.
    let penalty = by_scale(given.loss.unwrap_or(Loss::Mse), 20.0);
    let choices = Choices {
        arch: Some(Architecture::Conv(Sizes::mirrored(vec![32, 64]))),
        activation: Some(Activation::Relu),
        block: Some(Block::Inner),
        norm: Some(Norm::Batch),
        downsample: Some(Downsample::Stride),
        upsample_kernel: Some(3),
        latent: Some(CodeForm::Features),
        loss: Some(Loss::Mse),
        codes: Some(128),
        code_dim: Some(16),
        penalty: Some(penalty),
        ..Choices::default()
    };
    let schedule = Schedule::Cosine;
    Recipe { batch: 128, learning_rate: 2e-3, schedule, epochs: 10, choices }
}

/// What quantisation makes of a code.
pub(super) struct Quantised {
    /// The codes of the codebook, shaped like the code, with the code's gradient.
    pub code: NodeId,
    /// Their numbers, `[batch, places]`.
    pub index: NodeId,
    /// The mean squared distance of the code from the codebook, a scalar with a gradient in the
    /// code.
    commitment: NodeId,
    /// The same with a gradient in the codebook, where that follows by gradient.
    codebook: Option<NodeId>,
}

impl VqVae {
    /// The settings that `choices` name, and the form of the code to be quantised.
    ///
    /// # Errors
    /// When a number is out of its range, or does not fit the network.
    pub(super) fn new(choices: &Choices, network: &Network) -> Result<(Self, CodeForm)> {
        let code_dim = count("--code-dim", choices.code_dim.unwrap_or(16), 1..=1 << 12)?;
        let vqvae = Self {
            codes: count("--codes", choices.codes.unwrap_or(128), 2..=1 << 16)?,
            code_dim,
            rule: choices.codebook.unwrap_or_default(),
            penalty: not_negative("--penalty", choices.penalty.unwrap_or(0.25))?,
        };
        let form = match (&network.architecture, network.code) {
            (Architecture::Conv(_) | Architecture::Flat(_), CodeForm::Features) => {
                CodeForm::Map(code_dim)
            }
            (Architecture::Conv(_) | Architecture::Flat(_), _) => {
                let what = "has no effect on a quantised map; give --code-dim";
                return Err(Error::option("--latent", what));
            }
            (Architecture::Dense(_), CodeForm::Vector(size)) if size % code_dim == 0 => {
                CodeForm::Vector(size)
            }
            (Architecture::Dense(_), _) => {
                let what = format!("must be a multiple of --code-dim {code_dim} for dense layers");
                return Err(Error::option("--latent", what));
            }
        };
        Ok((vqvae, form))
    }

    /// Refuses sizes that do not go together.
    pub(super) fn check(&self, model: &Model) -> Result<()> {
        count("--codes", self.codes, 2..=1 << 16)?;
        count("--code-dim", self.code_dim, 1..=1 << 12)?;
        not_negative("--penalty", self.penalty)?;
        match model.network.code {
            CodeForm::Vector(size) if size % self.code_dim == 0 => Ok(()),
            CodeForm::Map(channels) if channels == self.code_dim => Ok(()),
            _ => Err(Error::option("--code-dim", "does not divide the code")),
        }
    }

    /// `code`, `[batch, channels, height, width]` or `[batch, units]`, as rows of a place each.
    fn places(&self, graph: &mut Graph, code: NodeId) -> Result<NodeId> {
        let shape = graph.shape(code).clone();
        let last = match shape.rank() {
            4 => ops::permute(graph, code, &[0, 2, 3, 1])?,
            _ => code,
        };
        ops::reshape(graph, last, [shape.elements() / self.code_dim, self.code_dim])
    }

    /// The codes of which `indices` are the numbers in the codebook, `places` of them each; as
    /// `[channels, places]` where they are maps.
    ///
    /// # Errors
    /// When the codebook has no such number.
    pub(super) fn look_up(
        &self,
        state: &State,
        places: usize,
        are_maps: bool,
        indices: &[u32],
    ) -> Result<Vec<f32>> {
        let tensor =
            |wanted| state.tensors().find(|(name, ..)| *name == wanted).map(|found| found.2);
        let mut codebook = tensor(CODES).map(<[f32]>::to_vec).unwrap_or_default();
        if let Some(moved) = tensor(MOVES) {
            codebook.iter_mut().zip(moved).for_each(|(number, moved)| *number += moved);
        }
        let rows: Vec<&[f32]> = codebook.chunks_exact(self.code_dim).collect();
        if let Some(index) = indices.iter().find(|index| **index as usize >= rows.len()) {
            let what = format!("the codebook has {} codes, and none of number {index}", rows.len());
            return Err(Error::Graph(what));
        }
        let mut codes = Vec::with_capacity(indices.len() * self.code_dim);
        for code in indices.chunks(places) {
            let row = |index: &u32| rows[*index as usize];
            match are_maps {
                true => codes.extend(
                    (0..self.code_dim).flat_map(|d| code.iter().map(move |index| row(index)[d])),
                ),
                false => codes.extend(code.iter().flat_map(row)),
            }
        }
        Ok(codes)
    }

    /// Rows back to the shape of a code.
    fn assembled(&self, graph: &mut Graph, rows: NodeId, shape: &Shape) -> Result<NodeId> {
        let [batch, channels, height, width] = shape[..] else {
            return ops::reshape(graph, rows, shape.clone());
        };
        let rows = ops::reshape(graph, rows, [batch, height, width, channels])?;
        ops::permute(graph, rows, &[0, 3, 1, 2])
    }

    /// The nearest codes of the codebook. In training the codebook follows.
    pub(super) fn quantise(&self, scope: &mut Scope, code: NodeId) -> Result<Quantised> {
        let graph = &mut *scope.graph;
        let shape = graph.shape(code).clone();
        let rows = self.places(graph, code)?;
        let start = Initialiser::Uniform { bound: 1.0 / self.codes as f32 };
        let size = [self.codes, self.code_dim];
        let codebook = match self.rule {
            CodebookRule::Ema => graph.buffer(CODES, size, start)?,
            CodebookRule::Loss => {
                let learned = graph.parameter(CODES, size, start)?;
                let moves = graph.buffer(MOVES, size, Initialiser::Constant(0.0))?;
                ops::add(graph, learned, moves)?
            }
        };
        let fixed = ops::detach(graph, rows)?;
        let index = nearest(graph, fixed, codebook)?;
        let chosen = ops::gather(graph, codebook, index)?;
        let target = ops::detach(graph, chosen)?;
        let distance = ops::squared_error(graph, rows, target)?;
        let commitment = ops::mean_all(graph, distance)?;
        let by_gradient = match self.rule {
            CodebookRule::Ema => None,
            CodebookRule::Loss => {
                let distance = ops::squared_error(graph, chosen, fixed)?;
                Some(ops::mean_all(graph, distance)?)
            }
        };
        if scope.training {
            self.follow(graph, codebook, fixed, index)?;
        }
        // The value of the chosen code with the gradient of the place.
        let step = ops::sub(graph, chosen, rows)?;
        let step = ops::detach(graph, step)?;
        let passed = ops::add(graph, rows, step)?;
        let code = self.assembled(graph, passed, &shape)?;
        let places = shape.elements() / shape[0] / self.code_dim;
        let index = ops::reshape(graph, index, [shape[0], places])?;
        Ok(Quantised { code, index, commitment, codebook: by_gradient })
    }

    /// Counts how often codes are used, and starts unused ones again. Where the codebook is made of
    /// moving averages, moves them.
    fn follow(
        &self,
        graph: &mut Graph,
        codebook: NodeId,
        rows: NodeId,
        index: NodeId,
    ) -> Result<()> {
        let (codes, places) = (self.codes, graph.shape(rows)[0]);
        let average = places as f32 / codes as f32;
        let chosen = ops::one_hot(graph, index, codes)?;
        let used = ops::reduce(graph, chosen, ReduceKind::Sum, &[0])?;
        let used = ops::reshape(graph, used, [codes])?;
        graph.pool(used, Pooling::Sum);
        let zero = Initialiser::Constant(0.0);
        let counts = graph.buffer("codebook.counts", [codes], zero.clone())?;
        let counted = moved(graph, counts, used)?;
        let least = graph.constant(crate::tensor::Tensor::full([codes], DEAD * average));
        let alive = ops::greater_equal(graph, counted, least)?;
        let dead = ops::affine(graph, alive, -1.0, 1.0)?;
        let revived = ops::affine(graph, dead, REVIVED * average, 0.0)?;
        let kept = ops::mul(graph, alive, counted)?;
        let next_counts = ops::add(graph, kept, revived)?;
        graph.update(counts, next_counts)?;
        let column = |graph: &mut Graph, x| ops::reshape(graph, x, [codes, 1]);
        let dead = column(graph, dead)?;
        let fresh = drawn(graph, rows, codes)?;
        graph.pool(fresh, Pooling::First);
        if self.rule == CodebookRule::Loss {
            // A step replaces parameters by what the optimiser makes of them, so a code that starts
            // again is moved by a buffer that is added to them.
            let moves = graph.buffer(MOVES, [codes, self.code_dim], zero)?;
            let way = ops::sub(graph, fresh, codebook)?;
            let way = ops::mul(graph, way, dead)?;
            let way = ops::detach(graph, way)?;
            let next = ops::add(graph, moves, way)?;
            return graph.update(moves, next);
        }
        let sums = graph.buffer("codebook.sums", [codes, self.code_dim], zero)?;
        let transpose = Transpose { a: true, b: false };
        let summed = ops::matmul_transposed(graph, chosen, rows, transpose)?;
        graph.pool(summed, Pooling::Sum);
        let summed = moved(graph, sums, summed)?;
        let alive = column(graph, alive)?;
        let kept = ops::mul(graph, summed, alive)?;
        let revived = column(graph, revived)?;
        let revived = ops::mul(graph, fresh, revived)?;
        let next_sums = ops::add(graph, kept, revived)?;
        graph.update(sums, next_sums)?;
        let next_counts = column(graph, next_counts)?;
        let next = ops::div(graph, next_sums, next_counts)?;
        graph.update(codebook, next)
    }

    pub(super) fn objective(
        &self,
        model: &Model,
        scope: &mut Scope,
        batch: &Batch,
    ) -> Result<Objective> {
        let features = model.network.features(scope, batch.input, batch.labels)?;
        let code = model.network.head(scope, "code", features, None)?;
        let quantised = self.quantise(scope, code)?;
        let decoded = model.decode(scope, quantised.code, batch.labels)?;
        let graph = &mut *scope.graph;
        let mut loss = model.loss.of(graph, decoded, batch.images, batch.seen)?;
        if self.penalty > 0.0 {
            loss = plus_weighted(graph, loss, quantised.commitment)?;
        }
        if let Some(codebook) = quantised.codebook {
            loss = ops::add(graph, loss, codebook)?;
        }
        Ok(Objective { loss, measures: vec![("commitment", quantised.commitment)], activity: None })
    }
}

/// The number of the row of `codebook` nearest to each row: `argmin |e|^2 - 2 z e`, which leaves out
/// `|z|^2`, the same for all.
fn nearest(graph: &mut Graph, rows: NodeId, codebook: NodeId) -> Result<NodeId> {
    let codes = graph.shape(codebook)[0];
    let fixed = ops::detach(graph, codebook)?;
    let product = ops::matmul_transposed(graph, rows, fixed, Transpose { a: false, b: true })?;
    let product = ops::affine(graph, product, -2.0, 0.0)?;
    let squares = ops::unary(graph, fixed, UnaryKind::Square)?;
    let squares = ops::reduce(graph, squares, ReduceKind::Sum, &[1])?;
    let squares = ops::reshape(graph, squares, [1, codes])?;
    let distances = ops::add(graph, product, squares)?;
    ops::argmin(graph, distances)
}

/// A moving average after one more value.
fn moved(graph: &mut Graph, average: NodeId, value: NodeId) -> Result<NodeId> {
    let old = ops::affine(graph, average, DECAY, 0.0)?;
    let new = ops::affine(graph, value, 1.0 - DECAY, 0.0)?;
    ops::add(graph, old, new)
}

/// `count` of the rows, drawn anew at each step.
fn drawn(graph: &mut Graph, rows: NodeId, count: usize) -> Result<NodeId> {
    let places = graph.shape(rows)[0] as f32;
    let draws = ops::random(graph, [count], RandomKind::Uniform { low: 0.0, high: places })?;
    let draws = ops::unary(graph, draws, UnaryKind::Floor)?;
    ops::gather(graph, rows, draws)
}
