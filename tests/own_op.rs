//! Operations and kernels from outside the crate: they compute, differentiate, fuse and train like
//! the crate's own, and what is wrong with them is an error.

mod support;

#[path = "../examples/own_op.rs"]
#[allow(dead_code)]
mod example;

use diabolo::gpu::{DeviceChoice, GpuExecutor, GpuOptions, Mixed, ShaderChecks};
use diabolo::graph::Initialiser;
use diabolo::ops::ReduceKind;
use diabolo::prelude::op::*;
use diabolo::prelude::*;
use example::{Shrink, shrink};
use support::case::{Case, assert_same_on_both, distinct, tensor};
use support::devices::{cpu, gpu};

/// Shapes whose planes are one element, odd, and several rows of a matrix.
fn cases() -> Vec<Case> {
    let shapes = [vec![4, 3], vec![2, 5, 7], vec![3, 4, 5, 5], vec![1, 1, 1]];
    let case = |shape: Vec<usize>| {
        let channels = shape[1];
        // No input lies at a threshold, where there is no derivative.
        let inputs = vec![distinct(shape, 3), tensor([channels], 4, 0.031, 0.044)];
        Case::new("shrink", inputs, |graph, x| shrink(graph, x[0], x[1])).squared().twice()
    };
    shapes.into_iter().map(case).collect()
}

#[test]
fn the_gpu_computes_what_the_cpu_does_through_first_and_second_gradients() {
    let mut adapter = gpu();
    for case in cases() {
        assert_same_on_both(&case, &mut adapter);
    }
}

#[test]
fn the_gradient_is_that_of_the_formula() {
    let x = Tensor::new([1, 2, 3], vec![-2.0, 0.3, 0.8, 1.0, -0.1, -4.0]).unwrap();
    let threshold = Tensor::new([2], vec![0.5, 1.5]).unwrap();
    let results = example::computed(&mut CpuExecutor::new(), &x, &threshold).unwrap();
    // out = sign(x) max(|x| - t, 0); of the sum of squares: 2 out in x, -2 |out| in t.
    let expected: [&[f32]; 3] =
        [&[-1.5, 0.0, 0.3, 0.0, 0.0, -2.5], &[-3.0, 0.0, 0.6, 0.0, 0.0, -5.0], &[-3.6, -5.0]];
    for (expected, actual) in expected.iter().zip(&results) {
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
        assert!(expected.iter().zip(actual.data()).all(near), "{actual:?} is not {expected:?}");
    }
}

#[test]
fn thresholds_are_learned_on_both_devices_alike() {
    let mut graph = Graph::new();
    let x = graph.input("x", [8, 6]);
    let threshold = graph.parameter("threshold", [6], Initialiser::Constant(0.5)).unwrap();
    let hidden = nn::dense(&mut graph, "encoder", x, 6, None).unwrap();
    let code = shrink(&mut graph, hidden, threshold).unwrap();
    let y = nn::dense(&mut graph, "decoder", code, 6, None).unwrap();
    let error = ops::squared_error(&mut graph, y, x).unwrap();
    let loss = ops::mean_all(&mut graph, error).unwrap();
    let batch = tensor([8, 6], 1, -1.0, 1.0);
    let devices: [Box<dyn Executor>; 2] = [Box::new(cpu()), Box::new(gpu())];
    let losses = devices.map(|device| {
        let optimiser = Optimiser::adam();
        let mut fit = Minimiser::new(device, &graph, loss, optimiser, Seed(3)).unwrap();
        (0..40).for_each(|_| fit.step(&[("x", &batch)], 0.02).unwrap());
        let losses = fit.losses().unwrap();
        let learned = fit.compute(threshold, &[]).unwrap();
        assert!(learned.data().iter().any(|number| (number - 0.5).abs() > 0.05), "{learned:?}");
        losses
    });
    assert!(losses[0][39] < 0.5 * losses[0][0], "{losses:?}");
    for (a, b) in losses[0].iter().zip(&losses[1]) {
        assert!((a - b).abs() < 1e-3, "{losses:?}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let mut graph = Graph::new();
    let (x, numbers) = (graph.input("x", [2, 3]), graph.input("numbers", [2]));
    let text = shrink(&mut graph, x, numbers).unwrap_err().to_string();
    assert!(text.contains("one threshold a channel") && text.contains("[2, 3]"), "{text}");
    let many = vec![x; 8];
    let text = graph.apply(Arc::new(Shrink), &many).unwrap_err().to_string();
    assert!(text.contains("at most 7 inputs"), "{text}");
}

/// An operation that is as wrong as its fields say.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    kernel: &'static Kernel,
    gradients: usize,
}

impl Op for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let sum = ops::reduce(builder, at.gradient, ReduceKind::Sum, &[0])?;
        let wide = ops::concat(builder, &[sum, sum, sum], 0)?;
        Ok(vec![Some(wide); self.gradients])
    }

    fn cpu(&self, mut call: CpuCall) {
        call.output().fill(1.0);
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let workgroups = Dispatch::linear(shapes.output.elements(), 64);
        vec![Dispatch::new(self.kernel, vec![Binding::Input(0), Binding::Output(0)], workgroups)]
    }
}

