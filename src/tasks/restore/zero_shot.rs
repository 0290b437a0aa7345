//! Noise removed without any model: a small network learns from the one noisy picture (Mansour and Heckel,
//! "Zero-shot Noise2Noise: efficient image denoising without any data", 2023).
//!
//! Of each 2x2 pixels, the mean of one diagonal and that of the other make two pictures of half the size: of
//! the same scene, with noise of their own. So the network f is to make of either the noise that leaves the
//! other, and of the two the same as of the whole picture:
//!
//! ```text
//! d(x) = x - f(x)       a, b: the two halves       loss = |d(a) - b|^2 + |d(b) - a|^2
//!                                                       + |d(a) - a(d(x))|^2 + |d(b) - b(d(x))|^2
//! ```
//!
//! The paper takes 2000 steps on the whole picture; here a step is on some places drawn from it, so that it
//! takes as long for pictures of any size.

use rand::RngExt;

use super::windows::Windows;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::gpu::DeviceChoice;
use crate::graph::Graph;
use crate::models::Schedule;
use crate::nn;
use crate::ops::{self, Activation, Builder, ConvGeometry, NodeId};
use crate::rng::{Philox, Seed, Stream};
use crate::tasks::windows::Grid;
use crate::tensor::Tensor;
use crate::train::Minimiser;

/// Channels between the network's layers, as in the paper.
const CHANNELS: usize = 48;
const STEPS: usize = 1200;
const RATE: f32 = 2e-3;
/// Places of a step, and their side at most.
const PLACES: usize = 8;
const SIDE: usize = 48;
/// Each of two 3x3 convolutions reaches a pixel.
const WINDOWS: Grid = Grid { cell: [1, 1], reach: 2, most: 320 };
/// A picture's least side.
const LEAST_SIDE: usize = 8;

/// `picture`, `[1, channels, height, width]` in [0, 1], with less noise. `seed` decides where the network begins
/// and what it learns from; `progress` is told how many of how many steps are done.
///
/// # Errors
/// When the picture has a side of fewer than 8 pixels, or pixels are missing; or the device fails.
pub fn zero_shot(
    picture: &Tensor,
    device: &DeviceChoice,
    seed: Seed,
    progress: impl FnMut(usize, usize),
) -> Result<Tensor> {
    cleaned(picture, device, seed, STEPS, progress)
}

/// The same in so many steps.
fn cleaned(
    picture: &Tensor,
    device: &DeviceChoice,
    seed: Seed,
    steps: usize,
    mut progress: impl FnMut(usize, usize),
) -> Result<Tensor> {
    let [1, channels, height, width] = picture.shape()[..] else {
        return Err(Error::shape("zero_shot", "takes one picture", &[picture.shape()]));
    };
    if height.min(width) < LEAST_SIDE {
        let what = "needs a picture of 8 pixels a side and more";
        return Err(Error::shape("zero_shot", what, &[picture.shape()]));
    }
    if picture.data().iter().any(|pixel| !pixel.is_finite()) {
        let what = "learns from what is there and fills nothing; give --model RUN to fill pixels";
        return Err(Error::option("--zero-shot", what));
    }
    let whole = ImageShape { channels, height, width };
    let windows = Windows::new(WINDOWS, whole);
    let side = SIDE.min(height.min(width) / 2 * 2);
    let mut graph = Graph::new();
    let loss = objective(&mut graph, channels, side)?;
    let ImageShape { height: tall, width: wide, .. } = windows.part;
    let window = graph.input("window", [1, channels, tall, wide]);
    let made = denoised(&mut graph, window)?;
    let mut fit = Minimiser::open(device, &graph, loss)?;
    let mut random = Philox::new(seed, Stream(0));
    for step in 0..steps {
        let places = drawn(picture.data(), whole, side, &mut random)?;
        let rate = RATE * Schedule::WarmCosine.factor(step as f64 / steps as f64);
        fit.step(&[("places", &places)], rate)?;
        progress(step + 1, steps);
    }
    fit.losses()?;
    let mut cleaned =
        windows.made(picture, 1, |window| fit.compute(made, &[("window", window)]))?;
    cleaned.data_mut().iter_mut().for_each(|pixel| *pixel = pixel.clamp(0.0, 1.0));
    Ok(cleaned)
}

/// Squares of the picture, of `side` pixels each way.
fn drawn(picture: &[f32], whole: ImageShape, side: usize, random: &mut Philox) -> Result<Tensor> {
    let ImageShape { channels, height, width } = whole;
    let mut pixels = Vec::with_capacity(PLACES * channels * side * side);
    for _ in 0..PLACES {
        let top = random.random_range(0..=height - side);
        let left = random.random_range(0..=width - side);
        for plane in picture.chunks(height * width) {
            for row in top..top + side {
                pixels.extend_from_slice(&plane[row * width + left..][..side]);
            }
        }
    }
    Tensor::new([PLACES, channels, side, side], pixels)
}

