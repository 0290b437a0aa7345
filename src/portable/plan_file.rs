//! Plans, as they are put into a file.

use std::collections::BTreeMap;
use std::path::Path;

use super::block::{Block, Span};
use super::form::{
    Area as Memory, DispatchForm, Document, FORMAT, InputForm, OutputForm, Place, PlanForm,
    StateForm, StateValues, StepField, TensorForm, VERSION,
};
use super::pipelines::Pipelines;
use crate::error::{Error, Result};
use crate::file::write_whole;
use crate::graph::{
    Area, Data, Location, METRIC_ROWS, Plan, ProfileRow, Role, State, StateLayout, Step,
    buffer_bytes,
};
use crate::ops::{Binding, Dispatch, GpuTarget, Storage};

/// Plans of one model, with all that is needed to run them: JSON, and a block of bytes that it speaks of.
///
/// ```
/// use diabolo::graph::{Graph, Plan, PlanRequest};
/// use diabolo::ops::{self, GpuTarget};
/// use diabolo::portable::PlanFile;
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [16, 64]);
/// let total = ops::sum_all(&mut graph, x)?;
/// let layout = graph.layout();
/// // Of any adapter: WebGPU's default limits, and no features.
/// let target = GpuTarget::default();
/// let outputs = vec![("total".to_string(), total)];
/// let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, Some(&target)) })?;
/// let mut file = PlanFile::new(&layout);
/// file.add("sum", &plan, &target)?;
/// file.check_default_limits()?;
/// assert!(file.json()?.contains("\"outputs\":{\"total\""));
/// # Ok::<(), diabolo::error::Error>(())
/// ```
#[derive(Debug)]
pub struct PlanFile {
    document: Document,
    layout: StateLayout,
    pipelines: Pipelines,
    block: Block,
}

impl PlanFile {
    /// No plans yet, of a state laid out so, whose numbers are not in the file.
    pub fn new(layout: &StateLayout) -> Self {
        let bytes = |role| buffer_bytes(layout.words(role));
        let tensors = layout.iter().map(|(entry, range)| TensorForm {
            name: entry.name.0.clone(),
            shape: entry.shape.to_vec(),
            area: match entry.role {
                Role::Parameter => "parameters",
                Role::Buffer => "buffers",
            },
            offset: 4 * range.start,
        });
        let state = StateForm {
            parameters: bytes(Role::Parameter),
            buffers: bytes(Role::Buffer),
            tensors: tensors.collect(),
            ..StateForm::default()
        };
        let document = Document {
            format: FORMAT,
            version: VERSION,
            step: StepField::all(),
            kernels: vec![],
            pipelines: vec![],
            state,
            plans: BTreeMap::new(),
        };
        let (pipelines, block) = (Pipelines::default(), Block::default());
        Self { document, layout: layout.clone(), pipelines, block }
    }

    /// Puts the numbers of `state` into the file, rounded to f16 where `half`; its moments only where they
    /// are to be `trained` on.
    pub fn set_state(&mut self, state: &State, half: bool, trained: bool) {
        let moments = if trained { &state.moments[..] } else { &[] };
        self.document.state.values = Some(StateValues {
            parameters: self.block.add_numbers(&state.parameters, half),
            buffers: self.block.add_numbers(&state.buffers, half),
            moments: moments.iter().map(|moment| self.block.add_numbers(moment, half)).collect(),
        });
    }

    /// Adds a plan that was made for `target`, under a name of its own.
    ///
    /// # Errors
    /// When it is of another state, its name is taken, or a kernel does not fit its dispatch.
    pub fn add(&mut self, name: &str, plan: &Plan, target: &GpuTarget) -> Result<()> {
        if plan.layout != self.layout {
            let what = format!("plan `{name}` is of another state than the file");
            return Err(Error::Graph(what));
        }
        if self.document.plans.contains_key(name) {
            return Err(Error::Graph(format!("the file has a plan `{name}` already")));
        }
        let mut dispatches = vec![];
        for step in &plan.steps {
            for dispatch in step.dispatches(target) {
                dispatches.push(self.dispatch(step, &dispatch)?);
            }
        }
        let inputs = plan.inputs.iter();
        let outputs = plan.outputs.iter();
        let form = PlanForm {
            slots: plan.slots.iter().map(|words| buffer_bytes(*words)).collect(),
            inputs: inputs
                .map(|(name, shape)| InputForm { name: name.clone(), shape: shape.to_vec() })
                .collect(),
            constants: plan
                .constants
                .iter()
                .map(|value| self.block.add_numbers(value.data(), false))
                .collect(),
            metrics: plan.metrics.clone(),
            rows: METRIC_ROWS,
            outputs: outputs
                .map(|(name, (at, shape))| {
                    Ok((name.clone(), OutputForm { at: place(at)?, shape: shape.to_vec() }))
                })
                .collect::<Result<_>>()?,
            data: data(&dispatches),
            dispatches,
        };
        let state = &mut self.document.state;
        state.moments = state.moments.max(plan.moments);
        state.gradients |= plan.stores_gradients;
        self.document.plans.insert(name.to_owned(), form);
        Ok(())
    }

