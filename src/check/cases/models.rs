//! Twenty training steps of each variant, small.

use clap::Parser;

use crate::check::case::{Case, Images};
use crate::check::part::Part;
use crate::data::{Element, ImageShape};
use crate::error::{Error, Result};
use crate::graph::State;
use crate::inference::layout;
use crate::models::{Choices, Kind};
use crate::ops::StepScalars;
use crate::rng::Seed;
use crate::train::{BatchShape, Config, training_plan};

/// Steps that are compared.
const STEPS: u32 = 20;
/// Images a step, and in all.
const BATCH: usize = 16;
const COUNT: usize = 64;
const IMAGES: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };

/// The variants, as on a command line.
const VARIANTS: [(Kind, &str); 14] = [
    (Kind::Dense, "--arch dense:12 --latent 6"),
    (Kind::Dense, "--arch dense:12 --latent 6 --loss gaussian --variance learned --dropout 0.2"),
    (Kind::Conv, "--arch conv:4,6 --latent 6 --norm batch"),
    (
        Kind::Conv,
        "--arch conv:4,6 --latent map:3 --norm group --block residual --downsample stride",
    ),
    (Kind::Sparse, "--arch dense:12 --latent 6 --sparsity kl --activation tanh --penalty 0.1"),
    (Kind::Sparse, "--arch dense:12 --latent 16 --sparsity topk --k 3"),
    (Kind::Contractive, "--arch dense:12 --latent 6 --penalty 0.1"),
    (Kind::Denoising, "--arch dense:12 --latent 6 --noise gaussian:0.3"),
    (Kind::Denoising, "--arch conv:4 --latent 6 --noise rectangles:0.25"),
    (Kind::Vae, "--arch dense:12 --latent 6"),
    (Kind::Vae, "--arch conv:4,6 --latent 6"),
    (Kind::Cvae, "--arch dense:12 --latent 6"),
    (Kind::Iwae, "--arch dense:12 --latent 6 --samples 3"),
    (Kind::Vqvae, "--arch dense:12 --latent 6 --code-dim 3 --codes 8"),
];

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    choices: Choices,
}

pub(super) fn cases() -> Result<Vec<Case>> {
    VARIANTS.into_iter().map(|(kind, options)| variant(kind, options)).collect()
}

fn variant(kind: Kind, options: &str) -> Result<Case> {
    let words = ["check"].into_iter().chain(options.split(' '));
    let given = Options::try_parse_from(words);
    let given = given.map_err(|error| Error::option(kind.name(), error.to_string()))?.choices;
    let choices = kind.recipe(&given, false).choices;
    let model = kind.model(IMAGES, Images::CLASSES as usize, &choices)?;
    let config = Config { batch: BATCH, noise: choices.noise, ..Config::new(model) };
    let layout = layout(&config.model)?;
    let state = State::initial(&layout, Seed(1), config.optimiser.moments());
    let images = Images {
        count: COUNT,
        bytes: IMAGES.elements(),
        seed: 7,
        labelled: config.model.is_conditional(),
    };
    let steps = (0..STEPS).map(|step| StepScalars {
        step,
        cursor: step * BATCH as u32 % COUNT as u32,
        row: step,
        weight: config.model.weight(step as f32 / STEPS as f32, None),
        seed: Seed(17).key(),
        learning_rate: 2e-3,
        corrections: config.optimiser.corrections(step),
        ..StepScalars::default()
    });
    let steps = steps.collect();
    let plan = move |target: Option<&_>| {
        let shape = BatchShape {
            images: IMAGES,
            masked: false,
            paired: false,
            element: Element::Byte,
            batch: BATCH,
            room: COUNT,
        };
        training_plan(&config, &layout, shape, target, true)
    };
    let name = format!("{} {options}", kind.name());
    let case = Case::new(name, Part::Steps, state, plan);
    Ok(Case { images: Some(images), steps, ..case })
}
