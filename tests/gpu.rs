//! What the GPU executor promises, on whatever adapter there is. Without one these tests fail and
//! say what to install.

use diabolo::error::{Error, Result};
use diabolo::gpu::{Adapters, DeviceChoice, GpuExecutor, GpuOptions, Mixed, ShaderChecks};
use diabolo::graph::{
    Clock, Executor, Graph, Initialiser, METRIC_ROWS, Plan, PlanRequest, State, StateLayout,
    Training,
};
use diabolo::ops::{self, Activation, NodeId, Optimiser, StepScalars};
use diabolo::rng::Seed;
use diabolo::shape::Shape;
use diabolo::tensor::Tensor;

/// The best adapter, with kernels checked and nothing kept on disk.
fn executor() -> GpuExecutor {
    let options = GpuOptions {
        checks: ShaderChecks::Checked,
        target: None,
        mixed: Mixed::Stored,
        cache: None,
        tuning: None,
    };
    GpuExecutor::choose(&DeviceChoice::Gpu, options).unwrap_or_else(|error| panic!("{error}"))
}

/// Numbers that are small, exact and all different.
fn ramp(shape: impl Into<Shape>, scale: f32) -> Tensor {
    let shape = shape.into();
    let data = (0..shape.elements()).map(|i| scale * (i as f32 - 7.0)).collect();
    Tensor::new(shape, data).unwrap()
}

fn steps(rows: std::ops::Range<u32>) -> Vec<StepScalars> {
    let step = |row| StepScalars {
        step: row,
        row: row % METRIC_ROWS as u32,
        learning_rate: 0.01,
        corrections: Optimiser::adam().corrections(row),
        ..StepScalars::default()
    };
    rows.map(step).collect()
}

struct Request<'a> {
    graph: &'a Graph,
    layout: &'a StateLayout,
    outputs: &'a [(&'a str, NodeId)],
    metrics: &'a [(&'a str, NodeId)],
    training: Option<Training>,
}

impl Request<'_> {
    fn plan(self, executor: &GpuExecutor) -> Plan {
        let named = |list: &[(&str, NodeId)]| {
            list.iter().map(|(name, node)| (name.to_string(), *node)).collect::<Vec<_>>()
        };
        Plan::new(&PlanRequest {
            outputs: named(self.outputs),
            metrics: named(self.metrics),
            training: self.training,
            ..PlanRequest::new(self.graph, self.layout, executor.target())
        })
        .unwrap()
    }
}

/// `loss = sum of (weight - goal)^2`, trained by Adam.
struct Fit {
    graph: Graph,
    weight: NodeId,
    loss: NodeId,
}

impl Fit {
    fn new(name: &str, size: usize) -> Result<Self> {
        let mut graph = Graph::new();
        let weight = graph.parameter(name, [size], Initialiser::Uniform { bound: 1.0 })?;
        let goal = graph.constant(ramp([size], 0.5));
        let difference = ops::sub(&mut graph, weight, goal)?;
        let squares = ops::mul(&mut graph, difference, difference)?;
        let loss = ops::sum_all(&mut graph, squares)?;
        Ok(Self { graph, weight, loss })
    }

    fn training_plan(&self, executor: &GpuExecutor) -> Plan {
        let training = Training { loss: self.loss, optimiser: Optimiser::adam(), clip_norm: None };
        Request {
            graph: &self.graph,
            layout: &self.graph.layout(),
            outputs: &[],
            metrics: &[("loss", self.loss)],
            training: Some(training),
        }
        .plan(executor)
    }

    fn reading_plan(&self, executor: &GpuExecutor) -> Plan {
        let layout = self.graph.layout();
        let outputs = [("weight", self.weight), ("loss", self.loss)];
        let request = Request {
            graph: &self.graph,
            layout: &layout,
            outputs: &outputs,
            metrics: &[],
            training: None,
        };
        request.plan(executor)
    }
}

#[test]
fn adapters_are_listed_best_first_and_stably() {
    let (first, second) = (Adapters::find(), Adapters::find());
    assert_eq!(first.list(), second.list());
    let selection = DeviceChoice::Gpu.select(first.list());
    selection.unwrap_or_else(|error| panic!("{error}"));
    let report = diabolo::gpu::adapters_report();
    for adapter in first.list() {
        assert!(report.contains(&adapter.to_string()), "{report}");
    }
    assert!(report.contains("auto takes") && report.contains("cpu"), "{report}");
}

#[test]
fn an_unknown_adapter_is_an_error_that_lists_the_known() {
    for name in ["no such adapter", "4711"] {
        let choice: DeviceChoice = name.parse().unwrap();
        let error = GpuExecutor::choose(&choice, GpuOptions::default()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("auto, cpu, gpu"), "{error}");
    }
}

