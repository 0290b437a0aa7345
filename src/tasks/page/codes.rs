//! What a page shows before a visitor brings anything: pictures, where their codes lie, and samples.

use super::facts::{Codes, Examples, Samples};
use crate::data::Dataset;
use crate::error::Result;
use crate::evaluate::Principal;
use crate::inference::{spread, tensor};
use crate::portable::PlanFile;
use crate::rng::Seed;
use crate::tasks::anomaly::threshold as unusual;
use crate::tasks::trained::Trained;

/// Pictures to begin with.
const EXAMPLES: usize = 12;
/// Codes that are points of the plane.
const POINTS: usize = 500;
/// Main directions, each with a slider, and the numbers that they may have together.
const DIRECTIONS: usize = 8;
const NUMBERS: usize = 1 << 18;
/// Codes of new images, and the numbers that they may have together.
const SAMPLES: usize = 256;

/// Held-out images, spread over all.
pub(super) fn examples(dataset: &Dataset, file: &mut PlanFile) -> Result<Examples> {
    let chosen = spread(&dataset.test, EXAMPLES);
    let (pixels, _) = tensor(dataset, &chosen, 0..chosen.count)?;
    let bytes: Vec<u8> = pixels.data().iter().map(|x| (255.0 * x).round() as u8).collect();
    let pixels = file.attach(&bytes);
    Ok(Examples { pixels, count: chosen.count, labels: chosen.labels.clone() })
}

/// The main directions of codes of held-out images; none where there are too few.
pub(super) fn codes(
    trained: &mut Trained,
    dataset: &Dataset,
    file: &mut PlanFile,
) -> Result<Option<Codes>> {
    let chosen = spread(&dataset.test, POINTS);
    let codes = trained.inference().encode_dataset(dataset, &chosen, POINTS)?;
    let width = codes.width;
    let most = DIRECTIONS.min((NUMBERS / width.max(1)).max(2));
    let found = Principal::of(&codes.values, width, most);
    let spreads: Vec<f32> = found.variances.iter().map(|v| v.max(0.0).sqrt()).collect();
    if spreads.len() < 2 || !spreads.iter().all(|spread| spread.is_finite()) {
        return Ok(None);
    }
    let along = |code: &[f32], number: usize| {
        let direction = &found.directions[number * width..][..width];
        let parts = code.iter().zip(&found.mean).zip(direction);
        let along: f32 = parts.map(|((x, mean), part)| (x - mean) * part).sum();
        along / spreads[number].max(f32::MIN_POSITIVE)
    };
    let rows = codes.values.chunks(width);
    let points: Vec<f32> = rows.flat_map(|code| [along(code, 0), along(code, 1)]).collect();
    Ok(Some(Codes {
        mean: file.attach_numbers(&found.mean, false),
        directions: file.attach_numbers(&found.directions, false),
        points: file.attach_numbers(&points, false),
        labels: chosen.labels.clone(),
        spreads,
    }))
}

/// Pictures among a hundred normal ones that may be called unusual.
const FALSE_ALARMS: f64 = 0.05;

/// The mean squared error above which a picture is unusual, from held-out images; none where what the model should make
/// of them is not the images themselves, or it has to be told something.
///
/// # Errors
/// When the device fails.
pub(super) fn threshold(trained: &mut Trained, dataset: &Dataset) -> Result<Option<f64>> {
    let model = trained.model();
    if dataset.paired || dataset.masked || model.is_conditional() || model.noise_level {
        return Ok(None);
    }
    let chosen = spread(&dataset.test, POINTS);
    let (images, _) = tensor(dataset, &chosen, 0..chosen.count)?;
    let made = trained.inference().reconstruct(&images, None)?;
    let elements = dataset.shape.elements();
    let pairs = images.data().chunks(elements).zip(made.data().chunks(elements));
    let error = |(a, b): (&[f32], &[f32])| {
        let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
        squares.sum::<f64>() / elements as f64
    };
    let errors: Vec<f64> = pairs.map(error).collect();
    Ok(unusual(&errors, FALSE_ALARMS))
}

/// Codes of new images, drawn as `diabolo sample --seed 0` draws them.
///
/// # Errors
/// When what they are drawn from cannot be read.
pub(super) fn samples(trained: &mut Trained, file: &mut PlanFile) -> Result<Samples> {
    let count = (NUMBERS / trained.model().network.latent().max(1)).clamp(16, SAMPLES);
    let codes = trained.sampler()?.codes(count, Seed(0))?;
    Ok(Samples { codes: file.attach_numbers(&codes, false), count })
}
