//! What the best linear code of the same length keeps of the held-out images: the measure of a
//! model's worth. A linear autoencoder that is trained to the end is PCA, so a network that does worse
//! has not been worth its training.

use std::fmt;
use std::ops::Range;
use std::time::Instant;

use super::drawn::Drawn;
use super::principal::Principal;
use crate::data::{Dataset, Images};
use crate::error::Result;
use crate::inference::{images_at_once, targets};
use crate::models::{Model, Section, Variant};

/// Components are found from so many images or blocks at most, evenly spread over those that are
/// trained on, and so many numbers.
const MOST_ROWS: usize = 10_000;
const MOST_NUMBERS: usize = 1 << 26;
/// Multiplications and additions that finding components may take, by which rows are fewer where a
/// code is long; but at least so many rows a component, or it would fit those rows and no others.
const MOST_PRODUCTS: usize = 1 << 35;
const LEAST_ROWS_EACH: usize = 4;

/// The errors of the best linear code and of the mean image, on the held-out images.
#[derive(Clone, Debug, PartialEq)]
pub struct Yardstick {
    /// The linear code in words, such as `PCA with 32 numbers`.
    pub name: String,
    /// Its mean squared error per pixel. 0 where it has as many numbers as there are pixels.
    pub pca_mse: f64,
    /// The mean squared error per pixel of the mean image, which takes no code at all.
    pub mean_mse: f64,
}

/// A linear code: of whole images, or of each of the blocks that they are cut into.
#[derive(Clone, Debug, PartialEq)]
struct LinearCode {
    components: usize,
    /// What each of them is of.
    section: Section,
    /// What is said behind the number.
    of: String,
}

impl LinearCode {
    /// The one that is as long as the code of a model. Of a map whose places each stand for a block
    /// of the image, block by block; a code of the codebook, and a unit of top-k codes that stays,
    /// count as one number.
    fn of(model: &Model) -> Self {
        let network = &model.network;
        let image = Section { blocks: [1, 1], shape: network.images, overlap: 0 };
        let whole = |components, of: &str| Self { components, section: image, of: of.into() };
        match (&model.variant, network.architecture.halvings(), &network.code_shape()[..]) {
            (Variant::Vqvae(_), ..) => {
                let places = model.places().map_or(0, |axes| axes.iter().product());
                whole(places, ", one a place")
            }
            (Variant::Sparse(sparse), ..) if sparse.k > 0 => whole(sparse.k, ", those that stay"),
            (_, Some(halvings), [channels, rows, columns]) if rows * columns > 1 => {
                let side = 1 << halvings;
                let article = if side == 8 { "an" } else { "a" };
                let of = format!(" {article} {side}x{side} block");
                Self { components: *channels, section: network.section(), of }
            }
            _ => whole(network.latent(), ""),
        }
    }

    /// Numbers of a section.
    fn width(&self) -> usize {
        self.section.shape.elements()
    }

    fn name(&self) -> String {
        let way = if self.section.count() > 1 { "block PCA" } else { "PCA" };
        let s = if self.components == 1 { "" } else { "s" };
        format!("{way} with {} number{s}{}", self.components, self.of)
    }
}

impl Yardstick {
    /// Measures the linear code that is as long as the code of `model`. `None` where pixels are missing
    /// (components would be those of the zeros in their place), or where there is nothing to measure.
    /// Where a training is binarised, its pixels are drawn, and so are those of the linear code.
    ///
    /// # Errors
    /// Never for a dataset that is whole.
    pub fn new(model: &Model, dataset: &Dataset, binarised: bool) -> Result<Option<Self>> {
        let code = LinearCode::of(model);
        if dataset.masked || dataset.train.count == 0 || dataset.test.count == 0 {
            return Ok(None);
        }
        let mean_mse = mean_image_mse(dataset, binarised)?;
        let width = code.width();
        if code.components >= width {
            return Ok(Some(Self { name: code.name(), pca_mse: 0.0, mean_mse }));
        }
        let begin = Instant::now();
        let rows = learned(&code, dataset, binarised)?;
        let found = Principal::of(&rows, width, code.components);
        let mut name = code.name();
        if found.components() < code.components {
            let (most, of) = (found.components(), rows.len() / width);
            let fewer = LinearCode { components: most, ..code.clone() };
            name = format!("{}, the most that {of} images tell of", fewer.name());
        }
        let pca_mse = held_out_error(&code, &found, dataset, binarised)?;
        log::info!("{name} in {:.1} s", begin.elapsed().as_secs_f64());
        Ok(Some(Self { name, pca_mse, mean_mse }))
    }
}

/// `PCA with 32 numbers: 0.00509, the mean image: 0.08715`.
impl fmt::Display for Yardstick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pca = match self.pca_mse {
            0.0 => "0".into(),
            error => format!("{error:.5}"),
        };
        write!(f, "{}: {pca}, the mean image: {:.5}", self.name, self.mean_mse)
    }
}

