//! The gradient of a convolution in its weights, an operation like any other.

use std::sync::Arc;

use super::conv_transpose2d::image_like;
use super::convolution::{ConvSizes, FEW_CHANNELS, four, misfit, weight_shape};
use super::tiles::Tiling;
use super::*;
use crate::kernel;

static KERNEL: Kernel = kernel!("conv2d_weight_gradient", "linear", "geometry", "tile", "tile_64");

/// The gradient in the weight, from `x` and the gradient `g` in the convolution's output.
pub(super) fn weight_gradient(
    builder: &mut dyn Builder,
    x: NodeId,
    g: NodeId,
    geometry: ConvGeometry,
) -> Result<NodeId> {
    builder.apply(Arc::new(Conv2dWeightGradient { geometry }), &[x, g])
}

/// From `x` of `[N, Ci, H, W]` and the gradient in [`conv2d`]'s output, `[N, Co, Ho, Wo]`, the
/// gradient in its weight: `[Co, Ci, Kh, Kw]`.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dWeightGradient {
    /// How the kernel walks over `x`.
    pub geometry: ConvGeometry,
}

impl Conv2dWeightGradient {
    fn sizes(&self, shapes: &Shapes) -> ConvSizes {
        ConvSizes::of(self.geometry, &shapes.inputs[0], &shapes.inputs[1])
    }
}

impl Op for Conv2dWeightGradient {
    fn name(&self) -> &'static str {
        "conv2d_weight_gradient"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let error = |what: &str| Err(Error::shape(self.name(), what, inputs));
        let (Some([batch, ci, h, w]), Some([other, co, ho, wo])) =
            (four(inputs[0]), four(inputs[1]))
        else {
            return error("needs [N, Ci, H, W] and [N, Co, Ho, Wo]");
        };
        let windows = self
            .geometry
            .output_size([h, w])
            .map_err(|error| misfit(self.name(), error, inputs))?;
        if batch != other || windows != [ho, wo] {
            return error(&format!("the second must have the first's batch and {windows:?}"));
        }
        Ok(weight_shape(co, ci, &self.geometry))
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let (x, y, g) = (at.inputs[0], at.inputs[1], at.gradient);
        let geometry = self.geometry;
        let by_x = at.wanted[0].then(|| image_like(builder, x, y, g, geometry)).transpose()?;
        let by_y = at.wanted[1].then(|| conv2d(builder, x, g, geometry)).transpose()?;
        Ok(vec![by_x, by_y])
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        self.sizes(shapes).flops()
    }

    fn cpu(&self, mut call: CpuCall) {
        let (x, y) = (call.inputs[0], call.inputs[1]);
        conv_cpu::weigh(&self.sizes(call.shapes), x, y, call.output());
    }

    fn gpu(&self, shapes: &Shapes, target: &GpuTarget) -> Vec<Dispatch> {
        let sizes = self.sizes(shapes);
        let cut = Cut::new(&sizes, target);
        let words = shapes.output.elements();
        let params = [sizes.batch, cut.splits, cut.k_each].map(|number| number as u32);
        let split = cut.splits > 1;
        let to = if split { Binding::Scratch } else { Binding::Output(0) };
        let (entry, groups) = match cut.direct {
            true => ("direct", Dispatch::linear(words * cut.splits, 64)),
            false => ("tiled", Dispatch::linear(cut.groups, 1)),
        };
        let bindings = vec![Binding::Input(0), Binding::Input(1), to];
        let sums = Dispatch::new(&KERNEL, bindings, groups)
            .entry(entry)
            .constant("VECTOR_Y", u32::from(sizes.output_plane().is_multiple_of(4)))
            .params(params);
        let mut dispatches = vec![sizes.constants(sums)];
        if split {
            let bindings = vec![Binding::Scratch, Binding::Output(0)];
            let join = Dispatch::new(&KERNEL, bindings, Dispatch::linear(words, 64));
            dispatches.push(sizes.constants(join.entry("join").params(params)));
        }
        dispatches
    }

    fn gpu_scratch(&self, shapes: &Shapes, target: &GpuTarget) -> usize {
        match Cut::new(&self.sizes(shapes), target).splits {
            1 => 0,
            splits => splits * shapes.output.elements(),
        }
    }
}

/// How the sum over all places of all images is spread over workgroups.
struct Cut {
    direct: bool,
    splits: usize,
    k_each: usize,
    groups: usize,
}

impl Cut {
    fn new(sizes: &ConvSizes, target: &GpuTarget) -> Self {
        let terms = sizes.batch * sizes.output_plane();
        if sizes.co.min(sizes.window()) > FEW_CHANNELS && sizes.ci > 1 {
            let tiling = Tiling::large(1, [sizes.co, terms, sizes.window()], target);
            let Tiling { splits, k_each, groups, .. } = tiling;
            return Self { direct: false, splits, k_each, groups };
        }
        let [splits, k_each] = tiles::direct_splits(sizes.co * sizes.window(), terms, target);
        Self { direct: true, splits, k_each, groups: 0 }
    }
}

pub(super) fn kernel() -> &'static Kernel {
    &KERNEL
}
