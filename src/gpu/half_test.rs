//! The part of the self-test that is about f16: tensors that are kept so, and products of them, as they are multiplied
//! and by matrix units. Where it fails, the adapter is good for all but `--precision mixed`, or has no matrix units.

use super::self_test::{SelfTest, random};
use crate::error::Result;
use crate::graph::{Graph, HalfStorage, Initialiser};
use crate::ops::{self, Activation, ConvGeometry, NodeId};
use crate::shape::Shape;

/// Images of a step: gradients are kept larger by it.
const BATCH: usize = 48;

impl SelfTest {
    /// Forward and backward through two dense layers and two convolutions, of sizes that are no whole tiles or
    /// matrices.
    pub fn of_halves() -> Result<Self> {
        let mut graph = Graph::new();
        let dense = dense(&mut graph)?;
        let images = images(&mut graph)?;
        let losses = [dense, images].map(|y| loss(&mut graph, y));
        let [a, b] = losses;
        let loss = ops::add(&mut graph, a?, b?)?;
        let half = HalfStorage { least: 2, ..HalfStorage::of_batch(BATCH) };
        let mut this = Self { graph, loss, outputs: vec![], inputs: vec![], half: Some(half) };
        this.compare("two dense layers by f16", dense);
        this.compare("two convolutions by f16", images);
        Ok(this)
    }
}

fn parameter(graph: &mut Graph, name: &str, shape: impl Into<Shape>, bound: f32) -> Result<NodeId> {
    graph.parameter(name, shape.into(), Initialiser::Uniform { bound })
}

/// What a step reads, as f16: a constant is not, and what an operation gives is.
fn given(graph: &mut Graph, shape: impl Into<Shape>, number: u64) -> Result<NodeId> {
    let x = graph.constant(random(&shape.into(), number));
    ops::affine(graph, x, 0.5, 0.1)
}

fn dense(graph: &mut Graph) -> Result<NodeId> {
    let x = given(graph, [BATCH, 83], 110)?;
    let weight = parameter(graph, "dense.weight", [83, 72], 0.2)?;
    let bias = parameter(graph, "dense.bias", [72], 0.2)?;
    let product = ops::matmul(graph, x, weight)?;
    let sum = ops::bias(graph, product, bias)?;
    let hidden = ops::activate(graph, sum, Activation::Tanh)?;
    let weight = parameter(graph, "ragged.weight", [72, 38], 0.2)?;
    ops::matmul(graph, hidden, weight)
}

fn images(graph: &mut Graph) -> Result<NodeId> {
    let geometry = |kernel, stride, padding| ConvGeometry {
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [[padding; 2]; 2],
        dilation: [1; 2],
    };
    let x = given(graph, [6, 9, 8, 7], 111)?;
    let weight = parameter(graph, "conv.weight", [20, 9, 3, 3], 0.2)?;
    let y = ops::conv2d(graph, x, weight, geometry(3, 1, 1))?;
    let hidden = ops::activate(graph, y, Activation::Tanh)?;
    let weight = parameter(graph, "transposed.weight", [20, 11, 4, 4], 0.2)?;
    ops::conv_transpose2d(graph, hidden, weight, geometry(4, 2, 1), [0; 2])
}

/// The mean of the squares of how far an output is from numbers that it knows nothing of.
fn loss(graph: &mut Graph, y: NodeId) -> Result<NodeId> {
    use crate::ops::Builder;
    let goal = graph.constant(random(&graph.shape(y).clone(), 112));
    let error = ops::squared_error(graph, y, goal)?;
    ops::mean_all(graph, error)
}
