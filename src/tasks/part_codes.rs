//! Codes of whole pictures by a model of parts: one of each part, and pictures of such codes.

use super::restore::{Area, Blend, in_parts};
use super::trained::Trained;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::inference::{Codes, Inference};
use crate::tensor::Tensor;

/// Numbers of parts that are drawn at once.
const NUMBERS: usize = 1 << 22;

impl Trained {
    /// The codes of the parts of a picture of any size, `[1, channels, height, width]` in [0, 1], and which areas
    /// they are of; see [`encoded`]. A model that is told labels takes the picture's.
    ///
    /// # Errors
    /// When the picture has other channels than the model, the label is missing or has no effect, or
    /// the device fails.
    pub fn encode_parts(
        &mut self,
        picture: &Tensor,
        label: Option<u32>,
    ) -> Result<(Vec<Area>, Codes)> {
        self.labels(label, 1)?;
        let part = self.model().images();
        encoded(&mut self.inference(), part, picture, label)
    }
}

/// The codes of all parts of `picture`, which overlap by half as those of
/// [`restored`](super::restore::restored) do, row by row; and which areas they are of.
///
/// # Errors
/// When the picture has other channels than `part`, a label is missing, or the device fails.
pub fn encoded(
    inference: &mut Inference,
    part: ImageShape,
    picture: &Tensor,
    label: Option<u32>,
) -> Result<(Vec<Area>, Codes)> {
    let (mut all, mut codes) = (vec![], Codes::default());
    in_parts(part, picture, |parts, areas| {
        let labels = label.map(|label| vec![label; parts.shape().first().copied().unwrap_or(0)]);
        let mut some = inference.encode(parts, labels.as_deref())?;
        // What fills up a count has codes, too.
        some.truncate(areas.len());
        codes.append(some);
        all.extend(areas);
        Ok(())
    })?;
    Ok((all, codes))
}

/// A picture whose parts have codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartedPicture {
    /// Where it came from.
    pub path: String,
    /// Its size, and the model's channels.
    pub shape: ImageShape,
    /// Its parts.
    pub areas: Vec<Area>,
}

impl PartedPicture {
    /// The pictures that these parts are of, those of one path behind each other. `part` is what a model takes.
    ///
    /// # Errors
    /// What is wrong, when parts have another size or leave out some of their picture.
    pub fn of(parts: Vec<(String, Area)>, part: ImageShape) -> Result<Vec<Self>, String> {
        let ImageShape { channels, .. } = part;
        let mut all: Vec<Self> = vec![];
        for (path, area) in parts {
            let (width, height) = (area.left + area.width, area.top + area.height);
            match all.last_mut().filter(|last| last.path == path) {
                Some(last) => {
                    last.areas.push(area);
                    last.shape.width = last.shape.width.max(width);
                    last.shape.height = last.shape.height.max(height);
                }
                None => {
                    let shape = ImageShape { channels, height, width };
                    all.push(Self { path, shape, areas: vec![area] });
                }
            }
        }
        all.iter().try_for_each(|picture| picture.check(part))?;
        Ok(all)
    }

    fn check(&self, part: ImageShape) -> Result<(), String> {
        let Self { path, shape: whole, areas } = self;
        let size = (part.width.min(whole.width), part.height.min(whole.height));
        if let Some(other) = areas.iter().find(|area| (area.width, area.height) != size) {
            return Err(format!(
                "has a part of {}x{} of {path}; this model's are {}x{}",
                other.width, other.height, size.0, size.1
            ));
        }
        // Before memory is asked for that the parts do not come to.
        let most = areas.len().saturating_mul(size.0 * size.1);
        let pixels = whole.width.checked_mul(whole.height).filter(|pixels| *pixels <= most);
        let mut seen = vec![false; pixels.ok_or_else(|| left_out(path))?];
        for area in areas {
            for row in seen.chunks_mut(whole.width.max(1)).skip(area.top).take(area.height) {
                row[area.left..][..area.width].fill(true);
            }
        }
        match !seen.is_empty() && seen.into_iter().all(|seen| seen) {
            true => Ok(()),
            false => Err(left_out(path)),
        }
    }

    /// What a model makes of `codes`, one a part, with its parts blended as
    /// [`restored`](super::restore::restored) blends them.
    ///
    /// # Errors
    /// When some of the picture is in no part, a label is missing, or the device fails.
    pub fn draw(
        &self,
        inference: &mut Inference,
        part: ImageShape,
        codes: &[f32],
        label: Option<u32>,
    ) -> Result<Tensor> {
        let latent = codes.len() / self.areas.len().max(1);
        let at_once = (NUMBERS / part.elements().max(1)).max(1);
        let mut blend = Blend::new(self.shape, part);
        let some = codes.chunks((at_once * latent).max(1));
        for (codes, areas) in some.zip(self.areas.chunks(at_once)) {
            let labels = label.map(|label| vec![label; areas.len()]);
            let made = inference.decode(codes, labels.as_deref())?;
            let made = made.data().chunks(part.elements());
            made.zip(areas).for_each(|(made, area)| blend.add(made, *area));
        }
        blend.mean().ok_or_else(|| Error::file(&self.path, left_out("it")))
    }
}

fn left_out(path: &str) -> String {
    format!("leaves out some of {path}; keep the lines of all of its parts, behind each other")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: ImageShape = ImageShape { channels: 1, height: 4, width: 4 };

    fn area(left: usize, top: usize, width: usize) -> Area {
        Area { left, top, width, height: 4 }
    }

    #[test]
    fn lines_of_one_path_are_a_picture() {
        let lines = [("a", 0, 4), ("a", 2, 4), ("b", 0, 3), ("a", 0, 4)];
        let lines = lines.map(|(path, left, width)| (path.to_owned(), area(left, 0, width)));
        let pictures = PartedPicture::of(lines.to_vec(), PART).expect("right");
        let sizes = pictures.iter().map(|picture| (picture.shape.width, picture.areas.len()));
        assert_eq!(sizes.collect::<Vec<_>>(), [(6, 2), (3, 1), (4, 1)]);
    }

    #[test]
    fn parts_that_do_not_make_a_picture_are_refused() {
        let refused = |areas: &[Area], expected: &str| {
            let parts = areas.iter().map(|area| ("a.png".to_owned(), *area)).collect();
            let said = PartedPicture::of(parts, PART).expect_err(expected);
            assert!(said.contains(expected), "`{expected}` is not in `{said}`");
        };
        refused(&[area(0, 0, 4), area(4, 0, 3)], "has a part of 3x4 of a.png");
        refused(&[area(0, 0, 4), area(1 << 31, 1 << 31, 4)], "leaves out some of a.png");
        refused(&[area(0, 0, 4), area(5, 0, 4), area(2, 9, 4), area(5, 2, 4)], "leaves out");
        refused(&[area(0, 0, 0)], "");
    }
}
