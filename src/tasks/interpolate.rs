//! The way from one picture to another through a model's codes.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, imageops};

use super::inputs::{Pictures, names};
use super::raster::Raster;
use super::trained::{ModelArgs, Trained};
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::file::write_atomically;
use crate::inference::latent;
use crate::plot;
use crate::run::say;
use crate::tensor::Tensor;

/// The most pictures of one way.
const MOST: usize = 1000;
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

impl Trained {
    /// The way from the first of two images to the second, `[2, channels, height, width]`, through
    /// their codes: `steps` images from 2 on, with both ends as the model makes them. It goes along a
    /// sphere where codes are normally distributed (variational models), else straight.
    ///
    /// # Errors
    /// When there are not two images of the model's size, or fewer than 2 or more than 1000 steps, the
    /// label is missing or has no effect, or the device fails.
    pub fn interpolate(
        &mut self,
        ends: &Tensor,
        steps: usize,
        label: Option<u32>,
    ) -> Result<Tensor> {
        check_steps(steps)?;
        if ends.shape().first() != Some(&2) {
            let what = "takes two images, [2, channels, height, width]";
            return Err(Error::shape("interpolate", what, &[ends.shape()]));
        }
        let labels = self.labels(label, steps)?;
        let is_variational = self.model().is_variational();
        let between = if is_variational { latent::spherical } else { latent::linear };
        let mut inference = self.inference();
        let codes = inference.encode(ends, labels.as_ref().map(|labels| &labels[..2]))?;
        let share = |step: usize| step as f32 / (steps - 1) as f32;
        let way: Vec<f32> =
            (0..steps).flat_map(|step| between(codes.row(0), codes.row(1), share(step))).collect();
        inference.decode(&way, labels.as_deref())
    }
}

fn check_steps(steps: usize) -> Result<()> {
    match (2..=MOST).contains(&steps) {
        true => Ok(()),
        false => Err(Error::option("--steps", format!("takes 2 to {MOST} pictures"))),
    }
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
