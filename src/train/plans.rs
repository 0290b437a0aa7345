//! The plans over one model's state: to train, to evaluate, to encode, to decode, to do both.

use super::evaluation::METRICS;
use super::options::Config;
use crate::data::ImageShape;
use crate::error::Result;
use crate::graph::{Data, Graph, Plan, PlanRequest, StateLayout, Training};
use crate::models::{Forward, Model};
use crate::nn::{self, Loss};
use crate::ops::{self, Activation, GpuTarget, NodeId};

/// The state of `model`: which tensors it has, whatever the batch.
///
/// # Errors
/// When the model cannot be built.
pub fn layout(model: &Model) -> Result<StateLayout> {
    let mut graph = Graph::new();
    let ImageShape { channels, height, width } = model.images();
    let images = graph.input("images", [1, channels, height, width]);
    model.forward(&mut graph, images)?;
    Ok(graph.layout())
}

/// How images come to a plan.
#[derive(Clone, Copy, Debug)]
pub struct BatchShape {
    /// The size of each.
    pub images: ImageShape,
    /// How many a step.
    pub batch: usize,
    /// How many the device holds.
    pub room: usize,
}

/// A model over a batch that is gathered from the dataset on the device.
fn model_on_data(config: &Config, shape: BatchShape) -> Result<(Graph, NodeId, Forward)> {
    let mut graph = Graph::new();
    let words = (shape.room * shape.images.elements()).div_ceil(4);
    let pixels = graph.data(Data::Pixels, words);
    let order = graph.data(Data::Order, shape.room);
    let ImageShape { channels, height, width } = shape.images;
    let images =
        ops::gather_images(&mut graph, pixels, order, shape.batch, [channels, height, width])?;
    let forward = config.model.forward(&mut graph, images)?;
    Ok((graph, images, forward))
}

/// A plan of one training step, logging the loss.
///
/// # Errors
/// When the model does not fit the images or the device.
pub fn training_plan(
    config: &Config,
    layout: &StateLayout,
    shape: BatchShape,
    target: Option<&GpuTarget>,
) -> Result<Plan> {
    let (mut graph, images, forward) = model_on_data(config, shape)?;
    let loss = config.loss.of(&mut graph, forward.logits, images)?;
    Plan::new(&PlanRequest {
        metrics: vec![("loss".into(), loss)],
        training: Some(Training { loss, optimiser: config.optimiser, clip_norm: None }),
        ..PlanRequest::new(&graph, layout, target)
    })
}

/// A plan that measures [`METRICS`] on a batch.
pub(super) fn evaluation_plan(
    config: &Config,
    layout: &StateLayout,
    shape: BatchShape,
    target: Option<&GpuTarget>,
) -> Result<Plan> {
    let (mut graph, images, forward) = model_on_data(config, shape)?;
    let loss = config.loss.of(&mut graph, forward.logits, images)?;
    let mse = Loss::Mse.of(&mut graph, forward.logits, images)?;
    let bce = ops::binary_cross_entropy(&mut graph, forward.logits, images)?;
    let bce = ops::mean_all(&mut graph, bce)?;
    let ssim = nn::structural_similarity(&mut graph, images, forward.reconstruction)?;
    let metrics = METRICS.map(String::from).into_iter().zip([loss, mse, bce, ssim]).collect();
    Plan::new(&PlanRequest { metrics, ..PlanRequest::new(&graph, layout, target) })
}

/// A plan from input `images`, `[batch, channels, height, width]` in [0, 1], to output `code`,
/// `[batch, latent]`.
///
/// # Errors
/// When the model does not fit the device.
pub fn encoder_plan(
    model: &Model,
    layout: &StateLayout,
    batch: usize,
    target: Option<&GpuTarget>,
) -> Result<Plan> {
    let mut graph = Graph::new();
    let images = image_input(&mut graph, model, batch);
    let code = model.encode(&mut graph, images)?;
    output_plan(&graph, layout, target, ("code", code))
}

/// A plan from input `code`, `[batch, latent]`, to output `reconstruction`,
/// `[batch, channels, height, width]` in [0, 1].
///
/// # Errors
/// When the model does not fit the device.
pub fn decoder_plan(
    model: &Model,
    layout: &StateLayout,
    batch: usize,
    target: Option<&GpuTarget>,
) -> Result<Plan> {
    let mut graph = Graph::new();
    let code = graph.input("code", [batch, model.latent()]);
    let logits = model.decode(&mut graph, code)?;
    let images = ops::activate(&mut graph, logits, Activation::Sigmoid)?;
    output_plan(&graph, layout, target, ("reconstruction", images))
}

/// A plan from input `images` to output `reconstruction`, both `[batch, channels, height, width]`
/// in [0, 1].
///
/// # Errors
/// When the model does not fit the device.
pub fn reconstruction_plan(
    model: &Model,
    layout: &StateLayout,
    batch: usize,
    target: Option<&GpuTarget>,
) -> Result<Plan> {
    let mut graph = Graph::new();
    let images = image_input(&mut graph, model, batch);
    let forward = model.forward(&mut graph, images)?;
    output_plan(&graph, layout, target, ("reconstruction", forward.reconstruction))
}

fn image_input(graph: &mut Graph, model: &Model, batch: usize) -> NodeId {
    let ImageShape { channels, height, width } = model.images();
    graph.input("images", [batch, channels, height, width])
}

fn output_plan(
    graph: &Graph,
    layout: &StateLayout,
    target: Option<&GpuTarget>,
    (name, node): (&str, NodeId),
) -> Result<Plan> {
    Plan::new(&PlanRequest {
        outputs: vec![(name.into(), node)],
        ..PlanRequest::new(graph, layout, target)
    })
}
