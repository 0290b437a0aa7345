//! What an operation needs of a graph to write its gradient down as nodes.

use std::sync::Arc;

use super::Op;
use crate::error::Result;
use crate::rng::Stream;
use crate::tensor::Shape;

/// A node of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The node's place in its graph.
    pub fn index(self) -> usize {
        self.0 as usize
    }
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

/// Where a gradient rule stands: the node it differentiates and the gradient that reached it.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a> {
    /// The node's inputs.
    pub inputs: &'a [NodeId],
    /// The node itself: many gradients are cheapest in terms of the output.
    pub output: NodeId,
    /// The gradient of the loss in the output. Of the output's shape, unless the operation
    /// [takes broadcast gradients](Op::takes_broadcast_gradient).
    pub gradient: NodeId,
    /// Which inputs' gradients are asked for.
    pub wanted: &'a [bool],
}
