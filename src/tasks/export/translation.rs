//! A graph of this crate as one of ONNX, node by node.
//!
//! The graph is built for two batch sizes. Wherever a size differs between the two, it is the batch's
//! or a multiple of it, and the exported graph leaves it open.

use std::collections::HashMap;

use super::place::{BATCHES, Place, Size};
use super::proto::{
    DataType, Dimension, DimensionProto, GraphProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};
use super::writer::{Writer, reals};
use super::{elementwise, layers, shapes};
use crate::error::{Error, Result};
use crate::graph::{Graph, Kind, Node, State};
use crate::ops::{Bias, Conv2d, ConvTranspose2d, Expand, Matmul, NodeId, Op, Reshape, Slice};

/// The input and the output that hold whole numbers: in the crate's own graphs they are f32.
const WHOLE: [&str; 2] = ["labels", "index"];

/// The same graph for each of [`BATCHES`].
pub(super) struct Pair<'a> {
    graphs: [&'a Graph; 2],
}

impl<'a> Pair<'a> {
    /// The pair, if it is one.
    ///
    /// # Errors
    /// When the graphs differ by more than the batch.
    pub fn new(graphs: [&'a Graph; 2]) -> Result<Self> {
        let [first, second] = graphs.map(Graph::nodes);
        let alike = first.len() == second.len()
            && first.iter().zip(second).all(|(a, b)| a.inputs == b.inputs && same_kind(a, b));
        match alike {
            true => Ok(Self { graphs }),
            false => Err(Error::Graph("the model has another structure by batch size".into())),
        }
    }

    fn node(&self, id: NodeId) -> &'a Node {
        self.graphs[0].node(id)
    }

    /// The sizes of a node's value.
    fn sizes(&self, id: NodeId) -> Result<Vec<Size>> {
        let [first, second] = self.graphs.map(|graph| &graph.node(id).shape);
        let size = |(first, second): (&usize, &usize)| {
            if first == second {
                return Ok(Size::Fixed(*first));
            }
            let times = first / BATCHES[0];
            let is_multiple = times * BATCHES[0] == *first && times * BATCHES[1] == *second;
            let what = || Error::Graph("an axis is no multiple of the batch".into());
            is_multiple.then_some(Size::Batch(times)).ok_or_else(what)
        };
        first.iter().zip(second.iter()).map(size).collect()
    }

    fn ops(&self, id: NodeId) -> Option<[&'a dyn Op; 2]> {
        match self.graphs.map(|graph| &graph.node(id).kind) {
            [Kind::Op(first), Kind::Op(second)] => Some([first.as_ref(), second.as_ref()]),
            _ => None,
        }
    }
}

/// Whether two nodes are the same but for the batch.
fn same_kind(first: &Node, second: &Node) -> bool {
    match (&first.kind, &second.kind) {
        (Kind::Input(a), Kind::Input(b)) => a == b,
        (Kind::State(a), Kind::State(b)) => a == b,
        (Kind::Constant(a), Kind::Constant(b)) => a == b,
        (Kind::Data(a), Kind::Data(b)) => a == b,
        (Kind::Op(a), Kind::Op(b)) => {
            a.name() == b.name() && first.shape.rank() == second.shape.rank()
        }
        _ => false,
    }
}

/// Parameters of these are sizes, and may be the batch's; of all others they may not depend on it.
fn is_sized(op: &dyn Op) -> bool {
    let op = op as &dyn std::any::Any;
    op.is::<Reshape>() || op.is::<Expand>() || op.is::<Slice>()
}