/// What the adapter says of `graph`'s `node`.
fn run(device: &mut GpuExecutor, graph: &Graph, node: NodeId, x: &Tensor) -> Result<Tensor> {
    let layout = graph.layout();
    let outputs = vec![("out".into(), node)];
    let request = PlanRequest { outputs, ..PlanRequest::new(graph, &layout, device.target()) };
    let plan = device.add_plan(Plan::new(&request)?, None)?;
    device.write_input(plan, "x", x)?;
    device.run(plan, &[StepScalars::default()])?;
    device.read_output(plan, "out")
}

fn applied(graph: &mut Graph, kernel: &'static Kernel, gradients: usize) -> NodeId {
    let x = graph.input("x", [2, 3]);
    graph.apply(Arc::new(Wrong { kernel, gradients }), &[x]).unwrap()
}

#[test]
fn gradients_that_do_not_fit_are_errors() {
    static NONE: Kernel = Kernel::from_wgsl("none", &[""]);
    for (gradients, expected) in [(2, "gives 2 gradients"), (1, "does not fit its input")] {
        let mut graph = Graph::new();
        let node = applied(&mut graph, &NONE, gradients);
        let x = graph.input("x", [2, 3]);
        let loss = ops::sum_all(&mut graph, node).unwrap();
        let text = graph.gradients(loss, &[x]).unwrap_err().to_string();
        assert!(text.contains("wrong") && text.contains(expected), "{text}");
    }
}

#[test]
fn kernels_that_are_no_wgsl_or_take_a_name_are_errors() {
    static BROKEN: Kernel = Kernel::from_wgsl("broken", &[shared::LINEAR, "fn main( {"]);
    static ASKING: Kernel = Kernel::from_wgsl("asking", &["// needs: linear, linnear\n"]);
    static BIAS: Kernel = Kernel::from_wgsl("bias", &[shared::LINEAR, "// Not the crate's."]);
    let mut device = gpu();
    let x = Tensor::zeros([2, 3]);
    for (kernel, expected) in [(&BROKEN, "kernel broken"), (&ASKING, "it needs `linnear`")] {
        let mut graph = Graph::new();
        let node = applied(&mut graph, kernel, 1);
        let text = run(&mut device, &graph, node, &x).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }

    let mut graph = Graph::new();
    let input = graph.input("x", [2, 3]);
    let numbers = graph.constant(Tensor::zeros([3]));
    let biased = ops::bias(&mut graph, input, numbers).unwrap();
    let wrong = Wrong { kernel: &BIAS, gradients: 1 };
    let node = graph.apply(Arc::new(wrong), &[biased]).unwrap();
    let text = run(&mut device, &graph, node, &x).unwrap_err().to_string();
    assert!(text.contains("kernel bias") && text.contains("another kernel"), "{text}");
}

/// Two operations of one text are one node only if they are of one type.
#[test]
fn operations_of_equal_text_and_other_types_are_nodes_of_their_own() {
    #[derive(Clone, Copy)]
    struct Namesake;

    impl std::fmt::Debug for Namesake {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "Shrink")
        }
    }

    impl Op for Namesake {
        fn name(&self) -> &'static str {
            "namesake"
        }

        fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
            Ok(inputs[0].clone())
        }

        fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
            Ok(vec![None, None])
        }

        fn cpu(&self, _: CpuCall) {}

        fn gpu(&self, _: &Shapes, _: &GpuTarget) -> Vec<Dispatch> {
            vec![]
        }
    }

    let mut graph = Graph::new();
    let inputs = [graph.input("x", [2, 3]), graph.input("threshold", [3])];
    let own = shrink(&mut graph, inputs[0], inputs[1]).unwrap();
    assert_ne!(graph.apply(Arc::new(Namesake), &inputs).unwrap(), own);
    assert_eq!(graph.apply(Arc::new(Shrink), &inputs).unwrap(), own);
}

/// Where this crate's kernels run without checks, those from outside are checked all the same: a
/// division by zero gives what WGSL says, not what the adapter makes of it.
#[test]
fn kernels_from_outside_are_checked_where_others_are_trusted() {
    static ASTRAY: Kernel = Kernel::from_wgsl(
        "astray",
        &[
            shared::LINEAR,
            "
            @group(0) @binding(0) var<storage, read> x: array<u32>;
            @group(0) @binding(1) var<storage, read_write> out: array<f32>;
            @compute @workgroup_size(64) fn main(me: Invocation) {
                let i = linear_index(me);
                if i < 6u { out[i] = f32(7u / x[i]); }
            }
            ",
        ],
    );
    let name = std::env::var(support::devices::ADAPTER).unwrap_or_else(|_| "gpu".into());
    let choice: DeviceChoice = name.parse().unwrap();
    let options = GpuOptions {
        checks: ShaderChecks::Trusted,
        target: None,
        mixed: Mixed::Stored,
        cache: None,
        tuning: None,
    };
    let mut device = GpuExecutor::choose(&choice, options).unwrap();
    let mut graph = Graph::new();
    let node = applied(&mut graph, &ASTRAY, 1);
    // Zeros, of which WGSL says that 7 / 0 is 7.
    let out = run(&mut device, &graph, node, &Tensor::zeros([2, 3])).unwrap();
    assert_eq!(out.data(), [7.0; 6]);
}
