//! What graphs and plans promise, on their own.

use diabolo::cpu::CpuExecutor;
use diabolo::error::{Error, Result};
use diabolo::graph::{Executor, Graph, Initialiser, Plan, PlanRequest, State, Training};
use diabolo::nn;
use diabolo::ops::{
    self, Activation, AdapterKind, AdapterTraits, ConvGeometry, GpuTarget, NodeId, Optimiser,
    StepScalars,
};
use diabolo::rng::Seed;
use diabolo::tensor::Tensor;

/// Convolution, bias, rectifier; dense, bias, reshape, sigmoid; mean squared error.
fn small_model(graph: &mut Graph) -> Result<[NodeId; 2]> {
    let images = graph.input("images", [4, 1, 6, 6]);
    let geometry = ConvGeometry::symmetric([3, 3], [1, 1], [1, 1]);
    let x = nn::conv2d(graph, "conv", images, 5, geometry, Some(Activation::Relu))?;
    let x = ops::flatten(graph, x)?;
    let x = nn::dense(graph, "dense", x, 36, None)?;
    let x = ops::reshape(graph, x, [4, 1, 6, 6])?;
    let y = ops::activate(graph, x, Activation::Sigmoid)?;
    let error = ops::squared_error(graph, y, images)?;
    Ok([y, ops::mean_all(graph, error)?])
}

fn names(plan: &Plan) -> Vec<&'static str> {
    plan.steps.iter().map(|step| step.op.name()).collect()
}

#[test]
fn bias_and_activation_join_the_kernel_before_them() {
    let mut graph = Graph::new();
    let [y, _] = small_model(&mut graph).unwrap();
    let layout = graph.layout();
    let request = |fuse| {
        let outputs = vec![("y".into(), y)];
        PlanRequest { outputs, fuse, ..PlanRequest::new(&graph, &layout, None) }
    };
    assert_eq!(names(&Plan::new(&request(true)).unwrap()), ["conv2d", "matmul"]);
    let apart = ["conv2d", "bias", "activation", "matmul", "bias", "activation"];
    assert_eq!(names(&Plan::new(&request(false)).unwrap()), apart);
}

#[test]
fn a_value_that_is_asked_for_is_not_fused_away() {
    let mut graph = Graph::new();
    let x = graph.input("x", [2, 3]);
    let w = graph.input("w", [3, 4]);
    let product = ops::matmul(&mut graph, x, w).unwrap();
    let y = ops::activate(&mut graph, product, Activation::Tanh).unwrap();
    let layout = graph.layout();
    let outputs = vec![("product".into(), product), ("y".into(), y)];
    let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) });
    assert_eq!(names(&plan.unwrap()), ["matmul", "activation"]);
}

#[test]
fn an_activation_that_nobody_needs_changes_nothing_before_it() {
    let mut graph = Graph::new();
    let x = graph.input("x", [2, 3]);
    let w = graph.input("w", [3, 4]);
    let product = ops::matmul(&mut graph, x, w).unwrap();
    let detached = ops::detach(&mut graph, product).unwrap();
    ops::activate(&mut graph, detached, Activation::Sigmoid).unwrap();
    let y = ops::affine(&mut graph, detached, 2.0, 1.0).unwrap();
    let fused = graph.fuse(&[y]).unwrap();
    let [before, after] = [&graph, &fused].map(|graph| format!("{:?}", graph.node(product).kind));
    assert_eq!(before, after);
}

#[test]
fn an_activation_joins_a_product_through_a_detached_view_that_it_alone_reads() {
    for shared in [false, true] {
        let mut graph = Graph::new();
        let x = graph.input("x", [2, 3]);
        let w = graph.input("w", [3, 4]);
        let product = ops::matmul(&mut graph, x, w).unwrap();
        let detached = ops::detach(&mut graph, product).unwrap();
        let y = ops::activate(&mut graph, detached, Activation::Tanh).unwrap();
        let mut outputs = vec![("y".into(), y)];
        if shared {
            outputs.push(("product".into(), product));
        }
        let layout = graph.layout();
        let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) });
        let expected = if shared { &["matmul", "activation"][..] } else { &["matmul"] };
        assert_eq!(names(&plan.unwrap()), expected);
    }
}

