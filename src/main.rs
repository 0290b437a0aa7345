//! The command line of Diabolo.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use diabolo::bench::{self, BenchArgs};
use diabolo::check::{self, CheckArgs};
use diabolo::cli::{
    self, AnomalyArgs, AugmentArgs, CacheArgs, CompressArgs, DecodeArgs, DecompressArgs,
    EncodeArgs, EvaluateArgs, ExploreArgs, ExportArgs, InterpolateArgs, ModelsArgs, PriorArgs,
    ProbeArgs, RateDistortionArgs, ReconstructArgs, ReportArgs, RestoreArgs, SampleArgs,
};
use diabolo::error::{Error, Result};
use diabolo::gpu;
use diabolo::models::Kind;
use diabolo::run::{self, TrainArgs};

/// Autoencoders on any GPU: learn, compress, restore and generate images.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List every adapter, and say which one `--device auto` takes and why
    Adapters {
        /// Compute on each what is known to go wrong on some, compare it with the processor's, and keep
        /// the result for `--device auto`; exit code 1 where an adapter is wrong
        #[arg(long)]
        check: bool,
    },
    /// Find pictures unlike the normal ones that a model was trained on
    Anomaly(Box<AnomalyArgs>),
    /// Draw near variants of a folder's pictures, in its class folders
    Augment(AugmentArgs),
    /// Measure training steps, single operations and transfers, and count what they cost
    Bench(BenchArgs),
    /// List or clear the folder in which decoded pictures are kept
    Cache(CacheArgs),
    /// Check that an adapter computes what the processor does, and time it; or write a page that does so in a browser
    Check(CheckArgs),
    /// Store a picture by what a trained model's encoder makes of it
    Compress(CompressArgs),
    /// Bring a picture back that `compress` stored
    Decompress(DecompressArgs),
    /// Compare models with JPEG: bits a pixel, and how near pictures come
    RateDistortion(RateDistortionArgs),
    /// Turn codes of a file into pictures
    Decode(DecodeArgs),
    /// Turn pictures into codes, in a file for NumPy or a spreadsheet
    Encode(EncodeArgs),
    /// Measure a model's samples: Frechet distance, precision and recall, classes, nearest images
    Evaluate(EvaluateArgs),
    /// Open a trained model as a page in the browser
    Explore(ExploreArgs),
    /// Write a trained model as ONNX, for other programs to run, or as a page that runs by itself
    Export(ExportArgs),
    /// Print what makes a shell complete this program's options
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page, or that of a command, for `man -l -`
    Man {
        /// The command, such as train
        command: Option<String>,
    },
    /// Go from one picture to another through a model's codes
    Interpolate(InterpolateArgs),
    /// List the models that are part of the program, or print what is known of one
    Models(ModelsArgs),
    /// Write what a model makes of pictures
    Reconstruct(ReconstructArgs),
    /// Train a prior of the places of a vqvae model's codes, for samples to be drawn from
    Prior(PriorArgs),
    /// Measure what a model's codes tell of classes, by a linear classifier
    Probe(ProbeArgs),
    /// Write what a run folder holds as one HTML page
    Report(ReportArgs),
    /// Restore pictures of any size: noise, haze, missing pixels
    Restore(RestoreArgs),
    /// Draw new images from a trained model
    Sample(SampleArgs),
    /// Train a model, as the examples do
    Train {
        /// Which model
        #[arg(long, value_enum)]
        variant: Option<Kind>,
        #[command(flatten)]
        args: Box<TrainArgs>,
    },
}

fn main() -> ExitCode {
    silence_driver();
    run::start_logging();
    let line = run::command_line::<Cli>(std::env::args_os().collect());
    run::exit_code(line.and_then(|line| run(line.command)))
}

/// Leaves out the layer of Mesa's Vulkan drivers that asks a Wayland server for its display's adapter:
/// where there is no XDG_RUNTIME_DIR, as in containers, it prints lines that begin with `error:` and
/// finds nothing. Adapters are chosen by this program itself.
fn silence_driver() {
    let is_set = |name| std::env::var_os(name).is_some();
    let asked_for = ["NODEVICE_SELECT", "MESA_VK_DEVICE_SELECT", "XDG_RUNTIME_DIR"];
    if cfg!(target_os = "linux") && !asked_for.into_iter().any(is_set) {
        // SAFETY: this is the first thing that the program does, so there is no other thread yet that
        // might read the environment at the same time.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Adapters { check: false } => {
            run::say(format_args!("{}", gpu::adapters_report().trim_end()));
            Ok(())
        }
        Command::Adapters { check: true } => {
            let (report, is_well) = gpu::check_adapters();
            run::say(format_args!("{}", report.trim_end()));
            let wrong = || Error::Device("an adapter computes wrong numbers, see above".into());
            is_well.then_some(()).ok_or_else(wrong)
        }
        Command::Anomaly(args) => cli::anomaly(&args),
        Command::Augment(args) => cli::augment(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Cache(args) => cli::cache(&args),
        Command::Check(args) => check::check(&args),
        Command::Interpolate(args) => cli::interpolate(&args),
        Command::Restore(args) => cli::restore(&args),
        Command::Reconstruct(args) => cli::reconstruct(&args),
        Command::Compress(args) => cli::compress(&args),
        Command::Decompress(args) => cli::decompress(&args),
        Command::RateDistortion(args) => cli::rate_distortion(&args),
        Command::Decode(args) => cli::decode(&args),
        Command::Encode(args) => cli::encode(&args),
        Command::Evaluate(args) => cli::evaluate(&args),
        Command::Explore(args) => cli::explore(&args),
        Command::Export(args) => cli::export(&args),
        Command::Models(args) => cli::models(&args),
        Command::Completions { shell } => cli::completions(Cli::command(), shell),
        Command::Man { command } => cli::man(Cli::command(), command.as_deref()),
        Command::Prior(args) => cli::prior(&args),
        Command::Probe(args) => cli::probe(&args),
        Command::Report(args) => cli::report(&args),
        Command::Sample(args) => cli::sample(&args),
        Command::Train { variant, mut args } => {
            let kind = run::settle(&mut args, variant)?;
            run::run_interruptibly(&args, kind)
        }
    }
}
