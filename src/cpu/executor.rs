//! The CPU executor.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Instant;

use rayon::prelude::*;

use super::log::Log;
use super::memory::{Access, Dataset, Loaded, NO_DATA, Shared, TOGETHER};
use crate::error::{Error, Result};
use crate::graph::{
    Area, Arriving, DataId, Executor, HeldPlans, Location, MetricRow, Plan, PlanId, ProfileRow,
    Role, State,
};
use crate::ops::{GpuTarget, StepScalars};
use crate::tensor::Tensor;

/// Runs plans on all threads of the processor.
///
/// ```
/// use diabolo::cpu::CpuExecutor;
/// use diabolo::graph::{Executor, Graph, Plan, PlanRequest};
/// use diabolo::ops::{self, StepScalars};
/// use diabolo::tensor::Tensor;
///
/// let mut graph = Graph::new();
/// let (a, b) = (graph.input("a", [2, 2]), graph.input("b", [2, 2]));
/// let product = ops::matmul(&mut graph, a, b)?;
/// let layout = graph.layout();
/// let outputs = vec![("product".into(), product)];
///
/// let mut device = CpuExecutor::new();
/// let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, device.target()) })?;
/// let plan = device.add_plan(plan, None)?;
/// device.write_input(plan, "a", &Tensor::new([2, 2], vec![1.0, 2.0, 3.0, 4.0])?)?;
/// device.write_input(plan, "b", &Tensor::new([2, 2], vec![0.0, 1.0, 1.0, 0.0])?)?;
/// device.run(plan, &[StepScalars::default()])?;
/// assert_eq!(device.read_output(plan, "product")?.data(), [2.0, 1.0, 4.0, 3.0]);
/// # Ok::<(), diabolo::error::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct CpuExecutor {
    shared: Shared,
    plans: HeldPlans<Loaded>,
    log: Log,
    profile: Option<HashMap<(&'static str, String), ProfileRow>>,
    /// Its own threads, where it does not have all.
    threads: Option<rayon::ThreadPool>,
}

/// Numbers that did not have to go anywhere.
struct Here(Vec<f32>);

impl Arriving for Here {
    fn has_arrived(&self) -> Result<bool> {
        Ok(true)
    }

    fn take(self: Box<Self>) -> Result<Vec<f32>> {
        Ok(self.0)
    }
}

impl CpuExecutor {
    /// An executor without a state.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, on so many threads of its own.
    ///
    /// # Errors
    /// When the system has no such threads.
    pub fn with_threads(threads: usize) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let refused = |error| Error::Device(format!("there are no {threads} threads: {error}"));
        Ok(Self { threads: Some(pool.map_err(refused)?), ..Self::default() })
    }

    /// Fills the working memory of a plan with NaN, so that a test sees what is read before it is
    /// written.
    pub fn poison(&mut self, plan: PlanId) {
        let loaded = &mut self.plans[plan];
        loaded.slots.iter_mut().for_each(|slot| slot.fill(f32::NAN));
        loaded.metrics.fill(f32::NAN);
    }

    /// Stores gradients, laid out like the parameters, for a plan of
    /// [`Stage::Update`](crate::graph::Stage::Update) to read.
    ///
    /// # Errors
    /// When they are not as many numbers as the parameters.
    pub fn set_gradients(&mut self, gradients: Vec<f32>) -> Result<()> {
        if gradients.len() != self.shared.gradients.len() {
            return Err(Error::Graph("gradients and parameters are as many numbers".into()));
        }
        self.shared.gradients = gradients;
        Ok(())
    }

    /// The state as it is, without a copy.
    ///
    /// # Errors
    /// When none was set.
    pub(crate) fn held_state(&self) -> Result<&State> {
        self.shared.state()
    }

    fn dataset(&mut self, data: DataId) -> Result<&mut Dataset> {
        self.shared
            .data
            .get_mut(data.0)
            .ok_or_else(|| Error::Graph("there is no such dataset".into()))
    }

    /// Calls `run` from one of its threads, where operations share their work without waking others anew.
    fn on_threads(&mut self, run: impl FnOnce(&mut Self) -> Result<()> + Send) -> Result<()> {
        match self.threads.take() {
            None => rayon::scope(|_| run(self)),
            Some(threads) => {
                let result = threads.install(|| run(self));
                self.threads = Some(threads);
                result
            }
        }
    }

    fn run_operations(
        &mut self,
        plan: PlanId,
        scalars: &StepScalars,
        operations: Range<usize>,
    ) -> Result<()> {
        let is_last = operations.end == self.plans[plan].plan.steps.len();
        for operation in operations {
            self.run_step(plan, operation, scalars)?;
        }
        let loaded = &self.plans[plan];
        let columns = loaded.plan.metrics.len();
        if is_last && columns > 0 {
            let row = &loaded.metrics[scalars.row as usize * columns..][..columns];
            self.log.values.extend_from_slice(row);
            self.log.steps.push((plan, *scalars, columns));
        }
        Ok(())
    }

    fn run_step(&mut self, plan: PlanId, step: usize, scalars: &StepScalars) -> Result<()> {
        let begin = self.profile.is_some().then(Instant::now);
        self.plans[plan].run_step(&mut Access::Alone(&mut self.shared), step, scalars)?;
        if let Some(begin) = begin {
            self.note(plan, step, begin.elapsed().as_secs_f64());
        }
        Ok(())
    }

    fn note(&mut self, plan: PlanId, step: usize, seconds: f64) {
        let step = &self.plans[plan].plan.steps[step];
        let Some(profile) = &mut self.profile else { return };
        let row = ProfileRow::of(step);
        let row = profile.entry((row.op, row.shape.clone())).or_insert(row);
        row.calls += 1;
        row.seconds += seconds;
        row.flops += step.op.flops(&step.shapes);
    }
}

