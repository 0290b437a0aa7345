//! IDX, the format of MNIST: a magic number, the axes as big-endian words, then the elements.
//!
//! Plain or gzipped, told apart by their first bytes. Only unsigned bytes are read, which is what
//! every image set in this format holds.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::dataset::Images;
use crate::error::{Error, Result};
use crate::file;
use crate::shape::{ImageShape, MAX_SIDE};

/// The most elements of a file.
pub const MAX_FILE_BYTES: u64 = 1 << 32;

/// The most elements of a gzipped file: gzip makes a thousand bytes of one, so that a small file could
/// fill a machine's memory.
pub const MAX_UNPACKED_BYTES: u64 = 1 << 30;

const UNSIGNED_BYTE: u8 = 0x08;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The contents of an IDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// The sizes of the axes, outermost first. None is zero.
    pub axes: Vec<usize>,
    /// The elements, row-major.
    pub bytes: Vec<u8>,
    /// The file, for messages.
    path: PathBuf,
}

/// Reads the file at `path`.
///
/// # Errors
/// When it cannot be opened, and as [`parse`].
pub fn read(path: &Path) -> Result<Array> {
    let (file, _) =
        file::open(path).map_err(|error| Error::file(path, format!("{error}; check it")))?;
    parse(BufReader::new(file), path)
}

/// Reads IDX from `input`; `path` is for messages only.
///
/// # Errors
/// When the stream is cut off or damaged, is not IDX, holds other numbers than unsigned bytes,
/// declares no elements or more than [`MAX_FILE_BYTES`] (gzipped: [`MAX_UNPACKED_BYTES`]), or does not have as many as it declares.
pub fn parse(mut input: impl BufRead, path: &Path) -> Result<Array> {
    let start = input.fill_buf().map_err(|error| unreadable(&error, path))?;
    if start.starts_with(&GZIP_MAGIC) {
        parse_plain(MultiGzDecoder::new(input), MAX_UNPACKED_BYTES, path)
    } else {
        parse_plain(input, MAX_FILE_BYTES, path)
    }
}

fn parse_plain(mut input: impl Read, most: u64, path: &Path) -> Result<Array> {
    let mut magic = [0; 4];
    read_header(&mut input, &mut magic, path)?;
    let [0, 0, kind, rank] = magic else {
        let what = format!(
            "not an IDX file: it starts with {magic:02x?}, where two zero bytes are expected; \
             give files like train-images-idx3-ubyte.gz"
        );
        return Err(Error::file(path, what));
    };
    if kind != UNSIGNED_BYTE {
        let what = format!(
            "holds numbers of IDX type {kind:#04x}; only unsigned bytes (0x08) are read, so \
             convert it"
        );
        return Err(Error::file(path, what));
    }
    if rank == 0 {
        return Err(Error::file(path, "declares no axes, so it holds no images; get another copy"));
    }
    let mut axes = Vec::with_capacity(rank.into());
    for _ in 0..rank {
        let mut word = [0; 4];
        read_header(&mut input, &mut word, path)?;
        axes.push(u32::from_be_bytes(word));
    }
    let expected = declared_bytes(&axes, most, path)?;
    let bytes = read_elements(input, expected, path)?;
    let axes = axes.into_iter().map(|axis| axis as usize).collect();
    Ok(Array { axes, bytes, path: path.to_path_buf() })
}

fn read_header(input: &mut impl Read, bytes: &mut [u8], path: &Path) -> Result<()> {
    input.read_exact(bytes).map_err(|error| unreadable(&error, path))
}

fn declared_bytes(axes: &[u32], most: u64, path: &Path) -> Result<u64> {
    if axes.contains(&0) {
        let what = format!("declares the sizes {axes:?}, so it is empty; get another copy");
        return Err(Error::file(path, what));
    }
    axes.iter()
        .try_fold(1, |bytes: u64, &axis| bytes.checked_mul(axis.into()))
        .filter(|&bytes| bytes <= most)
        .ok_or_else(|| {
            let to_do = if most < MAX_FILE_BYTES { "unpack it with gunzip, or " } else { "" };
            let what = format!(
                "declares the sizes {axes:?}, more than the {most} bytes that are read; if that is \
                 meant, {to_do}split the file"
            );
            Error::file(path, what)
        })
}

/// Memory grows with what is really there, so a header that lies costs nothing.
fn read_elements(input: impl Read, expected: u64, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more than expected shows that there is too much, and makes gzip check its sum at the end.
    input.take(expected + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error, path))?;
    let found = bytes.len() as u64;
    if found != expected {
        let found = if found > expected { "more".to_owned() } else { found.to_string() };
        let what = format!(
            "declares {expected} elements but holds {found}; it is cut off or damaged, get \
             another copy"
        );
        return Err(Error::file(path, what));
    }
    bytes.shrink_to_fit();
    Ok(bytes)
}

fn unreadable(error: &io::Error, path: &Path) -> Error {
    let what = match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            "ends too early: the file is cut off; get another copy".into()
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("the gzip stream is damaged ({error}); get another copy")
        }
        _ => format!("cannot be read: {error}"),
    };
    Error::file(path, what)
}

/// Puts images, `[count, height, width]` or `[count, channels, height, width]`, and their labels,
/// `[count]`, together.
///
/// # Errors
/// When either has other axes, when their counts differ, and when images are neither gray nor RGB.
pub fn pair(images: Array, labels: Array) -> Result<(ImageShape, Images)> {
    let (count, channels, height, width) = match images.axes[..] {
        [count, height, width] => (count, 1, height, width),
        [count, channels @ (1 | 3), height, width] => (count, channels, height, width),
        _ => {
            let what = format!(
                "holds an array of {:?}, where images are [count, height, width], or [count, \
                 channels, height, width] with 1 or 3 channels; give the file of images",
                images.axes
            );
            return Err(Error::file(images.path, what));
        }
    };
    if height > MAX_SIDE || width > MAX_SIDE {
        let what = format!("holds images of {width}x{height}; at most {MAX_SIDE} a side are read");
        return Err(Error::file(images.path, what));
    }
    if labels.axes.len() != 1 {
        let axes = labels.axes;
        let what = format!("holds an array of {axes:?}, where labels are [count]; give the labels");
        return Err(Error::file(labels.path, what));
    }
    if labels.axes[0] != count {
        let what = format!(
            "holds {} labels, but {} holds {count} images; give files that belong together",
            labels.axes[0],
            images.path.display()
        );
        return Err(Error::file(labels.path, what));
    }
    let labels = Some(labels.bytes.into_iter().map(u32::from).collect());
    let shape = ImageShape { channels, height, width };
    Ok((shape, Images { pixels: images.bytes, labels, count, files: vec![] }))
}
