//! Drawn squares, ellipses and hearts, white on black, of which every factor is known: shape, size,
//! rotation and place, on the grid of dSprites (L. Matthey, I. Higgins, D. Hassabis, A. Lerchner,
//! "dSprites: Disentanglement testing Sprites dataset", 2017).
//!
//! Image `i` is a pure function of the seed and `i`: a longer set begins with the shorter one.

use std::f64::consts::TAU;

use rayon::prelude::*;

use super::dataset::{Dataset, Images};
use super::load_options::LoadOptions;
use super::order::{Split, below};
use crate::error::{Error, Result};
use crate::rng::{self, Seed, stream};
use crate::shape::{ImageShape, MAX_BYTES};

/// How many sprites `--data sprites` stands for.
pub const DEFAULT_COUNT: usize = 10_000;

/// The names of the shapes, by number.
pub const SHAPES: [&str; 3] = ["square", "ellipse", "heart"];
/// How many sizes there are.
pub const SCALES: u32 = 6;
/// How many rotations there are.
pub const ROTATIONS: u32 = 40;
/// How many places there are along each axis.
pub const PLACES: u32 = 32;

const DEFAULT_SIDE: usize = 64;
/// Below this many pixels the shapes cannot be told apart.
const MIN_SIDE: usize = 8;
/// The radius of the largest shape, as a part of the image's shorter side.
const RADIUS: f64 = 0.2;
/// Samples along each axis of a pixel.
const SAMPLES: usize = 4;

/// What an image shows, as positions on the grid of factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factors {
    /// An index into [`SHAPES`].
    pub shape: u32,
    /// Size, below [`SCALES`]: from half the full size to the full size in equal steps.
    pub scale: u32,
    /// Rotation, below [`ROTATIONS`]: from no turn up to, and without, a full turn.
    pub rotation: u32,
    /// Place from left to right, below [`PLACES`]. Nothing is ever cut off at the border.
    pub x: u32,
    /// Place from top to bottom, below [`PLACES`].
    pub y: u32,
}

impl Factors {
    /// What image `index` of `seed` shows: each combination is as likely as any other.
    pub fn draw(seed: Seed, index: u32) -> Factors {
        let combinations = SHAPES.len() as u32 * SCALES * ROTATIONS * PLACES * PLACES;
        let words = rng::block(seed, stream::SPRITES, 0, index);
        let mut rest = below(combinations.into(), words[0], words[1]) as u32;
        let mut take = |choices| {
            let choice = rest % choices;
            rest /= choices;
            choice
        };
        Factors {
            shape: take(SHAPES.len() as u32),
            scale: take(SCALES),
            rotation: take(ROTATIONS),
            x: take(PLACES),
            y: take(PLACES),
        }
    }

    /// Draws the image: `height` rows of `width` bytes, 0 for black and 255 for white.
    pub fn render(&self, width: usize, height: usize) -> Vec<u8> {
        let mut pixels = vec![0; width * height];
        let full = RADIUS * width.min(height) as f64;
        let place = |side: usize, at: u32| {
            full + (side as f64 - 2.0 * full) * f64::from(at) / f64::from(PLACES - 1)
        };
        let (x, y) = (place(width, self.x), place(height, self.y));
        let radius = full * (0.5 + 0.5 * f64::from(self.scale) / f64::from(SCALES - 1));
        let (sin, cos) = (TAU * f64::from(self.rotation) / f64::from(ROTATIONS)).sin_cos();
        let covered = |column: usize, row: usize| {
            let offset = |step: usize| (step as f64 + 0.5) / SAMPLES as f64;
            let hits = (0..SAMPLES * SAMPLES).filter(|sample| {
                let dx = (column as f64 + offset(sample % SAMPLES) - x) / radius;
                let dy = (row as f64 + offset(sample / SAMPLES) - y) / radius;
                inside(self.shape, cos * dx + sin * dy, cos * dy - sin * dx)
            });
            (hits.count() * 255 + SAMPLES * SAMPLES / 2) / (SAMPLES * SAMPLES)
        };
        // Only pixels that the shape's circle touches; casts to usize stop at 0.
        let near = |at: f64, side: usize| {
            (at - radius).floor() as usize..((at + radius).ceil() as usize).min(side)
        };
        for row in near(y, height) {
            for column in near(x, width) {
                pixels[row * width + column] = covered(column, row) as u8;
            }
        }
        pixels
    }
}

