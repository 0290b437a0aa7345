//! The executor that runs plans on an adapter.

mod stepping;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::adapters::Adapters;
use super::choice::{DeviceChoice, Selection};
use super::device::GpuDevice;
use super::memory::{DataMemory, Memory, PlanMemory, StateMemory, upload};
use super::pace::{Pace, split};
use super::pipelines::{GpuOptions, Pipelines};
use super::profiler::Profiler;
use super::program::{Parts, Program, record, scalars_of};
use super::readback::{OnItsWay, Readback};
use super::staging::PixelStaging;
use super::submissions::{Part, Submissions, together};
use super::timestamps::Timestamps;
use crate::error::{Error, Result};
use crate::graph::{
    Arriving, Bytes, DataId, Executor, HeldPlans, MetricRow, Plan, PlanId, ProfileRow, Role,
    Staging, State, Timed,
};
use crate::ops::{GpuTarget, StepScalars};
use crate::tensor::Tensor;

/// Runs plans on a GPU, or on whatever an adapter is made of.
///
/// What the driver reports late, such as a lost device, is returned by the next call.
#[derive(Debug)]
pub struct GpuExecutor {
    pub(super) device: GpuDevice,
    pipelines: Pipelines,
    state: Option<StateMemory>,
    data: Vec<DataMemory>,
    programs: HeldPlans<(Program, Option<DataId>)>,
    submissions: Submissions,
    readback: Readback,
    profiler: Option<Profiler>,
    /// The device's clock, once something was measured by it.
    clock: Option<Timestamps>,
}

impl GpuExecutor {
    /// Opens adapter `index` of the list.
    ///
    /// # Errors
    /// When there is no such adapter, it cannot be used, or its driver refuses.
    pub fn open(adapters: &Adapters, index: usize, options: GpuOptions) -> Result<Self> {
        let mut device = GpuDevice::open(adapters, index, options.target.clone(), options.mixed)?;
        if let Some(folder) = &options.tuning {
            device.target.tuning = Arc::new(super::tuning_file::load(folder, &device));
        }
        let pipelines = Pipelines::new(&device, &options);
        let submissions = Submissions::new(&device)?;
        Ok(Self {
            device,
            pipelines,
            state: None,
            data: vec![],
            programs: HeldPlans::default(),
            submissions,
            readback: Readback::default(),
            profiler: None,
            clock: None,
        })
    }

    /// Opens the adapter that `choice` comes to.
    ///
    /// # Errors
    /// As [`GpuExecutor::open`], and when the choice comes to the CPU.
    pub fn choose(choice: &DeviceChoice, options: GpuOptions) -> Result<Self> {
        let adapters = Adapters::find();
        match choice.select(adapters.list())? {
            Selection::Adapter(index, _) => Self::open(&adapters, index, options),
            Selection::Cpu(reason) => Err(Error::Device(format!("{choice}: {reason}"))),
        }
    }

    /// Fills a plan's working memory and metrics log with NaN, so that a test sees what a kernel
    /// leaves out.
    ///
    /// # Errors
    /// When there is no such plan or the device is lost.
    pub fn poison(&mut self, plan: PlanId) -> Result<()> {
        /// A quiet NaN, as f32 and as two f16.
        const POISON: u32 = 0x7fc0_7fc0;
        let (program, _) = self.program(plan)?;
        for buffer in program.memory.slots.iter().chain([&program.memory.metrics]) {
            let words = vec![POISON; buffer.size() as usize / 4];
            upload(&self.device, buffer, 0, bytemuck::cast_slice(&words));
        }
        self.device.check()
    }

    /// Bytes that a plan and the state it works on take on the device.
    ///
    /// # Errors
    /// When there is no such plan.
    pub fn bytes(&self, plan: PlanId) -> Result<u64> {
        let (program, _) = self.program(plan)?;
        Ok(program.memory.bytes() + self.state.as_ref().map_or(0, StateMemory::bytes))
    }

    fn program(&self, plan: PlanId) -> Result<&(Program, Option<DataId>)> {
        self.programs.get(plan)
    }

    fn data(&self, data: DataId) -> Result<&DataMemory> {
        let known = self.data.get(data.0);
        known.ok_or_else(|| Error::Graph(format!("there is no dataset {}", data.0)))
    }

