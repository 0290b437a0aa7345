//! IDX, the format of MNIST: a magic number, the axes as big-endian words, then the elements.
//!
//! Plain or gzipped, told apart by their first bytes. Images are unsigned bytes; labels may be whole
//! numbers of 32 bits too, with what else is known of an image behind each, as in QMNIST.

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
const WHOLE_NUMBER: u8 = 0x0c;
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

/// Reads the labels in the file at `path`, `[count]`: bytes, or whole numbers of 32 bits in the first
/// column of `[count, columns]`.
///
/// # Errors
/// As [`read`], and when a label is negative or above 255.
pub fn read_labels(path: &Path) -> Result<Array> {
    let (file, _) =
        file::open(path).map_err(|error| Error::file(path, format!("{error}; check it")))?;
    parse_labels(BufReader::new(file), path)
}

/// Reads IDX from `input`; `path` is for messages only.
///
/// # Errors
/// When the stream is cut off or damaged, is not IDX, holds other numbers than unsigned bytes,
/// declares no elements or more than [`MAX_FILE_BYTES`] (gzipped: [`MAX_UNPACKED_BYTES`]), or does not have as many as it declares.
pub fn parse(input: impl BufRead, path: &Path) -> Result<Array> {
    unpacked(input, path, |input, most| {
        let header = Header::read(input, path)?;
        header.check_kind(&[UNSIGNED_BYTE], path)?;
        header.array(input, most, path)
    })
}

/// Reads labels from `input`, as [`read_labels`].
///
/// # Errors
/// As [`parse`] and [`read_labels`].
pub fn parse_labels(input: impl BufRead, path: &Path) -> Result<Array> {
    unpacked(input, path, |input, most| {
        let header = Header::read(input, path)?;
        header.check_kind(&[UNSIGNED_BYTE, WHOLE_NUMBER], path)?;
        if header.kind == UNSIGNED_BYTE {
            return header.array(input, most, path);
        }
        let mut array = header.array(input, most, path)?;
        let columns = match array.axes[..] {
            [_] => 1,
            [_, columns] => columns,
            // As images in place of labels are, where they are put together.
            _ => return Ok(array),
        };
        let rows = array.bytes.chunks_exact(4 * columns);
        let label = |row: &[u8]| match row {
            [0, 0, 0, label, ..] => Ok(*label),
            _ => {
                let what = "holds labels that are negative or above 255; give the file of labels";
                Err(Error::file(path, what))
            }
        };
        array.bytes = rows.map(label).collect::<Result<_>>()?;
        array.axes.truncate(1);
        Ok(array)
    })
}

/// What `parse` makes of the input, of which it is told how many bytes may be read.
fn unpacked<T>(
    mut input: impl BufRead,
    path: &Path,
    parse: impl FnOnce(&mut dyn Read, u64) -> Result<T>,
) -> Result<T> {
    let start = input.fill_buf().map_err(|error| unreadable(&error, path))?;
    if start.starts_with(&GZIP_MAGIC) {
        parse(&mut MultiGzDecoder::new(input), MAX_UNPACKED_BYTES)
    } else {
        parse(&mut input, MAX_FILE_BYTES)
    }
}

/// What stands before the elements.
struct Header {
    /// The type of the elements.
    kind: u8,
    axes: Vec<u32>,
}

impl Header {
    fn read(mut input: &mut dyn Read, path: &Path) -> Result<Self> {
        let mut magic = [0; 4];
        read_header(&mut input, &mut magic, path)?;
        let [0, 0, kind, rank] = magic else {
            let what = format!(
                "not an IDX file: it starts with {magic:02x?}, where two zero bytes are expected; \
                 give files like train-images-idx3-ubyte.gz"
            );
            return Err(Error::file(path, what));
        };
        if rank == 0 {
            let what = "declares no axes, so it holds no images; get another copy";
            return Err(Error::file(path, what));
        }
        let mut axes = Vec::with_capacity(rank.into());
        for _ in 0..rank {
            let mut word = [0; 4];
            read_header(&mut input, &mut word, path)?;
            axes.push(u32::from_be_bytes(word));
        }
        Ok(Self { kind, axes })
    }

    fn check_kind(&self, kinds: &[u8], path: &Path) -> Result<()> {
        if kinds.contains(&self.kind) {
            return Ok(());
        }
        let what = format!(
            "holds numbers of IDX type {:#04x}; only unsigned bytes (0x08) are read, and whole \
             numbers (0x0c) as labels, so convert it",
            self.kind
        );
        Err(Error::file(path, what))
    }

    /// The elements, of which an array has as many bytes as they take.
    fn array(self, input: &mut dyn Read, most: u64, path: &Path) -> Result<Array> {
        let size = if self.kind == WHOLE_NUMBER { 4 } else { 1 };
        let expected = declared_bytes(&self.axes, most / size, path)?;
        let bytes = read_elements(input, expected, size, path)?;
        let axes = self.axes.into_iter().map(|axis| axis as usize).collect();
        Ok(Array { axes, bytes, path: path.to_path_buf() })
    }
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
fn read_elements(input: &mut dyn Read, expected: u64, size: u64, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let whole = expected * size;
    // One more than expected shows that there is too much, and makes gzip check its sum at the end.
    input.take(whole + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error, path))?;
    let found = bytes.len() as u64;
    if found != whole {
        let found = if found > whole { "more".to_owned() } else { (found / size).to_string() };
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
    Ok((shape, Images { pixels: images.bytes, labels, count, ..Images::default() }))
}
