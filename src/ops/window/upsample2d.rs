//! Images made larger (or smaller) without weights, and the adjoint.

use std::sync::Arc;

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

/// How a pixel of the result is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsampling {
    /// Pixel `o` of `O` is pixel `o I / O`, rounded down, of `I`.
    Nearest,
    /// Between the two nearest pixels of each axis by distance, pixels being squares whose corners
    /// at the image's border lie upon each other: PyTorch's `align_corners=False`.
    Bilinear,
}

static KERNEL: Kernel = kernel!("window/upsample2d");

/// The largest height or width: twice its square fits 32 bits.
const MAX_SIDE: usize = 1 << 15;

/// `x` of `[batch, channels, height, width]` resized to `size`, a height and a width. Places are
/// computed in whole numbers; PyTorch's rounding of their ratio to f32 is not copied.
///
/// # Errors
/// When `x` has not four axes, or a side is 0 or above 32768.
pub fn upsample2d(
    builder: &mut dyn Builder,
    x: NodeId,
    size: [usize; 2],
    kind: Upsampling,
) -> Result<NodeId> {
    let shape = builder.shape(x).clone();
    let [_, _, height, width] = shape[..] else {
        return Err(Error::shape("upsample2d", "needs [batch, channels, h, w]", &[&shape]));
    };
    if [height, width] == size {
        return Ok(x);
    }
    let op = Upsample2d { kind, from: [height, width], to: size, adjoint: false };
    builder.apply(Arc::new(op), &[x])
}

/// The operation of [`upsample2d`], and its adjoint: each is the other's gradient.
#[derive(Clone, Copy, Debug)]
pub struct Upsample2d {
    /// How pixels are made.
    pub kind: Upsampling,
    /// Height and width before.
    pub from: [usize; 2],
    /// Height and width after.
    pub to: [usize; 2],
    /// Whether this is the adjoint, which takes images of size `to` to those of size `from`.
    pub adjoint: bool,
}

/// What one place of the result reads along one axis.
#[derive(Clone, Copy, Debug, Default)]
struct Taps {
    first: usize,
    second: usize,
    /// The weight of the second; that of the first is the rest to 1.
    weight: f32,
}

impl Upsample2d {
    fn taps(&self, axis: usize) -> Vec<Taps> {
        let (size, outputs) = (self.from[axis], self.to[axis]);
        let at = |o: usize| match self.kind {
            Upsampling::Nearest => {
                let k = o * size / outputs;
                Taps { first: k, second: k, weight: 0.0 }
            }
            Upsampling::Bilinear => {
                let s = ((2 * o + 1) * size).saturating_sub(outputs);
                let first = s / (2 * outputs);
                let weight = (s % (2 * outputs)) as f32 / (2 * outputs) as f32;
                Taps { first, second: (first + 1).min(size - 1), weight }
            }
        };
        (0..outputs).map(at).collect()
    }

    fn forward_plane(&self, out: &mut [f32], input: &[f32], rows: &[Taps], columns: &[Taps]) {
        let width = self.from[1];
        for (out, y) in out.chunks_mut(columns.len()).zip(rows) {
            let upper = &input[y.first * width..][..width];
            let lower = &input[y.second * width..][..width];
            for (out, x) in out.iter_mut().zip(columns) {
                let above = mix(upper[x.first], upper[x.second], x.weight);
                let below = mix(lower[x.first], lower[x.second], x.weight);
                *out = mix(above, below, y.weight);
            }
        }
    }

    fn adjoint_plane(&self, out: &mut [f32], input: &[f32], rows: &[Taps], columns: &[Taps]) {
        let width = self.from[1];
        out.fill(0.0);
        for (input, y) in input.chunks(columns.len()).zip(rows) {
            for (row, share) in [(y.first, 1.0 - y.weight), (y.second, y.weight)] {
                let out = &mut out[row * width..][..width];
                for (value, x) in input.iter().zip(columns) {
                    out[x.first] += share * (1.0 - x.weight) * value;
                    out[x.second] += share * x.weight * value;
                }
            }
        }
    }
}

#[inline(always)]
fn mix(a: f32, b: f32, weight: f32) -> f32 {
    a * (1.0 - weight) + b * weight
}

impl Op for Upsample2d {
    fn name(&self) -> &'static str {
        if self.adjoint { "upsample2d_adjoint" } else { "upsample2d" }
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let (from, to) = if self.adjoint { (self.to, self.from) } else { (self.from, self.to) };
        let sides = from.iter().chain(&to);
        match inputs[0][..] {
            [batch, channels, height, width]
                if [height, width] == from
                    && sides.copied().all(|side| (1..=MAX_SIDE).contains(&side)) =>
            {
                Ok(Shape::from([batch, channels, to[0], to[1]]))
            }
            _ => {
                let what = format!("from {from:?} to {to:?}, sides from 1 to {MAX_SIDE}");
                Err(Error::shape(self.name(), what, inputs))
            }
        }
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let back = Self { adjoint: !self.adjoint, ..*self };
        Ok(vec![Some(builder.apply(Arc::new(back), &[at.gradient])?)])
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        let large = shapes.inputs[0].elements().max(shapes.output.elements()) as u64;
        if self.kind == Upsampling::Bilinear { 8 * large } else { large }
    }

    fn cpu(&self, mut call: CpuCall) {
        let [rows, columns] = [self.taps(0), self.taps(1)];
        let [from, to] = [self.from, self.to].map(|[height, width]| height * width);
        let (read, written) = if self.adjoint { (to, from) } else { (from, to) };
        let input = call.inputs[0];
        simd::in_rows(call.output(), written, |first, out| {
            let planes = input[first * read..].chunks(read);
            for (out, input) in out.chunks_mut(written).zip(planes) {
                match self.adjoint {
                    true => self.adjoint_plane(out, input, &rows, &columns),
                    false => self.forward_plane(out, input, &rows, &columns),
                }
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.output.elements();
        let bindings = vec![Binding::Input(0), Binding::Output(0)];
        vec![
            Dispatch::new(&KERNEL, bindings, Dispatch::linear(count, 64))
                .entry(if self.adjoint { "adjoint" } else { "forward" })
                .constant("BILINEAR", u32::from(self.kind == Upsampling::Bilinear))
                .constant("H", self.from[0] as u32)
                .constant("W", self.from[1] as u32)
                .constant("OH", self.to[0] as u32)
                .constant("OW", self.to[1] as u32)
                .params([count as u32]),
        ]
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
