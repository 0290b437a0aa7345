//! Winograd's sums over squares, by vectors of channels: see [`Winograd`](super::winograd::Winograd).

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::arithmetic::product::crosswise;
use crate::arithmetic::simd;
use crate::arithmetic::workspace::with_workspace;

/// Places of a transformed square.
pub(super) const PLACES: usize = 16;
/// Channels are padded to whole vectors of the widest kind.
pub(super) const LANES: usize = 16;

/// What becomes of what, for a convolution of images by squares of 2x2 outputs.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// `Bᵀ d B` of pixels of an image.
    Input,
    /// `A dy Aᵀ` of pixels of the gradient in an output.
    Gradient,
    /// Pixels of an output, `Aᵀ m A`.
    Output,
}

/// A transform of some rows of squares of one image. Pixels are `[height, width, channels]`; squares
/// `[16, rows, squares in a row, channels]`.
pub(super) struct Transform<'a> {
    pub kind: Kind,
    /// Height and width of the pixels.
    pub pixels: [usize; 2],
    /// Rows and columns of padding before the pixels of an input.
    pub padding: [usize; 2],
    pub rows: Range<usize>,
    /// Squares in a row.
    pub columns: usize,
    /// Numbers of a pixel, and of a square: whole vectors.
    pub channels: usize,
    /// Words from one place of the 16 to the next.
    pub between: usize,
    pub from: &'a [f32],
    pub to: &'a mut [f32],
    /// Working memory of [`words_of_sums`].
    pub sums: &'a mut [f32],
}

/// Words of working memory for pixels and squares of rows as wide as these.
pub(super) fn words_of_sums(width: usize, columns: usize, channels: usize) -> usize {
    (width + 8 * (columns + 1)) * channels
}

impl WithSimd for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.kind {
            Kind::Input => self.input(simd),
            Kind::Gradient => self.gradient(simd),
            Kind::Output => self.output(simd),
        }
    }
}

impl Transform<'_> {
    #[inline(always)]
    fn input<S: Simd>(self, simd: S) {
        let Self { channels, columns, between, from, to, .. } = self;
        let ([h, w], [top, left]) = (self.pixels, self.padding);
        let (line, padded) = (w * channels, 2 * (columns + 1) * channels);
        let inside = left * channels..padded.min(left * channels + line);
        let (nothing, sums) = self.sums.split_at_mut(line);
        nothing.fill(0.0);
        sums[..4 * padded].fill(0.0);
        let mut sums = apart(sums, padded, padded);
        for (number, row) in self.rows.enumerate() {
            let at = |line_of_four: usize| match (2 * row + line_of_four).checked_sub(top) {
                Some(y) if y < h => &from[y * line..][..line],
                _ => &*nothing,
            };
            let lines = [at(0), at(1), at(2), at(3)];
            input_sums(simd, lines, sums.each_mut().map(|sums| &mut sums[inside.clone()]));
            for (place, sums) in sums.iter().enumerate() {
                let to = &mut to[4 * place * between + number * columns * channels..];
                for column in 0..columns {
                    let at = |place: usize| &sums[(2 * column + place) * channels..][..channels];
                    let to = apart(&mut to[column * channels..], between, channels);
                    input_sums(simd, [at(0), at(1), at(2), at(3)], to);
                }
            }
        }
    }

    #[inline(always)]
    fn gradient<S: Simd>(self, simd: S) {
        let Self { channels, columns, between, from, to, .. } = self;
        let [h, w] = self.pixels;
        let (line, padded) = (w * channels, 2 * columns * channels);
        let (nothing, sums) = self.sums.split_at_mut(line);
        nothing.fill(0.0);
        sums[..4 * padded].fill(0.0);
        let mut sums = apart(sums, padded, padded);
        for (number, row) in self.rows.enumerate() {
            let at = |y: usize| if y < h { &from[y * line..][..line] } else { &*nothing };
            let lines = [at(2 * row), at(2 * row + 1)];
            gradient_sums(simd, lines, sums.each_mut().map(|sums| &mut sums[..line]));
            for (place, sums) in sums.iter().enumerate() {
                let to = &mut to[4 * place * between + number * columns * channels..];
                for column in 0..columns {
                    let at = |place: usize| &sums[(2 * column + place) * channels..][..channels];
                    let to = apart(&mut to[column * channels..], between, channels);
                    gradient_sums(simd, [at(0), at(1)], to);
                }
            }
        }
    }

    #[inline(always)]
    fn output<S: Simd>(self, simd: S) {
        let Self { channels, columns, between, from, to, .. } = self;
        let [h, w] = self.pixels;
        let line = columns * channels;
        let sums = &mut self.sums[..4 * line];
        for (number, row) in self.rows.enumerate() {
            let from = &from[number * line..];
            for second in 0..(h - 2 * row).min(2) {
                for (column, sums) in sums.chunks_exact_mut(line).enumerate() {
                    let place = |of_four: usize| &from[(of_four * 4 + column) * between..][..line];
                    let lines = [place(second), place(second + 1), place(second + 2)];
                    output_sum(simd, second == 1, lines, sums);
                }
                let to = &mut to[(2 * row + second) * w * channels..][..w * channels];
                for (column, to) in to.chunks_mut(2 * channels).enumerate() {
                    let sum = |place: usize| &sums[place * line + column * channels..][..channels];
                    let (left, right) = to.split_at_mut(channels);
                    output_sum(simd, false, [sum(0), sum(1), sum(2)], left);
                    output_sum(simd, true, [sum(1), sum(2), sum(3)], right);
                }
            }
        }
    }
}

