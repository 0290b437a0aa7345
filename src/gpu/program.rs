//! A plan turned into commands: every pipeline, bind group and uniform made once.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::device::GpuDevice;
use super::memory::{Memory, PlanMemory};
use super::pace::assumed_seconds;
use super::pipelines::{Pipeline, Pipelines};
use crate::error::{Error, Result};
use crate::graph::{Bytes, Location, METRIC_ROWS, Plan, ProfileRow, Step, buffer_bytes};
use crate::ops::{Binding, Dispatch, StepScalars};

/// Uniforms begin at multiples of this many bytes, on every adapter.
pub(super) const UNIFORM_ALIGNMENT: u64 = 256;

/// One dispatch, ready to be recorded.
#[derive(Debug)]
struct Command {
    pipeline: Arc<Pipeline>,
    storage: wgpu::BindGroup,
    uniforms: Option<wgpu::BindGroup>,
    workgroups: [u32; 3],
}

/// The commands of one operation, with what a profile says of it.
#[derive(Debug)]
pub(super) struct Operation {
    commands: Vec<Command>,
    /// Which of the plan's steps it is.
    pub step: usize,
    /// How long a slow GPU takes for it.
    pub assumed_seconds: f64,
    /// One call that took no time.
    pub row: ProfileRow,
}

/// A plan that the executor has taken in.
#[derive(Debug)]
pub(super) struct Program {
    pub plan: Plan,
    pub memory: PlanMemory,
    pub operations: Vec<Operation>,
}

/// What a program is made from.
pub(super) struct Parts<'a> {
    pub device: &'a GpuDevice,
    pub pipelines: &'a mut Pipelines,
    /// The step scalars of every submission; bound with a dynamic offset.
    pub scalars: &'a wgpu::Buffer,
}

impl Program {
    /// The commands of `plan` over `memory`: compiles what is missing and binds everything.
    ///
    /// # Errors
    /// When a kernel does not compile, or a dispatch or binding is above the adapter's limits.
    pub fn operations(parts: Parts, plan: &Plan, memory: Memory) -> Result<Vec<Operation>> {
        let target = &parts.device.target;
        let dispatches: Vec<(&Step, Vec<Dispatch>)> =
            plan.steps.iter().map(|step| (step, step.dispatches(target))).collect();
        let flat: Vec<&Dispatch> = dispatches.iter().flat_map(|(_, list)| list).collect();
        for (step, list) in &dispatches {
            list.iter().try_for_each(|dispatch| check_workgroups(parts.device, step, dispatch))?;
        }
        let mut pipelines = parts.pipelines.prepare(&flat)?.into_iter();
        let params = upload_params(parts.device, &flat)?;
        let mut offset = 0;
        let mut operations = vec![];
        for (number, (step, list)) in dispatches.iter().enumerate() {
            let mut commands = vec![];
            for (dispatch, pipeline) in list.iter().zip(&mut pipelines) {
                let binder = Binder { parts: &parts, memory, step, dispatch, pipeline };
                commands.push(binder.command(&params, offset)?);
                offset += params_bytes(dispatch);
            }
            if !commands.is_empty() {
                let cost = step.cost(target);
                let assumed_seconds = assumed_seconds(cost.flops, cost.bytes);
                let row = ProfileRow { calls: 1, flops: cost.flops, ..ProfileRow::of(step) };
                operations.push(Operation { commands, step: number, assumed_seconds, row });
            }
        }
        Ok(operations)
    }
}

impl Operation {
    /// Records the operation. `scalars` is where the step's scalars begin in their buffer.
    pub fn record(&self, pass: &mut wgpu::ComputePass, scalars: u32) {
        for command in &self.commands {
            pass.set_pipeline(&command.pipeline.pipeline);
            pass.set_bind_group(0, &command.storage, &[]);
            if let Some(uniforms) = &command.uniforms {
                let offset = [scalars];
                let offsets = if command.pipeline.interface.step { &offset[..] } else { &[] };
                pass.set_bind_group(1, uniforms, offsets);
            }
            let [x, y, z] = command.workgroups;
            pass.dispatch_workgroups(x, y, z);
        }
    }
}

impl Program {
    /// Refuses steps that would write beyond the metrics log.
    pub fn check_rows(&self, steps: &[StepScalars]) -> Result<()> {
        let outside = |step: &&StepScalars| step.row as usize >= METRIC_ROWS;
        let logs = !self.plan.metrics.is_empty();
        if let Some(step) = steps.iter().find(outside).filter(|_| logs) {
            let what = format!("the metrics log has {METRIC_ROWS} rows and no row {}", step.row);
            return Err(Error::Graph(what));
        }
        Ok(())
    }
}

/// Where the scalars of each of so many steps begin in their buffer, the first step's at `first`.
pub(super) fn scalars_of(first: u32, steps: usize) -> impl Iterator<Item = u32> {
    (first..).step_by(UNIFORM_ALIGNMENT as usize).take(steps)
}

/// Records the operations of a step for each of these scalars.
pub(super) fn record(
    pass: &mut wgpu::ComputePass,
    operations: &[Operation],
    scalars: impl Iterator<Item = u32>,
) {
    for offset in scalars {
        operations.iter().for_each(|operation| operation.record(pass, offset));
    }
}

