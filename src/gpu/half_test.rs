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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::gpu::{DeviceChoice, GpuExecutor, GpuOptions, Mixed, ShaderChecks};
    use crate::ops::{AdapterTraits, Elementwise, GpuTarget, Maker, Matrices};

    fn adapter(mixed: Mixed) -> GpuExecutor {
        let checks = ShaderChecks::Trusted;
        let options = GpuOptions { checks, target: None, mixed, cache: None, tuning: None };
        GpuExecutor::choose(&DeviceChoice::Gpu, options).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn this_adapter_passes() {
        let test = SelfTest::of_halves().unwrap();
        for mixed in [Mixed::Stored, Mixed::ByMatrices] {
            let failures = test.failures(&mut adapter(mixed)).unwrap();
            assert!(failures.is_empty(), "{mixed:?}: {failures:?}");
        }
        assert_eq!(test.failures(&mut CpuExecutor::new()).unwrap(), [""; 0]);
    }

    /// A tenth too much in a few numbers, as of one matrix of many.
    #[test]
    fn a_wrong_product_is_found_and_named() {
        let mut test = SelfTest::of_halves().unwrap();
        let (_, dense) = test.outputs[0].clone();
        let wrong = Elementwise::new("wrong", "select(x, 1.1 * x, x > 1.0)", |x| x);
        let y = wrong.apply(&mut test.graph, dense).unwrap();
        test.compare("a wrong product", y);
        let failures = test.failures(&mut adapter(Mixed::Stored)).unwrap();
        assert!(
            failures.len() == 1 && failures[0].starts_with("a wrong product: "),
            "{failures:?}"
        );
    }

    #[test]
    fn it_has_every_product_by_every_kind_of_matrices() {
        let test = SelfTest::of_halves().unwrap();
        for matrices in Matrices::ALL {
            let maker = Maker::Nvidia.typical();
            let adapter = AdapterTraits { matrices: Some(matrices), ..maker };
            let target = GpuTarget::new(&adapter);
            let steps = test.plan(&test.graph.layout(), Some(&target)).unwrap().steps;
            let dispatches = steps.iter().flat_map(|step| step.dispatches(&target));
            let names: BTreeSet<_> = dispatches.map(|it| it.kernel.name).collect();
            let kind = if matrices.rounds() { "f16" } else { "f32" };
            for product in
                ["matmul", "matmul_update", "conv2d", "conv_transpose2d", "conv2d_weight_gradient"]
            {
                let is_by_them = |name: &&str| {
                    let end = format!("_{kind}_by_{}", matrices.side());
                    name.strip_prefix(product).is_some_and(|rest| {
                        rest == end || rest.strip_prefix("_apart").is_some_and(|rest| rest == end)
                    })
                };
                assert!(names.iter().any(is_by_them), "{product} is not in {names:?}");
            }
        }
    }
}
