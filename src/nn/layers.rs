//! Layers with parameters. Weights start by He's rule before a rectifier, else by Glorot's; biases
//! start at 0.

use crate::error::Result;
use crate::graph::{Graph, Initialiser};
use crate::ops::{self, Activation, Builder, ConvGeometry, NodeId, Transpose};

/// `activation(x W^T + b)`: from `x` of `[batch, inputs]` to `[batch, outputs]`, with `name.weight` of
/// `[outputs, inputs]` and `name.bias` of `[outputs]`.
///
/// # Errors
/// When `x` is no matrix, or the names are known with other shapes.
pub fn dense(
    graph: &mut Graph,
    name: &str,
    x: NodeId,
    outputs: usize,
    activation: Option<Activation>,
) -> Result<NodeId> {
    let inputs = graph.shape(x).last().copied().unwrap_or(0);
    let initialiser = initialiser(activation, inputs, outputs);
    let weight = graph.parameter(&format!("{name}.weight"), [outputs, inputs], initialiser)?;
    let product = ops::matmul_transposed(graph, x, weight, Transpose { a: false, b: true })?;
    finish(graph, name, product, outputs, activation)
}

/// A convolution, with bias and activation, of `x`, `[batch, inputs, height, width]`, to `outputs`
/// channels, with `name.weight` of `[outputs, inputs, kernel height, kernel width]` and `name.bias` of `[outputs]`.
///
/// # Errors
/// When `x` has no four axes or is too small for the kernel.
pub fn conv2d(
    graph: &mut Graph,
    name: &str,
    x: NodeId,
    outputs: usize,
    geometry: ConvGeometry,
    activation: Option<Activation>,
) -> Result<NodeId> {
    let inputs = graph.shape(x).get(1).copied().unwrap_or(0);
    let [height, width] = geometry.kernel;
    let initialiser = field_initialiser(activation, geometry, inputs, outputs);
    let shape = [outputs, inputs, height, width];
    let weight = graph.parameter(&format!("{name}.weight"), shape, initialiser)?;
    let product = ops::conv2d(graph, x, weight, geometry)?;
    finish(graph, name, product, outputs, activation)
}

/// A transposed convolution, with bias and activation, of `x`, `[batch, inputs, height, width]`, to
/// `outputs` channels, with `name.weight` of `[inputs, outputs, kernel height, kernel width]` and `name.bias` of `[outputs]`.
///
/// # Errors
/// When `x` has no four axes or the output would be empty.
pub fn conv_transpose2d(
    graph: &mut Graph,
    name: &str,
    x: NodeId,
    outputs: usize,
    geometry: ConvGeometry,
    activation: Option<Activation>,
) -> Result<NodeId> {
    let inputs = graph.shape(x).get(1).copied().unwrap_or(0);
    let [height, width] = geometry.kernel;
    let initialiser = field_initialiser(activation, geometry, inputs, outputs);
    let shape = [inputs, outputs, height, width];
    let weight = graph.parameter(&format!("{name}.weight"), shape, initialiser)?;
    let product = ops::conv_transpose2d(graph, x, weight, geometry, [0, 0])?;
    finish(graph, name, product, outputs, activation)
}

fn initialiser(activation: Option<Activation>, fan_in: usize, fan_out: usize) -> Initialiser {
    match activation {
        Some(Activation::Relu | Activation::LeakyRelu(_) | Activation::Gelu | Activation::Silu) => {
            Initialiser::HeUniform { fan_in }
        }
        _ => Initialiser::GlorotUniform { fan_in, fan_out },
    }
}

/// Every place of a kernel counts as a connection of its own.
fn field_initialiser(
    activation: Option<Activation>,
    geometry: ConvGeometry,
    inputs: usize,
    outputs: usize,
) -> Initialiser {
    let field = geometry.kernel[0] * geometry.kernel[1];
    initialiser(activation, inputs * field, outputs * field)
}

/// Adds a layer's bias and activation to its product.
fn finish(
    graph: &mut Graph,
    name: &str,
    x: NodeId,
    channels: usize,
    activation: Option<Activation>,
) -> Result<NodeId> {
    let bias = graph.parameter(&format!("{name}.bias"), [channels], Initialiser::Constant(0.0))?;
    let x = ops::bias(graph, x, bias)?;
    match activation {
        Some(activation) => ops::activate(graph, x, activation),
        None => Ok(x),
    }
}
