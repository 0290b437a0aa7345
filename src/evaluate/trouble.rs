//! What goes wrong in trainings, as codes and reconstructions show it: each kind in one line that says
//! what to change.

use std::fmt;

use super::code_statistics::{UnitRange, divergences, perplexity, uses};
use super::yardstick::Yardstick;
use crate::inference::Codes;
use crate::models::{Model, Variant};
use crate::ops::Activation;
use crate::tensor::Tensor;

/// A unit that never exceeds this is dead.
pub(super) const DEAD_ACTIVATION: f32 = 1e-3;
/// One that varies by less than this part of itself is dead, too: it says nothing of the image.
const STILL: f32 = 1e-3;
/// The share of dead units that is trouble; and in codes that are meant to have few active units, or
/// few bits.
const MOST_DEAD: f64 = 0.5;
const MOST_DEAD_OF_SPARSE: f64 = 0.9;
/// The share of zeros that is trouble in codes that are not meant to be sparse.
const MOST_ZEROS: f64 = 0.95;
/// A number this near to 0 or 1 is as good as there, and gradients through a sigmoid vanish; it is
/// wrong where the image is further away than that.
const EXTREME: f32 = 1e-3;
const WRONG: f32 = 0.1;
/// The share of pixels, among those that ought not to be at an extreme, that may be stuck there; and how
/// many there must be to judge by.
const MOST_STUCK: f64 = 0.5;
const FEWEST_PIXELS: usize = 100;
/// A dimension with fewer nats is not used; and the share of such that is trouble.
const UNUSED_NATS: f32 = 0.01;
const MOST_UNUSED: f64 = 0.75;
/// The share of a codebook that must be in use, as perplexity.
const LEAST_USE: f64 = 0.05;
/// For each code that must be in use, so many places must have been looked at.
const FEWEST_PLACES: f64 = 4.0;
/// A model whose error is more than this part of the mean image's makes the mean image.
const MEAN_IMAGE: f64 = 0.9;
/// Fewer codes tell nothing of units.
const FEWEST_CODES: usize = 16;

/// A way in which a training goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// Reconstructions are all the mean image.
    MeanImage,
    /// Units of the code are the same for all images.
    DeadUnits,
    /// Nearly all numbers of codes are 0.
    Zeros,
    /// Pixels are stuck at 0 or 1.
    Saturation,
    /// Dimensions of a variational code tell nothing of the image.
    Posterior,
    /// Few codes of the codebook are used.
    Codebook,
    /// A linear code of the same length would do better.
    Linear,
}

/// Trouble, with what is wrong and what to change, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub trouble: Trouble,
    /// What is wrong, and what to change.
    pub text: String,
}

