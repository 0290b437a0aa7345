//! Gradients against central differences.
//!
//! The operation stands in mid-graph: its inputs are scaled before it, its output is multiplied by
//! random coefficients and summed. Differences are taken of the same computation in the CPU
//! executor, at two step widths combined as Richardson proposed (1911), and summed in f64.

use diabolo::cpu::CpuExecutor;
use diabolo::error::Result;
use diabolo::graph::{Executor, Graph, Plan, PlanId, PlanRequest, State};
use diabolo::ops::{self, Builder, NodeId, StepScalars, UnaryKind};
use diabolo::rng::{Philox, Seed, Stream};
use diabolo::shape::Shape;
use diabolo::tensor::Tensor;
use rand::RngExt;

use super::dispatches;

/// The wider of the two steps.
const STEP: f64 = 1.0 / 64.0;
/// The error allowed, relative to the greatest element of a gradient.
const TOLERANCE: f64 = 1e-3;
/// What inputs are multiplied by before the operation.
const SCALE: f32 = 1.25;

/// Random tensors for a check.
pub struct Draw {
    random: Philox,
}

impl Draw {
    /// Draws that depend on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self { random: Philox::new(Seed(seed), Stream(0)) }
    }

    /// A whole number from `low` to `high`, both included.
    pub fn size(&mut self, low: usize, high: usize) -> usize {
        self.random.random_range(low..=high)
    }

    /// A shape of `rank` axes of 1 to 4.
    pub fn shape(&mut self, rank: usize) -> Shape {
        Shape::new((0..rank).map(|_| self.size(1, 4)).collect::<Vec<_>>())
    }

    /// Numbers evenly from `low` to `high`.
    pub fn between(&mut self, shape: impl Into<Shape>, low: f32, high: f32) -> Tensor {
        let shape = shape.into();
        let values = (0..shape.elements()).map(|_| self.random.random_range(low..high)).collect();
        Tensor::new(shape, values).unwrap()
    }

    /// Numbers from -1.5 to 1.5.
    pub fn any(&mut self, shape: impl Into<Shape>) -> Tensor {
        self.between(shape, -1.5, 1.5)
    }

    /// Numbers of either sign, no two nearer than 0.1 and none nearer to 0 than 0.05: no step
    /// crosses a kink at 0 or where two of them are equal.
    pub fn apart(&mut self, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        let count = shape.elements();
        let mut values: Vec<f32> =
            (0..count).map(|i| (i as f32 - (count / 2) as f32 + 0.5) * 0.1).collect();
        for i in (1..count).rev() {
            values.swap(i, self.random.random_range(0..=i));
        }
        Tensor::new(shape, values).unwrap()
    }
}

/// A check of one operation at one set of inputs.
pub struct Check<'a> {
    name: String,
    inputs: &'a [Tensor],
    fixed: &'a [Tensor],
    executor: CpuExecutor,
}

impl<'a> Check<'a> {
    /// A check of first and second derivatives in all `inputs`.
    pub fn new(name: impl Into<String>, inputs: &'a [Tensor]) -> Self {
        Self { name: name.into(), inputs, fixed: &[], executor: CpuExecutor::new() }
    }

    /// Inputs without a gradient, handed to the operation after the others, as they are.
    pub fn fixed(mut self, fixed: &'a [Tensor]) -> Self {
        self.fixed = fixed;
        self
    }

    /// Compares, and panics with the worst element where they differ.
    pub fn run(mut self, op: impl FnOnce(&mut Graph, &[NodeId]) -> Result<NodeId>) {
        let mut graph = Graph::new();
        let built = self.build(&mut graph, op);
        let (coefficients, outputs) =
            built.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let plan = self.plan(&graph, outputs);
        let step = StepScalars { step: 3, weight: 0.75, seed: [7, 9], ..StepScalars::default() };
        for (index, input) in self.inputs.iter().chain(self.fixed).enumerate() {
            self.executor.write_input(plan, &format!("x{index}"), input).unwrap();
        }
        self.executor.poison(plan);
        let first: Vec<Tensor> = self.evaluate(plan, &step, "first");
        let second: Vec<Tensor> = self.evaluate(plan, &step, "second");
        // What rounding does to a difference of sums with these addends.
        let at = self.read(plan, &step);
        let rounding = |addends: f64| 20.0 * 1.2e-7 * addends.sqrt() / STEP;
        let norm = |values: &[f32], power| values.iter().map(|x| f64::from(*x).powi(power)).sum();
        let weighted: Vec<f32> =
            at.output.data().iter().zip(coefficients.data()).map(|(x, c)| x * c).collect();
        let noise = [
            rounding(norm(&weighted, 2)),
            rounding(at.gradients.iter().map(|g| norm(g.data(), 4)).sum::<f64>() * 4.0),
        ];
        for index in 0..self.inputs.len() {
            let numeric = self.numeric(plan, &step, index, &coefficients);
            let exact = first[index].data().iter().copied().map(f64::from).collect::<Vec<_>>();
            let numeric_first = numeric.iter().map(|pair| pair[0]).collect::<Vec<_>>();
            self.compare("gradient", index, &exact, &numeric_first, noise[0]);
            let exact = second[index].data().iter().copied().map(f64::from).collect::<Vec<_>>();
            let numeric_second = numeric.iter().map(|pair| pair[1]).collect::<Vec<_>>();
            self.compare("second derivative", index, &exact, &numeric_second, noise[1]);
        }
    }

