//! An operation at given inputs: built as a graph with its gradients, and computed on a device.

use std::fmt;
use std::sync::Arc;

use diabolo::error::Result;
use diabolo::graph::{Graph, HalfStorage, Plan, PlanRequest, State};
use diabolo::ops::{self, Builder, GpuTarget, NodeId, StepScalars, mul, sum_all};
use diabolo::rng::{Philox, Seed, Stream};
use diabolo::shape::Shape;
use diabolo::tensor::Tensor;
use rand::RngExt;

use super::compare::{Tolerance, difference};
use super::devices::{Device, cpu};

/// Adds nodes for the outputs of an operation on the given inputs. Gradients are taken of the
/// first output.
pub type Build = dyn Fn(&mut Graph, &[NodeId]) -> Result<Vec<NodeId>> + Send + Sync;

/// One computation to be compared.
#[derive(Clone)]
pub struct Case {
    /// What it computes and with which settings.
    pub name: String,
    /// The inputs.
    pub inputs: Vec<Tensor>,
    /// For each input, whether its gradient is computed too.
    pub differentiable: Vec<bool>,
    /// The computation.
    pub build: Arc<Build>,
    /// How near results have to be.
    pub tolerance: Tolerance,
    /// Whether to differentiate a second time.
    pub twice: bool,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of", self.name)?;
        self.inputs.iter().try_for_each(|input| write!(f, " {}", input.shape()))
    }
}

/// Results by name: `y0`, .. the outputs, `dx0`, .. the gradients, `metric y0`, .. what the log has of them.
pub type Results = Vec<(String, Tensor)>;

/// A case as a graph.
pub struct Drawn {
    pub graph: Graph,
    pub outputs: Vec<(String, NodeId)>,
    /// Values of the inputs, by name.
    pub inputs: Vec<(String, Tensor)>,
    /// What is f16 on an adapter.
    pub half: Option<HalfStorage>,
}

impl Case {
    /// A case with one output and gradients in all inputs, compared element by element.
    pub fn new(
        name: impl Into<String>,
        inputs: Vec<Tensor>,
        build: impl Fn(&mut Graph, &[NodeId]) -> Result<NodeId> + Send + Sync + 'static,
    ) -> Self {
        Self::many(name, inputs, move |graph, x| Ok(vec![build(graph, x)?]))
    }

    /// As [`Case::new`], with any number of outputs.
    pub fn many(
        name: impl Into<String>,
        inputs: Vec<Tensor>,
        build: impl Fn(&mut Graph, &[NodeId]) -> Result<Vec<NodeId>> + Send + Sync + 'static,
    ) -> Self {
        let differentiable = vec![true; inputs.len()];
        let (name, build) = (name.into(), Arc::new(build));
        let tolerance = Tolerance::Elementwise;
        Self { name, inputs, differentiable, build, tolerance, twice: false }
    }

    /// Compared as `tolerance` says.
    pub fn within(self, tolerance: Tolerance) -> Self {
        Self { tolerance, ..self }
    }

    /// Without gradients.
    pub fn forward_only(self) -> Self {
        Self { differentiable: vec![false; self.inputs.len()], ..self }
    }

    /// With gradients in the first `count` inputs only.
    pub fn differentiable(self, count: usize) -> Self {
        let differentiable = (0..self.inputs.len()).map(|input| input < count).collect();
        Self { differentiable, ..self }
    }

    /// With the square of the first output in its place, so that gradients depend on inputs where
    /// the operation is linear.
    pub fn squared(self) -> Self {
        let plain = self.build;
        let build = Arc::new(move |graph: &mut Graph, x: &[NodeId]| {
            let mut outputs = plain(graph, x)?;
            outputs[0] = mul(graph, outputs[0], outputs[0])?;
            Ok(outputs)
        });
        Self { build, ..self }
    }

    /// Between operations that give what it reads, and read what it gives, as they are.
    pub fn amid(self) -> Self {
        let (plain, differentiable) = (self.build, self.differentiable.clone());
        let same = |graph: &mut Graph, x| {
            let twice = ops::affine(graph, x, 2.0, 0.0)?;
            ops::affine(graph, twice, 0.5, 0.0)
        };
        let build = Arc::new(move |graph: &mut Graph, x: &[NodeId]| {
            let mut x = x.to_vec();
            for (x, _) in x.iter_mut().zip(&differentiable).filter(|(_, is_number)| **is_number) {
                *x = same(graph, *x)?;
            }
            let mut outputs = plain(graph, &x)?;
            if differentiable.contains(&true) {
                outputs[0] = same(graph, outputs[0])?;
            }
            Ok(outputs)
        });
        Self { build, ..self }
    }

    /// Also with gradients of the gradients.
    pub fn twice(self) -> Self {
        Self { twice: true, ..self }
    }