/// Whether a point lies in a shape that just fits into the unit circle, y downwards.
fn inside(shape: u32, x: f64, y: f64) -> bool {
    match shape {
        0 => x.abs().max(y.abs()) <= std::f64::consts::FRAC_1_SQRT_2,
        1 => x * x + 4.0 * y * y <= 1.0,
        _ => {
            // The sextic (x^2 + y^2 - 1)^3 = x^2 y^3, whose farthest points lie 1.43 from the
            // origin.
            let (x, y) = (1.43 * x, -1.43 * y);
            let ring = x * x + y * y - 1.0;
            ring * ring * ring <= x * x * y * y * y
        }
    }
}

/// `count` sprites of 64x64, or of `--size`, a tenth held out; the shapes are the classes.
///
/// # Errors
/// When there are fewer than two, or too many to keep in memory, and when they are smaller than
/// 8x8.
pub fn load(count: usize, options: &LoadOptions) -> Result<Dataset> {
    let (width, height) = options.size.unwrap_or((DEFAULT_SIDE, DEFAULT_SIDE));
    if width.min(height) < MIN_SIDE {
        let what = format!(
            "{width}x{height} is too small for sprites; give {MIN_SIDE}x{MIN_SIDE} or more"
        );
        return Err(Error::option("--size", what));
    }
    let shape = ImageShape { channels: 1, height, width };
    if shape.bytes(count).is_none() {
        let what = format!(
            "{count} sprites of {width}x{height} need more than {} GiB; ask for fewer or smaller \
             ones",
            MAX_BYTES >> 30
        );
        return Err(Error::option("--data", what));
    }
    let split = Split::tenth(count, options.seed, options.limit)?;
    Ok(Dataset {
        name: "sprites".into(),
        shape,
        train: draw(options.seed, &split.train, &shape),
        test: draw(options.seed, &split.test, &shape),
        classes: SHAPES.map(str::to_owned).to_vec(),
        ..Dataset::default()
    })
}

fn draw(seed: Seed, indices: &[u32], shape: &ImageShape) -> Images {
    let factors: Vec<Factors> = indices.iter().map(|&index| Factors::draw(seed, index)).collect();
    let mut pixels = vec![0; indices.len() * shape.elements()];
    pixels
        .par_chunks_mut(shape.elements())
        .zip(&factors)
        .for_each(|(image, what)| image.copy_from_slice(&what.render(shape.width, shape.height)));
    let labels = Some(factors.iter().map(|what| what.shape).collect());
    Images { pixels, labels, count: indices.len(), ..Images::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_fit_into_the_unit_circle_and_nearly_fill_it() {
        for shape in 0..3 {
            let reach = (0..3600)
                .flat_map(|angle| (1..200).map(move |step| (f64::from(angle), f64::from(step))))
                .map(|(angle, step)| (angle * TAU / 3600.0, step / 100.0))
                .filter(|(angle, r)| inside(shape, r * angle.cos(), r * angle.sin()))
                .map(|(_, r)| r)
                .fold(0.0, f64::max);
            assert!((0.97..=1.0).contains(&reach), "{}: {reach}", SHAPES[shape as usize]);
        }
    }

    #[test]
    fn a_heart_is_wider_above_than_below() {
        let heart = Factors { shape: 2, scale: 5, rotation: 0, x: 16, y: 16 }.render(64, 64);
        let lit = |row: usize| heart[row * 64..][..64].iter().filter(|&&pixel| pixel > 0).count();
        assert!(lit(27) > lit(38), "{} above, {} below", lit(27), lit(38));
    }

    #[test]
    fn every_factor_takes_every_value() {
        let drawn: Vec<Factors> = (0..4000).map(|index| Factors::draw(Seed(3), index)).collect();
        let check = |factor: fn(&Factors) -> u32, choices: u32| {
            let mut values: Vec<u32> = drawn.iter().map(factor).collect();
            values.sort_unstable();
            values.dedup();
            assert_eq!(values, (0..choices).collect::<Vec<_>>());
        };
        check(|factors| factors.shape, 3);
        check(|factors| factors.scale, SCALES);
        check(|factors| factors.rotation, ROTATIONS);
        check(|factors| factors.x, PLACES);
        check(|factors| factors.y, PLACES);
    }
}
