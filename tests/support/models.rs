//! Small models and their training, step by step, on real digits.

use std::ops::Range;

use diabolo::data::{Dataset, ImageShape, LoadOptions, Source};
use diabolo::error::Result;
use diabolo::graph::{
    Graph, HalfStorage, Initialiser, Plan, PlanId, PlanRequest, State, StateLayout, Training,
};
use diabolo::models::{Batch, Choices, Kind, Model, Scope};
use diabolo::nn;
use diabolo::ops::{self, Corruption, GpuTarget, NodeId, Optimiser, StepScalars};
use diabolo::rng::Seed;
use diabolo::tensor::Tensor;

use super::devices::Device;

/// Images a step.
pub const BATCH: usize = 16;
const RATE: f32 = 2e-3;
const DIGITS: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };

const CLASSES: usize = 10;

/// A model with how it is trained.
#[derive(Clone, Debug)]
pub struct Setup {
    pub model: Model,
    pub noise: Option<Corruption>,
    pub optimiser: Optimiser,
    pub clip_norm: Option<f32>,
    pub fuse: bool,
    /// What is f16 on an adapter.
    pub half: Option<HalfStorage>,
}

/// A model of this kind with these options, as on the command line.
pub fn variant(kind: Kind, options: &str) -> Setup {
    #[derive(clap::Parser)]
    struct Options {
        #[command(flatten)]
        choices: Choices,
    }
    let words = std::iter::once("test").chain(options.split_whitespace());
    let given = <Options as clap::Parser>::try_parse_from(words);
    let given = given.unwrap_or_else(|error| panic!("{options}: {error}")).choices;
    kind.check(&given).unwrap_or_else(|error| panic!("{options}: {error}"));
    let choices = kind.recipe(&given, false).choices;
    let model = kind.model(DIGITS, CLASSES, &choices);
    let model = model.unwrap_or_else(|error| panic!("{kind:?} {options}: {error}"));
    let (optimiser, noise) = (Optimiser::adam(), choices.noise);
    Setup { model, noise, optimiser, clip_norm: None, fuse: true, half: None }
}

pub fn dense() -> Setup {
    variant(Kind::Dense, "--arch dense:24 --latent 10 --loss mse")
}

/// Two stages, with other losses and rules than [`dense`].
pub fn conv() -> Setup {
    let plain = variant(Kind::Conv, "--arch conv:5,8 --latent 12 --loss bce");
    Setup { optimiser: Optimiser::adam_w(0.01), clip_norm: Some(5.0), ..plain }
}

