//! Reading and writing NumPy's `.npy` files: one array each, a header in Python's notation before its numbers
//! (`numpy/lib/format.py`, versions 1.0 to 3.0).

use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use super::header::{Header, Kind, Parsed, Problem};
use crate::error::{Error, Result};
use crate::file::{self, write_atomically};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What every file begins with.
const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The most bytes of a header; those of plain arrays have some 100.
const MAX_HEADER_BYTES: u64 = 1 << 16;
/// Numbers begin at a multiple of this many bytes.
const ALIGNMENT: usize = 64;
/// Numbers that are converted to or from bytes at a time.
const CHUNK: usize = 1 << 14;

/// Reads an array of real or whole numbers, rounded to f32 where that does not hold them.
///
/// # Errors
/// When the file cannot be read, is damaged, or holds something else, such as objects. No more memory is asked for than the file has bytes for.
pub fn read(path: &Path) -> Result<Tensor> {
    let (file, length) = file::open(path).map_err(|error| unreadable(path, &error))?;
    parse(&mut BufReader::new(file), length).map_err(|problem| refused(path, problem))
}

/// Reads the array of a file with these `bytes`; `path` is for messages only.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Tensor> {
    parse(&mut &*bytes, bytes.len() as u64).map_err(|problem| refused(path, problem))
}

fn refused(path: &Path, problem: Problem) -> Error {
    match problem {
        Problem::Damaged(why) => {
            let what = format!("is damaged or no .npy file ({why}); use another copy");
            Error::file(path, what)
        }
        Problem::Foreign(what) => Error::file(path, what),
        Problem::Io(error) => unreadable(path, &error),
    }
}

/// Writes the numbers of a tensor as f32.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, tensor: &Tensor) -> Result<()> {
    write_atomically(path, |out| write_to(out, tensor))
}

/// The same to anything that takes bytes, such as standard output.
///
/// # Errors
/// When it cannot be written.
pub fn write_to(out: &mut dyn Write, tensor: &Tensor) -> io::Result<()> {
    write_numbers(out, "<f4", tensor.shape(), tensor.data(), |number| {
        number.to_bits().to_le_bytes()
    })
}

/// Writes whole numbers, such as the numbers of codes in a codebook, as signed ones of 32 bits.
///
/// # Errors
/// When the shape does not have as many numbers, one is above 2^31, or the file cannot be written.
pub fn write_whole(path: &Path, shape: &Shape, numbers: &[u32]) -> Result<()> {
    write_atomically(path, |out| write_whole_to(out, shape, numbers))
}

/// The same to anything that takes bytes, such as standard output.
///
/// # Errors
/// When the shape does not have as many numbers, one is above 2^31, or it cannot be written.
pub fn write_whole_to(out: &mut dyn Write, shape: &Shape, numbers: &[u32]) -> io::Result<()> {
    if let Some(number) = numbers.iter().find(|number| i32::try_from(**number).is_err()) {
        return Err(io::Error::other(format!("it cannot hold the number {number}")));
    }
    write_numbers(out, "<i4", shape, numbers, |number| number.to_le_bytes())
}

fn write_numbers<T: Copy>(
    out: &mut dyn Write,
    descr: &str,
    shape: &Shape,
    numbers: &[T],
    bytes_of: impl Fn(T) -> [u8; 4],
) -> io::Result<()> {
    if shape.elements() != numbers.len() {
        let what = format!("{} numbers do not fill the shape {shape}", numbers.len());
        return Err(io::Error::other(what));
    }
    out.write_all(&header_bytes(descr, shape))?;
    let mut bytes = Vec::with_capacity(4 * CHUNK);
    for chunk in numbers.chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|number| bytes_of(*number)));
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// A header of version 1.0, padded with spaces as NumPy pads it.
fn header_bytes(descr: &str, shape: &Shape) -> Vec<u8> {
    // A tuple of one has a comma of its own.
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let tuple = if sizes.len() == 1 { format!("{},", sizes[0]) } else { sizes.join(", ") };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({tuple}), }}");
    let before = MAGIC.len() + 4;
    let padded = (before + text.len() + 1).next_multiple_of(ALIGNMENT);
    text.extend(std::iter::repeat_n(' ', padded - before - text.len() - 1));
    text.push('\n');
    // A shape has few axes, so that its header is far below 64 KiB.
    let length = text.len() as u16;
    [&MAGIC[..], &[1, 0], &length.to_le_bytes(), text.as_bytes()].concat()
}

