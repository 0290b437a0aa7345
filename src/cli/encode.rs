//! `diabolo encode`: pictures as codes, in a file that NumPy or a spreadsheet reads.

use std::path::PathBuf;

use clap::ValueEnum;

use super::codes::{Format, places};
use super::model::ModelArgs;
use super::notes;
use crate::error::Result;
use crate::inference::Codes;
use crate::models::Model;
use crate::run::say;
use crate::shape::Shape;
use crate::tasks::{Pictures, Trained, code_table, inputs, npy};
use crate::tensor::Tensor;

/// Numbers of pictures that are held at once.
const NUMBERS: usize = 1 << 24;

/// The options of `diabolo encode`.
#[derive(Clone, Debug, clap::Args)]
pub struct EncodeArgs {
    /// Pictures, or folders of them
    #[arg(value_name = "IN", required_unless_present = "dataset", conflicts_with = "dataset")]
    inputs: Vec<PathBuf>,
    /// Encode the images that the run trained on, or held out
    #[arg(long, value_enum)]
    dataset: Option<Half>,
    /// The file of codes: .npy for NumPy, or .csv
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// The label of all the pictures, for a model that is told labels; --dataset has its own
    #[arg(long, value_name = "N", conflicts_with = "dataset")]
    label: Option<u32>,
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
    let format = Format::of(&args.out, "--out")?;
    let mut trained = args.model.load()?;
    let places = args.indices.then(|| places(trained.model())).transpose()?;
    let (paths, codes) = match args.dataset {
        Some(part) => dataset_codes(&mut trained, part)?,
        None => picture_codes(&mut trained, &args.inputs, args.label)?,
    };
    let count = codes.count();
    let width = match (places, codes.indices) {
        (Some(places), Some(indices)) => {
            let shape = Shape::new([&[count][..], &places].concat());
            match format {
                Format::Npy => npy::write_whole(&args.out, &shape, &indices)?,
                Format::Csv => code_table::write(&args.out, 'i', &paths, &indices)?,
            }
            places.iter().product()
        }
        _ => {
            match format {
                Format::Npy => npy::write(&args.out, &shaped(trained.model(), codes.values)?)?,
                Format::Csv => code_table::write(&args.out, 'c', &paths, &codes.values)?,
            }
            codes.width
        }
    };
    say(format_args!("{count} codes of {width} numbers written to {}", args.out.display()));
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
    label: Option<u32>,
) -> Result<(Vec<String>, Codes)> {
    let paths = inputs::find(inputs)?;
    let labels = trained.labels(label, paths.len())?;
    notes::channels(&paths, trained.model());
    notes::parts(&paths, trained.config());
    let shape = trained.model().images();
    let chunk = (NUMBERS / shape.elements().max(1)).max(1);
    let mut inference = trained.inference();
    let mut all = Codes::default();
    for (number, part) in paths.chunks(chunk).enumerate() {
        let pictures = Pictures::read(part, shape)?;
        let labels = labels.as_ref().map(|labels| &labels[number * chunk..][..part.len()]);
        all.append(inference.encode(&pictures.images, labels)?);
    }
    Ok((paths.iter().map(|path| path.to_string_lossy().into_owned()).collect(), all))
}

/// The codes of a part of the run's dataset; its images have numbers in place of paths.
fn dataset_codes(trained: &mut Trained, part: Half) -> Result<(Vec<String>, Codes)> {
    let dataset = trained.dataset()?;
    let (name, images) = match part {
        Half::Train => ("train", &dataset.train),
        Half::Test => ("test", &dataset.test),
    };
    let codes = trained.inference().encode_dataset(&dataset, images, usize::MAX)?;
    Ok(((0..codes.count()).map(|number| format!("{name}/{number}")).collect(), codes))
}