    fn check_state(&self, plan: &Plan) -> Result<()> {
        let moments = self.state.as_ref().map_or(0, |state| state.moments.len());
        match &self.state {
            None if plan.layout.entries().is_empty() => Ok(()),
            None => Err(Error::Graph("set a state before adding a plan that uses one".into())),
            Some(state) if state.layout != plan.layout => Err(Error::Graph(
                "the plan is made for a state that is laid out differently from the one set".into(),
            )),
            Some(_) if plan.moments > moments => Err(Error::Graph(format!(
                "the plan's optimiser keeps {} moments and the state has {moments}",
                plan.moments
            ))),
            Some(_) => Ok(()),
        }
    }

    /// Records steps and sends them off: in one submission, or one step in several.
    fn submit(&mut self, plan: PlanId, steps: &[StepScalars], parts: usize) -> Result<()> {
        let is_timed = !self.profiler.as_ref().is_some_and(|profiler| profiler.on);
        let operations = self.programs[plan].0.operations.iter();
        let seconds: Vec<f64> = operations.map(|operation| operation.assumed_seconds).collect();
        let parts = split(&seconds, if is_timed { parts } else { 1 });
        for (number, range) in parts.iter().enumerate() {
            let part = Part { number, of: parts.len(), is_timed };
            self.submit_part(plan, steps, range.clone(), part)?;
        }
        Ok(())
    }

    /// Records these operations of each step, and sends them off.
    fn submit_part(
        &mut self,
        plan: PlanId,
        steps: &[StepScalars],
        operations: Range<usize>,
        part: Part,
    ) -> Result<()> {
        let first = self.submissions.open(&self.device, steps)?;
        let (program, _) = &self.programs[plan];
        let operations = &program.operations[operations];
        let mut encoder = self.device.encoder();
        if let Some(profiler) = self.profiler.as_mut().filter(|profiler| profiler.on) {
            for offset in scalars_of(first, steps.len()) {
                profiler.run(&self.device, operations, offset)?;
            }
        } else {
            record(
                &mut encoder.begin_compute_pass(&Default::default()),
                operations,
                scalars_of(first, steps.len()),
            );
        }
        self.submissions.submit(&self.device, (plan, program), part, encoder)
    }
}

impl Executor for GpuExecutor {
    fn name(&self) -> String {
        format!("{} ({})", self.device.info.name, self.device.info.backend)
    }

    fn target(&self) -> Option<&GpuTarget> {
        Some(&self.device.target)
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        self.device.check()?;
        let fits = |memory: &StateMemory| {
            memory.layout == state.layout && memory.moments.len() == state.moments.len()
        };
        check_lengths(state)?;
        if !self.state.as_ref().is_some_and(fits) {
            if self.programs.iter().next().is_some() {
                return Err(Error::Graph(
                    "a state can only be replaced by one of the same layout and moments while \
                     plans use it"
                        .into(),
                ));
            }
            self.state = None;
            let (layout, moments) = (&state.layout, state.moments.len());
            self.state = Some(StateMemory::new(&self.device, layout, moments)?);
        }
        if let Some(memory) = &self.state {
            let buffers = [&memory.parameters, &memory.buffers];
            let values = [&state.parameters, &state.buffers];
            let pairs = buffers.into_iter().zip(values);
            for (buffer, values) in pairs.chain(memory.moments.iter().zip(&state.moments)) {
                upload(&self.device, buffer, 0, bytemuck::cast_slice(values));
            }
        }
        self.device.check()
    }

    fn state(&mut self) -> Result<State> {
        self.submissions.wait(&self.device)?;
        self.device.check()?;
        let Some(memory) = &self.state else {
            return Err(Error::Graph("no state was set".into()));
        };
        let layout = memory.layout.clone();
        let words = layout.words(Role::Parameter);
        let (device, readback) = (&self.device, &mut self.readback);
        let mut read = |buffer, words| readback.read(device, buffer, 0, words);
        let parameters = read(&memory.parameters, words)?;
        let buffers = read(&memory.buffers, layout.words(Role::Buffer))?;
        let moments = memory.moments.iter().map(|moment| read(moment, words));
        let moments = moments.collect::<Result<_>>()?;
        Ok(State { layout, parameters, buffers, moments })
    }

