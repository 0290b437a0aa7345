//! Convolution of images, as neural networks mean it: the kernel is not flipped.

use std::sync::Arc;

use super::convolution::{ConvSizes, MadeImages, four, misfit, weight_shape};
use super::convolution_cpu;
use super::nodes::{Conv2d, image_like, weight_gradient};
use crate::error::{Error, Result};
use crate::ops::function::EpiloguePart;
use crate::ops::half::{HalfTerms, Halves};
use crate::ops::kernel::{Dispatch, Kernel, kernel};
use crate::ops::needs::Replacement;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes, Variants};
use crate::ops::product::epilogue::Fused;
use crate::ops::product::tiles::{BySums, by_sums};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

const KERNEL: Kernel = kernel!("window/conv2d");
const APART: Replacement = ("whole", "apart");

/// The kernels for images of whole vec4s, and for others, by the sums of an invocation.
static KERNELS: [BySums; 2] = [by_sums!(KERNEL, "conv2d"), by_sums!(KERNEL, "conv2d_apart", APART)];

impl Conv2d {
    fn made(&self, sizes: &ConvSizes) -> MadeImages {
        MadeImages {
            channels: sizes.co,
            of_channels: sizes.ci,
            is_y: true,
            places: sizes.batch * sizes.output_plane(),
            phases: 1,
            whole: sizes.output_plane().is_multiple_of(4),
        }
    }
}

impl Op for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let error = |what: &str| Err(Error::shape(self.name(), what, inputs));
        let (Some([batch, ci, h, w]), Some([co, ..])) = (four(inputs[0]), four(inputs[1])) else {
            return error("needs [N, Ci, H, W] and [Co, Ci, Kh, Kw]");
        };
        if *inputs[1] != weight_shape(co, ci, &self.geometry) {
            return error("the weight must be [Co, Ci, Kh, Kw] for the image's Ci");
        }
        let [ho, wo] = self
            .geometry
            .output_size([h, w])
            .map_err(|error| misfit(self.name(), error, inputs))?;
        let output = Shape::from([batch, co, ho, wo]);
        self.fused.check(self.name(), inputs, co, &output)?;
        Ok(output)
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        self.fused.none_yet()?;
        let (x, w, g) = (at.inputs[0], at.inputs[1], at.gradient);
        let geometry = self.geometry;
        let by_x = at.wanted[0].then(|| image_like(builder, x, g, w, geometry)).transpose()?;
        let by_w = at.wanted[1].then(|| weight_gradient(builder, x, g, geometry)).transpose()?;
        Ok(vec![by_x, by_w])
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        ConvSizes::of(self.geometry, &shapes.inputs[0], &shapes.output).flops()
    }

    fn cpu(&self, mut call: CpuCall) {
        let sizes = ConvSizes::of(self.geometry, &call.shapes.inputs[0], &call.shapes.output);
        let [x, w, ..] = call.inputs;
        let then = self.fused.on(&call.inputs);
        convolution_cpu::convolve(&sizes, x, w, call.output(), then);
    }

    fn gpu(&self, shapes: &Shapes, target: &GpuTarget) -> Vec<Dispatch> {
        let sizes = ConvSizes::of(self.geometry, &shapes.inputs[0], &shapes.output);
        sizes.dispatches(KERNELS.each_ref(), &self.made(&sizes), (self.fused, self.terms), target)
    }

    fn gpu_scratch(&self, shapes: &Shapes, target: &GpuTarget) -> usize {
        let sizes = ConvSizes::of(self.geometry, &shapes.inputs[0], &shapes.output);
        sizes.turned_words(KERNEL.name, &self.made(&sizes), self.terms, target)
    }

    fn variants(&self, shapes: &Shapes) -> Option<Variants> {
        let sizes = ConvSizes::of(self.geometry, &shapes.inputs[0], &shapes.output);
        Some(sizes.variants(
            KERNEL.name,
            Arc::new(Self { fused: Fused::default(), terms: None, ..*self }),
            shapes,
        ))
    }

    fn with_half_terms(&self, terms: HalfTerms) -> Option<Arc<dyn Op>> {
        Some(Arc::new(Self { terms: Some(terms), ..*self }))
    }

    fn with_epilogue(&self, part: EpiloguePart) -> Option<Arc<dyn Op>> {
        Some(Arc::new(Self { fused: self.fused.with(part)?, ..*self }))
    }
}

pub(crate) fn kernels() -> impl Iterator<Item = &'static Kernel> {
    KERNELS.iter().flatten()
}
