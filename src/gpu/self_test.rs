//! A look at an adapter and driver that were not met before: what is known to go wrong on some, in one
//! plan, computed there and on the processor.

use crate::cpu::CpuExecutor;
use crate::error::Result;
use crate::graph::{
    Executor, Graph, HalfStorage, Initialiser, Plan, PlanRequest, State, StateLayout, Training,
};
use crate::ops::{
    self, Activation, ConvGeometry, GpuTarget, NodeId, Optimiser, ReduceKind, StepScalars,
    UnaryKind,
};
use crate::rng::{Seed, Stream, block, uniform};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How far a number may be from the processor's, as a share of it where it is above 1: sums are taken in
/// another order, and a GPU's functions are a little less exact.
const TOLERANCE: f32 = 1e-3;

/// The same of the largest number, where what is multiplied has 11 bits: sixteen roundings.
const HALF_TOLERANCE: f32 = 1.0 / 128.0;

/// What is computed.
#[derive(Debug)]
pub(crate) struct SelfTest {
    pub graph: Graph,
    pub loss: NodeId,
    pub outputs: Vec<(String, NodeId)>,
    pub inputs: Vec<(String, Tensor)>,
    /// What is kept as f16.
    pub half: Option<HalfStorage>,
}

impl SelfTest {
    /// The shapes that are known to go wrong.
    pub fn new() -> Result<Self> {
        let mut graph = Graph::new();
        let loss = dense(&mut graph)?;
        let mut this = Self { graph, loss, outputs: vec![], inputs: vec![], half: None };
        this.products()?;
        this.images()?;
        this.rows()?;
        Ok(this)
    }

    /// An input of random numbers between -1 and 1.
    pub fn input(&mut self, shape: impl Into<Shape>) -> NodeId {
        let (shape, number) = (shape.into(), self.inputs.len());
        let name = format!("x{number}");
        self.inputs.push((name.clone(), random(&shape, number as u64)));
        self.graph.input(&name, shape)
    }

    /// Has a node compared.
    pub fn compare(&mut self, name: &str, node: NodeId) {
        self.outputs.push((name.into(), node));
    }

    fn products(&mut self) -> Result<()> {
        let (a, b) = (self.input([10, 2051]), self.input([2051, 7]));
        let product = ops::matmul(&mut self.graph, a, b)?;
        self.compare("a product of many terms", product);
        Ok(())
    }

    fn images(&mut self) -> Result<()> {
        let geometry = |kernel, stride, padding| ConvGeometry {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [[padding; 2]; 2],
            dilation: [1; 2],
        };
        let (x, w) = (self.input([2, 6, 13, 11]), self.input([9, 6, 7, 7]));
        let wide = ops::conv2d(&mut self.graph, x, w, geometry(7, 1, 3))?;
        self.compare("a convolution of 7x7", wide);
        // By tiles where there are channels enough, else each place by itself.
        for channels in [9, 3] {
            let (y, w) = (self.input([2, 6, 6, 5]), self.input([6, channels, 4, 4]));
            let larger = ops::conv_transpose2d(&mut self.graph, y, w, geometry(4, 2, 1), [0; 2])?;
            let name = format!("a transposed convolution of stride 2 to {channels} channels");
            self.compare(&name, larger);
        }
        let x = self.input([1, 3, 6, 6]);
        let (_, values) = self.inputs.last_mut().expect("an input was added just now");
        *values = Tensor::new(
            values.shape().clone(),
            values.data().iter().map(|x| if *x > 0.9 { f32::NAN } else { *x }).collect(),
        )?;
        let pooled = ops::max_pool2d(&mut self.graph, x, geometry(2, 2, 0))?;
        self.compare("the maxima of what is no number in part", pooled);
        Ok(())
    }

    fn rows(&mut self) -> Result<()> {
        let x = self.input([5, 37]);
        let shares = ops::softmax(&mut self.graph, x)?;
        self.compare("a softmax", shares);
        let x = self.input([3, 17, 130]);
        let sums = ops::reduce(&mut self.graph, x, ReduceKind::Sum, &[0, 2])?;
        self.compare("a reduction", sums);
        let (x, y) = (self.input([9, 31]), self.input([9, 31]));
        let power = ops::unary(&mut self.graph, x, UnaryKind::Exp)?;
        let product = ops::mul(&mut self.graph, power, y)?;
        // Of sines WGSL promises less than is asked here.
        let bent = ops::activate(&mut self.graph, product, Activation::Tanh)?;
        let sum = ops::add(&mut self.graph, bent, x)?;
        self.compare("a chain of functions", sum);
        Ok(())
    }