/// Four pieces of `count`, `between` apart.
#[inline(always)]
fn apart(from: &mut [f32], between: usize, count: usize) -> [&mut [f32]; 4] {
    let (a, rest) = from.split_at_mut(between);
    let (b, rest) = rest.split_at_mut(between);
    let (c, d) = rest.split_at_mut(between);
    [&mut a[..count], &mut b[..count], &mut c[..count], &mut d[..count]]
}

/// `Bᵀ d`.
#[inline(always)]
fn input_sums<S: Simd>(simd: S, from: [&[f32]; 4], to: [&mut [f32]; 4]) {
    let [a, b, c, d] = from.map(|from| S::as_simd_f32s(from).0);
    let [e, f, g, h] = to.map(|to| S::as_mut_simd_f32s(to).0);
    let count = e.len();
    let (a, b, c, d) = (&a[..count], &b[..count], &c[..count], &d[..count]);
    let (f, g, h) = (&mut f[..count], &mut g[..count], &mut h[..count]);
    for i in 0..count {
        e[i] = simd.sub_f32s(a[i], c[i]);
        f[i] = simd.add_f32s(b[i], c[i]);
        g[i] = simd.sub_f32s(c[i], b[i]);
        h[i] = simd.sub_f32s(b[i], d[i]);
    }
}

/// `A y` of pairs.
#[inline(always)]
fn gradient_sums<S: Simd>(simd: S, from: [&[f32]; 2], to: [&mut [f32]; 4]) {
    let [first, second] = from.map(|from| S::as_simd_f32s(from).0);
    let [a, b, c, d] = to.map(|to| S::as_mut_simd_f32s(to).0);
    let count = a.len();
    let (first, second) = (&first[..count], &second[..count]);
    let (b, c, d) = (&mut b[..count], &mut c[..count], &mut d[..count]);
    for i in 0..count {
        a[i] = first[i];
        b[i] = simd.add_f32s(first[i], second[i]);
        c[i] = simd.sub_f32s(first[i], second[i]);
        d[i] = simd.neg_f32s(second[i]);
    }
}

/// One line of `Aᵀ m`: `a + b + c`, or for the second one `a - b - c`.
#[inline(always)]
fn output_sum<S: Simd>(simd: S, second: bool, from: [&[f32]; 3], to: &mut [f32]) {
    let [a, b, c] = from.map(|from| S::as_simd_f32s(from).0);
    let to = S::as_mut_simd_f32s(to).0;
    let count = to.len();
    let (a, b, c) = (&a[..count], &b[..count], &c[..count]);
    for i in 0..count {
        to[i] = match second {
            false => simd.add_f32s(simd.add_f32s(a[i], b[i]), c[i]),
            true => simd.sub_f32s(simd.sub_f32s(a[i], b[i]), c[i]),
        };
    }
}

