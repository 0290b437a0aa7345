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
/// [`Minimiser::step`] asks for a step and does not wait for it: a GPU still works on some while the next
/// batch is made. [`Minimiser::loss`] waits, as `loss.item()` does in PyTorch, and is for every hundredth
/// step, say; [`Minimiser::losses`] has the loss of every step once they are done. The processor takes each step
/// at once, and all else is the same.
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
/// for step in 0..100 {
///     fit.step(&[("x", &corners), ("goal", &sums)], 0.1)?;
///     if step % 50 == 0 {
///         println!("step {step}: loss {}", fit.loss()?);
///     }
/// }
/// let losses = fit.losses()?;
/// assert!(losses.len() == 100 && losses[99] < 0.1 * losses[0]);
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
    /// Losses that have come and were not asked for yet, and the last one that has come.
    losses: Vec<f32>,
    last: Option<f32>,
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
        let losses = vec![];
        let (step, last) = (0, None);
        let this =
            Self { executor, graph, layout, optimiser, seed, training, others, step, losses, last };
        Ok(this)
    }

    /// Takes one step at this learning rate on the graph's inputs, by name, without waiting for it, unless
    /// the device is several steps behind. An input that is not given keeps what it was given last, zeros
    /// at first.
    ///
    /// # Errors
    /// When an input is unknown or has another shape, the device fails, or the loss of a step before this
    /// has come and is no finite number.
    pub fn step(&mut self, inputs: &[(&str, &Tensor)], learning_rate: f32) -> Result<()> {
        let corrections = self.optimiser.corrections(self.step);
        let scalars = StepScalars { learning_rate, corrections, ..self.scalars() };
        self.run(self.training, inputs, scalars)?;
        self.step += 1;
        self.note_losses(false)
    }

    /// The loss that the last step began with. Waits for that step.
    ///
    /// # Errors
    /// When no step was taken, a loss that has come since the last call is no finite number, or the device
    /// fails.
    pub fn loss(&mut self) -> Result<f32> {
        self.note_losses(true)?;
        self.last.ok_or_else(|| Error::Graph("there is no loss before the first step".into()))
    }

    /// The losses that the steps since the last call of this began with, in their order. Waits for all of
    /// them.
    ///
    /// # Errors
    /// When a loss that has come since the last call is no finite number, or the device fails. The next call
    /// gives them all the same.
    pub fn losses(&mut self) -> Result<Vec<f32>> {
        self.note_losses(true)?;
        Ok(std::mem::take(&mut self.losses))
    }

    /// Keeps the losses that have come; with `wait`, those of all steps.
    fn note_losses(&mut self, wait: bool) -> Result<()> {
        let mut fault = None;
        for row in self.executor.take_metrics(wait)? {
            let Some(loss) = row.values.first().copied() else { continue };
            self.losses.push(loss);
            self.last = Some(loss);
            if fault.is_none() && !loss.is_finite() {
                let step = row.scalars.step + 1;
                fault = Some(format!(
                    "the loss became {loss} at step {step}; use a lower learning rate"
                ));
            }
        }
        fault.map_or(Ok(()), |what| Err(Error::NotFinite(what)))
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

    /// The parameters and the optimiser's moments as they are now. Waits for all steps.
    ///
    /// # Errors
    /// When a loss that has come since the last call is no finite number, or the device is lost.
    pub fn state(&mut self) -> Result<State> {
        self.note_losses(true)?;
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
        let text = fit.loss().unwrap_err().to_string();
        assert!(text.contains("before the first step"), "{text}");
    }

    /// `scale * x` over two numbers, on a device that is asked for by its name.
    fn scaling(device: &str) -> Minimiser {
        let mut graph = Graph::new();
        let x = graph.input("x", [2]);
        let scale = graph.parameter("scale", [2], Initialiser::Constant(1.0)).unwrap();
        let y = ops::mul(&mut graph, x, scale).unwrap();
        let loss = ops::sum_all(&mut graph, y).unwrap();
        Minimiser::open(&device.parse().unwrap(), &graph, loss).unwrap()
    }

    #[test]
    fn losses_come_whole_and_in_order_without_a_step_waiting_for_its_own() {
        for device in ["cpu", "gpu"] {
            let mut fit = scaling(device);
            // Each step takes 0.5 from either scale: 2 x, then x, 0, -x ..
            let losses = |x: f32, from: i32, to: i32| -> Vec<f32> {
                (from..to).map(|step| x * (2 - step) as f32).collect()
            };
            let near = |found: &[f32], expected: &[f32]| {
                let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-3;
                found.len() == expected.len() && found.iter().zip(expected).all(close)
            };
            for _ in 0..30 {
                fit.step(&[("x", &Tensor::full([2], 3.0))], 0.5).unwrap();
            }
            assert!(near(&[fit.loss().unwrap()], &losses(3.0, 29, 30)));
            for _ in 0..5 {
                fit.step(&[], 0.5).unwrap();
            }
            let all = fit.losses().unwrap();
            assert!(near(&all, &losses(3.0, 0, 35)), "{device}: {all:?}");
            assert!(fit.losses().unwrap().is_empty(), "they were given");
            assert!(near(&[fit.loss().unwrap()], &losses(3.0, 34, 35)), "the last one stays");
        }
    }

    #[test]
    fn a_loss_that_is_no_number_is_told_by_the_next_who_hears_of_it() {
        let (good, bad) = (Tensor::full([2], 1.0), Tensor::full([2], f32::INFINITY));
        let expected = "the loss became inf at step 3; use a lower learning rate";
        for device in ["cpu", "gpu"] {
            let diverged = || {
                let mut fit = scaling(device);
                let taken = [&good, &good, &bad].map(|x| fit.step(&[("x", x)], 0.1).err());
                (fit, taken.into_iter().flatten().next())
            };
            let told = |error: Error| assert!(error.to_string().contains(expected), "{error}");
            let asked: [fn(&mut Minimiser) -> Option<Error>; 3] =
                [|fit| fit.loss().err(), |fit| fit.losses().err(), |fit| fit.state().err()];
            for ask in asked {
                let (mut fit, by_a_step) = diverged();
                told(by_a_step.or_else(|| ask(&mut fit)).expect("an error"));
                // What there is can be looked at then.
                assert_eq!(fit.losses().unwrap().len(), 3, "{device}");
            }
            // Nobody asks, and the steps that follow say it.
            let (mut fit, by_a_step) = diverged();
            let later = (0..100).find_map(|_| fit.step(&[("x", &good)], 0.1).err());
            told(by_a_step.or(later).expect("an error"));
        }
    }
}
