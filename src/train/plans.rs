//! The plans by which a model is trained, and measured on the way.

use super::config::Config;
use crate::data::{Element, ImageShape};
use crate::error::{Error, Result};
use crate::graph::{
    Area, Data, Graph, Plan, PlanRequest, Pooling, Stage, StateLayout, Training, pooled_name,
};
use crate::models::{Batch, Scope};
use crate::nn::{self, Decoded, Loss, Output};
use crate::ops::{self, GpuTarget, NodeId};

/// How images come to a plan.
#[derive(Clone, Copy, Debug)]
pub struct BatchShape {
    /// The size of each.
    pub images: ImageShape,
    /// Whether a channel more says which pixels are seen.
    pub masked: bool,
    /// Whether as many channels more are what each should become.
    pub paired: bool,
    /// How they are stored.
    pub element: Element,
    /// How many a step.
    pub batch: usize,
    /// How many the device holds.
    pub room: usize,
}

impl BatchShape {
    /// Channels of an image as it is stored.
    pub fn stored_channels(&self) -> usize {
        self.images.channels * (1 + usize::from(self.paired)) + usize::from(self.masked)
    }
}

/// A batch that is gathered from the dataset on the device, corrupted as `config` says; pairs are as they are.
fn batch_of_data(config: &Config, shape: BatchShape, scope: &mut Scope) -> Result<Batch> {
    let ImageShape { channels, height, width } = shape.images;
    let stored = [shape.stored_channels(), height, width];
    let bytes = stored.iter().product::<usize>() * shape.element.bytes();
    let words = (shape.room * bytes).div_ceil(4);
    let pixels = scope.graph.data(Data::Pixels, words);
    let order = scope.graph.data(Data::Order, shape.room);
    let gathered =
        ops::gather_images(scope.graph, pixels, order, shape.batch, stored, shape.element)?;
    let (mut images, mut seen) = (gathered, None);
    if shape.paired {
        let input = ops::slice_axis(scope.graph, gathered, 1, 0..channels)?;
        let images = ops::slice_axis(scope.graph, gathered, 1, channels..2 * channels)?;
        return Ok(Batch { images, input, seen, labels: None });
    }
    if shape.masked {
        images = ops::slice_axis(scope.graph, gathered, 1, 0..channels)?;
        seen = Some(ops::slice_axis(scope.graph, gathered, 1, channels..channels + 1)?);
    }
    if config.binarise {
        images = ops::binarise(scope.graph, images)?;
    }
    let (mut input, mut told) = (images, None);
    if let Some(noise) = config.noise(scope.training) {
        (input, told) = config.model.corrupt(scope.graph, images, noise)?;
        if let Some(seen) = seen {
            // Noise does not tell what is missing.
            input = config.model.leave_out(scope.graph, input, seen)?;
        }
    }
    let input = config.model.input(scope.graph, input, told)?;
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
/// When the model does not fit the images or the device, or the device lacks the precision.
pub fn training_plan(
    config: &Config,
    layout: &StateLayout,
    shape: BatchShape,
    target: Option<&GpuTarget>,
    fuse: bool,
) -> Result<Plan> {
    let Trained { graph, metrics, training } = Trained::new(config, shape)?;
    Plan::new(&PlanRequest {
        metrics,
        training: Some(training),
        fuse,
        half: config.precision.half(shape.batch, target)?,
        ..PlanRequest::new(&graph, layout, target)
    })
}

/// A training step's graph.
struct Trained {
    graph: Graph,
    metrics: Vec<(String, NodeId)>,
    training: Training,
}

impl Trained {
    fn new(config: &Config, shape: BatchShape) -> Result<Self> {
        let mut graph = Graph::new();
        let scope = &mut Scope { graph: &mut graph, training: true };
        let batch = batch_of_data(config, shape, scope)?;
        let objective = config.model.objective(scope, &batch)?;
        let mut metrics = vec![("loss".into(), objective.loss)];
        metrics.extend(objective.activity.map(|activity| ("activity".into(), activity)));
        let (loss, optimiser) = (objective.loss, config.optimiser);
        Ok(Self { graph, metrics, training: Training { loss, optimiser, clip_norm: None } })
    }
}

/// A plan of one shard of a training step, of `shape.batch` images: it logs what a [`training_plan`] logs,
/// stores the gradients of the shard's mean loss, and gives what updates of the state read of the batch.
pub(super) fn shard_plan(
    config: &Config,
    layout: &StateLayout,
    shape: BatchShape,
    target: Option<&GpuTarget>,
) -> Result<Plan> {
    let Trained { graph, metrics, training } = Trained::new(config, shape)?;
    let pooled = graph.pooled().iter().enumerate();
    Plan::new(&PlanRequest {
        outputs: pooled.map(|(number, (node, _))| (pooled_name(number), *node)).collect(),
        metrics,
        training: Some(training),
        stage: Stage::Gradients,
        half: config.precision.half(shape.batch, target)?,
        ..PlanRequest::new(&graph, layout, target)
    })
}

/// The plan, for the processor, of what ends a training step of `shape.batch` images in shards: the optimiser
/// and the updates of the state, from stored gradients and what is pooled of the shards, as it says besides.
///
/// # Errors
/// When an update of the state reads the images past what is pooled.
pub(super) fn update_plan(
    config: &Config,
    layout: &StateLayout,
    shape: BatchShape,
) -> Result<(Plan, Vec<Pooling>)> {
    let Trained { graph, training, .. } = Trained::new(config, shape)?;
    let behind = graph.behind_pools();
    let plan = Plan::new(&PlanRequest {
        training: Some(training),
        stage: Stage::Update,
        ..PlanRequest::new(&behind, layout, None)
    })?;
    let is_data = |area| matches!(area, Area::Data(_));
    if plan.steps.iter().flat_map(|step| &step.inputs).any(|input| is_data(input.area)) {
        let what = format!(
            "is for models that can be trained in parts, which {} cannot; leave it out",
            config.model.name()
        );
        return Err(Error::option("--shards", what));
    }
    Ok((plan, graph.pooled().iter().map(|(_, pooling)| *pooling).collect()))
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
    if shape.paired {
        let ssim = nn::structural_similarity(&mut graph, batch.images, batch.input)?;
        metrics.push(("corrupted_ssim".into(), ssim));
    }
    metrics.extend(objective.measures.iter().map(|(name, node)| ((*name).into(), *node)));
    Plan::new(&PlanRequest { metrics, ..PlanRequest::new(&graph, layout, target) })
}

/// Mean squared error per pixel of what is seen and, where the model makes probabilities, cross-entropy;
/// and structural similarity of pictures where all is seen: its windows know no holes.
fn quality(graph: &mut Graph, batch: &Batch, decoded: Decoded) -> Result<Vec<(String, NodeId)>> {
    let Batch { images, seen, .. } = *batch;
    let shown = decoded.shown(graph)?;
    let errors = ops::squared_error(graph, shown, images)?;
    let errors = match seen {
        Some(seen) => ops::mul(graph, errors, seen)?,
        None => errors,
    };
    let mse = nn::mean_seen(graph, errors, seen)?;
    let mut measures = vec![("mse".into(), mse)];
    if decoded.is_probability() {
        let bce = Loss::Bce.errors(graph, decoded, images, seen)?;
        measures.push(("bce".into(), nn::mean_seen(graph, bce, seen)?));
    }
    if seen.is_none() && decoded.output != Output::Number {
        let ssim = nn::structural_similarity(graph, images, shown)?;
        measures.push(("ssim".into(), ssim));
    }
    Ok(measures)
}
