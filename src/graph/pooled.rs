//! Nodes that shards of a batch give their parts of, for updates of the state.

use super::nodes::{Graph, Kind};
use super::pooling::{Pooling, pooled_name};
use crate::ops::NodeId;

impl Graph {
    /// Lets [updates](Graph::update) of the state be made from shards of a batch: `node`, which they depend
    /// on, comes of that of each shard as `pooling` says. Without shards it means nothing.
    pub fn pool(&mut self, node: NodeId, pooling: Pooling) {
        self.pooled.push((node, pooling));
    }

    /// What was named by [`Graph::pool`], in that order.
    pub fn pooled(&self) -> &[(NodeId, Pooling)] {
        &self.pooled
    }

    /// The graph as it is behind its pooled nodes: they are inputs, by their [names](pooled_name).
    pub(crate) fn behind_pools(&self) -> Self {
        let mut graph = self.clone();
        for (number, (node, _)) in self.pooled.iter().enumerate() {
            let node = &mut graph.nodes[node.index()];
            node.kind = Kind::Input(pooled_name(number));
            node.inputs.clear();
        }
        graph
    }
}
