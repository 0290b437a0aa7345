//! What follows a product or a convolution moves into its epilogue.

use std::sync::Arc;

use crate::graph::nodes::{Graph, Kind, Node};
use crate::ops::{EpiloguePart, NodeId, Op, Reshape};

impl Graph {
    /// Moves every bias, sum, activation and activation's gradient that is the only reader of a
    /// product into that product.
    pub(super) fn fuse_epilogues(&mut self, kept: &[NodeId]) {
        let needed = self.needed(kept);
        let readers = self.readers(kept);
        // Nodes that nobody needs stay as they are: one that moved into the kernel before it would
        // change what others read there.
        for index in (0..needed.len()).filter(|index| needed[*index]) {
            let Some(part) = self.epilogue_part(index) else { continue };
            // Of two summands the later one: its kernel finds the other one ready.
            let mut operands = vec![0];
            if part == EpiloguePart::Sum {
                operands.push(1);
                operands.sort_by_key(|operand| {
                    std::cmp::Reverse(self.nodes[index].inputs.get(*operand).copied())
                });
            }
            for operand in operands {
                if let Some(node) = self.absorbed(index, part, operand, &readers) {
                    self.nodes[index] = node;
                    break;
                }
                if self.absorb_through_view(index, part, operand, &readers).is_some() {
                    break;
                }
            }
        }
    }

    fn epilogue_part(&self, index: usize) -> Option<EpiloguePart> {
        let Kind::Op(op) = &self.nodes[index].kind else { return None };
        op.epilogue_part()
    }

    /// The operation of a node that `part` of node `index` can move into.
    fn host(&self, id: NodeId, part: EpiloguePart, readers: &[usize]) -> Option<Arc<dyn Op>> {
        match &self.node(id).kind {
            Kind::Op(op) if readers[id.index()] == 1 => op.with_epilogue(part),
            _ => None,
        }
    }

    /// The inputs of node `index` besides the one that is computed by the product.
    fn others(&self, index: usize, operand: usize) -> Vec<NodeId> {
        let inputs = self.nodes[index].inputs.iter().enumerate();
        inputs.filter(|(number, _)| *number != operand).map(|(_, input)| *input).collect()
    }

    /// Whether what node `index` reads besides is shaped like its output, or is a bias.
    fn fits(&self, index: usize, part: EpiloguePart, others: &[NodeId]) -> bool {
        let shape = &self.nodes[index].shape;
        part == EpiloguePart::Bias || others.iter().all(|other| self.node(*other).shape == *shape)
    }

    /// What node `index` becomes if it can be the epilogue of what it reads as `operand`.
    fn absorbed(
        &self,
        index: usize,
        part: EpiloguePart,
        operand: usize,
        readers: &[usize],
    ) -> Option<Node> {
        let node = &self.nodes[index];
        let producer = *node.inputs.get(operand)?;
        let op = self.host(producer, part, readers)?;
        let others = self.others(index, operand);
        let whole = self.node(producer).shape == node.shape && self.fits(index, part, &others);
        let inputs = [&self.node(producer).inputs[..], &others].concat();
        whole.then(|| Node { kind: Kind::Op(op), inputs, shape: node.shape.clone() })
    }

    /// A node that reads a view of a product, reshaped or detached, moves into the product, and
    /// becomes a view: the output layer of a dense decoder, whose pixels are reshaped into images.
    fn absorb_through_view(
        &mut self,
        index: usize,
        part: EpiloguePart,
        operand: usize,
        readers: &[usize],
    ) -> Option<()> {
        let view = *self.nodes[index].inputs.get(operand)?;
        let is_view = matches!(&self.node(view).kind, Kind::Op(op) if op.is_view());
        // A bias goes by axis 1, which a view may move.
        if !is_view || readers[view.index()] != 1 || part == EpiloguePart::Bias {
            return None;
        }
        let producer = *self.node(view).inputs.first()?;
        let op = self.host(producer, part, readers)?;
        let others = self.others(index, operand);
        // The product runs at its own place in the order, after which all it reads must come.
        let ready = others.iter().all(|other| other.index() < producer.index());
        if !ready || !self.fits(index, part, &others) {
            return None;
        }
        let host = &mut self.nodes[producer.index()];
        host.kind = Kind::Op(op);
        host.inputs.extend(others);
        let shape = self.nodes[index].shape.clone();
        self.nodes[index].kind = Kind::Op(Arc::new(Reshape { shape }));
        self.nodes[index].inputs = vec![view];
        Some(())
    }
}
