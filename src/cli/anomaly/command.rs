//! Pictures are scored, those whose score is unusual are flagged, and what was found is written.

use std::path::PathBuf;

use super::judge::Judge;
use super::layout::Layout;
use super::pictures::{self, HOLD_OUT, HeldOut, Judged};
use super::placement::{self, HeatMaps};
use super::table;
use super::truth::GroundTruth;
use crate::cli::notes;
use crate::cli::outputs::make_folder;
use crate::data::Source;
use crate::data::order::check_held_out;
use crate::error::{Error, Result};
use crate::gpu::DeviceChoice;
use crate::models::{Choices, Kind};
use crate::nn::Loss;
use crate::rng::Seed;
use crate::run::{self, TrainArgs, say};
use crate::tasks::anomaly::{Known, Score, Verdict, are_enough, auroc, threshold as unusual};
use crate::tasks::{Pictures, Trained};

/// The options of `diabolo anomaly`.
#[derive(Clone, Debug, clap::Args)]
pub struct AnomalyArgs {
    /// The folder of a finished run, whose model is used as it is; without one, a model is trained
    #[arg(short, long, value_name = "RUN")]
    model: Option<PathBuf>,
    /// A folder of normal pictures, or the root of a data set laid out as MVTec AD: part of them sets the
    /// threshold, the others are trained on where there is no --model [default: the images of the run]
    #[arg(long, value_name = "DIR")]
    train: Option<PathBuf>,
    /// Pictures to judge, and folders of them, whose sub-folders are labels; or the root of such a data
    /// set [default: what is beside the pictures of --train there]
    #[arg(long, value_name = "IN", num_args = 1..)]
    test: Vec<PathBuf>,
    /// The folder to write to
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// The sub-folder of --test that holds normal pictures [default: good, normal or ok, if there is one]
    #[arg(long, value_name = "NAME")]
    normal: Option<String>,
    /// What is counted
    #[arg(long, value_enum, default_value_t)]
    score: Score,
    /// Draws of each picture's code [default: 16 for elbo, 100 for log-likelihood]
    #[arg(long, value_name = "N")]
    draws: Option<usize>,
    /// The share of normal pictures that may be flagged
    #[arg(long, value_name = "RATE", default_value_t = 0.05)]
    false_positive_rate: f64,
    /// The share of the normal pictures that sets the threshold [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    hold_out: Option<f64>,
    /// Decides which these are, and the training [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Leave out the heat maps
    #[arg(long)]
    no_heat_maps: bool,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print results only
    #[arg(short, long)]
    quiet: bool,
    /// Options from a TOML file, by their names here, which win over it; or a run's config.toml, to
    /// train that run again
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Go on with the training that was interrupted, from the model in the folder of --out
    #[arg(long, help_heading = "Training")]
    resume: bool,
    /// Train in the folder of --out even where that replaces another run, or files that are no run's
    #[arg(long, help_heading = "Training")]
    overwrite: bool,
    /// The model to train, where there is no --model [default: conv]
    #[arg(long, value_enum, help_heading = "Training")]
    variant: Option<Kind>,
    /// Bring pictures to this size, such as 64x48 (width x height)
    #[arg(long, value_name = "WxH", help_heading = "Training")]
    size: Option<String>,
    /// Learn parts of this size, such as 32x32, and judge pictures by all of their parts
    #[arg(long, value_name = "WxH", help_heading = "Training", conflicts_with = "size")]
    patches: Option<String>,
    /// Turn colour pictures gray
    #[arg(long, help_heading = "Training")]
    gray: bool,
    /// Passes over the normal pictures [default: the model's, 10]
    #[arg(long, value_name = "N", help_heading = "Training")]
    epochs: Option<u32>,
    /// Options of the model to train
    #[command(flatten, next_help_heading = "Model")]
    choices: Choices,
}

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
    save_all(args, &judged, &scores, threshold, maps)?;
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
    verdict.save(&args.out.join("anomaly.json"))?;
    say(format_args!("{}", verdict.summary()));
    if !args.quiet {
        say(format_args!("written to {}", args.out.display()));
    }
    Ok(())
}

