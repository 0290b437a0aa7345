//! A picture in overlapping parts of a model's size, and together again.

use super::areas::{areas, in_parts, shape_of};
use super::blend::Blend;
use super::wide_holes::without_deep_holes;
use super::windows::by_windows;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::inference::Inference;
use crate::tasks::trained::Trained;
use crate::tasks::windows::Grid;
use crate::tensor::Tensor;

impl Trained {
    /// What the model makes of a picture of any size, `[1, channels, height, width]` in [0, 1] and NaN
    /// where pixels are missing; see [`restored`]. A model that is told labels takes the picture's.
    ///
    /// # Errors
    /// When the picture has other channels than the model, the label is missing or has no effect, or
    /// the device fails.
    pub fn restore(&mut self, picture: &Tensor, label: Option<u32>) -> Result<Tensor> {
        self.labels(label, 1)?;
        let part = self.model().images();
        restored(&mut self.inference(), part, picture, label)
    }
}

/// What a model of images of `part` makes of `picture`, `[1, channels, height, width]` in [0, 1] and
/// NaN where pixels are missing. Models of nothing but convolutions make it by windows, without seams;
/// of others, parts of that size overlap by half, and are added up under weights that fall along a
/// squared sine to each part's edges. Pictures smaller than a part are continued by their edges. Of a model that
/// fills holes, what lies deep in them is interpolated first.
///
/// # Errors
/// When the picture has other channels than `part`, a label is missing, or the device fails.
pub fn restored(
    inference: &mut Inference,
    part: ImageShape,
    picture: &Tensor,
    label: Option<u32>,
) -> Result<Tensor> {
    restored_telling(inference, part, picture, label, &mut |_| {})
}

/// The same as [`restored`]; `tell` is told each time which share of the picture is made.
///
/// # Errors
/// As [`restored`].
pub fn restored_telling(
    inference: &mut Inference,
    part: ImageShape,
    picture: &Tensor,
    label: Option<u32>,
    tell: &mut dyn FnMut(f32),
) -> Result<Tensor> {
    let shape = shape_of(part, picture)?;
    let without_deep;
    let has_holes = inference.model().fills && picture.data().iter().any(|pixel| pixel.is_nan());
    let picture = match has_holes {
        true => {
            without_deep = without_deep_holes(picture, shape);
            &without_deep
        }
        false => picture,
    };
    let grid = Grid::of_reconstructions(inference.model());
    if !grid.is_of_tiles() && shape.elements() > 0 {
        return by_windows(inference, grid, picture, shape, label, tell);
    }
    let (mut done, all) = (0, areas(shape, part).len());
    blended(part, picture, |parts, count| {
        let labels = label.map(|label| vec![label; parts.shape().first().copied().unwrap_or(0)]);
        let made = inference.reconstruct(parts, labels.as_deref())?;
        done += count;
        tell(done as f32 / all as f32);
        Ok(made)
    })
}

/// What `make` makes of overlapping parts of a picture, put together as [`restored`] does. It is handed
/// some parts at once, `[count, channels, height, width]`, and how many of them are not there to fill
/// up a count alone.
///
/// # Errors
/// When the picture has other channels than `part`, or `make` fails.
pub fn blended(
    part: ImageShape,
    picture: &Tensor,
    mut make: impl FnMut(&Tensor, usize) -> Result<Tensor>,
) -> Result<Tensor> {
    let mut blend = Blend::new(shape_of(part, picture)?, part);
    in_parts(part, picture, |parts, areas| {
        let made = make(parts, areas.len())?;
        let made = made.data().chunks(part.elements());
        made.zip(areas).for_each(|(made, area)| blend.add(made, *area));
        Ok(())
    })?;
    blend
        .mean()
        .ok_or_else(|| Error::shape("blended", "takes no empty picture", &[picture.shape()]))
}
