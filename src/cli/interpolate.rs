//! `diabolo interpolate`: the way from one picture to another, as a strip and as an animation.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, imageops};

use super::model::ModelArgs;
use super::notes;
use super::outputs::{Output, PictureFile, begin, files_of_run, is_folder, make_folder, save_all};
use crate::data::ImageShape;
use crate::error::{Error, Result, counted};
use crate::run::say;
use crate::tasks::files::{Outputs, stem};
use crate::tasks::interpolate::check_steps;
use crate::tasks::{Pictures, Raster, Trained};
use crate::tensor::Tensor;

/// How long an animation shows each.
const SHOWN: Duration = Duration::from_millis(80);

/// The side that small pictures are enlarged to, in an animation.
const SIDE: u32 = 128;

/// How colours of a frame are chosen, where there are over 256: 1 is slow, 30 is coarse.
const SPEED: i32 = 10;

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
    /// The strip to write, in the format of its ending; the animation stands beside it, as .gif. The
    /// animation alone, as in way.gif; a folder, as in way/, for 0000.png and on; - for the strip on
    /// standard output [default: A-B.png in the run folder]
    #[arg(short, long, value_name = "FILE|DIR/")]
    out: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    /// The label of the pictures, for a model that is told labels
    #[arg(long, value_name = "NAME|N")]
    label: Option<String>,
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
    trained.check_pixels()?;
    let label = trained.label(args.label.as_deref())?;
    trained.labels(label, args.steps)?;
    let shape = trained.model().images();
    let ends = Pictures::read(&[args.from.clone(), args.to.clone()], trained.config().intake())?;
    if ends.count() != 2 {
        return Err(Error::option("A B", "takes two pictures, not folders of them"));
    }
    notes::channels(&ends.paths, trained.model());
    notes::parts(&ends.paths, trained.config());
    let strip = args.out.clone().unwrap_or_else(|| {
        let name = format!("{}-{}.png", stem(&args.from), stem(&args.to));
        trained.folder().path().join(name)
    });
    let place = Place::prepare(&strip, &trained, args)?;
    let made = trained.interpolate(&ends.images, args.steps, label)?;
    match place {
        Place::Strip(picture, animation) => {
            picture.write_sheet(&made, args.steps)?;
            match animation {
                Some(animation) => {
                    save_gif(&animation, &made, shape)?;
                    say(format_args!("written to {} and {animation}", picture.file()));
                }
                None => say(format_args!("written to {}", picture.file())),
            }
        }
        Place::Animation(animation) => {
            save_gif(&animation, &made, shape)?;
            say(format_args!("written to {animation}"));
        }
        Place::Singly(outputs) => {
            save_all(&made, shape, &outputs, 0)?;
            let count = counted(args.steps, "picture");
            say(format_args!("{count} written to {}", strip.display()));
        }
    }
    Ok(())
}

/// Where pictures of a way go.
enum Place {
    /// Beside each other, and into an animation where a file can stand beside it.
    Strip(PictureFile, Option<Output>),
    /// One after the other.
    Animation(Output),
    /// Each into its own.
    Singly(Outputs),
}

impl Place {
    fn prepare(out: &Path, trained: &Trained, args: &InterpolateArgs) -> Result<Self> {
        let ends = [args.from.clone(), args.to.clone()];
        if is_folder(out) {
            let outputs = Outputs::counted(out, args.steps);
            begin(&outputs, &[], &[&args.from, &args.to], false)?;
            make_folder(out)?;
            return Ok(Self::Singly(outputs));
        }
        let read = [&ends[..], &files_of_run(trained.folder().path())].concat();
        if out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gif")) {
            return Output::prepare(out, &read).map(Self::Animation);
        }
        let picture = PictureFile::prepare(out, &read)?;
        picture.check_sheet(trained.model().images(), args.steps, args.steps)?;
        // Beside a device, there is no place for another file.
        let strip = picture.file().path().filter(|path| path.is_file() || !path.exists());
        let animation = strip.map(|path| Output::prepare(&path.with_extension("gif"), &read));
        Ok(Self::Strip(picture, animation.transpose()?))
    }
}

/// Pictures one after the other, there and back, for ever.
fn save_gif(file: &Output, images: &Tensor, shape: ImageShape) -> Result<()> {
    let invalid =
        |error| Error::file(file.to_string(), format!("cannot be encoded as GIF: {error}"));
    let there: Vec<Frame> = images
        .data()
        .chunks(shape.elements())
        .map(|image| frame(&Raster::of_numbers(image, shape)))
        .collect();
    let back = there.iter().rev().skip(1).take(there.len().saturating_sub(2));
    let mut bytes = Cursor::new(vec![]);
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, SPEED);
    encoder.set_repeat(Repeat::Infinite).map_err(invalid)?;
    encoder.encode_frames(there.iter().chain(back).cloned()).map_err(invalid)?;
    drop(encoder);
    file.write(|out| out.write_all(bytes.get_ref()))
}

/// A picture as long as it is shown, small ones enlarged pixel by pixel.
fn frame(picture: &Raster) -> Frame {
    let (width, height) = (picture.shape.width as u32, picture.shape.height as u32);
    let times = (SIDE / width.max(height).max(1)).max(1);
    let large = picture.to_image();
    let large = large.resize_exact(width * times, height * times, imageops::FilterType::Nearest);
    Frame::from_parts(large.into_rgba8(), 0, 0, Delay::from_saturating_duration(SHOWN))
}
