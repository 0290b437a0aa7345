//! The command line of Diabolo.

mod manual;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use diabolo::bench::{self, BenchArgs};
use diabolo::error::Result;
use diabolo::gpu;
use diabolo::models::Kind;
use diabolo::run::{self, TrainArgs};
use diabolo::tasks::{
    self, AnomalyArgs, AugmentArgs, CompressArgs, DecodeArgs, DecompressArgs, EncodeArgs,
    ExportArgs, InterpolateArgs, ProbeArgs, RateDistortionArgs, ReconstructArgs, ReportArgs,
    RestoreArgs, SampleArgs,
};

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
    Adapters,
    /// Find pictures unlike the normal ones that a model was trained on
    Anomaly(Box<AnomalyArgs>),
    /// Draw near variants of a folder's pictures, in its class folders
    Augment(AugmentArgs),
    /// Measure training steps, single operations and transfers, and count what they cost
    Bench(BenchArgs),
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
    /// Write a trained model as ONNX, for other programs to run
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
    /// Write what a model makes of pictures
    Reconstruct(ReconstructArgs),
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
    run::start_logging();
    let cli = run::command_line::<Cli>(std::env::args_os().collect());
    run::exit_code(cli.and_then(|cli| run(cli.command)))
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Adapters => {
            run::say(format_args!("{}", gpu::adapters_report().trim_end()));
            Ok(())
        }
        Command::Anomaly(args) => tasks::anomaly(&args),
        Command::Augment(args) => tasks::augment(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Interpolate(args) => tasks::interpolate(&args),
        Command::Restore(args) => tasks::restore(&args),
        Command::Reconstruct(args) => tasks::reconstruct(&args),
        Command::Compress(args) => tasks::compress(&args),
        Command::Decompress(args) => tasks::decompress(&args),
        Command::RateDistortion(args) => tasks::rate_distortion(&args),
        Command::Decode(args) => tasks::decode(&args),
        Command::Encode(args) => tasks::encode(&args),
        Command::Export(args) => tasks::export(&args),
        Command::Completions { shell } => manual::completions(Cli::command(), shell),
        Command::Man { command } => manual::man(Cli::command(), command.as_deref()),
        Command::Probe(args) => tasks::probe(&args),
        Command::Report(args) => tasks::report(&args),
        Command::Sample(args) => tasks::sample(&args),
        Command::Train { variant, mut args } => {
            let kind = run::settle(&mut args, variant)?;
            run::run_interruptibly(&args, kind)
        }
    }
}
