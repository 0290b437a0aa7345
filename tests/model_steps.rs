//! Training steps of whole models: both devices agree, fusion changes nothing, the same seed gives
//! the same bits, and a run that was cut in two ends where the whole one does.

mod support;

use diabolo::graph::{
    Executor, Graph, Initialiser, Plan, PlanRequest, Role, Stage, State, Training,
};
use diabolo::models::Kind;
use diabolo::ops::{self, AdapterKind, Optimiser, StepScalars};
use diabolo::rng::Seed;
use diabolo::tensor::Tensor;
use support::compare::{assert_near, norm};
use support::devices::{Device, cpu, gpu, gpu_as, trusted_gpu_as};
use support::models::{Setup, Trained, conv, dense, variant, variants};

fn new_devices() -> [Box<dyn Device>; 2] {
    [Box::new(cpu()), Box::new(gpu())]
}

fn assert_same_bits(a: &Trained, b: &Trained, what: &str) {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&a.losses), bits(&b.losses), "losses, {what}");
    for ((name, _, first), (_, _, second)) in a.state.tensors().zip(b.state.tensors()) {
        assert_eq!(bits(first), bits(second), "{name}, {what}");
    }
    assert_eq!(a.state.moments, b.state.moments, "moments, {what}");
}

fn devices_agree(setup: &Setup) {
    agrees_with_the_processor(setup, &mut gpu());
}

fn agrees_with_the_processor(setup: &Setup, device: &mut dyn Device) {
    let start = setup.start(Seed(3));
    let on_cpu = setup.train(&mut cpu(), &start, 0..20);
    let on_gpu = setup.train(device, &start, 0..20);
    for (step, (a, b)) in on_cpu.losses.iter().zip(&on_gpu.losses).enumerate() {
        assert!((a - b).abs() <= 1e-4 * a.abs(), "loss of step {step}: {b} on the GPU, {a} else");
    }
    assert_eq!((on_cpu.losses.len(), on_gpu.losses.len()), (20, 20));
    assert_near(&on_cpu.state, &on_gpu.state, 1e-3);
    let moved = norm(start.parameters.iter().zip(&on_cpu.state.parameters).map(|(a, b)| a - b));
    assert!(moved > 0.1, "training moved parameters by {moved} only");
}

#[test]
fn twenty_dense_steps_agree_on_both_devices() {
    devices_agree(&dense());
}

#[test]
fn twenty_convolutional_steps_agree_on_both_devices() {
    devices_agree(&conv());
}

/// With the plans and kernels of a large GPU.
#[test]
fn twenty_steps_agree_as_a_real_gpu_takes_them() {
    let unclipped = Setup { clip_norm: None, ..conv() };
    let variational = variant(Kind::Vae, "--arch dense:24 --latent 6");
    let conditional = variant(Kind::Cvae, "--arch dense:12 --latent 6");
    for setup in [dense(), unclipped, variational, conditional] {
        agrees_with_the_processor(&setup, &mut gpu_as(AdapterKind::Discrete));
    }
    // And without checks, as users run them.
    for setup in [dense(), conv()] {
        agrees_with_the_processor(&setup, &mut trusted_gpu_as(AdapterKind::Discrete));
    }
}

#[test]
fn twenty_steps_of_every_variant_agree_on_both_devices() {
    for (name, setup) in variants() {
        println!("{name}");
        devices_agree(&setup);
    }
}

#[test]
fn fusion_changes_nothing_in_any_variant() {
    for (name, fused) in variants() {
        println!("{name}");
        let apart = Setup { fuse: false, ..fused.clone() };
        let start = fused.start(Seed(6));
        let a = fused.train(&mut cpu(), &start, 0..5);
        let b = apart.train(&mut cpu(), &start, 0..5);
        assert_near(&a.state, &b.state, 1e-4);
    }
}

fn loss_falls(setup: &Setup) {
    for mut device in new_devices() {
        let trained = setup.train(device.as_mut(), &setup.start(Seed(1)), 0..120);
        let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
        let (first, last) = (mean(&trained.losses[..5]), mean(&trained.losses[115..]));
        assert!(last < 0.75 * first, "{}: from {first} to {last} only", device.name());
    }
}

#[test]
fn dense_loss_falls_on_real_digits() {
    loss_falls(&dense());
}

#[test]
fn convolutional_loss_falls_on_real_digits() {
    loss_falls(&conv());
}

#[test]
fn fusion_changes_nothing() {
    for fused in [dense(), conv()] {
        let apart = Setup { fuse: false, ..fused.clone() };
        let start = fused.start(Seed(5));
        for (mut first, mut second) in new_devices().into_iter().zip(new_devices()) {
            let a = fused.train(first.as_mut(), &start, 0..5);
            let b = apart.train(second.as_mut(), &start, 0..5);
            assert_near(&a.state, &b.state, 1e-4);
        }
    }
}

