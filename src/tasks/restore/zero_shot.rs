//! Noise taken away by what one picture itself says: without a model, or beside one.
//!
//! Patches that are alike have a normal distribution of their own, which is learned from them; each is brought to where it
//! would most likely have been without the noise (Lebrun, Buades, Morel, "A nonlocal Bayesian image denoising algorithm",
//! 2013). A first pass learns from noisy patches, a second from what the first has made of them.

use std::ops::Range;

use nalgebra::{Cholesky, DMatrix};
use rayon::prelude::*;

use super::weighed;
use crate::data::ImageShape;
use crate::rng::{self, Seed, Stream};

/// Rows of patches that are searched together. What is made does not depend on how many threads there are.
const STRIP: usize = 32;
/// How far a patch's likes are looked for in each direction, in pixels.
const REACH: usize = 12;
/// A group whose pixels vary no more than noise times this is flat.
const FLAT: f32 = 1.05;

/// The side of patches and how many of a kind are looked for, by the noise's deviation.
fn sizes(deviation: f32) -> [usize; 2] {
    match deviation < 30.0 / 255.0 {
        true => [5, 60],
        false => [7, 100],
    }
}

/// Planes of one size.
struct Planes {
    planes: Vec<Vec<f32>>,
    height: usize,
    width: usize,
}

/// What a model makes of a noisy picture, `[channels, height, width]`, and of the same a little [`changed`], which says how
/// far the model is from the clean one.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Of the picture.
    pub made: &'a [f32],
    /// Of the changed one.
    pub of_changed: &'a [f32],
}

/// How much pixels are changed, in deviations of the noise.
const CHANGE: f32 = 0.15;

/// `picture`, each number of which is a little more or less, at random, by the deviation of its noise.
pub fn changed(picture: &[f32], deviation: f32) -> Vec<f32> {
    let sign = |at: usize| {
        let word = rng::block(Seed(0), Stream(0), 0, at as u32)[0];
        if rng::uniform(word) < 0.5 { -CHANGE } else { CHANGE }
    };
    picture.iter().enumerate().map(|(at, pixel)| pixel + sign(at) * deviation).collect()
}

/// `picture`, `[channels, height, width]`, without the normal noise of this deviation that is in it, where black is 0 and
/// white is 1. What a model has made of it, where that is `known`, takes part in what the second pass learns from and in
/// what is made, as far as it is nearer to the clean picture. One that is smaller than a patch stays
/// as it is.
pub fn without_noise(
    picture: &[f32],
    shape: ImageShape,
    deviation: f32,
    known: Option<Known>,
) -> Vec<f32> {
    let ImageShape { channels, height, width } = shape;
    let [side, _] = sizes(deviation);
    if height.min(width) < side || deviation <= 0.0 {
        return known.map_or(picture, |known| known.made).to_vec();
    }
    let plane = height * width;
    // A gray picture in colour has the same noise in all channels.
    let is_gray = picture.chunks(plane).all(|other| other == &picture[..plane]);
    let count = if is_gray { 1 } else { channels };
    let whole = |numbers: &[f32]| {
        let planes = numbers.chunks(plane).take(count).map(<[f32]>::to_vec).collect();
        Planes { planes, height, width }.turned(false)
    };
    let noisy = whole(picture);
    let made = match known {
        None => noisy.pass(Some(&noisy.pass(None, deviation)), deviation),
        Some(Known { made, of_changed }) => {
            let changed = changed(&picture[..count * plane], deviation);
            let given = [noisy, whole(&changed)];
            let [made, _] = beside(
                &given,
                &[made, of_changed].map(whole),
                &usable(made, plane, deviation),
                deviation,
            );
            made
        }
    };
    made.turned(true).planes.concat().repeat(if is_gray { channels } else { 1 })
}

/// What patches and a model make of the noisy planes and of the changed ones.
fn beside(
    given: &[Planes; 2],
    model: &[Planes; 2],
    usable: &[bool],
    deviation: f32,
) -> [Planes; 2] {
    let joined = |patches: [Planes; 2]| Planes::joined([model, &patches], given, usable, deviation);
    let first = joined(given.each_ref().map(|planes| planes.pass(None, deviation)));
    let second = [0, 1].map(|at| given[at].pass(Some(&first[at]), deviation));
    joined(second)
}

