//! What the JSON of a plan file says. A change that readers of one version would misread makes a new one.

use std::collections::BTreeMap;
use std::mem::offset_of;

use serde::ser::{Serialize, Serializer};

use super::block::Span;
use crate::ops::StepScalars;

/// What a document says that it is.
pub const FORMAT: &str = "diabolo plans";
/// The version of the form.
pub const VERSION: u32 = 1;

/// All that is needed to run some plans of one model.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Document {
    /// [`FORMAT`].
    pub format: &'static str,
    /// [`VERSION`].
    pub version: u32,
    /// The uniform of each step, at group 1, binding 1.
    pub step: Vec<StepField>,
    /// Texts of kernels, each once.
    pub kernels: Vec<KernelText>,
    /// What is to be compiled of them.
    pub pipelines: Vec<PipelineForm>,
    /// What all plans share.
    pub state: StateForm,
    /// The plans, by name.
    pub plans: BTreeMap<String, PlanForm>,
}

/// A number of the uniform that each step has, or several.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StepField {
    /// Its name, as in `shaders/shared/step.wgsl`.
    pub name: &'static str,
    /// Where it begins, in bytes.
    pub offset: usize,
    /// `u32` or `f32`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// How many numbers it has.
    pub count: usize,
}

impl StepField {
    /// All of them.
    pub(super) fn all() -> Vec<Self> {
        let field = |name, offset, kind, count| Self { name, offset, kind, count };
        vec![
            field("step", offset_of!(StepScalars, step), "u32", 1),
            field("cursor", offset_of!(StepScalars, cursor), "u32", 1),
            field("row", offset_of!(StepScalars, row), "u32", 1),
            field("weight", offset_of!(StepScalars, weight), "f32", 1),
            field("seed", offset_of!(StepScalars, seed), "u32", 2),
            field("learning_rate", offset_of!(StepScalars, learning_rate), "f32", 1),
            field("place", offset_of!(StepScalars, place), "u32", 1),
            field("corrections", offset_of!(StepScalars, corrections), "f32", 4),
        ]
    }
}

/// A kernel.
#[derive(Clone, Debug, serde::Serialize)]
pub struct KernelText {
    /// What reports call it.
    pub name: &'static str,
    /// WGSL.
    pub text: String,
}

/// Values of a kernel's `override`s.
#[derive(Clone, Debug, PartialEq)]
pub struct Constants(pub Vec<(&'static str, f64)>);

impl Serialize for Constants {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// An entry point of a kernel with its constants, and what it binds.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PipelineForm {
    /// The number of the kernel.
    pub kernel: usize,
    /// The entry point.
    pub entry: &'static str,
    /// Values of its `override`s.
    pub constants: Constants,
    /// The storage buffers of group 0, by rising number.
    pub storage: Vec<StorageForm>,
    /// Bytes of the uniform at group 1, binding 0, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<u64>,
    /// Whether the step's uniform is read.
    pub step: bool,
}

/// A storage buffer that a pipeline binds.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StorageForm {
    /// The binding's number.
    pub binding: u32,
    /// Whether it is only read.
    pub read_only: bool,
}

/// The state that plans work on.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct StateForm {
    /// Bytes of all parameters.
    pub parameters: u64,
    /// Bytes of all buffers.
    pub buffers: u64,
    /// How many moments there are, each as large as the parameters.
    pub moments: usize,
    /// Whether there is memory for gradients, as large as the parameters.
    pub gradients: bool,
    /// Its tensors.
    pub tensors: Vec<TensorForm>,
    /// Its numbers, where the file has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<StateValues>,
}

/// A tensor of the state.
#[derive(Clone, Debug, serde::Serialize)]
pub struct TensorForm {
    /// Its name.
    pub name: String,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// `parameters` or `buffers`: where it lies.
    #[serde(rename = "in")]
    pub area: &'static str,
    /// Its first byte there, and in each moment.
    pub offset: usize,
}

/// The numbers of a state, laid out as in memory; moments may be missing, and are zero then.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StateValues {
    /// All parameters.
    pub parameters: Span,
    /// All buffers.
    pub buffers: Span,
    /// Each moment.
    pub moments: Vec<Span>,
}

/// A plan.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PlanForm {
    /// Bytes of each slot of working memory.
    pub slots: Vec<u64>,
    /// What the host writes before a step.
    pub inputs: Vec<InputForm>,
    /// What is written once.
    pub constants: Vec<Span>,
    /// Names of the columns of the metrics log.
    pub metrics: Vec<String>,
    /// Rows of that log.
    pub rows: usize,
    /// What can be read after a step, by name.
    pub outputs: BTreeMap<String, OutputForm>,
    /// Bytes of the dataset's `pixels`, `labels` and `order`, as far as they are read.
    pub data: BTreeMap<&'static str, u64>,
    /// What a step runs, in order.
    pub dispatches: Vec<DispatchForm>,
}

/// An input.
#[derive(Clone, Debug, serde::Serialize)]
pub struct InputForm {
    /// Its name.
    pub name: String,
    /// Its sizes.
    pub shape: Vec<usize>,
}

/// An output.
#[derive(Clone, Debug, serde::Serialize)]
pub struct OutputForm {
    /// Where it lies.
    pub at: Place,
    /// Its sizes.
    pub shape: Vec<usize>,
}

/// One run of a pipeline.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DispatchForm {
    /// The operation that it is of, with the shapes of its inputs and its output.
    pub operation: String,
    /// The number of the pipeline.
    pub pipeline: usize,
    /// What is bound, in the order of the pipeline's storage buffers.
    pub bindings: Vec<Place>,
    /// The words of the uniform at group 1, binding 0.
    pub params: Vec<u32>,
    /// Workgroups along each axis.
    pub workgroups: [u32; 3],
}

/// Whose memory something lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// Working memory of the plan, by number.
    Slot,
    /// An input of the plan, by number.
    Input,
    /// A constant of the plan, by number.
    Constant,
    /// The plan's metrics log.
    Metrics,
    /// All parameters.
    Parameters,
    /// All buffers of the state.
    Buffers,
    /// All gradients.
    Gradients,
    /// A moment of the optimiser, by number.
    Moment,
    /// The dataset's images.
    Pixels,
    /// The dataset's labels.
    Labels,
    /// The order in which images are taken.
    Order,
}

/// A stretch of memory.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Place {
    /// Whose.
    #[serde(rename = "in")]
    pub area: Area,
    /// Which one, where there are several.
    pub number: usize,
    /// Where it begins, in bytes; a multiple of 256.
    pub offset: usize,
    /// How many bytes are bound; a multiple of 16.
    pub bytes: u64,
    /// Where it holds f16: the binary exponent of what its numbers were multiplied by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half: Option<i32>,
}
