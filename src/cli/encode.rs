//! `diabolo encode`: pictures as codes, in a file that NumPy or a spreadsheet reads.

use std::path::PathBuf;

use clap::ValueEnum;

use super::codes::{Format, places};
use super::model::ModelArgs;
use super::notes;
use super::outputs::{Output, files_of_run};
use crate::error::{Result, counted};
use crate::file::is_standard_output;
use crate::file::npy;
use crate::inference::Codes;
use crate::models::Model;
use crate::run::say;
use crate::shape::Shape;
use crate::tasks::{Pictures, Trained, code_table, inputs};
use crate::tensor::Tensor;

/// Numbers of pictures that are held at once.
const NUMBERS: usize = 1 << 24;

/// The options of `diabolo encode`.
#[derive(Clone, Debug, clap::Args)]
pub struct EncodeArgs {
    /// Pictures, or folders of them, or files of numbers (.npy, .npz)
    #[arg(value_name = "IN", required_unless_present = "dataset", conflicts_with = "dataset")]
    inputs: Vec<PathBuf>,
    /// Encode the images that the run trained on, or held out
    #[arg(long, value_enum)]
    dataset: Option<Half>,
    /// The file of codes: .npy for NumPy, or .csv; - for standard output
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// How codes are written, whatever the name of the file [default: by its ending; csv to standard
    /// output]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The label of all the pictures, for a model that is told labels; --dataset has its own
    #[arg(long, value_name = "NAME|N", conflicts_with = "dataset")]
    label: Option<String>,
    /// Write which codes of the codebook each consists of, as whole numbers (vqvae)
    #[arg(long)]
    indices: bool,
    #[command(flatten)]
    model: ModelArgs,
}

/// One of a dataset's two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Half {
    /// The images trained on
    Train,
    /// The images held out
    Test,
}

/// Writes the codes of pictures, or of the run's own images: of variational models, the means.
///
/// # Errors
/// When there is no finished run, a picture cannot be read, a label is missing or has no effect, or
/// the file cannot be written.
pub fn encode(args: &EncodeArgs) -> Result<()> {
    let format = match args.format {
        Some(format) => format,
        None if is_standard_output(&args.out) => Format::Csv,
        None => Format::of(&args.out, "--out")?,
    };
    let mut trained = args.model.load()?;
    let places = args.indices.then(|| places(trained.model())).transpose()?;
    let read = [files_of_run(&args.model.model), args.inputs.clone()].concat();
    let out = Output::prepare(&args.out, &read)?;
    let (paths, codes) = match args.dataset {
        Some(part) => dataset_codes(&mut trained, part)?,
        None if trained.are_numbers(&args.inputs)? => {
            number_codes(&mut trained, &args.inputs, args.label.as_deref())?
        }
        None => picture_codes(&mut trained, &args.inputs, args.label.as_deref())?,
    };
    let count = codes.count();
    let width = match (places, codes.indices) {
        (Some(places), Some(indices)) => {
            let shape = Shape::new([&[count][..], &places].concat());
            out.write(|file| match format {
                Format::Npy => npy::write_whole_to(file, &shape, &indices),
                Format::Csv => code_table::write_to(file, 'i', &paths, &indices),
            })?;
            places.iter().product()
        }
        _ => {
            let values = shaped(trained.model(), codes.values)?;
            out.write(|file| match format {
                Format::Npy => npy::write_to(file, &values),
                Format::Csv => code_table::write_to(file, 'c', &paths, values.data()),
            })?;
            codes.width
        }
    };
    say(format_args!(
        "{} of {} written to {out}",
        counted(count, "code"),
        counted(width, "number")
    ));
    Ok(())
}

/// Codes as `[count, ...]`.
fn shaped(model: &Model, values: Vec<f32>) -> Result<Tensor> {
    let count = values.len() / model.network.latent().max(1);
    Tensor::new([&[count][..], &model.network.code_shape()].concat(), values)
}

/// The codes of pictures, with their paths, so many pictures at a time.
fn picture_codes(
    trained: &mut Trained,
    inputs: &[PathBuf],
    label: Option<&str>,
) -> Result<(Vec<String>, Codes)> {
    let paths = inputs::find(inputs)?;
    let labels = trained.labels(trained.label(label)?, paths.len())?;
    notes::channels(&paths, trained.model());
    notes::parts(&paths, trained.config());
    let intake = trained.config().intake();
    let chunk = (NUMBERS / intake.shape.elements().max(1)).max(1);
    let mut inference = trained.inference();
    let mut all = Codes::default();
    for (number, part) in paths.chunks(chunk).enumerate() {
        let pictures = Pictures::read(part, intake)?;
        let labels = labels.as_ref().map(|labels| &labels[number * chunk..][..part.len()]);
        all.append(inference.encode(&pictures.images, labels)?);
    }
    Ok((paths.iter().map(|path| path.to_string_lossy().into_owned()).collect(), all))
}

/// The codes of samples of numbers, with their names.
fn number_codes(
    trained: &mut Trained,
    inputs: &[PathBuf],
    label: Option<&str>,
) -> Result<(Vec<String>, Codes)> {
    let samples = trained.units()?.read(inputs)?;
    let labels = trained.labels(trained.label(label)?, samples.count())?;
    let codes = trained.inference().encode(&samples.images, labels.as_deref())?;
    Ok((samples.names, codes))
}

/// The codes of a part of the run's dataset; images of no files have numbers in place of paths.
fn dataset_codes(trained: &mut Trained, part: Half) -> Result<(Vec<String>, Codes)> {
    let dataset = trained.dataset()?;
    let (name, images) = match part {
        Half::Train => ("train", &dataset.train),
        Half::Test => ("test", &dataset.test),
    };
    let codes = trained.inference().encode_dataset(&dataset, images, usize::MAX)?;
    let mut names = images.names();
    if names.is_empty() {
        names = (0..codes.count()).map(|number| format!("{name}/{number}")).collect();
    }
    Ok((names, codes))
}
