//! The sparse autoencoder: few units of the code are active for any one image.
//!
//! - L1: `L + W mean_x sum_j |h_j(x)|`.
//! - KL: `L + W sum_j KL(rho || mean_x h_j(x))` for sigmoid units (Ng, "Sparse autoencoder", 2011).
//! - Top-k: a linear code of which only the k greatest units stay; gradients pass through those
//!   (Makhzani and Frey, "k-Sparse autoencoders", 2014).

use super::architecture::{Architecture, CodeForm, Sizes};
use super::autoencoder::{Reconstructed, reconstruct};
use super::choices::Choices;
use super::model::{Batch, Model, Objective};
use super::network::{Network, Scope};
use super::option_checks::{count, not_negative};
use super::recipe::{Recipe, Schedule};
use super::terms::{by_scale, plus_weighted};
use super::variant::{Sparse, Sparsity};
use super::weight_rule::{Adapting, WeightRule};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::nn::{self, Loss};
use crate::ops::{self, Activation, Builder, NodeId, UnaryKind};

pub(super) const OPTIONS: [&str; 10] = [
    "latent",
    "loss",
    "variance",
    "tied",
    "penalty",
    "sparsity",
    "k",
    "rho",
    "target-sparsity",
    "warmup",
];

/// Times as many units stay at the start.
const WARM_K: f32 = 40.0;
/// Times as many units stay where a classifier reads the code.
const WIDER: usize = 3;
/// How far one epoch can move the logarithm of the weight.
const ADAPTATION: f32 = 1.5;
/// The least weight and the greatest.
const WEIGHTS: [f32; 2] = [1e-7, 1e4];

/// Of one dense layer; for top-k, Makhzani and Frey's of 1000 units, 25 of which stay.
pub(super) fn recipe(given: &Choices) -> Recipe {
    let sparsity = given.sparsity.unwrap_or_default();
    let is_top_k = sparsity == Sparsity::TopK;
    // A penalty of 0 stands for the plain autoencoder.
    let keeps_k = is_top_k && given.penalty != Some(0.0);
    let scaled = |weight| Some(by_scale(given.loss.unwrap_or(Loss::Bce), weight));
    let (latent, activation, loss, penalty) = match sparsity {
        Sparsity::L1 => (256, Activation::Relu, Loss::Bce, scaled(0.01)),
        Sparsity::Kl => (256, Activation::Relu, Loss::Bce, scaled(1.0)),
        Sparsity::TopK => (1000, Activation::Relu, Loss::Mse, None),
    };
    let choices = Choices {
        arch: Some(Architecture::Dense(Sizes::mirrored(vec![]))),
        latent: Some(CodeForm::Vector(latent)),
        activation: Some(activation),
        loss: Some(loss),
        penalty,
        sparsity: Some(sparsity),
        k: keeps_k.then_some(25),
        warmup: keeps_k.then_some(5),
        tied: is_top_k.then_some(true),
        rho: (sparsity == Sparsity::Kl).then(|| given.target_sparsity.unwrap_or(0.05)),
        ..Choices::default()
    };
    let schedule = Schedule::Cosine;
    // Many units have to find something of their own to stand for.
    let learning_rate = if is_top_k { 3e-3 } else { 1e-3 };
    Recipe { batch: 128, learning_rate, schedule, epochs: 10, choices }
}

impl Sparse {
    /// The settings that `choices` name.
    ///
    /// # Errors
    /// When a number is out of its range, or an option belongs to another penalty.
    pub fn new(choices: &Choices) -> Result<Self> {
        let sparsity = choices.sparsity.unwrap_or_default();
        let penalty = not_negative("--penalty", choices.penalty.unwrap_or(0.0))?;
        let foreign = |option: &str, of: &str| {
            Err(Error::option(option, format!("has no effect without --sparsity {of}")))
        };
        let rate = |option: &str, rate: f32| match rate > 0.0 && rate < 1.0 {
            true => Ok(rate),
            false => Err(Error::option(option, format!("is {rate}; it must lie between 0 and 1"))),
        };
        if sparsity != Sparsity::TopK && choices.k.is_some() {
            return foreign("--k", "topk");
        }
        if sparsity != Sparsity::TopK && choices.warmup.is_some() {
            return foreign("--warmup", "topk");
        }
        if sparsity != Sparsity::Kl && choices.rho.is_some() {
            return foreign("--rho", "kl");
        }
        let is_top_k = sparsity == Sparsity::TopK;
        if is_top_k && penalty == 0.0 && choices.penalty.is_some() && choices.k.is_some() {
            return Err(Error::option("--k", "has no effect beside --penalty 0"));
        }
        if is_top_k && (penalty != 0.0 || choices.target_sparsity.is_some()) {
            let option = if penalty != 0.0 { "--penalty" } else { "--target-sparsity" };
            let what = "has no effect on --sparsity topk, but for --penalty 0; give --k";
            return Err(Error::option(option, what));
        }
        let target = choices.target_sparsity.map(|target| rate("--target-sparsity", target));
        let target = target.transpose()?;
        if target.is_some() && penalty == 0.0 {
            return Err(Error::option("--target-sparsity", "needs a --penalty above 0 to adapt"));
        }
        let is_plain = is_top_k && choices.penalty == Some(0.0);
        let k = match choices.k.filter(|_| !is_plain) {
            Some(k) => count("--k", k, 1..=1 << 20)?,
            None => 0,
        };
        let rho = rate("--rho", choices.rho.unwrap_or(0.05))?;
        if sparsity == Sparsity::Kl && target.is_some_and(|target| target != rho) {
            let what = "differs from --rho, which says the same; leave one of them out";
            return Err(Error::option("--target-sparsity", what));
        }
        let warmup = choices.warmup.unwrap_or(0);
        Ok(Self { sparsity, penalty, k, rho, warmup, target })
    }

