//! A plan in the making: operations scheduled as their results are needed, then laid out in memory.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::memory::{self, Lifetime, MemoryReport};
use super::nodes::{Graph, Kind, base};
use super::parameter::{ParamName, Role};
use super::plan::{Area, Location, METRIC_ROWS, Plan, PlanRequest, Step, Training};
use super::recording::Recorders;
use super::updates::{Search, Updates};
use crate::error::{Error, Result};
use crate::ops::{
    Builder, Expand, GlobalNorm, MAX_INPUTS, MetricColumn, NodeId, Op, Record, Shapes, Storage,
};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A plan in the making.
pub(super) struct Draft<'a> {
    graph: &'a Graph,
    request: &'a PlanRequest<'a>,
    /// Further outputs of each operation, by the number of the output.
    companions: HashMap<NodeId, Vec<NodeId>>,
    recorders: Recorders,
    locations: Vec<Option<Location>>,
    scheduled: Vec<bool>,
    steps: Vec<Step>,
    lifetimes: Vec<Lifetime>,
    inputs: Vec<(String, Shape)>,
    constants: Vec<Arc<Tensor>>,
    /// How the tensor of each node is kept.
    storages: Vec<Storage>,
}

impl<'a> Draft<'a> {
    pub fn new(graph: &'a Graph, request: &'a PlanRequest<'a>, storages: Vec<Storage>) -> Self {
        Self {
            graph,
            request,
            companions: companions(graph),
            recorders: Recorders::find(graph, request),
            locations: vec![None; graph.nodes().len()],
            scheduled: vec![false; graph.nodes().len()],
            steps: vec![],
            lifetimes: vec![],
            inputs: vec![],
            constants: vec![],
            storages,
        }
    }

    pub fn finish(mut self, roots: &[NodeId], gradients: &[(ParamName, NodeId)]) -> Result<Plan> {
        let needed = self.graph.needed(roots);
        let alone = self.gradients_alone(roots, gradients);
        let (graph, request, companions) = (self.graph, self.request, &self.companions);
        let updates = Search { graph, request, roots, companions, alone: &alone }.updates();
        self.place_gradients(&alone, &updates)?;
        for index in (0..needed.len()).filter(|index| needed[*index]) {
            let node = NodeId(index as u32);
            if !updates.compute(base(self.graph, node)) {
                self.schedule(node)?;
            }
            for (host, op) in updates.ready(index) {
                self.update(host, op)?;
            }
        }
        self.record_metrics();
        let left = gradients.iter().filter(|(name, _)| !updates.update(name));
        self.copy_gradients(left)?;
        if let Some(training) = self.training() {
            self.optimise(training, &updates);
            self.update_buffers()?;
        }
        let mut outputs = HashMap::new();
        for (name, node) in &self.request.outputs {
            let location = self.location(*node);
            if let Area::Slot(slot) = location.area {
                self.lifetimes[slot].last = usize::MAX;
            }
            outputs.insert(name.clone(), (location, self.graph.shape(*node).clone()));
        }
        self.allocate(outputs)
    }