/// Makes the bind groups of one dispatch.
struct Binder<'a> {
    parts: &'a Parts<'a>,
    memory: Memory<'a>,
    step: &'a Step,
    dispatch: &'a Dispatch,
    pipeline: Arc<Pipeline>,
}

impl Binder<'_> {
    fn command(self, params: &wgpu::Buffer, params_offset: u64) -> Result<Command> {
        let mut entries = vec![];
        for binding in &self.pipeline.interface.storage {
            let which = self.dispatch.bindings[binding.number as usize];
            let resource = self.storage(which)?;
            entries.push(wgpu::BindGroupEntry { binding: binding.number, resource });
        }
        let mut uniform_entries = vec![];
        let range = |buffer, offset, size| {
            let size = NonZeroU64::new(size);
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
        };
        if self.pipeline.interface.params.is_some() {
            let size = buffer_bytes(self.dispatch.params.len());
            let resource = range(params, params_offset, size);
            uniform_entries.push(wgpu::BindGroupEntry { binding: 0, resource });
        }
        if self.pipeline.interface.step {
            let resource = range(self.parts.scalars, 0, size_of::<StepScalars>() as u64);
            uniform_entries.push(wgpu::BindGroupEntry { binding: 1, resource });
        }
        let (storage, uniforms) = self.parts.device.scoped(
            || self.describe(),
            || {
                let uniforms = self.pipeline.uniforms.as_ref();
                let uniforms = uniforms.map(|layout| self.group(layout, &uniform_entries));
                (self.group(&self.pipeline.storage, &entries), uniforms)
            },
        )?;
        let workgroups = self.dispatch.workgroups;
        Ok(Command { storage, uniforms, workgroups, pipeline: self.pipeline })
    }

    fn group(
        &self,
        layout: &wgpu::BindGroupLayout,
        entries: &[wgpu::BindGroupEntry],
    ) -> wgpu::BindGroup {
        self.parts.device.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(self.dispatch.kernel.name),
            layout,
            entries,
        })
    }

    fn storage(&self, binding: Binding) -> Result<wgpu::BindingResource<'_>> {
        let step = self.step;
        let location = match binding {
            Binding::Input(input) => step.inputs.get(input),
            Binding::Output(output) => step.outputs.get(output),
            Binding::Scratch => step.scratch.as_ref(),
        };
        let location = location
            .ok_or_else(|| Error::Gpu(format!("{}: there is no {binding:?}", self.describe())))?;
        let Location { area, offset, .. } = *location;
        let buffer = self.memory.buffer(area)?;
        let (offset, size) = (offset as u64 * 4, buffer_bytes(location.words()));
        let most = self.parts.device.target.max_binding_bytes;
        if size > most {
            return Err(Error::Memory(format!(
                "{} binds {}, but this adapter binds at most {}; use a smaller batch, image or \
                 model",
                self.describe(),
                Bytes(size),
                Bytes(most),
            )));
        }
        if offset + size > buffer.size() {
            return Err(Error::Graph(format!(
                "{} reaches {} into {area:?}, which holds {}",
                self.describe(),
                Bytes(offset + size),
                Bytes(buffer.size()),
            )));
        }
        let size = NonZeroU64::new(size);
        Ok(wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size }))
    }

    fn describe(&self) -> String {
        describe(self.step, self.dispatch)
    }
}

fn describe(step: &Step, dispatch: &Dispatch) -> String {
    let row = ProfileRow::of(step);
    format!("{} {} (kernel {})", row.op, row.shape, dispatch.kernel.name)
}

fn check_workgroups(device: &GpuDevice, step: &Step, dispatch: &Dispatch) -> Result<()> {
    let most = device.limits.max_compute_workgroups_per_dimension;
    let groups = dispatch.workgroups;
    if groups.iter().all(|groups| (1..=most).contains(groups)) {
        return Ok(());
    }
    Err(Error::Gpu(format!(
        "{} dispatches {groups:?} workgroups, and this adapter takes 1 to {most} along each axis",
        describe(step, dispatch),
    )))
}

/// Bytes of a dispatch's uniform with the gap after it.
fn params_bytes(dispatch: &Dispatch) -> u64 {
    match dispatch.params.len() {
        0 => 0,
        words => buffer_bytes(words).next_multiple_of(UNIFORM_ALIGNMENT),
    }
}

/// All dispatches' uniforms in one buffer.
fn upload_params(device: &GpuDevice, dispatches: &[&Dispatch]) -> Result<wgpu::Buffer> {
    let mut bytes: Vec<u8> = vec![];
    for dispatch in dispatches {
        let end = bytes.len() + params_bytes(dispatch) as usize;
        bytes.extend_from_slice(bytemuck::cast_slice(&dispatch.params));
        bytes.resize(end, 0);
    }
    let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
    let size = (bytes.len() as u64).max(UNIFORM_ALIGNMENT);
    let buffer = super::memory::buffer(device, "uniforms", size, usage)?;
    super::memory::upload(device, &buffer, 0, &bytes);
    Ok(buffer)
}
