//! What an operation is, and where operations are added: a trait each, since either speaks of the other.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use super::function::{EpiloguePart, Pointwise};
use super::half::{HalfTerms, Halves};
use super::kernel::{Dispatch, MAX_INPUTS, MAX_OUTPUTS};
use super::node::{Backward, NodeId};
use super::step::StepScalars;
use super::target::GpuTarget;
use super::tuning::Variant;
use super::update::Update;
use crate::error::Result;
use crate::rng::Stream;
use crate::shape::Shape;

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

/// An operation of the graph. See `ops/elementwise/bias.rs` for a short one, whole, and `examples/own_op.rs` for
/// one outside this crate; a function of one number takes no more than an [`Elementwise`](crate::ops::Elementwise).
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

    /// What of its tensors a plan may keep as f16, see [`PlanRequest::half`](crate::graph::PlanRequest::half).
    /// Its kernels know nothing of that, and reach them as `x[i]` and `x[i] = y` in arrays of f32 or of
    /// vectors of it.
    fn halves(&self) -> Halves {
        Halves::Nothing
    }

    /// This operation, a product of its first two inputs, with these terms where matrix units want them so, if it has
    /// kernels for such units.
    fn with_half_terms(&self, _terms: HalfTerms) -> Option<Arc<dyn Op>> {
        None
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

    /// What it does to each element, where it looks at nothing else: a step of a [`Chain`](crate::ops::Chain).
    fn pointwise(&self) -> Option<Pointwise> {
        None
    }

    /// The stream this operation draws from, if it is random.
    fn stream(&self) -> Option<Stream> {
        None
    }
}

/// What can be chosen for an operation.
#[derive(Clone, Debug)]
pub struct Variants {
    /// The operation and its sizes.
    pub key: String,
    /// The operation without what is fused to it.
    pub plain: Arc<dyn Op>,
    /// The shapes of its inputs.
    pub inputs: Vec<Shape>,
    /// What there is to choose from.
    pub candidates: Vec<Variant>,
}

/// Where nodes are added: a graph, as the operations see it.
///
/// A function that takes one adds to whatever graph there is, so it serves in models and in
/// gradient rules alike:
///
/// ```
/// use diabolo::error::Result;
/// use diabolo::graph::Graph;
/// use diabolo::ops::{self, Activation, Builder, NodeId};
///
/// /// Swish with a slope: x sigmoid(slope x).
/// fn swish(builder: &mut dyn Builder, x: NodeId, slope: f32) -> Result<NodeId> {
///     let scaled = ops::affine(builder, x, slope, 0.0)?;
///     let gate = ops::activate(builder, scaled, Activation::Sigmoid)?;
///     ops::mul(builder, x, gate)
/// }
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [2, 3]);
/// let y = swish(&mut graph, x, 1.5)?;
/// assert_eq!(graph.shape(y), graph.shape(x));
/// assert_eq!(swish(&mut graph, x, 1.5)?, y); // An equal node is not added again.
/// # Ok::<(), diabolo::error::Error>(())
/// ```
pub trait Builder {
    /// A node that applies `op` to `inputs`; an equal node that exists already is returned instead.
    ///
    /// # Errors
    /// When the inputs' shapes do not fit.
    fn apply(&mut self, op: Arc<dyn Op>, inputs: &[NodeId]) -> Result<NodeId>;

    /// The shape of a node.
    fn shape(&self, node: NodeId) -> &Shape;

    /// A random stream that no other node draws from.
    fn fresh_stream(&mut self) -> Stream;
}
