//! NumPy's `.npy` files: one array each, a header in Python's notation before its numbers
//! (`numpy/lib/format.py`, versions 1.0 to 3.0).

use std::io::Read;

use super::header::{Family, Header, Kind};
use super::problem::{Parsed, Problem};
use crate::error::Result;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What every file begins with.
pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The most bytes of a header; those of plain arrays have some 100.
const MAX_HEADER_BYTES: u64 = 1 << 16;
/// Numbers that are converted to or from bytes at a time.
pub(super) const CHUNK: usize = 1 << 14;

/// An array as it is stored, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// How its numbers were stored.
    pub kind: Kind,
    /// The sizes of its axes.
    pub shape: Shape,
    /// As many numbers as the shape has.
    pub numbers: Numbers,
}

/// The numbers of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Those of a byte from 0 up, and truths as 1 and 0.
    Bytes(Vec<u8>),
    /// All others, rounded to f32 where that does not hold them.
    Reals(Vec<f32>),
}

impl Array {
    /// The same as a tensor.
    ///
    /// # Errors
    /// When there are not as many numbers as the shape has.
    pub fn into_tensor(self) -> Result<Tensor> {
        let numbers = match self.numbers {
            Numbers::Bytes(bytes) => bytes.into_iter().map(f32::from).collect(),
            Numbers::Reals(numbers) => numbers,
        };
        Tensor::new(self.shape, numbers)
    }
}

/// The array in `source`, which is `length` bytes long. No more memory is asked for than it has bytes for.
pub(super) fn parse(source: &mut dyn Read, length: u64) -> Parsed<Array> {
    let (header, count) = read_header(source, length)?;
    let Header { kind, shape, by_columns } = header;
    let numbers = if kind.is_byte() {
        let mut bytes = vec![0; count];
        read_exact(source, &mut bytes)?;
        if kind.family() == Family::Truth {
            bytes.iter_mut().for_each(|byte| *byte = (*byte).min(1));
        }
        Numbers::Bytes(if by_columns { by_rows(&bytes, &shape) } else { bytes })
    } else {
        let numbers = read_numbers(source, kind, count)?;
        Numbers::Reals(if by_columns { by_rows(&numbers, &shape) } else { numbers })
    };
    Ok(Array { kind, shape, numbers })
}

/// What the header says, and how many numbers are behind it.
fn read_header(source: &mut dyn Read, length: u64) -> Parsed<(Header, usize)> {
    let mut start = [0; 8];
    read_exact(source, &mut start)?;
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
    Ok((header, count))
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
fn by_rows<T: Copy>(numbers: &[T], shape: &Shape) -> Vec<T> {
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
    source.read_exact(bytes).map_err(Problem::reading)
}

#[cfg(test)]
mod tests;
