//! `diabolo compress` and `diabolo decompress`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::codecs::Codecs;
use super::destinations::{Destinations, Places};
use super::notes;
use super::outputs::{files_of_run, still_to_do};
use crate::error::{Error, Result};
use crate::models::Model;
use crate::run::say;
use crate::tasks::codec::{Damage, container, damaged};
use crate::tasks::files::Input;
use crate::tasks::{Codec, Header, Pictures, Quality, Raster, Trained};

/// The most bytes of a file that is read.
const MOST_BYTES: u64 = 1 << 30;

/// How names of compressed pictures end.
const ENDING: &str = "dia";

/// The options of `diabolo compress`.
#[derive(Clone, Debug, clap::Args)]
pub struct CompressArgs {
    /// Pictures, or folders of them
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// The folder of a finished run, or the name of a built-in model [default: codec, and codec-gray for gray pictures]
    #[arg(short, long, value_name = "RUN")]
    model: Option<PathBuf>,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    device: String,
    /// The file to write for one picture, - for standard output; else the folder for files named
    /// after their pictures, in sub-folders as they are [default: beside each, ending in .dia]
    #[arg(short, long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    /// Write over files that are there and no .dia files, also over the pictures themselves
    #[arg(long)]
    overwrite: bool,
    /// Leave out pictures of which the .dia file is there already
    #[arg(long, conflicts_with = "overwrite")]
    skip_existing: bool,
    /// From 1, the smallest files, to 8, the best pictures
    #[arg(long, value_name = "1..8", default_value_t)]
    quality: Quality,
    /// Rounds in which the code is fitted to its picture: better pictures of as many bytes, which take no longer to read
    #[arg(long, value_name = "ROUNDS", default_value_t = 0)]
    effort: usize,
    /// Also print what the file costs, and how near its picture comes
    #[arg(long)]
    info: bool,
}

/// The options of `diabolo decompress`.
#[derive(Clone, Debug, clap::Args)]
pub struct DecompressArgs {
    /// .dia files, or folders of them
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// The folder of the run whose model wrote the file [default: the built-in model that did]
    #[arg(short, long, value_name = "RUN")]
    model: Option<PathBuf>,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    device: String,
    /// The picture to write for one file, in the format of its ending, - for standard output; else the
    /// folder for PNGs named after their files, in sub-folders as they are [default: beside each,
    /// ending in .png]
    #[arg(short, long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    /// Write over pictures that are there under the name of a file, too
    #[arg(long)]
    overwrite: bool,
    /// Leave out files of which the picture is there already
    #[arg(long, conflicts_with = "overwrite")]
    skip_existing: bool,
    /// Print what files say of themselves, and write nothing
    #[arg(long, conflicts_with_all = ["model", "out", "device", "overwrite", "skip_existing"])]
    info: bool,
}

/// Compresses pictures, each to a file of its own.
///
/// # Errors
/// When a picture or the model cannot be read, the model's codes are no whole numbers, a file that is
/// no such one would be written over, one cannot be written, or the device fails.
pub fn compress(args: &CompressArgs) -> Result<()> {
    let places = Destinations::choose(&args.inputs, args.out.as_deref())?;
    let inputs = Input::pictures(&args.inputs, places.folder())?;
    let device = args.device.parse()?;
    let (mut read, mut range, mut named) = (vec![], None, None);
    if let Some(model) = &args.model {
        let trained = Trained::load(model, &device)?;
        trained.check_pixels()?;
        read = files_of_run(trained.folder().path());
        range = trained.config().range;
        named = Some(Codec::new(trained)?.with_quality(args.quality)?.with_effort(args.effort)?);
    }
    let is_replaceable = |path: &Path, _: bool| container::is_one(path);
    let places = places.prepare(&inputs, ENDING, &read, args.overwrite, is_replaceable)?;
    let left = left(&places, inputs.len(), args.skip_existing);
    let read_from: Vec<PathBuf> = left.iter().map(|number| inputs[*number].path.clone()).collect();
    Pictures::check(&read_from)?;
    if let Some(codec) = &named {
        notes::channels(&read_from, codec.model());
    }
    notes::of_compression(&read_from);
    let mut codecs = Codecs::new(named, device);
    for (number, path) in left.iter().zip(&read_from) {
        let picture = Raster::read_within(path, range)?;
        let is_gray = picture.shape.channels == 1;
        let codec = codecs.for_picture(is_gray, args.quality, args.effort)?;
        let picture = for_model(picture, codec.model());
        let bytes = codec.compress(&picture)?;
        let out = places.write(*number, &bytes)?;
        let path = Path::new(&out);
        let (header, payload) = container::read(&bytes).map_err(|damage| damaged(path, &damage))?;
        let bits = header.bits_per_pixel(bytes.len());
        say(format_args!("{out}: {} bytes, {bits:.4} bits per pixel", bytes.len()));
        if args.info {
            describe(&header, bytes.len(), payload.len());
            let decoded = codec.decompress(&bytes, path)?;
            say(format_args!("  PSNR            {:.3} dB", picture.psnr(&decoded)));
        }
    }
    Ok(())
}

