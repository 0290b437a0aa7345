//! Convolutions of 3x3 with strides of 1 by Winograd's minimal filtering F(2x2, 3x3): four neighbouring
//! outputs take 16 multiplications for each pair of channels in place of 36.
//!
//! With B, G and A of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), a square
//! of outputs is `Aᵀ [(G w Gᵀ) * (Bᵀ d B)] A` for the 4x4 inputs `d` that it reads. Summed over channels,
//! each of the 16 places of the bracket is a product of matrices, squares by channels. The gradient of the
//! weight is that of this formula, `Gᵀ [(A dy Aᵀ) * (Bᵀ d B)] G`, summed over squares.
//!
//! Channels lie innermost on the way, in whole vectors: transforms add and subtract vectors, and never
//! shuffle.

use std::ops::Range;

use rayon::prelude::*;

use super::convolution::ConvSizes;
use super::squares::{
    Kind, LANES, PLACES, Transform, gradient_of, transform_weights, words_of_sums,
};
use crate::arithmetic::product::{Operand, Threads, accumulate, crosswise, product};
use crate::arithmetic::workspace::with_workspace;

/// Transforms cost by the sum of the channels on both sides, and save by their product: how many times
/// the sum the product has to be.
const WORTH: usize = 10;
/// Words that the transformed squares of one product may take: about what a second-level cache holds.
const MOST_WORDS: usize = 1 << 18;

/// A convolution by squares of 2x2 outputs.
#[derive(Clone, Copy)]
pub(crate) struct Winograd<'a> {
    sizes: &'a ConvSizes,
    /// Squares down and across an image.
    squares: [usize; 2],
    /// Channels of `x`, and of `y`, up to whole vectors.
    ci: usize,
    co: usize,
}

/// What takes part in the products on one side: `[16, squares, channels]`.
struct Side<'a> {
    /// In whole vectors.
    channels: usize,
    /// Words from one place to the next.
    between: usize,
    words: &'a mut [f32],
    /// The pixels of one image, `[plane, channels]`.
    pixels: &'a mut [f32],
}

impl Side<'_> {
    /// From one place to the next, for so many squares. Places that lie a power of two apart would
    /// drive each other out of a cache.
    fn between(squares: usize, channels: usize) -> usize {
        squares * channels + LANES
    }

    fn place(&self, place: usize, squares: usize) -> &[f32] {
        &self.words[place * self.between..][..squares * self.channels]
    }

    /// An image of `[channels, plane]` as pixels, with zeros up to whole vectors.
    fn take_pixels(&mut self, image: &[f32]) {
        let plane = self.pixels.len() / self.channels;
        let channels = image.len() / plane;
        if channels < self.channels {
            self.pixels.fill(0.0);
        }
        crosswise(image, plane, 1, channels, self.pixels, self.channels);
    }

    fn give_pixels(&self, image: &mut [f32]) {
        let plane = self.pixels.len() / self.channels;
        crosswise(self.pixels, self.channels, 1, plane, image, plane);
    }
}

impl<'a> Winograd<'a> {
    /// Where it takes less time than products of columns.
    pub fn of(sizes: &'a ConvSizes) -> Option<Self> {
        let geometry = &sizes.geometry;
        let [kernel, stride, dilation] = [geometry.kernel, geometry.stride, geometry.dilation];
        let fits = kernel == [3, 3] && stride == [1, 1] && dilation == [1, 1];
        if !fits || sizes.ci * sizes.co < WORTH * (sizes.ci + sizes.co) {
            return None;
        }
        let squares = sizes.output.map(|side| side.div_ceil(2));
        let [ci, co] = [sizes.ci, sizes.co].map(|channels| channels.next_multiple_of(LANES));
        Some(Self { sizes, squares, ci, co })
    }

    /// How many images share products: as many as stay in a cache, transformed.
    pub fn images_together(&self) -> usize {
        (self.rows_in_cache() / self.squares[0]).clamp(1, PLACES)
    }

    /// Rows of squares that stay in a cache, transformed; one at least.
    fn rows_in_cache(&self) -> usize {
        let row = PLACES * (self.ci + self.co) * self.squares[1];
        (MOST_WORDS / row).max(1)
    }

    /// The rows of squares that share products: all of an image, or as many as stay in a cache.
    fn bands(&self) -> impl Iterator<Item = Range<usize>> {
        let (rows, each) = (self.squares[0], self.rows_in_cache());
        (0..rows).step_by(each).map(move |first| first..rows.min(first + each))
    }

    /// Hands `f` the sides of `x` and `y` for products of so many images, and memory for transforms.
    fn with_sides(&self, images: usize, f: impl FnOnce(Side, Side, &mut [f32])) {
        let Self { sizes, ci, co, squares: [rows, columns] } = *self;
        let squares = images * columns * self.rows_in_cache().min(rows);
        let [of_x, of_y] = [ci, co].map(|channels| Side::between(squares, channels));
        let (x_pixels, y_pixels) = (sizes.image_plane() * ci, sizes.output_plane() * co);
        let width = sizes.image[1].max(sizes.output[1]);
        let sums = words_of_sums(width, columns, ci.max(co));
        let words = PLACES * (of_x + of_y) + x_pixels + y_pixels + sums;
        with_workspace(words, |mut rest| {
            let mut side = |channels, between, pixels| Side {
                channels,
                between,
                words: rest.split_off_mut(..PLACES * between).expect("memory for both sides"),
                pixels: rest.split_off_mut(..pixels).expect("memory for both sides"),
            };
            let (x, y) = (side(ci, of_x, x_pixels), side(co, of_y, y_pixels));
            f(x, y, rest);
        });
    }

