//! Which parameters are updated by the operation that computes their gradient.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::nodes::{Graph, Kind, base};
use super::parameter::{ParamName, StateLayout};
use super::plan::{PlanRequest, Stage};
use crate::ops::{NodeId, Op, Optimiser, Update};

/// Operations that update parameters in place of giving their gradients.
#[derive(Default)]
pub(super) struct Updates {
    hosts: Vec<Host>,
    /// Their nodes, and those of their further outputs.
    nodes: HashSet<NodeId>,
    names: HashSet<ParamName>,
}

struct Host {
    node: NodeId,
    op: Arc<dyn Op>,
    /// The node after which nobody reads the old parameters any more.
    after: usize,
}

/// What the search looks at.
pub(super) struct Search<'a> {
    pub graph: &'a Graph,
    pub request: &'a PlanRequest<'a>,
    /// Nodes whose values are needed.
    pub roots: &'a [NodeId],
    /// Further outputs of operations.
    pub companions: &'a HashMap<NodeId, Vec<NodeId>>,
    /// Parameters by the operation's node, or further output, that gives their gradient to the optimiser
    /// alone.
    pub alone: &'a HashMap<NodeId, ParamName>,
}

impl Search<'_> {
    /// Finds them, on adapters that fuse updates: none where gradients are scaled by their common norm,
    /// gradients of other shards are still to come, or nothing is to be fused.
    pub fn updates(&self) -> Updates {
        let training = self.request.training.as_ref();
        let training = training.filter(|training| training.clip_norm.is_none());
        let is_whole = self.request.stage == Stage::Whole;
        let on_target = self.request.target.is_some_and(|target| target.fuses_updates);
        let Some(training) = training.filter(|_| self.request.fuse && on_target && is_whole) else {
            return Updates::default();
        };
        let readers = self.last_readers();
        let mut updates = Updates::default();
        for index in 0..self.graph.nodes().len() {
            let node = NodeId(index as u32);
            if let Some((host, names)) = self.host(node, training.optimiser, &readers) {
                updates.nodes.insert(node);
                updates.nodes.extend(self.companions.get(&node).into_iter().flatten());
                updates.names.extend(names);
                updates.hosts.push(host);
            }
        }
        updates
    }

    fn host(
        &self,
        node: NodeId,
        optimiser: Optimiser,
        readers: &HashMap<&ParamName, usize>,
    ) -> Option<(Host, Vec<ParamName>)> {
        let Kind::Op(op) = &self.graph.node(node).kind else { return None };
        let companions = self.companions.get(&node).map_or(&[][..], Vec::as_slice);
        let outputs = [node].into_iter().chain(companions.iter().copied());
        let names: Vec<&ParamName> =
            outputs.map(|output| self.alone.get(&output)).collect::<Option<_>>()?;
        // One that reads parameters would have to come before their updates.
        let inputs = &self.graph.node(node).inputs;
        if inputs.iter().any(|input| self.parameter(*input).is_some()) {
            return None;
        }
        let place = |name: &ParamName| place(self.request.layout, name);
        let (first, second) = match names[..] {
            [first] => (place(first)?, None),
            [first, second] => (place(first)?, Some(place(second)?)),
            _ => return None,
        };
        let op = op.with_update(Update { optimiser, first, second })?;
        let read = names.iter().filter_map(|name| readers.get(name).copied()).max();
        let after = read.unwrap_or(0).max(node.index());
        let kept = after == usize::MAX;
        let names = names.into_iter().cloned().collect();
        (!kept).then_some((Host { node, op, after }, names))
    }

    /// The last node that reads each parameter; none comes after one that is read when the step ends.
    fn last_readers(&self) -> HashMap<&ParamName, usize> {
        let mut readers = HashMap::new();
        let needed = self.graph.needed(self.roots);
        for index in (0..needed.len()).filter(|index| needed[*index]) {
            for input in &self.graph.nodes()[index].inputs {
                if let Some(name) = self.parameter(*input) {
                    readers.insert(name, index);
                }
            }
        }
        let kept = self.roots.iter().filter_map(|root| self.parameter(*root));
        readers.extend(kept.map(|name| (name, usize::MAX)));
        readers
    }

    /// The state tensor of which `node` is a view.
    fn parameter(&self, node: NodeId) -> Option<&ParamName> {
        match &self.graph.node(base(self.graph, node)).kind {
            Kind::State(name) => Some(name),
            _ => None,
        }
    }
}

fn place(layout: &StateLayout, name: &ParamName) -> Option<usize> {
    layout.find(name).map(|(_, range)| range.start)
}

impl Updates {
    /// Whether the node is computed by an update.
    pub fn compute(&self, node: NodeId) -> bool {
        self.nodes.contains(&node)
    }

    /// Whether the parameter is updated by one.
    pub fn update(&self, name: &ParamName) -> bool {
        self.names.contains(name)
    }

    /// Those that can run once node number `index` and all before it have.
    pub fn ready(&self, index: usize) -> impl Iterator<Item = (NodeId, &Arc<dyn Op>)> {
        let ready = self.hosts.iter().filter(move |host| host.after == index);
        ready.map(|host| (host.node, &host.op))
    }
}
