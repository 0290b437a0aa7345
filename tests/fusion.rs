//! What fusion saves, by the plan's own count, in the models that speed is measured on.

use diabolo::data::{Element, ImageShape};
use diabolo::graph::{Cost, Graph, Plan, PlanRequest};
use diabolo::inference::layout;
use diabolo::models::{Choices, Kind};
use diabolo::ops::{self, Activation, AdapterKind, AdapterTraits, GpuTarget, NodeId};
use diabolo::train::{BatchShape, Config, training_plan};

const IMAGES: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };

/// A training step of a kind of model by its recipe, fused and not; with a linear path, or with layers
/// alone.
fn plans(kind: Kind, batch: usize, target: &GpuTarget, linear: bool) -> [Plan; 2] {
    let activation = (!linear).then_some(Activation::Relu);
    let choices = Choices { activation, ..Choices::default() };
    let mut model = kind.model(IMAGES, 0, &kind.recipe(&choices, false).choices).unwrap();
    if !linear {
        (model.network.linear, model.network.width) = (false, None);
    }
    let layout = layout(&model).unwrap();
    let config = Config { batch, ..Config::new(model) };
    let (element, masked, paired) = (Element::Byte, false, false);
    let shape = BatchShape { images: IMAGES, masked, paired, element, batch, room: batch };
    let plan = |fuse| training_plan(&config, &layout, shape, Some(target), fuse).unwrap();
    [plan(true), plan(false)]
}

#[test]
fn a_training_step_takes_few_dispatches_and_moves_few_bytes() {
    // Of the variational model's bytes, nine in ten are weights and moments, which the optimiser and
    // three products have to pass whatever is fused; and gradients, where it is software.
    // With a linear path activations are smooth: their gradients need what they were given, which has to
    // be kept, where a rectifier's can do with what it gave.
    let models = [
        (Kind::Dense, 256, false, 19, 0.5),
        (Kind::Conv, 128, false, 35, 0.52),
        (Kind::Vae, 128, false, 23, 0.72),
        (Kind::Dense, 256, true, 39, 0.75),
        (Kind::Conv, 128, true, 67, 0.75),
    ];
    for (kind, batch, linear, most, most_bytes) in models {
        for adapter in [AdapterKind::Discrete, AdapterKind::Integrated, AdapterKind::Software] {
            let most_bytes = most_bytes + if adapter == AdapterKind::Software { 0.13 } else { 0.0 };
            let target = GpuTarget::new(&AdapterTraits::of(adapter));
            let [fused, plain] = plans(kind, batch, &target, linear).map(|plan| plan.cost(&target));
            let Cost { dispatches, bytes, .. } = fused;
            assert!(dispatches <= most, "{kind:?} on {adapter:?}: {dispatches} dispatches");
            let share = bytes as f64 / plain.bytes as f64;
            assert!(
                share < most_bytes,
                "{kind:?} on {adapter:?}: {share:.2} of the bytes not fused"
            );
        }
    }
}

#[test]
fn activations_take_less_than_half_of_what_they_would_apart() {
    let [fused, plain] = plans(Kind::Conv, 128, &GpuTarget::default(), false);
    let (planned, apart) = (fused.memory.slots, plain.memory.unshared);
    assert!(2 * planned <= apart, "{planned} bytes planned of {apart}");
}

/// The operations of a plan for these nodes, each with how many tensors it reads and writes.
fn operations(graph: &Graph, outputs: &[NodeId]) -> Vec<(&'static str, usize, usize)> {
    let layout = graph.layout();
    let named = outputs.iter().enumerate().map(|(number, node)| (format!("y{number}"), *node));
    let request =
        PlanRequest { outputs: named.collect(), ..PlanRequest::new(graph, &layout, None) };
    let plan = Plan::new(&request).unwrap();
    plan.steps.iter().map(|it| (it.op.name(), it.inputs.len(), it.outputs.len())).collect()
}

#[test]
fn a_chain_is_as_long_as_it_may_be_and_reads_all_that_a_kernel_binds() {
    let mut graph = Graph::new();
    let inputs: Vec<NodeId> =
        (0..7).map(|number| graph.input(&format!("x{number}"), [30])).collect();
    let mut y = inputs[0];
    for _ in 0..4 {
        for x in &inputs {
            let product = ops::mul(&mut graph, y, *x).unwrap();
            y = ops::activate(&mut graph, product, Activation::Tanh).unwrap();
        }
    }
    assert_eq!(operations(&graph, &[y]), [("chain", 7, 1)]);
    // With the sum as well there would be nine buffers.
    let sum = ops::sum_all(&mut graph, y).unwrap();
    let both = operations(&graph, &[y, sum]);
    assert_eq!(both.iter().map(|(_, inputs, _)| inputs).max(), Some(&7), "{both:?}");
    assert!(both.iter().all(|(_, inputs, outputs)| inputs + outputs <= 8), "{both:?}");
}

#[test]
fn what_keeps_more_than_a_kernel_binds_is_several_chains() {
    let mut graph = Graph::new();
    let mut y = graph.input("x", [30]);
    let mut kept = vec![];
    for _ in 0..6 {
        let scaled = ops::affine(&mut graph, y, 0.5, 0.25).unwrap();
        y = ops::activate(&mut graph, scaled, Activation::Tanh).unwrap();
        kept.push(y);
    }
    assert_eq!(operations(&graph, &kept), [("chain", 1, 3), ("chain", 1, 3)]);
}