    /// The transform of some rows between the pixels of one side and its squares, from number `first` on.
    fn transform(
        &self,
        kind: Kind,
        side: &mut Side,
        (first, rows): (usize, &Range<usize>),
        sums: &mut [f32],
    ) {
        let squares = &mut side.words[first * side.channels..];
        let (from, to) = match kind {
            Kind::Output => (&*squares, &mut *side.pixels),
            Kind::Input | Kind::Gradient => (&*side.pixels, squares),
        };
        let pixels = match kind {
            Kind::Input => self.sizes.image,
            Kind::Gradient | Kind::Output => self.sizes.output,
        };
        pulp::Arch::new().dispatch(Transform {
            kind,
            pixels,
            padding: self.sizes.geometry.padding.map(|[before, _]| before),
            rows: rows.clone(),
            columns: self.squares[1],
            channels: side.channels,
            between: side.between,
            from,
            to,
            sums,
        });
    }

    /// `y` from `x`; `then` is called with the finished images of a product, and the number of the first.
    pub fn convolve(
        &self,
        x: &[f32],
        w: &[f32],
        y: &mut [f32],
        then: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let (sizes, together) = (self.sizes, self.images_together());
        with_workspace(PLACES * sizes.ci * self.co, |weights| {
            transform_weights(w, [sizes.ci, sizes.co], weights);
            let weights: &[f32] = weights;
            let x = x.par_chunks(together * sizes.image_words());
            let each = y.par_chunks_mut(together * sizes.output_words()).zip(x).enumerate();
            each.for_each(|(number, (y, x))| {
                self.convolve_together(x, weights, y);
                then(number * together, y);
            });
        });
    }

    fn convolve_together(&self, x: &[f32], weights: &[f32], y: &mut [f32]) {
        let ci = self.sizes.ci;
        let images = x.len() / self.sizes.image_words();
        self.with_sides(images, |mut from, mut to, sums| {
            // Where there is more than one image, there is one band.
            for rows in self.bands() {
                let squares = rows.len() * self.squares[1];
                for (image, x) in x.chunks_exact(self.sizes.image_words()).enumerate() {
                    if rows.start == 0 {
                        from.take_pixels(x);
                    }
                    self.transform(Kind::Input, &mut from, (image * squares, &rows), sums);
                }
                for (place, weights) in weights.chunks_exact(ci * self.co).enumerate() {
                    let a = Operand::rows(from.place(place, images * squares), self.ci);
                    let b = Operand::rows(weights, self.co);
                    let out = &mut to.words[place * to.between..];
                    product(out, [images * squares, ci, self.co], a, b, Threads::One, |_, _| ());
                }
                for (image, y) in y.chunks_exact_mut(self.sizes.output_words()).enumerate() {
                    self.transform(Kind::Output, &mut to, (image * squares, &rows), sums);
                    if rows.end == self.squares[0] {
                        to.give_pixels(y);
                    }
                }
            }
        });
    }

    /// Words of the sums from which a weight's gradient is made.
    pub fn gradient_words(&self) -> usize {
        PLACES * self.sizes.co * self.ci
    }

    /// Adds what some images say of the gradient to its sums, of `[16, Co, Ci]`.
    pub fn weigh(&self, x: &[f32], y: &[f32], gradient: &mut [f32]) {
        let co = self.sizes.co;
        let images = x.len() / self.sizes.image_words();
        self.with_sides(images, |mut right, mut left, sums| {
            for rows in self.bands() {
                let squares = rows.len() * self.squares[1];
                let pairs = x.chunks_exact(self.sizes.image_words());
                let pairs = pairs.zip(y.chunks_exact(self.sizes.output_words()));
                for (image, (x, y)) in pairs.enumerate() {
                    if rows.start == 0 {
                        right.take_pixels(x);
                        left.take_pixels(y);
                    }
                    let place = (image * squares, &rows);
                    self.transform(Kind::Input, &mut right, place, sums);
                    self.transform(Kind::Gradient, &mut left, place, sums);
                }
                let terms = images * squares;
                for (place, gradient) in gradient.chunks_exact_mut(co * self.ci).enumerate() {
                    let a = Operand::columns(left.place(place, terms), self.co);
                    let b = Operand::rows(right.place(place, terms), self.ci);
                    accumulate(gradient, [co, terms, self.ci], a, b);
                }
            }
        });
    }

    /// The weight's gradient from its sums.
    pub fn gradient(&self, sums: &[f32], w: &mut [f32]) {
        gradient_of(sums, [self.sizes.ci, self.sizes.co], w);
    }
}
