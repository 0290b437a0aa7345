//! How pictures of other proportions are brought to one size.

use image::imageops::{FilterType, crop_imm, overlay, replace, resize};
use image::{DynamicImage, ImageBuffer, Luma};

/// How a picture is brought to a size whose proportions are not its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Stretched, so that no part goes unseen.
    #[default]
    Stretch,
    /// Scaled until it covers the size, of which the middle is taken.
    Crop,
    /// Scaled until it lies within the size, in the middle of black.
    Pad,
}

impl Fit {
    /// The picture in this size, by Lanczos's filter.
    pub(super) fn bring(self, image: DynamicImage, width: u32, height: u32) -> DynamicImage {
        let size = (image.width(), image.height());
        if size == (width, height) {
            return image;
        }
        let (from, to) = self.parts(size, (width, height));
        // The part is cut first: all of a long picture may be too much when it is enlarged.
        let part = image.crop_imm(from.left, from.top, from.width, from.height);
        let part = part.resize_exact(to.width, to.height, FilterType::Lanczos3);
        if (to.width, to.height) == (width, height) {
            return part;
        }
        let mut whole = DynamicImage::new(width, height, part.color());
        overlay(&mut whole, &part, to.left.into(), to.top.into());
        whole
    }

    /// One channel in this size, likewise, with `around` where nothing of it comes to lie.
    pub(super) fn bring_plane(
        self,
        plane: &ImageBuffer<Luma<f32>, Vec<f32>>,
        (width, height): (u32, u32),
        around: f32,
    ) -> Vec<f32> {
        let (from, to) = self.parts(plane.dimensions(), (width, height));
        let part = crop_imm(plane, from.left, from.top, from.width, from.height).to_image();
        let part = resize(&part, to.width, to.height, FilterType::Lanczos3);
        let mut whole = ImageBuffer::from_pixel(width, height, Luma([around]));
        replace(&mut whole, &part, to.left.into(), to.top.into());
        whole.into_raw()
    }

    /// What is taken of a picture of a size, and where it goes in one of another size.
    fn parts(self, from: (u32, u32), to: (u32, u32)) -> (Part, Part) {
        match self {
            Self::Stretch => (Part::middle(from, from), Part::middle(to, to)),
            Self::Crop => (Part::middle(within(to, from), from), Part::middle(to, to)),
            Self::Pad => (Part::middle(from, from), Part::middle(within(from, to), to)),
        }
    }
}

/// A part of a picture.
struct Part {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

impl Part {
    /// The middle of a whole, of this size.
    fn middle((width, height): (u32, u32), whole: (u32, u32)) -> Self {
        Self { left: (whole.0 - width) / 2, top: (whole.1 - height) / 2, width, height }
    }
}

/// The largest size with the proportions of the first that lies within the second, of at least a pixel a
/// side.
fn within((width, height): (u32, u32), room: (u32, u32)) -> (u32, u32) {
    let scaled = |of: u32, by: u32, over: u32| {
        let rounded = (u64::from(of) * u64::from(by) + u64::from(over) / 2) / u64::from(over);
        // Below 2^32, as it is no longer than the room's side or nearly so.
        u32::try_from(rounded).unwrap_or(u32::MAX)
    };
    match u64::from(width) * u64::from(room.1) > u64::from(height) * u64::from(room.0) {
        true => (room.0, scaled(height, room.0, width).clamp(1, room.1)),
        false => (scaled(width, room.1, height).clamp(1, room.0), room.1),
    }
}

/// Whether proportions differ by more than a pixel's rounding would explain.
pub(super) fn differs((width, height): (u32, u32), to: (u32, u32)) -> bool {
    let ratio = f64::from(width) * f64::from(to.1) / (f64::from(height) * f64::from(to.0));
    !(0.98..=1.02).contains(&ratio)
}

#[cfg(test)]
mod tests {
    use image::GrayImage;

    use super::*;
    use crate::arithmetic::byte::number_of_byte;

    /// A picture that is dark, with a light square in the middle and light ends left and right.
    fn wide() -> DynamicImage {
        GrayImage::from_fn(80, 20, |x, y| {
            let middle = (35..45).contains(&x) && (5..15).contains(&y);
            Luma([if middle || !(10..70).contains(&x) { 250 } else { 50 }])
        })
        .into()
    }

    fn brought(fit: Fit, width: u32, height: u32) -> GrayImage {
        fit.bring(wide(), width, height).into_luma8()
    }

    #[test]
    fn stretching_keeps_all_cropping_the_middle_and_padding_adds_black() {
        // What is light, though a filter overshoots.
        let light = |image: &GrayImage, places: &[(u32, u32)]| -> Vec<bool> {
            places.iter().map(|place| image[*place][0] > 150).collect()
        };
        let stretched = brought(Fit::Stretch, 20, 20);
        assert_eq!(light(&stretched, &[(0, 10), (19, 10), (5, 10)]), [true, true, false]);
        let cropped = brought(Fit::Crop, 20, 20);
        assert_eq!(light(&cropped, &[(0, 10), (19, 10), (10, 10)]), [false, false, true]);
        for fit in [Fit::Stretch, Fit::Crop, Fit::Pad] {
            let gray = wide().into_luma8();
            let light = |x, y| Luma([number_of_byte(gray[(x, y)][0])]);
            let plane = ImageBuffer::from_fn(80, 20, light);
            let plane = fit.bring_plane(&plane, (20, 40), 0.0);
            for (one, other) in plane.iter().zip(brought(fit, 20, 40).into_raw()) {
                assert!((255.0 * one - f32::from(other)).abs() <= 1.0, "{fit:?}");
            }
        }
        let padded = brought(Fit::Pad, 40, 40);
        assert_eq!(light(&padded, &[(1, 20), (38, 20), (20, 20)]), [true; 3]);
        assert_eq!([padded[(1, 0)][0], padded[(1, 13)][0], padded[(38, 39)][0]], [0; 3]);
    }

    #[test]
    fn any_size_is_reached_from_any_other() {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (300, 2), (7, 5)] {
            for (from_width, from_height) in [(1, 1), (200, 1), (1, 200), (3, 5)] {
                for fit in [Fit::Stretch, Fit::Crop, Fit::Pad] {
                    let image = DynamicImage::new_luma8(from_width, from_height);
                    let brought = fit.bring(image, width, height);
                    assert_eq!((brought.width(), brought.height()), (width, height));
                }
            }
        }
    }

    #[test]
    fn rounding_is_no_difference_of_proportions() {
        assert!(!differs((640, 480), (64, 48)) && !differs((641, 480), (64, 48)));
        assert!(differs((200, 50), (64, 64)));
    }
}