    /// How the state is changed, if it is.
    fn training(&self) -> Option<&'a Training> {
        self.request.training.as_ref().filter(|_| self.request.updates_state())
    }

    /// Parameters by the operation, or further output of one, that gives their gradient to nobody but
    /// the optimiser.
    fn gradients_alone(
        &self,
        roots: &[NodeId],
        gradients: &[(ParamName, NodeId)],
    ) -> HashMap<NodeId, ParamName> {
        let mut readers = vec![0_usize; self.graph.nodes().len()];
        for node in self.graph.nodes().iter().flat_map(|node| &node.inputs).chain(roots) {
            readers[node.index()] += 1;
        }
        let mut found = HashMap::new();
        for (name, node) in gradients {
            let base = base(self.graph, *node);
            let kind = &self.graph.node(base).kind;
            let is_op = matches!(kind, Kind::Op(_) | Kind::Companion { .. });
            let mut link = *node;
            let mut alone = readers[link.index()] == 1;
            while link != base {
                link = self.graph.node(link).inputs[0];
                alone &= readers[link.index()] == 1;
            }
            if is_op && alone {
                found.insert(base, name.clone());
            }
        }
        found
    }

    /// Lets gradients that only the optimiser reads be written where it reads them.
    fn place_gradients(
        &mut self,
        alone: &HashMap<NodeId, ParamName>,
        updates: &Updates,
    ) -> Result<()> {
        for (node, name) in alone.iter().filter(|(node, _)| !updates.compute(**node)) {
            self.locations[node.index()] = Some(self.gradient_location(name)?);
        }
        Ok(())
    }

    fn gradient_location(&self, name: &ParamName) -> Result<Location> {
        Ok(Location { area: Area::Gradients, ..self.state_location(name)? })
    }

    fn state_location(&self, name: &ParamName) -> Result<Location> {
        let (entry, range) = self.request.layout.find(name).ok_or_else(|| {
            Error::Graph(format!("`{name}` is not part of the state this plan is made for"))
        })?;
        let area = match entry.role {
            Role::Parameter => Area::Parameters,
            Role::Buffer => Area::Buffers,
        };
        Ok(Location::whole(area, range.start, range.len()))
    }

    /// Gives node `id` its place and, if it is an operation, its step, after those of what it reads.
    fn schedule(&mut self, id: NodeId) -> Result<()> {
        if self.scheduled[id.index()] {
            return Ok(());
        }
        let node = self.graph.node(id);
        let length = node.shape.elements();
        let location = match &node.kind {
            Kind::Input(name) => {
                self.inputs.push((name.clone(), node.shape.clone()));
                Location::whole(Area::Input(self.inputs.len() - 1), 0, length)
            }
            Kind::Constant(value) => {
                self.constants.push(value.clone());
                Location::whole(Area::Constant(self.constants.len() - 1), 0, length)
            }
            Kind::State(name) => self.state_location(name)?,
            Kind::Data(data) => Location::whole(Area::Data(*data), 0, length),
            Kind::Op(op) if op.is_view() => {
                self.schedule(node.inputs[0])?;
                self.location(node.inputs[0])
            }
            Kind::Op(op) => return self.compute(id, op),
            Kind::Companion { of, .. } => return self.schedule(*of),
        };
        self.scheduled[id.index()] = true;
        self.locations[id.index()] = Some(location);
        Ok(())
    }

    /// Adds the step of operation node `id`, with places for all it gives.
    fn compute(&mut self, id: NodeId, op: &Arc<dyn Op>) -> Result<()> {
        let (inputs, shapes) = self.operands(id)?;
        let companions = self.companions.get(&id).cloned().unwrap_or_default();
        let mut outputs = vec![];
        for id in [id].into_iter().chain(companions) {
            let shape = self.graph.shape(id);
            let location = match self.locations[id.index()] {
                Some(location) => location,
                None => self.new_slot(op.name(), shape, self.storages[id.index()]),
            };
            self.locations[id.index()] = Some(location);
            self.scheduled[id.index()] = true;
            outputs.push(location);
        }
        let recorder = self.recorders.recorder(id);
        outputs.extend(recorder.as_ref().map(|_| self.log()));
        self.push_step(recorder.unwrap_or_else(|| op.clone()), shapes, inputs, outputs);
        Ok(())
    }

    /// Where the inputs of node `id` lie, all computed, and its shapes.
    fn operands(&mut self, id: NodeId) -> Result<(Vec<Location>, Shapes)> {
        let node = self.graph.node(id);
        for input in &node.inputs {
            self.schedule(*input)?;
        }
        let inputs = node.inputs.iter().map(|input| self.location(*input)).collect();
        let shapes = Shapes {
            inputs: node.inputs.iter().map(|i| self.graph.shape(*i).clone()).collect(),
            output: node.shape.clone(),
        };
        Ok((inputs, shapes))
    }

    /// Adds the step of operation node `id` as `op`, which updates the parameters whose gradients the
    /// node and its companions are.
    fn update(&mut self, id: NodeId, op: &Arc<dyn Op>) -> Result<()> {
        let (inputs, shapes) = self.operands(id)?;
        let outputs = self.trained();
        self.push_step(op.clone(), shapes, inputs, outputs);
        Ok(())
    }

    /// What the optimiser updates: all parameters, and their moments.
    fn trained(&self) -> Vec<Location> {
        let length = self.request.layout.words(Role::Parameter);
        let areas = [Area::Parameters].into_iter().chain((0..self.moments()).map(Area::Moment));
        areas.map(|area| Location::whole(area, 0, length)).collect()
    }

    /// How many moments the optimiser keeps.
    fn moments(&self) -> usize {
        self.training().map_or(0, |training| training.optimiser.moments())
    }

    fn location(&self, node: NodeId) -> Location {
        self.locations[node.index()].expect("a node's inputs are scheduled before it")
    }

    /// A tensor of its own, for now; [`memory::assign`] lets tensors share.
    fn new_slot(&mut self, name: &str, shape: &Shape, storage: Storage) -> Location {
        let first = self.steps.len();
        let name = format!("{name} {shape}");
        let area = Area::Slot(self.lifetimes.len());
        let location = Location { storage, ..Location::whole(area, 0, shape.elements()) };
        self.lifetimes.push(Lifetime { first, last: first, words: location.words(), name });
        location
    }

    fn push_step(
        &mut self,
        op: Arc<dyn Op>,
        shapes: Shapes,
        inputs: Vec<Location>,
        outputs: Vec<Location>,
    ) {
        let words = self.request.target.map_or(0, |target| op.gpu_scratch(&shapes, target));
        let name = format!("scratch memory of {}", op.name());
        let scratch =
            (words > 0).then(|| self.new_slot(&name, &Shape::from([words]), Storage::F32));
        for location in inputs.iter().chain(&outputs) {
            if let Area::Slot(slot) = location.area {
                self.lifetimes[slot].last = self.steps.len();
            }
        }
        self.steps.push(Step { op, shapes, inputs, outputs, scratch });
    }

    /// The whole metrics log.
    fn log(&self) -> Location {
        let length = self.request.metrics.len() * METRIC_ROWS;
        Location::whole(Area::Metrics, 0, length)
    }

    /// Writes the metrics that no operation records while it computes them.
    fn record_metrics(&mut self) {
        let of = self.request.metrics.len();
        let nodes = self.request.metrics.iter().map(|(_, node)| *node).enumerate();
        let left: Vec<(usize, NodeId)> =
            nodes.filter(|(number, _)| !self.recorders.record(*number)).collect();
        for metrics in left.chunks(MAX_INPUTS) {
            let nodes = metrics.iter().map(|(_, node)| *node);
            let locations = nodes.clone().map(|node| self.location(node)).collect();
            let inputs = nodes.map(|node| self.graph.shape(node).clone()).collect();
            let shapes = Shapes { inputs, output: Shape::from([METRIC_ROWS, of]) };
            let columns = metrics.iter().map(|(number, _)| MetricColumn { number: *number, of });
            let record = Record { columns: columns.collect() };
            self.push_step(Arc::new(record), shapes, locations, vec![self.log()]);
        }
    }

    /// Copies gradients that could not be written in place: those read elsewhere too, and those
    /// that are constant.
    fn copy_gradients<'g>(
        &mut self,
        gradients: impl Iterator<Item = &'g (ParamName, NodeId)>,
    ) -> Result<()> {
        for (name, node) in gradients {
            let (from, to) = (self.location(*node), self.gradient_location(name)?);
            if from != to {
                self.copy(*node, from, to);
            }
        }
        Ok(())
    }

    fn update_buffers(&mut self) -> Result<()> {
        for (name, node) in self.graph.updates() {
            let to = self.state_location(name)?;
            self.copy(*node, self.location(*node), to);
        }
        Ok(())
    }

    fn copy(&mut self, node: NodeId, from: Location, to: Location) {
        let shape = self.graph.shape(node).clone();
        let op = Arc::new(Expand { shape: shape.clone() });
        let shapes = Shapes { inputs: vec![shape.clone()], output: shape };
        self.push_step(op, shapes, vec![from], vec![to]);
    }

    /// The step of all parameters that no update has reached.
    fn optimise(&mut self, training: &Training, updates: &Updates) {
        let runs = self.runs(updates);
        if runs.is_empty() {
            return;
        }
        let words = self.request.layout.words(Role::Parameter);
        let shape = Shape::from([words]);
        let mut inputs = vec![Location::whole(Area::Gradients, 0, words)];
        let mut shapes = Shapes { inputs: vec![shape.clone()], output: shape };
        if training.clip_norm.is_some() {
            let entries = self.request.layout.iter();
            let trained = entries.filter(|(entry, _)| entry.role == Role::Parameter);
            let norm = GlobalNorm { segments: trained.map(|(_, range)| range).collect() };
            let output = self.new_slot(norm.name(), &Shape::scalar(), Storage::F32);
            let norm_shapes = Shapes { inputs: shapes.inputs.clone(), output: Shape::scalar() };
            self.push_step(Arc::new(norm), norm_shapes, inputs.clone(), vec![output]);
            inputs.push(output);
            shapes.inputs.push(Shape::scalar());
        }
        let op = training.optimiser.op(training.clip_norm, runs);
        let outputs = self.trained();
        self.push_step(op, shapes, inputs, outputs);
    }

    /// The words of the parameters that no update reaches, neighbours joined over the gap between them.
    fn runs(&self, updates: &Updates) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = vec![];
        let mut joins = false;
        let entries = self.request.layout.iter();
        for (entry, range) in entries.filter(|(entry, _)| entry.role == Role::Parameter) {
            let left = !updates.update(&entry.name);
            match runs.last_mut().filter(|_| joins) {
                Some(run) if left => run.end = range.end,
                _ if left => runs.push(range),
                _ => {}
            }
            joins = left;
        }
        runs
    }

    fn allocate(mut self, mut outputs: HashMap<String, (Location, Shape)>) -> Result<Plan> {
        if let Some(target) = self.request.target {
            memory::check_binding_sizes(&self.lifetimes, target)?;
        }
        let (slots, assignment) = memory::assign(&self.lifetimes);
        let reslot = |location: &mut Location| {
            if let Area::Slot(tensor) = &mut location.area {
                *tensor = assignment[*tensor];
            }
        };
        for step in &mut self.steps {
            let locations = step.inputs.iter_mut().chain(&mut step.outputs);
            locations.chain(&mut step.scratch).for_each(reslot);
        }
        outputs.values_mut().for_each(|(location, _)| reslot(location));
        let moments = self.moments();
        let stores_gradients = self.steps.iter().any(Step::has_stored_gradients);
        let inputs = self.inputs.iter().map(|(_, shape)| shape.elements());
        let constants = self.constants.iter().map(|value| value.shape().elements());
        let memory = MemoryReport::new(
            &self.lifetimes,
            &slots,
            self.request.layout,
            moments,
            stores_gradients,
            inputs.chain(constants).chain([METRIC_ROWS * self.request.metrics.len()]),
        );
        Ok(Plan {
            steps: self.steps,
            slots,
            inputs: self.inputs,
            constants: self.constants,
            outputs,
            metrics: self.request.metrics.iter().map(|(name, _)| name.clone()).collect(),
            layout: self.request.layout.clone(),
            moments,
            stores_gradients,
            memory,
        })
    }
}

/// The further outputs of each operation, in their order.
fn companions(graph: &Graph) -> HashMap<NodeId, Vec<NodeId>> {
    let mut companions: HashMap<NodeId, Vec<(usize, NodeId)>> = HashMap::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        if let Kind::Companion { of, output } = node.kind {
            companions.entry(of).or_default().push((output, NodeId(index as u32)));
        }
    }
    let ordered = |(of, mut list): (NodeId, Vec<(usize, NodeId)>)| {
        list.sort_unstable();
        (of, list.into_iter().map(|(_, id)| id).collect())
    };
    companions.into_iter().map(ordered).collect()
}
