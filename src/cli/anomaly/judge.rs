//! A model that scores pictures, so many at a time; or, a model of parts, each picture by its parts.

use std::ops::Range;
use std::path::PathBuf;

use super::pictures::{HeldOut, Judged};
use super::placement::HeatMaps;
use super::truth::GroundTruth;
use crate::data::{ImageShape, Intake};
use crate::error::{Error, Result};
use crate::inference::{self, Inference};
use crate::tasks::anomaly::{Score, error_map_by, overlay};
use crate::tasks::restore::blended;
use crate::tasks::{DeepRaster, Pictures};
use crate::tensor::Tensor;

/// Numbers of pictures that are in memory at once, and pictures at the most.
const NUMBERS_AT_ONCE: usize = 1 << 23;
const PICTURES_AT_ONCE: usize = 256;

/// What normal pictures look like to the model.
#[derive(Default)]
pub struct Usual {
    /// Their scores.
    pub scores: Vec<f64>,
    /// The greatest smoothed error in each.
    pub greatest: Vec<f64>,
}

/// A picture, and what a model finds in it.
struct Found<'b> {
    number: usize,
    score: f64,
    /// `[channels, height, width]`.
    image: &'b [f32],
    made: &'b [f32],
    shape: ImageShape,
    /// The shorter side of what the model sees at once.
    side: usize,
}

impl Found<'_> {
    /// The smoothed error of each pixel.
    fn errors(&self) -> Vec<f64> {
        error_map_by(self.image, self.made, self.shape, self.side)
    }
}

/// A model that scores pictures.
pub struct Judge<'a> {
    /// Of the model.
    pub inference: Inference<'a>,
    /// What it takes, and how pictures become that.
    pub intake: Intake,
    /// Whether that is a part of a picture, which is judged by all of its parts.
    pub by_parts: bool,
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

    /// Looks at pictures of the model's size, the first of which has the number `first`.
    fn whole(
        &mut self,
        images: &Tensor,
        first: usize,
        with: &mut dyn FnMut(Found) -> Result<()>,
    ) -> Result<()> {
        let made = self.inference.reconstruct(images, None)?;
        let scores = self.score.of(&mut self.inference, images, &made, self.draws)?;
        check_finite(&scores)?;
        let shape = self.shape();
        let pairs =
            images.data().chunks(shape.elements()).zip(made.data().chunks(shape.elements()));
        for ((number, score), (image, made)) in (first..).zip(scores).zip(pairs) {
            let side = shape.height.min(shape.width);
            with(Found { number, score, image, made, shape, side })?;
        }
        Ok(())
    }

    /// Looks at a picture of any size, whose score is that of its worst part.
    fn parts(
        &mut self,
        picture: &Tensor,
        number: usize,
        with: &mut dyn FnMut(Found) -> Result<()>,
    ) -> Result<()> {
        let part = self.shape();
        let Self { inference, score, draws, .. } = self;
        let mut worst = f64::NEG_INFINITY;
        let made = blended(part, picture, |parts, count| {
            let made = inference.reconstruct(parts, None)?;
            let scores = score.of(inference, parts, &made, *draws)?;
            check_finite(&scores)?;
            worst = scores.into_iter().take(count).fold(worst, f64::max);
            Ok(made)
        })?;
        let [_, channels, height, width] = picture.shape()[..] else {
            return Err(Error::shape("anomaly", "takes one picture", &[picture.shape()]));
        };
        let shape = ImageShape { channels, height, width };
        let side = part.height.min(part.width);
        let (image, made) = (picture.data(), made.data());
        with(Found { number, score: worst, image, made, shape, side })
    }

    /// Looks at the pictures of these files.
    fn files(
        &mut self,
        paths: &[PathBuf],
        with: &mut dyn FnMut(Found) -> Result<()>,
    ) -> Result<()> {
        if self.by_parts {
            for (number, path) in paths.iter().enumerate() {
                let picture = DeepRaster::read(path, self.intake.as_stored())?;
                self.parts(picture.tensor(), number, with)?;
            }
            return Ok(());
        }
        for part in chunks(paths.len(), self.at_once()) {
            let first = part.start;
            let images = Pictures::read(&paths[part], self.intake)?.images;
            self.whole(&images, first, with)?;
        }
        Ok(())
    }

    /// Scores the held-out normal pictures, and looks at their errors if `with_maps`.
    pub fn held_out(&mut self, normal: &HeldOut, with_maps: bool) -> Result<Usual> {
        let mut usual = Usual::default();
        let mut with = |found: Found| {
            usual.scores.push(found.score);
            if with_maps {
                usual.greatest.push(found.errors().into_iter().fold(0.0, f64::max));
            }
            Ok(())
        };
        match normal {
            HeldOut::Files(files) => self.files(files, &mut with)?,
            HeldOut::Run(dataset) => {
                for part in chunks(dataset.test.count, self.at_once()) {
                    let first = part.start;
                    let images = inference::tensor(dataset, &dataset.test, part)?.0;
                    self.whole(&images, first, &mut with)?;
                }
            }
        }
        Ok(usual)
    }

    /// Scores all pictures, draws their heat maps where there are some, with a middle of their colours,
    /// and holds errors against masks where there are some.
    pub fn score_all(
        &mut self,
        judged: &Judged,
        maps: Option<(&HeatMaps, f64)>,
        truth: &mut Option<GroundTruth>,
    ) -> Result<Vec<f64>> {
        let mut all = vec![];
        self.files(&judged.paths, &mut |found| {
            all.push(found.score);
            if maps.is_none() && truth.is_none() {
                return Ok(());
            }
            let errors = found.errors();
            if let Some(truth) = truth.as_mut() {
                truth.count(found.number, &errors, found.shape)?;
            }
            maps.map_or(Ok(()), |(maps, middle)| {
                maps.draw(found.number, &overlay(found.image, &errors, found.shape, middle))
            })
        })?;
        Ok(all)
    }
}

/// The numbers below `count`, so many at once.
fn chunks(count: usize, at_once: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(at_once).map(move |first| first..(first + at_once).min(count))
}

fn check_finite(scores: &[f64]) -> Result<()> {
    match scores.iter().find(|score| !score.is_finite()) {
        None => Ok(()),
        Some(score) => {
            let what = format!("a picture's score is {score}; train the model again");
            Err(Error::NotFinite(what))
        }
    }
}
