//! The gradient of max pooling without its indices: winners are found again. Only fusion makes these.

use super::geometry::ConvGeometry;
use super::max_pool2d::MaxPool2d;
use super::planes::{Planes, route_quarters};
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::function::Activation;
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("window/max_pool2d_backward");

/// From gradients `g` of `[N, C, Ho, Wo]` in the output of [`max_pool2d`](crate::ops::max_pool2d) of `x`, `[N, C, H, W]`, the
/// gradients in `x`; times the derivative of the activation whose output `x` is, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2dBackward {
    /// How windows walk over each plane.
    pub geometry: ConvGeometry,
    /// What `x` came from.
    pub activation: Option<Activation>,
}

impl Op for MaxPool2dBackward {
    fn name(&self) -> &'static str {
        "max_pool2d_backward"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        match (MaxPool2d { geometry: self.geometry }).shape(&inputs[1..])? {
            pooled if pooled == *inputs[0] => Ok(inputs[1].clone()),
            _ => Err(Error::shape(self.name(), "gradients have the windows' shape", inputs)),
        }
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Err(Error::Graph("differentiate before fusing".into()))
    }

    fn cpu(&self, mut call: CpuCall) {
        let planes = Planes::of(self.geometry, &call.shapes.output, &call.shapes.inputs[0]);
        let (g, x) = (call.inputs[0], call.inputs[1]);
        let (words, pooled) = (planes.image_words(), planes.output_words());
        simd::in_rows(call.output(), words, |first, out| {
            for number in 0..out.len() / words {
                let g = &g[(first + number) * pooled..];
                let x = &x[(first + number) * words..];
                let out = &mut out[number * words..];
                if planes.are_quarters() {
                    simd::vectorised!(route_quarters(&planes, g, x, out));
                } else {
                    planes.route(&g[..pooled], x, &mut out[..words]);
                }
                if let Some(activation) = self.activation {
                    activation.apply_gradient(&mut out[..words], &x[..words]);
                }
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let planes = Planes::of(self.geometry, &shapes.output, &shapes.inputs[0]);
        // Pairs of neighbours are whole vec2s, and each belongs to one window.
        let pairs = planes.are_quarters() && planes.image.iter().all(|side| side % 2 == 0);
        let (entry, count) = match pairs {
            true => ("pairs", shapes.inputs[0].elements()),
            false => ("main", shapes.output.elements()),
        };
        let bindings = vec![Binding::Input(0), Binding::Input(1), Binding::Output(0)];
        let dispatch = Dispatch::new(&KERNEL, bindings, Dispatch::linear(count, 64))
            .entry(entry)
            .constant("CI", 1)
            .constant("H", planes.image[0] as u32)
            .constant("W", planes.image[1] as u32)
            .constant("CO", 1)
            .constant("HO", planes.output[0] as u32)
            .constant("WO", planes.output[1] as u32)
            .constant("ACTIVATION", self.activation.map_or(0, Activation::code))
            .constant("SLOPE", self.activation.map_or(0.0, Activation::slope))
            .params([count as u32]);
        vec![self.geometry.constants(dispatch)]
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::window::convolution::trial::{Random, run};
    use crate::ops::window::max_pool2d;

    #[test]
    fn agrees_with_the_gradient_by_indices() {
        let mut random = Random::new(6);
        for _ in 0..200 {
            let (geometry, image) = random.geometry();
            if geometry.check_windows(image).is_err() {
                continue;
            }
            // Few distinct values, so that there are ties.
            let shape = Shape::from([2, 3, image[0], image[1]]);
            let x: Vec<f32> = random.numbers(&shape).iter().map(|v| (v * 3.0).round()).collect();
            let (pooled, indices) =
                run(&max_pool2d::MaxPool2dIndices { geometry }, &[(&shape, &x)]);
            let g = random.numbers(&pooled);
            let by_indices = max_pool2d::MaxPool2dGradient { geometry, image };
            let (_, mut expected) = run(&by_indices, &[(&pooled, &g), (&pooled, &indices)]);
            let activation = Some(Activation::Relu).filter(|_| random.within(0..2) == 0);
            if let Some(activation) = activation {
                activation.apply_gradient(&mut expected, &x);
            }
            let backward = MaxPool2dBackward { geometry, activation };
            let (_, got) = run(&backward, &[(&pooled, &g), (&shape, &x)]);
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
            assert!(got.iter().zip(&expected).all(near), "{geometry:?} {image:?}");
        }
    }
}
