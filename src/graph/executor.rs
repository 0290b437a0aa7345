//! What runs plans: the same calls for GPU and CPU.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::parameter::{ParamName, Role, StateLayout};
use super::plan::{Plan, Step};
use super::staging::Staging;
use crate::error::Result;
use crate::ops::{GpuTarget, StepScalars};
use crate::rng::Seed;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The numbers of a model and its optimiser, in host memory, laid out as executors hold them.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Which tensors there are and where each begins.
    pub layout: StateLayout,
    /// Trained parameters.
    pub parameters: Vec<f32>,
    /// Buffers.
    pub buffers: Vec<f32>,
    /// The optimiser's moments, each laid out like the parameters.
    pub moments: Vec<Vec<f32>>,
}

impl State {
    /// The first state of a model: parameters drawn from `seed`, `moments` moments of zero.
    pub fn initial(layout: &StateLayout, seed: Seed, moments: usize) -> Self {
        let words = layout.words(Role::Parameter);
        let mut state = Self {
            layout: layout.clone(),
            parameters: vec![0.0; words],
            buffers: vec![0.0; layout.words(Role::Buffer)],
            moments: vec![vec![0.0; words]; moments],
        };
        for (entry, range) in layout.iter() {
            let target = match entry.role {
                Role::Parameter => &mut state.parameters,
                Role::Buffer => &mut state.buffers,
            };
            target[range].copy_from_slice(&entry.initialiser.values(
                &entry.shape,
                seed,
                &entry.name,
            ));
        }
        state
    }

    /// The same without moments, for what does not train.
    pub fn without_moments(&self) -> Self {
        let Self { layout, parameters, buffers, .. } = self;
        let [parameters, buffers] = [parameters, buffers].map(Vec::clone);
        Self { layout: layout.clone(), parameters, buffers, moments: vec![] }
    }

    /// The first tensor with a number that is not finite, moments included.
    pub fn not_finite(&self) -> Option<&ParamName> {
        let bad = |numbers: &[f32]| numbers.iter().any(|number| !number.is_finite());
        let found = self.layout.iter().find(|(entry, range)| match entry.role {
            Role::Parameter => {
                let buffers = [&self.parameters].into_iter().chain(&self.moments);
                buffers.into_iter().any(|buffer| bad(&buffer[range.clone()]))
            }
            Role::Buffer => bad(&self.buffers[range.clone()]),
        });
        found.map(|(entry, _)| &entry.name)
    }

    /// The numbers of the tensor of that name, if there is one.
    pub fn tensor_mut(&mut self, name: &str) -> Option<&mut [f32]> {
        let (entry, range) = self.layout.find(&ParamName(name.into()))?;
        Some(match entry.role {
            Role::Parameter => &mut self.parameters[range],
            Role::Buffer => &mut self.buffers[range],
        })
    }

    /// Each tensor of the state by name, in the layout's order, without moments.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Shape, &[f32])> {
        self.layout.iter().map(|(entry, range)| {
            let source = match entry.role {
                Role::Parameter => &self.parameters,
                Role::Buffer => &self.buffers,
            };
            (entry.name.0.as_str(), &entry.shape, &source[range])
        })
    }
}

/// A plan that an executor has taken in. No number is given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanId(pub usize);

/// A dataset, or a window of one, that an executor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DataId(pub usize);

/// What one step wrote into its plan's metrics log.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricRow {
    /// The plan that ran.
    pub plan: PlanId,
    /// The step's scalars.
    pub scalars: StepScalars,
    /// One number a metric of the plan, in its order.
    pub values: Vec<f32>,
}

/// Time spent in one operation at one shape, for `--profile`.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileRow {
    /// The operation's name.
    pub op: &'static str,
    /// Its input shapes and output shape, as text.
    pub shape: String,
    /// How often it ran.
    pub calls: u64,
    /// Seconds in all.
    pub seconds: f64,
    /// Floating-point operations in all.
    pub flops: u64,
}

impl ProfileRow {
    /// The row that `step` counts in, with nothing counted.
    pub fn of(step: &Step) -> Self {
        let inputs: Vec<_> = step.shapes.inputs.iter().map(ToString::to_string).collect();
        let shape = format!("{} -> {}", inputs.join(" "), step.shapes.output);
        Self { op: step.op.name(), shape, calls: 0, seconds: 0.0, flops: 0 }
    }
}

/// How long some steps took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timed {
    /// Seconds of all of them.
    pub seconds: f64,
    /// By what they were measured.
    pub clock: Clock,
}

/// What measures time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// The device's timestamps: its work, without the host's.
    Timestamps,
    /// The host's clock, from the call to the end of the work.
    Wall,
}