impl Finding {
    pub(super) fn new(trouble: Trouble, text: impl Into<String>) -> Self {
        Self { trouble, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the codes of some images show, if anything is wrong with them. Codes that are not finite show
/// nothing: training has its own answer to those.
pub fn of_codes(model: &Model, codes: &Codes) -> Vec<Finding> {
    if codes.count() < FEWEST_CODES || !codes.values.iter().all(|value| value.is_finite()) {
        return vec![];
    }
    let found = if let Some(log_variances) = &codes.log_variances {
        unused_dimensions(codes, log_variances)
    } else if let (Some(indices), Variant::Vqvae(vqvae)) = (&codes.indices, &model.variant) {
        little_used_codebook(indices, vqvae.codes)
    } else {
        // Zeros that are those of dead units are said once.
        dead_units(model, codes).or_else(|| zeros(model, codes))
    };
    found.into_iter().collect()
}

fn unused_dimensions(codes: &Codes, log_variances: &[f32]) -> Option<Finding> {
    let nats = divergences(codes, log_variances);
    let unused = nats.iter().filter(|nats| **nats < UNUSED_NATS).count();
    (unused as f64 >= MOST_UNUSED * codes.width as f64).then(|| posterior(unused, codes.width))
}

/// Whether dimensions of a variational code are not used, of which so many have means that vary over
/// these codes: a variance of few numbers tells nothing.
pub(super) fn of_active(active: usize, codes: &Codes) -> Option<Finding> {
    let is_known = codes.count() >= FEWEST_CODES && active < codes.width;
    is_known.then(|| posterior(codes.width - active, codes.width))
}

/// The line that says how many dimensions of a variational code are not used.
fn posterior(unused: usize, width: usize) -> Finding {
    let text = format!(
        "{unused} of {width} dimensions of the code are not used (posterior collapse); a smaller \
         --latent would do, or --warmup or --free-bits may revive them"
    );
    Finding::new(Trouble::Posterior, text)
}

fn little_used_codebook(indices: &[u32], codes: usize) -> Option<Finding> {
    let uses = uses(indices, codes);
    let (perplexity, used) = (perplexity(&uses), uses.iter().filter(|count| **count > 0).count());
    let least = (LEAST_USE * codes as f64).max(1.5).min(codes as f64);
    // So few places cannot use more of a codebook.
    let are_enough = indices.len() as f64 >= FEWEST_PLACES * least;
    (perplexity < least && codes > 1 && are_enough).then(|| {
        let text = format!(
            "{used} of {codes} codes of the codebook are used, as if they were {perplexity:.1} \
             (codebook collapse); try a lower --lr, --norm batch, --codebook ema or fewer --codes"
        );
        Finding::new(Trouble::Codebook, text)
    })
}

/// Whether few units are meant to be active, or codes to take few bits.
fn is_meant_sparse(model: &Model) -> bool {
    matches!(model.variant, Variant::Sparse(_)) || model.quantiser.is_some()
}

fn dead_units(model: &Model, codes: &Codes) -> Option<Finding> {
    let units = UnitRange::all(codes, &model.network.code_shape());
    let is_zero = |unit: &&UnitRange| unit.magnitude() <= DEAD_ACTIVATION;
    let is_still = |unit: &&UnitRange| unit.greatest - unit.least <= STILL * unit.magnitude();
    let zero = units.iter().filter(is_zero).count();
    let dead = units.iter().filter(|unit| is_zero(unit) || is_still(unit)).count();
    let most = if is_meant_sparse(model) { MOST_DEAD_OF_SPARSE } else { MOST_DEAD };
    (dead > 0 && dead as f64 >= most * units.len() as f64).then(|| {
        let how = if zero == dead { "0" } else { "the same" };
        let (all, advice) = (units.len(), advice(model));
        let what = if codes.width > all { "channels" } else { "units" };
        let text = format!(
            "{dead} of {all} {what} of the code are dead, they are {how} for every picture; {advice}"
        );
        Finding::new(Trouble::DeadUnits, text)
    })
}

/// What may bring a model to life.
fn advice(model: &Model) -> &'static str {
    match &model.variant {
        _ if model.quantiser.is_some() => "try a lower --rate or a lower --lr",
        Variant::Sparse(sparse) if sparse.k > 0 => {
            "try a longer --warmup, a greater --k or a lower --lr"
        }
        Variant::Sparse(_) | Variant::Contractive(_) => "try a lower --penalty or a lower --lr",
        Variant::Vae(_) | Variant::Cvae(_) => "try --warmup, a lower --beta or a lower --lr",
        _ if model.network.activation == Activation::Relu => {
            "try --activation leaky-relu:0.1 or a lower --lr"
        }
        _ => "try a lower --lr",
    }
}

fn zeros(model: &Model, codes: &Codes) -> Option<Finding> {
    let zeros = codes.values.iter().filter(|value| **value == 0.0).count();
    let share = zeros as f64 / codes.values.len().max(1) as f64;
    (share >= MOST_ZEROS && !is_meant_sparse(model)).then(|| {
        let (percent, advice) = (100.0 * share, advice(model));
        let text = format!("{percent:.0}% of the numbers of codes are 0; {advice}");
        Finding::new(Trouble::Zeros, text)
    })
}

/// Whether reconstructions are stuck at 0 or 1 where the images are not.
pub fn of_reconstructions(images: &Tensor, made: &Tensor) -> Option<Finding> {
    let pairs = || images.data().iter().zip(made.data());
    let share = |stuck: &dyn Fn(f32) -> bool, wrong: &dyn Fn(f32) -> bool| {
        let wrong: Vec<f32> = pairs().filter(|(x, _)| wrong(**x)).map(|(_, y)| *y).collect();
        let stuck = wrong.iter().filter(|y| stuck(**y)).count();
        if wrong.len() < FEWEST_PIXELS { 0.0 } else { stuck as f64 / wrong.len() as f64 }
    };
    let low = share(&|y| y <= EXTREME, &|x| x > WRONG);
    let high = share(&|y| y >= 1.0 - EXTREME, &|x| x < 1.0 - WRONG);
    let (share, end) = if low >= high { (low, "0") } else { (high, "1") };
    (share >= MOST_STUCK).then(|| {
        let text = format!(
            "{:.0}% of the pixels that are not {end} are stuck at {end}: the output is saturated, and \
             gradients vanish there; try a lower --lr",
            100.0 * share
        );
        Finding::new(Trouble::Saturation, text)
    })
}

/// Whether a model makes the mean image of every image, by its error and that of the mean image.
pub fn of_errors(model: &Model, mse: f64, mean_mse: f64) -> Option<Finding> {
    (mse >= MEAN_IMAGE * mean_mse).then(|| {
        let text = format!(
            "reconstructions are hardly nearer to the pictures than the mean picture is (mse \
             {mse:.5}, the mean picture's {mean_mse:.5}); unless more --epochs help, {}",
            advice(model)
        );
        Finding::new(Trouble::MeanImage, text)
    })
}

/// Whether the best linear code of the same length has less error than a model.
pub fn of_linear(mse: f64, yardstick: &Yardstick) -> Option<Finding> {
    let Yardstick { name, pca_mse, .. } = yardstick;
    (mse > *pca_mse).then(|| {
        let text = format!(
            "{name} does better than this model (mse {pca_mse:.5}, not {mse:.5}); try longer training \
             (--epochs), another --lr, wider layers (--arch) or a longer code (--latent)"
        );
        Finding::new(Trouble::Linear, text)
    })
}

#[cfg(test)]
mod tests;
