//! Parameters that follow where their gradients are computed: which ones do, and that they go where an
//! optimiser of its own would take them.

mod support;

use diabolo::graph::{Graph, Initialiser, Plan, PlanRequest, State, Training, find_not_finite};
use diabolo::ops::{self, AdapterKind, AdapterTraits, GpuTarget, NodeId, Optimiser, StepScalars};
use diabolo::rng::Seed;
use diabolo::tensor::Tensor;
use support::case::tensor;
use support::compare::assert_near;
use support::devices::{Device, cpu, gpu_as};
use support::models::{dense_of, sizes};

const ADAM: Optimiser =
    Optimiser::Adam { beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weight_decay: 0.05 };

fn plan(graph: &Graph, loss: NodeId, change: impl FnOnce(&mut PlanRequest)) -> Plan {
    plan_for(Some(&GpuTarget::default()), graph, loss, change)
}

fn plan_for(
    target: Option<&GpuTarget>,
    graph: &Graph,
    loss: NodeId,
    change: impl FnOnce(&mut PlanRequest),
) -> Plan {
    let layout = graph.layout();
    let training = Some(Training { loss, optimiser: ADAM, clip_norm: None });
    let mut request = PlanRequest { training, ..PlanRequest::new(graph, &layout, target) };
    change(&mut request);
    Plan::new(&request).unwrap()
}

/// How many operations update parameters besides computing their gradients, and whether any are left
/// to the optimiser.
fn updates(plan: &Plan) -> (usize, bool) {
    let names = || plan.steps.iter().map(|step| step.op.name());
    (names().filter(|name| *name == "matmul_update").count(), names().any(|name| name == "adam"))
}

#[test]
fn all_parameters_of_dense_layers_follow_where_their_gradients_are() {
    let mut graph = Graph::new();
    let loss = dense_of(&mut graph, [32, 12, 8], true);
    let fused = plan(&graph, loss, |_| ());
    let apart = plan(&graph, loss, |request| request.fuse = false);
    assert_eq!([updates(&fused), updates(&apart)], [(2, false), (0, true)]);
    // Nor do gradients take memory.
    let parameters = apart.memory.moments / 2;
    assert_eq!([fused.memory.gradients, apart.memory.gradients], [0, parameters]);
}

#[test]
fn without_a_gpu_the_optimiser_passes_over_all() {
    let mut graph = Graph::new();
    let loss = dense_of(&mut graph, [32, 12, 8], true);
    assert_eq!(updates(&plan_for(None, &graph, loss, |_| ())), (0, true));
    let software = GpuTarget::new(&AdapterTraits::of(AdapterKind::Software));
    assert_eq!(updates(&plan_for(Some(&software), &graph, loss, |_| ())), (0, true));
}

#[test]
fn gradients_that_are_needed_themselves_are_given() {
    let mut graph = Graph::new();
    let loss = dense_of(&mut graph, [32, 12, 8], true);
    let clipped = |request: &mut PlanRequest| {
        request.training.as_mut().unwrap().clip_norm = Some(1.0);
    };
    assert_eq!(updates(&plan(&graph, loss, clipped)), (0, true));
    let descent = |request: &mut PlanRequest| {
        request.training.as_mut().unwrap().optimiser = Optimiser::Sgd { momentum: 0.9 };
    };
    assert_eq!(updates(&plan(&graph, loss, descent)).0, 0);
    // A gradient of two parts: their sum is no product.
    let weight = graph.parameter("encoder.weight", [8, 12], Initialiser::Constant(0.0)).unwrap();
    let square = ops::mul(&mut graph, weight, weight).unwrap();
    let decay = ops::mean_all(&mut graph, square).unwrap();
    let loss = ops::add(&mut graph, loss, decay).unwrap();
    let (products, optimiser) = updates(&plan(&graph, loss, |_| ()));
    assert!(products < 2 && optimiser, "{products}");
}

