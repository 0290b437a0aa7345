//! Maxima of windows, plane by plane, and where they lie.
//!
//! Padding counts as minus infinity, the first of equals wins (in row-major order of the window),
//! and NaN wins over all, as in PyTorch. Four operations, closed under differentiation: values and
//! indices of the maxima, and two that are each other's gradient: one gathers a tensor at given
//! indices, the other adds gradients up at them.

use std::sync::Arc;

use super::convolution::{four, misfit};
use super::geometry::ConvGeometry;
use super::planes::{Planes, beats, larger, spread_quarters};
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("window/max_pool2d");

/// The largest element of each window of `x` of `[N, C, H, W]`: `[N, C, Ho, Wo]`.
///
/// # Errors
/// When no window fits, or one holds nothing but padding.
pub fn max_pool2d(builder: &mut dyn Builder, x: NodeId, geometry: ConvGeometry) -> Result<NodeId> {
    builder.apply(Arc::new(MaxPool2d { geometry }), &[x])
}

/// [`max_pool2d`], and the place of each maximum in its plane, `y * W + x`, as a whole `f32`.
///
/// # Errors
/// When no window fits, one holds nothing but padding, or a plane has more than 2^24 elements.
pub fn max_pool2d_with_indices(
    builder: &mut dyn Builder,
    x: NodeId,
    geometry: ConvGeometry,
) -> Result<[NodeId; 2]> {
    let values = max_pool2d(builder, x, geometry)?;
    let indices = builder.apply(Arc::new(MaxPool2dIndices { geometry }), &[x])?;
    Ok([values, indices])
}

/// The operation of [`max_pool2d`].
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d {
    /// How windows walk over each plane.
    pub geometry: ConvGeometry,
}

/// The places of [`max_pool2d`]'s maxima.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2dIndices {
    /// How windows walk over each plane.
    pub geometry: ConvGeometry,
}

/// From gradients of `[N, C, Ho, Wo]` and indices of the same shape to `[N, C, H, W]`: each gradient
/// is added where its index points to.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2dGradient {
    /// How windows walk over each plane.
    pub geometry: ConvGeometry,
    /// `[H, W]`.
    pub image: [usize; 2],
}

/// `x` of `[N, C, H, W]` at indices of `[N, C, Ho, Wo]`.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2dTake {
    /// How the windows that the indices come from walk over each plane.
    pub geometry: ConvGeometry,
}

fn pooled_shape(op: &'static str, geometry: &ConvGeometry, inputs: &[&Shape]) -> Result<Shape> {
    let Some([batch, channels, h, w]) = four(inputs[0]) else {
        return Err(Error::shape(op, "needs [N, C, H, W]", inputs));
    };
    // Whole numbers up to here are exact in f32.
    if h * w > 1 << 24 {
        return Err(Error::shape(op, "a plane may have 2^24 elements", inputs));
    }
    geometry.check_windows([h, w]).map_err(|error| misfit(op, error, inputs))?;
    let [ho, wo] = geometry.output_size([h, w]).map_err(|error| misfit(op, error, inputs))?;
    Ok(Shape::from([batch, channels, ho, wo]))
}

fn dispatch(planes: &Planes, entry: &'static str, inputs: usize, count: usize) -> Vec<Dispatch> {
    let mut bindings: Vec<Binding> = (0..inputs).map(Binding::Input).collect();
    bindings.push(Binding::Output(0));
    let dispatch = Dispatch::new(&KERNEL, bindings, Dispatch::linear(count, 64))
        .entry(entry)
        .constant("CI", 1)
        .constant("H", planes.image[0] as u32)
        .constant("W", planes.image[1] as u32)
        .constant("CO", 1)
        .constant("HO", planes.output[0] as u32)
        .constant("WO", planes.output[1] as u32)
        .params([count as u32]);
    vec![planes.geometry.constants(dispatch)]
}