/// The array in `source`, which is `length` bytes long.
fn parse(source: &mut dyn Read, length: u64) -> Parsed<Tensor> {
    let mut start = [0; 8];
    read_exact(source, &mut start)?;
    if start.starts_with(b"PK\x03\x04") {
        let what = "is an archive of arrays (.npz); save the one that is meant with numpy.save";
        return Err(Problem::Foreign(what.into()));
    }
    if start[..6] != MAGIC[..] {
        return Err(Problem::Damaged("it does not begin as one".into()));
    }
    let width = match start[6..] {
        [1, 0] => 2,
        [2 | 3, 0] => 4,
        [major, minor, ..] => {
            let what = format!("has version {major}.{minor}; this program reads 1.0 to 3.0");
            return Err(Problem::Foreign(format!("{what}; save it anew with numpy.save")));
        }
        _ => return Err(Problem::Damaged("it has no version".into())),
    };
    let mut size = [0; 4];
    read_exact(source, &mut size[..width])?;
    let size = u64::from(u32::from_le_bytes(size));
    let left = length.saturating_sub(8 + width as u64);
    if size > left || size > MAX_HEADER_BYTES {
        return Err(Problem::Damaged(format!("its header claims {size} bytes")));
    }
    let mut text = vec![0; size as usize];
    read_exact(source, &mut text)?;
    let header = Header::parse(&text)?;
    let count = header.count()?;
    let needed = (count as u64).checked_mul(header.kind.bytes() as u64);
    if needed != Some(left - size) {
        let what = format!("it has {} bytes for {count} numbers", left - size);
        return Err(Problem::Damaged(what));
    }
    let mut numbers = read_numbers(source, header.kind, count)?;
    if header.by_columns {
        numbers = by_rows(&numbers, &header.shape);
    }
    Tensor::new(header.shape, numbers).map_err(|error| Problem::Damaged(error.to_string()))
}

fn read_numbers(source: &mut dyn Read, kind: Kind, count: usize) -> Parsed<Vec<f32>> {
    let mut numbers = Vec::with_capacity(count);
    let mut bytes = vec![0; CHUNK.min(count) * kind.bytes()];
    while numbers.len() < count {
        let part = (count - numbers.len()).min(CHUNK);
        let bytes = &mut bytes[..part * kind.bytes()];
        read_exact(source, bytes)?;
        numbers.extend(bytes.chunks_exact(kind.bytes()).map(|bytes| kind.number(bytes)));
    }
    Ok(numbers)
}

/// Numbers whose first index runs fastest, so that the last one does.
fn by_rows(numbers: &[f32], shape: &Shape) -> Vec<f32> {
    let mut steps = Vec::with_capacity(shape.rank());
    let mut step = 1;
    for size in shape.iter() {
        steps.push(step);
        step *= size;
    }
    let mut index = vec![0; shape.rank()];
    let mut at = 0;
    let mut ordered = Vec::with_capacity(numbers.len());
    for _ in 0..numbers.len() {
        ordered.push(numbers[at]);
        for axis in (0..shape.rank()).rev() {
            index[axis] += 1;
            at += steps[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= steps[axis] * index[axis];
            index[axis] = 0;
        }
    }
    ordered
}

fn read_exact(source: &mut dyn Read, bytes: &mut [u8]) -> Parsed<()> {
    source.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Problem::Damaged("it ends too early".into()),
        _ => Problem::Io(error),
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::file(path, "does not exist; name a file of codes"),
        io::ErrorKind::InvalidInput => {
            Error::file(path, "is not a file; name an array that numpy.save wrote")
        }
        _ => Error::file(path, format!("cannot be read: {error}; use another copy")),
    }
}

#[cfg(test)]
mod tests;
