//! Images as matrices whose columns are windows (im2col), and back (col2im).
//!
//! Row `(ci * Kh + ky) * Kw + kx`, column `oy * Wo + ox` holds
//! `x[ci, oy * stride + ky * dilation - padding, ...]`, or 0 in the padding.

use super::convolution::ConvSizes;
use crate::arithmetic::simd;

/// Writes the columns of one image into `columns` of `[window, Ho * Wo]`, rows `pitch` apart.
pub(crate) fn gather(sizes: &ConvSizes, x: &[f32], columns: &mut [f32], pitch: usize) {
    let [_, wo] = sizes.output;
    let [h, w] = sizes.image;
    let geometry = &sizes.geometry;
    let (plane, output_plane) = (sizes.image_plane(), sizes.output_plane());
    let pairs = in_pairs(sizes);
    simd::vectorised!({
        let mut row = 0;
        for x in x.chunks_exact(plane) {
            for ky in 0..geometry.kernel[0] {
                if pairs {
                    separate(sizes, x, ky, &mut columns[row * pitch..], pitch);
                    row += 2;
                    continue;
                }
                for kx in 0..geometry.kernel[1] {
                    let inside = geometry.inside(1, kx, w, wo);
                    let to = &mut columns[row * pitch..][..output_plane];
                    if slides(sizes) {
                        gather_plane(sizes, x, [ky, kx], to);
                        row += 1;
                        continue;
                    }
                    for (oy, line) in to.chunks_exact_mut(wo).enumerate() {
                        match geometry.source(0, oy, ky, h) {
                            Some(iy) => {
                                let from = &x[iy * w..][..w];
                                gather_line(geometry.stride[1], from, inside.clone(), line, || {
                                    geometry.source(1, inside.start, kx, w)
                                });
                            }
                            None => line.fill(0.0),
                        }
                    }
                    row += 1;
                }
            }
        }
    });
}

/// Whether a matrix row is the plane itself, moved along, but for the edges: with strides of 1 and
/// images as wide as their outputs. Then it is copied whole, not line by line.
fn slides(sizes: &ConvSizes) -> bool {
    sizes.geometry.stride == [1, 1] && sizes.image[1] == sizes.output[1]
}

/// For a kernel place of a convolution that [`slides`]: the range of the matrix row that lies on
/// lines inside the image, and the place of its first element in the plane, which may lie before
/// the plane's begin.
#[inline(always)]
fn overlap(sizes: &ConvSizes, [ky, kx]: [usize; 2]) -> (std::ops::Range<usize>, isize) {
    let geometry = &sizes.geometry;
    let [h, w] = sizes.image;
    let lines = geometry.inside(0, ky, h, sizes.output[0]);
    let Some(iy) = geometry.source(0, lines.start, ky, h).filter(|_| !lines.is_empty()) else {
        return (0..0, 0);
    };
    let shift = (kx * geometry.dilation[1]) as isize - geometry.padding[1][0] as isize;
    let first = (iy * w) as isize + shift;
    // What sticks out before or after the plane belongs to the edges, which are 0.
    let before = (-first).max(0) as usize;
    let length = lines.len() * w;
    let after = (first + length as isize - (h * w) as isize).max(0) as usize;
    let start = lines.start * w;
    if before + after >= length {
        return (0..0, 0);
    }
    (start + before..start + length - after, first + before as isize)
}

/// Sets to 0 what a matrix row holds in the padding left and right.
#[inline(always)]
fn clear_edges(sizes: &ConvSizes, kx: usize, row: &mut [f32]) {
    let w = sizes.image[1];
    let inside = sizes.geometry.inside(1, kx, w, w);
    for column in (0..inside.start).chain(inside.end..w) {
        row[column..].iter_mut().step_by(w).for_each(|value| *value = 0.0);
    }
}

#[inline(always)]
fn gather_plane(sizes: &ConvSizes, x: &[f32], tap: [usize; 2], row: &mut [f32]) {
    let (range, first) = overlap(sizes, tap);
    row[..range.start].fill(0.0);
    row[range.end..].fill(0.0);
    let length = range.len();
    row[range].copy_from_slice(&x[first as usize..][..length]);
    clear_edges(sizes, tap[1], row);
}

#[inline(always)]
fn scatter_plane(sizes: &ConvSizes, row: &mut [f32], tap: [usize; 2], x: &mut [f32]) {
    let (range, first) = overlap(sizes, tap);
    clear_edges(sizes, tap[1], row);
    let x = &mut x[first as usize..][..range.len()];
    x.iter_mut().zip(&row[range]).for_each(|(x, value)| *x += value);
}

#[inline(always)]
fn gather_line(
    stride: usize,
    from: &[f32],
    inside: std::ops::Range<usize>,
    line: &mut [f32],
    first: impl Fn() -> Option<usize>,
) {
    line[..inside.start].fill(0.0);
    line[inside.end..].fill(0.0);
    if inside.is_empty() {
        return;
    }
    let first = first().expect("the range holds places inside the image");
    let line = &mut line[inside];
    let from = &from[first..];
    match stride {
        1 => line.copy_from_slice(&from[..line.len()]),
        stride => {
            line.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, from)| *to = *from);
        }
    }
}

