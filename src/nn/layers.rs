//! Layers with parameters. Weights start by Glorot's rule, biases at 0, as in Keras.

use crate::error::Result;
use crate::graph::{Graph, Initialiser};
use crate::ops::{self, Builder, ConvGeometry, NodeId, Transpose};

/// `x W^T + b`: from `x` of `[batch, inputs]` to `[batch, outputs]`, with `name.weight` of
/// `[outputs, inputs]` and `name.bias` of `[outputs]`.
///
/// # Errors
/// When `x` is no matrix, or the names are known with other shapes.
pub fn dense(graph: &mut Graph, name: &str, x: NodeId, outputs: usize) -> Result<NodeId> {
    let inputs = graph.shape(x).last().copied().unwrap_or(0);
    let initialiser = Initialiser::GlorotUniform { fan_in: inputs, fan_out: outputs };
    let weight = graph.parameter(&format!("{name}.weight"), [outputs, inputs], initialiser)?;
    let product = ops::matmul_transposed(graph, x, weight, Transpose { a: false, b: true })?;
    add_bias(graph, name, product, outputs)
}

/// A convolution of `x`, `[batch, inputs, height, width]`, to `outputs` channels, with
/// `name.weight` of `[outputs, inputs, kernel height, kernel width]` and `name.bias` of `[outputs]`.
///
/// # Errors
/// When `x` has no four axes or is too small for the kernel.
pub fn conv2d(
    graph: &mut Graph,
    name: &str,
    x: NodeId,
    outputs: usize,
    geometry: ConvGeometry,
) -> Result<NodeId> {
    let inputs = graph.shape(x).get(1).copied().unwrap_or(0);
    let [height, width] = geometry.kernel;
    let field = height * width;
    let initialiser =
        Initialiser::GlorotUniform { fan_in: inputs * field, fan_out: outputs * field };
    let shape = [outputs, inputs, height, width];
    let weight = graph.parameter(&format!("{name}.weight"), shape, initialiser)?;
    let product = ops::conv2d(graph, x, weight, geometry)?;
    add_bias(graph, name, product, outputs)
}

/// A transposed convolution of `x`, `[batch, inputs, height, width]`, to `outputs` channels, with
/// `name.weight` of `[inputs, outputs, kernel height, kernel width]` and `name.bias` of `[outputs]`.
///
/// # Errors
/// When `x` has no four axes or the output would be empty.
pub fn conv_transpose2d(
    graph: &mut Graph,
    name: &str,
    x: NodeId,
    outputs: usize,
    geometry: ConvGeometry,
) -> Result<NodeId> {
    let inputs = graph.shape(x).get(1).copied().unwrap_or(0);
    let [height, width] = geometry.kernel;
    let field = height * width;
    let initialiser =
        Initialiser::GlorotUniform { fan_in: inputs * field, fan_out: outputs * field };
    let shape = [inputs, outputs, height, width];
    let weight = graph.parameter(&format!("{name}.weight"), shape, initialiser)?;
    let product = ops::conv_transpose2d(graph, x, weight, geometry, [0, 0])?;
    add_bias(graph, name, product, outputs)
}

fn add_bias(graph: &mut Graph, name: &str, x: NodeId, channels: usize) -> Result<NodeId> {
    let bias = graph.parameter(&format!("{name}.bias"), [channels], Initialiser::Constant(0.0))?;
    ops::bias(graph, x, bias)
}
