//! A model that scores pictures, so many at a time.

use super::pictures::{HeldOut, Judged};
use super::placement::HeatMaps;
use crate::data::{ImageShape, Intake};
use crate::error::{Error, Result};
use crate::inference::Inference;
use crate::tasks::Pictures;
use crate::tasks::anomaly::{Score, error_map, overlay};
use crate::tensor::Tensor;

/// Numbers of pictures that are in memory at once, and pictures at the most.
const NUMBERS_AT_ONCE: usize = 1 << 23;
const PICTURES_AT_ONCE: usize = 256;

/// What normal pictures look like to the model.
pub struct Usual {
    /// Their scores.
    pub scores: Vec<f64>,
    /// The greatest smoothed error in each.
    pub greatest: Vec<f64>,
}

/// A model that scores pictures.
pub struct Judge<'a> {
    /// Of the model.
    pub inference: Inference<'a>,
    /// What it takes, and how pictures become that.
    pub intake: Intake,
    /// What is counted.
    pub score: Score,
    /// Draws of each picture's code.
    pub draws: usize,
}

impl Judge<'_> {
    fn shape(&self) -> ImageShape {
        self.intake.shape
    }

    fn at_once(&self) -> usize {
        (NUMBERS_AT_ONCE / self.shape().elements().max(1)).clamp(1, PICTURES_AT_ONCE)
    }

    /// Scores of `images`, and their reconstructions.
    fn scores(&mut self, images: &Tensor) -> Result<(Vec<f64>, Tensor)> {
        let made = self.inference.reconstruct(images, None)?;
        let scores = self.score.of(&mut self.inference, images, &made, self.draws)?;
        match scores.iter().find(|score| !score.is_finite()) {
            None => Ok((scores, made)),
            Some(score) => {
                let what = format!("a picture's score is {score}; train the model again");
                Err(Error::NotFinite(what))
            }
        }
    }

    /// The smoothed errors of each of `images`.
    fn error_maps<'b>(
        &self,
        images: &'b Tensor,
        made: &'b Tensor,
    ) -> impl Iterator<Item = (&'b [f32], Vec<f64>)> + use<'b> {
        let shape = self.shape();
        let elements = shape.elements();
        let pairs = images.data().chunks(elements).zip(made.data().chunks(elements));
        pairs.map(move |(image, made)| (image, error_map(image, made, shape)))
    }

    /// Scores the held-out normal pictures, and looks at their errors if `with_maps`.
    pub fn held_out(&mut self, normal: &HeldOut, with_maps: bool) -> Result<Usual> {
        let mut usual = Usual { scores: vec![], greatest: vec![] };
        for first in (0..normal.count()).step_by(self.at_once()) {
            let part = first..(first + self.at_once()).min(normal.count());
            let images = normal.images(part, self.intake)?;
            let (scores, made) = self.scores(&images)?;
            usual.scores.extend(scores);
            if with_maps {
                let maps = self.error_maps(&images, &made);
                usual
                    .greatest
                    .extend(maps.map(|(_, errors)| errors.into_iter().fold(0.0, f64::max)));
            }
        }
        Ok(usual)
    }

    /// Scores all pictures, and draws their heat maps where there are some, with a middle of their
    /// colours.
    pub fn score_all(
        &mut self,
        judged: &Judged,
        maps: Option<(&HeatMaps, f64)>,
    ) -> Result<Vec<f64>> {
        let mut all = vec![];
        for first in (0..judged.paths.len()).step_by(self.at_once()) {
            let last = (first + self.at_once()).min(judged.paths.len());
            let images = Pictures::read(&judged.paths[first..last], self.intake)?.images;
            let (scores, made) = self.scores(&images)?;
            all.extend(scores);
            let Some((maps, middle)) = maps else { continue };
            for (number, (image, errors)) in (first..).zip(self.error_maps(&images, &made)) {
                maps.draw(number, &overlay(image, &errors, self.shape(), middle))?;
            }
        }
        Ok(all)
    }
}