/// Adds the columns of `[window, Ho * Wo]`, rows `pitch` apart, up into one image, and hands `then` each
/// channel's plane, by its number, while it is in a cache. Each element of `x` is written; those of
/// `columns` that belong to the padding may become 0.
pub(crate) fn scatter(
    sizes: &ConvSizes,
    columns: &mut [f32],
    pitch: usize,
    x: &mut [f32],
    then: impl Fn(usize, &mut [f32]),
) {
    let [_, wo] = sizes.output;
    let [h, w] = sizes.image;
    let geometry = &sizes.geometry;
    let (plane, output_plane) = (sizes.image_plane(), sizes.output_plane());
    let tiles = geometry.tiles(sizes.image, sizes.output);
    simd::vectorised!({
        let mut row = 0;
        for (channel, x) in x.chunks_exact_mut(plane).enumerate() {
            if tiles {
                interleave(sizes, &columns[row * pitch..], pitch, x);
                row += sizes.taps();
                then(channel, x);
                continue;
            }
            x.fill(0.0);
            for ky in 0..geometry.kernel[0] {
                for kx in 0..geometry.kernel[1] {
                    let inside = geometry.inside(1, kx, w, wo);
                    if slides(sizes) {
                        let columns = &mut columns[row * pitch..][..output_plane];
                        scatter_plane(sizes, columns, [ky, kx], x);
                        row += 1;
                        continue;
                    }
                    let Some(ix) = geometry.source(1, inside.start, kx, w) else {
                        row += 1;
                        continue;
                    };
                    let lines = columns[row * pitch..][..output_plane].chunks_exact(wo);
                    for (oy, line) in lines.enumerate() {
                        if let Some(iy) = geometry.source(0, oy, ky, h) {
                            let to = &mut x[iy * w..][..w][ix..];
                            add_line(geometry.stride[1], &line[inside.clone()], to);
                        }
                    }
                    row += 1;
                }
            }
            then(channel, x);
        }
    });
}

#[inline(always)]
fn add_line(stride: usize, line: &[f32], to: &mut [f32]) {
    match stride {
        1 => to.iter_mut().zip(line).for_each(|(to, from)| *to += from),
        stride => {
            to.iter_mut().step_by(stride).zip(line).for_each(|(to, from)| *to += from);
        }
    }
}

/// Where windows tile the image, a line of it is the lines of `kernel width` matrix rows, interleaved.
#[inline(always)]
fn interleave(sizes: &ConvSizes, columns: &[f32], pitch: usize, x: &mut [f32]) {
    let [_, wo] = sizes.output;
    let w = sizes.image[1];
    let [kh, kw] = sizes.geometry.kernel;
    // Line by line from the top, as a line of pairs may write into the one below it.
    for iy in 0..sizes.output[0] * kh {
        let (oy, ky) = (iy / kh, iy % kh);
        let rows = &columns[ky * kw * pitch..];
        let to = &mut x[iy * w..];
        if kw == 2 {
            join_pairs(&rows[oy * wo..], &rows[pitch + oy * wo..], wo, to);
            continue;
        }
        for kx in 0..kw {
            let from = &rows[kx * pitch + oy * wo..][..wo];
            to[kx..w].iter_mut().step_by(kw).zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}

/// Whether windows tile the image and are 2 wide, so that each of its lines is one of pairs.
fn in_pairs(sizes: &ConvSizes) -> bool {
    sizes.geometry.kernel[1] == 2 && sizes.geometry.tiles(sizes.image, sizes.output)
}

/// The two matrix rows of one row of a kernel 2 wide.
#[inline(always)]
fn separate(sizes: &ConvSizes, x: &[f32], ky: usize, rows: &mut [f32], pitch: usize) {
    let [ho, wo] = sizes.output;
    let (left, right) = rows.split_at_mut(pitch);
    let (left, right) = (&mut left[..ho * wo], &mut right[..ho * wo]);
    for oy in 0..ho {
        let line = &x[(oy * sizes.geometry.kernel[0] + ky) * sizes.image[1]..];
        split_pairs(line, wo, &mut left[oy * wo..], &mut right[oy * wo..]);
    }
}

/// Pairs that are moved at once. Where there is room, whole blocks are moved, beyond the end of a
/// line too: lines come one after the other, and the next one writes over it.
const PAIRS: usize = 16;

/// The first and the second numbers of `count` pairs.
#[inline(always)]
pub(super) fn split_pairs(pairs: &[f32], count: usize, left: &mut [f32], right: &mut [f32]) {
    let mut at = 0;
    while at < count {
        let from = pairs[2 * at..].first_chunk::<{ 2 * PAIRS }>();
        let to = (left[at..].first_chunk_mut(), right[at..].first_chunk_mut());
        let (Some(from), (Some(left), Some(right))) = (from, to) else { break };
        *left = std::array::from_fn::<f32, PAIRS, _>(|pair| from[2 * pair]);
        *right = std::array::from_fn::<f32, PAIRS, _>(|pair| from[2 * pair + 1]);
        at += PAIRS;
    }
    for at in at..count {
        (left[at], right[at]) = (pairs[2 * at], pairs[2 * at + 1]);
    }
}

/// `count` pairs of numbers of `left` and `right`.
#[inline(always)]
pub(super) fn join_pairs(left: &[f32], right: &[f32], count: usize, pairs: &mut [f32]) {
    let mut at = 0;
    while at < count {
        let from = (left[at..].first_chunk::<PAIRS>(), right[at..].first_chunk::<PAIRS>());
        let to = pairs[2 * at..].first_chunk_mut::<{ 2 * PAIRS }>();
        let ((Some(left), Some(right)), Some(to)) = (from, to) else { break };
        // As whole numbers, of which the compiler makes vectors.
        let pair = |i: usize| u64::from(left[i].to_bits()) | u64::from(right[i].to_bits()) << 32;
        *to = bytemuck::cast::<[u64; PAIRS], _>(std::array::from_fn(|i| pair(i).to_le()));
        at += PAIRS;
    }
    for at in at..count {
        (pairs[2 * at], pairs[2 * at + 1]) = (left[at], right[at]);
    }
}
