//! A whole run: from the options of an example to the files in its folder.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use super::checkpoint::{self, Checkpoint, Header};
use super::curves::loss_curves;
use super::metrics_file::{EpochMetrics, MetricsFile, TestMetrics};
use super::options::{Config, TrainArgs};
use super::pictures;
use super::progress::Progress;
use super::run_folder::{RunFile, RunFolder};
use super::trainer::{EpochReport, Listener, Trainer};
use crate::data::{Dataset, ImageShape};
use crate::error::{Error, Result};
use crate::gpu::{self, DeviceChoice};
use crate::graph::{Bytes, State, profile_table};
use crate::models::{Model, Recipe};
use crate::rng::Seed;
use crate::tensor::{Shape, Tensor};

/// Images in `reconstructions.png`.
const SHOWN: usize = 20;

/// The main function of a training example: parses the command line, trains the model that `model`
/// makes for the dataset's images, by `recipe` unless told otherwise, and writes the run folder.
/// Errors are one line on standard error; exit code 2 for options that make no sense, else 1.
pub fn main(recipe: Recipe, model: impl FnOnce(ImageShape) -> Result<Model>) -> ExitCode {
    start_logging();
    let args = TrainArgs::parse();
    exit_code(run(&args, recipe, model))
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

/// Trains as `args` say.
///
/// # Errors
/// When an option makes no sense, images cannot be read, the device fails, the loss is no number,
/// or the run folder cannot be written.
pub fn run(
    args: &TrainArgs,
    recipe: Recipe,
    model: impl FnOnce(ImageShape) -> Result<Model>,
) -> Result<()> {
    let choice: DeviceChoice = args.device.parse()?;
    let dataset = args.load()?;
    let config = args.config(&dataset, model(dataset.shape)?, recipe)?;
    let name = format!("{}-{}", config.model.name(), dataset.name);
    let folder =
        RunFolder::create(args.out.clone().unwrap_or_else(|| format!("runs/{name}").into()))?;
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
    session.train()?;
    session.finish(device, &adapter)?;
    if args.profile {
        say(format_args!("{}", profile_table(&opened.executor.profile()?).trim_end()));
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

    fn train(&mut self) -> Result<()> {
        let images = self.dataset.train.count as u64;
        let mut progress = Progress::new(self.config.loss.unit());
        for epoch in self.trainer.epoch() + 1..=self.config.epochs {
            progress.epoch(epoch.into(), self.config.epochs.into(), images);
            let report = self.trainer.epoch_of_training(&mut Watch(&mut progress))?;
            progress.finish_epoch(report.train_loss, report.test.loss, report.seconds);
            self.history.push(EpochMetrics {
                epoch: epoch.into(),
                train_loss: report.train_loss,
                test_loss: report.test.loss,
                seconds: report.seconds,
            });
            self.save()?;
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

    fn finish(&mut self, device: &str, adapter: &str) -> Result<()> {
        let test = match self.last {
            Some(report) => report.test,
            None => self.trainer.evaluate()?,
        };
        let unit = self.config.loss.unit();
        say(format_args!(
            "held out: loss {:.5} {unit}, per pixel MSE {:.5}, BCE {:.5} nats, PSNR {:.2} dB, SSIM {:.4}",
            test.loss,
            test.mse,
            test.bce,
            test.psnr(),
            test.ssim
        ));
        let images = self.dataset.train.count * self.history.len();
        let seconds: f64 = self.history.iter().map(|epoch| epoch.seconds).sum();
        let metrics = MetricsFile {
            device: device.into(),
            adapter: adapter.into(),
            epochs: self.history.clone(),
            test: TestMetrics { mse: test.mse, bce: test.bce, psnr: test.psnr(), ssim: test.ssim },
            parameters: self.trainer.layout().parameters() as u64,
            planned_bytes: self.trainer.planned_bytes(),
            images_per_second: images as f64 / seconds,
            ..MetricsFile::new(unit)
        };
        metrics.save(&self.folder.file(RunFile::Metrics))?;
        self.draw(unit)
    }

    fn draw(&mut self, unit: &str) -> Result<()> {
        let save = |file, picture| pictures::save_png(&self.folder.file(file), &picture);
        save(RunFile::Loss, loss_curves(&self.history, unit)?)?;
        let originals = first_images(self.dataset)?;
        let reconstructions = self.trainer.reconstruct(&originals)?;
        let pairs = pictures::reconstructions(&originals, &reconstructions)?;
        save(RunFile::Reconstructions, pairs)?;
        let images = self.config.model.images();
        let filters = first_filters(&self.trainer.state()?, &self.config.model)?;
        save(RunFile::Filters, pictures::filters(&filters, images)?)
    }
}

/// The first layer's weights as small images, `[filters, channels, height, width]`.
fn first_filters(state: &State, model: &Model) -> Result<Tensor> {
    let name = model.first_weight();
    let found = state.tensors().find(|(known, ..)| *known == name);
    let (_, shape, values) = found.ok_or_else(|| Error::Graph(format!("there is no `{name}`")))?;
    let ImageShape { channels, height, width } = model.images();
    let shape = match shape[..] {
        [units, _] => Shape::from([units, channels, height, width]),
        _ => shape.clone(),
    };
    Tensor::new(shape, values.to_vec())
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
        let what = "was trained with other options; give the same ones, or leave --resume out";
        return Err(Error::file(&path, what));
    }
    let [epoch, step] = [header.epoch, header.step].map(u32::try_from);
    let (Ok(epoch), Ok(step)) = (epoch, step) else {
        return Err(Error::file(&path, "counts more steps than there can be; it is damaged"));
    };
    if epoch >= config.epochs {
        let what = format!("the model has had {epoch} epochs already; ask for more");
        return Err(Error::option("--epochs", what));
    }
    let history = serde_json::from_str(&header.history)
        .map_err(|error| Error::file(&path, format!("holds a damaged history: {error}")))?;
    trainer.resume(&state, epoch, step)?;
    say(format_args!("going on after epoch {epoch}"));
    Ok(history)
}

/// The first held-out images, in [0, 1].
fn first_images(dataset: &Dataset) -> Result<Tensor> {
    let ImageShape { channels, height, width } = dataset.shape;
    let count = SHOWN.min(dataset.test.count);
    let bytes = &dataset.test.pixels[..count * dataset.shape.elements()];
    let values = bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
    Tensor::new([count, channels, height, width], values)
}

/// Hands the trainer's news to the progress display.
struct Watch<'a>(&'a mut Progress);

impl Listener for Watch<'_> {
    fn advanced(&mut self, images: usize, loss: f64) {
        self.0.advance(images as u64, Some(loss));
    }
}