/// The loss over the input `places`.
fn objective(graph: &mut Graph, channels: usize, side: usize) -> Result<NodeId> {
    let places = graph.input("places", [PLACES, channels, side, side]);
    let whole = denoised(graph, places)?;
    let [a, b] = halves(graph, places)?;
    let [whole_a, whole_b] = halves(graph, whole)?;
    let [made_a, made_b] = [denoised(graph, a)?, denoised(graph, b)?];
    let pairs = [(made_a, b), (made_b, a), (made_a, whole_a), (made_b, whole_b)];
    let mut loss = None;
    for (made, goal) in pairs {
        let error = nn::mean_squared_error(graph, made, goal)?;
        loss = Some(match loss {
            Some(sum) => ops::add(graph, sum, error)?,
            None => error,
        });
    }
    loss.ok_or_else(|| Error::Graph("there is nothing to compare".into()))
}

/// Of each 2x2 pixels, the mean of one diagonal and of the other: two pictures of half the size.
fn halves(graph: &mut Graph, x: NodeId) -> Result<[NodeId; 2]> {
    let [batch, channels, height, width] = graph.shape(x)[..] else {
        return Err(Error::shape("zero_shot", "takes pictures", &[graph.shape(x)]));
    };
    let planes = ops::reshape(graph, x, [batch * channels, 1, height, width])?;
    let diagonals = vec![0.0, 0.5, 0.5, 0.0, 0.5, 0.0, 0.0, 0.5];
    let diagonals = graph.constant(Tensor::new([2, 1, 2, 2], diagonals)?);
    let by_two = ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]);
    let both = ops::conv2d(graph, planes, diagonals, by_two)?;
    let mut half = |number: usize| {
        let one = ops::slice_axis(graph, both, 1, number..number + 1)?;
        ops::reshape(graph, one, [batch, channels, height / 2, width / 2])
    };
    Ok([half(0)?, half(1)?])
}

/// `x` less the noise that the network finds in it.
fn denoised(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let channels = graph.shape(x)[1];
    let [near, point] =
        [3, 1].map(|side| ConvGeometry::symmetric([side; 2], [1; 2], [side / 2; 2]));
    let rectified = Some(Activation::LeakyRelu(0.2));
    let y = nn::conv2d(graph, "conv1", x, CHANNELS, near, rectified)?;
    let y = nn::conv2d(graph, "conv2", y, CHANNELS, near, rectified)?;
    let noise = nn::conv2d(graph, "conv3", y, channels, point, None)?;
    ops::sub(graph, x, noise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::restore::{Quality, corrupt};

    fn scene(height: usize, width: usize) -> Tensor {
        let pixel = |at: usize| {
            let [y, x] = [at / width, at % width].map(|place| place as f32);
            let edge = if x > 0.6 * y + 20.0 { 0.25 } else { -0.1 };
            0.45 + edge + 0.15 * (x / 11.0 + y / 17.0).sin()
        };
        Tensor::new([1, 1, height, width], (0..height * width).map(pixel).collect()).expect("fits")
    }

    #[test]
    fn most_of_the_noise_in_a_picture_is_found_from_the_picture_alone() {
        let clean = scene(90, 121);
        let noise = "gaussian:0.1".parse().expect("a noise");
        let noisy = corrupt(&clean, noise, Seed(3), 0).expect("a picture");
        let (mut told, steps) = (0, STEPS / 6);
        let made = cleaned(&noisy, &DeviceChoice::Cpu, Seed(0), steps, |done, of| {
            told += 1;
            assert!(done == told && of == steps);
        });
        let made = made.expect("is restored");
        let [before, after] =
            [&noisy, &made].map(|picture| Quality::of(picture, &clean).expect("alike").psnr);
        assert!(after > before + 7.0, "{before} to {after} dB");
        assert_eq!(told, steps);
    }

    #[test]
    fn what_cannot_be_learned_from_is_refused() {
        let refused = |picture: &Tensor| {
            let made = zero_shot(picture, &DeviceChoice::Cpu, Seed(0), |_, _| ());
            made.expect_err("there is nothing to learn from").to_string()
        };
        assert!(refused(&scene(7, 100)).contains("8 pixels a side"));
        let mut holed = scene(30, 30);
        holed.data_mut()[5] = f32::NAN;
        assert!(refused(&holed).contains("--zero-shot"));
    }
}