#[test]
fn a_run_cut_in_two_ends_where_the_whole_one_does() {
    for setup in [dense(), conv()] {
        let start = setup.start(Seed(7));
        for whole_device in 0..2 {
            let device = || new_devices().into_iter().nth(whole_device).expect("there are two");
            let whole = setup.train(device().as_mut(), &start, 0..10);
            let half = setup.train(device().as_mut(), &start, 0..4);
            let mut rest = setup.train(device().as_mut(), &half.state, 4..10);
            rest.losses.splice(0..0, half.losses);
            assert_same_bits(&whole, &rest, &device().name());
        }
    }
}

#[test]
fn one_seed_gives_the_same_bits_twice_and_another_does_not() {
    for setup in [dense(), conv()] {
        for (mut first, mut second) in new_devices().into_iter().zip(new_devices()) {
            let a = setup.train(first.as_mut(), &setup.start(Seed(11)), 0..6);
            let b = setup.train(second.as_mut(), &setup.start(Seed(11)), 0..6);
            assert_same_bits(&a, &b, &first.name());
        }
        let words = setup.start(Seed(11)).layout.words(Role::Parameter);
        let other = setup.start(Seed(12));
        assert_eq!(other.parameters.len(), words);
        assert_ne!(setup.start(Seed(11)).parameters, other.parameters);
    }
}

#[test]
fn steps_in_one_call_are_steps_one_by_one() {
    let setup = conv();
    let start = setup.start(Seed(13));
    for (mut first, mut second) in new_devices().into_iter().zip(new_devices()) {
        let together = setup.train_in_calls(first.as_mut(), &start, std::iter::once(0..9));
        let single = (0..9).map(|step| step..step + 1);
        let apart = setup.train_in_calls(second.as_mut(), &start, single);
        let (together, apart) = (together.expect("steps run"), apart.expect("steps run"));
        assert_same_bits(&together, &apart, &first.name());
    }
}

/// What a stack of sums comes to on a device, piece by piece.
fn summed(executor: &mut dyn Executor, shards: &[Vec<f32>], shares: &[f32]) -> Vec<u32> {
    let words = shards[0].len();
    let mut graph = Graph::new();
    let x = graph.input("x", [words]);
    let w = graph.parameter("w", [words], Initialiser::Constant(1.0)).unwrap();
    let product = ops::mul(&mut graph, w, x).unwrap();
    let loss = ops::sum_all(&mut graph, product).unwrap();
    let layout = graph.layout();
    executor.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
    let training = Training { loss, optimiser: Optimiser::adam(), clip_norm: None };
    let plan = Plan::new(&PlanRequest {
        training: Some(training),
        stage: Stage::Gradients,
        metrics: vec![("loss".into(), loss)],
        ..PlanRequest::new(&graph, &layout, executor.target())
    });
    let plan = executor.add_plan(plan.unwrap(), None).unwrap();
    let operations = executor.plan(plan).unwrap().steps.len();
    for (number, (shard, share)) in shards.iter().zip(shares).enumerate() {
        executor.write_input(plan, "x", &Tensor::new([words], shard.clone()).unwrap()).unwrap();
        let scalars = StepScalars { corrections: [0.0, 0.0, *share, 0.0], ..Default::default() };
        // In parts, which is a step.
        for part in [0..1, 1..1, 1..operations] {
            executor.run_part(plan, &scalars, part).unwrap();
        }
        let sum = Plan::sum(&layout, 0..words, number, if number == 2 { 2 } else { 0 });
        let sum = executor.add_plan(sum, None).unwrap();
        executor.run(sum, &[scalars]).unwrap();
    }
    assert_eq!(executor.take_metrics(true).unwrap().len(), shards.len());
    let pieces = [0..64, 64..words].map(|piece| executor.send_sum(0, piece).unwrap());
    assert!(executor.send_sum(3, 0..1).is_err(), "there is no such sum");
    executor.wait().unwrap();
    let numbers = pieces.map(|piece| {
        assert!(piece.has_arrived().unwrap());
        piece.take().unwrap()
    });
    numbers.concat().iter().map(|number| number.to_bits()).collect()
}

#[test]
fn sums_of_gradients_are_the_processors_to_the_bit() {
    // Among them numbers that are lost by rounding, and such that some devices do not keep.
    let number = |shard: usize, at: usize| {
        let size = [1.0, 3e-39, 7e-38, 2e9, -1e-38][(at + shard) % 5];
        size * (1.0 + (at * 7 + shard * 3) as f32 / 11.0)
    };
    let shard = |shard| (0..131).map(|at| number(shard, at)).collect();
    let shards: Vec<Vec<f32>> = (0..3).map(shard).collect();
    let shares = [0.5, 0.3, 0.2];
    let expected = summed(&mut cpu(), &shards, &shares);
    let whole = |number: f32| if number.abs() < f32::MIN_POSITIVE { 0.0 } else { number };
    for (at, found) in expected.iter().enumerate() {
        let [a, b, c] = [0, 1, 2].map(|shard: usize| whole(shares[shard] * shards[shard][at]));
        assert_eq!(*found, whole(a + whole(b + c)).to_bits(), "number {at}");
    }
    assert_eq!(summed(&mut gpu(), &shards, &shares), expected);
}
