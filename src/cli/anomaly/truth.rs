//! Which pixels show what is wrong, as masks say, and how well heat maps agree.

use std::path::PathBuf;

use super::layout::{masks_for, masks_of};
use super::pictures::Judged;
use crate::data::{ImageShape, LoadOptions, picture};
use crate::error::Result;
use crate::tasks::anomaly::PixelArea;

/// What is known of the pixels of each picture.
#[derive(Clone, Debug)]
enum Known {
    /// Nothing.
    Nothing,
    /// That all are as they should be.
    AllRight,
    /// That something is wrong where one of these is not black.
    Masks(Vec<PathBuf>),
}

/// The masks of the pictures that are judged, and what heat maps make of them.
pub struct GroundTruth {
    known: Vec<Known>,
    area: PixelArea,
}

impl GroundTruth {
    /// The masks for the pictures that are `judged`; nothing where there are none.
    pub fn find(judged: &Judged) -> Option<Self> {
        let anomalies = judged.anomalies()?;
        let mut folders: Vec<(PathBuf, Option<PathBuf>)> = vec![];
        let mut known = vec![];
        for ((inner, folder), is_anomaly) in judged.inner.iter().zip(&judged.folders).zip(anomalies)
        {
            if !folders.iter().any(|(known, _)| known == folder) {
                folders.push((folder.clone(), masks_of(folder)));
            }
            let masks = folders.iter().find(|(known, _)| known == folder);
            let masks = masks.and_then(|(_, masks)| masks.as_ref());
            let found = masks.map(|masks| masks_for(masks, inner)).unwrap_or_default();
            known.push(match (is_anomaly, found.is_empty()) {
                (_, false) => Known::Masks(found),
                (false, true) => Known::AllRight,
                (true, true) => Known::Nothing,
            });
        }
        let has_masks = known.iter().any(|known| matches!(known, Known::Masks(_)));
        let unknown = known.iter().filter(|known| matches!(known, Known::Nothing)).count();
        if has_masks && unknown > 0 {
            log::warn!("{unknown} anomalies have no mask, and are left out of the pixel AUROC");
        }
        has_masks.then(|| Self { known, area: PixelArea::default() })
    }

    /// The files of all masks.
    pub fn files(&self) -> Vec<PathBuf> {
        let masks = self.known.iter().filter_map(|known| match known {
            Known::Masks(masks) => Some(masks),
            _ => None,
        });
        masks.flatten().cloned().collect()
    }

    /// Counts the `errors` of a picture by its number, at the size in which the model saw it; a mask is
    /// brought to that size by its nearest pixels.
    ///
    /// # Errors
    /// When a mask cannot be read.
    pub fn count(&mut self, number: usize, errors: &[f64], shape: ImageShape) -> Result<()> {
        let mut wrong = vec![false; errors.len()];
        match self.known.get(number) {
            None | Some(Known::Nothing) => return Ok(()),
            Some(Known::AllRight) => {}
            Some(Known::Masks(masks)) => {
                for mask in masks {
                    let options = LoadOptions { gray: true, ..LoadOptions::default() };
                    let mask = picture::decode(mask, &options)?;
                    let from = mask.shape;
                    for (at, wrong) in wrong.iter_mut().enumerate() {
                        let (y, x) = (at / shape.width, at % shape.width);
                        let row = nearest(y, shape.height, from.height);
                        let column = nearest(x, shape.width, from.width);
                        *wrong |= mask.pixels[row * from.width + column] > 0;
                    }
                }
            }
        }
        errors.iter().zip(wrong).for_each(|(error, wrong)| self.area.add(*error, wrong));
        Ok(())
    }

    /// The area under the ROC curve over all pixels.
    pub fn auroc(&self) -> Option<f64> {
        self.area.auroc()
    }
}

/// The place along `side` pixels that lies nearest to the middle of the place `at` of `of`.
fn nearest(at: usize, of: usize, side: usize) -> usize {
    ((2 * at + 1) * side / (2 * of).max(1)).min(side - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_pixels_middles() {
        assert_eq!([0, 1, 2, 3].map(|at| nearest(at, 4, 8)), [1, 3, 5, 7]);
        assert_eq!([0, 1, 2, 3].map(|at| nearest(at, 4, 2)), [0, 0, 1, 1]);
        assert_eq!([0, 3].map(|at| nearest(at, 4, 4)), [0, 3]);
    }
}