    /// What `device` computes otherwise than the processor, a line each.
    ///
    /// # Errors
    /// When a kernel does not compile or the device is lost.
    pub fn failures(&self, device: &mut dyn Executor) -> Result<Vec<String>> {
        let expected = self.results(&mut CpuExecutor::new())?;
        let actual = self.results(device)?;
        let pairs = expected.iter().zip(&actual);
        let difference = if self.half.is_some() { half_difference } else { difference };
        Ok(pairs.filter_map(|((name, a), (_, b))| difference(name, a, b)).collect())
    }

    pub fn plan(&self, layout: &StateLayout, target: Option<&GpuTarget>) -> Result<Plan> {
        let optimiser = Optimiser::adam();
        Plan::new(&PlanRequest {
            outputs: self.outputs.clone(),
            training: Some(Training { loss: self.loss, optimiser, clip_norm: None }),
            half: self.half,
            ..PlanRequest::new(&self.graph, layout, target)
        })
    }

    /// The two steps that are taken.
    pub fn steps() -> [StepScalars; 2] {
        [0, 1].map(|step| StepScalars {
            step,
            row: step,
            learning_rate: 0.1,
            corrections: Optimiser::adam().corrections(step),
            ..StepScalars::default()
        })
    }

    /// What two steps give, by name: the outputs, and what became of the parameters and moments. By f16 it is the
    /// moments after one step, which are gradients: of one near zero Adam asks the sign, which a rounding changes.
    fn results(&self, device: &mut dyn Executor) -> Result<Vec<(String, Vec<f32>)>> {
        let (layout, optimiser) = (self.graph.layout(), Optimiser::adam());
        device.set_state(&State::initial(&layout, Seed(0), optimiser.moments()))?;
        let plan = self.plan(&layout, device.target())?;
        let plan = device.add_plan(plan, None)?;
        for (name, value) in &self.inputs {
            device.write_input(plan, name, value)?;
        }
        let count = if self.half.is_some() { 1 } else { 2 };
        device.run(plan, &Self::steps()[..count])?;
        let mut results = vec![];
        for (name, _) in &self.outputs {
            results.push((name.clone(), device.read_output(plan, name)?.into_data()));
        }
        let state = device.state()?;
        if self.half.is_some() {
            for (entry, range) in layout.iter() {
                results.push((
                    format!("the gradient of {}", entry.name),
                    state.moments[0][range].to_vec(),
                ));
            }
            return Ok(results);
        }
        let mut numbers = state.parameters.clone();
        state.moments.iter().for_each(|moment| numbers.extend(moment));
        results.push(("a dense layer of 6 columns under Adam".into(), numbers));
        Ok(results)
    }
}

/// The loss of a dense layer of six columns.
fn dense(graph: &mut Graph) -> Result<NodeId> {
    let bound = Initialiser::Uniform { bound: 0.5 };
    let weight = graph.parameter("dense.weight", [33, 6], bound.clone())?;
    let bias = graph.parameter("dense.bias", [6], bound)?;
    let x = graph.constant(random(&Shape::from([9, 33]), 100));
    let goal = graph.constant(random(&Shape::from([9, 6]), 101));
    let product = ops::matmul(graph, x, weight)?;
    let y = ops::bias(graph, product, bias)?;
    let error = ops::squared_error(graph, y, goal)?;
    ops::mean_all(graph, error)
}

/// Numbers between -1 and 1.
pub(super) fn random(shape: &Shape, number: u64) -> Tensor {
    let words = (0..shape.elements().div_ceil(4) as u32)
        .flat_map(|at| block(Seed(number), Stream(0), 0, at))
        .take(shape.elements());
    let data = words.map(|word| 2.0 * uniform(word) - 1.0).collect();
    Tensor::new(shape.clone(), data).expect("as many numbers as the shape has")
}

/// Where `actual` is furthest from what it should be, if it is too far.
fn difference(name: &str, expected: &[f32], actual: &[f32]) -> Option<String> {
    worst(name, [expected, actual], |expected| TOLERANCE * expected.abs().max(1.0))
}

