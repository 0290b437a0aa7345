//! `diabolo export`: a trained model as a file of ONNX, as a page, or without what training needs.

use std::path::{Path, PathBuf};

use super::outputs::{Output, files_of_run};
use crate::error::{Error, Result};
use crate::gpu::DeviceChoice;
use crate::graph::Bytes;
use crate::run::checkpoint::Width;
use crate::run::say;
use crate::tasks::trained::Stored;
use crate::tasks::{PageOptions, Part, Trained, onnx_of_run};

/// The options of `diabolo export`.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("form").required(true))]
pub struct ExportArgs {
    /// The folder of a finished run
    #[arg(short, long, value_name = "RUN")]
    model: PathBuf,
    /// The file to write, for ONNX's runtimes; - for standard output
    #[arg(long, value_name = "FILE", group = "form")]
    onnx: Option<PathBuf>,
    /// The page to write, for any browser with WebGPU; - for standard output
    #[arg(long, value_name = "FILE", group = "form")]
    html: Option<PathBuf>,
    /// The model file to write, without the optimiser's state: for `model.safetensors` of a run that is given
    /// away, which all tasks take, but no training goes on from; - for standard output
    #[arg(long, value_name = "FILE", group = "form")]
    weights: Option<PathBuf>,
    /// What of the model, with --onnx
    #[arg(long, value_enum, default_value_t = Part::Whole, conflicts_with_all = ["html", "weights"])]
    part: Part,
    #[command(flatten)]
    page: PageArgs,
}

/// What a page is to have, and the first of them weights as well.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Pages")]
pub(super) struct PageArgs {
    /// Weights rounded to f16, which halves them, in a page or with --weights; such a page does not train
    #[arg(long)]
    half: bool,
    /// Without training, which takes weights alone
    #[arg(long)]
    no_training: bool,
    /// Training images that the page takes along, to train on [default: none]
    #[arg(long, value_name = "N", conflicts_with_all = ["half", "no_training"])]
    with_data: Option<usize>,
}

impl PageArgs {
    /// Refuses options of pages where none is made.
    fn check_none(self) -> Result<()> {
        let given = [
            ("--half", self.half),
            ("--no-training", self.no_training),
            ("--with-data", self.with_data.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((option @ "--half", _)) => {
                Err(Error::option(option, "is for pages and weights; give --html or --weights"))
            }
            Some((option, _)) => Err(Error::option(option, "is for pages; give --html")),
            None => Ok(()),
        }
    }

    /// The page of the run in `folder`.
    pub fn page(self, folder: &Path) -> Result<String> {
        let Self { half, no_training: shows_only, with_data } = self;
        let options = PageOptions { half, shows_only, data: with_data.unwrap_or(0) };
        Trained::load(folder, &DeviceChoice::Cpu)?.page(&options)
    }
}

/// Writes the model of a run as ONNX, as a page, or its weights alone.
///
/// # Errors
/// When there is no finished run, the model is not one for the form, or the file cannot be written.
pub fn export(args: &ExportArgs) -> Result<()> {
    match (&args.onnx, &args.html, &args.weights) {
        (Some(onnx), ..) => export_onnx(args, onnx),
        (_, Some(html), _) => export_html(args, html),
        (.., Some(weights)) => export_weights(args, weights),
        (None, None, None) => Ok(()),
    }
}

fn export_onnx(args: &ExportArgs, path: &Path) -> Result<()> {
    args.page.check_none()?;
    let Stored { config, state, .. } = Stored::read(&args.model)?;
    let out = Output::prepare(path, &files_of_run(&args.model))?;
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

fn export_weights(args: &ExportArgs, path: &Path) -> Result<()> {
    let width = if args.page.half { Width::Half } else { Width::Single };
    PageArgs { half: false, ..args.page }.check_none()?;
    let out = Output::prepare(path, &files_of_run(&args.model))?;
    let bytes = Stored::read(&args.model)?.weights(width)?;
    out.write(|file| file.write_all(&bytes))?;
    say(format_args!("weights of {}, written to {out}", Bytes(bytes.len() as u64)));
    Ok(())
}

fn export_html(args: &ExportArgs, path: &Path) -> Result<()> {
    let out = Output::prepare(path, &files_of_run(&args.model))?;
    let page = args.page.page(&args.model)?;
    out.write(|file| file.write_all(page.as_bytes()))?;
    say(format_args!("a page of {}, written to {out}", Bytes(page.len() as u64)));
    Ok(())
}