    /// The graph: inputs, outputs, and gradients of `sum(c * y0)` with random coefficients `c`.
    pub fn draw(&self) -> Result<Drawn> {
        let mut graph = Graph::new();
        let mut inputs = vec![];
        let mut nodes = vec![];
        for (number, value) in self.inputs.iter().enumerate() {
            nodes.push(graph.input(&format!("x{number}"), value.shape().clone()));
            inputs.push((format!("x{number}"), value.clone()));
        }
        let built = (self.build)(&mut graph, &nodes)?;
        let mut outputs = vec![];
        for (number, node) in built.iter().enumerate() {
            outputs.push((format!("y{number}"), *node));
        }
        let wanted: Vec<(usize, NodeId)> = nodes
            .into_iter()
            .enumerate()
            .filter(|(input, _)| self.differentiable[*input])
            .collect();
        let targets: Vec<NodeId> = wanted.iter().map(|(_, node)| *node).collect();
        let mut gradients = vec![];
        if !targets.is_empty() {
            gradients = self.gradients(&mut graph, built[0], &targets, &mut inputs, "c")?;
        }
        if let (true, Some(first)) = (self.twice, gradients.first().copied()) {
            let second = self.gradients(&mut graph, first, &targets, &mut inputs, "cc")?;
            let names = wanted.iter().map(|(input, _)| format!("ddx{input}"));
            outputs.extend(names.zip(second));
        }
        let names = wanted.iter().map(|(input, _)| format!("dx{input}"));
        outputs.extend(names.zip(gradients));
        Ok(Drawn { graph, outputs, inputs, half: None })
    }

    /// Gradients of `sum(coefficients * y)`, where the coefficients are input `name`.
    fn gradients(
        &self,
        graph: &mut Graph,
        y: NodeId,
        targets: &[NodeId],
        inputs: &mut Vec<(String, Tensor)>,
        name: &str,
    ) -> Result<Vec<NodeId>> {
        let shape = graph.shape(y).clone();
        let c = graph.input(name, shape.clone());
        inputs.push((name.into(), tensor(shape, 0x5eed ^ name.len() as u64, -1.0, 1.0)));
        let product = mul(graph, y, c)?;
        let loss = sum_all(graph, product)?;
        graph.gradients(loss, targets)
    }
}

impl Drawn {
    /// The outputs that are one number, which are metrics as well.
    fn metrics(&self) -> Vec<(String, NodeId)> {
        let is_number = |node: NodeId| self.graph.shape(node).elements() == 1;
        self.outputs.iter().filter(|(_, node)| is_number(*node)).cloned().collect()
    }

    /// The plan of everything drawn.
    pub fn plan(&self, target: Option<&GpuTarget>, fuse: bool) -> Result<Plan> {
        Plan::new(&PlanRequest {
            outputs: self.outputs.clone(),
            metrics: self.metrics(),
            fuse,
            half: self.half,
            ..PlanRequest::new(&self.graph, &self.graph.layout(), target)
        })
    }

    /// Runs it once on `device`, in memory that is full of NaN.
    pub fn run(&self, device: &mut dyn Device, fuse: bool) -> Result<Results> {
        let plan = self.plan(device.target().cloned().as_ref(), fuse)?;
        let named: Vec<String> = plan.inputs.iter().map(|(name, _)| name.clone()).collect();
        device.set_state(&State::initial(&self.graph.layout(), Seed(7), 0))?;
        let plan = device.add_plan(plan, None)?;
        device.poison_memory(plan)?;
        for (name, value) in self.inputs.iter().filter(|(name, _)| named.contains(name)) {
            device.write_input(plan, name, value)?;
        }
        device.run(plan, &[scalars()])?;
        let names = self.outputs.iter().map(|(name, _)| name);
        let outputs = names.map(|name| Ok((name.clone(), device.read_output(plan, name)?)));
        let mut results = outputs.collect::<Result<Results>>()?;
        for row in device.take_metrics(true)? {
            for ((name, _), value) in self.metrics().into_iter().zip(row.values) {
                results.push((format!("metric {name}"), Tensor::full(Shape::scalar(), value)));
            }
        }
        Ok(results)
    }
}

/// A step's numbers in which no two words are equal, so that a kernel that reads the wrong one
/// shows.
pub fn scalars() -> StepScalars {
    StepScalars {
        step: 5,
        cursor: 3,
        row: 2,
        weight: 0.25,
        seed: [11, 13],
        learning_rate: 0.5,
        ..StepScalars::default()
    }
}

/// Random numbers between `low` and `high`.
pub fn tensor(shape: impl Into<Shape>, seed: u64, low: f32, high: f32) -> Tensor {
    let shape = shape.into();
    let mut random = Philox::new(Seed(seed), Stream(0));
    let data = (0..shape.elements()).map(|_| random.random_range(low..high)).collect();
    Tensor::new(shape, data).expect("as many numbers as the shape has")
}

/// What the processor gives not fused, it and the adapter give, fused and not.
pub fn assert_same_on_both(case: &Case, adapter: &mut dyn Device) {
    let drawn = case.draw().expect("the case is a graph");
    let expected = drawn.run(&mut cpu(), false).expect("the processor computes it");
    let mut processor = cpu();
    for fuse in [false, true] {
        let devices: [&mut dyn Device; 2] = [&mut processor, &mut *adapter];
        for device in devices {
            let results = drawn.run(device, fuse);
            let results = results.unwrap_or_else(|error| panic!("{case:?}: {error}"));
            for ((name, expected), (_, actual)) in expected.iter().zip(&results) {
                let found = difference(expected, actual, case.tolerance);
                assert_eq!(found, None, "{case:?} on {}, fused: {fuse}: {name}", device.name());
            }
        }
    }
}

/// Random numbers at least 0.03 apart, in random order, around 0: no maximum is in doubt.
pub fn distinct(shape: impl Into<Shape>, seed: u64) -> Tensor {
    let shape = shape.into();
    let mut random = Philox::new(Seed(seed), Stream(1));
    let count = shape.elements();
    let mut data: Vec<f32> = (0..count).map(|i| (i as f32 - count as f32 / 2.0) * 0.03).collect();
    for last in (1..count).rev() {
        data.swap(last, random.random_range(0..=last));
    }
    Tensor::new(shape, data).expect("as many numbers as the shape has")
}
