//! Convolution and its adjoints on the CPU: matrix products of windows laid out as columns.

use rayon::prelude::*;

use super::columns;
use super::convolution::{ConvSizes, with_workspace};
use super::fused::Epilogue;
use super::matmul::gemm::{Operand, Strides, Threads, accumulate, product};
use crate::simd;

/// `y` from `x`.
pub(super) fn convolve(sizes: &ConvSizes, x: &[f32], w: &[f32], y: &mut [f32], then: Epilogue) {
    match sizes.swapped() {
        Some(swapped) => {
            with_swapped_weights(sizes, w, |w| spread(&swapped, x, w, y, then));
        }
        None => collect(sizes, x, w, y, then),
    }
}

/// `x` from `y`.
pub(super) fn transpose(sizes: &ConvSizes, y: &[f32], w: &[f32], x: &mut [f32], then: Epilogue) {
    match sizes.swapped() {
        Some(swapped) => {
            with_swapped_weights(sizes, w, |w| collect(&swapped, y, w, x, then));
        }
        None => spread(sizes, y, w, x, then),
    }
}

/// `w` from `x` and `y`.
pub(super) fn weigh(sizes: &ConvSizes, x: &[f32], y: &[f32], w: &mut [f32]) {
    match sizes.swapped() {
        Some(swapped) => with_workspace(w.len(), |flipped| {
            sum_of_products(&swapped, y, x, flipped);
            swap_weights(&swapped, flipped, w);
        }),
        None => sum_of_products(sizes, x, y, w),
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

/// How many images share one product: as many as make its long side whole vectors, while the
/// columns stay in the second-level cache. Short rows cost a product more than a copy does.
fn images_together(sizes: &ConvSizes) -> usize {
    const LANES: usize = 16;
    const MOST_WORDS: usize = 1 << 18;
    let plane = sizes.output_plane();
    let whole = LANES >> plane.trailing_zeros().min(LANES.trailing_zeros());
    let rows = sizes.window() + sizes.co;
    if whole * plane * rows <= MOST_WORDS { whole } else { 1 }
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
            product(y, [sizes.co, window, pitch], w, columns, Threads::One);
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
    let (window, plane, together) = (sizes.window(), sizes.output_plane(), images_together(sizes));
    let y = y.par_chunks(together * sizes.output_words());
    let each = x.par_chunks_mut(together * sizes.image_words()).zip(y).enumerate();
    each.for_each(|(number, (x, y))| {
        let start = number * together * sizes.image_words();
        let images = y.len() / sizes.output_words();
        let pitch = images * plane;
        let multiply = |y: &[f32], columns: &mut [f32]| {
            let w = Operand { data: w, strides: Strides { row: 1, column: window } };
            let y = Operand::rows(y, pitch);
            product(columns, [window, sizes.co, pitch], w, y, Threads::One);
        };
        if images == 1 && sizes.geometry.is_pointwise() {
            multiply(y, x);
            return then.apply(x, start, sizes.image_plane());
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
                columns::scatter(sizes, &mut columns[image * plane..], pitch, x);
                then.apply(x, start + image * sizes.image_words(), sizes.image_plane());
            }
        });
    });
}

/// `y` times the transposed columns, added up over the images of each part of the batch, then over
/// the parts. Parts are the same whatever the number of threads, and so is the sum.
fn sum_of_products(sizes: &ConvSizes, x: &[f32], y: &[f32], w: &mut [f32]) {
    let words = w.len();
    let images_each = sizes.batch.div_ceil(parts(sizes.batch, words)).max(1);
    let parts = sizes.batch.div_ceil(images_each);
    if parts <= 1 {
        return sum_images(sizes, x, y, w);
    }
    with_workspace(parts * words, |partial| {
        let x = x.par_chunks(images_each * sizes.image_words());
        let y = y.par_chunks(images_each * sizes.output_words());
        let each = partial.par_chunks_exact_mut(words).zip(x.zip(y));
        each.for_each(|(partial, (x, y))| sum_images(sizes, x, y, partial));
        simd::in_chunks(w, |start, w| {
            w.fill(0.0);
            simd::vectorised(|| {
                for partial in partial.chunks_exact(words) {
                    let partial = &partial[start..][..w.len()];
                    w.iter_mut().zip(partial).for_each(|(w, partial)| *w += partial);
                }
            });
        });
    });
}

/// Into how many parts the batch is cut: enough for any number of threads that is likely, fewer
/// where the weights are so many that the sums themselves cost memory.
fn parts(batch: usize, words: usize) -> usize {
    ((1 << 22) / words.max(1)).clamp(2, 16).min(batch).max(1)
}

/// The gradient of one part of the batch, a few images after the other.
fn sum_images(sizes: &ConvSizes, x: &[f32], y: &[f32], w: &mut [f32]) {
    let (window, plane, together) = (sizes.window(), sizes.output_plane(), images_together(sizes));
    if x.is_empty() {
        return w.fill(0.0);
    }
    with_workspace((window + sizes.co) * together * plane, |workspace| {
        let (columns, rows) = workspace.split_at_mut(window * together * plane);
        let x = x.chunks(together * sizes.image_words());
        for (number, (x, y)) in x.zip(y.chunks(together * sizes.output_words())).enumerate() {
            let images = x.len() / sizes.image_words();
            let pitch = images * plane;
            let alone = images == 1;
            if !alone {
                join_planes(sizes, y, rows, pitch);
            }
            let y: &[f32] = if alone { y } else { rows };
            let ready = alone && sizes.geometry.is_pointwise();
            if !ready {
                join_columns(sizes, x, columns, pitch);
            }
            let columns: &[f32] = if ready { x } else { columns };
            let columns = Operand { data: columns, strides: Strides { row: 1, column: pitch } };
            let (shape, y) = ([sizes.co, pitch, window], Operand::rows(y, pitch));
            match number {
                0 => product(w, shape, y, columns, Threads::One),
                _ => accumulate(w, shape, y, columns, Threads::One),
            }
        }
    });
}
