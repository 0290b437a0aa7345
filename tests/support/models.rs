//! Small models and their training, step by step, on real digits.

use std::ops::Range;

use diabolo::data::{Dataset, ImageShape, LoadOptions, Source};
use diabolo::error::Result;
use diabolo::graph::{Graph, Plan, PlanId, PlanRequest, State, StateLayout, Training};
use diabolo::models::{ConvAutoencoder, DenseAutoencoder, Model};
use diabolo::nn::Loss;
use diabolo::ops::{GpuTarget, NodeId, Optimiser, StepScalars};
use diabolo::rng::Seed;
use diabolo::tensor::Tensor;

use super::devices::Device;

/// Images a step.
pub const BATCH: usize = 16;
const RATE: f32 = 2e-3;
const DIGITS: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };

/// A model with how it is trained.
#[derive(Clone, Debug)]
pub struct Setup {
    pub model: Model,
    pub loss: Loss,
    pub optimiser: Optimiser,
    pub clip_norm: Option<f32>,
    pub fuse: bool,
}

pub fn dense() -> Setup {
    let model = DenseAutoencoder::new(DIGITS, vec![24, 10]).expect("sizes above 0");
    let (loss, optimiser) = (Loss::Mse, Optimiser::adam());
    Setup { model: Model::Dense(model), loss, optimiser, clip_norm: None, fuse: true }
}

/// Two stages, with other losses and rules than [`dense`].
pub fn conv() -> Setup {
    let model = ConvAutoencoder::new(DIGITS, vec![5, 8], 12).expect("sizes above 0");
    let (loss, optimiser) = (Loss::Bce, Optimiser::adam_w(0.01));
    Setup { model: Model::Conv(model), loss, optimiser, clip_norm: Some(5.0), fuse: true }
}

/// What training left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    pub state: State,
    pub losses: Vec<f32>,
}

impl Setup {
    fn graph(&self) -> Result<(Graph, NodeId)> {
        let mut graph = Graph::new();
        let ImageShape { channels, height, width } = self.model.images();
        let images = graph.input("images", [BATCH, channels, height, width]);
        let forward = self.model.forward(&mut graph, images)?;
        let loss = self.loss.of(&mut graph, forward.logits, images)?;
        Ok((graph, loss))
    }

    /// A training step on [`BATCH`] images, and its state.
    pub fn plan(&self, target: Option<&GpuTarget>) -> Result<(Plan, StateLayout)> {
        let (graph, loss) = self.graph()?;
        let layout = graph.layout();
        let plan = Plan::new(&PlanRequest {
            graph: &graph,
            layout: &layout,
            outputs: vec![],
            metrics: vec![("loss".into(), loss)],
            training: Some(Training { loss, optimiser: self.optimiser, clip_norm: self.clip_norm }),
            target,
            fuse: self.fuse,
        })?;
        Ok((plan, layout))
    }

    /// The state before the first step.
    pub fn start(&self, seed: Seed) -> State {
        let (_, layout) = self.plan(None).expect("the model can be planned");
        State::initial(&layout, seed, self.optimiser.moments())
    }

    /// Takes `steps` on `device`, which is new, from `state`.
    pub fn train(&self, device: &mut dyn Device, state: &State, steps: Range<u32>) -> Trained {
        self.try_train(device, state, steps)
            .unwrap_or_else(|error| panic!("{}: {error}", device.name()))
    }

    fn try_train(
        &self,
        device: &mut dyn Device,
        state: &State,
        steps: Range<u32>,
    ) -> Result<Trained> {
        let digits = digits();
        let plan = self.load(device, state)?;
        for step in steps {
            device.write_input(plan, "images", &batch(&digits, step))?;
            device.run(plan, &[self.scalars(step)])?;
        }
        trained(device)
    }

    /// Takes steps on the first batch alone, those of each range in one call.
    pub fn train_in_calls(
        &self,
        device: &mut dyn Device,
        state: &State,
        calls: impl Iterator<Item = Range<u32>>,
    ) -> Result<Trained> {
        let plan = self.load(device, state)?;
        device.write_input(plan, "images", &batch(&digits(), 0))?;
        for steps in calls {
            let scalars: Vec<StepScalars> = steps.map(|step| self.scalars(step)).collect();
            device.run(plan, &scalars)?;
        }
        trained(device)
    }

    /// Puts the state and the plan on `device`, whose memory is full of NaN then.
    fn load(&self, device: &mut dyn Device, state: &State) -> Result<PlanId> {
        device.set_state(state)?;
        let (plan, _) = self.plan(device.target().cloned().as_ref())?;
        let plan = device.add_plan(plan, None)?;
        device.spoil(plan)?;
        Ok(plan)
    }

    fn scalars(&self, step: u32) -> StepScalars {
        StepScalars {
            step,
            row: step,
            learning_rate: RATE,
            corrections: self.optimiser.corrections(step),
            ..StepScalars::default()
        }
    }
}

fn trained(device: &mut dyn Device) -> Result<Trained> {
    let losses = device.take_metrics(true)?.iter().map(|row| row.values[0]).collect();
    Ok(Trained { state: device.state()?, losses })
}

/// The plans of one training step of each model, for `target`.
pub fn training_plans(target: &GpuTarget) -> Vec<Plan> {
    let sgd = |momentum, clip_norm| Setup {
        optimiser: Optimiser::Sgd { momentum },
        clip_norm,
        ..dense()
    };
    let clipped = Setup { clip_norm: Some(1.0), ..dense() };
    let mut plans = vec![];
    for setup in [dense(), clipped, conv(), sgd(0.9, None), sgd(0.0, Some(1.0))] {
        for fuse in [false, true] {
            let planned = Setup { fuse, ..setup.clone() }.plan(Some(target));
            plans.push(planned.expect("the model can be planned").0);
        }
    }
    plans
}

fn digits() -> Dataset {
    Dataset::load(&Source::Digits, &LoadOptions::default()).expect("the digits are embedded")
}

/// The images of one step, between 0 and 1.
fn batch(digits: &Dataset, step: u32) -> Tensor {
    let elements = DIGITS.elements();
    let first = step as usize * BATCH % (digits.train.count - BATCH);
    let bytes = &digits.train.pixels[first * elements..][..BATCH * elements];
    let values = bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
    let ImageShape { channels, height, width } = DIGITS;
    Tensor::new([BATCH, channels, height, width], values).expect("a whole batch")
}
