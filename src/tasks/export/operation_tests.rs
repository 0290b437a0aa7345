//! Every operation that has a counterpart, against ONNX Runtime: also those that no model's inference
//! has today.

use std::fs;
use std::process::Command;

use prost::Message;

use super::file::file;
use super::place::BATCHES;
use super::translation::{Pair, translate};
use crate::cpu::CpuExecutor;
use crate::error::{Error, Result};
use crate::file::npy;
use crate::graph::{Executor, Graph, Plan, PlanRequest, State};
use crate::ops::{
    self, Activation, Builder, ConvGeometry, NodeId, ReduceKind, StepScalars, Transpose, UnaryKind,
    Upsampling,
};
use crate::rng::Seed;
use crate::shape::Shape;
use crate::tensor::Tensor;

type Outputs = Vec<(&'static str, NodeId)>;

fn activations(graph: &mut Graph, x: NodeId) -> Result<Outputs> {
    [
        ("relu", Activation::Relu),
        ("leaky_relu", Activation::LeakyRelu(0.2)),
        ("sigmoid", Activation::Sigmoid),
        ("tanh", Activation::Tanh),
        ("softplus", Activation::Softplus),
        ("gelu", Activation::Gelu),
        ("silu", Activation::Silu),
    ]
    .into_iter()
    .map(|(name, activation)| Ok((name, ops::activate(graph, x, activation)?)))
    .collect()
}

fn functions(graph: &mut Graph, x: NodeId) -> Result<Outputs> {
    let positive = ops::unary(graph, x, UnaryKind::Square)?;
    let positive = ops::affine(graph, positive, 2.0, 0.5)?;
    [
        ("affine", x, UnaryKind::Affine { scale: -2.0, offset: 0.0 }),
        ("square", x, UnaryKind::Square),
        ("exp", x, UnaryKind::Exp),
        ("abs", x, UnaryKind::Abs),
        ("sign", x, UnaryKind::Sign),
        ("sin", x, UnaryKind::Sin),
        ("cos", x, UnaryKind::Cos),
        ("floor", x, UnaryKind::Floor),
        ("clamp", x, UnaryKind::Clamp { low: -0.5, high: 1.0 }),
        ("within", x, UnaryKind::Within { low: -0.5, high: 1.0 }),
        ("log", positive, UnaryKind::Log),
        ("sqrt", positive, UnaryKind::Sqrt),
        ("reciprocal", positive, UnaryKind::Reciprocal),
        ("power", positive, UnaryKind::Power { exponent: 1.3 }),
    ]
    .into_iter()
    .map(|(name, x, kind)| Ok((name, ops::unary(graph, x, kind)?)))
    .collect()
}

fn pairs(graph: &mut Graph, x: NodeId) -> Result<Outputs> {
    let y = ops::unary(graph, x, UnaryKind::Sin)?;
    let rounded = [x, y].map(|x| ops::unary(graph, x, UnaryKind::Floor));
    let [a, b] = rounded;
    let (a, b) = (a?, b?);
    let target = ops::activate(graph, y, Activation::Sigmoid)?;
    let row = graph.constant(Tensor::new([1, 2, 1, 1], vec![0.5, -2.0])?);
    Ok(vec![
        ("add", ops::add(graph, x, row)?),
        ("sub", ops::sub(graph, x, y)?),
        ("mul", ops::mul(graph, row, x)?),
        ("div", ops::div(graph, x, target)?),
        ("maximum", ops::maximum(graph, x, y)?),
        ("minimum", ops::minimum(graph, x, y)?),
        ("greater_equal", ops::greater_equal(graph, a, b)?),
        ("equal", ops::equal(graph, a, b)?),
        ("squared_error", ops::squared_error(graph, x, y)?),
        ("binary_cross_entropy", ops::binary_cross_entropy(graph, x, target)?),
    ])
}

fn windows(graph: &mut Graph, x: NodeId) -> Result<Outputs> {
    let geometry =
        |kernel, padding| ConvGeometry { kernel, stride: [2, 1], padding, dilation: [1, 1] };
    let uneven = geometry([2, 3], [[1, 0], [2, 1]]);
    let number = |index: usize| (index as f32 * 0.7).sin();
    let mut weight = |shape: [usize; 4]| {
        let count = shape.iter().product();
        Ok(graph.constant(Tensor::new(shape, (0..count).map(number).collect())?))
    };
    let (conv, wide) = (weight([3, 2, 2, 3])?, weight([2, 3, 2, 3])?);
    let pooled = geometry([2, 2], [[1, 1], [0, 1]]);
    let dilated = geometry([2, 3], [[1, 1], [2, 2]]).dilated([2, 2]);
    Ok(vec![
        ("conv2d", ops::conv2d(graph, x, conv, uneven)?),
        ("conv2d_dilated", ops::conv2d(graph, x, conv, dilated)?),
        ("conv_transpose2d", ops::conv_transpose2d(graph, x, wide, uneven, [1, 0])?),
        ("conv_transpose2d_dilated", ops::conv_transpose2d(graph, x, wide, dilated, [0, 0])?),
        ("max_pool2d", ops::max_pool2d(graph, x, pooled)?),
        ("avg_pool2d", ops::avg_pool2d(graph, x, pooled)?),
        ("nearest", ops::upsample2d(graph, x, [12, 12], Upsampling::Nearest)?),
        ("bilinear", ops::upsample2d(graph, x, [12, 12], Upsampling::Bilinear)?),
    ])
}

fn rows(graph: &mut Graph, x: NodeId) -> Result<Outputs> {
    let flat = ops::flatten(graph, x)?;
    // Whole numbers, some of them below 0 or no class.
    let index = ops::affine(graph, x, 1.5, 0.0)?;
    let index = ops::unary(graph, index, UnaryKind::Floor)?;
    let half = ops::affine(graph, index, 0.5, 0.0)?;
    let table = (0..15).map(|index| (index as f32).cos()).collect();
    let table = graph.constant(Tensor::new([5, 3], table)?);
    let all = graph.shape(index).elements();
    let numbers = ops::reshape(graph, index, [all])?;
    let chosen = ops::gather(graph, table, numbers)?;
    let batch = graph.shape(x)[0];
    Ok(vec![
        ("argmin", ops::argmin(graph, x)?),
        ("argmax", ops::argmax(graph, x)?),
        ("softmax", ops::softmax(graph, x)?),
        ("log_softmax", ops::log_softmax(graph, x)?),
        ("log_sum_exp", ops::log_sum_exp(graph, x)?),
        ("one_hot", ops::one_hot(graph, half, 2)?),
        ("gather", ops::reshape(graph, chosen, [batch, all / batch, 3])?),
        ("top_k", ops::top_k_mask(graph, flat, 5)?),
        // Many are equal.
        ("top_k_of_equals", ops::top_k_mask(graph, index, 4)?),
        ("top_k_of_all", ops::top_k_mask(graph, x, 100)?),
        ("sum", ops::reduce(graph, x, ReduceKind::Sum, &[1, 3])?),
        ("mean", ops::reduce(graph, x, ReduceKind::Mean, &[2])?),
        ("max", ops::reduce(graph, x, ReduceKind::Max, &[1, 2, 3])?),
    ])
}

fn shapes(graph: &mut Graph, x: NodeId) -> Result<Outputs> {
    let shape = graph.shape(x).clone();
    let batch = shape[0];
    let column = ops::slice_axis(graph, x, 3, 2..3)?;
    let stacked = ops::reshape(graph, x, [2 * batch, 4, 6])?;
    let square = ops::matmul_transposed(graph, stacked, stacked, Transpose { a: false, b: true })?;
    let outer = ops::matmul_transposed(graph, stacked, stacked, Transpose { a: true, b: false })?;
    let detached = ops::detach(graph, x)?;
    let numbers = ["scale", "shift", "mean", "deviation"].map(|name| {
        let start = crate::graph::Initialiser::Uniform { bound: 1.0 };
        graph.buffer(name, [2], start)
    });
    let [scale, shift, mean, deviation] = numbers;
    let (scale, shift, mean) = (scale?, shift?, mean?);
    let variance = ops::unary(graph, deviation?, UnaryKind::Square)?;
    let moments = [mean, variance];
    Ok(vec![
        ("permute", ops::permute(graph, x, &[0, 3, 1, 2])?),
        ("concat", ops::concat(graph, &[x, column], 3)?),
        ("pad", ops::pad(graph, x, &[0, 1, 0, 2], &[0, 0, 3, 1], 0.25)?),
        ("slice", ops::slice(graph, x, &[0, 1, 0, 2], &[batch, 2, 3, 5])?),
        ("expand", ops::expand(graph, column, &shape)?),
        ("detach", ops::unary(graph, detached, UnaryKind::Sin)?),
        ("products", ops::reshape(graph, square, [batch, 2, 4, 4])?),
        ("turned_products", ops::reshape(graph, outer, [batch, 2, 6, 6])?),
        ("bias", ops::bias(graph, x, shift)?),
        ("normalise", ops::normalise(graph, x, moments, scale, shift, 1e-5)?),
    ])
}

/// Writes `operations.onnx` into `folder`, and beside it what the CPU executor makes of some images.
fn write(folder: &std::path::Path, build: fn(&mut Graph, NodeId) -> Result<Outputs>) -> Result<()> {
    let make = |batch: usize| {
        let mut graph = Graph::new();
        let x = graph.input("images", [batch, 2, 4, 6]);
        let outputs = build(&mut graph, x)?;
        Ok::<_, Error>((graph, outputs))
    };
    const COUNT: usize = 7;
    let [(first, outputs), (second, _)] = [make(BATCHES[0])?, make(BATCHES[1])?];
    let layout = first.layout();
    let state = State::initial(&layout, Seed(3), 0);
    let graph = translate("operations", &Pair::new([&first, &second])?, &outputs, &state)?;
    fs::write(folder.join("operations.onnx"), file(graph, vec![]).encode_to_vec())
        .expect("writable");

    let (graph, outputs) = make(COUNT)?;
    let named = outputs.iter().map(|(name, node)| ((*name).into(), *node)).collect();
    let plan =
        PlanRequest { outputs: named, fuse: false, ..PlanRequest::new(&graph, &layout, None) };
    let mut executor = CpuExecutor::new();
    executor.set_state(&state)?;
    let plan = executor.add_plan(Plan::new(&plan)?, None)?;
    let shape = Shape::from([COUNT, 2, 4, 6]);
    let numbers = (0..shape.elements()).map(|index| 2.3 * (index as f32 * 1.7).sin()).collect();
    let images = Tensor::new(shape, numbers)?;
    executor.write_input(plan, "images", &images)?;
    executor.run(plan, &[StepScalars::default()])?;
    npy::write(&folder.join("images.npy"), &images)?;
    for (name, _) in outputs {
        npy::write(&folder.join(format!("{name}.npy")), &executor.read_output(plan, name)?)?;
    }
    Ok(())
}

#[test]
fn operations_compute_the_same_in_onnx_runtime() {
    let python = std::env::var("DIABOLO_TEST_PYTHON").expect(
        "DIABOLO_TEST_PYTHON names a Python with the packages of tests/onnx/requirements.txt; \
         tests/run installs one",
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(python);
    command.args(["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/onnx/compare.py")]);
    for (name, build) in [
        ("activations", activations as fn(&mut Graph, NodeId) -> Result<Outputs>),
        ("functions", functions),
        ("pairs", pairs),
        ("windows", windows),
        ("rows", rows),
        ("shapes", shapes),
    ] {
        let folder = folder.path().join(name);
        fs::create_dir(&folder).expect("writable");
        write(&folder, build).unwrap_or_else(|error| panic!("{name}: {error}"));
        command.arg(folder);
    }
    let output = command.output().expect("Python starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(printed.lines().count(), 6, "{printed}");
}
