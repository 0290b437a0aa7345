//! What a classifier of images sees them by.

use crate::data::ImageShape;
use crate::error::Result;
use crate::graph::Graph;
use crate::nn;
use crate::ops::{self, Activation, Builder, ConvGeometry, NodeId};

/// Stages that see images: each is a rectified 3x3 convolution and a 2x2 max-pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolutions {
    /// The size of the images, whose numbers lie in the order of `[channels, height, width]`.
    pub images: ImageShape,
    /// The channels of each stage.
    pub channels: Vec<usize>,
}

impl Convolutions {
    /// What they make of `x`, `[batch, width]`: `[batch, features]`.
    pub(super) fn apply(&self, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
        let (batch, ImageShape { channels, height, width }) = (graph.shape(x)[0], self.images);
        let mut x = ops::reshape(graph, x, [batch, channels, height, width])?;
        let window = ConvGeometry::symmetric([3, 3], [1, 1], [1, 1]);
        let pool = ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]);
        for (stage, channels) in (1..).zip(&self.channels) {
            let (name, relu) = (format!("conv{stage}"), Some(Activation::Relu));
            x = nn::conv2d(graph, &name, x, *channels, window, relu)?;
            x = ops::max_pool2d(graph, x, pool)?;
        }
        ops::flatten(graph, x)
    }
}