impl Timed {
    /// Runs these steps, waits for them and measures that by the host's clock.
    ///
    /// # Errors
    /// When the device is lost or out of memory.
    pub(crate) fn by_wall<E: Executor + ?Sized>(
        executor: &mut E,
        plan: PlanId,
        steps: &[StepScalars],
    ) -> Result<Self> {
        let begin = Instant::now();
        executor.run(plan, steps)?;
        executor.wait()?;
        Ok(Self { seconds: begin.elapsed().as_secs_f64(), clock: Clock::Wall })
    }
}

/// Numbers on their way from a device to the host.
pub trait Arriving: Send {
    /// Whether they are there, so that nobody would wait for them.
    ///
    /// # Errors
    /// When the device is lost.
    fn has_arrived(&self) -> Result<bool>;

    /// The numbers. Waits for them.
    ///
    /// # Errors
    /// When the device is lost, or dropped work.
    fn take(self: Box<Self>) -> Result<Vec<f32>>;
}

/// A device that holds one state, runs plans over it, and keeps the host waiting only when asked
/// for results. A thread may hand it to another.
///
/// [`gpu::open`](crate::gpu::open) gives the one that the user chose. What is written against this
/// trait runs on each of them:
///
/// ```
/// use diabolo::gpu::{self, DeviceChoice};
/// use diabolo::graph::{Executor, Graph, Plan, PlanRequest, State};
/// use diabolo::ops::{self, StepScalars, UnaryKind};
/// use diabolo::rng::Seed;
/// use diabolo::tensor::Tensor;
///
/// fn roots(device: &mut dyn Executor, of: &Tensor) -> diabolo::error::Result<Tensor> {
///     let mut graph = Graph::new();
///     let x = graph.input("x", of.shape().clone());
///     let root = ops::unary(&mut graph, x, UnaryKind::Sqrt)?;
///     let layout = graph.layout();
///     let outputs = vec![("root".into(), root)];
///     let plan =
///         Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, device.target()) })?;
///     device.set_state(&State::initial(&layout, Seed(0), 0))?;
///     let plan = device.add_plan(plan, None)?;
///     device.write_input(plan, "x", of)?;
///     device.run(plan, &[StepScalars::default()])?;
///     device.read_output(plan, "root")
/// }
///
/// let mut opened = gpu::open(&DeviceChoice::Cpu)?;
/// let squares = Tensor::new([3], vec![1.0, 4.0, 9.0])?;
/// assert_eq!(roots(opened.executor.as_mut(), &squares)?.data(), [1.0, 2.0, 3.0]);
/// # Ok::<(), diabolo::error::Error>(())
/// ```
pub trait Executor: Send {
    /// The device's name, as reports print it.
    fn name(&self) -> String;

    /// The adapter that plans must be made for; `None` on the CPU.
    fn target(&self) -> Option<&GpuTarget>;

    /// Replaces the state.
    ///
    /// # Errors
    /// When the device has no memory for it or is lost.
    fn set_state(&mut self, state: &State) -> Result<()>;

    /// The state as it is after all steps so far. Waits for them.
    ///
    /// # Errors
    /// When no state was set or the device is lost.
    fn state(&mut self) -> Result<State>;

    /// Has these words of [sum](super::plan::Area::Sum) number `sum` sent to the host, as they are after the steps
    /// submitted so far, without waiting for them.
    ///
    /// # Errors
    /// When no plan makes such a sum or the device is lost.
    fn send_sum(&mut self, sum: usize, words: Range<usize>) -> Result<Box<dyn Arriving>>;

    /// Makes room for `images` images of `bytes` bytes each.
    ///
    /// # Errors
    /// When the device has no memory for it.
    fn add_data(&mut self, images: usize, bytes: usize) -> Result<DataId>;

    /// Replaces the first images of a dataset, and their labels where there are any. Takes effect
    /// after the steps submitted so far.
    ///
    /// # Errors
    /// When there are more than room was made for, or the device is lost.
    fn write_data(&mut self, data: DataId, pixels: &[u8], labels: &[u32]) -> Result<()>;

    /// Room in which the pixels of the first `images` images of a dataset are put together while steps run, by another
    /// thread say: the device takes them from there, and [`write_data`](Executor::write_data) would have to copy them
    /// first. Labels are written by that, without pixels, after [`Staging::send`]. Where the room is dropped instead,
    /// nothing is known of the pixels of these images any more.
    ///
    /// `None` where the device has no such memory, as the processor, or not that much of it.
    ///
    /// # Errors
    /// When there are more images than room was made for, no memory is left, or the device is lost.
    fn stage(&mut self, _data: DataId, _images: usize) -> Result<Option<Box<dyn Staging>>> {
        Ok(None)
    }

    /// Replaces the order in which plans take images: one image number an entry, as many as room
    /// was made for or fewer.
    ///
    /// # Errors
    /// When there are more than room was made for, or the device is lost.
    fn write_order(&mut self, data: DataId, order: &[u32]) -> Result<()>;

