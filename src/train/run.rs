//! A whole run: from the options of an example to the files in its folder.

use std::io::{self, Write};
use std::process::ExitCode;

use super::assessment::Assessment;
use super::checkpoint::{self, Checkpoint, Header};
use super::config_file::{command_line, settle};
use super::curves::loss_curves;
use super::evaluation::Evaluation;
use super::gallery::Gallery;
use super::metrics_file::{EpochMetrics, MetricsFile};
use super::options::{Config, TrainArgs};
use super::pictures;
use super::profile_file::ProfileFile;
use super::progress::Progress;
use super::run_folder::{RunFile, RunFolder};
use super::run_lock::RunLock;
use super::tensorboard::EventFile;
use super::trainer::{Adaptation, EpochReport, Listener, Trainer};
use crate::data::{Dataset, ImageShape};
use crate::error::{Error, Result};
use crate::gpu::{self, DeviceChoice};
use crate::graph::{Bytes, State, profile_table};
use crate::models::{Kind, Model};
use crate::rng::Seed;
use crate::tensor::Tensor;

/// The main function of a training example: parses the command line, trains a model of this kind,
/// by its recipe unless told otherwise, and writes the run folder. Errors are one line on standard
/// error; exit code 2 for options that make no sense, else 1.
pub fn main(kind: Kind) -> ExitCode {
    start_logging();
    let args = command_line::<TrainArgs>(std::env::args_os().collect());
    exit_code(args.and_then(|mut args| {
        settle(&mut args, Some(kind))?;
        run(&args, kind)
    }))
}

/// Logs warnings to standard error, or what the `RUST_LOG` variable asks for. Drivers that fail to
/// load are no news on their own: an adapter that is missed is an error of its own.
pub fn start_logging() {
    let filter = env_logger::Env::default().default_filter_or("warn,wgpu_hal=off,wgpu_core=error");
    env_logger::Builder::from_env(filter).init();
}

/// Prints a line of results. A reader that has gone away, such as `head`, is no reason to stop.
pub fn say(line: std::fmt::Arguments) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints the error, if there is one, and says how the program should exit.
pub fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(if matches!(error, Error::Option { .. }) { 2 } else { 1 })
        }
    }
}

/// Trains a model of this kind as `args` say.
///
/// # Errors
/// When an option makes no sense, images cannot be read, the device fails, the loss is no number,
/// or the run folder cannot be written.
pub fn run(args: &TrainArgs, kind: Kind) -> Result<()> {
    let choice: DeviceChoice = args.device.parse()?;
    kind.check(&args.choices)?;
    let dataset = args.load()?;
    let config = args.config(&dataset, kind)?;
    let name = format!("{}-{}", config.model.name(), dataset.name);
    let folder =
        RunFolder::create(args.out.clone().unwrap_or_else(|| format!("runs/{name}").into()))?;
    let _lock = RunLock::take(folder.path())?;
    let mut opened = gpu::open(&choice)?;
    let adapter = opened.executor.name();
    say(format_args!("device: {adapter} ({})", opened.reason));
    say(format_args!(
        "data: {}, {} images of {} to train on, {} held out",
        dataset.name, dataset.train.count, dataset.shape, dataset.test.count
    ));
    if args.profile {
        opened.executor.set_profiling(true)?;
    }
    let device = if opened.executor.target().is_some() { "gpu" } else { "cpu" };
    let trainer = Trainer::new(opened.executor.as_mut(), &config, &dataset)?;
    let mut session = Session::begin(trainer, &config, &dataset, &folder, args.resume)?;
    session.train(args.tensorboard)?;
    session.finish(device, &adapter, &choice)?;
    if args.profile {
        let rows = opened.executor.profile()?;
        ProfileFile::new(&adapter, &rows).save(&folder.file(RunFile::Profile))?;
        say(format_args!("{}", profile_table(&rows).trim_end()));
    }
    say(format_args!("written to {}", folder.path().display()));
    Ok(())
}

/// A run under way.
struct Session<'a> {
    trainer: Trainer<'a>,
    config: &'a Config,
    dataset: &'a Dataset,
    folder: &'a RunFolder,
    history: Vec<EpochMetrics>,
    last: Option<EpochReport>,
}

impl<'a> Session<'a> {
    fn begin(
        mut trainer: Trainer<'a>,
        config: &'a Config,
        dataset: &'a Dataset,
        folder: &'a RunFolder,
        resume: bool,
    ) -> Result<Self> {
        let mut history = vec![];
        if resume {
            history = continue_run(&mut trainer, config, folder)?;
        }
        let layout = trainer.layout();
        say(format_args!(
            "model: {}, {} parameters, {} planned a step",
            config.model.name(),
            layout.parameters(),
            Bytes(trainer.planned_bytes())
        ));
        folder.write_text(RunFile::Config, &config.to_toml()?)?;
        Ok(Self { trainer, config, dataset, folder, history, last: None })
    }