    fn send_sum(&mut self, sum: usize, words: Range<usize>) -> Result<Box<dyn Arriving>> {
        self.device.check()?;
        let held = self.state.as_ref().and_then(|state| state.sums.get(sum));
        let Some(held) = held else {
            return Err(Error::Graph(format!("no plan was added that makes sum {sum}")));
        };
        let bytes = 4 * words.start as u64..4 * words.end as u64;
        Ok(Box::new(OnItsWay::send(&self.device, self.device.encoder(), held, bytes)?))
    }

    fn add_data(&mut self, images: usize, bytes: usize) -> Result<DataId> {
        self.device.check()?;
        self.data.push(DataMemory::new(&self.device, images, bytes)?);
        Ok(DataId(self.data.len() - 1))
    }

    fn write_data(&mut self, data: DataId, pixels: &[u8], labels: &[u32]) -> Result<()> {
        self.device.check()?;
        let memory = self.data(data)?;
        let room = memory.images * memory.bytes;
        if pixels.len() > room || labels.len() > memory.images {
            return Err(Error::Graph(format!(
                "{} bytes and {} labels do not fit a dataset of {} images of {} bytes",
                pixels.len(),
                labels.len(),
                memory.images,
                memory.bytes
            )));
        }
        memory.write_pixels(&self.device, pixels);
        upload(&self.device, &memory.labels, 0, bytemuck::cast_slice(labels));
        self.device.check()
    }

    fn stage(&mut self, data: DataId, images: usize) -> Result<Option<Box<dyn Staging>>> {
        self.device.check()?;
        let memory = self.data(data)?;
        if images > memory.images {
            let what = format!("{images} images do not fit a dataset of {}", memory.images);
            return Err(Error::Graph(what));
        }
        let staging = PixelStaging::new(&self.device, memory, images)?;
        Ok(staging.map(|staging| -> Box<dyn Staging> { Box::new(staging) }))
    }

    fn write_order(&mut self, data: DataId, order: &[u32]) -> Result<()> {
        self.device.check()?;
        let memory = self.data(data)?;
        if order.len() > memory.images {
            let (entries, images) = (order.len(), memory.images);
            let what = format!("an order of {entries} does not fit a dataset of {images} images");
            return Err(Error::Graph(what));
        }
        upload(&self.device, &memory.order, 0, bytemuck::cast_slice(order));
        self.device.check()
    }

    fn add_plan(&mut self, plan: Plan, data: Option<DataId>) -> Result<PlanId> {
        self.device.check()?;
        self.check_state(&plan)?;
        if let Some(data) = data {
            self.data(data)?;
        }
        if let Some(state) = self.state.as_mut().filter(|_| plan.stores_gradients) {
            state.ensure_gradients(&self.device, plan.sums())?;
        }
        let own = PlanMemory::new(&self.device, &plan).map_err(|error| with_sizes(error, &plan))?;
        let parts = Parts {
            device: &self.device,
            pipelines: &mut self.pipelines,
            scalars: self.submissions.scalars(),
        };
        let data_memory = data.and_then(|data| self.data.get(data.0));
        let memory = Memory { plan: &own, state: self.state.as_ref(), data: data_memory };
        let operations = Program::operations(parts, &plan, memory)?;
        self.submissions.reserve(&self.device, plan.metrics.len())?;
        self.device.check()?;
        let pace =
            Pace::new(operations.len(), operations.iter().map(|it| it.assumed_seconds).sum());
        let id = self.programs.add((Program { plan, memory: own, operations }, data));
        self.submissions.add(id, pace);
        Ok(id)
    }

    fn remove_plan(&mut self, plan: PlanId) -> Result<()> {
        self.device.check()?;
        // Steps on their way keep what they use until they have ended.
        drop(self.programs.remove(plan)?);
        self.submissions.remove(plan);
        self.pipelines.release_unused();
        self.device.poll()
    }

    fn memory_held(&self) -> u64 {
        let state = self.state.as_ref().map_or(0, StateMemory::bytes);
        let data: u64 = self.data.iter().map(DataMemory::total).sum();
        let plans: u64 = self.programs.iter().map(|(program, _)| program.memory.bytes()).sum();
        state + data + plans
    }

