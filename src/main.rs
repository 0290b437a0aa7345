//! The command line of Diabolo.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use diabolo::error::{Error, Result};
use diabolo::gpu::{self, DeviceChoice};
use diabolo::models::Kind;
use diabolo::train::{self, SampleArgs, TrainArgs};
use diabolo::workloads::{Timing, Workload};

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
    /// Measure training steps, products and convolutions
    Bench(BenchArgs),
    /// Draw new images from a trained model
    Sample(SampleArgs),
    /// Train a model, as the examples do
    Train {
        /// Which model
        #[arg(long, value_enum)]
        variant: Kind,
        #[command(flatten)]
        args: Box<TrainArgs>,
    },
}

#[derive(Debug, clap::Args)]
struct BenchArgs {
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    device: String,
    /// Only these workloads, such as W1,C1fwd
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    only: Vec<String>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    train::start_logging();
    let result = match Cli::parse().command {
        Command::Adapters => {
            train::say(format_args!("{}", gpu::adapters_report().trim_end()));
            Ok(())
        }
        Command::Bench(args) => bench(&args),
        Command::Sample(args) => train::sample(&args),
        Command::Train { variant, args } => train::run(&args, variant),
    };
    train::exit_code(result)
}

fn bench(args: &BenchArgs) -> Result<()> {
    let workloads = Workload::named(&args.only)?;
    let choice: DeviceChoice = args.device.parse()?;
    for workload in workloads {
        // A device of its own for each, so that none pays for the memory of those before.
        let mut opened = gpu::open(&choice)?;
        let executor = opened.executor.as_mut();
        let loaded = workload.load(executor)?;
        let seconds = loaded.median(executor)?;
        let timing = Timing {
            name: workload.name(),
            device: executor.name(),
            median_ms: seconds * 1e3,
            gflops: loaded.flops as f64 / seconds / 1e9,
        };
        print_timing(&timing, args.json)?;
    }
    Ok(())
}

fn print_timing(timing: &Timing, json: bool) -> Result<()> {
    let Timing { name, device, median_ms, gflops } = timing;
    if json {
        let line = serde_json::to_string(timing)
            .map_err(|error| Error::Graph(format!("a timing has no JSON: {error}")))?;
        train::say(format_args!("{line}"));
    } else {
        train::say(format_args!("{name:<20} {median_ms:>10.3} ms {gflops:>8.2} GFLOP/s  {device}"));
    }
    Ok(())
}