impl Executor for CpuExecutor {
    fn name(&self) -> String {
        let own = self.threads.as_ref().map(rayon::ThreadPool::current_num_threads);
        match own.unwrap_or_else(rayon::current_num_threads) {
            1 if own.is_some() => "CPU (1 thread)".into(),
            threads => format!("CPU ({threads} threads)"),
        }
    }

    fn target(&self) -> Option<&GpuTarget> {
        None
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        let shared = &mut self.shared;
        match &mut shared.state {
            Some(held) if held.layout == state.layout => {
                held.parameters.clone_from(&state.parameters);
                held.buffers.clone_from(&state.buffers);
                held.moments.clone_from(&state.moments);
            }
            _ => {
                shared.gradients = vec![0.0; state.layout.words(Role::Parameter)];
                shared.sums.fill(shared.gradients.clone());
                shared.state = Some(state.clone());
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<State> {
        self.held_state().cloned()
    }

    fn send_sum(&mut self, sum: usize, words: Range<usize>) -> Result<Box<dyn Arriving>> {
        let numbers = self.shared.sums.get(sum).and_then(|sum| sum.get(words));
        let missing = || Error::Graph(format!("no plan was added that makes sum {sum}"));
        Ok(Box::new(Here(numbers.ok_or_else(missing)?.to_vec())))
    }

    fn add_data(&mut self, images: usize, bytes: usize) -> Result<DataId> {
        self.shared.data.push(Dataset {
            image_bytes: bytes,
            images,
            pixels: vec![0.0; (images * bytes).div_ceil(4)],
            labels: vec![0.0; images],
            order: vec![0.0; images],
        });
        Ok(DataId(self.shared.data.len() - 1))
    }

    fn write_data(&mut self, data: DataId, pixels: &[u8], labels: &[u32]) -> Result<()> {
        let dataset = self.dataset(data)?;
        if pixels.len() > dataset.images * dataset.image_bytes || labels.len() > dataset.images {
            return Err(Error::Graph("more images than room was made for".into()));
        }
        bytemuck::cast_slice_mut::<f32, u8>(&mut dataset.pixels)[..pixels.len()]
            .copy_from_slice(pixels);
        bytemuck::cast_slice_mut::<f32, u32>(&mut dataset.labels)[..labels.len()]
            .copy_from_slice(labels);
        Ok(())
    }

    fn write_order(&mut self, data: DataId, order: &[u32]) -> Result<()> {
        let dataset = self.dataset(data)?;
        if order.len() > dataset.images {
            return Err(Error::Graph("a longer order than room was made for".into()));
        }
        bytemuck::cast_slice_mut::<f32, u32>(&mut dataset.order)[..order.len()]
            .copy_from_slice(order);
        Ok(())
    }

    fn add_plan(&mut self, plan: Plan, data: Option<DataId>) -> Result<PlanId> {
        // A plan without parameters needs no state, as on a GPU.
        if self.shared.state.is_some() || !plan.layout.entries().is_empty() {
            let state = self.held_state()?;
            if state.layout != plan.layout {
                return Err(Error::Graph("the plan was made for another model's state".into()));
            }
            if state.moments.len() < plan.moments {
                return Err(Error::Graph(
                    "the state lacks moments that the optimiser needs".into(),
                ));
            }
        }
        let reads_data = |location: &Location| matches!(location.area, Area::Data(_));
        if data.is_none() && plan.steps.iter().flat_map(|step| &step.inputs).any(reads_data) {
            return Err(Error::Graph(NO_DATA.into()));
        }
        let words = plan.layout.words(Role::Parameter);
        let sums = self.shared.sums.len().max(plan.sums());
        self.shared.sums.resize(sums, vec![0.0; words]);
        Ok(self.plans.add(Loaded::new(plan, data)))
    }

    fn remove_plan(&mut self, plan: PlanId) -> Result<()> {
        self.plans.remove(plan).map(drop)
    }

    fn memory_held(&self) -> u64 {
        let Shared { state, gradients, sums, data } = &self.shared;
        let state = state.iter().flat_map(|state| {
            [&state.parameters, &state.buffers].into_iter().chain(&state.moments)
        });
        let data = data.iter().flat_map(|data| [&data.pixels, &data.labels, &data.order]);
        let plans = self.plans.iter().flat_map(Loaded::own);
        let own = [gradients].into_iter().chain(sums);
        let words = state.chain(own).chain(data).chain(plans).map(Vec::len);
        4 * words.sum::<usize>() as u64
    }

    fn write_input(&mut self, plan: PlanId, name: &str, value: &Tensor) -> Result<()> {
        let loaded = self.plans.get_mut(plan)?;
        let index = loaded.plan.input_index(name, value.shape())?;
        loaded.inputs[index].copy_from_slice(value.data());
        Ok(())
    }

    fn run(&mut self, plan: PlanId, steps: &[StepScalars]) -> Result<()> {
        let operations = 0..self.plans.get(plan)?.plan.steps.len();
        self.on_threads(|device| {
            let mut steps = steps.iter();
            steps.try_for_each(|step| device.run_operations(plan, step, operations.clone()))
        })
    }

    fn plans_at_once(&self) -> usize {
        self.threads
            .as_ref()
            .map_or_else(rayon::current_num_threads, |own| own.current_num_threads())
    }

    fn run_together(&mut self, steps: &[(PlanId, StepScalars)]) -> Result<()> {
        if steps.len() == 1 || self.profile.is_some() {
            return steps.iter().try_for_each(|(plan, step)| self.run(*plan, &[*step]));
        }
        let plans: Vec<PlanId> = steps.iter().map(|(plan, _)| *plan).collect();
        for plan in &plans {
            if !self.plans.get(*plan)?.writes_slots_alone() {
                return Err(Error::Graph(TOGETHER.into()));
            }
        }
        self.on_threads(|device| {
            let shared = &device.shared;
            let plans = device.plans.several_mut(&plans)?.into_par_iter();
            plans.zip(steps).try_for_each(|(loaded, (_, step))| {
                let mut operations = 0..loaded.plan.steps.len();
                operations
                    .try_for_each(|at| loaded.run_step(&mut Access::Together(shared), at, step))
            })
        })
    }

    fn run_part(
        &mut self,
        plan: PlanId,
        step: &StepScalars,
        operations: Range<usize>,
    ) -> Result<()> {
        self.plans.get(plan)?;
        self.on_threads(|device| device.run_operations(plan, step, operations))
    }

    fn plan(&self, plan: PlanId) -> Result<&Plan> {
        Ok(&self.plans.get(plan)?.plan)
    }

    fn run_operation(
        &mut self,
        plan: PlanId,
        operation: usize,
        scalars: &StepScalars,
    ) -> Result<Vec<Vec<f32>>> {
        let step = Executor::plan(self, plan)?.steps.get(operation);
        let step = step.ok_or_else(|| Error::Graph("there is no such operation".into()))?;
        let outputs = step.outputs.clone();
        self.run_step(plan, operation, scalars)?;
        let loaded = &self.plans[plan];
        let read = |at: &Location| Ok(loaded.memory(&self.shared, at.area)?[at.range()].to_vec());
        outputs.iter().map(read).collect()
    }

    fn read_output(&mut self, plan: PlanId, name: &str) -> Result<Tensor> {
        let loaded = self.plans.get(plan)?;
        let (location, shape) = loaded.plan.output(name)?;
        let memory = loaded.memory(&self.shared, location.area)?;
        Tensor::new(shape, memory[location.range()].to_vec())
    }

    fn take_metrics(&mut self, _wait: bool) -> Result<Vec<MetricRow>> {
        Ok(self.log.take())
    }

    fn wait(&mut self) -> Result<()> {
        Ok(())
    }

    fn set_profiling(&mut self, on: bool) -> Result<()> {
        self.profile = on.then(HashMap::new);
        Ok(())
    }

    fn profile(&mut self) -> Result<Vec<ProfileRow>> {
        let mut rows: Vec<_> = self.profile.iter().flatten().map(|(_, row)| row.clone()).collect();
        rows.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        Ok(rows)
    }
}