    fn dispatch(&mut self, step: &Step, dispatch: &Dispatch) -> Result<DispatchForm> {
        let Document { kernels, pipelines, .. } = &mut self.document;
        let pipeline = self.pipelines.add(dispatch, kernels, pipelines)?;
        let row = ProfileRow::of(step);
        let operation = format!("{} {}", row.op, row.shape);
        let bindings = pipelines[pipeline].storage.iter().map(|storage| {
            let location = match dispatch.bindings[storage.binding as usize] {
                Binding::Input(input) => step.inputs.get(input),
                Binding::Output(output) => step.outputs.get(output),
                Binding::Scratch => step.scratch.as_ref(),
            };
            let missing = || Error::Graph(format!("{operation}: a buffer is missing"));
            location.ok_or_else(missing).and_then(place)
        });
        let bindings = bindings.collect::<Result<_>>()?;
        let (params, workgroups) = (dispatch.params.clone(), dispatch.workgroups);
        Ok(DispatchForm { operation, pipeline, bindings, params, workgroups })
    }

    /// Puts bytes into the block that the document does not speak of, for who uses the file.
    pub fn attach(&mut self, bytes: &[u8]) -> Span {
        self.block.add(bytes)
    }

    /// The same of numbers, rounded to f16 where `half`.
    pub fn attach_numbers(&mut self, values: &[f32], half: bool) -> Span {
        self.block.add_numbers(values, half)
    }

    /// Refuses what an adapter at WebGPU's default limits, without features, does not run.
    ///
    /// # Errors
    /// When a buffer or a dispatch is too large, or a kernel wants a feature.
    pub fn check_default_limits(&self) -> Result<()> {
        self.document.check()
    }

    /// What it says.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// Never, unless a constant has no JSON.
    pub fn json(&self) -> Result<String> {
        serde_json::to_string(&self.document)
            .map_err(|error| Error::Graph(format!("a plan has no JSON: {error}")))
    }

    /// The bytes that it speaks of.
    pub fn block(&self) -> &[u8] {
        self.block.bytes()
    }

    /// Writes the JSON to `path` and the block beside it, under the ending `.bin`.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = self.json()?;
        write_whole(&path.with_extension("bin"), |out| out.write_all(self.block()))?;
        write_whole(path, |out| out.write_all(json.as_bytes()))
    }
}

fn place(at: &Location) -> Result<Place> {
    let (area, number) = match at.area {
        Area::Slot(number) => (Memory::Slot, number),
        Area::Input(number) => (Memory::Input, number),
        Area::Constant(number) => (Memory::Constant, number),
        Area::Metrics => (Memory::Metrics, 0),
        Area::Parameters => (Memory::Parameters, 0),
        Area::Buffers => (Memory::Buffers, 0),
        Area::Gradients => (Memory::Gradients, 0),
        Area::Moment(number) => (Memory::Moment, number),
        Area::Sum(_) => return Err(Error::Graph("a step in shards is no plan for a file".into())),
        Area::Data(Data::Pixels) => (Memory::Pixels, 0),
        Area::Data(Data::Labels) => (Memory::Labels, 0),
        Area::Data(Data::Order) => (Memory::Order, 0),
    };
    let half = match at.storage {
        Storage::F32 => None,
        Storage::F16 { exponent } => Some(exponent),
    };
    Ok(Place { area, number, offset: 4 * at.offset, bytes: buffer_bytes(at.words()), half })
}

/// Bytes of the dataset's parts, as far as dispatches bind them.
fn data(dispatches: &[DispatchForm]) -> BTreeMap<&'static str, u64> {
    let mut sizes = BTreeMap::new();
    for place in dispatches.iter().flat_map(|dispatch| &dispatch.bindings) {
        let name = match place.area {
            Memory::Pixels => "pixels",
            Memory::Labels => "labels",
            Memory::Order => "order",
            _ => continue,
        };
        let size: &mut u64 = sizes.entry(name).or_default();
        *size = (*size).max(place.offset as u64 + place.bytes);
    }
    sizes
}
