//! What lies in the processor's memory: what plans share, and what each has for itself.

use super::outputs::{carve, is_first};
use crate::error::{Error, Result};
use crate::graph::{Area, Data, DataId, METRIC_ROWS, Plan, State};
use crate::ops::{CpuCall, MAX_INPUTS, MAX_OUTPUTS, StepScalars};

const NO_STATE: &str = "no state was set before this call";
pub(super) const NO_DATA: &str = "the plan reads a dataset and was added without one";

pub(super) const TOGETHER: &str = "plans that run at the same time write their own memory alone";

/// A dataset as words, since operations take slices of words.
#[derive(Debug)]
pub(super) struct Dataset {
    pub image_bytes: usize,
    pub images: usize,
    pub pixels: Vec<f32>,
    pub labels: Vec<f32>,
    pub order: Vec<f32>,
}

/// What plans share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub state: Option<State>,
    pub gradients: Vec<f32>,
    /// The stack of sums of gradients, as high as plans need it.
    pub sums: Vec<Vec<f32>>,
    pub data: Vec<Dataset>,
}

impl Shared {
    pub fn state(&self) -> Result<&State> {
        self.state.as_ref().ok_or_else(|| Error::Graph(NO_STATE.into()))
    }

    fn memory_mut(&mut self, area: Area) -> Result<&mut Vec<f32>> {
        let state = self.state.as_mut().ok_or_else(|| Error::Graph(NO_STATE.into()));
        Ok(match area {
            Area::Gradients => &mut self.gradients,
            Area::Sum(sum) => &mut self.sums[sum],
            Area::Parameters => &mut state?.parameters,
            Area::Buffers => &mut state?.buffers,
            Area::Moment(moment) => &mut state?.moments[moment],
            _ => return Err(Error::Graph("no step writes inputs, constants or data".into())),
        })
    }
}

/// What plans share, as a plan that runs has it.
#[derive(Debug)]
pub(super) enum Access<'a> {
    /// For itself.
    Alone(&'a mut Shared),
    /// Beside others, none of which may write it.
    Together(&'a Shared),
}

impl Access<'_> {
    fn read(&self) -> &Shared {
        match self {
            Self::Alone(shared) => shared,
            Self::Together(shared) => shared,
        }
    }

    fn memory_mut(&mut self, area: Area) -> Result<&mut Vec<f32>> {
        match self {
            Self::Alone(shared) => shared.memory_mut(area),
            Self::Together(_) => Err(Error::Graph(TOGETHER.into())),
        }
    }
}

/// A plan with its memory.
#[derive(Debug)]
pub(super) struct Loaded {
    pub plan: Plan,
    pub data: Option<DataId>,
    pub slots: Vec<Vec<f32>>,
    pub inputs: Vec<Vec<f32>>,
    pub metrics: Vec<f32>,
}

impl Loaded {
    pub fn new(plan: Plan, data: Option<DataId>) -> Self {
        Self {
            data,
            slots: plan.slots.iter().map(|words| vec![0.0; *words]).collect(),
            inputs: plan.inputs.iter().map(|(_, shape)| vec![0.0; shape.elements()]).collect(),
            metrics: vec![0.0; METRIC_ROWS * plan.metrics.len()],
            plan,
        }
    }

    /// All of its own.
    pub fn own(&self) -> impl Iterator<Item = &Vec<f32>> {
        self.slots.iter().chain(&self.inputs).chain([&self.metrics])
    }

    pub fn memory<'a>(&'a self, shared: &'a Shared, area: Area) -> Result<&'a [f32]> {
        Ok(match area {
            Area::Slot(slot) => &self.slots[slot],
            Area::Input(input) => &self.inputs[input],
            Area::Constant(constant) => self.plan.constants[constant].data(),
            Area::Metrics => &self.metrics,
            Area::Gradients => &shared.gradients,
            Area::Sum(sum) => &shared.sums[sum],
            Area::Parameters => &shared.state()?.parameters,
            Area::Buffers => &shared.state()?.buffers,
            Area::Moment(moment) => &shared.state()?.moments[moment],
            Area::Data(data) => {
                let id = self.data.ok_or_else(|| Error::Graph(NO_DATA.into()))?;
                let dataset = &shared.data[id.0];
                match data {
                    Data::Pixels => &dataset.pixels,
                    Data::Labels => &dataset.labels,
                    Data::Order => &dataset.order,
                }
            }
        })
    }