/// Every variant, on dense layers and on convolutions, with each of its own options once.
pub fn variants() -> Vec<(String, Setup)> {
    let dense = "--arch dense:12 --latent 6";
    let conv = "--arch conv:4,6 --latent 6";
    // Without normalisation, which would carry one place's change of codes to all others.
    let places = "--arch conv:4,6 --code-dim 3 --codes 8 --block plain --norm none";
    let table = [
        (Kind::Dense, format!("{dense} --tied --dropout 0.2 --activation tanh")),
        (Kind::Dense, format!("{dense} --loss gaussian --variance learned")),
        (Kind::Conv, "--arch conv:4,6 --latent map --upsample-kernel 3 --block residual".into()),
        (Kind::Conv, format!("{conv} --norm batch --downsample stride --block residual")),
        (Kind::Conv, "--arch conv:4/6 --latent map:3 --upsample-kernel 4 --norm batch".into()),
        (Kind::Conv, "--arch conv:4,6 --latent map:3 --block inner --norm batch".into()),
        (Kind::Conv, format!("{conv} --norm group --downsample stride --downsample-kernel 5")),
        (Kind::Conv, "--arch conv:4,6 --latent map:3 --norm gdn --upsample-kernel 5".into()),
        (Kind::Conv, "--arch conv:4,6 --latent map:3 --quantise 0.1 --hyperprior 5".into()),
        (Kind::Conv, "--arch flat:5x3 --latent map:3 --norm batch".into()),
        (Kind::Sparse, format!("{dense} --sparsity l1 --penalty 0.05 --target-sparsity 0.3")),
        (Kind::Sparse, format!("{conv} --sparsity kl --activation tanh --penalty 0.1 --rho 0.1")),
        (Kind::Sparse, "--arch dense --latent 40 --sparsity topk --k 5".into()),
        (Kind::Sparse, "--arch conv:4 --latent map:4 --sparsity topk --k 9".into()),
        (Kind::Contractive, "--arch dense --latent 14 --penalty 0.1".into()),
        (Kind::Contractive, format!("{dense} --activation tanh --tied=false --penalty 0.2")),
        (Kind::Contractive, format!("{conv} --activation silu --penalty 0.1 --probes 2")),
        (Kind::Denoising, format!("{dense} --noise gaussian:0.3")),
        (Kind::Denoising, format!("{conv} --noise camera:0.05-0.2")),
        (Kind::Denoising, format!("{conv} --noise salt-pepper:0.2")),
        (Kind::Denoising, format!("{dense} --noise mask:0.3")),
        (Kind::Denoising, format!("{dense} --noise rectangles:0.25")),
        (Kind::Denoising, format!("{conv} --noise blur:0.8")),
        (Kind::Denoising, format!("{conv} --noise blur:0.3-1.5")),
        (Kind::Denoising, format!("{conv} --noise jpeg:10-40")),
        (Kind::Denoising, format!("{dense} --noise salt-pepper:0.1-0.4")),
        (Kind::Denoising, format!("{dense} --noise mask:0.1-0.6")),
        (Kind::Denoising, "--residual --arch flat:6x8 --noise gaussian:0.1-0.4".into()),
        (Kind::Denoising, "--residual --arch flat:6x4 --noise salt-pepper:0.1-0.4".into()),
        (Kind::Denoising, "--residual --arch flat:4x2 --noise mask:0.1-0.4".into()),
        (Kind::Denoising, "--residual --arch conv:4,6 --noise haze:0.3-0.8".into()),
        (Kind::Denoising, format!("{dense} --noise haze:0.6")),
        (Kind::Denoising, format!("{conv} --noise haze:0.3-0.8")),
        (Kind::Vae, format!("{dense} --beta 0.5 --warmup 2 --free-bits 0.05")),
        (Kind::Vae, format!("{conv} --loss gaussian --variance shared --noise mask:0.2")),
        (Kind::Vae, format!("{dense} --loss gaussian --variance learned")),
        (Kind::Vae, "--arch conv:4,6 --latent map:2 --loss mse".into()),
        (Kind::Cvae, dense.into()),
        (Kind::Cvae, format!("{conv} --upsample-kernel 3")),
        (Kind::Iwae, format!("{dense} --samples 4")),
        (Kind::Iwae, format!("{conv} --samples 3 --loss gaussian")),
        (Kind::Vqvae, "--arch dense:24 --latent 12 --code-dim 3 --codes 8".into()),
        (Kind::Vqvae, places.into()),
        (Kind::Vqvae, format!("{places} --codebook loss")),
    ];
    let setup = |(kind, options): (Kind, String)| {
        (format!("{} {options}", kind.name()), variant(kind, &options))
    };
    table.into_iter().map(setup).collect()
}

/// Batch, input and code of dense networks whose weights' gradients take tiles of each size, whole and
/// ragged, with sums in one part and in several; with biases and without.
pub fn sizes() -> impl Iterator<Item = ([usize; 3], bool)> {
    let small = [[5, 7, 3], [33, 20, 24], [600, 22, 9]];
    let large = [[1024, 2048, 20], [8, 8200, 20], [16, 520, 600], [16, 519, 601], [512, 512, 256]];
    small.into_iter().chain(large).flat_map(|sizes| [(sizes, false), (sizes, true)])
}

