//! Layers with parameters. Biases start at 0.

use crate::error::Result;
use crate::graph::{Graph, Initialiser};
use crate::ops::{self, Activation, Builder, ConvGeometry, NodeId, Transpose};
use crate::tensor::Tensor;

/// How weights start: uniformly between bounds that depend on how many numbers they sum over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// By He's rule before a rectifier, else by Glorot's, so that signals keep their size.
    #[default]
    Kept,
    /// Within `1 / sqrt(inputs)`, as PyTorch's layers: signals shrink by each layer, so that what
    /// comes out depends little on what goes in.
    Small,
    /// At 0, for the last layer of a residual block, which then starts as the identity (Zhang,
    /// Dauphin, Ma: "Fixup initialization", 2019).
    Zero,
}

/// What a layer is besides its sizes. An activation alone stands for one with a bias that starts as
/// usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// What comes last, if anything.
    pub activation: Option<Activation>,
    /// How the weights start.
    pub start: Start,
    /// Whether a bias is added: not where batch normalisation would take it away again.
    pub bias: bool,
    /// Inputs that the learning rate is meant for. The product of a layer with more is made smaller by
    /// as much, and its weights begin as much larger: Adam moves every weight alike, so that a sum
    /// over twice as many inputs would move twice as far in a step (Yang et al., "Tensor programs V:
    /// tuning large neural networks via zero-shot hyperparameter transfer", 2021, table 3).
    pub width: Option<usize>,
}

impl Layer {
    /// What the product over so many inputs is multiplied by.
    pub fn scale(self, inputs: usize) -> f32 {
        self.width.map_or(1.0, |width| (width as f32 / inputs as f32).min(1.0))
    }
}

impl From<Option<Activation>> for Layer {
    fn from(activation: Option<Activation>) -> Self {
        Self { activation, start: Start::default(), bias: true, width: None }
    }
}

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
    layer: impl Into<Layer>,
) -> Result<NodeId> {
    let layer = layer.into();
    let inputs = graph.shape(x).last().copied().unwrap_or(0);
    let initialiser = initialiser(layer, inputs, outputs);
    let weight = graph.parameter(&format!("{name}.weight"), [outputs, inputs], initialiser)?;
    let product = ops::matmul_transposed(graph, x, weight, Transpose { a: false, b: true })?;
    finish(graph, name, product, inputs, outputs, layer)
}

/// [`dense`] by the weight of another layer, transposed: from `x` of `[batch, inputs]` with
/// `twin.weight` of `[inputs, outputs]`, which is shared, and `name.bias` of `[outputs]`.
///
/// # Errors
/// When `x` is no matrix, or the names are known with other shapes.
pub fn dense_tied(
    graph: &mut Graph,
    name: &str,
    twin: &str,
    x: NodeId,
    outputs: usize,
    layer: impl Into<Layer>,
) -> Result<NodeId> {
    let layer = layer.into();
    let inputs = graph.shape(x).last().copied().unwrap_or(0);
    let initialiser = initialiser(layer, inputs, outputs);
    let weight = graph.parameter(&format!("{twin}.weight"), [inputs, outputs], initialiser)?;
    let product = ops::matmul(graph, x, weight)?;
    finish(graph, name, product, inputs, outputs, layer)
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
    layer: impl Into<Layer>,
) -> Result<NodeId> {
    let layer = layer.into();
    let inputs = graph.shape(x).get(1).copied().unwrap_or(0);
    let [height, width] = geometry.kernel;
    let initialiser = field_initialiser(layer, geometry, inputs, outputs);
    let shape = [outputs, inputs, height, width];
    let weight = graph.parameter(&format!("{name}.weight"), shape, initialiser)?;
    let product = ops::conv2d(graph, x, weight, geometry)?;
    finish(graph, name, product, inputs * height * width, outputs, layer)
}

/// [`conv2d`] that sees only where `mask`, `[kernel height, kernel width]` row by row, is 1, and not
/// where it is 0 (van den Oord et al., "Pixel recurrent neural networks", 2016): the mask is a factor
/// of the weight, so that what it hides takes no part in any gradient either.
///
/// # Errors
/// As [`conv2d`], and when the mask has not one number for each place of the kernel.
pub fn masked_conv2d(
    graph: &mut Graph,
    name: &str,
    x: NodeId,
    outputs: usize,
    (geometry, mask): (ConvGeometry, &[f32]),
    layer: impl Into<Layer>,
) -> Result<NodeId> {
    let layer = layer.into();
    let inputs = graph.shape(x).get(1).copied().unwrap_or(0);
    let [height, width] = geometry.kernel;
    // Only what is seen counts as a connection.
    let seen = mask.iter().filter(|part| **part != 0.0).count().max(1);
    let initialiser = initialiser(layer, inputs * seen, outputs * seen);
    let shape = [outputs, inputs, height, width];
    let weight = graph.parameter(&format!("{name}.weight"), shape, initialiser)?;
    let mask = graph.constant(Tensor::new([1, 1, height, width], mask.to_vec())?);
    let weight = ops::mul(graph, weight, mask)?;
    let product = ops::conv2d(graph, x, weight, geometry)?;
    finish(graph, name, product, inputs * seen, outputs, layer)
}

