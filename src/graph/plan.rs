//! The plan: which operations run, in which order, on which memory.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::halves::HalfStorage;
use super::memory::MemoryReport;
use super::nodes::{Data, Graph};
use super::parameter::StateLayout;
use crate::error::{Error, Result};
use crate::ops::half::Half;
use crate::ops::{Binding, Dispatch, GpuTarget, NodeId, Op, Optimiser, Shapes, Storage};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Rows of a plan's metrics log; a longer pass starts over at the first.
pub const METRIC_ROWS: usize = 1024;

/// Who owns a stretch of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Area {
    /// Working memory of the plan, shared by tensors whose lives do not overlap.
    Slot(usize),
    /// Written by the host before a step.
    Input(usize),
    /// Written once, when the plan is made.
    Constant(usize),
    /// The metrics log: [`METRIC_ROWS`] rows, one number a metric.
    Metrics,
    /// All trained parameters, shared by all plans.
    Parameters,
    /// All buffers of the state, shared by all plans.
    Buffers,
    /// All parameters' gradients, laid out like the parameters.
    Gradients,
    /// A moment of the optimiser, laid out like the parameters.
    Moment(usize),
    /// A sum of the gradients of shards, laid out like the parameters.
    Sum(usize),
    /// The dataset.
    Data(Data),
}

/// A stretch of 32-bit words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// Whose memory.
    pub area: Area,
    /// Where it begins, in words; a multiple of 64.
    pub offset: usize,
    /// How many numbers, which are words where they are stored whole.
    pub length: usize,
    /// How they are stored; other than as words only in slots, which hold nothing else then.
    pub storage: Storage,
}

impl Location {
    /// A stretch of f32.
    pub(super) fn whole(area: Area, offset: usize, length: usize) -> Self {
        Self { area, offset, length, storage: Storage::F32 }
    }

    /// The words, as a range.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.length
    }

    /// How many words its memory takes, the last of which may be half used.
    pub fn words(&self) -> usize {
        (self.length * self.storage.bytes()).div_ceil(4)
    }
}

/// One operation of a plan, with its memory.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is computed.
    pub op: Arc<dyn Op>,
    /// At which shapes.
    pub shapes: Shapes,
    /// Where the inputs lie.
    pub inputs: Vec<Location>,
    /// Where the outputs go.
    pub outputs: Vec<Location>,
    /// Scratch memory of the operation's dispatches.
    pub scratch: Option<Location>,
}

impl Step {
    /// What computes the operation on an adapter: its dispatches, each with the kernel that is the
    /// adapter's.
    pub fn dispatches(&self, target: &GpuTarget) -> Vec<Dispatch> {
        let dispatches = self.op.gpu(&self.shapes, target).into_iter();
        dispatches.map(|dispatch| self.with_halves(dispatch.on(target))).collect()
    }

    /// The dispatch with a kernel that finds f16 where this step has it.
    fn with_halves(&self, dispatch: Dispatch) -> Dispatch {
        let half = |(number, binding): (usize, &Binding)| {
            let location = match *binding {
                Binding::Input(input) => self.inputs.get(input),
                Binding::Output(output) => self.outputs.get(output),
                Binding::Scratch => None,
            };
            match location?.storage {
                Storage::F32 => None,
                Storage::F16 { exponent } => Some(Half { binding: number as u32, exponent }),
            }
        };
        let halves = dispatch.bindings.iter().enumerate().filter_map(half).collect();
        Dispatch { kernel: dispatch.kernel.with_halves(halves), ..dispatch }
    }

    pub(super) fn has_stored_gradients(&self) -> bool {
        self.inputs.iter().chain(&self.outputs).any(|place| place.area == Area::Gradients)
    }
}

/// How a training plan trains.
#[derive(Clone, Debug)]
pub struct Training {
    /// The one-element node to be made small.
    pub loss: NodeId,
    /// The rule by which parameters follow their gradients.
    pub optimiser: Optimiser,
    /// Gradients are scaled down so that their common Euclidean norm is at most this.
    pub clip_norm: Option<f32>,
}

/// How much of a training step a plan takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// All of it.
    #[default]
    Whole,
    /// The gradients of a shard of the batch, which are stored; nothing of the state changes.
    Gradients,
    /// What the optimiser makes of stored gradients, and the updates of the state.
    Update,
}

