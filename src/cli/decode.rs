//! `diabolo decode`: pictures from codes in a file.

use std::path::{Path, PathBuf};

use super::codes::{Format, places};
use super::model::ModelArgs;
use super::numbers::NumberFile;
use super::outputs::{begin, check_apart, make_folder, save, save_all};
use crate::error::{Error, Result, counted};
use crate::file::npy;
use crate::models::Model;
use crate::run::say;
use crate::tasks::files::Outputs;
use crate::tasks::{PartedPicture, Raster, Trained, code_table, is_of_numbers};
use crate::tensor::Tensor;

/// Numbers of pictures that are held at once.
const NUMBERS: usize = 1 << 24;

/// The options of `diabolo decode`.
#[derive(Clone, Debug, clap::Args)]
pub struct DecodeArgs {
    /// The file of codes: .npy, .npz, or .csv as encode writes it
    #[arg(value_name = "CODES")]
    codes: PathBuf,
    /// Which array of an .npz file holds the codes, where there are several
    #[arg(long, value_name = "NAME")]
    array: Option<String>,
    /// The folder for 0000.png and on; or FILE.npy for numbers, in the units of what the run learned from
    #[arg(short, long, value_name = "DIR|FILE.npy")]
    out: PathBuf,
    /// The label that pictures are to have, for a model that is told labels
    #[arg(long, value_name = "NAME|N")]
    label: Option<String>,
    /// The file holds which codes of the codebook each consists of, as whole numbers (vqvae)
    #[arg(long)]
    indices: bool,
    /// A table of the parts that the codes are of, as encode writes it by a model of parts: whole pictures
    /// are made of them
    #[arg(long, value_name = "TABLE")]
    parts: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Writes the pictures that codes stand for.
///
/// # Errors
/// When there is no finished run, the codes cannot be read or are not the model's, a label is missing
/// or has no effect, or the folder cannot be written.
pub fn decode(args: &DecodeArgs) -> Result<()> {
    let format = Format::of_stored(&args.codes, "CODES")?;
    if format == Format::Csv && args.array.is_some() {
        return Err(Error::option("--array", "has no effect on a table; leave it out"));
    }
    let mut trained = args.model.load()?;
    let numbers = match is_of_numbers(&args.out) || trained.check_pixels().is_err() {
        true => Some(NumberFile::prepare(&args.out, &trained, std::slice::from_ref(&args.codes))?),
        false => None,
    };
    if numbers.is_none() {
        check_apart(&[], &args.out, false)?;
    }
    let places = args.indices.then(|| places(trained.model())).transpose()?;
    let stored = match format {
        Format::Npy => npy::read_array(&args.codes, args.array.as_deref())?.into_tensor()?,
        Format::Csv => code_table::read(&args.codes)?,
    };
    let codes = match places {
        Some(places) => looked_up(&mut trained, &args.codes, &places, &stored)?,
        None => checked(trained.model(), &args.codes, stored)?,
    };
    let latent = trained.model().network.latent();
    let count = codes.len() / latent.max(1);
    let label = trained.label(args.label.as_deref())?;
    let labels = trained.labels(label, count)?;
    if let Some(file) = numbers {
        return file.write(trained.inference().decode(&codes, labels.as_deref())?);
    }
    if let Some(table) = &args.parts {
        return of_parts(&mut trained, args, table, &codes, label);
    }
    let outputs = Outputs::counted(&args.out, count);
    begin(&outputs, &[], &[&args.codes], false)?;
    make_folder(&args.out)?;
    let shape = trained.model().images();
    let chunk = (NUMBERS / shape.elements().max(1)).max(1);
    let mut inference = trained.inference();
    for (number, part) in codes.chunks(chunk * latent).enumerate() {
        let first = number * chunk;
        let labels = labels.as_ref().map(|labels| &labels[first..][..part.len() / latent]);
        let made = inference.decode(part, labels)?;
        save_all(&made, shape, &outputs, first)?;
    }
    say(format_args!("{} written to {}", counted(count, "picture"), args.out.display()));
    Ok(())
}

/// Writes the pictures whose parts the codes of a table stand for.
fn of_parts(
    trained: &mut Trained,
    args: &DecodeArgs,
    table: &Path,
    codes: &[f32],
    label: Option<u32>,
) -> Result<()> {
    let (shape, latent) = (trained.model().images(), trained.model().network.latent());
    let parts = code_table::read_areas(table)?;
    let count = parts.len();
    if count * latent != codes.len() {
        let what = format!(
            "has {}, and {} has {}; give the table that was written beside it",
            counted(count, "part"),
            args.codes.display(),
            counted(codes.len() / latent.max(1), "code")
        );
        return Err(Error::file(table, what));
    }
    let pictures = PartedPicture::of(parts, shape).map_err(|what| Error::file(table, what))?;
    let outputs = Outputs::counted(&args.out, pictures.len());
    begin(&outputs, &[], &[&args.codes, table], false)?;
    make_folder(&args.out)?;
    let mut inference = trained.inference();
    let mut rest = codes;
    for (number, picture) in pictures.iter().enumerate() {
        let (codes, behind) = rest.split_at(picture.areas.len() * latent);
        rest = behind;
        let made = picture.draw(&mut inference, shape, codes, label)?;
        save(&Raster::of_numbers(made.data(), picture.shape), &outputs.path(number, 0))?;
    }
    let (pictures, parts) = (counted(pictures.len(), "picture"), counted(count, "part"));
    say(format_args!("{pictures} of {parts} written to {}", args.out.display()));
    Ok(())
}

/// The numbers of `stored`, if it holds codes of the model.
fn checked(model: &Model, path: &Path, stored: Tensor) -> Result<Vec<f32>> {
    let wanted = model.network.code_shape();
    fits(path, &stored, &wanted, "its codes")?;
    let latent = model.network.latent();
    match stored.data().iter().position(|number| !number.is_finite()) {
        None => Ok(stored.into_data()),
        Some(place) => {
            let what = format!("has a number in code {} that is not finite", place / latent);
            Err(Error::file(path, what))
        }
    }
}

/// The codes of which `stored` has the numbers in the codebook.
fn looked_up(
    trained: &mut Trained,
    path: &Path,
    places: &[usize],
    stored: &Tensor,
) -> Result<Vec<f32>> {
    fits(path, stored, places, "numbers in its codebook")?;
    if let Some(below) = stored.data().iter().find(|number| **number < 0.0) {
        let what = format!("has the number {below}, and codes are numbered from 0");
        return Err(Error::file(path, what));
    }
    let whole = |number: &f32| (*number >= 0.0 && number.fract() == 0.0).then_some(*number as u32);
    let indices: Option<Vec<u32>> = stored.data().iter().map(whole).collect();
    let indices = indices.ok_or_else(|| {
        Error::file(path, "has numbers that are not whole; leave --indices out for codes")
    })?;
    let state = trained.executor().state()?;
    trained.model().look_up(&state, &indices).map_err(|error| Error::file(path, error))
}

/// Makes sure that `stored` is `[count, ...]` with `wanted` numbers, as they are or in one row; or a
/// single row of them. Of a map alone it could not be told from other maps.
fn fits(path: &Path, stored: &Tensor, wanted: &[usize], what: &str) -> Result<()> {
    let flat = wanted.iter().product::<usize>();
    match stored.shape().split_first() {
        Some((1.., rest)) if *rest == *wanted || *rest == [flat] => Ok(()),
        Some((count, [])) if wanted.len() == 1 && *count == flat => Ok(()),
        _ => {
            let axes: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            let what = format!(
                "has numbers of shape {}; this model takes {what} as [count, {}]",
                stored.shape(),
                axes.join(", ")
            );
            Err(Error::file(path, what))
        }
    }
}
