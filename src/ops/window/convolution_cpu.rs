//! Convolution and its adjoints on the CPU: matrix products of windows laid out as columns, or of squares
//! transformed by [`Winograd`].

use rayon::prelude::*;

use super::columns;
use super::convolution::ConvSizes;
use super::nodes::Summed;
use super::winograd::Winograd;
use crate::arithmetic::product::{Operand, Threads, accumulate, crosswise, product};
use crate::arithmetic::simd;
use crate::arithmetic::workspace::with_workspace;
use crate::ops::product::epilogue::Epilogue;
use crate::ops::reduction::reduce::add_row_sums;

/// `y` from `x`.
pub(crate) fn convolve(sizes: &ConvSizes, x: &[f32], w: &[f32], y: &mut [f32], then: Epilogue) {
    if let Some(winograd) = Winograd::of(sizes) {
        return transformed(&winograd, sizes, x, w, y, then);
    }
    match sizes.swapped() {
        Some(swapped) => {
            with_swapped_weights(sizes, w, |w| spread(&swapped, x, w, y, then));
        }
        None => collect(sizes, x, w, y, then),
    }
}

fn transformed(
    winograd: &Winograd,
    sizes: &ConvSizes,
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    then: Epilogue,
) {
    winograd.convolve(x, w, y, |image, y| {
        then.apply(y, image * sizes.output_words(), sizes.output_plane());
    });
}

/// `x` from `y`.
pub(crate) fn transpose(sizes: &ConvSizes, y: &[f32], w: &[f32], x: &mut [f32], then: Epilogue) {
    if let Some(turned) = sizes.turned()
        && let Some(winograd) = Winograd::of(&turned)
    {
        return with_swapped_weights(sizes, w, |w| {
            transformed(&winograd, &turned, y, w, x, then);
        });
    }
    match sizes.swapped() {
        Some(swapped) => {
            with_swapped_weights(sizes, w, |w| collect(&swapped, y, w, x, then));
        }
        None => spread(sizes, y, w, x, then),
    }
}

/// `w` from `x` and `y`, and the sums of the channels of either.
pub(crate) fn weigh(
    sizes: &ConvSizes,
    x: &[f32],
    y: &[f32],
    w: &mut [f32],
    sums: Option<(Summed, &mut [f32])>,
) {
    if let Some(winograd) = Winograd::of(sizes) {
        let gradient = Gradient {
            sizes,
            words: winograd.gradient_words(),
            images_together: winograd.images_together(),
        };
        return gradient.add_up(
            [x, y],
            sums,
            |x, y, products| winograd.weigh(x, y, products),
            |products| winograd.gradient(products, w),
        );
    }
    match sizes.swapped() {
        Some(swapped) => with_workspace(w.len(), |flipped| {
            let sums = sums.map(|(summed, sums)| (summed.swapped(), sums));
            sum_of_products(&swapped, y, x, flipped, sums);
            swap_weights(&swapped, flipped, w);
        }),
        None => sum_of_products(sizes, x, y, w, sums),
    }
}

/// Writes weights with input and output channels swapped and kernels turned by 180 degrees.
fn swap_weights(sizes: &ConvSizes, w: &[f32], swapped: &mut [f32]) {
    let taps = sizes.taps();
    for (row, kernel) in w.chunks_exact(taps).enumerate() {
        let (co, ci) = (row / sizes.ci, row % sizes.ci);
        let to = &mut swapped[(ci * sizes.co + co) * taps..][..taps];
        to.iter_mut().zip(kernel.iter().rev()).for_each(|(to, from)| *to = *from);
    }
}

fn with_swapped_weights(sizes: &ConvSizes, w: &[f32], f: impl FnOnce(&[f32])) {
    with_workspace(w.len(), |swapped| {
        swap_weights(sizes, w, swapped);
        f(swapped);
    });
}

/// How many images share one product: as many as fill nine tenths of its vectors, while the columns
/// stay in the second-level cache.
fn images_together(sizes: &ConvSizes) -> usize {
    const LANES: usize = 16;
    const MOST_WORDS: usize = 1 << 18;
    let plane = sizes.output_plane();
    let fills = |images: &usize| {
        let columns = images * plane;
        10 * columns >= 9 * columns.next_multiple_of(LANES)
    };
    let images = (1..=LANES).find(fills).unwrap_or(1);
    let rows = sizes.window() + sizes.co;
    if images * plane * rows <= MOST_WORDS { images } else { 1 }
}

/// Where image number `image` of a product's columns begins and ends in one of its rows.
fn stretch(row: usize, pitch: usize, image: usize, plane: usize) -> std::ops::Range<usize> {
    let start = row * pitch + image * plane;
    start..start + plane
}

