//! Single operations at the sizes that autoencoders have.

use std::sync::Arc;

use rand::RngExt;

use super::measure::{Ceilings, Loaded, PlanCosts};
use super::workload::{Build, Work, Workload};
use crate::error::{Error, Result};
use crate::graph::{Executor, Graph, Plan, PlanRequest, State, Training};
use crate::nn;
use crate::ops::{
    self, Builder, ConvGeometry, GpuTarget, NodeId, Optimiser, ReduceKind, Roofline, Transpose,
};
use crate::rng::{Philox, Seed, Stream};
use crate::tensor::Tensor;

fn workload(
    name: String,
    build: impl Fn(&mut Graph) -> Result<Vec<NodeId>> + Send + Sync + 'static,
) -> Workload {
    Workload { name, work: Work::Operations(Arc::new(build)) }
}

pub(super) fn workloads() -> Vec<Workload> {
    let mut all = vec![];
    for sizes in [[1024, 1024, 1024], [128, 3136, 32], [256, 784, 64], [784, 128, 400]] {
        for (ending, a, b) in [("", false, false), ("_ta", true, false), ("_tb", false, true)] {
            all.push(product(sizes, ending, Transpose { a, b }));
        }
    }
    all.push(workload("C1fwd".into(), |graph| Ok(vec![layer(graph)?.0])));
    all.push(workload("C1fwdbwd".into(), |graph| {
        let (y, inputs) = layer(graph)?;
        let vector = graph.input("gradient", [64, 64, 28, 28]);
        let mut outputs = vec![y];
        outputs.extend(graph.vector_jacobian(y, vector, &inputs)?);
        Ok(outputs)
    }));
    let same = ConvGeometry::symmetric([3, 3], [1, 1], [1, 1]);
    let halving = ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]);
    for (from, to, side, geometry) in [
        (1, 32, 28, same),
        (32, 64, 14, same),
        (64, 64, 28, same),
        (64, 32, 28, halving),
        (3, 64, 64, same),
        (64, 64, 7, same),
    ] {
        for transposed in [false, true] {
            all.extend(convolutions(from, to, side, geometry, transposed));
        }
    }
    all.extend(passes());
    all
}

fn product([m, k, n]: [usize; 3], ending: &str, transpose: Transpose) -> Workload {
    workload(format!("M1_{m}x{k}x{n}{ending}"), move |graph| {
        let side = |turned, rows, columns| if turned { [columns, rows] } else { [rows, columns] };
        let a = graph.input("a", side(transpose.a, m, k));
        let b = graph.input("b", side(transpose.b, k, n));
        Ok(vec![ops::matmul_transposed(graph, a, b, transpose)?])
    })
}

/// A 3x3 convolution of 64 channels with a bias, and its inputs.
fn layer(graph: &mut Graph) -> Result<(NodeId, [NodeId; 3])> {
    let x = graph.input("x", [64, 64, 28, 28]);
    let (w, b) = (graph.input("w", [64, 64, 3, 3]), graph.input("b", [64]));
    let product = ops::conv2d(graph, x, w, ConvGeometry::symmetric([3, 3], [1, 1], [1, 1]))?;
    Ok((ops::bias(graph, product, b)?, [x, w, b]))
}

/// A convolution of 64 images, or a transposed one, and each of its gradients alone. The sides are
/// those of the larger image, the one that a transposed convolution makes.
fn convolutions(
    from: usize,
    to: usize,
    side: usize,
    geometry: ConvGeometry,
    transposed: bool,
) -> Vec<Workload> {
    const BATCH: usize = 64;
    let small = side / geometry.stride[0];
    let (input, output) = if transposed { (small, side) } else { (side, small) };
    let channels = if transposed { [from, to] } else { [to, from] };
    let [height, width] = geometry.kernel;
    let make = move |graph: &mut Graph| -> Result<([NodeId; 3], NodeId)> {
        let x = graph.input("x", [BATCH, from, input, input]);
        let w = graph.input("w", [channels[0], channels[1], height, width]);
        let g = graph.input("g", [BATCH, to, output, output]);
        let y = match transposed {
            true => ops::conv_transpose2d(graph, x, w, geometry, [0, 0])?,
            false => ops::conv2d(graph, x, w, geometry)?,
        };
        Ok(([x, w, g], y))
    };
    let kind = if transposed { "convT" } else { "conv" };
    let name = |part: &str| format!("{kind}_{from}x{to}_{side}_{part}");
    let gradient = move |graph: &mut Graph, target: usize| -> Result<Vec<NodeId>> {
        let (inputs, y) = make(graph)?;
        graph.vector_jacobian(y, inputs[2], &[inputs[target]])
    };
    vec![
        workload(name("forward"), move |graph| Ok(vec![make(graph)?.1])),
        workload(name("input"), move |graph| gradient(graph, 0)),
        workload(name("weight"), move |graph| gradient(graph, 1)),
    ]
}

