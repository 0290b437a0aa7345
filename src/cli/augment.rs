//! `diabolo augment`: near variants of pictures, to enlarge a set of them.

use std::path::PathBuf;

use super::model::ModelArgs;
use super::notes;
use super::outputs::{begin, check_apart, save};
use crate::error::{Error, Result, counted};
use crate::inference::Codes;
use crate::rng::{Philox, Seed, stream};
use crate::run::say;
use crate::tasks::augment::{Spread, check_strength};
use crate::tasks::files::{Input, Outputs, paths};
use crate::tasks::{Pictures, Raster, Trained};

/// Pictures that are held at once.
const CHUNK: usize = 256;

/// The most variants of one picture.
const MOST: usize = 10_000;

/// The options of `diabolo augment`.
#[derive(Clone, Debug, clap::Args)]
pub struct AugmentArgs {
    /// The folder of pictures; its sub-folders are classes, and stay
    #[arg(value_name = "DIR")]
    input: PathBuf,
    /// Variants of each picture
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5)]
    count: usize,
    /// How far codes of variants lie from the picture's: in standard deviations of what its code may
    /// be (variational models) or of the pictures' codes; for vqvae, the share of places that are drawn
    /// anew, by its prior or from the other pictures
    #[arg(long, value_name = "S", default_value_t = 0.5, allow_negative_numbers = true)]
    strength: f32,
    /// Decides which variants are drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The folder for the variants: PICTURE-1.png and on, in the sub-folders of their pictures
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// The label of all pictures, for a model that is told labels [default: by class folder]
    #[arg(long, value_name = "NAME|N")]
    label: Option<String>,
    /// Write over pictures that are read, where --out asks for that
    #[arg(long)]
    overwrite: bool,
}

/// Writes variants of each picture of a folder.
///
/// # Errors
/// When a picture cannot be read, an option makes no sense, the device fails, or the folder cannot
/// be written.
pub fn augment(args: &AugmentArgs) -> Result<()> {
    if !(1..=MOST).contains(&args.count) {
        return Err(Error::option("--count", format!("takes 1 to {MOST} variants")));
    }
    check_strength(args.strength)?;
    check_apart(std::slice::from_ref(&args.input), &args.out, args.overwrite)?;
    let inputs = Input::pictures(std::slice::from_ref(&args.input), Some(&args.out))?;
    let paths = paths(&inputs);
    let mut trained = args.model.load()?;
    trained.check_pixels()?;
    let labels = labels(&trained, args, &paths)?;
    notes::channels(&paths, trained.model());
    notes::parts(&paths, trained.config());
    let (shape, model) = (trained.model().images(), trained.model().clone());
    if model.places().is_some() && args.strength > 1.0 {
        let what =
            format!("is {}; it is a share of places with this model, up to 1", args.strength);
        return Err(Error::option("--strength", what));
    }
    let outputs = place(args, &inputs);
    begin(&outputs, &inputs, &[], args.overwrite)?;
    let intake = trained.config().intake();
    let sampler = trained.place_sampler()?;
    if sampler.is_none() && model.places().is_some() {
        say(format_args!(
            "note: this vqvae model has no prior, so places of variants come from other pictures, \
             apart from each other; `diabolo prior RUN` trains one"
        ));
    }
    let mut inference = trained.inference();
    // What codes vary by is known when all of them are.
    let mut codes = Codes::default();
    for (number, part) in paths.chunks(CHUNK).enumerate() {
        let pictures = Pictures::read(part, intake)?;
        let labels = labels.as_ref().map(|labels| &labels[number * CHUNK..][..part.len()]);
        match number {
            0 => codes = inference.encode(&pictures.images, labels)?,
            _ => codes.append(inference.encode(&pictures.images, labels)?),
        }
    }
    let mut spread = Spread::new(&model, &codes, sampler)?;
    let mut random = Philox::new(Seed(args.seed), stream::VARIANTS);
    for variant in 1..=args.count {
        let mut drawn = spread.draw(&codes, args.strength, &mut random)?;
        model.rectify(&mut drawn);
        for (number, part) in paths.chunks(CHUNK).enumerate() {
            let first = number * CHUNK;
            let drawn = &drawn[first * codes.width..][..part.len() * codes.width];
            let labels = labels.as_ref().map(|labels| &labels[first..][..part.len()]);
            let made = inference.decode(drawn, labels)?;
            for (index, image) in made.data().chunks(shape.elements()).enumerate() {
                let path = outputs.path(first + index, variant - 1);
                save(&Raster::of_numbers(image, shape), &path)?;
            }
        }
    }
    let count = counted(paths.len() * args.count, "picture");
    say(format_args!("{count} written to {}", args.out.display()));
    Ok(())
}

/// Where variants go: beside each other, numbered from 1.
fn place(args: &AugmentArgs, inputs: &[Input]) -> Outputs {
    let suffixes: Vec<String> = (1..=args.count).map(|variant| format!("-{variant}")).collect();
    Outputs::place(inputs, &args.out, &suffixes, "png")
}

/// The label of each picture, for a model that is told labels.
fn labels(trained: &Trained, args: &AugmentArgs, paths: &[PathBuf]) -> Result<Option<Vec<u32>>> {
    if args.label.is_some() || !trained.model().is_conditional() {
        return trained.labels(trained.label(args.label.as_deref())?, paths.len());
    }
    let classes = trained.classes()?;
    let label = |path: &PathBuf| {
        let inner = path.strip_prefix(&args.input).unwrap_or(path);
        let class = inner.components().next().map(|part| part.as_os_str().to_string_lossy());
        let found = classes.iter().position(|known| Some(known.as_str()) == class.as_deref());
        found.map(|label| label as u32).ok_or_else(|| {
            let what = format!(
                "lies in no folder named after a class, such as {}; give --label",
                classes.first().map_or("0", String::as_str)
            );
            Error::file(path, what)
        })
    };
    paths.iter().map(label).collect::<Result<Vec<u32>>>().map(Some)
}
