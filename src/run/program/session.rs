//! A run under way: training, with checkpoints on the way and an answer to what goes wrong.

use std::path::{Path, PathBuf};

use super::interruption::Interruption;
use super::options::{OnNan, TrainArgs};
use super::progress::Progress;
use super::saving::{self, Keeper, Schedule};
use super::tensorboard::EventFile;
use crate::data::{Dataset, Manifest};
use crate::error::{Error, Result};
use crate::graph::{Bytes, State};
use crate::run::checkpoint::{Checkpoint, Header};
use crate::run::folder::{RunFile, RunFolder};
use crate::run::metrics::EpochMetrics;
use crate::run::terminal::say;
use crate::run::times::Times;
use crate::train::{
    Adaptation, Advance, CollapseWatch, Config, EpochReport, Fault, Listener, Position, Trainer,
};

#[cfg(test)]
mod tests;

/// How often a run goes back to its last checkpoint before it gives up.
const MOST_HALVINGS: u32 = 10;

/// A run under way.
pub(super) struct Session<'a> {
    pub trainer: Trainer<'a>,
    pub config: &'a Config,
    pub dataset: &'a Dataset,
    pub folder: &'a RunFolder,
    pub history: Vec<EpochMetrics>,
    /// The last epoch, if this process has trained it.
    pub last: Option<EpochReport>,
    /// What goes wrong on the way.
    pub watch: CollapseWatch<'a>,
    args: &'a TrainArgs,
    /// The digest of the dataset.
    data: String,
    keeper: Keeper<'a>,
    schedule: Schedule,
    /// Whether it goes on from a checkpoint.
    goes_on: bool,
    /// Whether what is in the folder is this run's, as it stands.
    is_settled: bool,
    /// What TensorBoard reads, once there is a checkpoint; and what is to be added then, by epoch.
    events: Option<EventFile>,
    noted: Vec<(u64, Vec<(String, f64)>)>,
}

