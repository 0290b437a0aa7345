//! Reverse-mode differentiation as a graph transformation: gradients are nodes like any others, so
//! they can be differentiated again.

use super::nodes::{Graph, Kind};
use crate::error::{Error, Result};
use crate::ops::{self, Backward, Builder, NodeId};
use crate::shape::Shape;
use crate::tensor::Tensor;

impl Graph {
    /// Nodes for the gradient of the one-element node `loss` in each of `targets`, in their order.
    /// A target that the loss does not depend on has a gradient of zeros.
    ///
    /// # Errors
    /// When `loss` has more than one element, or an operation on the way has no gradient.
    pub fn gradients(&mut self, loss: NodeId, targets: &[NodeId]) -> Result<Vec<NodeId>> {
        if self.shape(loss).elements() != 1 {
            return Err(Error::shape("gradients", "a loss is one number", &[self.shape(loss)]));
        }
        let shape = self.shape(loss).clone();
        let seed = self.constant(Tensor::full(shape, 1.0));
        self.vector_jacobian(loss, seed, targets)
    }

    /// Nodes for the product of `vector`, of the shape of `output`, with the Jacobian of `output`
    /// in each of `targets`.
    ///
    /// # Errors
    /// When the shapes differ, or an operation on the way has no gradient.
    pub fn vector_jacobian(
        &mut self,
        output: NodeId,
        vector: NodeId,
        targets: &[NodeId],
    ) -> Result<Vec<NodeId>> {
        if self.shape(output) != self.shape(vector) {
            let shapes = [self.shape(output), self.shape(vector)];
            return Err(Error::shape("gradients", "output and vector differ", &shapes));
        }
        let end = output.index() + 1;
        let depends = self.dependants(targets, end);
        let mut gradients: Vec<Option<NodeId>> = vec![None; end];
        gradients[output.index()] = Some(vector);
        for index in (0..end).rev() {
            if let (true, Some(gradient)) = (depends[index], gradients[index]) {
                self.step_back(NodeId(index as u32), gradient, &depends, &mut gradients)?;
            }
        }
        targets
            .iter()
            .map(|target| {
                let shape = self.shape(*target).clone();
                match gradients.get(target.index()).copied().flatten() {
                    Some(gradient) => ops::expand(self, gradient, &shape),
                    None => Ok(self.constant(Tensor::zeros(shape))),
                }
            })
            .collect()
    }

    /// Which of the first `end` nodes depend on any of `targets`.
    pub(super) fn dependants(&self, targets: &[NodeId], end: usize) -> Vec<bool> {
        let mut depends = vec![false; end];
        for index in 0..end {
            let is_target = targets.contains(&NodeId(index as u32));
            let inputs = &self.nodes[index].inputs;
            depends[index] = is_target || inputs.iter().any(|input| depends[input.index()]);
        }
        depends
    }

    /// Adds node `id`'s part to the gradients of its inputs.
    fn step_back(
        &mut self,
        id: NodeId,
        gradient: NodeId,
        depends: &[bool],
        gradients: &mut [Option<NodeId>],
    ) -> Result<()> {
        let node = self.node(id).clone();
        let Kind::Op(op) = &node.kind else { return Ok(()) };
        let gradient = match op.takes_broadcast_gradient() {
            true => gradient,
            false => ops::expand(self, gradient, &node.shape)?,
        };
        let wanted: Vec<bool> = node.inputs.iter().map(|input| depends[input.index()]).collect();
        let at = Backward { inputs: &node.inputs, output: id, gradient, wanted: &wanted };
        let parts = op.gradient(self, &at)?;
        if parts.len() != node.inputs.len() {
            let (name, parts, inputs) = (op.name(), parts.len(), node.inputs.len());
            let what = format!("{name} has {inputs} inputs and gives {parts} gradients");
            return Err(Error::Graph(what));
        }
        for ((input, part), wanted) in node.inputs.iter().zip(parts).zip(wanted) {
            let Some(part) = part.filter(|_| wanted) else { continue };
            if !self.can_stand_for(part, *input) {
                let what = "a gradient, the second shape, does not fit its input, the first";
                let shapes = [self.shape(*input), self.shape(part)];
                return Err(Error::shape(op.name(), what, &shapes));
            }
            let slot = &mut gradients[input.index()];
            *slot = Some(match *slot {
                Some(sum) => ops::add(self, sum, part)?,
                None => part,
            });
        }
        Ok(())
    }

    /// Whether `gradient` has the shape of `node`, or broadcasts to it.
    fn can_stand_for(&self, gradient: NodeId, node: NodeId) -> bool {
        let shape: &Shape = self.shape(node);
        self.shape(gradient).broadcast(shape).as_ref() == Some(shape)
    }
}
