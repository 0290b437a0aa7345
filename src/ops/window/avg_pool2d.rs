//! Means of windows, plane by plane. Padding counts as zeros that are averaged over, as is PyTorch's
//! default (`count_include_pad=True`): every window's sum is divided by the kernel's size.

use std::sync::Arc;

use super::convolution::{four, misfit};
use super::geometry::ConvGeometry;
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("window/avg_pool2d");

/// The mean of each window of `x` of `[N, C, H, W]`, padding included: `[N, C, Ho, Wo]`.
///
/// # Errors
/// When no window fits.
pub fn avg_pool2d(builder: &mut dyn Builder, x: NodeId, geometry: ConvGeometry) -> Result<NodeId> {
    builder.apply(Arc::new(AvgPool2d { geometry }), &[x])
}

/// The operation of [`avg_pool2d`].
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2d {
    /// How windows walk over each plane.
    pub geometry: ConvGeometry,
}

/// The adjoint of [`AvgPool2d`]: from `[N, C, Ho, Wo]` to `[N, C, H, W]`, each element shared
/// equally among the places of its window.
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2dGradient {
    /// How windows walk over each plane.
    pub geometry: ConvGeometry,
    /// `[H, W]`.
    pub image: [usize; 2],
}

fn pooled_shape(op: &'static str, geometry: &ConvGeometry, inputs: &[&Shape]) -> Result<Shape> {
    let Some([batch, channels, h, w]) = four(inputs[0]) else {
        return Err(Error::shape(op, "needs [N, C, H, W]", inputs));
    };
    let [ho, wo] = geometry.output_size([h, w]).map_err(|error| misfit(op, error, inputs))?;
    Ok(Shape::from([batch, channels, ho, wo]))
}

fn share(geometry: &ConvGeometry) -> f32 {
    1.0 / (geometry.kernel[0] * geometry.kernel[1]) as f32
}

/// Windows of 2 x 2 that tile the plane but for an odd last row and column.
fn are_quarters(geometry: &ConvGeometry) -> bool {
    *geometry == ConvGeometry::symmetric([2, 2], [2, 2], [0, 0])
}

