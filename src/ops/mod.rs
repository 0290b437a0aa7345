//! Operations: one room each, with shape rule, gradient, CPU function and GPU dispatch.
//!
//! An operation knows its inputs only as shapes and slices of 32-bit words. It names the kernel that
//! computes it and how that is to be dispatched, and leaves buffers and devices to the executors.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::rng::{Seed, Stream};
use crate::tensor::Shape;

mod activation;
mod argmin;
mod avg_pool2d;
mod batch_norm;
mod bias;
mod binarise;
mod binary;
mod blur;
mod builder;
mod chain;
mod chain_text;
mod columns;
mod concat;
mod conv2d;
mod conv2d_weight_gradient;
mod conv_cpu;
mod conv_transpose2d;
mod convolution;
mod corrupt;
mod corruption;
mod detach;
mod dispatch;
mod dropout;
mod elementwise;
mod expand;
mod fused;
mod gather;
mod gather_images;
mod gaussian_kl;
mod gaussian_nll;
mod geometry;
mod matmul;
mod max_pool2d;
mod max_pool2d_backward;
mod needs;
mod one_hot;
mod optimiser;
mod pad;
mod permute;
mod planes;
mod random;
mod record;
mod reduce;
mod reparameterise;
mod reshape;
mod roofline;
pub mod shared;
mod slice;
mod softmax;
mod software;
mod sparsity_kl;
mod step_weight;
mod strided;
mod target;
mod tiles;
mod top_k_mask;
mod tuning;
mod unary;
mod update;
mod upsample2d;

pub use activation::{Activate, Activation, ActivationGradient, activate};
pub use argmin::{Argmin, argmax, argmin};
pub use avg_pool2d::{AvgPool2d, AvgPool2dGradient, avg_pool2d};
pub use batch_norm::{Normalise, moments, normalise, running_moments};
pub use bias::{Bias, bias};
pub use binarise::{Binarise, binarise};
pub use binary::{
    Binary, BinaryKind, add, binary_cross_entropy, div, equal, greater_equal, maximum, minimum,
    mul, squared_error, sub,
};
pub use blur::Blur;
pub use builder::{Backward, Builder, NodeId};
pub use chain::{Chain, Instruction, Pointwise, Total};
pub use concat::{Concat, concat};
pub use conv_transpose2d::{ConvTranspose2d, conv_transpose2d};
pub use conv2d::{Conv2d, conv2d};
pub use conv2d_weight_gradient::{Conv2dWeightGradient, Summed};
pub use corrupt::{Corrupt, corrupt};
pub use corruption::Corruption;
pub use detach::{Detach, detach};
pub use dispatch::{Binding, Dispatch, Kernel, MAX_GROUPS};
pub(crate) use dispatch::{Source, kernel};
pub use dropout::{Dropout, dropout};
pub use elementwise::{Elementwise, ElementwiseGradient};
pub use expand::{Expand, expand, sum_to};
pub use fused::{EpiloguePart, Fused, Last};
pub use gather::{Gather, gather};
pub use gather_images::{GatherImages, GatherLabels, gather_images, gather_labels};
pub use gaussian_kl::{GaussianKl, gaussian_kl};
pub use gaussian_nll::{GaussianNll, gaussian_nll};
pub use geometry::{ConvGeometry, GeometryError};
pub use matmul::{Matmul, Transpose, matmul, matmul_transposed};
pub use max_pool2d::{
    MaxPool2d, MaxPool2dGradient, MaxPool2dIndices, MaxPool2dTake, max_pool2d,
    max_pool2d_with_indices,
};
pub use max_pool2d_backward::MaxPool2dBackward;
pub(crate) use needs::file_name;
pub use one_hot::{OneHot, one_hot};
pub use optimiser::{GlobalNorm, Optimiser};
pub use pad::{Pad, pad};
pub use permute::{Permute, permute};
pub use random::{Random, RandomKind, random};
pub use record::Record;
pub use reduce::{Reduce, ReduceKind, mean_all, reduce, sum_all};
pub use reparameterise::{LOG_VARIANCE, Reparameterise, reparameterise};
pub use reshape::{Reshape, flatten, reshape};
pub use roofline::Roofline;
pub use slice::{Slice, slice, slice_axis};
pub use softmax::{Softmax, SoftmaxKind, log_softmax, log_sum_exp, softmax};
pub use sparsity_kl::{SparsityKl, sparsity_kl};
pub use step_weight::{StepWeight, step_weight};
pub use target::{AdapterKind, AdapterTraits, GpuTarget};
pub use top_k_mask::{TopKMask, scheduled_top_k_mask, top_k_mask};
pub use tuning::{MOST_SPLITS, Tuning, Variant, Variants};
pub use unary::{Unary, UnaryKind, affine, unary};
pub use update::Update;
pub use upsample2d::{Upsample2d, Upsampling, upsample2d};

