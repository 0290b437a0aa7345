//! Which operations write the metrics that they compute into the log, so that no dispatch has to do it for
//! them: chains, and sums that become chains for it.

use std::collections::HashMap;
use std::sync::Arc;

use super::nodes::{Graph, Kind, base};
use super::plan::PlanRequest;
use crate::ops::{Builder, Chain, MetricColumn, NodeId, Op, Reduce};

/// Operations that record a metric of theirs.
#[derive(Default)]
pub(super) struct Recorders {
    chains: HashMap<NodeId, Chain>,
    columns: Vec<usize>,
}

impl Recorders {
    /// Finds them, in a fused plan for a GPU. On the processor nothing is saved by it.
    pub fn find(graph: &Graph, request: &PlanRequest) -> Self {
        let mut found = Self::default();
        if !request.fuse || request.target.is_none() {
            return found;
        }
        let of = request.metrics.len();
        for (number, (_, metric)) in request.metrics.iter().enumerate() {
            let (node, output) = computed_by(graph, *metric);
            let inputs = graph.node(node).inputs.len();
            let chain = chain(graph, node).filter(|_| !found.chains.contains_key(&node));
            let column = MetricColumn { number, of };
            if let Some(chain) = chain.and_then(|chain| chain.recording(output, column, inputs)) {
                found.chains.insert(node, chain);
                found.columns.push(number);
            }
        }
        found
    }

    /// The operation of this node, where it records.
    pub fn recorder(&self, node: NodeId) -> Option<Arc<dyn Op>> {
        let chain = self.chains.get(&node)?;
        Some(Arc::new(chain.clone()))
    }

    /// Whether an operation records metric number `column` by itself.
    pub fn record(&self, column: usize) -> bool {
        self.columns.contains(&column)
    }
}

/// The operation that gives a node's value, and as which of its outputs.
fn computed_by(graph: &Graph, node: NodeId) -> (NodeId, usize) {
    let node = base(graph, node);
    match graph.node(node).kind {
        Kind::Companion { of, output } => (of, output),
        _ => (node, 0),
    }
}

/// The chain that a node is or, of a sum over all there is, could be.
fn chain(graph: &Graph, node: NodeId) -> Option<Chain> {
    let Kind::Op(op) = &graph.node(node).kind else { return None };
    let op: &dyn std::any::Any = op.as_ref();
    if let Some(chain) = op.downcast_ref::<Chain>() {
        return Some(chain.clone());
    }
    let input = *graph.node(node).inputs.first()?;
    let reduce: &Reduce = op.downcast_ref()?;
    reduce
        .factor_of_all(graph.shape(input))
        .map(|scale| Chain::sum(graph.shape(input).elements(), scale))
}