    /// Takes a plan in: allocates its memory, compiles its kernels. Plans that read a dataset name
    /// it here.
    ///
    /// # Errors
    /// When the plan's state is laid out differently, memory is short, or a kernel does not compile.
    fn add_plan(&mut self, plan: Plan, data: Option<DataId>) -> Result<PlanId>;

    /// Gives a plan's memory back, once the steps submitted so far have ended. Their metrics still
    /// come; its number means no plan from here on.
    ///
    /// # Errors
    /// When there is no such plan or the device is lost.
    fn remove_plan(&mut self, plan: PlanId) -> Result<()>;

    /// Bytes of the state, datasets and plans that are held: what was asked of the device for them,
    /// without compiled kernels and what a driver keeps for itself.
    fn memory_held(&self) -> u64;

    /// Writes an input of a plan, for the steps that are run after this.
    ///
    /// # Errors
    /// When there is no such input or `value` has another shape.
    fn write_input(&mut self, plan: PlanId, name: &str, value: &Tensor) -> Result<()>;

    /// Runs one step of the plan for each of `steps`, without waiting for the last of them.
    ///
    /// # Errors
    /// When the device is lost or out of memory.
    fn run(&mut self, plan: PlanId, steps: &[StepScalars]) -> Result<()>;

    /// How many plans are worth running [together](Executor::run_together).
    fn plans_at_once(&self) -> usize {
        1
    }

    /// Runs one step of each of these plans, at the same time where the device can, without waiting for the last of
    /// them. They write nothing but their own memory, so they do not train.
    ///
    /// # Errors
    /// When one is named twice or writes more, or the device is lost or out of memory.
    fn run_together(&mut self, steps: &[(PlanId, StepScalars)]) -> Result<()> {
        steps.iter().try_for_each(|(plan, step)| self.run(*plan, &[*step]))
    }

    /// Runs these operations of one step of the plan, all before them having been run, without waiting for them. The
    /// metrics come with the last ones.
    ///
    /// # Errors
    /// When the device is lost or out of memory.
    fn run_part(
        &mut self,
        plan: PlanId,
        step: &StepScalars,
        operations: Range<usize>,
    ) -> Result<()>;

    /// Runs these steps, waits for them and says how long they took, by the device's own clock where it has
    /// one. Their metrics may not come. For measuring.
    ///
    /// # Errors
    /// When the device is lost or out of memory.
    fn run_timed(&mut self, plan: PlanId, steps: &[StepScalars]) -> Result<Timed> {
        Timed::by_wall(self, plan, steps)
    }

    /// How many steps of a plan are worth asking for in one call, by how long those before took: a
    /// caller that wants to hear of the user in between asks for no more.
    fn steps_at_once(&self, _plan: PlanId) -> usize {
        usize::MAX
    }

    /// Has the device look at `stop` whenever it waits: once that is set, a wait for what does not
    /// end is broken off, by [`Error::Interrupted`](crate::error::Error::Interrupted). For devices that
    /// may hang.
    fn heed(&mut self, _stop: Arc<AtomicBool>) {}

    /// A plan that was taken in.
    ///
    /// # Errors
    /// When there is no such plan.
    fn plan(&self, plan: PlanId) -> Result<&Plan>;

    /// Runs one operation of a plan, those before it having been run, and reads what it gave: the
    /// numbers of each output. Waits for it. For finding faults: steps are run as a whole.
    ///
    /// # Errors
    /// When there is no such operation or the device is lost.
    fn run_operation(
        &mut self,
        plan: PlanId,
        operation: usize,
        scalars: &StepScalars,
    ) -> Result<Vec<Vec<f32>>>;

    /// An output of a plan's last step. Waits for it.
    ///
    /// # Errors
    /// When there is no such output or the device is lost.
    fn read_output(&mut self, plan: PlanId, name: &str) -> Result<Tensor>;

    /// Metrics that have arrived since the last call, in the order of their steps; with `wait`,
    /// those of every step submitted.
    ///
    /// # Errors
    /// When the device is lost.
    fn take_metrics(&mut self, wait: bool) -> Result<Vec<MetricRow>>;

    /// Waits until every step submitted so far has ended, and what was written has arrived.
    ///
    /// # Errors
    /// When the device is lost.
    fn wait(&mut self) -> Result<()>;

    /// Starts or stops timing each operation.
    ///
    /// # Errors
    /// When the device cannot measure time.
    fn set_profiling(&mut self, on: bool) -> Result<()>;

    /// Times measured so far, longest first.
    ///
    /// # Errors
    /// When the device is lost.
    fn profile(&mut self) -> Result<Vec<ProfileRow>>;
}
