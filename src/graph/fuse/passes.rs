//! The passes, one after the other.

use crate::error::Result;
use crate::graph::nodes::Graph;
use crate::ops::NodeId;

impl Graph {
    /// The same computation in fewer operations, in this order:
    ///
    /// - Arithmetic on constants is done.
    /// - The gradient of a max pooling finds its windows' winners itself, and takes in that of the
    ///   activation before it.
    /// - What follows a product or convolution and is its only reader becomes its epilogue.
    /// - A bias's gradient becomes a second output of the weight's.
    /// - A batch is corrupted in the pass that gathers it.
    /// - Elementwise operations, and a sum of what they give, become one pass.
    ///
    /// `kept` are nodes whose own value is needed. A [companion](crate::graph::nodes::Kind::Companion) is
    /// computed with the node it names, which may have the higher number.
    ///
    /// # Errors
    /// Never for a graph that was built by its builder.
    pub fn fuse(&self, kept: &[NodeId]) -> Result<Graph> {
        let mut fused = self.clone();
        fused.fold_constants();
        fused.fuse_pooling(kept);
        fused.fuse_epilogues(kept);
        fused.fuse_channel_sums(kept);
        fused.fuse_corrupted_batch(kept);
        fused.fuse_chains(kept);
        Ok(fused)
    }
}
