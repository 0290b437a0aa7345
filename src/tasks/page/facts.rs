//! What a page knows of its model, beside the plans; read by `web/model.js`.

use serde::Serialize;

use crate::data::{Fit, ImageShape};
use crate::models::{Adapting, Rectifier, Schedule, WeightRule};
use crate::ops::Optimiser;
use crate::portable::Span;
use crate::run::EpochMetrics;
use crate::train::Adaptation;

/// All of it.
#[derive(Serialize)]
pub(super) struct Facts {
    /// The run's.
    pub name: String,
    pub variant: &'static str,
    /// Of the loss.
    pub unit: &'static str,
    pub images: Size,
    pub latent: usize,
    /// Numbers that were trained.
    pub parameters: usize,
    pub classes: Vec<String>,
    pub conditional: bool,
    pub variational: bool,
    pub residual: bool,
    pub fit: Fit,
    pub rectifier: Rectifier,
    /// Whether the model is told how strong noise is.
    pub noise_level: bool,
    pub codebook: Option<Codebook>,
    /// The mean squared error that one in twenty held-out pictures exceeds.
    pub threshold: Option<f64>,
    pub tasks: Tasks,
    pub examples: Option<Examples>,
    pub codes: Option<Codes>,
    pub samples: Option<Samples>,
    pub training: Option<Training>,
}

#[derive(Serialize)]
pub(super) struct Size {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl From<ImageShape> for Size {
    fn from(ImageShape { channels, height, width }: ImageShape) -> Self {
        Self { channels, height, width }
    }
}

/// How codes consist of those of a codebook.
#[derive(Serialize)]
pub(super) struct Codebook {
    pub codes: usize,
    /// Numbers of each.
    pub dim: usize,
    /// Whether a code is `[dim, places]`, and not `[places, dim]`.
    pub is_map: bool,
}

/// Plans of each task, by rising batch.
#[derive(Default, Serialize)]
pub(super) struct Tasks {
    pub encode: Vec<SizedPlan>,
    pub decode: Vec<SizedPlan>,
    pub reconstruct: Vec<SizedPlan>,
}

#[derive(Serialize)]
pub(super) struct SizedPlan {
    pub name: String,
    pub batch: usize,
}

/// Pictures to begin with, as bytes.
#[derive(Serialize)]
pub(super) struct Examples {
    pub pixels: Span,
    pub count: usize,
    pub labels: Option<Vec<u32>>,
}

/// Where codes of pictures lie.
#[derive(Serialize)]
pub(super) struct Codes {
    pub mean: Span,
    /// Main directions, `[directions, latent]`.
    pub directions: Span,
    /// The standard deviation along each.
    pub spreads: Vec<f32>,
    /// Codes along the first two, in standard deviations, `[count, 2]`.
    pub points: Span,
    pub labels: Option<Vec<u32>>,
}

/// Codes of new images, of models without a prior that a page could draw from.
#[derive(Serialize)]
pub(super) struct Samples {
    pub codes: Span,
    pub count: usize,
}

/// How training goes on.
#[derive(Serialize)]
pub(super) struct Training {
    pub rules: Rules,
    /// In all.
    pub epochs: u32,
    /// Of an epoch.
    pub steps: u32,
    /// Of an epoch.
    pub images: usize,
    pub at: At,
    /// For whole batches, then for the rest.
    pub plans: Vec<SizedPlan>,
    /// Images that plans have room for.
    pub room: usize,
    pub header: Header,
    pub data: Option<Data>,
    /// Whether a channel more says which pixels are seen.
    pub masked: bool,
    /// Whether a picture by itself is something to train on.
    pub takes_pictures: bool,
}

/// What decides the numbers of each step.
#[derive(Serialize)]
pub(super) struct Rules {
    pub seed: [u32; 2],
    pub learning_rate: f32,
    pub schedule: Schedule,
    pub warm: f64,
    pub warm_steps: f64,
    pub weight: WeightRule,
    pub adapting: Option<Adapting>,
    pub optimiser: Optimiser,
    pub halvings: u32,
}

/// Where training stands.
#[derive(Serialize)]
pub(super) struct At {
    pub step: u32,
    pub epoch: u32,
    /// Steps of the epoch under way.
    pub number: u32,
    pub sums: Vec<f64>,
    pub images: usize,
    pub seconds: f64,
    pub adaptation: Option<Adaptation>,
}

/// What the model's file says of itself.
#[derive(Serialize)]
pub(super) struct Header {
    pub version: &'static str,
    /// In decimals, which JavaScript's numbers are too short for.
    pub seed: String,
    pub config: String,
    pub model: String,
    pub history: Vec<EpochMetrics>,
    pub halvings: u32,
    pub data: Option<String>,
}

/// Images to train on, as the dataset stores them.
#[derive(Serialize)]
pub(super) struct Data {
    pub pixels: Span,
    pub labels: Option<Span>,
    pub count: usize,
    /// Whether they are all that the run was trained on.
    pub is_whole: bool,
}
