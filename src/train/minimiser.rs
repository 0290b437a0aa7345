//! Training of a graph of one's own, where [`Trainer`](super::trainer::Trainer) trains the models of this
//! crate.

use crate::error::{Error, Result};
use crate::gpu::{self, DeviceChoice};
use crate::graph::{Executor, Graph, Plan, PlanId, PlanRequest, State, StateLayout, Training};
use crate::inference::PlanCache;
use crate::ops::{NodeId, Optimiser, StepScalars};
use crate::rng::Seed;
use crate::tensor::Tensor;

/// Makes one number of a graph small, by gradient steps on all of its parameters.
///
/// ```
/// use diabolo::gpu::{self, DeviceChoice};
/// use diabolo::graph::Graph;
/// use diabolo::ops::{self, Optimiser};
/// use diabolo::rng::Seed;
/// use diabolo::tensor::Tensor;
/// use diabolo::nn;
/// use diabolo::train::Minimiser;
///
/// let mut graph = Graph::new();
/// let (x, goal) = (graph.input("x", [4, 2]), graph.input("goal", [4, 1]));
/// let y = nn::dense(&mut graph, "layer", x, 1, None)?;
/// let error = ops::squared_error(&mut graph, y, goal)?;
/// let loss = ops::mean_all(&mut graph, error)?;
///
/// let device = gpu::open(&DeviceChoice::Cpu)?.executor;
/// let mut fit = Minimiser::new(device, &graph, loss, Optimiser::adam(), Seed(0))?;
/// let corners = Tensor::new([4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
/// let sums = Tensor::new([4, 1], vec![0.0, 1.0, 1.0, 2.0])?;
/// let first = fit.step(&[("x", &corners), ("goal", &sums)], 0.1)?;
/// for _ in 0..100 {
///     fit.step(&[("x", &corners), ("goal", &sums)], 0.1)?;
/// }
/// assert!(fit.compute(loss, &[("x", &corners), ("goal", &sums)])?.data()[0] < 0.1 * first);
/// println!("{:?}", fit.compute(y, &[("x", &corners)])?.data());
/// # Ok::<(), diabolo::error::Error>(())
/// ```
pub struct Minimiser {
    executor: Box<dyn Executor>,
    graph: Graph,
    layout: StateLayout,
    optimiser: Optimiser,
    seed: Seed,
    training: PlanId,
    /// Plans of [`Minimiser::compute`], by their node.
    others: PlanCache<NodeId>,
    step: u32,
}

impl Minimiser {
    /// Opens a device and makes `loss` small on it by Adam, from parameters drawn from seed 0.
    ///
    /// # Errors
    /// As [`Minimiser::new`], and when there is no such device.
    pub fn open(choice: &DeviceChoice, graph: &Graph, loss: NodeId) -> Result<Self> {
        Self::new(gpu::open(choice)?.executor, graph, loss, Optimiser::adam(), Seed(0))
    }

    /// Puts the parameters of `graph`, drawn from `seed`, and the plan that makes `loss` small on the
    /// device, which [`gpu::open`](crate::gpu::open) opens. `loss` is one number, and every parameter
    /// takes part in it.
    ///
    /// # Errors
    /// When `loss` is not one number, a gradient does not exist, a kernel does not compile, or the
    /// device has no memory for the plan.
    pub fn new(
        mut executor: Box<dyn Executor>,
        graph: &Graph,
        loss: NodeId,
        optimiser: Optimiser,
        seed: Seed,
    ) -> Result<Self> {
        let (graph, layout) = (graph.clone(), graph.layout());
        executor.set_state(&State::initial(&layout, seed, optimiser.moments()))?;
        let plan = Plan::new(&PlanRequest {
            metrics: vec![("loss".into(), loss)],
            training: Some(Training { loss, optimiser, clip_norm: None }),
            ..PlanRequest::new(&graph, &layout, executor.target())
        })?;
        let training = executor.add_plan(plan, None)?;
        let others = PlanCache::new();
        Ok(Self { executor, graph, layout, optimiser, seed, training, others, step: 0 })
    }