    /// The graph: the operation's output, the gradients of its weighted sum, and the gradients of
    /// the sum of their squares.
    fn build(
        &self,
        graph: &mut Graph,
        op: impl FnOnce(&mut Graph, &[NodeId]) -> Result<NodeId>,
    ) -> Result<(Tensor, Vec<(String, NodeId)>)> {
        let mut leaves = vec![];
        let mut operands = vec![];
        for (index, input) in self.inputs.iter().chain(self.fixed).enumerate() {
            let node = graph.input(&format!("x{index}"), input.shape().clone());
            let varies = index < self.inputs.len();
            operands.push(if varies { ops::affine(graph, node, SCALE, 0.0)? } else { node });
            leaves.push(node);
        }
        leaves.truncate(self.inputs.len());
        let output = op(graph, &operands)?;
        let shape = graph.shape(output).clone();
        let mut coefficients = Draw::new(1).between(shape, -1.0, 1.0);
        coefficients.data_mut().iter_mut().for_each(|x| *x += 0.5 * x.signum());
        let factor = graph.constant(coefficients.clone());
        let weighted = ops::mul(graph, output, factor)?;
        let loss = ops::sum_all(graph, weighted)?;
        let gradients = graph.gradients(loss, &leaves)?;
        let mut outputs = vec![("output".to_string(), output)];
        for (index, gradient) in gradients.iter().enumerate() {
            outputs.push((format!("first{index}"), *gradient));
        }
        let mut total = None;
        for gradient in &gradients {
            let square = ops::unary(graph, *gradient, UnaryKind::Square)?;
            let sum = ops::sum_all(graph, square)?;
            total = Some(match total {
                Some(total) => ops::add(graph, total, sum)?,
                None => sum,
            });
        }
        let total = total.expect("a check has an input");
        for (index, node) in graph.gradients(total, &leaves)?.into_iter().enumerate() {
            outputs.push((format!("second{index}"), node));
        }
        Ok((coefficients, outputs))
    }

    fn plan(&mut self, graph: &Graph, outputs: Vec<(String, NodeId)>) -> PlanId {
        let layout = graph.layout();
        let request =
            PlanRequest { outputs, fuse: false, ..PlanRequest::new(graph, &layout, None) };
        let plan = Plan::new(&request).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        dispatches::check(&plan);
        self.executor.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
        self.executor.add_plan(plan, None).unwrap()
    }

    fn evaluate(&mut self, plan: PlanId, step: &StepScalars, name: &str) -> Vec<Tensor> {
        self.executor.run(plan, &[*step]).unwrap();
        let read = |index| self.executor.read_output(plan, &format!("{name}{index}")).unwrap();
        (0..self.inputs.len()).map(read).collect()
    }

    fn read(&mut self, plan: PlanId, step: &StepScalars) -> Evaluated {
        let gradients = self.evaluate(plan, step, "first");
        Evaluated { output: self.executor.read_output(plan, "output").unwrap(), gradients }
    }

    /// Differences of the weighted sum and of the gradients' squares, for each element of an input.
    fn numeric(
        &mut self,
        plan: PlanId,
        step: &StepScalars,
        index: usize,
        coefficients: &Tensor,
    ) -> Vec<[f64; 2]> {
        let input = &self.inputs[index];
        let name = format!("x{index}");
        let mut moved = input.clone();
        let mut differences = vec![];
        for element in 0..input.shape().elements() {
            let mut at = |check: &mut Self, width: f64| {
                let x = f64::from(input.data()[element]) + width;
                moved.data_mut()[element] = x as f32;
                check.executor.write_input(plan, &name, &moved).unwrap();
                moved.data_mut()[element] = input.data()[element];
                (check.read(plan, step), f64::from(x as f32))
            };
            let mut slope = |width: f64| {
                let ((above, high), (below, low)) = (at(self, width), at(self, -width));
                let first = above.weighted_minus(&below, coefficients);
                [first, above.squares_minus(&below)].map(|change| change / (high - low))
            };
            let (wide, narrow) = (slope(STEP), slope(STEP / 2.0));
            differences.push([0, 1].map(|order| (4.0 * narrow[order] - wide[order]) / 3.0));
        }
        self.executor.write_input(plan, &name, input).unwrap();
        differences
    }

    fn compare(&self, what: &str, index: usize, exact: &[f64], numeric: &[f64], noise: f64) {
        let scale = exact.iter().chain(numeric).fold(0.0, |a: f64, b| a.max(b.abs()));
        for (element, (exact, numeric)) in exact.iter().zip(numeric).enumerate() {
            // Written so that NaN fails too.
            let right = (exact - numeric).abs() <= TOLERANCE * scale + noise;
            assert!(
                right,
                "{}: {what} in element {element} of input {index} of {}: {exact} by rule, \
                 {numeric} by differences (scale {scale:.2e}, noise {noise:.2e})",
                self.name,
                self.inputs[index].shape(),
            );
        }
    }
}

/// The values of one run.
struct Evaluated {
    output: Tensor,
    gradients: Vec<Tensor>,
}

impl Evaluated {
    fn weighted_minus(&self, other: &Self, coefficients: &Tensor) -> f64 {
        let values = self.output.data().iter().zip(other.output.data());
        let weighted = values
            .zip(coefficients.data())
            .map(|((a, b), c)| (f64::from(*a) - f64::from(*b)) * f64::from(*c));
        weighted.sum()
    }

    fn squares_minus(&self, other: &Self) -> f64 {
        let values = |evaluated: &Self| {
            let all = evaluated.gradients.iter().flat_map(|gradient| gradient.data());
            all.copied().map(f64::from).collect::<Vec<_>>()
        };
        values(self).iter().zip(&values(other)).map(|(a, b)| a * a - b * b).sum()
    }
}
