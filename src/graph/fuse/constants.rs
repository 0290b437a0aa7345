//! Arithmetic on numbers that never change is done once.

use std::sync::Arc;

use crate::graph::nodes::{Graph, Kind, Node};
use crate::ops::{Binary, BinaryKind, NodeId, Op, Reshape, Unary, UnaryKind};
use crate::tensor::Tensor;

impl Graph {
    /// Computes functions of single constants, and lets products and sums with them be functions of
    /// the other operand.
    pub(super) fn fold_constants(&mut self) {
        for index in 0..self.nodes.len() {
            if let Some(node) = self.folded(index) {
                self.nodes[index] = node;
            }
        }
    }

    /// The one number that a node, or what it is a view of, always is.
    fn single(&self, id: NodeId) -> Option<f32> {
        match &self.node(self.seen_through(id)).kind {
            Kind::Constant(value) => match value.data() {
                [number] => Some(*number),
                _ => None,
            },
            _ => None,
        }
    }

    fn folded(&self, index: usize) -> Option<Node> {
        let node = &self.nodes[index];
        let Kind::Op(op) = &node.kind else { return None };
        let op: &dyn std::any::Any = op.as_ref();
        if let Some(Unary(kind)) = op.downcast_ref() {
            let mut value = [0.0];
            kind.apply(&mut value, &[self.single(node.inputs[0])?]);
            let value = Tensor::full(node.shape.clone(), value[0]);
            return Some(Node {
                kind: Kind::Constant(Arc::new(value)),
                inputs: vec![],
                ..node.clone()
            });
        }
        let Binary(kind) = op.downcast_ref()?;
        let [a, b] = [node.inputs[0], node.inputs[1]];
        let (x, number, first) = match (self.single(a), self.single(b)) {
            (None, Some(number)) => (a, number, false),
            (Some(number), None) => (b, number, true),
            _ => return None,
        };
        let (scale, offset) = match (kind, first) {
            (BinaryKind::Multiply, _) => (number, 0.0),
            (BinaryKind::Add, _) => (1.0, number),
            (BinaryKind::Subtract, false) => (1.0, -number),
            _ => return None,
        };
        let kind: Arc<dyn Op> = match (scale, offset) {
            (1.0, 0.0) => Arc::new(Reshape { shape: node.shape.clone() }),
            _ => Arc::new(Unary(UnaryKind::Affine { scale, offset })),
        };
        let kind = Kind::Op(kind);
        (*self.shape_of(x) == node.shape).then(|| Node { kind, inputs: vec![x], ..node.clone() })
    }

    fn shape_of(&self, id: NodeId) -> &crate::shape::Shape {
        &self.node(id).shape
    }
}
