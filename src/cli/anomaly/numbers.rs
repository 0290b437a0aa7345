//! Samples of numbers are scored as pictures are, but for heat maps: whose numbers are those of a vector,
//! there is nothing to see.

use std::path::Path;

use super::options::{AnomalyArgs, Training};
use super::pictures::{HOLD_OUT, Judged, NORMAL};
use super::results::{finish, warn_of_few};
use crate::cli::numbers::squared_errors;
use crate::cli::outputs::make_folder;
use crate::data::{Source, arrays, order, permutation};
use crate::error::{Error, Result};
use crate::gpu::DeviceChoice;
use crate::inference::tensor;
use crate::models::Kind;
use crate::nn::Loss;
use crate::rng::{Seed, stream};
use crate::run;
use crate::tasks::anomaly::{Known, Score, Verdict, auroc, threshold as unusual};
use crate::tasks::{Samples, Trained, holds_numbers};

/// The label of normal samples where labels are this and 1 (Han et al., "ADBench", 2022, among many).
const ZERO: &str = "0";

/// Whether samples of numbers are to be judged.
pub(super) fn are_judged(args: &AnomalyArgs) -> bool {
    args.test.iter().chain(&args.train).any(|path| holds_numbers(path))
}

/// Trains a model on normal samples where there is none, scores samples, flags those whose score is
/// unusual, and writes scores and a verdict.
///
/// # Errors
/// As [`anomaly`](super::anomaly) of pictures.
pub(super) fn anomaly(args: &AnomalyArgs, training: Training, choice: &DeviceChoice) -> Result<()> {
    if args.test.is_empty() {
        return Err(Error::option("--test", "is needed: files of samples to judge"));
    }
    let mut trained = load(args, training, choice)?;
    make_folder(&args.out)?;
    let units = trained.units()?;
    let samples = units.read(&args.test)?;
    let normal = normal_samples(args, &trained)?;
    let mut scores_of = |samples: &Samples| scores(args, &mut trained, samples);
    let usual = scores_of(&normal)?;
    let scores = scores_of(&samples)?;
    let rate = args.false_positive_rate;
    let threshold = unusual(&usual, rate)
        .ok_or_else(|| Error::option("--hold-out", "leaves no normal sample"))?;
    warn_of_few(usual.len(), rate);
    let judged = judged(args, &samples)?;
    let unit = match (args.score, trained.model().loss) {
        (Score::Mse, _) => "squared error per number",
        (_, Loss::Mse) => "squared error + nats per sample",
        _ => "nats per sample",
    };
    let known = judged.anomalies().map(|anomalies| Known {
        normal: judged.normal.clone().unwrap_or_default(),
        anomalies: anomalies.iter().filter(|anomaly| **anomaly).count(),
        anomalies_flagged: (scores.iter().zip(&anomalies))
            .filter(|(score, is)| **is && **score > threshold)
            .count(),
        auroc: auroc(&scores, &anomalies),
        pixel_auroc: None,
    });
    let verdict = Verdict {
        score: args.score.name(),
        unit,
        threshold,
        false_positive_rate: rate,
        held_out: usual.len(),
        judged: scores.len(),
        flagged: scores.iter().filter(|score| **score > threshold).count(),
        known,
    };
    finish(args, &judged, &scores, &verdict, None)
}

/// The model that judges, trained first where there is none.
fn load(args: &AnomalyArgs, training: Training, choice: &DeviceChoice) -> Result<Trained> {
    if let Some(folder) = &args.model {
        let trained = Trained::load(folder, choice)?;
        args.score.check(trained.model().kind())?;
        return Ok(trained);
    }
    let Training { args: mut options, mut kind } = training;
    if let Some(path) = &args.train {
        if path.to_str().is_none() {
            return Err(Error::file(path, "has a name that is no text; rename it"));
        }
        options.data = Source::Numbers(path.clone()).to_string();
        if args.hold_out.is_none() && arrays::are_told_apart(path)? {
            options.hold_out = None;
        }
    }
    if args.variant.is_none() && options.settled.is_none() {
        kind = Kind::Dense;
    }
    run::run_interruptibly(&options, kind)?;
    Trained::load(&args.out, choice)
}

/// Normal samples that the model was not trained on: those that its run held out, or where others are
/// given, a share of these.
fn normal_samples(args: &AnomalyArgs, trained: &Trained) -> Result<Samples> {
    let is_own =
        |path: &Path| trained.config().data == Source::Numbers(path.to_path_buf()).to_string();
    let other = args.train.as_deref().filter(|path| args.model.is_some() && !is_own(path));
    let Some(path) = other else {
        if args.model.is_some() && args.hold_out.is_some() {
            let what = "has no effect: the run was trained on these samples and held out its own";
            return Err(Error::option("--hold-out", what));
        }
        let dataset = trained.dataset()?;
        let (images, seen) = tensor(&dataset, &dataset.test, 0..dataset.test.count)?;
        let names = vec![String::new(); dataset.test.count];
        return Ok(Samples { names, labels: None, images, seen });
    };
    let all = trained.units()?.read(&[path.to_path_buf()])?;
    let count = order::held_out(all.count(), args.hold_out.unwrap_or(HOLD_OUT));
    let chosen = permutation(Seed(args.seed.unwrap_or(0)), stream::SPLIT, 0, all.count() as u32);
    all.select(&chosen[..count.min(chosen.len())])
}

/// The score of each sample.
fn scores(args: &AnomalyArgs, trained: &mut Trained, samples: &Samples) -> Result<Vec<f64>> {
    let mut inference = trained.inference();
    let made = inference.reconstruct(&samples.images, None)?;
    let scores = match (args.score, &samples.seen) {
        (Score::Mse, _) => squared_errors(samples, &made),
        (score, None) => {
            let draws = args.draws.unwrap_or(score.usual_draws());
            score.of(&mut inference, &samples.images, &made, draws)?
        }
        (_, Some(_)) => {
            let what = "needs whole samples, and numbers are missing (NaN) here; give --score mse";
            return Err(Error::option("--score", what));
        }
    };
    match scores.iter().find(|score| !score.is_finite()) {
        None => Ok(scores),
        Some(score) => {
            Err(Error::NotFinite(format!("a sample's score is {score}; train the model again")))
        }
    }
}

/// What is judged, with labels, of which `--normal` says which is that of normal samples; or their names do.
fn judged(args: &AnomalyArgs, samples: &Samples) -> Result<Judged> {
    let labels = samples.labels.clone().unwrap_or_default();
    let has = |name: &str| labels.iter().any(|label| label == name);
    let are_zeros_and_ones = labels.iter().all(|label| label == ZERO || label == "1");
    let normal = match args.normal.as_deref() {
        Some(name) if has(name) => Some(name),
        Some(name) => {
            let what = format!(
                "`{name}` is no label of the samples: y in an .npz file, or the sub-folder of a file"
            );
            return Err(Error::option("--normal", what));
        }
        None if are_zeros_and_ones => Some(ZERO).filter(|_| !labels.is_empty()),
        None => NORMAL.into_iter().find(|name| has(name)),
    };
    let normal = normal.map(ToOwned::to_owned);
    let paths = samples.names.iter().map(Into::into).collect();
    let labels = samples.labels.clone().unwrap_or_else(|| vec![String::new(); samples.count()]);
    Ok(Judged { paths, labels, normal, ..Judged::default() })
}