#[test]
fn a_plan_computes_its_output_from_two_inputs() -> Result<()> {
    let mut executor = executor();
    let mut graph = Graph::new();
    // 7 x 3 ends in the middle of a vec4.
    let (a, b) = (graph.input("a", [7, 3]), graph.input("b", [7, 3]));
    let sum = ops::add(&mut graph, a, b)?;
    let layout = StateLayout::default();
    let request = Request {
        graph: &graph,
        layout: &layout,
        outputs: &[("sum", sum)],
        metrics: &[],
        training: None,
    };
    let plan = executor.add_plan(request.plan(&executor), None)?;
    let (a, b) = (ramp([7, 3], 0.5), ramp([7, 3], -2.0));
    for scale in [1.0, 3.0] {
        let a = Tensor::new([7, 3], a.data().iter().map(|value| value * scale).collect())?;
        executor.write_input(plan, "a", &a)?;
        executor.write_input(plan, "b", &b)?;
        executor.poison(plan)?;
        executor.run(plan, &steps(0..1))?;
        let expected: Vec<f32> = a.data().iter().zip(b.data()).map(|(a, b)| a + b).collect();
        assert_eq!(executor.read_output(plan, "sum")?, Tensor::new([7, 3], expected)?);
    }
    let wrong = executor.write_input(plan, "a", &ramp([3, 7], 1.0)).unwrap_err();
    assert!(matches!(wrong, Error::Shape { .. }), "{wrong}");
    assert!(executor.write_input(plan, "c", &a).is_err());
    assert!(executor.read_output(plan, "product").is_err());
    Ok(())
}

#[test]
fn a_layer_agrees_with_plain_loops() -> Result<()> {
    let (m, k, n) = (5, 33, 17);
    let mut executor = executor();
    let mut graph = Graph::new();
    let (x, w, c) = (graph.input("x", [m, k]), graph.input("w", [k, n]), graph.input("c", [n]));
    let product = ops::matmul(&mut graph, x, w)?;
    let biased = ops::bias(&mut graph, product, c)?;
    let y = ops::activate(&mut graph, biased, Activation::Relu)?;
    let layout = StateLayout::default();
    let request = Request {
        graph: &graph,
        layout: &layout,
        outputs: &[("y", y)],
        metrics: &[],
        training: None,
    };
    let plan = executor.add_plan(request.plan(&executor), None)?;
    let (x, w, c) = (ramp([m, k], 0.25), ramp([k, n], 0.125), ramp([n], -8.0));
    for (name, value) in [("x", &x), ("w", &w), ("c", &c)] {
        executor.write_input(plan, name, value)?;
    }
    executor.poison(plan)?;
    executor.run(plan, &steps(0..1))?;
    let y = executor.read_output(plan, "y")?;
    for (index, value) in y.data().iter().enumerate() {
        let (row, column) = (index / n, index % n);
        let terms = (0..k).map(|i| x.data()[row * k + i] * w.data()[i * n + column]);
        let expected = (terms.sum::<f32>() + c.data()[column]).max(0.0);
        let tolerance = 1e-4 * expected.abs().max(1.0);
        assert!((value - expected).abs() < tolerance, "{row}, {column}: {value}, not {expected}");
    }
    Ok(())
}

#[test]
fn metrics_come_back_in_the_order_of_their_steps() -> Result<()> {
    let mut executor = executor();
    let fit = Fit::new("weight", 10)?;
    executor.set_state(&State::initial(&fit.graph.layout(), Seed(1), 2))?;
    let plan = executor.add_plan(fit.training_plan(&executor), None)?;
    executor.poison(plan)?;
    // Past the log's end, so that rows are used again, and past the lanes' number.
    let all = steps(1000..1000 + 7 * 16);
    let mut rows = vec![];
    for part in all.chunks(16) {
        executor.run(plan, part)?;
        rows.extend(executor.take_metrics(false)?);
    }
    rows.extend(executor.take_metrics(true)?);
    let scalars: Vec<_> = rows.iter().map(|row| row.scalars).collect();
    assert_eq!(scalars, all);
    let losses: Vec<f32> = rows.iter().map(|row| row.values[0]).collect();
    assert!(losses.windows(2).all(|pair| pair[1] < pair[0]), "not falling: {losses:?}");
    assert!(executor.take_metrics(true)?.is_empty());
    let beyond = StepScalars { row: METRIC_ROWS as u32, ..StepScalars::default() };
    assert!(executor.run(plan, &[beyond]).is_err());
    Ok(())
}

