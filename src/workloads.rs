//! The workloads that speed is measured on, the same on every device: training steps of whole
//! models on random images, and single products and convolutions.

use std::time::Instant;

use rand::RngExt;

use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::graph::{Executor, Graph, Plan, PlanId, PlanRequest, State};
use crate::models::{Choices, Kind, Model};
use crate::ops::{self, Builder, ConvGeometry, NodeId, Optimiser, StepScalars};
use crate::rng::{Philox, Seed, Stream};
use crate::tensor::Tensor;
use crate::train::{BatchShape, Config, layout, training_plan};

/// Something to be timed.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// Forward, backward and Adam of a model.
    Training {
        /// The name, such as `W1`.
        name: &'static str,
        /// The model.
        model: Model,
        /// Images a step.
        batch: usize,
    },
    /// A product `[m, k] [k, n]`.
    Matmul {
        /// m, k and n.
        sizes: [usize; 3],
    },
    /// A 3x3 convolution with equal padding and a bias, `[64, 64, 28, 28]` to 64 channels.
    Conv {
        /// Also the gradients in image, weight and bias.
        backward: bool,
    },
}

/// How a workload did.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Timing {
    /// The workload's name.
    pub name: String,
    /// The device's name.
    pub device: String,
    /// The median time of a step.
    pub median_ms: f64,
    /// Floating-point operations, by the plan's count, over the median time.
    pub gflops: f64,
}

const MNIST: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };
const CONV_IMAGES: [usize; 4] = [64, 64, 28, 28];

impl Workload {
    /// All workloads.
    ///
    /// # Errors
    /// Never: the models' sizes are right.
    pub fn all() -> Result<Vec<Self>> {
        Ok(vec![
            Self::Training { name: "W1", model: classic(Kind::Dense)?, batch: 256 },
            Self::Training { name: "W3", model: classic(Kind::Conv)?, batch: 128 },
            Self::Matmul { sizes: [1024, 1024, 1024] },
            Self::Matmul { sizes: [128, 3136, 32] },
            Self::Matmul { sizes: [256, 784, 64] },
            Self::Matmul { sizes: [784, 128, 400] },
            Self::Conv { backward: false },
            Self::Conv { backward: true },
        ])
    }

    /// Those of `names`, or all where there are none.
    ///
    /// # Errors
    /// When a name is not known; the error lists them.
    pub fn named(names: &[String]) -> Result<Vec<Self>> {
        let all = Self::all()?;
        let known = |name: &String| all.iter().any(|workload| workload.name() == *name);
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            let list: Vec<_> = all.iter().map(Self::name).collect();
            let what = format!("there is no `{unknown}`; choose from {}", list.join(", "));
            return Err(Error::option("--only", what));
        }
        let chosen = |workload: &Self| names.is_empty() || names.contains(&workload.name());
        Ok(all.into_iter().filter(chosen).collect())
    }

    /// The name in reports.
    pub fn name(&self) -> String {
        match self {
            Self::Training { name, .. } => (*name).into(),
            Self::Matmul { sizes: [m, k, n] } => format!("M1_{m}x{k}x{n}"),
            Self::Conv { backward: false } => "C1fwd".into(),
            Self::Conv { backward: true } => "C1fwdbwd".into(),
        }
    }

    /// Puts the workload on an executor that holds no state yet.
    ///
    /// # Errors
    /// When the device is short of memory or lost.
    pub fn load(&self, executor: &mut dyn Executor) -> Result<Loaded> {
        match self {
            Self::Training { model, batch, .. } => load_training(executor, model, *batch),
            Self::Matmul { sizes: [m, k, n] } => {
                let mut graph = Graph::new();
                let (a, b) = (graph.input("a", [*m, *k]), graph.input("b", [*k, *n]));
                let product = ops::matmul(&mut graph, a, b)?;
                load_graph(executor, &graph, &[product])
            }
            Self::Conv { backward } => {
                let (graph, outputs) = convolution(*backward)?;
                load_graph(executor, &graph, &outputs)
            }
        }
    }
}

/// A workload on an executor.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    plan: PlanId,
    /// Floating-point operations of one step.
    pub flops: u64,
}