/// The most inputs one operation may have, and one kernel may bind together with its output:
/// WebGPU guarantees eight storage buffers a stage.
pub const MAX_INPUTS: usize = 7;
/// The most outputs of one operation (Adam writes parameters and two moments).
pub const MAX_OUTPUTS: usize = 3;

/// Numbers that change from step to step; `struct Step` in `shaders/shared/step.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct StepScalars {
    /// Optimiser steps taken before this one; the counter of every random draw.
    pub step: u32,
    /// Position in the epoch's order at which this batch starts.
    pub cursor: u32,
    /// The row of the metrics log that this step writes.
    pub row: u32,
    /// For the schedule of a variant: beta, a penalty's weight, a temperature.
    pub weight: f32,
    /// The two words of the run's seed.
    pub seed: [u32; 2],
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Not used; keeps the struct at a multiple of 16 bytes.
    pub padding: f32,
    /// `1 - beta1^t` and `1 - beta2^t` of Adam, and two spare places.
    pub corrections: [f32; 4],
}

impl StepScalars {
    /// The run's seed, put together again.
    pub fn seed(&self) -> Seed {
        Seed(u64::from(self.seed[0]) | u64::from(self.seed[1]) << 32)
    }
}

/// The shapes an operation is computed at.
#[derive(Clone, Debug)]
pub struct Shapes {
    /// One shape an input.
    pub inputs: Vec<Shape>,
    /// The shape of the (first) output.
    pub output: Shape,
}

/// Everything a CPU function gets: slices of 32-bit words (`u32` data is cast by the operation).
pub struct CpuCall<'a> {
    /// The shapes of inputs and output.
    pub shapes: &'a Shapes,
    /// One slice an input; empty beyond the last.
    pub inputs: [&'a [f32]; MAX_INPUTS],
    /// One slice an output; empty beyond the last. Holds stale numbers unless updated in place.
    pub outputs: [&'a mut [f32]; MAX_OUTPUTS],
    /// What changes from step to step.
    pub step: &'a StepScalars,
}

impl CpuCall<'_> {
    /// The only output of most operations.
    pub fn output(&mut self) -> &mut [f32] {
        self.outputs[0]
    }
}

/// An operation of the graph. See `ops/bias.rs` for a short one, whole, and `examples/own_op.rs` for
/// one outside this crate; a function of one number takes no more than an [`Elementwise`].
///
/// Its `Debug` text tells its settings apart: operations of one type with equal text on equal inputs
/// are one node. One that is computed at other shapes than [`Op::shape`] gave, or writes less than
/// its whole output, shows in a test against its CPU function.
pub trait Op: Any + Debug + Send + Sync {
    /// The name in profiles, pictures and errors, and of its file.
    fn name(&self) -> &'static str;

    /// The output's shape.
    ///
    /// # Errors
    /// When the inputs' shapes do not fit; the message states the rule.
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape>;

    /// Nodes for the gradient of a loss in each input, given that in the output; `None` where an
    /// input has none, or where [`Backward::wanted`] says that nobody asks.
    ///
    /// # Errors
    /// When a node cannot be built, which would be a mistake in the rule.
    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>>;

    /// Computes the output on the CPU.
    fn cpu(&self, call: CpuCall);