#[test]
fn grouping_steps_in_submissions_changes_nothing() -> Result<()> {
    let fit = Fit::new("weight", 70)?;
    let mut states = vec![];
    for group in [1, 16, 100] {
        let mut executor = executor();
        executor.set_state(&State::initial(&fit.graph.layout(), Seed(2), 2))?;
        let plan = executor.add_plan(fit.training_plan(&executor), None)?;
        for part in steps(0..100).chunks(group) {
            executor.run(plan, part)?;
        }
        states.push(executor.state()?);
    }
    assert_eq!(states[0], states[1]);
    assert_eq!(states[0], states[2]);
    Ok(())
}

#[test]
fn steps_that_are_timed_are_the_same_steps_and_take_time() -> Result<()> {
    let fit = Fit::new("weight", 70)?;
    let mut states = vec![];
    for timed in [false, true] {
        let mut executor = executor();
        executor.set_state(&State::initial(&fit.graph.layout(), Seed(2), 2))?;
        let plan = executor.add_plan(fit.training_plan(&executor), None)?;
        if timed {
            let begin = std::time::Instant::now();
            let timed = executor.run_timed(plan, &steps(0..100))?;
            let wall = begin.elapsed().as_secs_f64();
            assert!(timed.seconds > 0.0 && timed.seconds <= wall, "{timed:?} of {wall}");
            // Only a device that can profile has a clock.
            let has_clock = executor.set_profiling(true).is_ok();
            assert_eq!(timed.clock == Clock::Timestamps, has_clock);
            // Many steps fit one submission by then, as they do in training.
            assert!(executor.steps_at_once(plan) > 1);
            executor.set_profiling(false)?;
            let beyond = StepScalars { row: METRIC_ROWS as u32, ..StepScalars::default() };
            assert!(executor.run_timed(plan, &[beyond]).is_err());
        } else {
            executor.run(plan, &steps(0..100))?;
        }
        states.push(executor.state()?);
    }
    assert_eq!(states[0], states[1]);
    Ok(())
}

#[test]
fn every_adapter_trains_alike_checked_or_trusted() -> Result<()> {
    let adapters = Adapters::find();
    let fit = Fit::new("weight", 70)?;
    let mut reference: Option<Vec<f32>> = None;
    for (index, adapter) in adapters.list().iter().enumerate().filter(|(_, a)| a.is_usable()) {
        for checks in [ShaderChecks::Checked, ShaderChecks::Trusted] {
            let options = GpuOptions {
                checks,
                target: None,
                mixed: Mixed::Stored,
                cache: None,
                tuning: None,
            };
            let mut executor = GpuExecutor::open(&adapters, index, options)?;
            executor.set_state(&State::initial(&fit.graph.layout(), Seed(2), 2))?;
            let plan = executor.add_plan(fit.training_plan(&executor), None)?;
            executor.run(plan, &steps(0..20))?;
            let values = executor.state()?.parameters;
            let reference = reference.get_or_insert_with(|| values.clone());
            for (a, b) in values.iter().zip(reference.iter()) {
                assert!((a - b).abs() < 1e-5, "{adapter}, {checks:?}: {a}, not {b}");
            }
        }
    }
    assert!(reference.is_some(), "no adapter can be used");
    Ok(())
}

#[test]
fn a_state_comes_back_as_it_was_set() -> Result<()> {
    let mut executor = executor();
    assert!(executor.state().is_err(), "none was set");
    let mut graph = Graph::new();
    graph.parameter("a", [3, 5], Initialiser::Uniform { bound: 1.0 })?;
    graph.buffer("mean", [130], Initialiser::Constant(0.5))?;
    graph.parameter("b", [7], Initialiser::HeUniform { fan_in: 7 })?;
    for seed in [3, 4] {
        let mut state = State::initial(&graph.layout(), Seed(seed), 2);
        state.moments[1].iter_mut().enumerate().for_each(|(i, value)| *value = i as f32);
        executor.set_state(&state)?;
        assert_eq!(executor.state()?, state);
    }
    let mut short = State::initial(&graph.layout(), Seed(3), 2);
    short.parameters.pop();
    assert!(executor.set_state(&short).is_err());
    Ok(())
}

#[test]
fn a_plan_for_another_state_is_an_error() -> Result<()> {
    let mut executor = executor();
    let (fit, other) = (Fit::new("weight", 10)?, Fit::new("other", 10)?);
    assert!(executor.add_plan(fit.training_plan(&executor), None).is_err(), "there is no state");
    executor.set_state(&State::initial(&fit.graph.layout(), Seed(1), 1))?;
    let error = executor.add_plan(other.reading_plan(&executor), None).unwrap_err().to_string();
    assert!(error.contains("laid out differently"), "{error}");
    let error = executor.add_plan(fit.training_plan(&executor), None).unwrap_err().to_string();
    assert!(error.contains("2 moments"), "{error}");
    executor.add_plan(fit.reading_plan(&executor), None)?;
    let error = executor.set_state(&State::initial(&other.graph.layout(), Seed(1), 1));
    assert!(error.is_err(), "a plan uses the state");
    Ok(())
}

