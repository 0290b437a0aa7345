//! An operation of one's own, whole: `cargo run --release --example own_op`.
//!
//! Soft thresholding by a threshold a channel, as codes are made sparse by it in learned iterative
//! shrinkage (Gregor and LeCun, "Learning fast approximations of sparse coding", 2010): numbers come
//! nearer to 0 by the threshold, and those within it become 0. The thresholds are learned.
//!
//! It is computed on the CPU, and where there is an adapter on that too, with its gradients; then the
//! results are compared.

use std::process::ExitCode;

use diabolo::cpu::CpuExecutor;
use diabolo::gpu::{GpuExecutor, GpuOptions};
use diabolo::ops::ReduceKind;
use diabolo::prelude::op::*;
use diabolo::prelude::*;

/// out[n, c, i] = sign(x[n, c, i]) max(|x[n, c, i]| - threshold[c], 0).
static SHRINK: Kernel = Kernel::from_wgsl(
    "shrink",
    &[
        shared::LINEAR,
        "
        override CHANNELS: u32;
        override PLANE: u32;

        struct Params { count: u32 }
        @group(0) @binding(0) var<storage, read> x: array<f32>;
        @group(0) @binding(1) var<storage, read> threshold: array<f32>;
        @group(0) @binding(2) var<storage, read_write> out: array<f32>;
        @group(1) @binding(0) var<uniform> params: Params;

        @compute @workgroup_size(64)
        fn main(me: Invocation) {
            let i = linear_index(me);
            if i < params.count {
                let t = threshold[i / PLANE % CHANNELS];
                out[i] = sign(x[i]) * max(abs(x[i]) - t, 0.0);
            }
        }
        ",
    ],
);

/// `x`, `[batch, channels, ...]`, nearer to 0 by `threshold`, `[channels]`.
///
/// # Errors
/// When `threshold` is not one number a channel.
pub fn shrink(builder: &mut dyn Builder, x: NodeId, threshold: NodeId) -> Result<NodeId> {
    builder.apply(Arc::new(Shrink), &[x, threshold])
}

/// The operation of [`shrink`].
#[derive(Clone, Copy, Debug)]
pub struct Shrink;

impl Op for Shrink {
    fn name(&self) -> &'static str {
        "shrink"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        match inputs {
            [x, threshold] if x.rank() > 1 && threshold[..] == x[1..2] => Ok((*x).clone()),
            _ => Err(Error::shape(self.name(), "needs one threshold a channel (axis 1)", inputs)),
        }
    }

    /// In x the gradient passes where the output is not 0; in the threshold it is -sign(out), summed
    /// over all axes but the channels. Both are made of operations that have gradients of their own,
    /// so second derivatives work.
    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let sign = ops::unary(builder, at.output, ops::UnaryKind::Sign)?;
        let signed = ops::mul(builder, at.gradient, sign)?;
        let by_x = ops::mul(builder, signed, sign)?;
        let by_threshold = match at.wanted[1] {
            true => {
                let rank = builder.shape(at.output).rank();
                let axes: Vec<usize> = (0..rank).filter(|axis| *axis != 1).collect();
                let sum = ops::reduce(builder, signed, ReduceKind::Sum, &axes)?;
                let shape = builder.shape(at.inputs[1]).clone();
                let sum = ops::reshape(builder, sum, shape)?;
                Some(ops::affine(builder, sum, -1.0, 0.0)?)
            }
            false => None,
        };
        Ok(vec![Some(by_x), by_threshold])
    }

    fn cpu(&self, mut call: CpuCall) {
        let (x, threshold) = (call.inputs[0], call.inputs[1]);
        let plane: usize = call.shapes.output[2..].iter().product();
        for (i, out) in call.output().iter_mut().enumerate() {
            let t = threshold[i / plane % threshold.len()];
            *out = (x[i].abs() - t).max(0.0).copysign(x[i]);
        }
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.output.elements();
        let plane: usize = shapes.output[2..].iter().product();
        let bindings = vec![Binding::Input(0), Binding::Input(1), Binding::Output(0)];
        vec![
            Dispatch::new(&SHRINK, bindings, Dispatch::linear(count, 64))
                .constant("CHANNELS", shapes.output[1] as u32)
                .constant("PLANE", plane as u32)
                .params([count as u32]),
        ]
    }
}

/// The operation's output and its gradients in both inputs, of `sum(out^2)`, on `device`.
///
/// # Errors
/// When the inputs do not fit, or the device fails.
pub fn computed(device: &mut dyn Executor, x: &Tensor, threshold: &Tensor) -> Result<[Tensor; 3]> {
    let mut graph = Graph::new();
    let inputs =
        [graph.input("x", x.shape().clone()), graph.input("threshold", threshold.shape().clone())];
    let out = shrink(&mut graph, inputs[0], inputs[1])?;
    let square = ops::mul(&mut graph, out, out)?;
    let loss = ops::sum_all(&mut graph, square)?;
    let gradients = graph.gradients(loss, &inputs)?;
    let names = ["out", "by x", "by threshold"];
    let nodes = [out, gradients[0], gradients[1]];
    let outputs = names.map(String::from).into_iter().zip(nodes).collect();
    let layout = graph.layout();
    let request = PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, device.target()) };
    let plan = Plan::new(&request)?;
    let plan = device.add_plan(plan, None)?;
    device.write_input(plan, "x", x)?;
    device.write_input(plan, "threshold", threshold)?;
    device.run(plan, &[StepScalars::default()])?;
    let mut read = |name| device.read_output(plan, name);
    Ok([read(names[0])?, read(names[1])?, read(names[2])?])
}

fn compare() -> Result<()> {
    let shape = Shape::from([3, 5, 7, 7]);
    let numbers = (0..shape.elements()).map(|i| (i as f32 * 0.7).sin()).collect();
    let x = Tensor::new(shape, numbers)?;
    let threshold = Tensor::new([5], vec![0.0, 0.1, 0.2, 0.4, 2.0])?;
    let on_cpu = computed(&mut CpuExecutor::new(), &x, &threshold)?;
    let zeros = on_cpu[0].data().iter().filter(|number| **number == 0.0).count();
    println!("{zeros} of {} numbers became 0", x.data().len());
    let mut adapter = match GpuExecutor::choose(&DeviceChoice::Gpu, GpuOptions::default()) {
        Ok(adapter) => adapter,
        Err(error) => {
            println!("not compared with a GPU: {error}");
            return Ok(());
        }
    };
    let on_gpu = computed(&mut adapter, &x, &threshold)?;
    let pairs = on_cpu.iter().zip(&on_gpu).flat_map(|(a, b)| a.data().iter().zip(b.data()));
    let differences: Vec<f32> = pairs.map(|(a, b)| (a - b).abs() / a.abs().max(1.0)).collect();
    let most = differences.iter().copied().fold(0.0, f32::max);
    println!("{} differs from the CPU by {most:e} at most", adapter.name());
    // So that a number that is none is a difference.
    match differences.iter().all(|difference| *difference < 1e-5) {
        true => Ok(()),
        false => Err(Error::Gpu("the kernel and the CPU function disagree".into())),
    }
}

fn main() -> ExitCode {
    diabolo::run::exit_code(compare())
}