impl Op for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        pooled_shape(self.name(), &self.geometry, inputs)
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let x = at.inputs[0];
        let geometry = self.geometry;
        let indices = builder.apply(Arc::new(MaxPool2dIndices { geometry }), &[x])?;
        Ok(vec![Some(spread(builder, at.gradient, indices, x, geometry)?)])
    }

    fn cpu(&self, mut call: CpuCall) {
        let planes = Planes::of(self.geometry, &call.shapes.inputs[0], &call.shapes.output);
        let x = call.inputs[0];
        simd::in_rows(call.output(), planes.output_words(), |first, out| {
            let x = &x[first * planes.image_words()..];
            simd::vectorised!({
                if planes.are_quarters() {
                    planes.quarter_rows(x, out, |out, upper, lower, _| {
                        for ((out, upper), lower) in out.iter_mut().zip(upper).zip(lower) {
                            *out = larger(larger(upper[0], upper[1]), larger(lower[0], lower[1]));
                        }
                    });
                } else {
                    planes.each_winner(x, out, |out, (value, _)| *out = value);
                }
            });
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let planes = Planes::of(self.geometry, &shapes.inputs[0], &shapes.output);
        dispatch(&planes, "values", 1, shapes.output.elements())
    }
}

/// Gradients of [`MaxPool2d`]'s output brought to the places of `like`, a node of the input's shape.
fn spread(
    builder: &mut dyn Builder,
    gradient: NodeId,
    indices: NodeId,
    like: NodeId,
    geometry: ConvGeometry,
) -> Result<NodeId> {
    let shape = builder.shape(like);
    let image = [shape[2], shape[3]];
    builder.apply(Arc::new(MaxPool2dGradient { geometry, image }), &[gradient, indices])
}

impl Op for MaxPool2dIndices {
    fn name(&self) -> &'static str {
        "max_pool2d_indices"
    }

    fn halves(&self) -> Halves {
        Halves::Inputs
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        pooled_shape(self.name(), &self.geometry, inputs)
    }

    /// Indices do not move with the input.
    fn gradient(&self, _builder: &mut dyn Builder, _at: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let planes = Planes::of(self.geometry, &call.shapes.inputs[0], &call.shapes.output);
        let (x, w) = (call.inputs[0], planes.image[1]);
        simd::in_rows(call.output(), planes.output_words(), |first, out| {
            let x = &x[first * planes.image_words()..];
            simd::vectorised!({
                if planes.are_quarters() {
                    planes.quarter_rows(x, out, |out, upper, lower, place| {
                        // All in floats and without branches, so that it vectorises.
                        let (place, w) = (place as f32, w as f32);
                        let windows = out.iter_mut().zip(upper).zip(lower);
                        for (ox, ((out, upper), lower)) in windows.enumerate() {
                            let above = if beats(upper[1], upper[0]) { 1.0 } else { 0.0 };
                            let below = if beats(lower[1], lower[0]) { w + 1.0 } else { w };
                            let best = larger(lower[0], lower[1]);
                            let is_below = beats(best, larger(upper[0], upper[1]));
                            let step = if is_below { below } else { above };
                            *out = place + (2 * ox as i32) as f32 + step;
                        }
                    });
                } else {
                    planes.each_winner(x, out, |out, (_, place)| *out = place as f32);
                }
            });
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let planes = Planes::of(self.geometry, &shapes.inputs[0], &shapes.output);
        dispatch(&planes, "indices", 1, shapes.output.elements())
    }
}

impl Op for MaxPool2dGradient {
    fn name(&self) -> &'static str {
        "max_pool2d_gradient"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let rule = "needs gradients and indices of the windows' shape [N, C, Ho, Wo]";
        let Some([batch, channels, _, _]) = four(inputs[0]).filter(|_| inputs[0] == inputs[1])
        else {
            return Err(Error::shape(self.name(), rule, inputs));
        };
        let image = Shape::from([batch, channels, self.image[0], self.image[1]]);
        match pooled_shape(self.name(), &self.geometry, &[&image])? {
            output if output == *inputs[0] => Ok(image),
            _ => Err(Error::shape(self.name(), rule, inputs)),
        }
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let op = MaxPool2dTake { geometry: self.geometry };
        Ok(vec![Some(builder.apply(Arc::new(op), &[at.gradient, at.inputs[1]])?), None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let planes = Planes::of(self.geometry, &call.shapes.output, &call.shapes.inputs[0]);
        let (gradient, indices) = (call.inputs[0], call.inputs[1]);
        simd::in_rows(call.output(), planes.image_words(), |first, out| {
            let count = out.len() / planes.image_words() * planes.output_words();
            let gradient = &gradient[first * planes.output_words()..][..count];
            let indices = &indices[first * planes.output_words()..][..count];
            if planes.are_quarters() {
                return simd::vectorised!(spread_quarters(&planes, gradient, indices, out));
            }
            out.fill(0.0);
            let pairs = gradient.chunks_exact(planes.output_words());
            let pairs = pairs.zip(indices.chunks_exact(planes.output_words()));
            for (out, (gradient, indices)) in out.chunks_exact_mut(planes.image_words()).zip(pairs)
            {
                for (gradient, index) in gradient.iter().zip(indices) {
                    out[*index as usize] += gradient;
                }
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let planes = Planes::of(self.geometry, &shapes.output, &shapes.inputs[0]);
        dispatch(&planes, "gradient", 2, shapes.output.elements())
    }
}

impl Op for MaxPool2dTake {
    fn name(&self) -> &'static str {
        "max_pool2d_take"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        match pooled_shape(self.name(), &self.geometry, &inputs[..1])? {
            output if output == *inputs[1] => Ok(output),
            _ => Err(Error::shape(self.name(), "indices have the windows' shape", inputs)),
        }
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let (x, indices) = (at.inputs[0], at.inputs[1]);
        Ok(vec![Some(spread(builder, at.gradient, indices, x, self.geometry)?), None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let planes = Planes::of(self.geometry, &call.shapes.inputs[0], &call.shapes.output);
        let (x, indices) = (call.inputs[0], call.inputs[1]);
        simd::in_rows(call.output(), planes.output_words(), |first, out| {
            let indices = &indices[first * planes.output_words()..][..out.len()];
            let x = x[first * planes.image_words()..].chunks_exact(planes.image_words());
            let planes = out
                .chunks_exact_mut(planes.output_words())
                .zip(indices.chunks_exact(planes.output_words()));
            for ((out, indices), x) in planes.zip(x) {
                out.iter_mut().zip(indices).for_each(|(out, index)| *out = x[*index as usize]);
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let planes = Planes::of(self.geometry, &shapes.inputs[0], &shapes.output);
        dispatch(&planes, "take", 2, shapes.output.elements())
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::window::convolution::trial::{Random, run};

    /// The first maximum of each window in row-major order, element by element.
    fn plainly(geometry: ConvGeometry, x: &[f32], image: [usize; 2]) -> Vec<(f32, usize)> {
        let [ho, wo] = geometry.output_size(image).unwrap();
        let mut all = vec![];
        for plane in x.chunks(image[0] * image[1]) {
            for o in 0..ho * wo {
                let mut best = (f32::NEG_INFINITY, usize::MAX);
                for k in 0..geometry.kernel[0] * geometry.kernel[1] {
                    let (ky, kx) = (k / geometry.kernel[1], k % geometry.kernel[1]);
                    let iy = geometry.source(0, o / wo, ky, image[0]);
                    let ix = geometry.source(1, o % wo, kx, image[1]);
                    let (Some(iy), Some(ix)) = (iy, ix) else { continue };
                    let place = iy * image[1] + ix;
                    if best.1 == usize::MAX || plane[place] > best.0 {
                        best = (plane[place], place);
                    }
                }
                all.push(best);
            }
        }
        all
    }

    #[test]
    fn agrees_with_plain_loops_and_its_gradient_with_its_take() {
        let mut random = Random::new(5);
        for _ in 0..200 {
            let (geometry, image) = random.geometry();
            if geometry.check_windows(image).is_err() {
                continue;
            }
            // Few distinct values, so that there are ties.
            let x = Shape::from([2, 3, image[0], image[1]]);
            let values: Vec<f32> = random.numbers(&x).iter().map(|v| (v * 3.0).round()).collect();
            let expected = plainly(geometry, &values, image);
            let (shape, maxima) = run(&MaxPool2d { geometry }, &[(&x, &values)]);
            let (_, indices) = run(&MaxPool2dIndices { geometry }, &[(&x, &values)]);
            for ((maximum, index), expected) in maxima.iter().zip(&indices).zip(&expected) {
                assert_eq!((*maximum, *index as usize), *expected, "{geometry:?} {image:?}");
            }
            let (_, taken) = run(&MaxPool2dTake { geometry }, &[(&x, &values), (&shape, &indices)]);
            assert_eq!(taken, maxima);
            let g = random.numbers(&shape);
            let spread = MaxPool2dGradient { geometry, image };
            let (_, spread) = run(&spread, &[(&shape, &g), (&shape, &indices)]);
            let mut scattered = vec![0.0; values.len()];
            for (at, (g, (_, place))) in g.iter().zip(&expected).enumerate() {
                let plane = at / (shape[2] * shape[3]);
                scattered[plane * image[0] * image[1] + place] += g;
            }
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
            assert!(spread.iter().zip(&scattered).all(near), "{geometry:?} {image:?}");
        }
    }

    #[test]
    fn nan_and_infinities() {
        let geometry = ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]);
        let x = Shape::from([1, 1, 2, 4]);
        let (low, nan) = (f32::NEG_INFINITY, f32::NAN);
        let values = [low, low, 1.0, 2.0, low, low, nan, 3.0];
        let (_, maxima) = run(&MaxPool2d { geometry }, &[(&x, &values)]);
        let (_, indices) = run(&MaxPool2dIndices { geometry }, &[(&x, &values)]);
        assert!(maxima[0] == low && maxima[1].is_nan());
        assert_eq!(indices, [0.0, 6.0]);
    }
}