/// Passes over memory: sums, normalisation, an optimiser step.
fn passes() -> Vec<Workload> {
    let sum = |name: &str, axes: &'static [usize]| {
        workload(name.into(), move |graph| {
            let x = graph.input("x", [2048, 2048]);
            Ok(vec![ops::reduce(graph, x, ReduceKind::Sum, axes)?])
        })
    };
    vec![
        sum("reduce_all", &[0, 1]),
        sum("reduce_rows", &[1]),
        sum("reduce_columns", &[0]),
        workload("batch_norm_forward".into(), |graph| {
            let x = graph.input("x", [64, 64, 28, 28]);
            Ok(vec![nn::batch_norm(graph, "norm", x, true)?])
        }),
        workload("batch_norm_backward".into(), |graph| {
            let x = graph.input("x", [64, 64, 28, 28]);
            let g = graph.input("g", [64, 64, 28, 28]);
            let y = nn::batch_norm(graph, "norm", x, true)?;
            graph.vector_jacobian(y, g, &[x])
        }),
        workload("adam_1M".into(), |graph| {
            let start = crate::graph::Initialiser::Constant(0.5);
            Ok(vec![graph.parameter("p", [1 << 20], start)?])
        }),
    ]
}

/// Plans the operations, or an optimiser step where there is nothing but a parameter.
pub(super) fn load(
    executor: &mut dyn Executor,
    build: &Build,
    counted: Option<&GpuTarget>,
) -> Result<Loaded> {
    let mut graph = Graph::new();
    let mut outputs = build(&mut graph)?;
    let layout = graph.layout();
    let optimiser = Optimiser::adam();
    let mut training = None;
    if let ([parameter], [_]) = (&outputs[..], graph.state()) {
        // The gradient of a sum is one everywhere.
        let loss = ops::sum_all(&mut graph, *parameter)?;
        training = Some(Training { loss, optimiser, clip_norm: None });
        outputs.clear();
    }
    let moments = if training.is_some() { optimiser.moments() } else { 0 };
    executor.set_state(&State::initial(&layout, Seed(0), moments))?;
    let outputs: Vec<_> =
        outputs.iter().map(|node| (format!("output {}", node.0), *node)).collect();
    let plan = |target: Option<&GpuTarget>, fuse| {
        let (outputs, training) = (outputs.clone(), training.clone());
        let request = PlanRequest::new(&graph, &layout, target);
        Plan::new(&PlanRequest { outputs, training, fuse, ..request })
    };
    let costs = PlanCosts::of(counted.or(executor.target()), plan)?;
    let plan = plan(executor.target(), true)?;
    let inputs = plan.inputs.clone();
    let plan = executor.add_plan(plan, None)?;
    let mut random = Philox::new(Seed(0), Stream(1));
    for (name, shape) in inputs {
        let values = (0..shape.elements()).map(|_| random.random_range(-1.0..1.0)).collect();
        executor.write_input(plan, &name, &Tensor::new(shape, values)?)?;
    }
    Ok(Loaded::of_plan(plan, costs))
}

/// A copy of `words` numbers on the device, whose input is written or whose output is read.
pub(super) fn load_transfer(
    executor: &mut dyn Executor,
    words: usize,
    upload: bool,
) -> Result<Loaded> {
    let (loaded, plan) = load_roofline(executor, words, Roofline::Copy)?;
    // The words pass once; the copy on the device is not measured.
    let mut costs = loaded.costs.clone();
    for cost in [&mut costs.fused, &mut costs.unfused] {
        (cost.bytes, cost.dispatches) = (4 * words as u64, 0);
    }
    costs.plan = None;
    Ok(match upload {
        true => Loaded::writing(plan, Tensor::zeros([words]), costs),
        false => {
            loaded.run(executor, 1)?;
            Loaded::reading(plan, costs)
        }
    })
}

