//! Bytes of images as numbers.

/// What a number is of a byte, rounded.
pub const SHARE: f32 = 1.0 / 255.0;

/// The number in [0, 1] that a byte of an image stands for: the byte times 1 / 255, and 1 for 255.
///
/// A GPU's division may be some units of the last place off, its product is not; so both devices, and the
/// host, have the same numbers. The kernel is `shaders/batch/gather_images.wgsl`.
#[inline(always)]
pub fn number_of_byte(byte: u8) -> f32 {
    f32::from(byte) * SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_numbers_from_0_to_1_that_round_back() {
        assert_eq!([0, 255].map(number_of_byte), [0.0, 1.0]);
        for byte in 0..=255 {
            let (number, right) = (number_of_byte(byte), f64::from(byte) / 255.0);
            assert!((f64::from(number) - right).abs() <= 1e-7 * right, "{byte}: {number}");
            assert_eq!((255.0 * number).round() as u8, byte);
        }
    }
}
