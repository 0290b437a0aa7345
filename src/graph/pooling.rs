//! What updates of the state read of a whole batch, where a batch comes in shards.

use super::nodes::{Graph, Kind};
use crate::ops::NodeId;

/// How a number of a whole batch comes of its shards'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean, each shard weighing as many images as it has.
    Mean,
    /// Their sum.
    Sum,
    /// The first one's.
    First,
}

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

/// What pooled node number `number` is called, as an output of a shard's plan and as an input of an update's.
pub(crate) fn pooled_name(number: usize) -> String {
    format!("pooled {number}")
}
