//! `diabolo export`: a trained model as a file of ONNX.

use std::path::PathBuf;

use super::outputs::{Output, files_of_run};
use crate::error::Result;
use crate::graph::Bytes;
use crate::run::say;
use crate::tasks::trained::Stored;
use crate::tasks::{Part, onnx_of_run};

/// The options of `diabolo export`.
#[derive(Clone, Debug, clap::Args)]
pub struct ExportArgs {
    /// The folder of a finished run
    #[arg(short, long, value_name = "RUN")]
    model: PathBuf,
    /// The file to write, for ONNX's runtimes; - for standard output
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
    /// What of the model
    #[arg(long, value_enum, default_value_t = Part::Whole)]
    part: Part,
}

/// Writes the model of a run as ONNX.
///
/// # Errors
/// When there is no finished run, the model has an operation that ONNX lacks, or the file cannot be
/// written.
pub fn export(args: &ExportArgs) -> Result<()> {
    let Stored { config, state, .. } = Stored::read(&args.model)?;
    let out = Output::prepare(&args.onnx, &files_of_run(&args.model))?;
    let bytes = onnx_of_run(&config, &state, args.part)?;
    out.write(|file| file.write_all(&bytes))?;
    let size = Bytes(bytes.len() as u64);
    say(format_args!(
        "{} of a {} model, {size}, written to {out}",
        args.part.name(),
        config.model.name()
    ));
    Ok(())
}
