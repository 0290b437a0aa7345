//! Fusion by epilogue: a bias and an activation move into the kernel that makes what they read.

use std::sync::Arc;

use super::{Graph, Kind, Node};
use crate::error::Result;
use crate::ops::{EpiloguePart, NodeId, Reshape};

impl Graph {
    /// The same computation with every bias and activation that is the only reader of a matmul or
    /// convolution computed by that kernel itself. Node numbers stay; absorbed nodes stay too, read
    /// by nobody. `kept` are nodes whose own value is needed.
    ///
    /// # Errors
    /// Never for a graph that was built by its builder.
    pub fn fuse(&self, kept: &[NodeId]) -> Result<Graph> {
        let mut fused = self.clone();
        let needed = self.needed(kept);
        let nodes = self.nodes.iter().zip(&needed).filter(|(_, needed)| **needed);
        let mut readers = vec![0_usize; self.nodes.len()];
        for input in nodes.flat_map(|(node, _)| &node.inputs).chain(kept) {
            readers[input.index()] += 1;
        }
        // Nodes that nobody needs stay as they are: one that moved into the kernel before it would
        // change what others read there.
        for index in (0..needed.len()).filter(|index| needed[*index]) {
            if let Some(node) = fused.absorbed(index, &readers) {
                fused.nodes[index] = node;
            } else {
                fused.absorb_through_view(index, &readers);
            }
        }
        Ok(fused)
    }

    /// An activation that reads a view of a product, reshaped or detached, moves into the product, and becomes a view: the
    /// output layer of a dense decoder, whose pixels are reshaped into images.
    fn absorb_through_view(&mut self, index: usize, readers: &[usize]) -> Option<()> {
        let Kind::Op(op) = &self.nodes[index].kind else { return None };
        let Some(EpiloguePart::Activation(activation)) = op.epilogue_part() else { return None };
        let view = self.nodes[index].inputs[0];
        let Kind::Op(view_op) = &self.node(view).kind else { return None };
        let producer = *self.node(view).inputs.first()?;
        let Kind::Op(producer_op) = &self.node(producer).kind else { return None };
        if !view_op.is_view() || readers[view.index()] != 1 || readers[producer.index()] != 1 {
            return None;
        }
        let fused = producer_op.with_activation(activation)?;
        let shape = self.nodes[index].shape.clone();
        self.nodes[producer.index()].kind = Kind::Op(fused);
        self.nodes[index].kind = Kind::Op(Arc::new(Reshape { shape }));
        Some(())
    }

    /// What node `index` becomes if it can be the epilogue of the node it reads first.
    fn absorbed(&self, index: usize, readers: &[usize]) -> Option<Node> {
        let node = &self.nodes[index];
        let Kind::Op(op) = &node.kind else { return None };
        let part = op.epilogue_part()?;
        let producer_id = *node.inputs.first()?;
        let producer = self.node(producer_id);
        let Kind::Op(producer_op) = &producer.kind else { return None };
        if readers[producer_id.index()] != 1 {
            return None;
        }
        let (op, extra) = match part {
            EpiloguePart::Bias => (producer_op.with_bias()?, &node.inputs[1..]),
            EpiloguePart::Activation(activation) => {
                (producer_op.with_activation(activation)?, &[][..])
            }
        };
        let inputs = [&producer.inputs[..], extra].concat();
        Some(Node { kind: Kind::Op(op), inputs, shape: node.shape.clone() })
    }
}