    /// Refuses what does not go with the rest of the model.
    pub(super) fn check(&self, model: &Model) -> Result<()> {
        let Network { code, activation, .. } = &model.network;
        not_negative("--penalty", self.penalty)?;
        if !(self.rho > 0.0 && self.rho < 1.0) {
            return Err(Error::option("--rho", "must lie between 0 and 1"));
        }
        if self.k > 0 && *code == CodeForm::Features {
            let what = "of --sparsity topk needs a layer of its own; give a number or map:8";
            return Err(Error::option("--latent", what));
        }
        if self.k > model.network.latent() {
            let what = format!("is {}, but a code has {} units", self.k, model.network.latent());
            return Err(Error::option("--k", what));
        }
        let rectified = matches!(activation, Activation::Relu);
        if self.target.is_some() && self.sparsity == Sparsity::L1 && !rectified {
            let what = "must be relu for --target-sparsity: units of others are never quite 0";
            return Err(Error::option("--activation", what));
        }
        Ok(())
    }

    /// Top-k codes are linear before the greatest units are chosen; a rate needs units between 0
    /// and 1.
    pub(super) fn code_activation(&self, usual: Activation) -> Option<Activation> {
        match self.sparsity {
            Sparsity::Kl => Some(Activation::Sigmoid),
            Sparsity::TopK if self.k > 0 => None,
            Sparsity::TopK | Sparsity::L1 => Some(usual),
        }
    }

    /// A code of which only the k greatest units stay.
    pub(super) fn rectify(&self, code: &mut [f32]) {
        let mut order: Vec<usize> = (0..code.len()).collect();
        order.sort_by(|a, b| code[*b].total_cmp(&code[*a]));
        order.iter().skip(self.k).for_each(|unit| code[*unit] = 0.0);
    }

    /// The penalty's weight, or k.
    pub(super) fn weight(&self) -> WeightRule {
        match self.k {
            0 => WeightRule::Constant { value: self.penalty },
            k => {
                let warmup = self.warmup.max(1);
                WeightRule::Falling { value: k as f32, warmup, factor: WARM_K }
            }
        }
    }

    /// The code with all but the k greatest units of each image at 0.
    pub(super) fn keep_greatest(&self, scope: &mut Scope, code: NodeId) -> Result<NodeId> {
        self.keep(scope, code, self.k)
    }

    /// The code for a classifier: with [`WIDER`] times as many units, among which those are that
    /// would be the next (the paper's alpha).
    pub(super) fn keep_more(&self, scope: &mut Scope, code: NodeId) -> Result<NodeId> {
        self.keep(scope, code, WIDER * self.k)
    }

    fn keep(&self, scope: &mut Scope, code: NodeId, k: usize) -> Result<NodeId> {
        if self.k == 0 {
            return Ok(code);
        }
        let shape = scope.graph.shape(code).clone();
        let flat = ops::flatten(scope.graph, code)?;
        let mask = match scope.training && self.warmup > 0 {
            true => ops::scheduled_top_k_mask(scope.graph, flat)?,
            false => ops::top_k_mask(scope.graph, flat, k)?,
        };
        let kept = ops::mul(scope.graph, flat, mask)?;
        ops::reshape(scope.graph, kept, shape)
    }

    pub(super) fn objective(
        &self,
        model: &Model,
        scope: &mut Scope,
        batch: &Batch,
    ) -> Result<Objective> {
        let Reconstructed { code, mut loss } = reconstruct(model, scope, batch)?;
        let graph = &mut *scope.graph;
        if self.penalty > 0.0 {
            let penalty = match self.sparsity {
                Sparsity::Kl => nn::kl_sparsity_penalty(graph, code, self.rho)?,
                Sparsity::L1 | Sparsity::TopK => nn::l1_penalty(graph, code)?,
            };
            loss = plus_weighted(graph, loss, penalty)?;
        }
        let activity = self.target.map(|_| activity(graph, code, self.sparsity)).transpose()?;
        Ok(Objective { loss, measures: vec![], activity })
    }

    /// How the weight is adapted, where a share of active units is wanted.
    pub(super) fn adapting(&self) -> Option<Adapting> {
        let [least, most] = WEIGHTS;
        self.target.map(|target| Adapting { target, rate: ADAPTATION, least, most })
    }
}

/// The share of active units: of sigmoid units under KL their mean activation, else the share that
/// is not 0.
fn activity(graph: &mut Graph, code: NodeId, sparsity: Sparsity) -> Result<NodeId> {
    let active = match sparsity {
        Sparsity::Kl => code,
        Sparsity::L1 | Sparsity::TopK => {
            let magnitude = ops::unary(graph, code, UnaryKind::Abs)?;
            ops::unary(graph, magnitude, UnaryKind::Sign)?
        }
    };
    ops::mean_all(graph, active)
}
