//! Plans are added and removed: what they took is given back, on both devices, and nothing else
//! changes.

#[allow(dead_code)]
mod support {
    pub mod case;
    pub mod compare;
    pub mod devices;
}

use diabolo::graph::{Initialiser, PlanId, Training};
use diabolo::inference::{self, Inference};
use diabolo::models::{Choices, Kind};
use diabolo::prelude::*;
use support::case::tensor;
use support::devices::{cpu, gpu};

fn devices() -> [Box<dyn Executor>; 2] {
    [Box::new(cpu()), Box::new(gpu())]
}

/// `y = scale * x` for `rows` rows, and the mean of `y` as a metric.
fn scaling(device: &dyn Executor, rows: usize) -> Plan {
    let mut graph = Graph::new();
    let x = graph.input("x", [rows, 64]);
    let scale = graph.parameter("scale", [64], Initialiser::Constant(2.0)).unwrap();
    let y = ops::mul(&mut graph, x, scale).unwrap();
    let mean = ops::mean_all(&mut graph, y).unwrap();
    let layout = graph.layout();
    Plan::new(&PlanRequest {
        outputs: vec![("y".into(), y)],
        metrics: vec![("mean".into(), mean)],
        ..PlanRequest::new(&graph, &layout, device.target())
    })
    .unwrap()
}

fn run(device: &mut dyn Executor, plan: PlanId, x: &Tensor) -> Result<Tensor> {
    device.write_input(plan, "x", x)?;
    device.run(plan, &[StepScalars::default()])?;
    device.read_output(plan, "y")
}

fn state(size: usize) -> State {
    let mut graph = Graph::new();
    graph.parameter("scale", [size], Initialiser::Constant(2.0)).unwrap();
    State::initial(&graph.layout(), Seed(0), 0)
}

#[test]
fn memory_returns_when_plans_are_removed() {
    for mut device in devices() {
        let device = device.as_mut();
        device.set_state(&state(64)).unwrap();
        let with_state = device.memory_held();
        assert!(with_state >= 4 * 64, "{}: {with_state}", device.name());
        let mut most = 0;
        for rows in (100..2000).step_by(100) {
            let plan = scaling(device, rows);
            let own = plan.own_bytes();
            let plan = device.add_plan(plan, None).unwrap();
            let held = device.memory_held() - with_state;
            // An executor of the CPU does not round up to vectors.
            assert!(held <= own && own - held < 128, "{}: {held} of {own}", device.name());
            let x = tensor([rows, 64], 1, -1.0, 1.0);
            let y = run(device, plan, &x).unwrap();
            assert!(y.data().iter().zip(x.data()).all(|(y, x)| *y == 2.0 * x));
            most = most.max(device.memory_held());
            device.remove_plan(plan).unwrap();
            assert_eq!(device.memory_held(), with_state, "{}", device.name());
        }
        // That of the largest plan, not of all.
        assert!(most < 4 * 64 * 2 * 2000, "{}: {most}", device.name());
    }
}

#[test]
fn a_removed_plan_is_an_error_and_its_number_is_not_given_again() {
    for mut device in devices() {
        let device = device.as_mut();
        device.set_state(&state(64)).unwrap();
        let plan = scaling(device, 3);
        let first = device.add_plan(plan.clone(), None).unwrap();
        let kept = device.add_plan(plan.clone(), None).unwrap();
        let x = tensor([3, 64], 1, -1.0, 1.0);
        let before = run(device, kept, &x).unwrap();
        device.remove_plan(first).unwrap();
        let next = device.add_plan(plan, None).unwrap();
        assert!(next != first && next != kept);
        let failed = [
            run(device, first, &x).map(drop),
            device.plan(first).map(drop),
            device.run(first, &[StepScalars::default()]),
            device.read_output(first, "y").map(drop),
            device.run_operation(first, 0, &StepScalars::default()).map(drop),
            device.remove_plan(first),
            device.remove_plan(PlanId(99)),
        ];
        for result in failed {
            let text = result.unwrap_err().to_string();
            assert!(text.contains("there is no plan"), "{}: {text}", device.name());
        }
        assert_eq!(run(device, kept, &x).unwrap(), before);
        assert_eq!(run(device, next, &x).unwrap(), before);
    }
}