/// Pixels whose noise is hardly clipped to black or white, by what a model has made of them.
fn usable(made: &[f32], plane: usize, deviation: f32) -> Vec<bool> {
    let range = 2.0 * deviation..1.0 - 2.0 * deviation;
    let channels = || made.chunks(plane);
    (0..plane).map(|at| channels().all(|channel| range.contains(&channel[at]))).collect()
}

/// What patches of a strip add to pixels, from one row on.
struct Sums {
    first: usize,
    /// By channel.
    values: Vec<Vec<f32>>,
    counts: Vec<f32>,
}

impl Planes {
    /// Three colours along axes that vary apart, the first of which is brightness, or `back`: a rotation, under which noise
    /// stays what it is.
    fn turned(mut self, back: bool) -> Self {
        if self.planes.len() != 3 {
            return self;
        }
        let [a, b, c] = [3.0_f32, 2.0, 6.0].map(|squares| squares.sqrt().recip());
        let axes = [[a, a, a], [b, 0.0, -b], [c, -2.0 * c, c]];
        for at in 0..self.height * self.width {
            let pixel = [0, 1, 2].map(|channel| self.planes[channel][at]);
            for (to, plane) in self.planes.iter_mut().enumerate() {
                let weight = |from: usize| if back { axes[from][to] } else { axes[to][from] };
                plane[at] = pixel.iter().enumerate().map(|(from, x)| weight(from) * x).sum();
            }
        }
        self
    }

    /// What two methods make of noisy planes and of changed ones, joined.
    fn joined(
        [one, other]: [&[Self; 2]; 2],
        given: &[Self; 2],
        usable: &[bool],
        deviation: f32,
    ) -> [Self; 2] {
        let size @ [height, width] = [given[0].height, given[0].width];
        let mut made = [vec![], vec![]];
        for channel in 0..given[0].planes.len() {
            let [one, other, given] =
                [one, other, given].map(|both| both.each_ref().map(|it| &it.planes[channel][..]));
            let joined = weighed::joined([one, other], given, usable, size, deviation);
            made.iter_mut().zip(joined).for_each(|(planes, plane)| planes.push(plane));
        }
        made.map(|planes| Self { planes, height, width })
    }

    /// All patches, brought to where they most likely would be; their distributions are those of `clean`, or their own,
    /// less the noise.
    fn pass(&self, clean: Option<&Self>, deviation: f32) -> Self {
        let [side, _] = sizes(deviation);
        let rows = self.height + 1 - side;
        let strips = (0..rows.div_ceil(STRIP)).into_par_iter();
        let strips: Vec<Sums> = strips
            .map(|strip| self.strip(clean, deviation, strip * STRIP..rows.min((strip + 1) * STRIP)))
            .collect();
        let mut planes = vec![vec![0.0; self.height * self.width]; self.planes.len()];
        let mut counts = vec![0.0; self.height * self.width];
        for Sums { first, values, counts: more } in strips {
            let add = |to: &mut [f32], from: &[f32]| {
                to[first * self.width..].iter_mut().zip(from).for_each(|(to, from)| *to += from);
            };
            planes.iter_mut().zip(&values).for_each(|(to, from)| add(to, from));
            add(&mut counts, &more);
        }
        for plane in &mut planes {
            plane.iter_mut().zip(&counts).for_each(|(sum, count)| *sum /= count);
        }
        Self { planes, ..*self }
    }

    /// The patches that begin in these rows, and those like them.
    fn strip(&self, clean: Option<&Self>, deviation: f32, rows: Range<usize>) -> Sums {
        let [side, many] = sizes(deviation);
        let first = rows.start.saturating_sub(REACH);
        let last = (rows.end + REACH + side).min(self.height);
        let mut sums = Sums {
            first,
            values: vec![vec![0.0; (last - first) * self.width]; self.planes.len()],
            counts: vec![0.0; (last - first) * self.width],
        };
        let mut done = vec![false; (last - first) * self.width];
        let mut likes = vec![];
        for row in rows {
            for column in 0..=self.width - side {
                if done[(row - first) * self.width + column] {
                    continue;
                }
                clean.unwrap_or(self).likes([row, column], side, many, clean.is_some(), &mut likes);
                for place in &likes {
                    done[place - first * self.width] = true;
                }
                for channel in 0..self.planes.len() {
                    let noisy = self.patches(channel, &likes, side);
                    let made = match clean {
                        None => of_noisy(noisy, deviation),
                        Some(clean) => {
                            of_clean(clean.patches(channel, &likes, side), noisy, deviation)
                        }
                    };
                    sums.add(channel, &made, &likes, side, self.width);
                }
            }
        }
        sums
    }

