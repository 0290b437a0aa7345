//! What a trained model does, as plans: to encode, to decode, to do both, to weigh images.

use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::graph::{Graph, Plan, PlanRequest, StateLayout};
use crate::models::{Batch, Model, Scope, log_likelihood};
use crate::ops::{self, Corruption, GpuTarget, NodeId};

/// The state of `model`: which tensors it has, whatever the batch.
///
/// # Errors
/// When the model cannot be built.
pub fn layout(model: &Model) -> Result<StateLayout> {
    let mut graph = Graph::new();
    let ImageShape { channels, height, width } = model.images();
    let images = graph.input("images", [1, channels, height, width]);
    let labels = label_input(&mut graph, model, 1)?;
    let deviations = deviation_input(&mut graph, model, 1)?;
    let input = model.input(&mut graph, images, deviations)?;
    let batch = Batch { images, input, seen: None, labels };
    model.objective(&mut Scope { graph: &mut graph, training: true }, &batch)?;
    Ok(graph.layout())
}

/// The input `labels`, `[batch]`, one-hot, if the model is told labels.
fn label_input(graph: &mut Graph, model: &Model, batch: usize) -> Result<Option<NodeId>> {
    if !model.is_conditional() {
        return Ok(None);
    }
    let labels = graph.input("labels", [batch]);
    Ok(Some(ops::one_hot(graph, labels, model.network.classes)?))
}

/// The input `noise_level`, `[batch]`, as deviations, if the model is told them.
fn deviation_input(graph: &mut Graph, model: &Model, batch: usize) -> Result<Option<NodeId>> {
    if !model.noise_level {
        return Ok(None);
    }
    let level = graph.input("noise_level", [batch]);
    ops::reshape(graph, level, [batch, 1, 1, 1]).map(Some)
}

/// What a plan takes and gives, besides training. A model that is told labels also takes input
/// `labels`, `[batch]`, and one that is told how strong noise is, `noise_level`, `[batch]`, where it is
/// not the plan that draws it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Task {
    /// From input `images`, `[batch, channels, height, width]` in [0, 1], to output `code`,
    /// `[batch, ...]`; of variational models also `log_variance`, and of models with a hyperprior `log_scale`, shaped like
    /// it; of VQ-VAE `index`, `[batch, places]`.
    Encode,
    /// From input `images` to output `code`, as a classifier should read it.
    Represent,
    /// From input `images` to output `code`, before the encoder's last step; see
    /// [`Model::encode_linear`].
    Linear,
    /// From input `code` to output `reconstruction`, shaped like the images and in [0, 1].
    Decode,
    /// From inputs `images` and `code` to outputs `reconstruction`, of the code, and `slope`, shaped like the code: the
    /// gradient of the sum of squared errors.
    Slope,
    /// From input `images` to output `reconstruction`.
    Reconstruct,
    /// From input `images` to outputs `corrupted` and `reconstruction`, which is made of it.
    Restore(Corruption),
    /// From input `images` to output `bound`, `[batch]`: the evidence lower bound, one code drawn.
    Bound,
    /// From input `images` to output `log_likelihood`, `[batch]`, estimated by this many samples.
    Likelihood(usize),
}

impl Task {
    /// Whether it draws numbers at random.
    pub(super) fn draws(self) -> bool {
        matches!(self, Self::Restore(_) | Self::Bound | Self::Likelihood(_))
    }

    /// The plan of this task, `batch` images a step.
    ///
    /// # Errors
    /// When the model does not fit the device.
    pub fn plan(
        self,
        model: &Model,
        layout: &StateLayout,
        batch: usize,
        target: Option<&GpuTarget>,
    ) -> Result<Plan> {
        self.plan_as(model, layout, batch, target, true)
    }

