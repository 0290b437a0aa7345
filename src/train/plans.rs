//! The plans over one model's state: to train, to evaluate, to encode, to decode, to do both.

use super::options::Config;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::graph::{Data, Graph, Plan, PlanRequest, StateLayout, Training};
use crate::models::{Batch, Model, Scope, log_likelihood};
use crate::nn::{self, Decoded, Loss};
use crate::ops::{self, Corruption, GpuTarget, NodeId, UnaryKind};

/// The state of `model`: which tensors it has, whatever the batch.
///
/// # Errors
/// When the model cannot be built.
pub fn layout(model: &Model) -> Result<StateLayout> {
    let mut graph = Graph::new();
    let ImageShape { channels, height, width } = model.images();
    let images = graph.input("images", [1, channels, height, width]);
    let labels = label_input(&mut graph, model, 1)?;
    let batch = Batch { images, input: images, seen: None, labels };
    model.objective(&mut Scope { graph: &mut graph, training: true }, &batch)?;
    Ok(graph.layout())
}

/// How images come to a plan.
#[derive(Clone, Copy, Debug)]
pub struct BatchShape {
    /// The size of each.
    pub images: ImageShape,
    /// Whether a channel more says which pixels are seen.
    pub masked: bool,
    /// How many a step.
    pub batch: usize,
    /// How many the device holds.
    pub room: usize,
}

impl BatchShape {
    /// Channels of an image as it is stored.
    pub fn stored_channels(&self) -> usize {
        self.images.channels + usize::from(self.masked)
    }
}

/// A batch that is gathered from the dataset on the device, spoilt as `config` says.
fn batch_of_data(config: &Config, shape: BatchShape, scope: &mut Scope) -> Result<Batch> {
    let ImageShape { channels, height, width } = shape.images;
    let stored = [shape.stored_channels(), height, width];
    let words = (shape.room * stored.iter().product::<usize>()).div_ceil(4);
    let pixels = scope.graph.data(Data::Pixels, words);
    let order = scope.graph.data(Data::Order, shape.room);
    let gathered = ops::gather_images(scope.graph, pixels, order, shape.batch, stored)?;
    let (mut images, mut seen) = (gathered, None);
    if shape.masked {
        images = ops::slice_axis(scope.graph, gathered, 1, 0..channels)?;
        seen = Some(ops::slice_axis(scope.graph, gathered, 1, channels..channels + 1)?);
    }
    if config.binarise {
        images = ops::binarise(scope.graph, images)?;
    }
    let mut input = images;
    if let Some(noise) = config.noise(scope.training) {
        input = ops::corrupt(scope.graph, images, noise)?;
        if let Some(seen) = seen {
            // Noise does not tell what is missing.
            input = ops::mul(scope.graph, input, seen)?;
        }
    }
    let mut labels = None;
    if config.model.is_conditional() {
        let numbers = scope.graph.data(Data::Labels, shape.room);
        let numbers = ops::gather_labels(scope.graph, numbers, order, shape.batch)?;
        labels = Some(ops::one_hot(scope.graph, numbers, config.model.network.classes)?);
    }
    Ok(Batch { images, input, seen, labels })
}

/// A plan of one training step, logging the loss, and the share of active units where the model
/// adapts to it. Not fused, it computes the same, to be compared with.
///
/// # Errors
/// When the model does not fit the images or the device.
pub fn training_plan(
    config: &Config,
    layout: &StateLayout,
    shape: BatchShape,
    target: Option<&GpuTarget>,
    fuse: bool,
) -> Result<Plan> {
    let mut graph = Graph::new();
    let scope = &mut Scope { graph: &mut graph, training: true };
    let batch = batch_of_data(config, shape, scope)?;
    let objective = config.model.objective(scope, &batch)?;
    let mut metrics = vec![("loss".into(), objective.loss)];
    metrics.extend(objective.activity.map(|activity| ("activity".into(), activity)));
    let (loss, optimiser) = (objective.loss, config.optimiser);
    Plan::new(&PlanRequest {
        metrics,
        training: Some(Training { loss, optimiser, clip_norm: None }),
        fuse,
        ..PlanRequest::new(&graph, layout, target)
    })
}

