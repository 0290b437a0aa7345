//! Transposed convolution: the adjoint of [`conv2d`] in its image, which enlarges images.

use std::sync::Arc;

use super::conv_cpu::Epilogue;
use super::conv2d_weight_gradient::Conv2dWeightGradient;
use super::convolution::{ConvSizes, FEW_CHANNELS, four, misfit, weight_shape};
use super::*;
use crate::kernel;

static KERNEL: Kernel =
    kernel!("conv_transpose2d", "linear", "activation", "geometry", "tile", "tile_64");

/// `y` of `[N, Co, Ho, Wo]` through `w` of `[Co, Ci, Kh, Kw]` (PyTorch's `[in, out, Kh, Kw]`) to
/// `[N, Ci, H, W]`, with `H = (Ho - 1) * stride - padding + span + output_padding`.
///
/// # Errors
/// When channels differ, the kernel is not the geometry's, or the output padding reaches the
/// stride.
pub fn conv_transpose2d(
    builder: &mut dyn Builder,
    y: NodeId,
    w: NodeId,
    geometry: ConvGeometry,
    output_padding: [usize; 2],
) -> Result<NodeId> {
    let shapes = [builder.shape(y), builder.shape(w)];
    let Some([_, _, ho, wo]) = four(shapes[0]) else {
        return Err(Error::shape("conv_transpose2d", "needs [N, Co, Ho, Wo] first", &shapes));
    };
    let size = geometry
        .transposed_size([ho, wo], output_padding)
        .map_err(|error| misfit("conv_transpose2d", error, &shapes))?;
    builder.apply(Arc::new(ConvTranspose2d::plain(geometry, size)), &[y, w])
}

/// The operation of [`conv_transpose2d`], with a bias a channel and an activation in its epilogue
/// once fused.
#[derive(Clone, Copy, Debug)]
pub struct ConvTranspose2d {
    /// How the kernel walks over the *output*.
    pub geometry: ConvGeometry,
    /// `[H, W]` of the output, which the geometry alone leaves open where the stride is above 1.
    pub output_size: [usize; 2],
    /// Whether a third input of `[Ci]` is added to each channel.
    pub bias: bool,
    /// What is applied last.
    pub activation: Option<Activation>,
}

impl ConvTranspose2d {
    /// Without bias and activation.
    pub fn plain(geometry: ConvGeometry, output_size: [usize; 2]) -> Self {
        Self { geometry, output_size, bias: false, activation: None }
    }
}

impl Op for ConvTranspose2d {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
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
        if self.bias && inputs[2][..] != [ci] {
            return error("the bias has one number an output channel");
        }
        let size = self.output_size;
        let windows =
            self.geometry.output_size(size).map_err(|error| misfit(self.name(), error, inputs))?;
        if windows != [ho, wo] {
            return error(&format!("an output of {size:?} belongs to an input of {windows:?}"));
        }
        Ok(Shape::from([batch, ci, size[0], size[1]]))
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        if self.bias || self.activation.is_some() {
            return Err(Error::Graph("differentiate before fusing".into()));
        }
        let (y, w, g) = (at.inputs[0], at.inputs[1], at.gradient);
        let geometry = self.geometry;
        let by_y = at.wanted[0].then(|| conv2d(builder, g, w, geometry)).transpose()?;
        let by_w = at.wanted[1]
            .then(|| builder.apply(Arc::new(Conv2dWeightGradient { geometry }), &[g, y]))
            .transpose()?;
        Ok(vec![by_y, by_w])
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        ConvSizes::of(self.geometry, &shapes.output, &shapes.inputs[0]).flops()
    }

    fn cpu(&self, mut call: CpuCall) {
        let sizes = ConvSizes::of(self.geometry, &call.shapes.output, &call.shapes.inputs[0]);
        let [y, w, bias, ..] = call.inputs;
        let then = Epilogue { bias: self.bias.then_some(bias), activation: self.activation };
        conv_cpu::transpose(&sizes, y, w, call.output(), then);
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let sizes = ConvSizes::of(self.geometry, &shapes.output, &shapes.inputs[0]);
        let stride = self.geometry.stride;
        let phases = stride[0] * stride[1];
        let phase_plane = sizes.image[0].div_ceil(stride[0]) * sizes.image[1].div_ceil(stride[1]);
        let places = sizes.batch * phase_plane;
        let (entry, groups) = match sizes.ci.min(sizes.co) <= FEW_CHANNELS {
            true => ("direct", (places.div_ceil(4) * sizes.ci.div_ceil(4) * phases).div_ceil(64)),
            false => ("tiled", places.div_ceil(64) * sizes.ci.div_ceil(64) * phases),
        };
        // Without a bias its binding is there all the same, so that one entry point does for both.
        let bias = Binding::Input(if self.bias { 2 } else { 1 });
        let bindings = vec![Binding::Input(0), Binding::Input(1), Binding::Output(0), bias];
        let whole = phases == 1 && sizes.image_plane().is_multiple_of(4);
        let dispatch = Dispatch::new(&KERNEL, bindings, Dispatch::linear(groups, 1))
            .entry(entry)
            .constant("VECTOR_OUT", u32::from(whole))
            .constant("BIAS", u32::from(self.bias))
            .constant("ACTIVATION", self.activation.map_or(0, Activation::code))
            .constant("SLOPE", self.activation.map_or(0.0, Activation::slope))
            .params([sizes.batch as u32]);
        vec![sizes.constants(dispatch)]
    }

    fn with_bias(&self) -> Option<Arc<dyn Op>> {
        let plain = !self.bias && self.activation.is_none();
        plain.then(|| Arc::new(Self { bias: true, ..*self }) as Arc<dyn Op>)
    }

    fn with_activation(&self, activation: Activation) -> Option<Arc<dyn Op>> {
        let plain = self.activation.is_none();
        plain.then(|| Arc::new(Self { activation: Some(activation), ..*self }) as Arc<dyn Op>)
    }
}

pub(super) fn kernel() -> &'static Kernel {
    &KERNEL
}