/// Two dense layers on input `x`, and how far their output is from it.
pub fn dense_of(graph: &mut Graph, [batch, input, code]: [usize; 3], biased: bool) -> NodeId {
    let x = graph.input("x", [batch, input]);
    let mut y = x;
    for (name, from, to) in [("encoder", input, code), ("decoder", code, input)] {
        y = match biased {
            true => nn::dense(graph, name, y, to, None).unwrap(),
            false => {
                let start = Initialiser::GlorotUniform { fan_in: from, fan_out: to };
                let weight = graph.parameter(&format!("{name}.weight"), [from, to], start).unwrap();
                ops::matmul(graph, y, weight).unwrap()
            }
        };
    }
    nn::mean_squared_error(graph, y, x).unwrap()
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
        let (input, deviations) = match self.noise {
            Some(noise) => self.model.corrupt(&mut graph, images, noise)?,
            None => (images, None),
        };
        let input = self.model.input(&mut graph, input, deviations)?;
        let mut labels = None;
        if self.model.is_conditional() {
            let numbers = graph.input("labels", [BATCH]);
            labels = Some(ops::one_hot(&mut graph, numbers, CLASSES)?);
        }
        let batch = Batch { images, input, seen: None, labels };
        let scope = &mut Scope { graph: &mut graph, training: true };
        let loss = self.model.objective(scope, &batch)?.loss;
        Ok((graph, loss))
    }

    /// A training step on [`BATCH`] images, and its state.
    pub fn plan(&self, target: Option<&GpuTarget>) -> Result<(Plan, StateLayout)> {
        let (graph, loss) = self.graph()?;
        let layout = graph.layout();
        let plan = Plan::new(&PlanRequest {
            metrics: vec![("loss".into(), loss)],
            training: Some(Training { loss, optimiser: self.optimiser, clip_norm: self.clip_norm }),
            fuse: self.fuse,
            half: self.half,
            ..PlanRequest::new(&graph, &layout, target)
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
            if self.model.is_conditional() {
                device.write_input(plan, "labels", &labels(&digits, step))?;
            }
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
        device.poison_memory(plan)?;
        Ok(plan)
    }

    fn scalars(&self, step: u32) -> StepScalars {
        StepScalars {
            step,
            row: step,
            weight: self.model.weight(step as f32 / 10.0, None),
            seed: Seed(17).key(),
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

/// All that can be is f16, however small.
pub fn everything_half() -> HalfStorage {
    HalfStorage { least: 2, ..HalfStorage::of_batch(BATCH) }
}

/// The plans of one training step of each model, for `target`; by f16, where it has that.
pub fn training_plans(target: &GpuTarget) -> Vec<Plan> {
    let of_size = |(sizes, biased)| {
        let mut graph = Graph::new();
        let loss = dense_of(&mut graph, sizes, biased);
        let training = Training { loss, optimiser: Optimiser::adam(), clip_norm: None };
        let layout = graph.layout();
        let request = PlanRequest::new(&graph, &layout, Some(target));
        let half = target.f16.then(everything_half);
        Plan::new(&PlanRequest { training: Some(training), half, ..request })
            .expect("can be planned")
    };
    let sgd = |momentum, clip_norm| Setup {
        optimiser: Optimiser::Sgd { momentum },
        clip_norm,
        ..dense()
    };
    let clipped = Setup { clip_norm: Some(1.0), ..dense() };
    let mut plans: Vec<Plan> = sizes().map(of_size).collect();
    plans.push(Plan::sum(&plans[0].layout, 0..64, 1, 1));
    let mut setups = vec![dense(), clipped, conv(), sgd(0.9, None), sgd(0.0, Some(1.0))];
    setups.extend(variants().into_iter().map(|(_, setup)| setup));
    for setup in setups {
        for fuse in [false, true] {
            let half = target.f16.then(everything_half);
            let planned = Setup { fuse, half, ..setup.clone() }.plan(Some(target));
            plans.push(planned.expect("the model can be planned").0);
        }
    }
    plans
}

fn digits() -> Dataset {
    Dataset::load(&Source::Digits, &LoadOptions::default()).expect("the digits are embedded")
}

/// The number of the first image of one step.
fn first(digits: &Dataset, step: u32) -> usize {
    step as usize * BATCH % (digits.train.count - BATCH)
}

/// The labels of one step.
fn labels(digits: &Dataset, step: u32) -> Tensor {
    let labels = digits.train.labels.as_ref().expect("digits have labels");
    let numbers = labels[first(digits, step)..][..BATCH].iter().map(|label| *label as f32);
    Tensor::new([BATCH], numbers.collect()).expect("a whole batch")
}

/// The images of one step, between 0 and 1.
fn batch(digits: &Dataset, step: u32) -> Tensor {
    let elements = DIGITS.elements();
    let first = first(digits, step);
    let bytes = &digits.train.pixels[first * elements..][..BATCH * elements];
    let values = bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
    let ImageShape { channels, height, width } = DIGITS;
    Tensor::new([BATCH, channels, height, width], values).expect("a whole batch")
}