/// A few images of `y`, `[n, Co, Ho * Wo]`, as rows of a product: `[Co, n * Ho * Wo]`.
fn join_planes(sizes: &ConvSizes, y: &[f32], rows: &mut [f32], pitch: usize) {
    let plane = sizes.output_plane();
    for (number, from) in y.chunks_exact(plane).enumerate() {
        let (image, channel) = (number / sizes.co, number % sizes.co);
        rows[stretch(channel, pitch, image, plane)].copy_from_slice(from);
    }
}

/// The columns of a few images side by side.
fn join_columns(sizes: &ConvSizes, x: &[f32], columns: &mut [f32], pitch: usize) {
    for (image, x) in x.chunks_exact(sizes.image_words()).enumerate() {
        columns::gather(sizes, x, &mut columns[image * sizes.output_plane()..], pitch);
    }
}

/// A few images at a time: the weights as `[Co, window]` times the images' columns.
fn collect(sizes: &ConvSizes, x: &[f32], w: &[f32], y: &mut [f32], then: Epilogue) {
    let (window, plane, together) = (sizes.window(), sizes.output_plane(), images_together(sizes));
    let x = x.par_chunks(together * sizes.image_words());
    let each = y.par_chunks_mut(together * sizes.output_words()).zip(x).enumerate();
    each.for_each(|(number, (y, x))| {
        let start = number * together * sizes.output_words();
        let images = x.len() / sizes.image_words();
        let pitch = images * plane;
        let multiply = |columns: &[f32], y: &mut [f32]| {
            let (w, columns) = (Operand::rows(w, window), Operand::rows(columns, pitch));
            product(y, [sizes.co, window, pitch], w, columns, Threads::One, |_, _| ());
        };
        if images == 1 && sizes.geometry.is_pointwise() {
            multiply(x, y);
            return then.apply(y, start, plane);
        }
        with_workspace((window + sizes.co) * pitch, |workspace| {
            let (columns, rows) = workspace.split_at_mut(window * pitch);
            join_columns(sizes, x, columns, pitch);
            if images == 1 {
                return multiply(columns, y);
            }
            multiply(columns, rows);
            for (number, to) in y.chunks_exact_mut(plane).enumerate() {
                let (image, channel) = (number / sizes.co, number % sizes.co);
                to.copy_from_slice(&rows[stretch(channel, pitch, image, plane)]);
            }
        });
        then.apply(y, start, plane);
    });
}

/// A few images at a time: the transposed weights times `y` are columns, which add up to images.
fn spread(sizes: &ConvSizes, y: &[f32], w: &[f32], x: &mut [f32], then: Epilogue) {
    let together = images_together(sizes);
    with_workspace(w.len(), |turned| {
        turn(w, sizes.window(), turned);
        let turned: &[f32] = turned;
        let y = y.par_chunks(together * sizes.output_words());
        let each = x.par_chunks_mut(together * sizes.image_words()).zip(y).enumerate();
        each.for_each(|(number, (x, y))| {
            let start = number * together * sizes.image_words();
            spread_images(sizes, y, turned, x, |first, x| {
                then.apply(x, start + first, sizes.image_plane());
            });
        });
    });
}

/// The same for images that share a product, with the transposed weights, `[window, Co]`. `then` is called
/// with whole planes, and where the first of them begins.
fn spread_images(
    sizes: &ConvSizes,
    y: &[f32],
    w: &[f32],
    x: &mut [f32],
    then: impl Fn(usize, &mut [f32]),
) {
    let (window, plane) = (sizes.window(), sizes.output_plane());
    let images = y.len() / sizes.output_words();
    let pitch = images * plane;
    let multiply = |y: &[f32], columns: &mut [f32]| {
        let (w, y) = (Operand::rows(w, sizes.co), Operand::rows(y, pitch));
        product(columns, [window, sizes.co, pitch], w, y, Threads::One, |_, _| ());
    };
    if images == 1 && sizes.geometry.is_pointwise() {
        multiply(y, x);
        return then(0, x);
    }
    with_workspace((window + sizes.co) * pitch, |workspace| {
        let (columns, rows) = workspace.split_at_mut(window * pitch);
        if images == 1 {
            multiply(y, columns);
        } else {
            join_planes(sizes, y, rows, pitch);
            multiply(rows, columns);
        }
        for (image, x) in x.chunks_exact_mut(sizes.image_words()).enumerate() {
            let first = image * sizes.image_words();
            columns::scatter(sizes, &mut columns[image * plane..], pitch, x, |channel, plane| {
                then(first + channel * sizes.image_plane(), plane);
            });
        }
    });
}