/// A gradient that reads a weight after the weight's own gradient is known has to find the old one.
#[test]
fn parameters_are_updated_after_all_who_read_them() {
    let mut graph = Graph::new();
    let start = Initialiser::Uniform { bound: 1.0 };
    let x = graph.input("x", [5, 7]);
    let weight = graph.parameter("weight", [7, 3], start.clone()).unwrap();
    let other = graph.parameter("other", [4, 7], start).unwrap();
    let fixed = ops::detach(&mut graph, weight).unwrap();
    let early = ops::matmul(&mut graph, other, fixed).unwrap();
    let late = ops::matmul(&mut graph, x, weight).unwrap();
    let squares = [early, late].map(|node| {
        let square = ops::mul(&mut graph, node, node).unwrap();
        ops::mean_all(&mut graph, square).unwrap()
    });
    let loss = ops::add(&mut graph, squares[0], squares[1]).unwrap();
    let [fused, apart] =
        [true, false].map(|fuse| plan(&graph, loss, |request| request.fuse = fuse));
    assert_eq!(updates(&fused), (1, true));
    let x = tensor([5, 7], 1, -1.0, 1.0);
    let devices: [&mut dyn Device; 2] = [&mut cpu(), &mut gpu_as(AdapterKind::Discrete)];
    for device in devices {
        let expected = trained(device, apart.clone(), &x);
        assert_near(&expected, &trained(device, fused.clone(), &x), 1e-5);
    }
}

/// The state after three steps of `plan`.
fn trained(device: &mut dyn Device, plan: Plan, x: &Tensor) -> State {
    let layout = plan.layout.clone();
    device.set_state(&State::initial(&layout, Seed(4), ADAM.moments())).unwrap();
    let plan = device.add_plan(plan, None).unwrap();
    device.write_input(plan, "x", x).unwrap();
    device.poison_memory(plan).unwrap();
    for step in 0..3 {
        let corrections = ADAM.corrections(step);
        let scalars = StepScalars { step, learning_rate: 0.05, corrections, ..<_>::default() };
        device.run(plan, &[scalars]).unwrap();
    }
    device.remove_plan(plan).unwrap();
    device.state().unwrap()
}

#[test]
fn parameters_go_where_an_optimiser_takes_them() {
    // On one without memory of its own, large tiles are enough sooner.
    let kinds = [AdapterKind::Discrete, AdapterKind::Integrated];
    let mut gpus = kinds.map(|kind| (kind, gpu_as(kind)));
    for (sizes, biased) in sizes() {
        let mut graph = Graph::new();
        let loss = dense_of(&mut graph, sizes, biased);
        let x = tensor([sizes[0], sizes[1]], 1, -1.0, 1.0);
        for (kind, gpu) in &mut gpus {
            let target = GpuTarget::new(&AdapterTraits::of(*kind));
            let [fused, apart] = [true, false]
                .map(|fuse| plan_for(Some(&target), &graph, loss, |request| request.fuse = fuse));
            assert_eq!([updates(&fused), updates(&apart)], [(2, false), (0, true)]);
            // Biases have their gradients from sums in another order.
            let devices: [&mut dyn Device; 2] = [&mut cpu(), gpu];
            for device in devices {
                println!("{sizes:?}, biases: {biased}, {kind:?} on {}", device.name());
                let expected = trained(device, apart.clone(), &x);
                assert_near(&expected, &trained(device, fused.clone(), &x), 1e-5);
            }
        }
    }
}

#[test]
fn an_update_that_gives_no_number_is_found_with_its_parameter() {
    let mut graph = Graph::new();
    let loss = dense_of(&mut graph, [5, 7, 3], true);
    let fused = plan(&graph, loss, |_| ());
    let devices: [&mut dyn Device; 2] = [&mut cpu(), &mut gpu_as(AdapterKind::Discrete)];
    for device in devices {
        device.set_state(&State::initial(&fused.layout, Seed(4), ADAM.moments())).unwrap();
        let plan = device.add_plan(fused.clone(), None).unwrap();
        device.write_input(plan, "x", &tensor([5, 7], 1, -1.0, 1.0)).unwrap();
        let corrections = ADAM.corrections(0);
        let rate = StepScalars { learning_rate: f32::INFINITY, corrections, ..<_>::default() };
        let found = find_not_finite(device, plan, &rate).unwrap().expect("an infinite rate");
        assert_eq!(found.op, "matmul_update", "{found}");
        assert_eq!(found.parameter.as_deref(), Some("decoder.weight"), "{found}");
    }
}
