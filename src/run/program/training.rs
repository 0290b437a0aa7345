//! A whole run: from the options of an example to the files in its folder.

use std::process::ExitCode;

use super::config_file::{command_line, settle};
use super::gallery::Gallery;
use super::images;
use super::interruption::Interruption;
use super::logging::start_logging;
use super::options::TrainArgs;
use super::place::Newcomer;
use super::ranks;
use super::session::Session;
use crate::data::{Dataset, ImageShape, Manifest, class_table};
use crate::error::{Error, Result, counted};
use crate::evaluate::{Assessment, Evaluation};
use crate::gpu::{DeviceChoice, DeviceChoices, Opened};
use crate::graph::{Executor, State, profile_table};
use crate::models::{Kind, Model, linear};
use crate::plot::{self, EpochLoss, loss_curves};
use crate::run::folder::RunFile;
use crate::run::metrics::{EpochMetrics, MetricsFile, Share};
use crate::run::profile::ProfileFile;
use crate::run::terminal::{exit_code, say};
use crate::tensor::Tensor;
use crate::train::{Config, Team, Trainer};

/// The main function of a training example: parses the command line, trains a model of this kind,
/// by its recipe unless told otherwise, and writes the run folder. Errors are one line on standard
/// error; exit code 2 for options that make no sense, else 1.
pub fn main(kind: Kind) -> ExitCode {
    start_logging();
    let args = command_line::<TrainArgs>(std::env::args_os().collect());
    exit_code(args.and_then(|mut args| {
        settle(&mut args, Some(kind))?;
        run_interruptibly(&args, kind)
    }))
}

/// Trains a model of this kind as `args` say, and stops in good order when SIGINT (Ctrl-C) or
/// SIGTERM comes: for a program's main function, since it listens from then on.
///
/// # Errors
/// As [`run_until`].
pub fn run_interruptibly(args: &TrainArgs, kind: Kind) -> Result<()> {
    run_until(args, kind, &Interruption::listen()?)
}

/// Trains a model of this kind as `args` say.
///
/// # Errors
/// As [`run_until`], but that nothing interrupts it.
pub fn run(args: &TrainArgs, kind: Kind) -> Result<()> {
    run_until(args, kind, &Interruption::default())
}

/// Trains a model of this kind as `args` say, until someone asks `stop` to interrupt it.
///
/// # Errors
/// When an option makes no sense, images cannot be read, another process writes to the run folder,
/// it cannot be written, the device fails, the loss is no number, or the run was interrupted; what
/// was saved before stays whole.
pub fn run_until(args: &TrainArgs, kind: Kind, stop: &Interruption) -> Result<()> {
    if args.verbose {
        log::set_max_level(log::max_level().max(log::LevelFilter::Info));
    }
    match args.mpi {
        false => train(args, kind, stop, None),
        true => ranks::together(|team| match team.leads() {
            true => train(args, kind, stop, Some(team)),
            false => follow(args, kind, stop, team),
        }),
    }
}

/// Trains, with the other processes of the `team` that this one leads, if there is one.
fn train(args: &TrainArgs, kind: Kind, stop: &Interruption, team: Option<&Team>) -> Result<()> {
    let tell = |line: std::fmt::Arguments| match args.quiet {
        true => {}
        false => say(line),
    };
    let choices = devices(args, team)?;
    args.check(kind)?;
    let (dataset, config) =
        images::load(args, kind, |known| team.map_or(Ok(()), |team| team.tell_all(&known)))?;
    let name = format!("{}-{}", config.model.name(), dataset.name);
    // Options that cannot be stored must not train.
    config.to_toml()?;
    let data = dataset.digest()?;
    if let Some(team) = team {
        ranks::agree(team, &config, &data)?;
        ranks::note_idle(team, config.shards);
    }
    let newcomer = Newcomer { args, config: &config, digest: &data };
    let (place, claim) = newcomer.claim(&name)?;
    let folder = &claim.folder;
    place.remarks.iter().for_each(|remark| say(format_args!("note: {remark}")));
    let (mut opened, helpers) = open(&choices, stop, &tell)?;
    tell_of(&dataset, &config.model, &tell);
    if args.profile {
        opened.executor.set_profiling(true)?;
    }
    let device = if opened.executor.target().is_some() { "gpu" } else { "cpu" };
    let lead_name = opened.executor.name();
    let own: Vec<String> = helpers.iter().map(|helper| helper.name()).collect();
    let from = place.checkpoint.as_deref();
    let mut trainer = trainer(opened.executor.as_mut(), helpers, team, &config, &dataset)?;
    let others = trainer.shares().into_iter().skip(1 + own.len()).map(|(name, _)| name);
    let others: Vec<String> = others.collect();
    others.iter().for_each(|name| tell(format_args!("device: {name}")));
    let names: Vec<String> = [lead_name.clone()].into_iter().chain(own).chain(others).collect();
    if from.is_none() {
        trainer.begin()?;
    }
    let mut session = Session::begin(trainer, (&dataset, data), folder, from, args)?;
    stop.guarded(|| session.train(stop))?;
    for Share { device, shards } in session.trainer.shares().into_iter().map(Share::from) {
        tell(format_args!("shards: {shards} by {device}"));
    }
    session.finish(device, &names.join(" + "), &opened.choice)?;
    if args.profile {
        let rows = opened.executor.profile()?;
        ProfileFile::new(&lead_name, &rows).save(&folder.file(RunFile::Profile))?;
        say(format_args!("{}", profile_table(&rows).trim_end()));
    }
    tell(format_args!("written to {}", folder.path().display()));
    Ok(())
}

