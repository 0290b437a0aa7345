//! Plans as files: all that is needed to run them somewhere else, as JSON beside one block of bytes.
//! docs/plans.md describes the form.

mod block;
mod form;
mod limits;
mod pipelines;
mod plan_file;

pub use block::{Numbers, Span};
pub use form::{
    Area, Constants, DispatchForm, Document, FORMAT, InputForm, KernelText, OutputForm,
    PipelineForm, Place, PlanForm, StateForm, StateValues, StepField, StorageForm, TensorForm,
    VERSION,
};
pub use plan_file::PlanFile;
