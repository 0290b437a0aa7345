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

/// What a plan takes and gives, besides training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// From input `images`, `[batch, channels, height, width]` in [0, 1], to output `code`,
    /// `[batch, latent]`.
    Encode,
    /// From input `code` to output `reconstruction`, shaped like the images and in [0, 1].
    Decode,
    /// From input `images` to output `reconstruction`.
    Reconstruct,
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
        let mut graph = Graph::new();
        let ImageShape { channels, height, width } = model.images();
        let images = [batch, channels, height, width];
        let code = match self {
            Self::Decode => graph.input("code", [batch, model.latent()]),
            Self::Encode | Self::Reconstruct => {
                let images = graph.input("images", images);
                model.encode(&mut graph, images)?
            }
        };
        let (name, output) = match self {
            Self::Encode => ("code", code),
            Self::Decode | Self::Reconstruct => {
                let logits = model.decode(&mut graph, code)?;
                ("reconstruction", ops::activate(&mut graph, logits, Activation::Sigmoid)?)
            }
        };
        Plan::new(&PlanRequest {
            outputs: vec![(name.into(), output)],
            ..PlanRequest::new(&graph, layout, target)
        })
    }
}