/// Computes what the leading process of the team tells, until the training is over. Prints and writes nothing.
fn follow(args: &TrainArgs, kind: Kind, stop: &Interruption, team: &Team) -> Result<()> {
    let choices = devices(args, Some(team))?;
    args.check(kind)?;
    let known: Option<Manifest> = team.hear(0)?;
    let args = TrainArgs { quiet: true, ..args.clone() };
    let load = || images::load_known(&args, kind, known.as_ref());
    let (dataset, config) = ranks::without_warnings(load)?;
    ranks::agree(team, &config, &dataset.digest()?)?;
    let (mut opened, helpers) = open(&choices, stop, &|_| {})?;
    let lead = opened.executor.as_mut();
    let mut trainer = trainer(lead, helpers, Some(team), &config, &dataset)?;
    stop.guarded(|| trainer.follow())
}

/// The devices that are asked for, as this process of the team has them.
fn devices(args: &TrainArgs, team: Option<&Team>) -> Result<DeviceChoices> {
    let neighbour = team.map(ranks::meet).transpose()?;
    let choices: DeviceChoices = args.device.parse()?;
    Ok(neighbour.map_or(choices.clone(), |number| choices.of_process(number)))
}

/// Opens the devices: the one that leads, and its helpers.
fn open(
    choices: &DeviceChoices,
    stop: &Interruption,
    tell: &dyn Fn(std::fmt::Arguments),
) -> Result<(Opened, Vec<Box<dyn Executor>>)> {
    let mut devices = choices.open()?;
    for Opened { executor, reason, .. } in &mut devices {
        executor.heed(stop.flag());
        tell(format_args!("device: {} ({reason})", executor.name()));
    }
    let mut devices = devices.into_iter();
    let lead = devices.next().expect("there is a device, or an error");
    Ok((lead, devices.map(|device| device.executor).collect()))
}

/// The training, as one process of the team, if there is one.
fn trainer<'a>(
    lead: &'a mut dyn Executor,
    helpers: Vec<Box<dyn Executor>>,
    team: Option<&Team>,
    config: &'a Config,
    dataset: &'a Dataset,
) -> Result<Trainer<'a>> {
    match team {
        Some(team) => Trainer::in_team(lead, helpers, team.clone(), config, dataset),
        None => Trainer::with_helpers(lead, helpers, config, dataset),
    }
}

/// Says what is trained on.
fn tell_of(dataset: &Dataset, model: &Model, tell: &dyn Fn(std::fmt::Arguments)) {
    tell(format_args!(
        "data: {}, {} to train on, {} held out",
        dataset.name,
        dataset.in_words(dataset.train.count),
        if dataset.trains_on_all { 0 } else { dataset.test.count }
    ));
    if dataset.trains_on_all {
        let count =
            counted(dataset.test.count, if dataset.is_of_vectors() { "vector" } else { "image" });
        say(format_args!(
            "note: nothing is held out, so what is called held out below is measured on {count} that the \
             model trains on"
        ));
    }
    if model.is_conditional() {
        tell(format_args!("labels: {}", class_table(&dataset.classes)));
    }
}