/// Neighbouring channels.
type Vector = [f32; LANES];

#[inline(always)]
fn add(a: Vector, b: Vector) -> Vector {
    std::array::from_fn(|i| a[i] + b[i])
}

#[inline(always)]
fn subtract(a: Vector, b: Vector) -> Vector {
    std::array::from_fn(|i| a[i] - b[i])
}

#[inline(always)]
fn half(a: Vector) -> Vector {
    a.map(|a| 0.5 * a)
}

/// `G w`.
#[inline(always)]
fn weight_sums(taps: [Vector; 3]) -> [Vector; 4] {
    std::array::from_fn(|line| weight_sum(line, taps))
}

/// One line of `G w`.
#[inline(always)]
fn weight_sum(line: usize, [a, b, c]: [Vector; 3]) -> Vector {
    match line {
        0 => a,
        1 => add(half(add(a, c)), half(b)),
        2 => subtract(half(add(a, c)), half(b)),
        _ => c,
    }
}

/// `Gᵀ u`.
#[inline(always)]
fn gradient_sum([a, b, c, d]: [Vector; 4]) -> [Vector; 3] {
    let (sum, difference) = (half(add(b, c)), half(subtract(b, c)));
    [add(a, sum), difference, add(sum, d)]
}

/// `G w Gᵀ` of weights of `[Co, Ci, 3, 3]`, as `[16, Ci, Co]` with `Co` in whole vectors.
pub(super) fn transform_weights(w: &[f32], [ci, co]: [usize; 2], to: &mut [f32]) {
    let groups = co.div_ceil(LANES);
    with_workspace(9 * ci * groups * LANES, |taps| {
        // Beyond the last channel stands what was left there, of which nothing is kept.
        crosswise(w, 9 * ci, 1, co, taps, groups * LANES);
        let (taps, _) = taps.as_chunks::<LANES>();
        let lines = to.as_chunks_mut::<LANES>().0.par_chunks_exact_mut(4 * ci * groups);
        lines.enumerate().for_each(|(line, to)| {
            simd::vectorised!(for channel in 0..ci {
                for group in 0..groups {
                    let tap = |tap: usize| taps[(9 * channel + tap) * groups + group];
                    let column = |column| [tap(column), tap(3 + column), tap(6 + column)];
                    let down: [Vector; 3] =
                        std::array::from_fn(|number| weight_sum(line, column(number)));
                    for (column, value) in weight_sums(down).into_iter().enumerate() {
                        to[(column * ci + channel) * groups + group] = value;
                    }
                }
            });
        });
    });
}

/// The weight's gradient, `Gᵀ u G`, of sums of `[16, Co, Ci]` with `Ci` in whole vectors.
pub(super) fn gradient_of(sums: &[f32], [ci, co]: [usize; 2], w: &mut [f32]) {
    let groups = ci.div_ceil(LANES);
    let sums = sums.as_chunks::<LANES>().0;
    simd::vectorised!(for output in 0..co {
        for group in 0..groups {
            let place = |place: usize| sums[(place * co + output) * groups + group];
            let down: [[Vector; 3]; 4] = std::array::from_fn(|column| {
                gradient_sum(std::array::from_fn(|line| place(line * 4 + column)))
            });
            let taps: [[Vector; 3]; 3] = std::array::from_fn(|line| {
                gradient_sum(std::array::from_fn(|column| down[column][line]))
            });
            let channels = LANES.min(ci - group * LANES);
            let w = &mut w[(output * ci + group * LANES) * 9..];
            for (lane, w) in w.as_chunks_mut::<9>().0[..channels].iter_mut().enumerate() {
                *w = std::array::from_fn(|tap| taps[tap / 3][tap % 3][lane]);
            }
        }
    });
}