fn load_roofline(
    executor: &mut dyn Executor,
    words: usize,
    kind: Roofline,
) -> Result<(Loaded, crate::graph::PlanId)> {
    let (graph, y) = roofline_graph(words, kind)?;
    load_graph(executor, &graph, y, words)
}

/// A loop that does nothing but arithmetic or copy, on input `x` of so many numbers.
///
/// # Errors
/// Never: any number of words will do.
pub(crate) fn roofline_graph(words: usize, kind: Roofline) -> Result<(Graph, NodeId)> {
    let mut graph = Graph::new();
    let x = graph.input("x", [words]);
    let y = graph.apply(Arc::new(kind), &[x])?;
    Ok((graph, y))
}

/// Kernels that have nothing to do, each after the one before.
const IDLE: usize = 256;

/// Copies of four numbers, each of the one before.
///
/// # Errors
/// Never: copies take any shape.
pub(crate) fn idle_dispatches() -> Result<(Graph, NodeId)> {
    let mut graph = Graph::new();
    let mut x = graph.input("x", [4]);
    for _ in 0..IDLE {
        x = graph.apply(Arc::new(Roofline::Copy), &[x])?;
    }
    Ok((graph, x))
}

/// The seconds that a kernel takes which does nothing but to wait for the one before it.
///
/// # Errors
/// When the device is lost.
pub(crate) fn dispatch_seconds(executor: &mut dyn Executor) -> Result<f64> {
    let (graph, y) = idle_dispatches()?;
    let (loaded, _) = load_graph(executor, &graph, y, 4)?;
    Ok(loaded.measure(executor)?.median / IDLE as f64)
}

/// A graph of one input `x` of so many numbers.
fn load_graph(
    executor: &mut dyn Executor,
    graph: &Graph,
    y: NodeId,
    words: usize,
) -> Result<(Loaded, crate::graph::PlanId)> {
    let layout = graph.layout();
    executor.set_state(&State::initial(&layout, Seed(0), 0))?;
    let plan = |target: Option<&GpuTarget>, fuse| {
        let outputs = vec![("y".into(), y)];
        Plan::new(&PlanRequest { outputs, fuse, ..PlanRequest::new(graph, &layout, target) })
    };
    let costs = PlanCosts::of(executor.target(), plan)?;
    let plan = executor.add_plan(plan(executor.target(), true)?, None)?;
    executor.write_input(plan, "x", &Tensor::full([words], 0.5))?;
    Ok((Loaded::of_plan(plan, costs), plan))
}

impl Ceilings {
    /// Multiply-adds of each chain of the loop that does nothing else.
    pub(crate) const ROUNDS: u32 = 256;

    /// Measures what a device can do at most: the copy goes over 512 MiB, which no cache holds, or as much
    /// as the device binds and has room for.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn measure(executor: &mut dyn Executor) -> Result<Self> {
        /// Numbers that are read, and as many written.
        const COPIED: usize = 64 << 20;
        const LEAST_COPIED: usize = 4 << 20;
        let bound = executor.target().map_or(u64::MAX, |target| target.max_binding_bytes);
        let copied = COPIED.min((bound / 4) as usize);
        let mut rate = |words, kind, amount: fn(&PlanCosts) -> u64| -> Result<f64> {
            let (loaded, plan) = load_roofline(executor, words, kind)?;
            let measured = loaded.measure(executor)?;
            executor.remove_plan(plan)?;
            Ok(amount(&loaded.costs) as f64 / measured.median / 1e9)
        };
        let gflops =
            rate(1 << 20, Roofline::MultiplyAdds(Self::ROUNDS), |costs| costs.fused.flops)?;
        let mut words = copied;
        let gbytes = loop {
            match rate(words, Roofline::Copy, |costs| costs.fused.bytes) {
                // Other programs may have most of its memory.
                Err(Error::Memory(_)) if words > LEAST_COPIED => words /= 2,
                measured => break measured?,
            }
        };
        Ok(Self { gflops, gbytes })
    }
}
