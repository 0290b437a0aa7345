//! `diabolo compress` and `diabolo decompress`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::model::ModelArgs;
use super::notes;
use crate::error::{Error, Result};
use crate::file::write_atomically;
use crate::models::Model;
use crate::run::say;
use crate::tasks::codec::{Damage, container, damaged, hexadecimal};
use crate::tasks::{Codec, Header, Raster};

/// The most bytes of a file that is read.
const MOST_BYTES: u64 = 1 << 30;

/// The options of `diabolo compress`.
#[derive(Clone, Debug, clap::Args)]
pub struct CompressArgs {
    /// The picture to compress
    #[arg(value_name = "IN")]
    input: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// The file to write [default: the picture's name, ending in .dia]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also print what the file costs, and how near its picture comes
    #[arg(long)]
    info: bool,
}

/// The options of `diabolo decompress`.
#[derive(Clone, Debug, clap::Args)]
pub struct DecompressArgs {
    /// The .dia file
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The folder of the run whose model wrote the file
    #[arg(short, long, value_name = "RUN", required_unless_present = "info")]
    model: Option<PathBuf>,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    device: String,
    /// The PNG to write [default: the file's name, ending in .png]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print what the file says of itself, and write nothing
    #[arg(long, conflicts_with_all = ["model", "out"])]
    info: bool,
}

/// Compresses a picture.
///
/// # Errors
/// When the picture or the model cannot be read, the model's codes are no whole numbers, the file
/// cannot be written, or the device fails.
pub fn compress(args: &CompressArgs) -> Result<()> {
    let picture = Raster::read(&args.input)?;
    let trained = args.model.load()?;
    let mut codec = Codec::new(trained)?;
    let inputs = std::slice::from_ref(&args.input);
    notes::channels(inputs, codec.model());
    notes::of_compression(inputs);
    let picture = for_model(picture, codec.model());
    let bytes = codec.compress(&picture)?;
    let out = args.out.clone().unwrap_or_else(|| args.input.with_extension("dia"));
    write_atomically(&out, |file| file.write_all(&bytes))?;
    let (header, payload) = container::read(&bytes).map_err(|damage| damaged(&out, &damage))?;
    let bits = header.bits_per_pixel(bytes.len());
    say(format_args!("{}: {} bytes, {bits:.4} bits per pixel", out.display(), bytes.len()));
    if args.info {
        describe(&header, bytes.len(), payload.len());
        let decoded = codec.decompress(&bytes, &out)?;
        say(format_args!("  PSNR            {:.3} dB", picture.psnr(&decoded)));
    }
    Ok(())
}

/// Brings a compressed picture back, or says what its file says of itself.
///
/// # Errors
/// When the file is damaged or needs another model, the picture cannot be written, or the device
/// fails.
pub fn decompress(args: &DecompressArgs) -> Result<()> {
    let bytes = read(&args.input)?;
    let (header, payload) =
        container::read(&bytes).map_err(|damage| damaged(&args.input, &damage))?;
    let model = match (&args.model, args.info) {
        (Some(model), false) => model,
        (None, false) => return Err(Error::option("--model", "is needed, or --info")),
        (_, true) => {
            describe(&header, bytes.len(), payload.len());
            return Ok(());
        }
    };
    let out = args.out.clone().unwrap_or_else(|| args.input.with_extension("png"));
    let mut codec = Codec::load(model, &args.device.parse()?)?;
    codec.decompress(&bytes, &args.input)?.save(&out)?;
    say(format_args!("{}: {}", out.display(), header.image));
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
    say(format_args!("  model           {}", hexadecimal(&header.model)));
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