    fn memory_mut<'a>(
        &'a mut self,
        access: &'a mut Access,
        area: Area,
    ) -> Result<&'a mut Vec<f32>> {
        match area {
            Area::Slot(slot) => Ok(&mut self.slots[slot]),
            Area::Metrics => Ok(&mut self.metrics),
            _ => access.memory_mut(area),
        }
    }

    /// Whether it writes nothing but its slots, so that it may run beside others.
    pub fn writes_slots_alone(&self) -> bool {
        let mut outputs = self.plan.steps.iter().flat_map(|step| &step.outputs);
        outputs.all(|location| matches!(location.area, Area::Slot(_)))
    }

    /// Runs one operation, with its outputs' memory taken out for it.
    pub fn run_step(
        &mut self,
        access: &mut Access,
        step: usize,
        scalars: &StepScalars,
    ) -> Result<()> {
        let outputs = self.plan.steps[step].outputs.len();
        let mut taken: [Vec<f32>; MAX_OUTPUTS] = Default::default();
        for (number, taken) in taken.iter_mut().enumerate().take(outputs) {
            let locations = &self.plan.steps[step].outputs;
            if is_first(locations, number) {
                let area = locations[number].area;
                *taken = std::mem::take(self.memory_mut(access, area)?);
            }
        }
        let result = self.call(access.read(), step, scalars, &mut taken);
        for (number, taken) in taken.into_iter().enumerate().take(outputs) {
            let locations = &self.plan.steps[step].outputs;
            if is_first(locations, number) {
                let area = locations[number].area;
                *self.memory_mut(access, area)? = taken;
            }
        }
        result
    }

    fn call(
        &self,
        shared: &Shared,
        step: usize,
        scalars: &StepScalars,
        taken: &mut [Vec<f32>; MAX_OUTPUTS],
    ) -> Result<()> {
        let step = &self.plan.steps[step];
        let mut inputs: [&[f32]; MAX_INPUTS] = [&[]; MAX_INPUTS];
        for (input, location) in inputs.iter_mut().zip(&step.inputs) {
            *input = &self.memory(shared, location.area)?[location.range()];
        }
        let outputs = carve(taken, &step.outputs);
        step.op.cpu(CpuCall { shapes: &step.shapes, inputs, outputs, step: scalars });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cpu::CpuExecutor;
    use crate::graph::{Executor, Graph, Plan, PlanRequest, State};
    use crate::ops::{self, StepScalars, UnaryKind};
    use crate::rng::Seed;
    use crate::tensor::Tensor;

    #[test]
    fn plans_run_together_as_they_do_alone() {
        let mut graph = Graph::new();
        let x = graph.input("x", [2, 3]);
        let root = ops::unary(&mut graph, x, UnaryKind::Sqrt).unwrap();
        let y = ops::affine(&mut graph, root, 2.0, 1.0).unwrap();
        let total = ops::sum_all(&mut graph, y).unwrap();
        let layout = graph.layout();
        let request = |metrics| PlanRequest {
            outputs: vec![("y".into(), y)],
            metrics,
            ..PlanRequest::new(&graph, &layout, None)
        };
        let plan = Plan::new(&request(vec![])).unwrap();
        let mut device = CpuExecutor::with_threads(3).unwrap();
        device.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
        let step = StepScalars::default();
        let steps: Vec<_> = (0..5)
            .map(|number| {
                let id = device.add_plan(plan.clone(), None).unwrap();
                let value = Tensor::new([2, 3], vec![(number * number) as f32; 6]).unwrap();
                device.write_input(id, "x", &value).unwrap();
                (id, step)
            })
            .collect();
        device.run_together(&steps).unwrap();
        for (number, (id, _)) in steps.iter().enumerate() {
            let made = device.read_output(*id, "y").unwrap();
            assert_eq!(made.data(), [2.0 * number as f32 + 1.0; 6]);
        }
        assert!(device.run_together(&[steps[0], steps[0]]).is_err());
        // Metrics come in the order of steps, which there is none of.
        let counting = Plan::new(&request(vec![("total".into(), total)])).unwrap();
        let counting = device.add_plan(counting, None).unwrap();
        assert!(device.run_together(&[steps[0], (counting, step)]).is_err());
    }
}
