//! Writing `.npy` files: f32, and whole numbers of 32 bits, in C's order.

use std::io::{self, Write};
use std::path::Path;

use super::array::{CHUNK, MAGIC};
use crate::error::Result;
use crate::file::writing::write_atomically;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Numbers begin at a multiple of this many bytes.
const ALIGNMENT: usize = 64;

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::reading::read;
    use super::*;

    #[test]
    fn headers_are_as_numpy_writes_them() {
        let bytes = header_bytes("<f4", &Shape::from([3]));
        assert_eq!(bytes.len(), 128);
        assert!(
            bytes[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }  ")
        );
        assert_eq!(bytes.last(), Some(&b'\n'));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            shape in prop::collection::vec(1_usize..6, 0..5),
            bits in prop::collection::vec(any::<u32>(), 5 * 5 * 5 * 5),
        ) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("array.npy");
            let shape = Shape::new(shape);
            let numbers = bits[..shape.elements()].iter().map(|bits| f32::from_bits(*bits)).collect();
            let tensor = Tensor::new(shape.clone(), numbers).expect("of this shape");
            write(&path, &tensor).expect("writable");
            let back = read(&path).expect("readable");
            prop_assert_eq!(back.shape(), tensor.shape());
            let bits_of = |tensor: &Tensor| tensor.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits_of(&back), bits_of(&tensor));

            let whole: Vec<u32> = bits[..shape.elements()].iter().map(|bits| bits >> 8).collect();
            write_whole(&path, &shape, &whole).expect("writable");
            let back = read(&path).expect("readable");
            prop_assert!(back.data().iter().zip(&whole).all(|(back, number)| *back == *number as f32));
        }
    }
}
