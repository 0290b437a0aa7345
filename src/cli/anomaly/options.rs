//! The options of `diabolo anomaly`, and which of them go together.

use std::path::PathBuf;

use super::pictures::HOLD_OUT;
use crate::data::order::check_held_out;
use crate::error::{Error, Result};
use crate::models::{Choices, Kind};
use crate::rng::Seed;
use crate::run::{self, TrainArgs};
use crate::tasks::anomaly::Score;

/// The options of `diabolo anomaly`.
#[derive(Clone, Debug, clap::Args)]
pub struct AnomalyArgs {
    /// The folder of a finished run, whose model is used as it is; without one, a model is trained
    #[arg(short, long, value_name = "RUN")]
    pub(super) model: Option<PathBuf>,
    /// A folder of normal pictures, a file of numbers (.npy, .npz), or the root of a data set laid out as MVTec AD: part of them sets the
    /// threshold, the others are trained on where there is no --model [default: the images of the run]
    #[arg(long, value_name = "DIR")]
    pub(super) train: Option<PathBuf>,
    /// Pictures to judge, and folders of them, whose sub-folders are labels; or the root of such a data
    /// set [default: what is beside the pictures of --train there]
    #[arg(long, value_name = "IN", num_args = 1..)]
    pub(super) test: Vec<PathBuf>,
    /// The folder to write to
    #[arg(short, long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// The sub-folder of --test that holds normal pictures [default: good, normal or ok, if there is one]
    #[arg(long, value_name = "NAME")]
    pub(super) normal: Option<String>,
    /// What is counted
    #[arg(long, value_enum, default_value_t)]
    pub(super) score: Score,
    /// Draws of each picture's code [default: 16 for elbo, 100 for log-likelihood]
    #[arg(long, value_name = "N")]
    pub(super) draws: Option<usize>,
    /// The share of normal pictures that may be flagged
    #[arg(long, value_name = "RATE", default_value_t = 0.05)]
    pub(super) false_positive_rate: f64,
    /// The share of the normal pictures that sets the threshold [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    pub(super) hold_out: Option<f64>,
    /// Decides which these are, and the training [default: 0]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Leave out the heat maps
    #[arg(long)]
    pub(super) no_heat_maps: bool,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    pub(super) device: String,
    /// Print results only
    #[arg(short, long)]
    pub(super) quiet: bool,
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
    pub(super) variant: Option<Kind>,
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

impl AnomalyArgs {
    pub(super) fn check(&self, training: &Training) -> Result<()> {
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

    pub(super) fn seed(&self) -> Result<Seed> {
        let seed = self.seed.unwrap_or(0);
        match i64::try_from(seed) {
            Ok(_) => Ok(Seed(seed)),
            Err(_) => Err(Error::option("--seed", format!("takes 0 to {}", i64::MAX))),
        }
    }

    /// What a training would be, where there is one.
    pub(super) fn training(&self) -> Result<Training> {
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
}

/// A training that may be needed.
pub(super) struct Training {
    pub args: TrainArgs,
    pub kind: Kind,
}

fn no_pictures() -> Error {
    Error::option("--train", "is needed where there is no --model: a folder of normal pictures")
}
