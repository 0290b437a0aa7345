//! Gray TIFFs of floating-point numbers, or of whole numbers of more than 16 bits, for which the
//! `image` crate has no kind of picture.

use std::io::{Read, Seek};

use image::{DynamicImage, ImageBuffer, Luma};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::{ColorType, TiffError};

use super::levels::{Extremes, StoredRange};

/// A gray picture of numbers.
pub(super) struct Numbers {
    width: u32,
    height: u32,
    values: Vec<f64>,
    /// What is black and white unless it is said; none for signed numbers.
    usual: Option<StoredRange>,
}

/// The picture in a TIFF, if it is one of such numbers. Its numbers may take so many bytes.
///
/// # Errors
/// When it is damaged or larger.
pub(super) fn read(input: impl Read + Seek, most: u64) -> Result<Option<Numbers>, TiffError> {
    match decode(input, most) {
        Err(TiffError::UnsupportedError(_)) => Ok(None),
        decoded => decoded,
    }
}

fn decode(input: impl Read + Seek, most: u64) -> Result<Option<Numbers>, TiffError> {
    // Each number is kept in eight bytes.
    let numbers = usize::try_from(most / 8).unwrap_or(usize::MAX);
    let mut limits = Limits::default();
    limits.decoding_buffer_size = numbers;
    limits.intermediate_buffer_size = numbers;
    let mut decoder = Decoder::new(input)?.with_limits(limits);
    let (width, height) = decoder.dimensions()?;
    if !matches!(decoder.colortype()?, ColorType::Gray(_)) {
        return Ok(None);
    }
    fn all<T: Copy>(values: &[T], number: fn(T) -> f64) -> Vec<f64> {
        values.iter().map(|value| number(*value)).collect()
    }
    let (values, usual) = match decoder.read_image()? {
        DecodingResult::F16(values) => (all(&values, |value| value.to_f64()), Some(1.0)),
        DecodingResult::F32(values) => (all(&values, f64::from), Some(1.0)),
        DecodingResult::F64(values) => (values, Some(1.0)),
        DecodingResult::U32(values) => (all(&values, f64::from), Some(f64::from(u32::MAX))),
        DecodingResult::U64(values) => (all(&values, |value| value as f64), Some(u64::MAX as f64)),
        DecodingResult::I8(values) => (all(&values, f64::from), None),
        DecodingResult::I16(values) => (all(&values, f64::from), None),
        DecodingResult::I32(values) => (all(&values, f64::from), None),
        DecodingResult::I64(values) => (all(&values, |value| value as f64), None),
        DecodingResult::U8(_) | DecodingResult::U16(_) => return Ok(None),
    };
    let usual = usual.and_then(|most| StoredRange::new(0.0, most).ok());
    let is_whole = values.len() as u64 == u64::from(width) * u64::from(height);
    Ok(is_whole.then_some(Numbers { width, height, values, usual }))
}

impl Numbers {
    /// The picture in gray, and what is in it, where it is said or usual what black and white are.
    pub fn gray(self, range: Option<StoredRange>) -> Option<(DynamicImage, Option<Extremes>)> {
        let Self { width, height, values, usual } = self;
        let range = range.or(usual)?;
        let extremes = usual.map(|usual| Extremes::of(values.iter().copied(), usual));
        let words = values.into_iter().map(|value| range.word(value)).collect();
        let image = ImageBuffer::<Luma<u16>, Vec<u16>>::from_raw(width, height, words)?;
        Some((image.into(), extremes))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tiff::encoder::{TiffEncoder, colortype};

    use super::*;

    fn file<C: colortype::ColorType>(values: &[C::Inner]) -> Cursor<Vec<u8>>
    where
        [C::Inner]: tiff::encoder::TiffValue,
    {
        let mut file = Cursor::new(vec![]);
        let mut encoder = TiffEncoder::new(&mut file).expect("memory takes it");
        encoder.write_image::<C>(2, 2, values).expect("memory takes it");
        file.set_position(0);
        file
    }

    fn words(file: Cursor<Vec<u8>>, range: Option<&str>) -> Option<Vec<u16>> {
        let range = range.map(|text| text.parse().expect("a range"));
        let numbers = read(file, 1 << 20).expect("whole").expect("numbers");
        numbers.gray(range).map(|(image, _)| image.into_luma16().into_raw())
    }

    #[test]
    fn numbers_are_brought_to_words_by_the_range() {
        let floats = || file::<colortype::Gray32Float>(&[0.0, 0.5, 1.0, f32::NAN]);
        assert_eq!(words(floats(), None), Some(vec![0, 32768, 65535, 0]));
        assert_eq!(words(floats(), Some("0.5-1")), Some(vec![0, 0, 65535, 0]));
        let whole = || file::<colortype::Gray32>(&[0, u32::MAX, 500, 1000]);
        assert_eq!(words(whole(), Some("0-1000")), Some(vec![0, 65535, 32768, 65535]));
        let signed = || file::<colortype::GrayI16>(&[-100, 0, 100, 50]);
        assert_eq!(words(signed(), None), None);
        assert_eq!(words(signed(), Some("-100-100")), Some(vec![0, 32768, 65535, 49151]));
    }

    #[test]
    fn others_are_not_taken_and_large_ones_not_read() {
        let bytes = file::<colortype::Gray8>(&[1, 2, 3, 4]);
        assert!(read(bytes, 1 << 20).expect("whole").is_none());
        assert!(read(file::<colortype::Gray32Float>(&[0.0; 4]), 64).is_err());
    }
}