/// Brings compressed pictures back, or says what their files say of themselves.
///
/// # Errors
/// When a file is damaged or needs another model, a picture that is there would be written over, one
/// cannot be written, or the device fails.
pub fn decompress(args: &DecompressArgs) -> Result<()> {
    let places = Destinations::choose(&args.inputs, args.out.as_deref())?;
    let inputs = Input::ending_in(&args.inputs, ENDING, places.folder())?;
    if args.info {
        return inputs.iter().try_for_each(|input| tell(input, inputs.len() > 1));
    }
    // What is damaged is found before anything is opened for it.
    for input in &inputs {
        let bytes = read(&input.path)?;
        container::read(&bytes).map_err(|damage| damaged(&input.path, &damage))?;
    }
    let device = args.device.parse()?;
    let named = args.model.as_ref().map(|model| Codec::load(model, &device)).transpose()?;
    let read_too = args.model.as_ref().map(|model| files_of_run(model)).unwrap_or_default();
    let mut codecs = Codecs::new(named, device);
    // A name that was asked for may be replaced; one that was found may be that of the original.
    let is_replaceable = |_: &Path, is_asked_for: bool| is_asked_for || args.skip_existing;
    let places = places.prepare(&inputs, "png", &read_too, args.overwrite, is_replaceable)?;
    for number in left(&places, inputs.len(), args.skip_existing) {
        let input = &inputs[number];
        let bytes = read(&input.path)?;
        let (header, _) =
            container::read(&bytes).map_err(|damage| damaged(&input.path, &damage))?;
        let codec = codecs.for_file(&header, &input.path)?;
        let picture = codec.decompress(&bytes, &input.path)?;
        let out = places.write_picture(number, &picture.to_image())?;
        say(format_args!("{out}: {}", header.image));
    }
    Ok(())
}

/// Which of so many inputs there is something to do for.
fn left(places: &Places, inputs: usize, skip_existing: bool) -> Vec<usize> {
    match skip_existing {
        true => still_to_do(places.missing(), inputs),
        false => (0..inputs).collect(),
    }
}

/// Prints what a file says of itself, below its name where there are several.
fn tell(input: &Input, several: bool) -> Result<()> {
    let bytes = read(&input.path)?;
    let (header, payload) =
        container::read(&bytes).map_err(|damage| damaged(&input.path, &damage))?;
    if several {
        say(format_args!("{}", input.path.display()));
    }
    describe(&header, bytes.len(), payload.len());
    Ok(())
}

/// `picture` in gray, where the model knows no colours.
pub(super) fn for_model(picture: Raster, model: &Model) -> Raster {
    match picture.shape.channels <= model.images().channels {
        true => picture,
        false => picture.to_gray(),
    }
}

fn describe(header: &Header, bytes: usize, payload: usize) {
    let ([height, width], [channels, rows, columns]) = (header.cell, header.code);
    say(format_args!("  image           {}", header.image));
    say(format_args!(
        "  code            {channels} x {rows} x {columns}, by {width}x{height} pixels"
    ));
    say(format_args!("  quality         {}", header.quality));
    say(format_args!("  model           {}", header.writer));
    say(format_args!("  bytes           {bytes}, {payload} of them the code"));
    say(format_args!("  bits per pixel  {:.4}", header.bits_per_pixel(bytes)));
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |error: std::io::Error| Error::file(path, format!("cannot be read: {error}"));
    // Opening a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Error::file(path, "is not a file; name one that diabolo compress wrote"));
    }
    let mut bytes = vec![];
    let file = File::open(path).map_err(unreadable)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 > MOST_BYTES {
        true => Err(damaged(path, &Damage("it is larger than any".into()))),
        false => Ok(bytes),
    }
}