    /// The dispatches that compute the output on a GPU, in order, see
    /// [`Step::dispatches`](crate::graph::Step::dispatches).
    fn gpu(&self, shapes: &Shapes, target: &GpuTarget) -> Vec<Dispatch>;

    /// The variants among which a table chooses, or [`GpuTarget::tuning`] does; `None` where there
    /// is but one.
    fn variants(&self, _shapes: &Shapes) -> Option<Variants> {
        None
    }

    /// Words of scratch memory that [`Op::gpu`]'s dispatches share.
    fn gpu_scratch(&self, _shapes: &Shapes, _target: &GpuTarget) -> usize {
        0
    }

    /// Floating-point operations, for reports: a multiply-add counts two.
    fn flops(&self, shapes: &Shapes) -> u64 {
        shapes.output.elements() as u64
    }

    /// Words read and written, where `outputs` words are given: each input and output once, unless
    /// an operation reads less of an input, or updates its outputs.
    fn traffic(&self, shapes: &Shapes, outputs: usize) -> usize {
        shapes.inputs.iter().map(Shape::elements).sum::<usize>() + outputs
    }

    /// Whether the output is the input's memory under another shape, so that nothing is computed.
    fn is_view(&self) -> bool {
        false
    }

    /// Whether [`Op::gradient`] takes an output gradient that still has to be broadcast. Saves
    /// spreading one number over a whole tensor where each consumer broadcasts anyway.
    fn takes_broadcast_gradient(&self) -> bool {
        false
    }

    /// This operation with `part` computed by its own kernel on the way out, if that can be. What
    /// the part reads besides becomes a last input.
    fn with_epilogue(&self, _part: EpiloguePart) -> Option<Arc<dyn Op>> {
        None
    }

    /// What [`Op::with_epilogue`] absorbs: this operation's part in fusion.
    fn epilogue_part(&self) -> Option<EpiloguePart> {
        None
    }

    /// This operation, with the sums of input `input` over all axes but axis 1 as a second output,
    /// if its kernel can add them up while it reads that input.
    fn with_channel_sums(&self, _input: usize, _shapes: &Shapes) -> Option<Arc<dyn Op>> {
        None
    }

    /// This operation as one that updates parameters in place of giving their gradients, which are
    /// its outputs, if its kernel can. The outputs are those of an optimiser then.
    fn with_update(&self, _update: Update) -> Option<Arc<dyn Op>> {
        None
    }

    /// What it does to each element, where it looks at nothing else: a step of a [`Chain`].
    fn pointwise(&self) -> Option<Pointwise> {
        None
    }

    /// The stream this operation draws from, if it is random.
    fn stream(&self) -> Option<Stream> {
        None
    }
}

/// Every kernel of the crate, for tests that translate or validate them all; of those that a [`Chain`]
/// is written as, an example.
pub fn kernels() -> Vec<&'static Kernel> {
    let mut kernels = vec![
        activation::kernel(),
        argmin::kernel(),
        avg_pool2d::kernel(),
        batch_norm::kernel(),
        bias::kernel(),
        binarise::kernel(),
        binary::kernel(),
        blur::kernel(),
        chain::example(),
        concat::kernel(),
        conv2d::kernel(),
        conv2d_weight_gradient::kernel(),
        conv_transpose2d::kernel(),
        corrupt::kernel(),
        dropout::kernel(),
        gather::kernel(),
        gather_images::kernel(),
        gaussian_kl::kernel(),
        gaussian_nll::kernel(),
        max_pool2d::kernel(),
        max_pool2d_backward::kernel(),
        one_hot::kernel(),
        pad::kernel(),
        random::kernel(),
        record::kernel(),
        reduce::kernel(),
        reparameterise::kernel(),
        roofline::kernel(),
        softmax::kernel(),
        sparsity_kl::kernel(),
        step_weight::kernel(),
        strided::kernel(),
        top_k_mask::kernel(),
        unary::kernel(),
        upsample2d::kernel(),
    ];
    kernels.extend(matmul::kernels());
    kernels.extend(optimiser::kernels());
    kernels
}
