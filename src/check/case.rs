//! One computation that is compared: a plan with all that it reads.

use serde::Serialize;

use super::part::Part;
use super::tolerance::{Tolerance, condensed};
use super::values::{Values, bytes};
use crate::error::Result;
use crate::graph::{DataId, Executor, Graph, Plan, PlanId, PlanRequest, State};
use crate::ops::{self, Builder, GpuTarget, NodeId, StepScalars};
use crate::rng::Seed;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What a plan is made by.
type Planning = dyn Fn(Option<&GpuTarget>) -> Result<Plan>;

/// A computation.
pub(super) struct Case {
    pub name: String,
    pub part: Part,
    pub inputs: Vec<Input>,
    pub images: Option<Images>,
    pub steps: Vec<StepScalars>,
    pub state: State,
    pub tolerance: Tolerance,
    /// Whether parameters and moments are compared as well.
    pub compares_state: bool,
    pub plan: Box<Planning>,
}

/// An input of a plan.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Input {
    pub name: String,
    #[serde(skip)]
    pub shape: Shape,
    pub count: usize,
    pub values: Values,
    pub seed: u32,
}

/// Random images to train on, in their order.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Images {
    pub count: usize,
    /// Of each.
    pub bytes: usize,
    pub seed: u32,
    /// Whether they have labels, which count up to 9 and begin again.
    pub labelled: bool,
}

/// What came out, by name: outputs, `loss` of each step, `state`.
pub(super) type Results = Vec<(String, Vec<f32>)>;

impl Images {
    /// Labels count up to one less.
    pub const CLASSES: u32 = 10;

    fn load(self, executor: &mut dyn Executor) -> Result<DataId> {
        let data = executor.add_data(self.count, self.bytes)?;
        let labels: Vec<u32> = (0..self.count as u32).map(|at| at % Self::CLASSES).collect();
        let labels = if self.labelled { &labels[..] } else { &[] };
        executor.write_data(data, &bytes(self.seed, self.count * self.bytes), labels)?;
        executor.write_order(data, &(0..self.count as u32).collect::<Vec<_>>())?;
        Ok(data)
    }
}

impl Input {
    pub fn new(
        name: impl Into<String>,
        shape: impl Into<Shape>,
        values: Values,
        seed: u32,
    ) -> Self {
        let shape = shape.into();
        Self { name: name.into(), count: shape.elements(), shape, values, seed }
    }

    fn tensor(&self) -> Result<Tensor> {
        Tensor::new(self.shape.clone(), self.values.draw(self.seed, self.count))
    }
}

impl Case {
    /// A case of one step of a graph, that compares its outputs.
    pub fn of_graph(
        name: impl Into<String>,
        graph: Graph,
        outputs: Vec<(String, NodeId)>,
        inputs: Vec<Input>,
        tolerance: Tolerance,
    ) -> Self {
        let layout = graph.layout();
        let state = State::initial(&layout, Seed(0), 0);
        let plan = move |target: Option<&GpuTarget>| {
            let outputs = outputs.clone();
            Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, target) })
        };
        let (part, steps) = (Part::Kernels, vec![scalars()]);
        Self { inputs, steps, tolerance, ..Self::new(name, part, state, plan) }
    }

    /// A case without inputs and steps, which compares what its plan gives.
    pub fn new(
        name: impl Into<String>,
        part: Part,
        state: State,
        plan: impl Fn(Option<&GpuTarget>) -> Result<Plan> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            part,
            inputs: vec![],
            images: None,
            steps: vec![],
            state,
            tolerance: Tolerance::Steps,
            compares_state: false,
            plan: Box::new(plan),
        }
    }

    /// The plan for an adapter, or for the processor.
    pub fn plan(&self, target: Option<&GpuTarget>) -> Result<Plan> {
        (self.plan)(target)
    }

    /// What an executor comes to.
    ///
    /// # Errors
    /// When a kernel does not compile, or the device is lost.
    pub fn results(&self, executor: &mut dyn Executor) -> Result<Results> {
        executor.set_state(&self.state)?;
        let plan = self.plan(executor.target())?;
        let mut names: Vec<String> = plan.outputs.keys().cloned().collect();
        names.sort();
        let inputs: Vec<String> = plan.inputs.iter().map(|(name, _)| name.clone()).collect();
        let data = self.images.map(|images| images.load(executor)).transpose()?;
        let has_metrics = !plan.metrics.is_empty();
        let plan = executor.add_plan(plan, data)?;
        let results = self.run(executor, plan, (&names, &inputs), has_metrics);
        executor.remove_plan(plan)?;
        results
    }

    fn run(
        &self,
        executor: &mut dyn Executor,
        plan: PlanId,
        (outputs, inputs): (&[String], &[String]),
        has_metrics: bool,
    ) -> Result<Results> {
        for input in self.inputs.iter().filter(|input| inputs.contains(&input.name)) {
            executor.write_input(plan, &input.name, &input.tensor()?)?;
        }
        executor.run(plan, &self.steps)?;
        let mut results = vec![];
        for name in outputs {
            results.push((name.clone(), condensed(executor.read_output(plan, name)?.data())));
        }
        let rows = executor.take_metrics(true)?;
        if has_metrics {
            results.push(("loss".into(), rows.iter().map(|row| row.values[0]).collect()));
        }
        if self.compares_state {
            let state = executor.state()?;
            let mut numbers = state.parameters;
            state.moments.iter().for_each(|moment| numbers.extend(moment));
            results.push(("state".into(), condensed(&numbers)));
        }
        Ok(results)
    }
}