    /// Takes one step at this learning rate on the graph's inputs, by name, and waits for it; the loss
    /// before the step. An input that is not given keeps what it was given last, zeros at first.
    ///
    /// # Errors
    /// When an input is unknown or has another shape, the loss is no finite number, or the device
    /// fails.
    pub fn step(&mut self, inputs: &[(&str, &Tensor)], learning_rate: f32) -> Result<f32> {
        let corrections = self.optimiser.corrections(self.step);
        let scalars = StepScalars { learning_rate, corrections, ..self.scalars() };
        self.run(self.training, inputs, scalars)?;
        self.step += 1;
        let rows = self.executor.take_metrics(true)?;
        let loss = rows.last().and_then(|row| row.values.first()).copied();
        match loss {
            Some(loss) if loss.is_finite() => Ok(loss),
            _ => {
                let loss = loss.unwrap_or(f32::NAN);
                let what = format!("the loss became {loss}; use a lower learning rate");
                Err(Error::NotFinite(what))
            }
        }
    }

    /// The value of any node of the graph, with the parameters as they are now.
    ///
    /// # Errors
    /// When the node does not depend on an input, or that has another shape, or the device fails.
    pub fn compute(&mut self, node: NodeId, inputs: &[(&str, &Tensor)]) -> Result<Tensor> {
        let plan = match self.others.find(&node) {
            Some(plan) => plan,
            None => self.add_plan(node)?,
        };
        let scalars = self.scalars();
        self.run(plan, inputs, scalars)?;
        self.executor.read_output(plan, "node")
    }

    /// The parameters and the optimiser's moments as they are now.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn state(&mut self) -> Result<State> {
        self.executor.state()
    }

    fn scalars(&self) -> StepScalars {
        StepScalars {
            step: self.step,
            weight: 1.0,
            seed: self.seed.key(),
            ..StepScalars::default()
        }
    }

    fn add_plan(&mut self, node: NodeId) -> Result<PlanId> {
        let outputs = vec![("node".into(), node)];
        let target = self.executor.target();
        let request =
            PlanRequest { outputs, ..PlanRequest::new(&self.graph, &self.layout, target) };
        let plan = Plan::new(&request)?;
        self.others.add(self.executor.as_mut(), node, plan)
    }

    fn run(
        &mut self,
        plan: PlanId,
        inputs: &[(&str, &Tensor)],
        scalars: StepScalars,
    ) -> Result<()> {
        for (name, value) in inputs {
            self.executor.write_input(plan, name, value)?;
        }
        self.executor.run(plan, &[scalars])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::graph::Initialiser;
    use crate::ops;

    #[test]
    fn mistakes_are_errors_that_say_what_to_do() {
        let mut graph = Graph::new();
        let x = graph.input("x", [2]);
        let scale = graph.parameter("scale", [2], Initialiser::Constant(1.0)).unwrap();
        let y = ops::mul(&mut graph, x, scale).unwrap();
        let loss = ops::sum_all(&mut graph, y).unwrap();
        let new = |loss| {
            let device = Box::new(CpuExecutor::new());
            Minimiser::new(device, &graph, loss, Optimiser::adam(), Seed(0))
        };
        assert!(new(y).is_err(), "a loss of two numbers");
        let mut fit = new(loss).unwrap();
        let three = Tensor::zeros([3]);
        for (name, value) in [("y", &Tensor::zeros([2])), ("x", &three)] {
            let text = fit.step(&[(name, value)], 0.1).unwrap_err().to_string();
            assert!(text.contains(&format!("`{name}`")), "{text}");
        }
        let infinite = Tensor::full([2], f32::INFINITY);
        let text = fit.step(&[("x", &infinite)], 0.1).unwrap_err().to_string();
        assert!(text.contains("lower learning rate"), "{text}");
    }
}