    /// Trains the epochs that are left, and writes events of them if `with_events`.
    fn train(&mut self, with_events: bool) -> Result<()> {
        let images = self.dataset.train.count as u64;
        let first = self.trainer.epoch() + 1;
        let mut events = match with_events && first <= self.config.epochs {
            true => Some(EventFile::create(self.folder.path(), first.into())?),
            false => None,
        };
        let mut progress = Progress::new(self.config.model.unit());
        for epoch in first..=self.config.epochs {
            progress.epoch(epoch.into(), self.config.epochs.into(), images);
            let report = self.trainer.epoch_of_training(&mut Watch(&mut progress))?;
            progress.finish_epoch(report.train_loss, report.test.loss(), report.seconds);
            if let Some(Adaptation { weight, activity }) = report.adaptation {
                say(format_args!("  penalty {weight:.3e}: {:.1}% active", 100.0 * activity));
            }
            self.history.push(EpochMetrics {
                epoch: epoch.into(),
                train_loss: report.train_loss,
                test_loss: report.test.loss(),
                seconds: report.seconds,
                adaptation: report.adaptation,
            });
            self.save()?;
            if let Some(events) = &mut events {
                let speed = images as f64 / report.seconds;
                events.add(epoch.into(), &scalars(&report, self.config.rate_at(epoch), speed))?;
            }
            self.last = Some(report);
        }
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        let history = serde_json::to_string(&self.history)
            .map_err(|error| Error::Graph(format!("the history has no JSON: {error}")))?;
        let header = Header {
            step: self.trainer.step().into(),
            epoch: self.trainer.epoch().into(),
            seed: Seed(self.config.seed),
            config: self.config.to_toml()?,
            model: self.config.model.name().into(),
            history,
        };
        let state = self.trainer.state()?;
        checkpoint::save(&self.folder.file(RunFile::Model), &Checkpoint { state, header })
    }

    /// What is known right after training, so that it is kept whatever happens then.
    fn metrics(&self, device: &str, adapter: &str, test: &Evaluation) -> MetricsFile {
        let images = self.dataset.train.count * self.history.len();
        let seconds: f64 = self.history.iter().map(|epoch| epoch.seconds).sum();
        MetricsFile {
            device: device.into(),
            adapter: adapter.into(),
            epochs: self.history.clone(),
            test: test.0.clone(),
            parameters: self.trainer.layout().parameters() as u64,
            planned_bytes: self.trainer.planned_bytes(),
            images_per_second: images as f64 / seconds,
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
        metrics.save(&folder.file(RunFile::Metrics))?;
        let save = |file, picture| pictures::save_png(&folder.file(file), &picture);
        save(RunFile::Loss, loss_curves(&self.history, unit)?)?;
        let filters = first_filters(&self.trainer.state()?, &config.model)?;
        save(RunFile::Filters, pictures::filters(&filters, config.model.images())?)?;
        let mut inference = self.trainer.inference();
        let assessment = Assessment::new(config, dataset, &mut inference, &test, choice)?;
        metrics.test.clone_from(&assessment.test);
        metrics.kl_per_dimension.clone_from(&assessment.divergences);
        metrics.save(&folder.file(RunFile::Metrics))?;
        say(format_args!("held out: loss {:.5} {unit}", test.loss()));
        for (name, value) in &assessment.test {
            say(format_args!("  {name:<20} {value:.5}"));
        }
        for warning in &assessment.warnings {
            say(format_args!("warning: {warning}"));
        }
        let (assessment, inference) = (&assessment, &mut inference);
        Gallery { config, dataset, assessment, inference, folder }.draw()
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

/// The first layer's weights as small images, `[filters, channels, height, width]`.
fn first_filters(state: &State, model: &Model) -> Result<Tensor> {
    let is_first = |name: &str| name.starts_with("encoder.") && name.ends_with(".weight");
    let found = state.tensors().find(|(name, ..)| is_first(name));
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

/// Takes the trainer to where the run folder's model stands; the epochs so far.
fn continue_run(
    trainer: &mut Trainer,
    config: &Config,
    folder: &RunFolder,
) -> Result<Vec<EpochMetrics>> {
    let path = folder.file(RunFile::Model);
    let Checkpoint { state, header } = checkpoint::load(&path, trainer.layout())?;
    if !config.continues(&Config::from_toml(&header.config, &path)?) {
        let what = "was trained with other options (or, under --schedule cosine, for another number \
                    of epochs); give the same ones, or leave --resume out";
        return Err(Error::file(&path, what));
    }
    let [epoch, step] = [header.epoch, header.step].map(u32::try_from);
    let (Ok(epoch), Ok(step)) = (epoch, step) else {
        return Err(Error::file(&path, "counts more steps than there can be; it is damaged"));
    };
    if epoch > config.epochs {
        let what = format!("the model has had {epoch} epochs already; ask for more");
        return Err(Error::option("--epochs", what));
    }
    let history: Vec<EpochMetrics> = serde_json::from_str(&header.history)
        .map_err(|error| Error::file(&path, format!("holds a damaged history: {error}")))?;
    let adaptation = history.last().and_then(|epoch| epoch.adaptation);
    trainer.resume(&state, epoch, step, adaptation)?;
    match epoch == config.epochs {
        true => say(format_args!("all {epoch} epochs are done; measuring once more")),
        false => say(format_args!("going on after epoch {epoch}")),
    }
    Ok(history)
}

/// Hands the trainer's news to the progress display.
struct Watch<'a>(&'a mut Progress);

impl Listener for Watch<'_> {
    fn advanced(&mut self, images: usize, loss: f64) {
        self.0.advance(images as u64, Some(loss));
    }
}