/// A transposed convolution, with bias and activation, of `x`, `[batch, inputs, height, width]`, to
/// `outputs` channels, with `name.weight` of `[inputs, outputs, kernel height, kernel width]` and `name.bias` of `[outputs]`.
/// The output is as many times larger as the stride says, where the kernel and the padding allow it
/// (Keras's `same`), else larger by what they leave.
///
/// # Errors
/// When `x` has no four axes or the output would be empty.
pub fn conv_transpose2d(
    graph: &mut Graph,
    name: &str,
    x: NodeId,
    outputs: usize,
    geometry: ConvGeometry,
    layer: impl Into<Layer>,
) -> Result<NodeId> {
    let layer = layer.into();
    let inputs = graph.shape(x).get(1).copied().unwrap_or(0);
    let [height, width] = geometry.kernel;
    // Of the places of a kernel, a pixel sees one in each stride.
    let taps = [0, 1].map(|axis| geometry.kernel[axis].div_ceil(geometry.stride[axis]));
    let summed = inputs * taps[0] * taps[1];
    let plain = field_initialiser(Layer { width: None, ..layer }, geometry, inputs, outputs);
    let initialiser = enlarged(plain, layer.scale(summed));
    let shape = [inputs, outputs, height, width];
    let weight = graph.parameter(&format!("{name}.weight"), shape, initialiser)?;
    let extra = [0, 1].map(|axis| {
        let padding: usize = geometry.padding[axis].iter().sum();
        (geometry.stride[axis] + padding).saturating_sub(geometry.kernel[axis])
    });
    let product = ops::conv_transpose2d(graph, x, weight, geometry, extra)?;
    finish(graph, name, product, summed, outputs, layer)
}

/// Weights as much larger as their product is made smaller.
fn enlarged(initialiser: Initialiser, scale: f32) -> Initialiser {
    match (initialiser.bound(), scale) {
        (Some(bound), scale) if scale < 1.0 => Initialiser::Uniform { bound: bound / scale },
        _ => initialiser,
    }
}

fn initialiser(layer: Layer, fan_in: usize, fan_out: usize) -> Initialiser {
    match layer {
        Layer { width: Some(_), .. } => {
            let plain = initialiser(Layer { width: None, ..layer }, fan_in, fan_out);
            enlarged(plain, layer.scale(fan_in))
        }
        Layer { start: Start::Zero, .. } => Initialiser::Constant(0.0),
        Layer { start: Start::Small, .. } => {
            Initialiser::Uniform { bound: 1.0 / (fan_in as f32).sqrt() }
        }
        Layer {
            activation:
                Some(
                    Activation::Relu
                    | Activation::LeakyRelu(_)
                    | Activation::Gelu
                    | Activation::Silu,
                ),
            ..
        } => Initialiser::HeUniform { fan_in },
        _ => Initialiser::GlorotUniform { fan_in, fan_out },
    }
}

/// Every place of a kernel counts as a connection of its own.
fn field_initialiser(
    layer: Layer,
    geometry: ConvGeometry,
    inputs: usize,
    outputs: usize,
) -> Initialiser {
    let field = geometry.kernel[0] * geometry.kernel[1];
    initialiser(layer, inputs * field, outputs * field)
}

/// Adds a layer's bias and activation to its product over so many `inputs`.
fn finish(
    graph: &mut Graph,
    name: &str,
    mut x: NodeId,
    inputs: usize,
    channels: usize,
    layer: Layer,
) -> Result<NodeId> {
    let scale = layer.scale(inputs);
    if scale < 1.0 {
        x = ops::affine(graph, x, scale, 0.0)?;
    }
    if layer.bias {
        let name = format!("{name}.bias");
        let bias = graph.parameter(&name, [channels], Initialiser::Constant(0.0))?;
        x = ops::bias(graph, x, bias)?;
    }
    match layer.activation {
        Some(activation) => ops::activate(graph, x, activation),
        None => Ok(x),
    }
}
