//! Whole models: at the sizes of MNIST, and one of the embedded digits.

use std::collections::HashMap;

use rand::RngExt;

use super::measure::{Loaded, PlanCosts};
use super::workload::{Work, Workload};
use crate::data::{Dataset, Element, ImageShape, Images};
use crate::error::Result;
use crate::graph::{Executor, Plan, PlanId, State, StateLayout};
use crate::inference::{Portions, Task, layout};
use crate::models::{Architecture, Choices, CodeForm, Kind, Model, Sizes};
use crate::nn::{Loss, Output};
use crate::ops::{Activation, Corruption, CorruptionKind, GpuTarget};
use crate::rng::{Philox, Seed, Stream};
use crate::tensor::Tensor;
use crate::train::{BatchShape, Config, training_plan};

const MNIST: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };
const DIGITS: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };
const PHOTOGRAPHS: ImageShape = ImageShape { channels: 3, height: 64, width: 64 };

/// W0: dense, 64-64-32-32-64-64, batch 32, on images of the embedded digits' size. W1: dense,
/// 784-64-32-32-64-784, batch 256. W3: convolutional, batch 128. W4: denoising,
/// 784-400-32-400-784, batch 32, noise drawn each step. W5: variational, 784-400-20, batch 128. W6:
/// variational and convolutional, 64x64 RGB, stages of 32, 64, 128 and 256, a code of 128, batch 64.
pub(super) fn workloads() -> Result<Vec<Workload>> {
    let config = |model: Model, batch| Config { batch, ..Config::new(model) };
    let conv = config(model(Kind::Conv, MNIST, Choices::default())?, 128);
    let wide = Choices {
        arch: Some(Architecture::Dense(Sizes::mirrored(vec![400]))),
        latent: Some(CodeForm::Vector(32)),
        loss: Some(Loss::Mse),
        ..Choices::default()
    };
    let deep = Choices {
        arch: Some(Architecture::Conv(Sizes::mirrored(vec![32, 64, 128, 256]))),
        latent: Some(CodeForm::Vector(128)),
        loss: Some(Loss::Mse),
        ..Choices::default()
    };
    let photographs = config(model(Kind::Vae, PHOTOGRAPHS, deep)?, 64);
    let noise = Some(Corruption::new(CorruptionKind::Gaussian, 0.5));
    let denoising = Config { noise, ..config(model(Kind::Denoising, MNIST, wide)?, 32) };
    let training =
        |name: &str, config| Workload { name: name.into(), work: Work::Training(Box::new(config)) };
    let inference = |name: &str, config| Workload {
        name: name.into(),
        work: Work::Inference(Box::new(config)),
    };
    Ok(vec![
        training("W0", config(model(Kind::Dense, DIGITS, Choices::default())?, 32)),
        training("W1", config(model(Kind::Dense, MNIST, Choices::default())?, 256)),
        training("W3", conv.clone()),
        training("W4", denoising),
        training("W5", config(model(Kind::Vae, MNIST, Choices::default())?, 128)),
        training("W6", photographs.clone()),
        inference("W3infer", conv),
        inference("W6infer", photographs),
    ])
}

/// A model by its recipe for other images than MNIST where `choices` are silent; but rectified, and
/// without a linear path: other engines are measured with the same networks.
fn model(kind: Kind, images: ImageShape, choices: Choices) -> Result<Model> {
    let choices = Choices { activation: Some(Activation::Relu), ..choices };
    let mut model = kind.model(images, 0, &kind.recipe(&choices, false).choices)?;
    (model.network.linear, model.network.width) = (false, None);
    model.output = Output::Sigmoid;
    Ok(model)
}

/// So many images of random bytes.
fn random_images(shape: ImageShape, count: usize) -> Images {
    let mut random = Philox::new(Seed(0), Stream(0));
    let pixels = (0..count * shape.elements()).map(|_| random.random()).collect();
    Images { pixels, count, ..Images::default() }
}

