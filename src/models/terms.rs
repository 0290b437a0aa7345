//! The weights of a loss's terms.

use crate::error::Result;
use crate::graph::Graph;
use crate::nn::Loss;
use crate::ops::{self, NodeId};

/// A weight that suits losses that are summed over an image: for one that is a mean over its pixels,
/// as many times less as MNIST's images have pixels.
pub(super) fn by_scale(loss: Loss, weight: f32) -> f32 {
    if loss == Loss::Mse { weight / 784.0 } else { weight }
}

/// `loss` and `term` times the weight that comes with each step; all scalars.
pub(super) fn plus_weighted(graph: &mut Graph, loss: NodeId, term: NodeId) -> Result<NodeId> {
    let weight = ops::step_weight(graph)?;
    let weighted = ops::mul(graph, term, weight)?;
    ops::add(graph, loss, weighted)
}