    /// Finds the places of patches that are most like the one at `[row, column]`, that one among them: by brightness, or by
    /// all channels.
    fn likes(
        &self,
        [row, column]: [usize; 2],
        side: usize,
        many: usize,
        by_all: bool,
        found: &mut Vec<usize>,
    ) {
        let width = self.width;
        let around =
            |at: usize, size: usize| at.saturating_sub(REACH)..=(at + REACH).min(size - side);
        let planes = &self.planes[..if by_all { self.planes.len() } else { 1 }];
        let mut distances: Vec<(f32, usize)> = vec![];
        for other in around(row, self.height) {
            for beside in around(column, width) {
                let mut sum = 0.0;
                for plane in planes {
                    for line in 0..side {
                        let a = &plane[(row + line) * width + column..][..side];
                        let b = &plane[(other + line) * width + beside..][..side];
                        sum += a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
                    }
                }
                distances.push((sum, other * width + beside));
            }
        }
        let nearer = |a: &(f32, usize), b: &(f32, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if distances.len() > many {
            distances.select_nth_unstable_by(many - 1, nearer);
            distances.truncate(many);
        }
        found.clear();
        found.extend(distances.iter().map(|(_, place)| place));
        let own = row * width + column;
        if !found.contains(&own) {
            found[0] = own;
        }
    }

    /// The patches of a channel at these places, one a column.
    fn patches(&self, channel: usize, places: &[usize], side: usize) -> DMatrix<f32> {
        let plane = &self.planes[channel];
        let pixel =
            |at: usize, patch: usize| plane[places[patch] + at / side * self.width + at % side];
        DMatrix::from_fn(side * side, places.len(), pixel)
    }
}

impl Sums {
    fn add(
        &mut self,
        channel: usize,
        patches: &DMatrix<f32>,
        places: &[usize],
        side: usize,
        width: usize,
    ) {
        for (patch, place) in patches.column_iter().zip(places) {
            let from = place - self.first * width;
            for (line, row) in patch.as_slice().chunks(side).enumerate() {
                let at = from + line * width;
                let to = &mut self.values[channel][at..at + side];
                to.iter_mut().zip(row).for_each(|(sum, pixel)| *sum += pixel);
                if channel == 0 {
                    self.counts[at..at + side].iter_mut().for_each(|count| *count += 1.0);
                }
            }
        }
    }
}

/// `patches` less the mean of all, and that.
fn centred(mut patches: DMatrix<f32>) -> (DMatrix<f32>, Vec<f32>) {
    let count = patches.ncols() as f32;
    let mean: Vec<f32> = patches.row_iter().map(|row| row.sum() / count).collect();
    for mut patch in patches.column_iter_mut() {
        patch.iter_mut().zip(&mean).for_each(|(pixel, mean)| *pixel -= mean);
    }
    (patches, mean)
}

fn covariance(centred: &DMatrix<f32>) -> DMatrix<f32> {
    centred * centred.transpose() / (centred.ncols().max(2) - 1) as f32
}

fn plus_mean(mut patches: DMatrix<f32>, mean: &[f32]) -> DMatrix<f32> {
    for mut patch in patches.column_iter_mut() {
        patch.iter_mut().zip(mean).for_each(|(pixel, mean)| *pixel += mean);
    }
    patches
}

/// Patches whose distribution is known with the noise in it: `m + (I - s^2 C^-1) (p - m)`.
fn of_noisy(patches: DMatrix<f32>, deviation: f32) -> DMatrix<f32> {
    let noise = deviation * deviation;
    let (pixels, mean_of_all) = (patches.len() as f32, patches.mean());
    let variance = patches.iter().map(|pixel| (pixel - mean_of_all).powi(2)).sum::<f32>() / pixels;
    if variance < FLAT * noise {
        return DMatrix::from_element(patches.nrows(), patches.ncols(), mean_of_all);
    }
    let (centred, mean) = centred(patches);
    let mut covariance = covariance(&centred);
    // Fewer patches than they have pixels say too little of it.
    (0..covariance.nrows()).for_each(|at| covariance[(at, at)] += 1e-3 * noise);
    let Some(found) = Cholesky::new(covariance) else {
        return plus_mean(centred, &mean);
    };
    let part = found.solve(&centred) * noise;
    plus_mean(centred - part, &mean)
}

/// Patches whose distribution is that of `clean` ones: `m + C (C + s^2 I)^-1 (p - m)`.
fn of_clean(clean: DMatrix<f32>, mut noisy: DMatrix<f32>, deviation: f32) -> DMatrix<f32> {
    let (centred, mean) = centred(clean);
    let covariance = covariance(&centred);
    let mut with_noise = covariance.clone();
    (0..with_noise.nrows()).for_each(|at| with_noise[(at, at)] += deviation * deviation);
    for mut patch in noisy.column_iter_mut() {
        patch.iter_mut().zip(&mean).for_each(|(pixel, mean)| *pixel -= mean);
    }
    match Cholesky::new(with_noise) {
        Some(found) => plus_mean(covariance * found.solve(&noisy), &mean),
        None => plus_mean(centred, &mean),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waves and an edge, and the same under noise.
    fn pictures(shape: ImageShape, deviation: f32) -> [Vec<f32>; 2] {
        let ImageShape { height, width, .. } = shape;
        let clean: Vec<f32> = (0..shape.elements())
            .map(|at| {
                let (channel, row, column) =
                    (at / (height * width), at / width % height, at % width);
                let wave = 0.2 * (0.4 * row as f32 + 0.2 * column as f32 + channel as f32).sin();
                0.4 + wave + if column > width / 2 { 0.2 } else { 0.0 }
            })
            .collect();
        let noise = (0..).flat_map(|at| {
            let [a, b, c, d] = rng::block(Seed(7), Stream(1), 0, at);
            [rng::normal_pair(a, b), rng::normal_pair(c, d)].concat()
        });
        let noisy = clean.iter().zip(noise).map(|(x, n)| x + deviation * n).collect();
        [clean, noisy]
    }

    fn error(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / a.len() as f32
    }

    #[test]
    fn noise_goes_and_the_picture_stays() {
        for (channels, deviation) in [(1, 0.06), (3, 0.1), (1, 0.2)] {
            let shape = ImageShape { channels, height: 48, width: 61 };
            let [clean, noisy] = pictures(shape, deviation);
            let made = without_noise(&noisy, shape, deviation, None);
            let share = error(&made, &clean) / error(&noisy, &clean);
            assert!(share < 0.08, "{channels} channels, {deviation}: {share} of the noise is left");
            // By what is nearer already, it comes nearer.
            let known: Vec<f32> = made.iter().zip(&clean).map(|(a, b)| 0.5 * (a + b)).collect();
            let change = changed(&noisy, deviation);
            let change = change.iter().zip(&noisy).map(|(changed, noisy)| 0.1 * (changed - noisy));
            let of_changed: Vec<f32> = known.iter().zip(change).map(|(a, b)| a + b).collect();
            let known = Known { made: &known, of_changed: &of_changed };
            let joined = without_noise(&noisy, shape, deviation, Some(known));
            assert!(error(&joined, &clean) < error(&made, &clean), "{channels}, {deviation}");
        }
    }

    #[test]
    fn pictures_of_any_size_are_taken_and_threads_change_nothing() {
        for (height, width) in [(1, 1), (5, 5), (4, 90), (7, 300), (70, 6)] {
            let shape = ImageShape { channels: 3, height, width };
            let [_, noisy] = pictures(shape, 0.1);
            let made = without_noise(&noisy, shape, 0.1, None);
            assert!(made.len() == noisy.len() && made.iter().all(|pixel| pixel.is_finite()));
            let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
            assert_eq!(alone.install(|| without_noise(&noisy, shape, 0.1, None)), made);
            assert_eq!(without_noise(&noisy, shape, 0.0, None), noisy);
        }
    }
}