#[test]
fn two_plans_share_one_state() -> Result<()> {
    let mut executor = executor();
    let fit = Fit::new("weight", 21)?;
    executor.set_state(&State::initial(&fit.graph.layout(), Seed(5), 2))?;
    let train = executor.add_plan(fit.training_plan(&executor), None)?;
    let read = executor.add_plan(fit.reading_plan(&executor), None)?;
    for part in steps(0..8).chunks(4) {
        executor.run(train, part)?;
        executor.run(read, &part[..1])?;
        let state = executor.state()?;
        let (_, _, values) = state.tensors().next().unwrap();
        assert_eq!(executor.read_output(read, "weight")?.data(), values);
    }
    let rows = executor.take_metrics(true)?;
    assert!(rows.iter().all(|row| row.plan == train) && rows.len() == 8);
    Ok(())
}

#[test]
fn a_profile_counts_every_operation() -> Result<()> {
    let mut executor = executor();
    let fit = Fit::new("weight", 1000)?;
    executor.set_state(&State::initial(&fit.graph.layout(), Seed(6), 2))?;
    let plan = fit.training_plan(&executor);
    let (operations, flops) = (plan.steps.len() as u64, plan.flops());
    let plan = executor.add_plan(plan, None)?;
    if let Err(error) = executor.set_profiling(true) {
        assert!(matches!(error, Error::Device(_)), "{error}");
        return Ok(());
    }
    executor.run(plan, &steps(0..3))?;
    executor.set_profiling(false)?;
    executor.run(plan, &steps(3..8))?;
    let rows = executor.profile()?;
    assert_eq!(rows.iter().map(|row| row.calls).sum::<u64>(), 3 * operations);
    assert_eq!(rows.iter().map(|row| row.flops).sum::<u64>(), 3 * flops);
    assert!(rows.iter().map(|row| row.seconds).sum::<f64>() > 0.0, "{rows:?}");
    assert!(rows.windows(2).all(|pair| pair[0].seconds >= pair[1].seconds));
    assert!(diabolo::graph::profile_table(&rows).contains("adam"));
    assert_eq!(executor.take_metrics(true)?.len(), 8);
    Ok(())
}

#[test]
fn data_is_bounded_by_its_room() -> Result<()> {
    let mut executor = executor();
    let data = executor.add_data(3, 5)?;
    executor.write_data(data, &[9; 15], &[1, 2, 3])?;
    executor.write_data(data, &[9; 5], &[])?;
    executor.write_order(data, &[2, 0])?;
    assert!(executor.write_data(data, &[9; 16], &[]).is_err());
    assert!(executor.write_data(data, &[], &[0; 4]).is_err());
    assert!(executor.write_order(data, &[0; 4]).is_err());
    Ok(())
}

#[test]
fn compiled_pipelines_survive_on_disk_and_damage_does_not_matter() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let fit = Fit::new("weight", 12)?;
    let run = || -> Result<State> {
        let options = GpuOptions {
            checks: ShaderChecks::Checked,
            target: None,
            mixed: Mixed::Stored,
            cache: Some(folder.path().join("pipelines")),
            tuning: None,
        };
        let mut executor = GpuExecutor::choose(&DeviceChoice::Gpu, options)?;
        executor.set_state(&State::initial(&fit.graph.layout(), Seed(7), 2))?;
        let plan = executor.add_plan(fit.training_plan(&executor), None)?;
        executor.run(plan, &steps(0..2))?;
        executor.state()
    };
    let first = run()?;
    assert_eq!(run()?, first);
    // Adapters without a cache write no file.
    for entry in std::fs::read_dir(folder.path().join("pipelines")).into_iter().flatten() {
        std::fs::write(entry.unwrap().path(), b"not a cache").unwrap();
    }
    assert_eq!(run()?, first);
    Ok(())
}

#[test]
fn memory_is_what_the_plan_says_to_the_byte() -> Result<()> {
    let mut executor = executor();
    let fit = Fit::new("weight", 12)?;
    executor.set_state(&State::initial(&fit.graph.layout(), Seed(7), 2))?;
    let plan = fit.training_plan(&executor);
    let planned = plan.memory.total();
    let plan = executor.add_plan(plan, None)?;
    assert_eq!(executor.bytes(plan)?, planned);
    Ok(())
}
