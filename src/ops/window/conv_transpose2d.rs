//! Transposed convolution: the adjoint of [`conv2d`] in its image, which enlarges images.

use std::sync::Arc;

use super::convolution::{ConvSizes, MadeImages, four, misfit, weight_shape};
use super::convolution_cpu;
use super::nodes::{ConvTranspose2d, conv2d, weight_gradient};
use crate::error::{Error, Result};
use crate::ops::function::EpiloguePart;
use crate::ops::half::{HalfTerms, Halves};
use crate::ops::kernel::{Dispatch, Kernel, kernel};
use crate::ops::needs::Replacement;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes, Variants};
use crate::ops::product::tiles::{BySums, by_sums};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

const KERNEL: Kernel = kernel!("window/conv_transpose2d");
const APART: Replacement = ("whole", "apart");

const NEIGHBOURS: Replacement = ("gathered", "neighbours");

/// The kernels for images of whole vec4s, for others, and for those whose windows are as many phases that are whole vec4s,
/// by the sums of an invocation.
static KERNELS: [BySums; 3] = [
    by_sums!(KERNEL, "conv_transpose2d"),
    by_sums!(KERNEL, "conv_transpose2d_apart", APART),
    by_sums!(KERNEL, "conv_transpose2d_neighbours", APART, NEIGHBOURS),
];

impl ConvTranspose2d {
    fn made(&self, sizes: &ConvSizes) -> MadeImages {
        let stride = self.geometry.stride;
        let phases = stride[0] * stride[1];
        let phase_plane = sizes.image[0].div_ceil(stride[0]) * sizes.image[1].div_ceil(stride[1]);
        MadeImages {
            channels: sizes.ci,
            of_channels: sizes.co,
            is_y: false,
            places: sizes.batch * phase_plane,
            phases,
            whole: phases == 1 && sizes.image_plane().is_multiple_of(4),
        }
    }
}

impl Op for ConvTranspose2d {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let error = |what: &str| Err(Error::shape(self.name(), what, inputs));
        let (Some([batch, co, ho, wo]), Some([_, ci, ..])) = (four(inputs[0]), four(inputs[1]))
        else {
            return error("needs [N, Co, Ho, Wo] and [Co, Ci, Kh, Kw]");
        };
        if *inputs[1] != weight_shape(co, ci, &self.geometry) {
            return error("the weight must be [Co, Ci, Kh, Kw] for the input's Co");
        }
        let size = self.output_size;
        let windows =
            self.geometry.output_size(size).map_err(|error| misfit(self.name(), error, inputs))?;
        if windows != [ho, wo] {
            return error(&format!("an output of {size:?} belongs to an input of {windows:?}"));
        }
        let output = Shape::from([batch, ci, size[0], size[1]]);
        self.fused.check(self.name(), inputs, ci, &output)?;
        Ok(output)
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        self.fused.none_yet()?;
        let (y, w, g) = (at.inputs[0], at.inputs[1], at.gradient);
        let geometry = self.geometry;
        let by_y = at.wanted[0].then(|| conv2d(builder, g, w, geometry)).transpose()?;
        let by_w = at.wanted[1].then(|| weight_gradient(builder, g, y, geometry)).transpose()?;
        Ok(vec![by_y, by_w])
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        ConvSizes::of(self.geometry, &shapes.output, &shapes.inputs[0]).flops()
    }

    fn cpu(&self, mut call: CpuCall) {
        let sizes = ConvSizes::of(self.geometry, &call.shapes.output, &call.shapes.inputs[0]);
        let [y, w, ..] = call.inputs;
        let then = self.fused.on(&call.inputs);
        convolution_cpu::transpose(&sizes, y, w, call.output(), then);
    }

    fn gpu(&self, shapes: &Shapes, target: &GpuTarget) -> Vec<Dispatch> {
        let sizes = ConvSizes::of(self.geometry, &shapes.output, &shapes.inputs[0]);
        let [whole, apart, neighbours] = &KERNELS;
        let is_filled = self.geometry.tiles(sizes.image, sizes.output);
        let apart = match is_filled && sizes.output_plane().is_multiple_of(4) {
            true => neighbours,
            false => apart,
        };
        let made = self.made(&sizes);
        sizes.dispatches([whole, apart], &made, (self.fused, self.terms), target)
    }

    fn gpu_scratch(&self, shapes: &Shapes, target: &GpuTarget) -> usize {
        let sizes = ConvSizes::of(self.geometry, &shapes.output, &shapes.inputs[0]);
        sizes.turned_words(KERNEL.name, &self.made(&sizes), self.terms, target)
    }

    fn variants(&self, shapes: &Shapes) -> Option<Variants> {
        let sizes = ConvSizes::of(self.geometry, &shapes.output, &shapes.inputs[0]);
        Some(sizes.variants(
            KERNEL.name,
            Arc::new(Self::plain(self.geometry, self.output_size)),
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