/// The graph of what `outputs` depend on, with the weights of `state`.
///
/// # Errors
/// When an operation has no counterpart, or depends on the batch size.
pub(super) fn translate(
    name: &str,
    pair: &Pair,
    outputs: &[(&'static str, NodeId)],
    state: &State,
) -> Result<GraphProto> {
    let roots: Vec<NodeId> = outputs.iter().map(|(_, node)| *node).collect();
    let needed = pair.graphs[0].needed(&roots);
    let reached: Vec<NodeId> = (0..needed.len())
        .filter(|index| needed[*index])
        .map(|index| NodeId(index as u32))
        .collect();
    let mut translation = Translation {
        pair,
        state,
        folded: folded(pair, &reached, &roots),
        names: HashMap::new(),
        writer: Writer::default(),
        inputs: vec![],
    };
    for (output, node) in outputs {
        // Where two outputs are one node, the second is a copy.
        if pair.ops(*node).is_some() && !WHOLE.contains(output) {
            translation.names.entry(*node).or_insert_with(|| (*output).into());
        }
    }
    for node in &reached {
        translation.add(*node)?;
    }
    translation.finish(name, outputs)
}

/// Products with the bias that is added to nothing else than them: each pair is one node of ONNX.
fn folded(pair: &Pair, reached: &[NodeId], roots: &[NodeId]) -> HashMap<NodeId, NodeId> {
    let mut uses: HashMap<NodeId, usize> = HashMap::new();
    for used in reached.iter().flat_map(|node| &pair.node(*node).inputs).chain(roots) {
        *uses.entry(*used).or_default() += 1;
    }
    let takes_bias = |node: NodeId| {
        let Some([op, _]) = pair.ops(node) else { return false };
        let op = op as &dyn std::any::Any;
        let rank = pair.node(node).shape.rank();
        op.is::<Conv2d>() || op.is::<ConvTranspose2d>() || (op.is::<Matmul>() && rank == 2)
    };
    let is_bias = |node: &NodeId| {
        pair.ops(*node).is_some_and(|[op, _]| (op as &dyn std::any::Any).is::<Bias>())
    };
    let biases =
        reached.iter().filter(|node| is_bias(node)).map(|node| (*node, pair.node(*node).inputs[0]));
    biases.filter(|(_, product)| uses[product] == 1 && takes_bias(*product)).collect()
}

struct Translation<'a> {
    pair: &'a Pair<'a>,
    state: &'a State,
    /// Biases, and the products that they are part of.
    folded: HashMap<NodeId, NodeId>,
    names: HashMap<NodeId, String>,
    writer: Writer,
    inputs: Vec<ValueInfoProto>,
}

impl Translation<'_> {
    fn add(&mut self, id: NodeId) -> Result<()> {
        let node = self.pair.node(id);
        match &node.kind {
            Kind::Input(name) => self.input(id, name),
            Kind::State(name) => {
                let found = self.state.tensors().find(|(known, ..)| *known == name.0);
                let (name, shape, values) = found
                    .ok_or_else(|| Error::Graph(format!("the model's state has no `{name}`")))?;
                self.writer.initialisers.push(reals(name, shape, values));
                self.names.insert(id, name.into());
                Ok(())
            }
            Kind::Constant(value) => {
                let name = format!("constant_node_{}", id.0);
                self.writer.initialisers.push(reals(&name, value.shape(), value.data()));
                self.names.insert(id, name);
                Ok(())
            }
            Kind::Data(_) | Kind::Companion { .. } => {
                Err(Error::Graph("a graph that reads a dataset cannot be exported".into()))
            }
            // It is written where its bias is.
            Kind::Op(_) if self.folded.values().any(|product| *product == id) => Ok(()),
            Kind::Op(op) => {
                let unnamed = || format!("{}_{}", op.name(), id.0);
                self.names.entry(id).or_insert_with(unnamed);
                self.operation(id)
            }
        }
    }

    fn input(&mut self, id: NodeId, name: &str) -> Result<()> {
        let sizes = self.pair.sizes(id)?;
        let is_whole = WHOLE.contains(&name);
        let info = value_info(name, &sizes, is_whole);
        match is_whole {
            // What a model is told comes after what it is told of.
            true => {
                let real = format!("{name}_real");
                self.writer.real_of(name, &real);
                self.names.insert(id, real);
                self.inputs.push(info);
            }
            false => {
                self.names.insert(id, name.into());
                self.inputs.insert(0, info);
            }
        }
        Ok(())
    }

    fn operation(&mut self, id: NodeId) -> Result<()> {
        let mut inputs = self.pair.node(id).inputs.clone();
        let mut at = id;
        if let Some(product) = self.folded.get(&id) {
            let bias = inputs[1];
            inputs = self.pair.node(*product).inputs.clone();
            inputs.push(bias);
            at = *product;
        }
        let Some(ops) = self.pair.ops(at) else {
            return Err(Error::Graph("a node that is no operation cannot be one of ONNX".into()));
        };
        let input_sizes =
            inputs.iter().map(|input| self.pair.sizes(*input)).collect::<Result<_>>()?;
        let place = Place {
            ops,
            inputs: inputs.iter().map(|input| self.names[input].as_str()).collect(),
            input_sizes,
            output: &self.names[&id],
            sizes: self.pair.sizes(id)?,
        };
        let [first, second] = place.ops;
        if !is_sized(first) && format!("{first:?}") != format!("{second:?}") {
            return Err(place.unsupported("its parameters depend on the batch size"));
        }
        let writer = &mut self.writer;
        let known = elementwise::write(writer, &place)
            || layers::write(writer, &place)?
            || shapes::write(writer, &place)?;
        match known {
            true => Ok(()),
            false => Err(place.unsupported("ONNX has no operation for it")),
        }
    }

    /// The graph, with outputs by their names.
    fn finish(mut self, name: &str, outputs: &[(&'static str, NodeId)]) -> Result<GraphProto> {
        let mut infos = vec![];
        for (output, node) in outputs {
            let is_whole = WHOLE.contains(output);
            infos.push(value_info(output, &self.pair.sizes(*node)?, is_whole));
            let value = &self.names[node];
            if is_whole {
                self.writer.whole_of(value, output);
            } else if value != output {
                self.writer.node("Identity", &[value], output);
            }
        }
        Ok(GraphProto {
            node: self.writer.nodes,
            name: Some(name.into()),
            initializer: self.writer.initialisers,
            input: self.inputs,
            output: infos,
        })
    }
}

fn value_info(name: &str, sizes: &[Size], is_whole: bool) -> ValueInfoProto {
    let dimension = |size: &Size| {
        let value = match size {
            Size::Fixed(size) => Dimension::Value(*size as i64),
            Size::Batch(1) => Dimension::Param("batch".into()),
            Size::Batch(times) => Dimension::Param(format!("batch_times_{times}")),
        };
        DimensionProto { value: Some(value) }
    };
    let kind = if is_whole { DataType::Int64 } else { DataType::Float };
    let shape = TensorShapeProto { dim: sizes.iter().map(dimension).collect() };
    let tensor = TensorTypeProto { elem_type: Some(kind.into()), shape: Some(shape) };
    let r#type = Some(TypeProto { tensor_type: Some(tensor) });
    ValueInfoProto { name: Some(name.into()), r#type }
}
