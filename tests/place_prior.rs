//! The prior of VQ-VAE's places is the same network on the GPU and on the processor.

mod support;

use diabolo::graph::{Executor, Graph};
use diabolo::models::PlacePrior;
use diabolo::nn;
use diabolo::ops::Optimiser;
use diabolo::rng::Seed;
use diabolo::tensor::Tensor;
use diabolo::train::Minimiser;
use support::devices::{cpu, gpu};

/// The loss before each of a few steps, and the nats of each image after them.
fn trained(device: Box<dyn Executor>, prior: &PlacePrior) -> Vec<f32> {
    let places = prior.places();
    let mut graph = Graph::new();
    let index = graph.input("index", [3, places]);
    let nats = prior.nats(&mut graph, index).expect("shapes fit");
    let loss = nn::image_mean(&mut graph, nats).expect("shapes fit");
    let descent = Optimiser::Sgd { momentum: 0.9 };
    let mut fit = Minimiser::new(device, &graph, loss, descent, Seed(2)).expect("fits");
    let codes = (0..3 * places).map(|at| (at * at % prior.codes) as f32).collect();
    let codes = Tensor::new([3, places], codes).expect("fits");
    (0..5).for_each(|_| fit.step(&[("index", &codes)], 1e-3).expect("steps"));
    let mut numbers = fit.losses().expect("finite");
    numbers.extend(fit.compute(nats, &[("index", &codes)]).expect("computes").data());
    numbers
}

#[test]
fn masked_convolutions_learn_alike_on_both_devices() {
    for map in [[4, 5], [1, 7]] {
        let prior = PlacePrior { codes: 6, map, channels: 5, layers: 2 };
        let [a, b] = [trained(Box::new(cpu()), &prior), trained(Box::new(gpu()), &prior)];
        assert!(a[4] < a[0], "the loss falls: {a:?}");
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() < 1e-3 * a.abs(), "{map:?}: {a} {b}");
        }
    }
}
