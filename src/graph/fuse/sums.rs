//! The gradient of a bias becomes a second output of the weight's gradient, which reads the same.

use crate::graph::nodes::{Graph, Kind};
use crate::ops::{NodeId, Reduce, ReduceKind, Shapes};

impl Graph {
    /// Lets weight gradients sum up the channels of what they read, where a node asks for that.
    pub(super) fn fuse_channel_sums(&mut self, kept: &[NodeId]) {
        let needed = self.needed(kept);
        for index in (0..needed.len()).filter(|index| needed[*index]) {
            let Some(source) = self.channel_sum(index) else { continue };
            let hosts = (0..self.nodes.len()).filter(|host| needed[*host]);
            let host = hosts.into_iter().find_map(|host| {
                let node = &self.nodes[host];
                let Kind::Op(op) = &node.kind else { return None };
                let input = node.inputs.iter().position(|input| *input == source)?;
                // Both are computed when the first of them is needed.
                let ready = node.inputs.iter().all(|input| input.index() < index.min(host));
                let op = op.with_channel_sums(input, &self.shapes(host))?;
                ready.then_some((host, op))
            });
            if let Some((host, op)) = host {
                self.nodes[host].kind = Kind::Op(op);
                let of = NodeId(host as u32);
                self.nodes[index].kind = Kind::Companion { of, output: 1 };
                self.nodes[index].inputs = self.nodes[host].inputs.clone();
            }
        }
    }

    /// What node `index` sums over all axes but axis 1, if it does that.
    fn channel_sum(&self, index: usize) -> Option<NodeId> {
        let node = &self.nodes[index];
        let Kind::Op(op) = &node.kind else { return None };
        let reduce = (op.as_ref() as &dyn std::any::Any).downcast_ref::<Reduce>()?;
        let source = *node.inputs.first()?;
        let shape = self.node(source).shape.clone();
        let all = (0..shape.rank()).all(|axis| {
            let summed = reduce.axes.contains(&axis);
            if axis == 1 { !summed } else { summed || shape[axis] == 1 }
        });
        (reduce.kind == ReduceKind::Sum && shape.rank() > 1 && all).then_some(source)
    }

    fn shapes(&self, index: usize) -> Shapes {
        let node = &self.nodes[index];
        let inputs = node.inputs.iter().map(|input| self.node(*input).shape.clone()).collect();
        Shapes { inputs, output: node.shape.clone() }
    }
}
