//! `diabolo interpolate`: the way from one picture to another, as a strip and as an animation.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, imageops};

use super::model::ModelArgs;
use super::notes;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::file::write_atomically;
use crate::plot;
use crate::run::say;
use crate::tasks::inputs::names;
use crate::tasks::interpolate::check_steps;
use crate::tasks::{Pictures, Raster};
use crate::tensor::Tensor;

/// How long an animation shows each.
const SHOWN: Duration = Duration::from_millis(80);

/// The side that small pictures are enlarged to, in an animation.
const SIDE: u32 = 128;

/// The options of `diabolo interpolate`.
#[derive(Clone, Debug, clap::Args)]
pub struct InterpolateArgs {
    /// The picture at the beginning
    #[arg(value_name = "A")]
    from: PathBuf,
    /// The picture at the end
    #[arg(value_name = "B")]
    to: PathBuf,
    /// How many pictures, with both ends
    #[arg(long, value_name = "N", default_value_t = 12)]
    steps: usize,
    /// The strip to write; the animation stands beside it, as .gif [default: A-B.png in the run
    /// folder]
    #[arg(short, long, value_name = "FILE.png")]
    out: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    /// The label of the pictures, for a model that is told labels
    #[arg(long, value_name = "N")]
    label: Option<u32>,
}

/// Writes the way from one picture to another, as a strip and as an animation that goes there and
/// back: along a sphere where codes are normally distributed, else straight.
///
/// # Errors
/// When a picture cannot be read, an option makes no sense, the device fails, or a file cannot be
/// written.
pub fn interpolate(args: &InterpolateArgs) -> Result<()> {
    check_steps(args.steps)?;
    let mut trained = args.model.load()?;
    trained.labels(args.label, args.steps)?;
    let shape = trained.model().images();
    let ends = Pictures::read(&[args.from.clone(), args.to.clone()], shape)?;
    if ends.count() != 2 {
        return Err(Error::option("A B", "takes two pictures, not folders of them"));
    }
    notes::channels(&ends.paths, trained.model());
    notes::parts(&ends.paths, trained.config());
    let made = trained.interpolate(&ends.images, args.steps, args.label)?;
    let strip = args.out.clone().unwrap_or_else(|| {
        trained.folder().path().join(format!("{}.png", names(&ends.paths).join("-")))
    });
    let animation = strip.with_extension("gif");
    if animation == strip {
        let what = format!("is {}, as the animation will be; name it .png", strip.display());
        return Err(Error::option("--out", what));
    }
    plot::save_png(&strip, &plot::strips(std::slice::from_ref(&made))?)?;
    save_gif(&animation, &made, shape)?;
    say(format_args!("written to {} and {}", strip.display(), animation.display()));
    Ok(())
}

/// Pictures one after the other, there and back, for ever.
fn save_gif(path: &Path, images: &Tensor, shape: ImageShape) -> Result<()> {
    let invalid = |error| Error::file(path, format!("cannot be encoded as GIF: {error}"));
    let there: Vec<Frame> = images
        .data()
        .chunks(shape.elements())
        .map(|image| frame(&Raster::of_numbers(image, shape)))
        .collect();
    let back = there.iter().rev().skip(1).take(there.len().saturating_sub(2));
    let mut bytes = Cursor::new(vec![]);
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.set_repeat(Repeat::Infinite).map_err(invalid)?;
    encoder.encode_frames(there.iter().chain(back).cloned()).map_err(invalid)?;
    drop(encoder);
    write_atomically(path, |out| out.write_all(bytes.get_ref()))
}

/// A picture as long as it is shown, small ones enlarged pixel by pixel.
fn frame(picture: &Raster) -> Frame {
    let (width, height) = (picture.shape.width as u32, picture.shape.height as u32);
    let times = (SIDE / width.max(height).max(1)).max(1);
    let large = picture.to_image();
    let large = large.resize_exact(width * times, height * times, imageops::FilterType::Nearest);
    Frame::from_parts(large.into_rgba8(), 0, 0, Delay::from_saturating_duration(SHOWN))
}
