//! Pictures that were all looked at before the work, so that none is done in vain, and are not decoded twice.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::deep_raster::DeepRaster;
use super::inputs::refuse;
use crate::data::DeepIntake;
use crate::error::Result;

/// Numbers of pictures that are held meanwhile. The others are decoded once more.
const MOST_NUMBERS: usize = 1 << 26;

/// Pictures that can be used, as many of them in memory as there is room for.
pub struct LookedOver {
    paths: Vec<PathBuf>,
    intake: DeepIntake,
    held: Vec<Option<DeepRaster>>,
}

impl LookedOver {
    /// Decodes the pictures of these files as `intake` says.
    ///
    /// # Errors
    /// When some cannot be used: all those are named.
    pub fn new(paths: &[PathBuf], intake: impl Into<DeepIntake>) -> Result<Self> {
        Self::holding(paths, intake.into(), MOST_NUMBERS)
    }

    fn holding(paths: &[PathBuf], intake: DeepIntake, most: usize) -> Result<Self> {
        let room = AtomicUsize::new(most);
        let kept = |picture: DeepRaster| {
            let numbers = picture.tensor().data().len();
            let less = |room: usize| room.checked_sub(numbers);
            let fits = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
            fits.then_some(picture)
        };
        let decoded = paths.par_iter().map(|path| DeepRaster::decode(path, intake).map(kept));
        let (mut held, mut faults) = (vec![], vec![]);
        for picture in decoded.collect::<Vec<_>>() {
            match picture {
                Ok(picture) => held.push(picture),
                Err(fault) => faults.push(fault),
            }
        }
        refuse(&faults, paths.len())?;
        Ok(Self { paths: paths.to_vec(), intake, held })
    }

    /// The pictures of these numbers, each of which is asked for once.
    ///
    /// # Errors
    /// When one can no longer be read.
    pub fn take(&mut self, numbers: Range<usize>) -> Result<Vec<DeepRaster>> {
        let paths = self.paths[numbers.clone()].par_iter();
        let held = self.held[numbers].par_iter_mut();
        let intake = self.intake;
        let picture = |(path, held): (&PathBuf, &mut Option<DeepRaster>)| match held.take() {
            Some(picture) => Ok(picture),
            None => DeepRaster::read(path, intake),
        };
        paths.zip(held).map(picture).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::byte::number_of_byte;

    #[test]
    fn what_is_not_held_is_read_again_and_faults_are_named_together() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        let paths: Vec<PathBuf> = (0..5).map(|number| path(&format!("{number}.png"))).collect();
        for (number, path) in (0..).zip(&paths) {
            let value = image::Luma([10 * number]);
            image::GrayImage::from_pixel(4, 3, value).save(path).expect("writable");
        }
        let intake = DeepIntake::of_channels(1);
        for (most, count) in [(0, 0), (12 * 3 + 11, 3), (MOST_NUMBERS, 5)] {
            let mut pictures = LookedOver::holding(&paths, intake, most).expect("whole");
            assert_eq!(pictures.held.iter().flatten().count(), count);
            let taken = [pictures.take(0..2), pictures.take(2..5)].map(|some| some.expect("whole"));
            for (number, picture) in taken.iter().flatten().enumerate() {
                assert_eq!(picture.tensor().data(), [number_of_byte(10 * number as u8); 12]);
            }
            assert!(pictures.held.iter().all(Option::is_none), "what was taken is let go");
        }
        for name in ["1.png", "3.png"] {
            std::fs::write(path(name), "no picture").expect("writable");
        }
        let said = LookedOver::new(&paths, intake).err().expect("damaged").to_string();
        assert!(said.contains("1.png") && said.contains("3.png"), "{said}");
    }
}