/// What a plan is to do.
#[derive(Clone, Debug)]
pub struct PlanRequest<'a> {
    /// The computation.
    pub graph: &'a Graph,
    /// The state it works on: the layout all plans of a model share.
    pub layout: &'a StateLayout,
    /// Nodes that can be read after a step, by name.
    pub outputs: Vec<(String, NodeId)>,
    /// One-element nodes that each step writes into the metrics log.
    pub metrics: Vec<(String, NodeId)>,
    /// Also take an optimiser step.
    pub training: Option<Training>,
    /// How much of that step.
    pub stage: Stage,
    /// The adapter, or `None` for the CPU.
    pub target: Option<&'a GpuTarget>,
    /// Whether biases and activations are fused; off only to check that it changes nothing.
    pub fuse: bool,
    /// Whether, and which, tensors are f16 between operations. Of no account on the CPU.
    pub half: Option<HalfStorage>,
}

impl<'a> PlanRequest<'a> {
    /// A fused plan of `graph` that neither trains nor gives anything back yet.
    pub fn new(graph: &'a Graph, layout: &'a StateLayout, target: Option<&'a GpuTarget>) -> Self {
        Self {
            graph,
            layout,
            outputs: vec![],
            metrics: vec![],
            training: None,
            stage: Stage::Whole,
            target,
            fuse: true,
            half: None,
        }
    }

    /// Whether it changes the state.
    pub(super) fn updates_state(&self) -> bool {
        self.training.is_some() && self.stage != Stage::Gradients
    }
}

/// A schedule of operations on planned memory: what both executors run.
///
/// A plan is made for one graph and one device, whose memory it counts before any is taken:
///
/// ```
/// use diabolo::graph::{Graph, Plan, PlanRequest};
/// use diabolo::ops;
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [16, 64]);
/// let total = ops::sum_all(&mut graph, x)?;
/// let layout = graph.layout();
/// let outputs = vec![("total".to_string(), total)];
/// let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) })?;
/// assert_eq!(plan.inputs[0].0, "x");
/// println!("{} operations a step; {}", plan.steps.len(), plan.memory);
/// # Ok::<(), diabolo::error::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    /// The operations, in order.
    pub steps: Vec<Step>,
    /// Words of each slot.
    pub slots: Vec<usize>,
    /// Name and shape of each input.
    pub inputs: Vec<(String, Shape)>,
    /// The constants.
    pub constants: Vec<Arc<Tensor>>,
    /// Where each output lies, by name.
    pub outputs: HashMap<String, (Location, Shape)>,
    /// Names of the metrics, in the order of the log's columns.
    pub metrics: Vec<String>,
    /// The state the plan works on.
    pub layout: StateLayout,
    /// How many moments the optimiser keeps; 0 for a plan that does not train.
    pub moments: usize,
    /// Whether any parameter's gradient is stored, by this plan or for it, for the optimiser to read.
    pub stores_gradients: bool,
    /// Bytes, planned and unplanned.
    pub memory: MemoryReport,
}

impl Plan {
    /// The number of the input of that name.
    ///
    /// # Errors
    /// When there is none, or it has another shape.
    pub fn input_index(&self, name: &str, shape: &Shape) -> Result<usize> {
        let index = self.inputs.iter().position(|(known, _)| known == name);
        let index = index.ok_or_else(|| Error::Graph(format!("the plan has no input `{name}`")))?;
        match &self.inputs[index].1 {
            known if known == shape => Ok(index),
            known => {
                let what = format!("input `{name}` has the first shape");
                Err(Error::shape("plan", what, &[known, shape]))
            }
        }
    }

    /// Where the output of that name lies, and its shape.
    ///
    /// # Errors
    /// When there is none.
    pub fn output(&self, name: &str) -> Result<(Location, Shape)> {
        let output = self.outputs.get(name).cloned();
        output.ok_or_else(|| Error::Graph(format!("the plan has no output `{name}`")))
    }

    /// Bytes that the plan takes for itself on a GPU, beside the state it shares: slots, inputs,
    /// constants and the metrics log.
    pub fn own_bytes(&self) -> u64 {
        self.memory.slots + self.memory.inputs
    }

    /// Floating-point operations of one step.
    pub fn flops(&self) -> u64 {
        self.steps.iter().map(|step| step.op.flops(&step.shapes)).sum()
    }
}
