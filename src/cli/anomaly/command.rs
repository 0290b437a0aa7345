//! Pictures are scored, those whose score is unusual are flagged, and what was found is written.

use std::path::PathBuf;

use super::judge::Judge;
use super::layout::Layout;
use super::numbers;
use super::options::{AnomalyArgs, Training};
use super::pictures::{self, HeldOut, Judged};
use super::placement::HeatMaps;
use super::results::{finish, warn_of_few};
use super::truth::GroundTruth;
use crate::cli::notes;
use crate::cli::outputs::make_folder;
use crate::data::Source;
use crate::error::{Error, Result};
use crate::gpu::DeviceChoice;
use crate::nn::Loss;
use crate::run;
use crate::tasks::anomaly::{Known, Score, Verdict, auroc, threshold as unusual};
use crate::tasks::{Pictures, Trained};

/// Trains a model on normal pictures where there is none, scores pictures, flags those whose score is
/// unusual, and writes scores, heat maps and a verdict.
///
/// # Errors
/// When an option makes no sense, pictures or the run cannot be read, the device fails, the folder
/// cannot be written, or the training was interrupted.
pub fn anomaly(args: &AnomalyArgs) -> Result<()> {
    let training = args.training()?;
    args.check(&training)?;
    let choice: DeviceChoice = args.device.parse()?;
    if numbers::are_judged(args) {
        return numbers::anomaly(args, training, &choice);
    }
    let layout = Layout::of(args.train.as_deref(), &args.test)?;
    let judged = Judged::find(&layout.test, args.normal.as_deref())?;
    if let Some(folder) = &layout.train {
        pictures::check_normal_only(folder, args.normal.as_deref())?;
    }
    layout.tell(args.train.as_deref(), &args.test);
    let mut truth = GroundTruth::find(&judged);
    let masks = truth.as_ref().map_or(vec![], GroundTruth::files);
    Pictures::check(&[&judged.paths[..], &masks].concat())?;
    let mut trained = args.load(&layout, training, &choice)?;
    trained.check_pixels()?;
    make_folder(&args.out)?;
    notes::channels(&judged.paths, trained.model());
    let train = layout.train.as_deref();
    let normal = HeldOut::find(&trained, train, args.hold_out, args.seed()?)?;
    let by_parts = trained.config().patches.is_some();
    let unit = unit(args.score, &trained, by_parts);
    let intake = trained.config().intake();
    let draws = args.draws.unwrap_or(args.score.usual_draws());
    let inference = trained.inference();
    let mut judge = Judge { inference, intake, by_parts, score: args.score, draws };
    let rate = args.false_positive_rate;
    let usual = judge.held_out(&normal, !args.no_heat_maps)?;
    let threshold = unusual(&usual.scores, rate)
        .ok_or_else(|| Error::option("--hold-out", "leaves no normal picture"))?;
    warn_of_few(usual.scores.len(), rate);
    // Half of the colours are for what normal pictures show, too.
    let middle = unusual(&usual.greatest, rate);
    let maps = middle.map(|_| HeatMaps::begin(&args.out, &judged)).transpose()?;
    let scores = judge.score_all(&judged, maps.as_ref().zip(middle), &mut truth)?;
    let verdict = Verdict {
        score: args.score.name(),
        unit,
        threshold,
        false_positive_rate: rate,
        held_out: usual.scores.len(),
        judged: scores.len(),
        flagged: scores.iter().filter(|score| **score > threshold).count(),
        known: known(&judged, &scores, threshold, truth.as_ref()),
    };
    finish(args, &judged, &scores, &verdict, maps)
}

/// What one unit of a score is; of a picture that is judged by its parts, it is the worst part's.
fn unit(score: Score, trained: &Trained, by_parts: bool) -> &'static str {
    match (by_parts, score) {
        (false, _) => score.unit(trained.model()),
        (true, Score::Mse) => "squared error per pixel of the worst part",
        (true, _) if trained.model().loss == Loss::Mse => "squared error + nats of the worst part",
        (true, _) => "nats of the worst part",
    }
}

/// What labels say of the scores.
fn known(
    judged: &Judged,
    scores: &[f64],
    threshold: f64,
    truth: Option<&GroundTruth>,
) -> Option<Known> {
    let anomalies = judged.anomalies()?;
    let found = scores.iter().zip(&anomalies);
    Some(Known {
        normal: judged.normal.clone().unwrap_or_default(),
        anomalies: anomalies.iter().filter(|anomaly| **anomaly).count(),
        anomalies_flagged: found.filter(|(score, is)| **is && **score > threshold).count(),
        auroc: auroc(scores, &anomalies),
        pixel_auroc: truth.and_then(GroundTruth::auroc),
    })
}

impl AnomalyArgs {
    /// The model that judges, trained first where there is none.
    fn load(&self, layout: &Layout, training: Training, choice: &DeviceChoice) -> Result<Trained> {
        let Some(folder) = &self.model else {
            return Trained::load(&self.learn(layout, training)?, choice);
        };
        let trained = Trained::load(folder, choice)?;
        self.score.check(trained.model().kind())?;
        let train = layout.train.as_deref();
        let holds_out_own = train.is_none_or(|train| pictures::was_trained_on(&trained, train));
        let given = [("--hold-out", self.hold_out.is_some()), ("--seed", self.seed.is_some())];
        match given.iter().find(|(_, is_given)| *is_given && holds_out_own) {
            None => Ok(trained),
            Some((option, _)) => {
                let what =
                    "has no effect: the run was trained on these pictures and held out its own";
                Err(Error::option(*option, what))
            }
        }
    }

    /// Trains a model on the normal pictures; the folder of its run.
    fn learn(&self, layout: &Layout, training: Training) -> Result<PathBuf> {
        let Training { mut args, kind } = training;
        if let Some(folder) = &layout.train {
            if folder.to_str().is_none() {
                return Err(Error::file(folder, "has a name that is no text; rename it"));
            }
            args.data = Source::Images(folder.clone()).to_string();
        }
        run::run_interruptibly(&args, kind)?;
        Ok(self.out.clone())
    }
}
