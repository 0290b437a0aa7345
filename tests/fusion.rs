//! What fusion saves, by the plan's own count, in the models that speed is measured on.

use diabolo::data::ImageShape;
use diabolo::graph::{Cost, Plan};
use diabolo::models::{Choices, Kind};
use diabolo::ops::{AdapterKind, AdapterTraits, GpuTarget};
use diabolo::train::{BatchShape, Config, layout, training_plan};

const IMAGES: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };

/// A training step of a kind of model by its recipe, fused and not.
fn plans(kind: Kind, batch: usize, target: &GpuTarget) -> [Plan; 2] {
    let model = kind.model(IMAGES, 0, &kind.recipe(&Choices::default(), false).choices).unwrap();
    let layout = layout(&model).unwrap();
    let config = Config { batch, ..Config::new(model) };
    let shape = BatchShape { images: IMAGES, masked: false, batch, room: batch };
    let plan = |fuse| training_plan(&config, &layout, shape, Some(target), fuse).unwrap();
    [plan(true), plan(false)]
}

#[test]
fn a_training_step_takes_few_dispatches_and_moves_few_bytes() {
    // Of the variational model's bytes, nine in ten are weights and moments, which the optimiser and
    // three products have to pass whatever is fused; and gradients, where it is software.
    let models =
        [(Kind::Dense, 256, 22, 0.5), (Kind::Conv, 128, 40, 0.52), (Kind::Vae, 128, 26, 0.72)];
    for (kind, batch, most, most_bytes) in models {
        for adapter in [AdapterKind::Discrete, AdapterKind::Integrated, AdapterKind::Software] {
            let most_bytes = most_bytes + if adapter == AdapterKind::Software { 0.13 } else { 0.0 };
            let target = GpuTarget::new(&AdapterTraits::of(adapter));
            let [fused, plain] = plans(kind, batch, &target).map(|plan| plan.cost(&target));
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
    let [fused, plain] = plans(Kind::Conv, 128, &GpuTarget::default());
    let (planned, apart) = (fused.memory.slots, plain.memory.unshared);
    assert!(2 * planned <= apart, "{planned} bytes planned of {apart}");
}