    /// The same, fused or, to be compared with, not.
    pub(crate) fn plan_as(
        self,
        model: &Model,
        layout: &StateLayout,
        batch: usize,
        target: Option<&GpuTarget>,
        fuse: bool,
    ) -> Result<Plan> {
        let (graph, outputs) = self.graph(model, batch)?;
        let outputs = outputs.into_iter().map(|(name, node)| (name.into(), node)).collect();
        Plan::new(&PlanRequest { outputs, fuse, ..PlanRequest::new(&graph, layout, target) })
    }

    /// The graph of this task as it is before fusion, `batch` images a step, and its outputs by name.
    ///
    /// # Errors
    /// When the model cannot be built.
    pub fn graph(
        self,
        model: &Model,
        batch: usize,
    ) -> Result<(Graph, Vec<(&'static str, NodeId)>)> {
        let mut graph = Graph::new();
        let labels = label_input(&mut graph, model, batch)?;
        let scope = &mut Scope { graph: &mut graph, training: false };
        let outputs = self.outputs(model, scope, batch, labels)?;
        Ok((graph, outputs))
    }

    fn outputs(
        self,
        model: &Model,
        scope: &mut Scope,
        batch: usize,
        labels: Option<NodeId>,
    ) -> Result<Vec<(&'static str, NodeId)>> {
        if self == Self::Decode {
            if model.residual {
                let what = "adds to a picture: such a model makes no images of codes alone";
                return Err(Error::option("--residual", what));
            }
            let shape = [&[batch][..], &model.network.code_shape()].concat();
            let code = scope.graph.input("code", shape);
            let decoded = model.decode(scope, code, labels)?;
            return Ok(vec![("reconstruction", decoded.shown(scope.graph)?)]);
        }
        let ImageShape { channels, height, width } = model.images();
        let images = scope.graph.input("images", [batch, channels, height, width]);
        let mut outputs = vec![];
        let mut input = images;
        if !matches!(self, Self::Restore(_)) {
            let deviations = deviation_input(scope.graph, model, batch)?;
            input = model.input(scope.graph, images, deviations)?;
        }
        match self {
            Self::Likelihood(samples) => {
                let whole = Batch { images, input, seen: None, labels };
                let likelihood = log_likelihood(model, scope, &whole, samples)?;
                return Ok(vec![("log_likelihood", likelihood)]);
            }
            Self::Bound => {
                let whole = Batch { images, input, seen: None, labels };
                return Ok(vec![("bound", model.evidence_bound(scope, &whole)?)]);
            }
            Self::Restore(noise) => {
                let (corrupted, told) = model.corrupt(scope.graph, images, noise)?;
                outputs.push(("corrupted", corrupted));
                input = model.input(scope.graph, corrupted, told)?;
            }
            Self::Represent => {
                return Ok(vec![("code", model.represent(scope, input, labels)?)]);
            }
            Self::Linear => {
                return Ok(vec![("code", model.encode_linear(scope, input, labels)?)]);
            }
            Self::Slope => {
                let shape = [&[batch][..], &model.network.code_shape()].concat();
                let code = scope.graph.input("code", shape);
                let decoded = model.decode_beside(scope, code, input, labels)?;
                let made = decoded.reconstruction(scope.graph)?;
                let errors = ops::squared_error(scope.graph, made, images)?;
                let sum = ops::sum_all(scope.graph, errors)?;
                let slope = scope.graph.gradients(sum, &[code])?[0];
                return Ok(vec![("reconstruction", decoded.shown(scope.graph)?), ("slope", slope)]);
            }
            Self::Encode | Self::Decode | Self::Reconstruct => {}
        }
        let encoded = model.encode(scope, input, labels)?;
        if self == Self::Encode {
            outputs.push(("code", encoded.code));
            outputs.extend(encoded.log_variance.map(|node| ("log_variance", node)));
            let log_scale = model.log_scale(scope, encoded.code)?;
            outputs.extend(log_scale.map(|node| ("log_scale", node)));
            outputs.extend(encoded.index.map(|node| ("index", node)));
        } else {
            let decoded = model.decode_beside(scope, encoded.code, input, labels)?;
            outputs.push(("reconstruction", decoded.shown(scope.graph)?));
        }
        Ok(outputs)
    }
}
