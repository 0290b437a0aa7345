//! `diabolo encode`: pictures as codes, in a file that NumPy or a spreadsheet reads.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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
use crate::tasks::restore::Area;
use crate::tasks::{LookedOver, Pictures, Trained, code_table, encoded, inputs};
use crate::tensor::Tensor;

/// Numbers of pictures that are held at once.
const NUMBERS: usize = 1 << 24;

/// The options of `diabolo encode`.
#[derive(Clone, Debug, clap::Args)]
pub struct EncodeArgs {
    /// Pictures, or folders of them, or files of numbers (.npy, .npz); pictures are brought to the model's
    /// size, or, by a model of parts (--patches), each of their overlapping parts has a code
    #[arg(value_name = "IN", required_unless_present = "dataset", conflicts_with = "dataset")]
    inputs: Vec<PathBuf>,
    /// Encode the images that the run trained on, or held out
    #[arg(long, value_enum)]
    dataset: Option<Half>,
    /// The file of codes: .npy for NumPy, or .csv; - for standard output. Where parts of pictures lie is
    /// in the columns of a .csv, and beside FILE.npy in FILE-parts.csv
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
    let are_numbers = args.dataset.is_none() && trained.are_numbers(&args.inputs)?;
    let by_parts = args.dataset.is_none() && !are_numbers && trained.config().patches.is_some();
    let beside = match (format, out.path()) {
        (Format::Npy, Some(path)) if by_parts => {
            Some(Output::prepare(&beside(path), &[read, vec![path.into()]].concat())?)
        }
        _ => None,
    };
    let label = args.label.as_deref();
    let (names, codes) = match args.dataset {
        Some(part) => dataset_codes(&mut trained, part)?,
        None if are_numbers => number_codes(&mut trained, &args.inputs, label)?,
        None if by_parts => part_codes(&mut trained, &args.inputs, label)?,
        None => picture_codes(&mut trained, &args.inputs, label)?,
    };
    let count = codes.count();
    let width = match (places, codes.indices) {
        (Some(places), Some(indices)) => {
            let shape = Shape::new([&[count][..], &places].concat());
            out.write(|file| match format {
                Format::Npy => npy::write_whole_to(file, &shape, &indices),
                Format::Csv => names.write_to(file, 'i', &indices),
            })?;
            places.iter().product()
        }
        _ => {
            let values = shaped(trained.model(), codes.values)?;
            out.write(|file| match format {
                Format::Npy => npy::write_to(file, &values),
                Format::Csv => names.write_to(file, 'c', values.data()),
            })?;
            codes.width
        }
    };
    let (count, width) = (counted(count, "code"), counted(width, "number"));
    say(format_args!("{count} of {width} written to {out}"));
    if let (Some(beside), Names::Parts(parts)) = (&beside, &names) {
        beside.write(|file| code_table::write_areas_to(file, parts))?;
        say(format_args!("the places of their parts written to {beside}"));
    }
    Ok(())
}

/// The table of parts that lies beside an array of codes.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("-parts.csv");
    path.with_file_name(name)
}

/// What codes are of.
enum Names {
    /// Pictures.
    Paths(Vec<String>),
    /// Parts of pictures.
    Parts(Vec<(String, Area)>),
}

impl Names {
    /// Writes a table of so many numbers each.
    fn write_to<T: Display>(
        &self,
        file: &mut dyn Write,
        letter: char,
        numbers: &[T],
    ) -> io::Result<()> {
        match self {
            Self::Paths(paths) => code_table::write_to(file, letter, paths, numbers),
            Self::Parts(parts) => code_table::write_parts_to(file, letter, parts, numbers),
        }
    }
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
) -> Result<(Names, Codes)> {
    let paths = inputs::find(inputs)?;
    let labels = trained.labels(trained.label(label)?, paths.len())?;
    notes::channels(&paths, trained.model());
    let intake = trained.config().intake();
    let chunk = (NUMBERS / intake.shape.elements().max(1)).max(1);
    let mut inference = trained.inference();
    let mut all = Codes::default();
    for (number, part) in paths.chunks(chunk).enumerate() {
        let pictures = Pictures::read(part, intake)?;
        let labels = labels.as_ref().map(|labels| &labels[number * chunk..][..part.len()]);
        all.append(inference.encode(&pictures.images, labels)?);
    }
    Ok((Names::Paths(paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()), all))
}

/// The codes of the parts of pictures, one picture at a time.
fn part_codes(
    trained: &mut Trained,
    inputs: &[PathBuf],
    label: Option<&str>,
) -> Result<(Names, Codes)> {
    let paths = inputs::find(inputs)?;
    let label = trained.label(label)?;
    trained.labels(label, 1)?;
    let (part, intake) = (trained.model().images(), trained.config().intake().as_stored());
    let mut pictures = LookedOver::new(&paths, intake)?;
    notes::channels(&paths, trained.model());
    let mut inference = trained.inference();
    let (mut names, mut all) = (vec![], Codes::default());
    for (number, path) in paths.iter().enumerate() {
        for picture in pictures.take(number..number + 1)? {
            let (areas, codes) = encoded(&mut inference, part, picture.tensor(), label)?;
            let path = path.to_string_lossy();
            names.extend(areas.into_iter().map(|area| (path.clone().into_owned(), area)));
            all.append(codes);
        }
    }
    Ok((Names::Parts(names), all))
}

/// The codes of samples of numbers, with their names.
fn number_codes(
    trained: &mut Trained,
    inputs: &[PathBuf],
    label: Option<&str>,
) -> Result<(Names, Codes)> {
    let samples = trained.units()?.read(inputs)?;
    let labels = trained.labels(trained.label(label)?, samples.count())?;
    let codes = trained.inference().encode(&samples.images, labels.as_deref())?;
    Ok((Names::Paths(samples.names), codes))
}

/// The codes of a part of the run's dataset; images of no files have numbers in place of paths.
fn dataset_codes(trained: &mut Trained, part: Half) -> Result<(Names, Codes)> {
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
    Ok((Names::Paths(names), codes))
}
