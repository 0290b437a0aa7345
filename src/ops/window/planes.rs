//! Windows on planes, for pooling on the CPU.

use super::geometry::ConvGeometry;
use crate::shape::Shape;

/// The planes of a pooling: `[H, W]` and `[Ho, Wo]`.
#[derive(Clone, Copy)]
pub(crate) struct Planes {
    pub(crate) geometry: ConvGeometry,
    /// `[H, W]`.
    pub(crate) image: [usize; 2],
    /// `[Ho, Wo]`.
    pub(crate) output: [usize; 2],
}

impl Planes {
    pub(crate) fn of(geometry: ConvGeometry, image: &Shape, output: &Shape) -> Self {
        let axes = |shape: &Shape| [shape[2], shape[3]];
        Self { geometry, image: axes(image), output: axes(output) }
    }

    pub(crate) fn image_words(&self) -> usize {
        self.image[0] * self.image[1]
    }

    pub(crate) fn output_words(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Adds each gradient of one plane up where its window's winner is.
    pub(crate) fn route(&self, gradient: &[f32], x: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        for (o, gradient) in gradient.iter().enumerate() {
            let (_, place) = self.winner(x, o / self.output[1], o % self.output[1]);
            out[place] += gradient;
        }
    }

    /// Windows of 2 x 2 that tile the plane but for an odd last row and column.
    pub(crate) fn are_quarters(&self) -> bool {
        self.geometry == ConvGeometry::symmetric([2, 2], [2, 2], [0, 0])
    }

    /// The maximum of the window at `oy`, `ox` and its place.
    #[inline(always)]
    fn winner(&self, plane: &[f32], oy: usize, ox: usize) -> (f32, usize) {
        let [h, w] = self.image;
        let mut best: Option<(f32, usize)> = None;
        for ky in 0..self.geometry.kernel[0] {
            let Some(iy) = self.geometry.source(0, oy, ky, h) else { continue };
            for kx in 0..self.geometry.kernel[1] {
                let Some(ix) = self.geometry.source(1, ox, kx, w) else { continue };
                let value = plane[iy * w + ix];
                if best.is_none_or(|(best, _)| beats(value, best)) {
                    best = Some((value, iy * w + ix));
                }
            }
        }
        best.expect("each window holds an element")
    }

    /// Calls `f` with each row of `out`, whose planes are the output's, the two rows of the input it
    /// pools, and the place of their first element in the plane.
    #[inline(always)]
    pub(crate) fn quarter_rows(
        &self,
        x: &[f32],
        out: &mut [f32],
        f: impl Fn(&mut [f32], &[[f32; 2]], &[[f32; 2]], usize),
    ) {
        let w = self.image[1];
        let planes = x.chunks_exact(self.image_words());
        for (x, out) in planes.zip(out.chunks_exact_mut(self.output_words())) {
            for (oy, out) in out.chunks_exact_mut(self.output[1]).enumerate() {
                let upper = x[2 * oy * w..][..w].as_chunks().0;
                let lower = x[(2 * oy + 1) * w..][..w].as_chunks().0;
                f(out, upper, lower, 2 * oy * w);
            }
        }
    }

    /// Calls `f` with each output element of whole planes and its window's winner.
    #[inline(always)]
    pub(crate) fn each_winner(
        &self,
        x: &[f32],
        out: &mut [f32],
        f: impl Fn(&mut f32, (f32, usize)),
    ) {
        let planes = x.chunks_exact(self.image_words());
        for (x, out) in planes.zip(out.chunks_exact_mut(self.output_words())) {
            for (oy, out) in out.chunks_exact_mut(self.output[1]).enumerate() {
                for (ox, out) in out.iter_mut().enumerate() {
                    f(out, self.winner(x, oy, ox));
                }
            }
        }
    }
}

#[inline(always)]
pub(crate) fn beats(value: f32, best: f32) -> bool {
    (value > best) | value.is_nan()
}

#[inline(always)]
pub(crate) fn larger(first: f32, second: f32) -> f32 {
    if beats(second, first) { second } else { first }
}

/// Windows that tile the plane: each element of the output is a gradient or 0.
#[inline(always)]
pub(crate) fn spread_quarters(planes: &Planes, gradient: &[f32], indices: &[f32], out: &mut [f32]) {
    let (w, wo) = (planes.image[1], planes.output[1]);
    let pooled = 2 * planes.output[0] * w;
    let pairs = gradient.chunks_exact(planes.output_words());
    let pairs = pairs.zip(indices.chunks_exact(planes.output_words()));
    for (out, (gradient, indices)) in out.chunks_exact_mut(planes.image_words()).zip(pairs) {
        out[pooled..].fill(0.0);
        for (iy, row) in out[..pooled].chunks_exact_mut(w).enumerate() {
            let at = iy / 2 * wo;
            let place = (iy * w) as i32;
            let (pairs, odd) = row.as_chunks_mut::<2>();
            let windows = gradient[at..][..wo].iter().zip(&indices[at..][..wo]);
            for (ox, (pair, (gradient, index))) in pairs.iter_mut().zip(windows).enumerate() {
                let step = *index as i32 - place - 2 * ox as i32;
                *pair = [
                    if step == 0 { *gradient } else { 0.0 },
                    if step == 1 { *gradient } else { 0.0 },
                ];
            }
            odd.fill(0.0);
        }
    }
}

/// [`Planes::route`] for windows of 2 x 2 that tile the plane, without branches, so that it vectorises. The
/// slices may go on after the plane, and what follows it in `out` is overwritten then.
#[inline(always)]
pub(crate) fn route_quarters(planes: &Planes, gradient: &[f32], x: &[f32], out: &mut [f32]) {
    match planes.output[1] {
        ..=8 => route_blocks::<8>(planes, gradient, x, out),
        _ => route_blocks::<16>(planes, gradient, x, out),
    }
}

/// The same, `N` windows at a time.
#[inline(always)]
fn route_blocks<const N: usize>(planes: &Planes, gradient: &[f32], x: &[f32], out: &mut [f32]) {
    let (w, wo) = (planes.image[1], planes.output[1]);
    for oy in 0..planes.output[0] {
        let (above, below) = (&x[2 * oy * w..], &x[(2 * oy + 1) * w..]);
        let gradient = &gradient[oy * wo..];
        let out = &mut out[2 * oy * w..];
        // From the right: where there is room, whole blocks are written, beyond the end of the line
        // too, and what they corrupt there is written afterwards.
        for first in (0..wo).step_by(N).rev() {
            let at = 2 * first;
            let block = |line: &[f32]| line[at..].as_chunks().0.first_chunk::<N>().copied();
            let inputs = (block(above), block(below), gradient[first..].first_chunk::<N>());
            if let (Some(above), Some(below), Some(gradient)) = inputs
                && out.len() >= w + at + 2 * N
            {
                let [mut upper, mut lower] = [[[0.0; 2]; N]; 2];
                for window in 0..N {
                    [upper[window], lower[window]] =
                        route_window(above[window], below[window], gradient[window]);
                }
                out[at..][..2 * N].copy_from_slice(upper.as_flattened());
                out[w + at..][..2 * N].copy_from_slice(lower.as_flattened());
                continue;
            }
            for (window, gradient) in gradient[..wo].iter().enumerate().skip(first).take(N) {
                let at = 2 * window;
                let (above, below) = ([above[at], above[at + 1]], [below[at], below[at + 1]]);
                let [upper, lower] = route_window(above, below, *gradient);
                out[at..][..2].copy_from_slice(&upper);
                out[w + at..][..2].copy_from_slice(&lower);
            }
        }
        if w % 2 == 1 {
            (out[w - 1], out[2 * w - 1]) = (0.0, 0.0);
        }
    }
    out[2 * planes.output[0] * w..planes.image_words()].fill(0.0);
}

/// The gradient at the first of the greatest of four, 0 at the others.
#[inline(always)]
fn route_window([a, b]: [f32; 2], [c, d]: [f32; 2], gradient: f32) -> [[f32; 2]; 2] {
    let right = beats(b, a);
    let lower_right = beats(d, c);
    let down = beats(larger(c, d), larger(a, b));
    let when = |wins: bool| if wins { gradient } else { 0.0 };
    [
        [when(!down & !right), when(!down & right)],
        [when(down & !lower_right), when(down & lower_right)],
    ]
}