impl Op for AvgPool2d {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        pooled_shape(self.name(), &self.geometry, inputs)
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let shape = builder.shape(at.inputs[0]);
        let op = AvgPool2dGradient { geometry: self.geometry, image: [shape[2], shape[3]] };
        Ok(vec![Some(builder.apply(Arc::new(op), &[at.gradient])?)])
    }

    fn cpu(&self, mut call: CpuCall) {
        let (image, output) = (call.shapes.inputs[0].clone(), call.shapes.output.clone());
        let (h, w, ho, wo) = (image[2], image[3], output[2], output[3]);
        let (x, geometry) = (call.inputs[0], &self.geometry);
        let share = share(geometry);
        let quarters = are_quarters(geometry);
        simd::in_rows(call.output(), ho * wo, |first, out| {
            let x = x[first * h * w..].chunks_exact(h * w);
            simd::vectorised!({
                for (out, x) in out.chunks_exact_mut(ho * wo).zip(x) {
                    for (oy, out) in out.chunks_exact_mut(wo).enumerate() {
                        if quarters {
                            let upper = x[2 * oy * w..][..w].as_chunks::<2>().0;
                            let lower = x[(2 * oy + 1) * w..][..w].as_chunks::<2>().0;
                            for ((out, upper), lower) in out.iter_mut().zip(upper).zip(lower) {
                                *out = (upper[0] + upper[1] + lower[0] + lower[1]) * share;
                            }
                            continue;
                        }
                        out.fill(0.0);
                        for ky in 0..geometry.kernel[0] {
                            let Some(iy) = geometry.source(0, oy, ky, h) else { continue };
                            sum_row(geometry, &x[iy * w..][..w], out);
                        }
                        out.iter_mut().for_each(|out| *out *= share);
                    }
                }
            });
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        dispatch("values", &self.geometry, &shapes.inputs[0], &shapes.output, &shapes.output)
    }
}

/// Adds one row of the image to the windows it lies in.
#[inline(always)]
fn sum_row(geometry: &ConvGeometry, row: &[f32], out: &mut [f32]) {
    for kx in 0..geometry.kernel[1] {
        let inside = geometry.inside(1, kx, row.len(), out.len());
        let Some(ix) = geometry.source(1, inside.start, kx, row.len()) else { continue };
        let to = out[inside].iter_mut();
        match geometry.stride[1] {
            // A known step of 1 is what makes the loop vectorise.
            1 => to.zip(&row[ix..]).for_each(|(to, x)| *to += x),
            step => to.zip(row[ix..].iter().step_by(step)).for_each(|(to, x)| *to += x),
        }
    }
}

impl Op for AvgPool2dGradient {
    fn name(&self) -> &'static str {
        "avg_pool2d_gradient"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let rule = "the image does not give these windows";
        let Some([batch, channels, _, _]) = four(inputs[0]) else {
            return Err(Error::shape(self.name(), "needs [N, C, Ho, Wo]", inputs));
        };
        let image = Shape::from([batch, channels, self.image[0], self.image[1]]);
        match pooled_shape(self.name(), &self.geometry, &[&image])? {
            output if output == *inputs[0] => Ok(image),
            _ => Err(Error::shape(self.name(), rule, inputs)),
        }
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(avg_pool2d(builder, at.gradient, self.geometry)?)])
    }

    fn cpu(&self, mut call: CpuCall) {
        let (image, output) = (call.shapes.output.clone(), call.shapes.inputs[0].clone());
        let (h, w, ho, wo) = (image[2], image[3], output[2], output[3]);
        let (y, geometry) = (call.inputs[0], &self.geometry);
        let share = share(geometry);
        simd::in_rows(call.output(), h * w, |first, out| {
            let y = y[first * ho * wo..].chunks_exact(ho * wo);
            simd::vectorised!({
                for (out, y) in out.chunks_exact_mut(h * w).zip(y) {
                    out.fill(0.0);
                    for (oy, y) in y.chunks_exact(wo).enumerate() {
                        for ky in 0..geometry.kernel[0] {
                            let Some(iy) = geometry.source(0, oy, ky, h) else { continue };
                            add_row(geometry, y, share, &mut out[iy * w..][..w]);
                        }
                    }
                }
            });
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        dispatch("gradient", &self.geometry, &shapes.output, &shapes.inputs[0], &shapes.output)
    }
}

/// Adds one row of windows to one row of the image.
#[inline(always)]
fn add_row(geometry: &ConvGeometry, y: &[f32], share: f32, row: &mut [f32]) {
    if are_quarters(geometry) {
        let pairs = row.as_chunks_mut::<2>().0.iter_mut().zip(y);
        return pairs.for_each(|([left, right], y)| {
            *left += share * y;
            *right += share * y;
        });
    }
    for kx in 0..geometry.kernel[1] {
        let inside = geometry.inside(1, kx, row.len(), y.len());
        let Some(ix) = geometry.source(1, inside.start, kx, row.len()) else { continue };
        let to = row[ix..].iter_mut().step_by(geometry.stride[1]);
        to.zip(&y[inside]).for_each(|(to, y)| *to += share * y);
    }
}

fn dispatch(
    entry: &'static str,
    geometry: &ConvGeometry,
    image: &Shape,
    windows: &Shape,
    to: &Shape,
) -> Vec<Dispatch> {
    let count = to.elements();
    let bindings = vec![Binding::Input(0), Binding::Output(0)];
    let dispatch = Dispatch::new(&KERNEL, bindings, Dispatch::linear(count, 64))
        .entry(entry)
        .constant("CI", 1)
        .constant("H", image[2] as u32)
        .constant("W", image[3] as u32)
        .constant("CO", 1)
        .constant("HO", windows[2] as u32)
        .constant("WO", windows[3] as u32)
        .params([count as u32]);
    vec![geometry.constants(dispatch)]
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::product::epilogue::Fused;
    use crate::ops::window::convolution::trial::{Random, dot, run};
    use crate::ops::window::nodes::Conv2d;

    #[test]
    fn agrees_with_a_convolution_and_its_gradient_is_its_adjoint() {
        let mut random = Random::new(6);
        for _ in 0..200 {
            let (geometry, image) = random.geometry();
            let x = Shape::from([4, 1, image[0], image[1]]);
            let values = random.numbers(&x);
            let (shape, means) = run(&AvgPool2d { geometry }, &[(&x, &values)]);
            let kernel = Shape::from([1, 1, geometry.kernel[0], geometry.kernel[1]]);
            let weights = vec![share(&geometry); kernel.elements()];
            let conv = Conv2d { geometry, fused: Fused::default(), terms: None };
            let (_, expected) = run(&conv, &[(&x, &values), (&kernel, &weights)]);
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
            assert!(means.iter().zip(&expected).all(near), "{geometry:?} {image:?}");
            let g = random.numbers(&shape);
            let (_, spread) = run(&AvgPool2dGradient { geometry, image }, &[(&shape, &g)]);
            let (a, b) = (dot(&means, &g), dot(&values, &spread));
            assert!((a - b).abs() < 1e-4, "{geometry:?} {image:?}: {a} {b}");
        }
    }
}