/// `y` times the transposed columns, image after image.
fn sum_of_products(
    sizes: &ConvSizes,
    x: &[f32],
    y: &[f32],
    w: &mut [f32],
    sums: Option<(Summed, &mut [f32])>,
) {
    let gradient = Gradient { sizes, words: w.len(), images_together: 1 };
    let finish = |products: &[f32]| match is_turned(sizes) {
        true => turn(products, sizes.co, w),
        false => w.copy_from_slice(products),
    };
    gradient.add_up([x, y], sums, |x, y, products| sum_image(sizes, x, y, products), finish);
}

/// How the gradient of a weight is added up over a batch.
struct Gradient<'a> {
    sizes: &'a ConvSizes,
    /// Words of the sums that the gradient is made of.
    words: usize,
    /// Images that go into these at a time.
    images_together: usize,
}

impl Gradient<'_> {
    /// Sums over the images of each part of the batch, by `multiply`, then over the parts, of which
    /// `finish` makes the gradient; and the sums of channels, while images are in a cache. Parts are the
    /// same whatever the number of threads, and so is the sum.
    fn add_up(
        &self,
        [x, y]: [&[f32]; 2],
        sums: Option<(Summed, &mut [f32])>,
        multiply: impl Fn(&[f32], &[f32], &mut [f32]) + Sync,
        finish: impl FnOnce(&[f32]),
    ) {
        let Self { sizes, words, images_together } = *self;
        let (summed, sums) =
            sums.map_or((None, &mut [][..]), |(summed, sums)| (Some(summed), sums));
        let each = words + sums.len();
        let images_each = sizes.batch.div_ceil(parts(sizes.batch, words)).max(1);
        let parts = sizes.batch.div_ceil(images_each).max(1);
        let words_of =
            |images: usize| [images * sizes.image_words(), images * sizes.output_words()];
        with_workspace(parts * each, |partial| {
            let [x_each, y_each] = words_of(images_each);
            let of_parts = x.par_chunks(x_each).zip(y.par_chunks(y_each));
            partial.par_chunks_exact_mut(each).zip(of_parts).for_each(|(partial, (x, y))| {
                partial.fill(0.0);
                let (products, sums) = partial.split_at_mut(words);
                let [x_each, y_each] = words_of(images_together);
                for (x, y) in x.chunks(x_each).zip(y.chunks(y_each)) {
                    multiply(x, y, products);
                    match summed {
                        None => {}
                        Some(Summed::Output) => add_row_sums(y, sizes.output_plane(), sums),
                        Some(Summed::Image) => add_row_sums(x, sizes.image_plane(), sums),
                    }
                }
            });
            let (first, others) = partial.split_at_mut(each);
            if sizes.batch == 0 {
                first.fill(0.0);
            }
            simd::in_chunks(first, |start, sum| {
                simd::vectorised!(for other in others.chunks_exact(each) {
                    sum.iter_mut().zip(&other[start..]).for_each(|(sum, other)| *sum += other);
                });
            });
            let (products, channels) = first.split_at(words);
            finish(products);
            sums.copy_from_slice(channels);
        });
    }
}

/// Into how many parts the batch is cut: enough for any number of threads that is likely, fewer
/// where the weights are so many that the sums themselves cost memory.
fn parts(batch: usize, words: usize) -> usize {
    ((1 << 22) / words.max(1)).clamp(2, 16).min(batch).max(1)
}

/// Whether products have a row for each place of the window and a column for each channel of `y`. Of
/// the two factors, whose terms lie side by side in both, the product packs the right one: it is to
/// be the one with fewer rows.
fn is_turned(sizes: &ConvSizes) -> bool {
    sizes.window() > sizes.co
}

/// Rows of `columns` as columns.
fn turn(from: &[f32], columns: usize, to: &mut [f32]) {
    let rows = from.len() / columns;
    crosswise(from, columns, 1, rows, to, rows);
}

/// Adds what one image says of the gradient.
fn sum_image(sizes: &ConvSizes, x: &[f32], y: &[f32], w: &mut [f32]) {
    let (window, plane) = (sizes.window(), sizes.output_plane());
    let ready = sizes.geometry.is_pointwise();
    with_workspace(if ready { 0 } else { window * plane }, |workspace| {
        if !ready {
            columns::gather(sizes, x, workspace, plane);
        }
        let columns: &[f32] = if ready { x } else { workspace };
        match is_turned(sizes) {
            true => {
                let (a, b) = (Operand::rows(columns, plane), Operand::columns(y, plane));
                accumulate(w, [window, plane, sizes.co], a, b);
            }
            false => {
                let (a, b) = (Operand::rows(y, plane), Operand::columns(columns, plane));
                accumulate(w, [sizes.co, plane, window], a, b);
            }
        }
    });
}