/// A plan that measures a batch: the objective, and how near the reconstructions come.
pub(super) fn evaluation_plan(
    config: &Config,
    layout: &StateLayout,
    shape: BatchShape,
    target: Option<&GpuTarget>,
) -> Result<Plan> {
    let mut graph = Graph::new();
    let scope = &mut Scope { graph: &mut graph, training: false };
    let batch = batch_of_data(config, shape, scope)?;
    let objective = config.model.objective(scope, &batch)?;
    let code = config.model.encode(scope, batch.input, batch.labels)?.code;
    let decoded = config.model.decode_beside(scope, code, batch.input, batch.labels)?;
    let mut metrics = vec![("loss".into(), objective.loss)];
    metrics.extend(quality(&mut graph, &batch, decoded)?);
    metrics.extend(objective.measures.iter().map(|(name, node)| ((*name).into(), *node)));
    Plan::new(&PlanRequest { metrics, ..PlanRequest::new(&graph, layout, target) })
}

/// Mean squared error per pixel of what is seen and, where the model makes probabilities, cross-entropy;
/// and structural similarity where
/// all is seen: its windows know no holes.
fn quality(graph: &mut Graph, batch: &Batch, decoded: Decoded) -> Result<Vec<(String, NodeId)>> {
    let Batch { images, seen, .. } = *batch;
    let mse = Loss::Mse.of(graph, decoded, images, seen)?;
    let mut measures = vec![("mse".into(), mse)];
    if decoded.base.is_none() {
        let bce = Loss::Bce.errors(graph, decoded, images, seen)?;
        measures.push(("bce".into(), nn::mean_seen(graph, bce, seen)?));
    }
    if seen.is_none() {
        let reconstruction = decoded.reconstruction(graph)?;
        let ssim = nn::structural_similarity(graph, images, reconstruction)?;
        measures.push(("ssim".into(), ssim));
    }
    Ok(measures)
}

/// The input `labels`, `[batch]`, one-hot, if the model is told labels.
fn label_input(graph: &mut Graph, model: &Model, batch: usize) -> Result<Option<NodeId>> {
    if !model.is_conditional() {
        return Ok(None);
    }
    let labels = graph.input("labels", [batch]);
    Ok(Some(ops::one_hot(graph, labels, model.network.classes)?))
}

/// What a plan takes and gives, besides training. A model that is told labels also takes input
/// `labels`, `[batch]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Task {
    /// From input `images`, `[batch, channels, height, width]` in [0, 1], to output `code`,
    /// `[batch, ...]`; of variational models also `log_variance`, shaped like it; of VQ-VAE
    /// `index`, `[batch, places]`.
    Encode,
    /// From input `images` to output `code`, as a classifier should read it.
    Represent,
    /// From input `code` to output `reconstruction`, shaped like the images and in [0, 1].
    Decode,
    /// From input `images` to output `reconstruction`.
    Reconstruct,
    /// From input `images` to outputs `spoilt` and `reconstruction`, which is made of it.
    Restore(Corruption),
    /// From input `images` to output `bound`, `[batch]`: the evidence lower bound, one code drawn.
    Bound,
    /// From input `images` to output `log_likelihood`, `[batch]`, estimated by this many samples.
    Likelihood(usize),
}

impl Task {
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
            return Ok(vec![("reconstruction", decoded.reconstruction(scope.graph)?)]);
        }
        let ImageShape { channels, height, width } = model.images();
        let images = scope.graph.input("images", [batch, channels, height, width]);
        let mut outputs = vec![];
        let mut input = images;
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
                input = ops::corrupt(scope.graph, images, noise)?;
                outputs.push(("spoilt", input));
            }
            Self::Represent => {
                return Ok(vec![("code", model.represent(scope, images, labels)?)]);
            }
            Self::Encode | Self::Decode | Self::Reconstruct => {}
        }
        let encoded = model.encode(scope, input, labels)?;
        if self == Self::Encode {
            outputs.push(("code", encoded.code));
            outputs.extend(encoded.log_variance.map(|node| ("log_variance", node)));
            outputs.extend(encoded.index.map(|node| ("index", node)));
        } else {
            let decoded = model.decode_beside(scope, encoded.code, input, labels)?;
            let mut made = decoded.reconstruction(scope.graph)?;
            if model.residual {
                let range = UnaryKind::Clamp { low: 0.0, high: 1.0 };
                made = ops::unary(scope.graph, made, range)?;
            }
            outputs.push(("reconstruction", made));
        }
        Ok(outputs)
    }
}
