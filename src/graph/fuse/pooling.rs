//! The gradient of max pooling finds the winners again instead of reading their indices.

use std::sync::Arc;

use crate::graph::nodes::{Graph, Kind};
use crate::ops::{
    ActivationGradient, MaxPool2dBackward, MaxPool2dGradient, MaxPool2dIndices, NodeId,
};

impl Graph {
    /// Lets gradients of max poolings go without indices, and end with the gradient of the
    /// activation whose output was pooled.
    pub(super) fn fuse_pooling(&mut self, kept: &[NodeId]) {
        let needed = self.needed(kept);
        let readers = self.readers(kept);
        for index in (0..needed.len()).filter(|index| needed[*index]) {
            if let Some(backward) = self.pooling_gradient(index, &readers) {
                self.replace(index, backward);
            } else if let Some(backward) = self.with_activation_gradient(index, &readers) {
                self.replace(index, backward);
            }
        }
    }

    fn replace(&mut self, index: usize, (op, inputs): (MaxPool2dBackward, [NodeId; 2])) {
        self.nodes[index].kind = Kind::Op(Arc::new(op));
        self.nodes[index].inputs = inputs.to_vec();
    }

    fn pooling_gradient(
        &self,
        index: usize,
        readers: &[usize],
    ) -> Option<(MaxPool2dBackward, [NodeId; 2])> {
        let MaxPool2dGradient { geometry, .. } = *self.op(index)?;
        let [g, indices] = self.nodes[index].inputs[..] else { return None };
        let MaxPool2dIndices { .. } = self.op(indices.index())?;
        let x = self.node(indices).inputs[0];
        let alone = readers[indices.index()] == 1;
        alone.then_some((MaxPool2dBackward { geometry, activation: None }, [g, x]))
    }

    fn with_activation_gradient(
        &self,
        index: usize,
        readers: &[usize],
    ) -> Option<(MaxPool2dBackward, [NodeId; 2])> {
        let ActivationGradient(activation) = *self.op(index)?;
        let [backward, value] = self.nodes[index].inputs[..] else { return None };
        let MaxPool2dBackward { geometry, activation: None } = *self.op(backward.index())? else {
            return None;
        };
        let [g, x] = self.node(backward).inputs[..] else { return None };
        let fits = readers[backward.index()] == 1 && value == x;
        fits.then_some((MaxPool2dBackward { geometry, activation: Some(activation) }, [g, x]))
    }
}
