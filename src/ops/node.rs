//! Nodes, as operations see them: by their numbers, and where a gradient rule stands.

/// A node of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The node's place in its graph.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a gradient rule stands: the node it differentiates and the gradient that reached it.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a> {
    /// The node's inputs.
    pub inputs: &'a [NodeId],
    /// The node itself: many gradients are cheapest in terms of the output.
    pub output: NodeId,
    /// The gradient of the loss in the output. Of the output's shape, unless the operation
    /// [takes broadcast gradients](crate::ops::Op::takes_broadcast_gradient).
    pub gradient: NodeId,
    /// Which inputs' gradients are asked for.
    pub wanted: &'a [bool],
}