    fn write_input(&mut self, plan: PlanId, name: &str, value: &Tensor) -> Result<()> {
        self.device.check()?;
        let (program, _) = self.program(plan)?;
        let index = program.plan.input_index(name, value.shape())?;
        let buffer = &program.memory.inputs[index];
        upload(&self.device, buffer, 0, bytemuck::cast_slice(value.data()));
        self.device.check()
    }

    fn run(&mut self, plan: PlanId, steps: &[StepScalars]) -> Result<()> {
        self.device.check()?;
        self.program(plan)?.0.check_rows(steps)?;
        let mut rest = steps;
        while !rest.is_empty() {
            let (most, parts) = self.submissions.pace(plan);
            let (now, later) = rest.split_at(together(rest, most));
            self.submit(plan, now, parts)?;
            rest = later;
        }
        self.device.check()
    }

    fn run_part(
        &mut self,
        plan: PlanId,
        step: &StepScalars,
        operations: Range<usize>,
    ) -> Result<()> {
        self.part_of_step(plan, step, operations)
    }

    fn run_timed(&mut self, plan: PlanId, steps: &[StepScalars]) -> Result<Timed> {
        self.timed_steps(plan, steps)
    }

    fn steps_at_once(&self, plan: PlanId) -> usize {
        self.submissions.pace(plan).0
    }

    fn plan(&self, plan: PlanId) -> Result<&Plan> {
        Ok(&self.program(plan)?.0.plan)
    }

    fn run_operation(
        &mut self,
        plan: PlanId,
        operation: usize,
        scalars: &StepScalars,
    ) -> Result<Vec<Vec<f32>>> {
        self.single_operation(plan, operation, scalars)
    }

    fn read_output(&mut self, plan: PlanId, name: &str) -> Result<Tensor> {
        self.submissions.wait(&self.device)?;
        self.device.check()?;
        let (program, data) = self.program(plan)?;
        let (location, shape) = program.plan.output(name)?;
        let data = data.and_then(|data| self.data.get(data.0));
        let memory = Memory { plan: &program.memory, state: self.state.as_ref(), data };
        let buffer = memory.buffer(location.area)?.clone();
        let offset = location.offset as u64 * 4;
        let words = self.readback.read(&self.device, &buffer, offset, location.words())?;
        Tensor::new(shape, location.storage.read(words, location.length))
    }

    fn take_metrics(&mut self, wait: bool) -> Result<Vec<MetricRow>> {
        self.device.check()?;
        self.submissions.take(&self.device, wait)
    }

    fn wait(&mut self) -> Result<()> {
        self.submissions.wait(&self.device)?;
        // What was written since the last submission goes with this one.
        self.device.queue.submit([]);
        self.device.wait(None)?;
        self.device.check()
    }

    fn heed(&mut self, stop: Arc<AtomicBool>) {
        self.device.heed(stop);
    }

    fn set_profiling(&mut self, on: bool) -> Result<()> {
        match &mut self.profiler {
            Some(profiler) => profiler.on = on,
            None if on => self.profiler = Some(Profiler::new(&self.device)?),
            None => {}
        }
        Ok(())
    }

    fn profile(&mut self) -> Result<Vec<ProfileRow>> {
        self.device.check()?;
        Ok(self.profiler.as_ref().map_or(vec![], Profiler::rows))
    }
}

/// Lets an error about memory say what takes most of it.
fn with_sizes(error: Error, plan: &Plan) -> Error {
    let Error::Memory(what) = error else { return error };
    let largest = plan.memory.largest.iter();
    let largest: Vec<_> =
        largest.map(|(name, bytes)| format!("{name} {}", Bytes(*bytes))).collect();
    Error::Memory(format!("{what}; {}; largest: {}", plan.memory, largest.join(", ")))
}

/// Refuses a state whose numbers do not fill its layout, as one read from a bad file might.
fn check_lengths(state: &State) -> Result<()> {
    let words = state.layout.words(Role::Parameter);
    let buffers = state.layout.words(Role::Buffer);
    let whole = state.parameters.len() == words
        && state.buffers.len() == buffers
        && state.moments.iter().all(|moment| moment.len() == words);
    match whole {
        true => Ok(()),
        false => Err(Error::Graph("the state's numbers do not fill its layout".into())),
    }
}

#[cfg(test)]
mod tests;
