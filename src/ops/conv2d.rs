//! Convolution of images, as neural networks mean it: the kernel is not flipped.

use std::sync::Arc;

use super::conv_cpu::Epilogue;
use super::conv_transpose2d::ConvTranspose2d;
use super::conv2d_weight_gradient::Conv2dWeightGradient;
use super::convolution::{ConvSizes, FEW_CHANNELS, four, misfit, weight_shape};
use super::*;
use crate::kernel;

static KERNEL: Kernel = kernel!("conv2d", "linear", "activation", "geometry", "tile", "tile_64");

/// `x` of `[N, Ci, H, W]` convolved with `w` of `[Co, Ci, Kh, Kw]`: `[N, Co, Ho, Wo]`.
///
/// # Errors
/// When channels differ, the kernel is not the geometry's, or no window fits.
pub fn conv2d(
    builder: &mut dyn Builder,
    x: NodeId,
    w: NodeId,
    geometry: ConvGeometry,
) -> Result<NodeId> {
    builder.apply(Arc::new(Conv2d { geometry, bias: false, activation: None }), &[x, w])
}

/// The operation of [`conv2d`], with a bias a channel and an activation in its epilogue once fused.
#[derive(Clone, Copy, Debug)]
pub struct Conv2d {
    /// How the kernel walks over `x`.
    pub geometry: ConvGeometry,
    /// Whether a third input of `[Co]` is added to each channel.
    pub bias: bool,
    /// What is applied last.
    pub activation: Option<Activation>,
}

impl Op for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let error = |what: &str| Err(Error::shape(self.name(), what, inputs));
        let (Some([batch, ci, h, w]), Some([co, ..])) = (four(inputs[0]), four(inputs[1])) else {
            return error("needs [N, Ci, H, W] and [Co, Ci, Kh, Kw]");
        };
        if *inputs[1] != weight_shape(co, ci, &self.geometry) {
            return error("the weight must be [Co, Ci, Kh, Kw] for the image's Ci");
        }
        if self.bias && inputs[2][..] != [co] {
            return error("the bias has one number an output channel");
        }
        let [ho, wo] = self
            .geometry
            .output_size([h, w])
            .map_err(|error| misfit(self.name(), error, inputs))?;
        Ok(Shape::from([batch, co, ho, wo]))
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        if self.bias || self.activation.is_some() {
            return Err(Error::Graph("differentiate before fusing".into()));
        }
        let (x, w, g) = (at.inputs[0], at.inputs[1], at.gradient);
        let geometry = self.geometry;
        let by_x = if at.wanted[0] {
            let image = builder.shape(x);
            let op = ConvTranspose2d::plain(geometry, [image[2], image[3]]);
            Some(builder.apply(Arc::new(op), &[g, w])?)
        } else {
            None
        };
        let by_w = at.wanted[1]
            .then(|| builder.apply(Arc::new(Conv2dWeightGradient { geometry }), &[x, g]))
            .transpose()?;
        Ok(vec![by_x, by_w])
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        ConvSizes::of(self.geometry, &shapes.inputs[0], &shapes.output).flops()
    }

    fn cpu(&self, mut call: CpuCall) {
        let sizes = ConvSizes::of(self.geometry, &call.shapes.inputs[0], &call.shapes.output);
        let [x, w, bias, ..] = call.inputs;
        let then = Epilogue { bias: self.bias.then_some(bias), activation: self.activation };
        conv_cpu::convolve(&sizes, x, w, call.output(), then);
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let sizes = ConvSizes::of(self.geometry, &shapes.inputs[0], &shapes.output);
        let places = sizes.batch * sizes.output_plane();
        let (entry, groups) = match sizes.ci.min(sizes.co) <= FEW_CHANNELS {
            true => ("direct", Dispatch::linear(places.div_ceil(4) * sizes.co.div_ceil(4), 64)),
            false => ("tiled", Dispatch::linear(places.div_ceil(64) * sizes.co.div_ceil(64), 1)),
        };
        // Without a bias its binding is there all the same, so that one entry point does for both.
        let bias = Binding::Input(if self.bias { 2 } else { 1 });
        let bindings = vec![Binding::Input(0), Binding::Input(1), Binding::Output(0), bias];
        let dispatch = Dispatch::new(&KERNEL, bindings, groups)
            .entry(entry)
            .constant("VECTOR_OUT", u32::from(sizes.output_plane().is_multiple_of(4)))
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