/// The mean squared error per pixel, on the held-out images (on pixels drawn from them, where a training
/// is binarised), of the mean of those that are trained on.
///
/// # Errors
/// Never for a dataset that is whole.
pub fn mean_image_mse(dataset: &Dataset, binarised: bool) -> Result<f64> {
    let width = dataset.shape.elements();
    let spread = spread(&dataset.train, width, MOST_ROWS);
    let mut sums = vec![0.0_f64; width];
    for index in spread.clone() {
        let pixels = dataset.train.part(index..index + 1)?;
        let image = &dataset.numbers(&pixels)[dataset.target()];
        sums.iter_mut().zip(image).for_each(|(sum, number)| *sum += f64::from(*number));
    }
    let scale = 1.0 / spread.count().max(1) as f64;
    let mean = sums.iter().map(|sum| (*sum * scale) as f32).collect();
    let mean = Principal { mean, directions: vec![], variances: vec![], width };
    let mut sum = 0.0;
    each_held_out(dataset, binarised, |pixels| sum += mean.error(pixels, 0) * pixels.len() as f64)
        .map(|numbers| sum / numbers as f64)
}

/// Indices of images, evenly spread: `most` of them, or as many as have [`MOST_NUMBERS`].
fn spread(images: &Images, width: usize, most: usize) -> impl Iterator<Item = usize> + Clone {
    let (count, most) = (images.count, most.min(MOST_NUMBERS / width.max(1)).max(1));
    let taken = count.min(most);
    (0..taken).map(move |index| index * count / taken)
}

/// Calls `each` with the pixels of some held-out images at a time; how many numbers those were.
fn each_held_out(
    dataset: &Dataset,
    binarised: bool,
    mut each: impl FnMut(&[f32]),
) -> Result<usize> {
    let width = dataset.shape.elements();
    let indices: Vec<u32> =
        spread(&dataset.test, width, usize::MAX).map(|index| index as u32).collect();
    let mut drawn = Drawn::new(binarised);
    for indices in indices.chunks(images_at_once(dataset)) {
        let images = dataset.test.select(indices);
        let all = Range { start: 0, end: images.count };
        let mut pixels = targets(dataset, &images, all)?;
        drawn.draw(pixels.data_mut());
        each(pixels.data());
    }
    Ok(indices.len() * width)
}

/// What components are found from: images to train on, or blocks of them.
///
/// # Errors
/// When images cannot be read.
fn learned(code: &LinearCode, dataset: &Dataset, binarised: bool) -> Result<Vec<f32>> {
    let (shape, width) = (dataset.shape, code.width());
    let blocks = code.section.count();
    let by_time = MOST_PRODUCTS / (2 * width * code.components).max(1);
    let by_time = by_time.max(LEAST_ROWS_EACH * code.components);
    let most = MOST_ROWS.min(MOST_NUMBERS / width).min(by_time).max(1);
    let taken = most.min(dataset.train.count.saturating_mul(blocks));
    let (mut all, first) = (vec![0.0; taken * width], dataset.target().start);
    for (index, row) in all.chunks_mut(width).enumerate() {
        let image = index * dataset.train.count / taken;
        let image = dataset.train.part(image..image + 1)?;
        for (place, pixel) in code.section.pixels(shape, index % blocks) {
            row[place] = dataset.number(&image, first + pixel);
        }
    }
    Drawn::new(binarised).draw(&mut all);
    Ok(all)
}

/// The mean squared error per pixel of the held-out images; padding does not count.
fn held_out_error(
    code: &LinearCode,
    found: &Principal,
    dataset: &Dataset,
    binarised: bool,
) -> Result<f64> {
    let (shape, width) = (dataset.shape, code.width());
    let elements = shape.elements();
    let blocks = code.section.count();
    let mut sum = 0.0;
    let numbers = each_held_out(dataset, binarised, |pixels| {
        if blocks == 1 {
            sum += found.error(pixels, code.components) * pixels.len() as f64;
            return;
        }
        let images = pixels.len() / elements;
        let mut cut = vec![0.0; images * blocks * width];
        for (number, block) in cut.chunks_mut(width).enumerate() {
            let image = &pixels[number / blocks * elements..][..elements];
            for (place, pixel) in code.section.pixels(shape, number % blocks) {
                block[place] = image[pixel];
            }
        }
        let rest = found.rest(&cut, code.components);
        for (number, rest) in rest.chunks(width).enumerate() {
            let squares = code
                .section
                .pixels(shape, number % blocks)
                .map(|(place, _)| f64::from(rest[place]).powi(2));
            sum += squares.sum::<f64>();
        }
    })?;
    Ok(sum / numbers as f64)
}

#[cfg(test)]
mod tests;