/// Random images for `steps` steps, and a step of them to measure.
pub(in crate::bench) fn dataset(config: &Config, steps: usize) -> Dataset {
    let shape = config.model.images();
    Dataset {
        name: "random".into(),
        shape,
        masked: false,
        paired: false,
        element: Element::Byte,
        scaling: None,
        train: random_images(shape, steps * config.batch),
        test: random_images(shape, config.batch),
        trains_on_all: false,
        classes: vec![],
    }
}

/// A training step of this config, on so many images as a step takes.
fn step_of(
    config: &Config,
    layout: &StateLayout,
    target: Option<&GpuTarget>,
    fuse: bool,
) -> Result<Plan> {
    let (images, batch, element) = (config.model.images(), config.batch, Element::Byte);
    let (masked, paired) = (false, false);
    let shape = BatchShape { images, masked, paired, element, batch, room: batch };
    training_plan(config, layout, shape, target, fuse)
}

/// The plan of a training step.
///
/// # Errors
/// When the model does not fit the device.
pub(super) fn plan_of(config: &Config, target: Option<&GpuTarget>) -> Result<Plan> {
    step_of(config, &layout(&config.model)?, target, true)
}

pub(super) fn load_training(
    executor: &mut dyn Executor,
    config: &Config,
    counted: Option<&GpuTarget>,
) -> Result<Loaded> {
    let layout = layout(&config.model)?;
    executor.set_state(&State::initial(&layout, Seed(0), config.optimiser.moments()))?;
    let images = config.model.images();
    let (batch, bytes) = (config.batch, images.elements());
    let data = executor.add_data(batch, bytes)?;
    executor.write_data(data, &random_images(images, batch).pixels, &[])?;
    executor.write_order(data, &(0..batch as u32).collect::<Vec<_>>())?;
    let plan = |target: Option<&GpuTarget>, fuse| step_of(config, &layout, target, fuse);
    // Refused as it is for this device, before it is counted as for another.
    let own = plan(executor.target(), true)?;
    let costs = PlanCosts::of(counted.or(executor.target()), plan)?;
    let plan = executor.add_plan(own, Some(data))?;
    Ok(Loaded::of_plan(plan, costs))
}

pub(super) fn load_inference(
    executor: &mut dyn Executor,
    config: &Config,
    counted: Option<&GpuTarget>,
) -> Result<Loaded> {
    let layout = layout(&config.model)?;
    executor.set_state(&State::initial(&layout, Seed(0), 0))?;
    let plan = |batch, target: Option<&GpuTarget>, fuse| -> Result<Plan> {
        Task::Reconstruct.plan_as(&config.model, &layout, batch, target, fuse)
    };
    let costs = PlanCosts::of(counted.or(executor.target()), |target, fuse| {
        plan(config.batch, target, fuse)
    })?;
    let ImageShape { channels, height, width } = config.model.images();
    let mut random = Philox::new(Seed(0), Stream(0));
    let mut load = |executor: &mut dyn Executor, batch: usize| -> Result<PlanId> {
        let id = executor.add_plan(plan(batch, executor.target(), true)?, None)?;
        let pixels = (0..batch * channels * height * width).map(|_| random.random()).collect();
        let images = Tensor::new([batch, channels, height, width], pixels)?;
        executor.write_input(id, "images", &images)?;
        Ok(id)
    };
    // As tasks do it: see `Inference`.
    let portions = match executor.target() {
        None => {
            let widest = config.model.network.widest();
            Portions::cached(widest, executor.plans_at_once(), config.batch)
        }
        Some(_) => Portions::of(config.batch),
    };
    let mut loaded = HashMap::new();
    let mut plans = vec![];
    for sizes in portions.sizes(config.batch) {
        let mut together = vec![];
        for key in sizes.into_iter().enumerate() {
            let plan = match loaded.get(&key) {
                Some(plan) => *plan,
                None => load(executor, key.1)?,
            };
            loaded.insert(key, plan);
            together.push(plan);
        }
        plans.push(together);
    }
    Ok(Loaded::of_plans(plans, costs))
}