#[test]
fn a_detached_value_passes_no_gradient() {
    let mut graph = Graph::new();
    let x = graph.input("x", [3]);
    let square = ops::mul(&mut graph, x, x).unwrap();
    let factor = ops::detach(&mut graph, square).unwrap();
    let product = ops::mul(&mut graph, x, factor).unwrap();
    let loss = ops::sum_all(&mut graph, product).unwrap();
    let gradient = graph.gradients(loss, &[x]).unwrap()[0];
    let layout = graph.layout();
    let outputs = vec![("gradient".into(), gradient)];
    let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) });
    let mut cpu = CpuExecutor::new();
    cpu.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
    let plan = cpu.add_plan(plan.unwrap(), None).unwrap();
    cpu.write_input(plan, "x", &Tensor::new([3], vec![1.0, -2.0, 3.0]).unwrap()).unwrap();
    cpu.run(plan, &[StepScalars::default()]).unwrap();
    // That of x times the constant x^2, not that of x^3.
    assert_eq!(cpu.read_output(plan, "gradient").unwrap().data(), [1.0, 4.0, 9.0]);
}

#[test]
fn training_memory_is_shared_and_gradients_are_written_in_place() {
    let mut graph = Graph::new();
    let [_, loss] = small_model(&mut graph).unwrap();
    let layout = graph.layout();
    let training = Some(Training { loss, optimiser: Optimiser::adam(), clip_norm: Some(1.0) });
    let plan = Plan::new(&PlanRequest { training, ..PlanRequest::new(&graph, &layout, None) });
    let plan = plan.unwrap();
    assert!(plan.memory.slots < plan.memory.unshared, "{}", plan.memory);
    let names = names(&plan);
    assert!(!names.contains(&"expand"), "no gradient is copied: {names:?}");
    assert_eq!(names[names.len() - 2..], ["global_norm", "adam"]);
    assert_eq!((plan.moments, plan.memory.moments), (2, 2 * plan.memory.gradients));
}

#[test]
fn equal_nodes_are_one_and_dead_ones_are_not_scheduled() {
    let mut graph = Graph::new();
    let x = graph.input("x", [2, 2]);
    let a = ops::affine(&mut graph, x, 2.0, 1.0).unwrap();
    assert_eq!(a, ops::affine(&mut graph, x, 2.0, 1.0).unwrap());
    ops::affine(&mut graph, x, 3.0, 1.0).unwrap();
    let layout = graph.layout();
    let outputs = vec![("a".into(), a)];
    let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) });
    assert_eq!(plan.unwrap().steps.len(), 1);
}

#[test]
fn random_nodes_are_never_shared() {
    let mut graph = Graph::new();
    let kind = ops::RandomKind::Uniform { low: 0.0, high: 1.0 };
    let first = ops::random(&mut graph, [3], kind).unwrap();
    assert_ne!(first, ops::random(&mut graph, [3], kind).unwrap());
}

#[test]
fn a_parameter_keeps_its_shape() {
    let mut graph = Graph::new();
    let first = graph.parameter("w", [2, 3], Initialiser::Constant(0.0)).unwrap();
    assert_eq!(first, graph.parameter("w", [2, 3], Initialiser::Constant(0.0)).unwrap());
    let error = graph.parameter("w", [3, 2], Initialiser::Constant(0.0)).unwrap_err();
    assert!(error.to_string().contains("`w`") && error.to_string().contains("[2, 3]"), "{error}");
}

#[test]
fn a_loss_is_one_number() {
    let mut graph = Graph::new();
    let x = graph.input("x", [2]);
    assert!(matches!(graph.gradients(x, &[x]), Err(Error::Shape { .. })));
}

#[test]
fn a_tensor_that_an_adapter_cannot_bind_is_named() {
    let mut graph = Graph::new();
    let [y, _] = small_model(&mut graph).unwrap();
    let layout = graph.layout();
    // Where sums are not cut into parts, which would be larger than any tensor here.
    let whole = GpuTarget::new(&AdapterTraits::of(AdapterKind::Software));
    let target = GpuTarget { max_binding_bytes: 1024, ..whole };
    let outputs = vec![("y".into(), y)];
    let request = PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, Some(&target)) };
    let error = Plan::new(&request).unwrap_err();
    assert!(matches!(error, Error::Memory(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("conv2d [4, 5, 6, 6]") && text.contains("1.0 KiB"), "{text}");
}

#[test]
fn dot_text_has_every_node_and_edge() {
    let mut graph = Graph::new();
    small_model(&mut graph).unwrap();
    let text = graph.to_dot();
    let edges: usize = graph.nodes().iter().map(|node| node.inputs.len()).sum();
    assert_eq!(text.matches(" -> ").count(), edges);
    assert_eq!(text.matches("[label=").count(), graph.nodes().len());
    assert!(text.contains("conv.weight\\n[5, 1, 3, 3]"), "{text}");
    assert!(text.starts_with("digraph") && text.trim_end().ends_with('}'));
}