/// Writes the scores and the heat maps, in the place of those of an earlier call.
fn save_all(
    args: &AnomalyArgs,
    judged: &Judged,
    scores: &[f64],
    threshold: f64,
    maps: Option<HeatMaps>,
) -> Result<()> {
    let table = args.out.join("scores.csv");
    let places = maps.as_ref().map_or(vec![], |maps| maps.places.clone());
    // In this order, whatever heat map lies there is named at any time, if the machine stops.
    placement::remove_stale(&args.out, &placement::named(&table), &places);
    table::save_scores(&table, judged, scores, threshold, &places)?;
    maps.map_or(Ok(()), |maps| maps.publish(&args.out))?;
    match placement::others(&args.out, &places) {
        0 => {}
        count => log::warn!(
            "{count} files among the heat maps in {} are not of this call; scores.csv names those \
             that are",
            args.out.display()
        ),
    }
    Ok(())
}

/// Says so where the threshold cannot keep its promise.
fn warn_of_few(count: usize, rate: f64) {
    if !are_enough(count, rate) {
        log::warn!(
            "{count} held-out normal pictures are too few for a false-positive rate of {rate}: \
             their greatest score is the threshold; {} would do",
            (1.0 / rate).ceil() as u64 - 1
        );
    }
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
    fn check(&self, training: &Training) -> Result<()> {
        let rate = self.false_positive_rate;
        if !(rate > 0.0 && rate < 1.0) {
            let what = format!("is {rate}; it must lie between 0 and 1, such as 0.05");
            return Err(Error::option("--false-positive-rate", what));
        }
        self.hold_out.map_or(Ok(()), check_held_out)?;
        if self.hold_out == Some(0.0) {
            let what = "is 0; the threshold is set by pictures that are held out";
            return Err(Error::option("--hold-out", what));
        }
        match self.draws {
            Some(_) if self.score == Score::Mse => {
                return Err(Error::option("--draws", "has no effect beside --score mse"));
            }
            Some(draws) if !(1..=1 << 20).contains(&draws) => {
                return Err(Error::option("--draws", "takes 1 to 1048576"));
            }
            _ => {}
        }
        if self.train.is_none() && self.hold_out.is_some() {
            let what = "has no effect without --train: the run held out its own images";
            return Err(Error::option("--hold-out", what));
        }
        if self.model.is_none() {
            if self.train.is_none() && training.args.settled.is_none() {
                return Err(no_pictures());
            }
            training.kind.check(&training.args.choices)?;
            return self.score.check(training.kind);
        }
        let mut given = self.choices.given();
        given.extend(self.variant.map(|_| "variant"));
        given.extend(self.size.as_ref().map(|_| "size"));
        given.extend(self.patches.as_ref().map(|_| "patches"));
        given.extend(self.resume.then_some("resume"));
        given.extend(self.overwrite.then_some("overwrite"));
        given.extend(training.args.settled.as_ref().map(|_| "config"));
        given.extend(self.epochs.map(|_| "epochs"));
        given.extend(self.gray.then_some("gray"));
        match given.first() {
            None => Ok(()),
            Some(name) => {
                let what = "has no effect beside --model, which is used as it is";
                Err(Error::option(format!("--{name}"), what))
            }
        }
    }

    fn seed(&self) -> Result<Seed> {
        let seed = self.seed.unwrap_or(0);
        match i64::try_from(seed) {
            Ok(_) => Ok(Seed(seed)),
            Err(_) => Err(Error::option("--seed", format!("takes 0 to {}", i64::MAX))),
        }
    }

    /// What a training would be, where there is one.
    fn training(&self) -> Result<Training> {
        let mut args = TrainArgs {
            size: self.size.clone(),
            patches: self.patches.clone(),
            gray: self.gray,
            hold_out: Some(self.hold_out.unwrap_or(HOLD_OUT)),
            epochs: self.epochs,
            seed: self.seed()?.0,
            device: self.device.clone(),
            out: Some(self.out.clone()),
            overwrite: self.overwrite,
            config: self.config.clone(),
            quiet: self.quiet,
            choices: self.choices.clone(),
            ..TrainArgs::default()
        };
        args.saving.resume = self.resume;
        let is_settled = self.config.as_deref().map(run::is_of_a_run).transpose()?;
        let variant = match is_settled {
            Some(true) => self.variant,
            _ => Some(self.variant.unwrap_or(Kind::Conv)),
        };
        let kind = run::settle(&mut args, variant)?;
        Ok(Training { args, kind })
    }

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

/// A training that may be needed.
struct Training {
    args: TrainArgs,
    kind: Kind,
}

fn no_pictures() -> Error {
    Error::option("--train", "is needed where there is no --model: a folder of normal pictures")
}