impl Session<'_> {
    /// What is known right after training, so that it is kept whatever happens then.
    fn metrics(&self, device: &str, adapter: &str, test: &Evaluation) -> MetricsFile {
        // Of some epochs it may not be known how long they took.
        let known = self.history.iter().map(|epoch| epoch.seconds).filter(|it| it.is_finite());
        let (epochs, seconds) = known.fold((0, 0.0), |(count, sum), it| (count + 1, sum + it));
        let images = self.dataset.train.count * epochs;
        MetricsFile {
            device: device.into(),
            adapter: adapter.into(),
            epochs: self.history.clone(),
            test: test.0.clone(),
            parameters: self.trainer.layout().parameters() as u64,
            planned_bytes: self.trainer.planned_bytes(),
            images_per_second: images as f64 / seconds,
            shares: self.trainer.shares().into_iter().map(Share::from).collect(),
            ..MetricsFile::new(self.config.model.unit())
        }
    }

    /// Measures the finished model, and writes what was measured and drawn.
    fn finish(&mut self, device: &str, adapter: &str, choice: &DeviceChoice) -> Result<()> {
        let test = match self.last.take() {
            Some(report) => report.test,
            None => self.trainer.evaluate()?,
        };
        let (config, dataset, folder) = (self.config, self.dataset, self.folder);
        let unit = config.model.unit();
        let mut metrics = self.metrics(device, adapter, &test);
        folder.write_text(RunFile::Config, &config.to_toml()?)?;
        metrics.save(&folder.file(RunFile::Metrics))?;
        let save = |file, picture| plot::save_png(&folder.file(file), &picture);
        let loss = |epoch: &EpochMetrics| EpochLoss {
            epoch: epoch.epoch,
            train: epoch.train_loss,
            test: epoch.test_loss,
        };
        let losses: Vec<EpochLoss> = self.history.iter().map(loss).collect();
        save(RunFile::Loss, loss_curves(&losses, unit)?)?;
        let state = self.trainer.state()?;
        self.trainer.end()?;
        if !dataset.is_of_vectors() {
            let filters = first_filters(&state, &config.model)?;
            save(RunFile::Filters, plot::filters(&filters, config.model.images())?)?;
        }
        let mut inference = self.trainer.inference();
        let assessment =
            Assessment::new(&config.subject(), dataset, &mut inference, &test, choice)?;
        let watch = &self.watch;
        let said_last = assessment.warnings.iter().filter(|found| !watch.has_said(found.trouble));
        metrics.test.clone_from(&assessment.test);
        metrics.kl_per_dimension.clone_from(&assessment.divergences);
        metrics.save(&folder.file(RunFile::Metrics))?;
        say(format_args!("held out: loss {:.5} {unit}", test.loss()));
        // What linear codes come to stands behind the model's own error.
        let is_own = |name: &&String| !matches!(name.as_str(), "pca_mse" | "mean_mse");
        for name in assessment.test.keys().filter(is_own) {
            say(format_args!("  {name:<20} {}", assessment.value(name)));
        }
        for warning in said_last {
            say(format_args!("warning: {warning}"));
        }
        drop(inference);
        let places = self.prior(choice, &mut metrics)?;
        let (assessment, inference) = (&assessment, &mut self.trainer.inference());
        let state = &state;
        Gallery { config, dataset, assessment, inference, folder, state, places }.draw()
    }
}

/// The first layer's weights as small images, `[filters, channels, height, width]`.
fn first_filters(state: &State, model: &Model) -> Result<Tensor> {
    let is_first = |name: &str| name.starts_with("encoder.") && name.ends_with(".weight");
    // Beside layers, a linear path shows nothing but principal components.
    let is_path = |name: &str| name.starts_with(linear::ENCODER);
    let layers = || state.tensors().filter(|(name, ..)| is_first(name));
    let found = layers().find(|(name, ..)| !is_path(name)).or_else(|| layers().next());
    let (_, shape, values) =
        found.ok_or_else(|| Error::Graph("the encoder has no layer with weights".into()))?;
    let image = model.images();
    let ImageShape { channels, height, width } = image;
    // Weights of labels follow those of pixels.
    let (kernel, inputs, own) = match shape[..] {
        [units, inputs] => ([units, channels, height, width], inputs, image.elements()),
        [units, inputs, rows, columns] => {
            let field = rows * columns;
            ([units, channels, rows, columns], inputs * field, channels * field)
        }
        _ => return Err(Error::shape("filters", "the first layer has no filters", &[shape])),
    };
    let rows = values.chunks(inputs).flat_map(|row| &row[..own]);
    Tensor::new(kernel, rows.copied().collect())
}