#[test]
fn steps_on_their_way_end_and_their_metrics_come() {
    for mut device in devices() {
        let device = device.as_mut();
        device.set_state(&state(64)).unwrap();
        let plan = scaling(device, 512);
        let plan = device.add_plan(plan, None).unwrap();
        device.write_input(plan, "x", &Tensor::full([512, 64], 3.0)).unwrap();
        let steps = |row| StepScalars { row, ..StepScalars::default() };
        device.run(plan, &(0..200).map(steps).collect::<Vec<_>>()).unwrap();
        device.remove_plan(plan).unwrap();
        let rows = device.take_metrics(true).unwrap();
        assert_eq!(rows.len(), 200, "{}", device.name());
        let right = |row: &diabolo::graph::MetricRow| row.plan == plan && row.values == [6.0];
        assert!(rows.iter().all(right), "{}: {:?}", device.name(), rows[0]);
    }
}

/// A state of another layout is refused while plans use it, on a GPU.
#[test]
fn another_state_can_be_set_once_plans_are_gone() {
    for mut device in devices() {
        let device = device.as_mut();
        device.set_state(&state(64)).unwrap();
        let plan = scaling(device, 3);
        let plan = device.add_plan(plan, None).unwrap();
        device.remove_plan(plan).unwrap();
        device.set_state(&state(7)).unwrap();
        assert_eq!(device.state().unwrap().parameters, state(7).parameters);
    }
}

#[test]
fn training_goes_on_where_other_plans_come_and_go() {
    for mut device in devices() {
        let mut graph = Graph::new();
        let x = graph.input("x", [8, 6]);
        let y = nn::dense(&mut graph, "layer", x, 6, None).unwrap();
        let loss = nn::mean_squared_error(&mut graph, y, x).unwrap();
        let layout = graph.layout();
        let optimiser = Optimiser::adam();
        let x = tensor([8, 6], 1, -1.0, 1.0);
        let mut losses = |removing: bool| {
            device.set_state(&State::initial(&layout, Seed(1), optimiser.moments())).unwrap();
            let target = device.target().cloned();
            let request = PlanRequest::new(&graph, &layout, target.as_ref());
            let training = Some(Training { loss, optimiser, clip_norm: None });
            let metrics = vec![("loss".into(), loss)];
            let plan = Plan::new(&PlanRequest { metrics, training, ..request.clone() }).unwrap();
            let plan = device.add_plan(plan, None).unwrap();
            device.write_input(plan, "x", &x).unwrap();
            for row in 0..20 {
                let corrections = optimiser.corrections(row);
                let scalars =
                    StepScalars { row, learning_rate: 0.05, corrections, ..<_>::default() };
                device.run(plan, &[scalars]).unwrap();
                if removing {
                    let outputs = vec![("y".into(), y)];
                    let other = Plan::new(&PlanRequest { outputs, ..request.clone() }).unwrap();
                    let other = device.add_plan(other, None).unwrap();
                    run(device.as_mut(), other, &x).unwrap();
                    device.remove_plan(other).unwrap();
                }
            }
            let rows = device.take_metrics(true).unwrap();
            device.remove_plan(plan).unwrap();
            rows.into_iter().map(|row| row.values[0]).collect::<Vec<f32>>()
        };
        let (alone, among_others) = (losses(false), losses(true));
        assert!(alone.len() == 20 && alone[19] < 0.5 * alone[0], "{alone:?}");
        assert_eq!(alone, among_others);
    }
}

#[test]
fn what_a_model_is_used_for_leaves_no_plans_behind() {
    let images = diabolo::data::ImageShape { channels: 1, height: 8, width: 8 };
    let model =
        Kind::Dense.model(images, 0, &Kind::Dense.recipe(&Choices::default(), false).choices);
    let model = model.unwrap();
    let layout = inference::layout(&model).unwrap();
    for mut device in devices() {
        let device = device.as_mut();
        device.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
        let before = device.memory_held();
        for count in [1, 5, 300] {
            let mut inference = Inference::new(device, &model, &layout);
            let made = inference.reconstruct(&tensor([count, 1, 8, 8], 1, 0.0, 1.0), None).unwrap();
            assert_eq!(made.shape()[..], [count, 1, 8, 8]);
        }
        assert_eq!(device.memory_held(), before, "{}", device.name());
    }
}