impl Loaded {
    /// Takes `count` steps and waits for them; the seconds that took.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn run(&self, executor: &mut dyn Executor, count: usize) -> Result<f64> {
        let corrections = Optimiser::adam().corrections(0);
        let scalars =
            |row| StepScalars { row, learning_rate: 1e-3, corrections, ..Default::default() };
        let steps: Vec<StepScalars> = (0..count as u32).map(scalars).collect();
        let begin = Instant::now();
        executor.run(self.plan, &steps)?;
        executor.wait()?;
        let seconds = begin.elapsed().as_secs_f64();
        executor.take_metrics(true)?;
        Ok(seconds)
    }

    /// The median seconds of a step, over 20 measurements after warm-up. Short steps are measured
    /// several at a time, as a training run submits them.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn median(&self, executor: &mut dyn Executor) -> Result<f64> {
        let mut once = f64::INFINITY;
        for _ in 0..3 {
            once = once.min(self.run(executor, 1)?);
        }
        let together = ((0.02 / once) as usize).clamp(1, 8);
        let mut seconds = (0..20)
            .map(|_| Ok(self.run(executor, together)? / together as f64))
            .collect::<Result<Vec<f64>>>()?;
        seconds.sort_by(f64::total_cmp);
        Ok((seconds[9] + seconds[10]) / 2.0)
    }
}

/// The model of a kind for images of MNIST's size, by its recipe for other images than MNIST.
fn classic(kind: Kind) -> Result<Model> {
    kind.model(MNIST, 0, &kind.recipe(&Choices::default(), false).choices)
}

fn load_training(executor: &mut dyn Executor, model: &Model, batch: usize) -> Result<Loaded> {
    let config = Config { batch, ..Config::new(model.clone()) };
    let layout = layout(model)?;
    executor.set_state(&State::initial(&layout, Seed(0), config.optimiser.moments()))?;
    let bytes = MNIST.elements();
    let data = executor.add_data(batch, bytes)?;
    let mut random = Philox::new(Seed(0), Stream(0));
    let pixels: Vec<u8> = (0..batch * bytes).map(|_| random.random()).collect();
    executor.write_data(data, &pixels, &[])?;
    executor.write_order(data, &(0..batch as u32).collect::<Vec<_>>())?;
    let shape = BatchShape { images: MNIST, masked: false, batch, room: batch };
    let plan = training_plan(&config, &layout, shape, executor.target(), true)?;
    let flops = plan.flops();
    Ok(Loaded { plan: executor.add_plan(plan, Some(data))?, flops })
}

/// A convolution with inputs x, w and b, and the nodes to compute.
fn convolution(backward: bool) -> Result<(Graph, Vec<NodeId>)> {
    let mut graph = Graph::new();
    let x = graph.input("x", CONV_IMAGES);
    let (w, b) = (graph.input("w", [64, 64, 3, 3]), graph.input("b", [64]));
    let product = ops::conv2d(&mut graph, x, w, ConvGeometry::symmetric([3, 3], [1, 1], [1, 1]))?;
    let y = ops::bias(&mut graph, product, b)?;
    let mut outputs = vec![y];
    if backward {
        let vector = graph.input("gradient", CONV_IMAGES);
        outputs.extend(graph.vector_jacobian(y, vector, &[x, w, b])?);
    }
    debug_assert_eq!(graph.shape(y)[..], CONV_IMAGES);
    Ok((graph, outputs))
}

fn load_graph(executor: &mut dyn Executor, graph: &Graph, outputs: &[NodeId]) -> Result<Loaded> {
    let layout = graph.layout();
    executor.set_state(&State::initial(&layout, Seed(0), 0))?;
    let outputs = outputs.iter().map(|node| (format!("output {}", node.0), *node)).collect();
    let plan =
        Plan::new(&PlanRequest { outputs, ..PlanRequest::new(graph, &layout, executor.target()) })?;
    let (flops, inputs) = (plan.flops(), plan.inputs.clone());
    let plan = executor.add_plan(plan, None)?;
    let mut random = Philox::new(Seed(0), Stream(1));
    for (name, shape) in inputs {
        let values = (0..shape.elements()).map(|_| random.random_range(-1.0..1.0)).collect();
        executor.write_input(plan, &name, &Tensor::new(shape, values)?)?;
    }
    Ok(Loaded { plan, flops })
}