/// The same of numbers that are sums of others with 11 bits.
fn half_difference(name: &str, expected: &[f32], actual: &[f32]) -> Option<String> {
    let largest = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    worst(name, [expected, actual], |_| HALF_TOLERANCE * largest)
}

/// The number that is furthest off, as a share of what `tolerance` says of the right one, if that is above 1.
fn worst(
    name: &str,
    [expected, actual]: [&[f32]; 2],
    tolerance: impl Fn(f32) -> f32,
) -> Option<String> {
    let far = |(a, b): &(&f32, &f32)| match (a.is_nan(), b.is_nan()) {
        (true, true) => 0.0,
        (false, false) => (*a - *b).abs() / tolerance(**a),
        _ => f32::INFINITY,
    };
    let pairs = expected.iter().zip(actual);
    let worst = pairs.max_by(|a, b| far(a).total_cmp(&far(b)))?;
    let (expected, actual) = worst;
    // Written so that 0 / 0 is right and another number in place of 0 is wrong.
    (far(&worst) > 1.0).then(|| format!("{name}: {actual}, not {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{DeviceChoice, GpuExecutor, GpuOptions, Mixed, ShaderChecks};
    use crate::ops::Elementwise;

    /// The best adapter with kernels that run unchecked, as users run them.
    fn adapter(target: Option<GpuTarget>) -> GpuExecutor {
        let checks = ShaderChecks::Trusted;
        let options =
            GpuOptions { checks, target, mixed: Mixed::Stored, cache: None, tuning: None };
        GpuExecutor::choose(&DeviceChoice::Gpu, options).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn this_adapter_passes() {
        let test = SelfTest::new().unwrap();
        for target in [None, Some(GpuTarget::default())] {
            let failures = test.failures(&mut adapter(target)).unwrap();
            assert!(failures.is_empty(), "{failures:?}");
        }
        assert_eq!(test.failures(&mut CpuExecutor::new()).unwrap(), [""; 0]);
    }

    #[test]
    fn a_wrong_kernel_is_found_and_named() {
        let mut test = SelfTest::new().unwrap();
        let x = test.input([4, 5]);
        let wrong = Elementwise::new("wrong", "select(x, 0.25, x > 0.0)", |x| x);
        let y = wrong.apply(&mut test.graph, x).unwrap();
        test.compare("a wrong kernel", y);
        let failures = test.failures(&mut adapter(None)).unwrap();
        assert!(
            failures.len() == 1 && failures[0].starts_with("a wrong kernel: 0.25"),
            "{failures:?}"
        );
    }

    #[test]
    fn what_is_no_number_must_be_none_on_both() {
        assert_eq!(difference("x", &[f32::NAN, 2000.0], &[f32::NAN, 2001.0]), None);
        let wrong = difference("x", &[1.0, f32::NAN], &[1.0, 3.0]);
        assert_eq!(wrong.as_deref(), Some("x: 3, not NaN"));
        assert_eq!(difference("x", &[1.0, 5.0], &[1.5, 5.0]).as_deref(), Some("x: 1.5, not 1"));
    }

    /// Each is there for a kernel that went wrong somewhere; fusion must not have taken it away.
    #[test]
    fn the_plan_has_the_kernels_that_are_meant() {
        let test = SelfTest::new().unwrap();
        assert!(test.inputs.iter().any(|(_, x)| x.data().iter().any(|x| x.is_nan())));
        let device = adapter(Some(GpuTarget::default()));
        let target = device.target().unwrap();
        let steps = test.plan(&test.graph.layout(), Some(target)).unwrap().steps;
        let dispatches = steps.iter().flat_map(|step| step.dispatches(target));
        let seen: Vec<_> = dispatches.map(|it| (it.kernel.name, it.entry)).collect();
        for (kernel, entry) in [
            ("matmul_update", "tiled"),
            ("", "join"),
            ("conv2d", "tiled"),
            ("conv_transpose2d", "tiled"),
            ("conv_transpose2d", "direct"),
            ("max_pool2d", "values"),
            ("softmax", ""),
            ("reduce", ""),
            ("chain", ""),
        ] {
            let is_meant =
                |(name, of): &(&str, &str)| name.starts_with(kernel) && of.starts_with(entry);
            assert!(seen.iter().any(is_meant), "{kernel} {entry} is not in {seen:?}");
        }
    }
}