/// Numbers of a step, no two of which are equal.
fn scalars() -> StepScalars {
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

/// An operation at given inputs, and its gradients.
pub(super) struct Draft {
    name: String,
    inputs: Vec<Input>,
    tolerance: Tolerance,
    /// Inputs, from the first on, whose gradients are compared.
    differentiable: usize,
}

impl Draft {
    /// An operation on inputs of these shapes and numbers, all of whose gradients are compared.
    pub fn new(name: impl Into<String>, inputs: &[(&[usize], Values)]) -> Self {
        let inputs = inputs.iter().enumerate().map(|(number, (shape, values))| {
            Input::new(format!("x{number}"), Shape::from(*shape), *values, number as u32)
        });
        let inputs: Vec<Input> = inputs.collect();
        let differentiable = inputs.len();
        Self { name: name.into(), inputs, tolerance: Tolerance::Sums, differentiable }
    }

    pub fn within(self, tolerance: Tolerance) -> Self {
        Self { tolerance, ..self }
    }

    /// With gradients in the first `differentiable` inputs only.
    pub fn differentiable(self, differentiable: usize) -> Self {
        Self { differentiable, ..self }
    }

    /// The case of what `build` adds: its results, `y0` and so on, and the gradients of the sum of the first one times
    /// random numbers, `dx0` and so on.
    ///
    /// # Errors
    /// When the inputs' shapes are wrong.
    pub fn case(
        self,
        build: impl Fn(&mut Graph, &[NodeId]) -> Result<Vec<NodeId>>,
    ) -> Result<Case> {
        let Self { name, mut inputs, tolerance, differentiable } = self;
        let mut graph = Graph::new();
        let nodes: Vec<NodeId> =
            inputs.iter().map(|input| graph.input(&input.name, input.shape.clone())).collect();
        let built = build(&mut graph, &nodes)?;
        let mut outputs: Vec<(String, NodeId)> =
            built.iter().enumerate().map(|(number, node)| (format!("y{number}"), *node)).collect();
        if differentiable > 0 {
            let shape = graph.shape(built[0]).clone();
            let c = graph.input("c", shape.clone());
            inputs.push(Input::new("c", shape, super::values::ANY, 99));
            let product = ops::mul(&mut graph, built[0], c)?;
            let loss = ops::sum_all(&mut graph, product)?;
            let gradients = graph.gradients(loss, &nodes[..differentiable])?;
            let named = gradients.into_iter().enumerate();
            outputs.extend(named.map(|(number, node)| (format!("dx{number}"), node)));
        }
        Ok(Case::of_graph(name, graph, outputs, inputs, tolerance))
    }
}