impl<'a> Session<'a> {
    /// Takes the trainer to where the run begins, or goes on from the checkpoint at `from`. `data` is the
    /// digest of the dataset. Nothing of an earlier run is touched before there is something to save.
    pub fn begin(
        trainer: Trainer<'a>,
        (dataset, data): (&'a Dataset, String),
        folder: &'a RunFolder,
        from: Option<&Path>,
        args: &'a TrainArgs,
    ) -> Result<Self> {
        let config = trainer.config();
        let keeper = Keeper::new(folder, args.saving.keep);
        let schedule = Schedule::new(args.saving.save_every);
        let mut this = Self {
            trainer,
            config,
            dataset,
            folder,
            history: vec![],
            last: None,
            watch: CollapseWatch::new(dataset),
            args,
            data,
            keeper,
            schedule,
            goes_on: from.is_some(),
            is_settled: false,
            events: None,
            noted: vec![],
        };
        if let Some(path) = from {
            this.go_on(path)?;
        }
        this.tell(format_args!(
            "model: {}, {} parameters, {} planned a step",
            config.model.name(),
            this.trainer.layout().parameters(),
            Bytes(this.trainer.planned_bytes())
        ));
        Ok(this)
    }

    /// Prints what is no result.
    pub fn tell(&self, line: std::fmt::Arguments) {
        if !self.args.quiet {
            say(line);
        }
    }

    /// Whether a prior of places was asked for.
    pub fn trains_prior(&self) -> bool {
        self.args.prior
    }

    /// Takes up the run that the checkpoint at `path` is of.
    fn go_on(&mut self, path: &Path) -> Result<()> {
        let (state, position) = self.restore(path)?;
        let step = position.step;
        self.trainer.resume(&state, position).map_err(|error| {
            Error::file(path, format!("does not fit the images of this run: {error}"))
        })?;
        self.keeper.resume(path, step.into(), best(&self.history));
        let Position { epoch, part, .. } = self.trainer.position();
        match (*epoch == self.config.epochs, part.steps) {
            (true, _) => {
                self.tell(format_args!("all {epoch} epochs are done; measuring once more"))
            }
            (false, 0) => self.tell(format_args!("going on after epoch {epoch}")),
            (false, steps) => {
                let of = self.trainer.steps_an_epoch();
                let epoch = epoch + 1;
                self.tell(format_args!("going on after step {steps} of {of} of epoch {epoch}"));
            }
        }
        Ok(())
    }

    /// The state and the position in the checkpoint at `path`; takes over its history.
    fn restore(&mut self, path: &Path) -> Result<(State, Position)> {
        let Checkpoint { state, header } = saving::load(path, self.trainer.layout(), self.folder)?;
        let [epoch, step] = [header.epoch, header.step].map(u32::try_from);
        let (Ok(epoch), Ok(step)) = (epoch, step) else {
            return Err(Error::file(path, "counts more steps than there can be; it is damaged"));
        };
        if epoch > self.config.epochs || (epoch == self.config.epochs && header.part.steps > 0) {
            let what = format!("the model has had {epoch} epochs already; ask for more");
            return Err(Error::option("--epochs", what));
        }
        self.history = serde_json::from_str(&header.history)
            .map_err(|error| Error::file(path, format!("holds a damaged history: {error}")))?;
        let adaptation = self.history.last().and_then(|epoch| epoch.adaptation);
        let Header { mut part, halvings, .. } = header;
        Times::beside(path).fill(&mut self.history, &mut part);
        Ok((state, Position { step, epoch, part, adaptation, halvings }))
    }

    /// Trains to the end, or until `stop` is wanted.
    ///
    /// # Errors
    /// When the device fails, the loss is no number, a checkpoint cannot be written, or the run was
    /// interrupted. The last checkpoint is whole in each case, and the error says where it is.
    pub fn train(&mut self, stop: &Interruption) -> Result<()> {
        let images = self.dataset.train.count as u64;
        let mut progress = match self.args.quiet {
            true => Progress::hidden(),
            false => Progress::new(self.config.model.unit()),
        };
        let mut shown = None;
        while self.trainer.epoch() < self.config.epochs {
            let Position { step, epoch, part, .. } = self.trainer.position();
            let (step, number) = (*step, epoch + 1);
            if shown.replace(number) != Some(number) {
                progress.epoch(number.into(), self.config.epochs.into(), images);
                progress.skip(part.images() as u64);
            }
            let mut watch = Watch { progress: &mut progress, schedule: &self.schedule, stop };
            let most = self.schedule.steps_left(step);
            let advance = self.trainer.advance(most, &mut watch);
            let ended = match advance.map_err(|error| self.with_last(error))? {
                Advance::Paused => None,
                Advance::Epoch(report) => {
                    progress.finish_epoch(report.train_loss, report.test.loss(), report.seconds);
                    Some(*report)
                }
                Advance::NotFinite(fault) => {
                    self.answer(fault)?;
                    shown = None;
                    continue;
                }
            };
            let has_ended = ended.is_some();
            if let Some(fault) = self.keep(ended, stop.is_wanted())? {
                self.answer(fault)?;
                shown = None;
            } else if stop.is_wanted() {
                self.trainer.end()?;
                return Err(self.interrupted());
            } else if has_ended {
                self.look()?;
            }
        }
        Ok(())
    }

    /// Takes note of an epoch that ended, and writes the checkpoints that are due; or says that
    /// there is nothing to keep.
    fn keep(&mut self, ended: Option<EpochReport>, stops: bool) -> Result<Option<Fault>> {
        let loss = ended.as_ref().map(|report| report.test.loss());
        let improved = loss.filter(|loss| self.keeper.is_best(*loss));
        let (epoch, step) = (self.trainer.epoch(), self.trainer.step());
        let due =
            stops || epoch == self.config.epochs || self.schedule.is_due(step, ended.is_some());
        if let Some(report) = ended {
            self.note(report)?;
        }
        if !due && improved.is_none() {
            return Ok(None);
        }
        let state = self.trainer.state().map_err(|error| self.with_last(error))?;
        if state.not_finite().is_some() {
            return Ok(Some(Fault { step, loss: None }));
        }
        let checkpoint = self.checkpoint(state)?;
        self.make_way(&checkpoint).map_err(|error| self.with_last(error))?;
        if let Some(loss) = improved {
            let saved = self.keeper.save_best(&checkpoint, loss, due);
            saved.map_err(|error| self.with_last(error))?;
        }
        if due {
            self.keeper.save(&checkpoint).map_err(|error| self.with_last(error))?;
            let times = Times::of(&self.history, &self.trainer.position().part);
            times.save(self.folder).map_err(|error| self.with_last(error))?;
            self.schedule.saved();
        }
        self.settle(&checkpoint)?;
        Ok(None)
    }

    /// Before the first checkpoint: lets what is in the folder go that is another model's.
    fn make_way(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        match (self.is_settled, self.goes_on) {
            (true, _) => Ok(()),
            (false, true) => self.folder.go_on_with(checkpoint),
            (false, false) if self.folder.holds_files() => self.folder.begin_with(checkpoint),
            (false, false) => Ok(()),
        }
    }

    /// After a checkpoint: writes what belongs to it.
    fn settle(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        if !self.is_settled {
            self.folder.write_text(RunFile::Config, &checkpoint.header.config)?;
            let manifest = Manifest::of(self.dataset, self.data.clone());
            self.folder.write_text(RunFile::Manifest, &manifest.to_json()?)?;
            self.is_settled = true;
        }
        for (epoch, scalars) in std::mem::take(&mut self.noted) {
            if self.events.is_none() {
                self.events = Some(EventFile::create(self.folder.path(), epoch)?);
            }
            self.events.iter_mut().try_for_each(|events| events.add(epoch, &scalars))?;
        }
        Ok(())
    }

    /// Says what is wrong with the model after an epoch, once it is saved.
    fn look(&mut self) -> Result<()> {
        let Some(report) = &self.last else { return Ok(()) };
        let found = self.watch.look(&mut self.trainer, report);
        for finding in found.map_err(|error| self.with_last(error))? {
            say(format_args!("warning: epoch {}: {finding}", self.trainer.epoch()));
        }
        Ok(())
    }

    fn note(&mut self, report: EpochReport) -> Result<()> {
        if let Some(Adaptation { weight, activity }) = report.adaptation {
            self.tell(format_args!("  penalty {weight:.3e}: {:.1}% active", 100.0 * activity));
        }
        self.history.push(EpochMetrics::from(&report));
        if self.args.tensorboard {
            let speed = self.dataset.train.count as f64 / report.seconds;
            let halved = 0.5_f32.powi(self.trainer.position().halvings as i32);
            let rate = self.config.rate_at(report.epoch, self.trainer.steps_an_epoch()) * halved;
            self.noted.push((report.epoch.into(), scalars(&report, rate, speed)));
        }
        self.last = Some(report);
        Ok(())
    }

    fn checkpoint(&self, state: State) -> Result<Checkpoint> {
        Checkpoint::of(&self.trainer, state, &self.history, Some(self.data.clone()))
    }

    /// Finds where a fault came from; then stops, or goes back as was asked for.
    fn answer(&mut self, fault: Fault) -> Result<()> {
        let halvings = self.trainer.position().halvings;
        let newest = self.keeper.newest().map(|(path, _)| path.to_path_buf());
        let (state, position) = self.last_good(newest.as_deref(), halvings)?;
        let found = self.trainer.find_fault(&state, &position, fault)?;
        let origin = match found {
            Some((step, finding)) => format!("first, in step {step}, {finding}"),
            None => "it did not come about again in the same steps".into(),
        };
        let what = format!("{}; {origin}", fault.describe());
        let rolls_back = self.args.saving.on_nan == OnNan::Rollback;
        if !rolls_back || halvings >= MOST_HALVINGS {
            let last = self.last_checkpoint();
            let advice = match rolls_back {
                true => "halving the learning rate 10 times has not helped: use a lower --lr",
                false => "use a lower --lr, or --on-nan rollback",
            };
            return Err(Error::NotFinite(format!("{what}; {last}; {advice}")));
        }
        let (epoch, step) = (position.epoch, position.step);
        self.trainer.resume(&state, Position { halvings: halvings + 1, ..position })?;
        self.history.truncate(epoch as usize);
        self.noted.retain(|(noted, _)| *noted <= epoch.into());
        self.last = None;
        self.keeper.go_back(step.into(), best(&self.history));
        let factor = 2_u32.pow(halvings + 1);
        self.tell(format_args!(
            "{what}; back to step {step}, with the learning rate divided by {factor}"
        ));
        Ok(())
    }

    /// The state of the newest checkpoint, or of the run's beginning, at the learning rate now used.
    fn last_good(&mut self, newest: Option<&Path>, halvings: u32) -> Result<(State, Position)> {
        let (state, position) = match newest {
            Some(path) => self.restore(path)?,
            None => (self.trainer.beginning()?, Position::default()),
        };
        Ok((state, Position { halvings, ..position }))
    }

    fn last_checkpoint(&self) -> String {
        match self.keeper.newest() {
            Some((path, step)) => {
                format!("the last checkpoint is {}, at step {step}", path.display())
            }
            None => "there is no checkpoint yet".into(),
        }
    }

    /// Lets an error say what is left of the run.
    fn with_last(&self, error: Error) -> Error {
        let last = match self.keeper.newest() {
            Some(_) => format!("{}, and --resume goes on from it", self.last_checkpoint()),
            None => self.last_checkpoint(),
        };
        match error {
            Error::Gpu(what) => Error::Gpu(format!("{what}; {last}")),
            Error::Memory(what) => Error::Memory(format!("{what}; {last}")),
            Error::File { path, what } => Error::file(path, format!("{what}; {last}")),
            Error::Interrupted(what) => Error::Interrupted(format!("{what}; {last}")),
            Error::Rank { what, code } => Error::Rank { what: format!("{what}; {last}"), code },
            other => other,
        }
    }

    fn interrupted(&self) -> Error {
        let model: PathBuf = self.folder.file(RunFile::Model);
        let (step, model) = (self.trainer.step(), model.display());
        Error::Interrupted(format!(
            "interrupted after step {step}; saved to {model}: the same command with --resume goes \
             on from there"
        ))
    }
}

/// An epoch's curves by name, for TensorBoard.
fn scalars(report: &EpochReport, rate: f32, images_per_second: f64) -> Vec<(String, f64)> {
    let mut scalars = vec![
        ("loss/train".to_owned(), report.train_loss),
        ("loss/test".to_owned(), report.test.loss()),
        ("learning_rate".to_owned(), rate.into()),
        ("images_per_second".to_owned(), images_per_second),
    ];
    let measures = report.test.0.iter().filter(|(name, _)| *name != "loss");
    scalars.extend(measures.map(|(name, value)| (format!("test/{name}"), *value)));
    if let Some(Adaptation { weight, activity }) = report.adaptation {
        scalars.push(("penalty/weight".to_owned(), weight.into()));
        scalars.push(("penalty/activity".to_owned(), activity.into()));
    }
    scalars
}

/// The lowest held-out loss of these epochs.
fn best(history: &[EpochMetrics]) -> Option<f64> {
    let losses = history.iter().map(|epoch| epoch.test_loss).filter(|loss| !loss.is_nan());
    losses.min_by(f64::total_cmp)
}

/// Hands the trainer's news to the progress display, and asks it to pause where that is due.
struct Watch<'a> {
    progress: &'a mut Progress,
    schedule: &'a Schedule,
    stop: &'a Interruption,
}

impl Listener for Watch<'_> {
    fn advanced(&mut self, images: usize, loss: f64) {
        self.progress.advance(images as u64, Some(loss));
    }

    fn pauses(&mut self) -> bool {
        self.stop.is_wanted() || self.schedule.time_is_up()
    }
}
