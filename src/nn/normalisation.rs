//! Layers that keep signals at one size: by the moments of the batch, of groups of channels, or by what
//! other channels have at the same place.

use crate::error::{Error, Result};
use crate::graph::{Graph, Initialiser, Pooling};
use crate::ops::{self, Builder, ConvGeometry, NodeId, ReduceKind, UnaryKind};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Batch normalisation (Ioffe and Szegedy, 2015) of `x`, `[batch, channels, ...]`: by the moments of
/// the batch in training, which are noted in `name.running_mean` and `name.running_var` (momentum
/// 0.1, as in PyTorch), and by the noted ones otherwise; then scaled by `name.weight` and shifted by
/// `name.bias`, all of `[channels]`.
///
/// # Errors
/// When `x` has no axis 1, or the names are known with other shapes.
pub fn batch_norm(graph: &mut Graph, name: &str, x: NodeId, training: bool) -> Result<NodeId> {
    let shape = graph.shape(x).clone();
    let channels = shape.get(1).copied().unwrap_or(0);
    let one = |graph: &mut Graph, part: &str, value| {
        graph.parameter(&format!("{name}.{part}"), [channels], Initialiser::Constant(value))
    };
    let (gamma, beta) = (one(graph, "weight", 1.0)?, one(graph, "bias", 0.0)?);
    let noted = |graph: &mut Graph, part: &str, value| {
        graph.buffer(&format!("{name}.{part}"), [channels], Initialiser::Constant(value))
    };
    let running = [noted(graph, "running_mean", 0.0)?, noted(graph, "running_var", 1.0)?];
    let mut moments = running;
    if training {
        let (mean, variance) = ops::moments(graph, x)?;
        moments = [mean, variance];
        let count = shape.elements() / channels.max(1);
        let next = ops::running_moments(graph, running, moments, BATCH_NORM_MOMENTUM, count)?;
        for (buffer, value) in running.into_iter().zip(next) {
            // Linear in the moments, so that it is the mean over shards.
            graph.pool(value, Pooling::Mean);
            graph.update(buffer, value)?;
        }
    }
    ops::normalise(graph, x, moments, gamma, beta, NORM_EPSILON)
}

const BATCH_NORM_MOMENTUM: f32 = 0.1;
const NORM_EPSILON: f32 = 1e-5;

/// Group normalisation (Wu and He, "Group normalization", 2018) of `x`, `[batch, channels, height, width]`:
/// by the moments of each image's groups of channels, in training and otherwise alike, so that it knows no
/// batch; then scaled by `name.weight` and shifted by `name.bias`, both of `[channels]`.
///
/// # Errors
/// When `x` has no four axes, `groups` do not divide its channels, or the names are known with other
/// shapes.
pub fn group_norm(graph: &mut Graph, name: &str, x: NodeId, groups: usize) -> Result<NodeId> {
    let shape = graph.shape(x).clone();
    let [batch, channels, height, width] = shape[..] else {
        return Err(Error::shape("group_norm", "needs four axes", &[&shape]));
    };
    if groups == 0 || channels % groups > 0 {
        let what = format!("cannot make {groups} groups of {channels} channels");
        return Err(Error::shape("group_norm", what, &[&shape]));
    }
    let grouped = ops::reshape(graph, x, [batch, groups, channels / groups * height * width])?;
    let mean = ops::reduce(graph, grouped, ReduceKind::Mean, &[2])?;
    let centred = ops::sub(graph, grouped, mean)?;
    let squares = ops::unary(graph, centred, UnaryKind::Square)?;
    let variance = ops::reduce(graph, squares, ReduceKind::Mean, &[2])?;
    let variance = ops::affine(graph, variance, 1.0, NORM_EPSILON)?;
    let deviation = ops::unary(graph, variance, UnaryKind::Sqrt)?;
    let normal = ops::div(graph, centred, deviation)?;
    let normal = ops::reshape(graph, normal, shape)?;
    let gamma =
        graph.parameter(&format!("{name}.weight"), [channels], Initialiser::Constant(1.0))?;
    let beta = graph.parameter(&format!("{name}.bias"), [channels], Initialiser::Constant(0.0))?;
    let gamma = ops::reshape(graph, gamma, [1, channels, 1, 1])?;
    let scaled = ops::mul(graph, normal, gamma)?;
    ops::bias(graph, scaled, beta)
}

/// Generalised divisive normalisation (Ballé, Laparra, Simoncelli: "Density modeling of images using a
/// generalized normalization transformation", 2016, as its authors have it in "End-to-end optimized image
/// compression", 2017) of `x`, `[batch, channels, height, width]`: `x_i / sqrt(beta_i + sum_j gamma_ij x_j^2)`
/// at each place, or, `inverse`, `x_i` times that root.
///
/// Neither may be negative, so they are the squares of `name.beta`, `[channels]`, and of `name.gamma`,
/// `[channels, channels]`, which begin where beta is 1 and gamma a tenth of one, each channel by itself.
///
/// # Errors
/// When `x` has no four axes, or the names are known with other shapes.
pub fn divisive_norm(graph: &mut Graph, name: &str, x: NodeId, inverse: bool) -> Result<NodeId> {
    let shape = graph.shape(x).clone();
    let [_, channels, _, _] = shape[..] else {
        return Err(Error::shape("divisive_norm", "needs four axes", &[&shape]));
    };
    let beta = graph.parameter(&format!("{name}.beta"), [channels], Initialiser::Constant(1.0))?;
    let matrix = Shape::from([channels, channels]);
    let start = Initialiser::Values(Tensor::new(matrix.clone(), own_channel(channels))?);
    let gamma = graph.parameter(&format!("{name}.gamma"), matrix, start)?;
    let [beta, gamma, squares] =
        [beta, gamma, x].map(|node| ops::unary(graph, node, UnaryKind::Square));
    let kernel = ops::reshape(graph, gamma?, [channels, channels, 1, 1])?;
    let point = ConvGeometry::symmetric([1, 1], [1, 1], [0, 0]);
    let pool = ops::conv2d(graph, squares?, kernel, point)?;
    // Above 0 whatever is learned.
    let beta = ops::affine(graph, beta?, 1.0, NORM_EPSILON)?;
    let pool = ops::bias(graph, pool, beta)?;
    let root = ops::unary(graph, pool, UnaryKind::Sqrt)?;
    match inverse {
        true => ops::mul(graph, x, root),
        false => ops::div(graph, x, root),
    }
}

/// Roots of gamma as it begins. One that is 0 would have no gradient.
fn own_channel(channels: usize) -> Vec<f32> {
    let root = |at: usize| if at.is_multiple_of(channels + 1) { 0.1_f32.sqrt() } else { 0.01 };
    (0..channels * channels).map(root).collect()
}
