//! The graph and its nodes, and how they are added.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use super::parameter::{Initialiser, ParamName, Role, StateEntry, StateLayout};
use super::pooling::Pooling;
use crate::error::{Error, Result};
use crate::ops::{Builder, MAX_INPUTS, NodeId, Op};
use crate::rng::Stream;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Indices are `u32`, and bytes are counted by them.
const MOST_ELEMENTS: usize = u32::MAX as usize / 4;
const TOO_LARGE: &str = "a tensor holds under 2^30 numbers";

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A tensor that the host writes, by name.
    Input(String),
    /// A tensor of the state: a parameter, or a number that training updates without a gradient.
    State(ParamName),
    /// A tensor that never changes.
    Constant(Arc<Tensor>),
    /// The dataset: its pixels as bytes, its labels, or the epoch's order.
    Data(Data),
    /// The result of an operation.
    Op(Arc<dyn Op>),
    /// A further output of the operation of another node. Only fusion makes these.
    Companion {
        /// The node of the operation.
        of: NodeId,
        /// Which of its outputs; the node's own value is number 0.
        output: usize,
    },
}

/// A part of the resident dataset. Elements are 32-bit words; what they hold is the reader's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Data {
    /// Bytes of all images, four a word.
    Pixels,
    /// One `u32` an image.
    Labels,
    /// The numbers of the images, `u32`, in the order in which this pass takes them.
    Order,
}

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// The nodes it reads.
    pub inputs: Vec<NodeId>,
    /// The shape of its value.
    pub shape: Shape,
}

/// Nodes in the order in which they were added, which is an order in which they can be computed.
///
/// Functions of [`ops`](crate::ops) and [`nn`](crate::nn) add nodes, and gradients are nodes too:
///
/// ```
/// use diabolo::graph::{Graph, Initialiser};
/// use diabolo::ops::{self, Builder};
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [4, 8]);
/// let weight = graph.parameter("weight", [8, 3], Initialiser::GlorotUniform { fan_in: 8, fan_out: 3 })?;
/// let y = ops::matmul(&mut graph, x, weight)?;
/// let loss = ops::mean_all(&mut graph, y)?;
/// let by_weight = graph.gradients(loss, &[weight])?[0];
/// assert_eq!(graph.shape(by_weight)[..], [8, 3]);
/// assert!(ops::matmul(&mut graph, y, weight).is_err()); // [4, 3] by [8, 3]
/// # Ok::<(), diabolo::error::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
    state: Vec<StateEntry>,
    updates: Vec<(ParamName, NodeId)>,
    pub(super) pooled: Vec<(NodeId, Pooling)>,
    /// Equal operations on equal inputs are one node.
    known: HashMap<(String, Vec<NodeId>), NodeId>,
    streams: u32,
}

impl Graph {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// All nodes; a node's inputs come before it.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Has another operation compute a node, at the same shapes.
    pub(super) fn replace_op(&mut self, id: NodeId, op: Arc<dyn Op>) {
        self.nodes[id.index()].kind = Kind::Op(op);
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The state tensors that nodes refer to, in the order in which they were named.
    pub fn state(&self) -> &[StateEntry] {
        &self.state
    }

    /// State tensors that a training step replaces, and the nodes that hold their new values.
    pub fn updates(&self) -> &[(ParamName, NodeId)] {
        &self.updates
    }

    /// A tensor the host writes before a step.
    pub fn input(&mut self, name: &str, shape: impl Into<Shape>) -> NodeId {
        let (key, shape) = (format!("input {name}"), shape.into());
        self.leaf(key, Kind::Input(name.into()), shape)
    }

    /// A tensor that never changes.
    pub fn constant(&mut self, value: Tensor) -> NodeId {
        let shape = value.shape().clone();
        let key = format!("constant {}", self.nodes.len());
        self.leaf(key, Kind::Constant(Arc::new(value)), shape)
    }

    /// A part of the dataset, `words` long.
    pub fn data(&mut self, data: Data, words: usize) -> NodeId {
        self.leaf(format!("data {data:?} {words}"), Kind::Data(data), Shape::from([words]))
    }

    /// A trained parameter, such as `encoder.conv1.weight`. Naming it twice shares it.
    ///
    /// # Errors
    /// When the name is known with another shape.
    pub fn parameter(
        &mut self,
        name: &str,
        shape: impl Into<Shape>,
        initialiser: Initialiser,
    ) -> Result<NodeId> {
        self.state_node(name, shape.into(), initialiser, Role::Parameter)
    }

    /// A tensor of the state that is not trained by gradient, such as a running mean.
    ///
    /// # Errors
    /// When the name is known with another shape.
    pub fn buffer(
        &mut self,
        name: &str,
        shape: impl Into<Shape>,
        initialiser: Initialiser,
    ) -> Result<NodeId> {
        self.state_node(name, shape.into(), initialiser, Role::Buffer)
    }

    /// Lets each training step end with `buffer` holding the value of `node`.
    ///
    /// # Errors
    /// When `buffer` is not a [`Graph::buffer`] of that shape.
    pub fn update(&mut self, buffer: NodeId, node: NodeId) -> Result<()> {
        let name = match &self.node(buffer).kind {
            Kind::State(name) => name.clone(),
            _ => return Err(Error::Graph("only a buffer of the state can be updated".into())),
        };
        if self.shape(buffer) != self.shape(node) {
            let shapes = [self.shape(buffer), self.shape(node)];
            return Err(Error::shape("update", "a buffer keeps its shape", &shapes));
        }
        self.updates.push((name, node));
        Ok(())
    }

    /// Where the first value of each state tensor comes from and how they are laid out.
    pub fn layout(&self) -> StateLayout {
        StateLayout::new(self.state.clone())
    }

    /// Which nodes `roots` depend on, themselves included.
    pub(crate) fn needed(&self, roots: &[NodeId]) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        let mut open = roots.to_vec();
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut needed[node.index()], true) {
                open.extend(&self.nodes[node.index()].inputs);
                open.extend(match self.nodes[node.index()].kind {
                    Kind::Companion { of, .. } => Some(of),
                    _ => None,
                });
            }
        }
        needed
    }

    /// How often each node is read, by nodes that are needed and as one that is kept.
    pub(super) fn readers(&self, kept: &[NodeId]) -> Vec<usize> {
        let needed = self.needed(kept);
        let nodes = self.nodes.iter().zip(&needed).filter(|(_, needed)| **needed);
        let mut readers = vec![0_usize; self.nodes.len()];
        for input in nodes.flat_map(|(node, _)| &node.inputs).chain(kept) {
            readers[input.index()] += 1;
        }
        readers
    }

    /// The operation of node number `index`, if it is a `T`.
    pub(super) fn op<T: Op>(&self, index: usize) -> Option<&T> {
        let Kind::Op(op) = &self.nodes[index].kind else { return None };
        (op.as_ref() as &dyn std::any::Any).downcast_ref()
    }

    fn state_node(
        &mut self,
        name: &str,
        shape: Shape,
        initialiser: Initialiser,
        role: Role,
    ) -> Result<NodeId> {
        let name = ParamName(name.into());
        if shape.elements() > MOST_ELEMENTS {
            let what = format!("`{name}` is too large: {TOO_LARGE}");
            return Err(Error::shape("parameter", what, &[&shape]));
        }
        if let Some(entry) = self.state.iter().find(|entry| entry.name == name) {
            if entry.shape != shape || entry.role != role {
                let what = format!("`{name}` is known already and keeps its shape and role");
                return Err(Error::shape("parameter", what, &[&entry.shape, &shape]));
            }
        } else {
            let entry = StateEntry { name: name.clone(), shape: shape.clone(), initialiser, role };
            self.state.push(entry);
        }
        Ok(self.leaf(format!("state {name}"), Kind::State(name), shape))
    }

    fn leaf(&mut self, key: String, kind: Kind, shape: Shape) -> NodeId {
        let key = (key, vec![]);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let id = self.push(Node { kind, inputs: vec![], shape });
        self.known.insert(key, id);
        id
    }

    fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).expect("a graph has under 2^32 nodes"));
        self.nodes.push(node);
        id
    }
}

impl Builder for Graph {
    fn apply(&mut self, op: Arc<dyn Op>, inputs: &[NodeId]) -> Result<NodeId> {
        // Operations from outside may print what one of ours prints.
        let kind = (op.as_ref() as &dyn Any).type_id();
        let key = (format!("{kind:?} {op:?}"), inputs.to_vec());
        if let Some(&known) = self.known.get(&key) {
            return Ok(known);
        }
        let shapes: Vec<&Shape> = inputs.iter().map(|input| &self.node(*input).shape).collect();
        if shapes.len() > MAX_INPUTS {
            let what = format!("an operation takes at most {MAX_INPUTS} inputs");
            return Err(Error::shape(op.name(), what, &shapes));
        }
        let shape = op.shape(&shapes)?;
        if shape.elements() > MOST_ELEMENTS {
            return Err(Error::shape(op.name(), TOO_LARGE, &shapes));
        }
        let id = self.push(Node { kind: Kind::Op(op), inputs: inputs.to_vec(), shape });
        self.known.insert(key, id);
        Ok(id)
    }

    fn shape(&self, node: NodeId) -> &Shape {
        &self.node(node).shape
    }

    fn fresh_stream(&mut self) -> Stream {
        self.streams += 1;
        Stream(self.streams - 1)
    }
}

/// The node whose memory `node` is a view of: itself unless it is a reshape.
pub(super) fn base(graph: &Graph, node: NodeId) -> NodeId {
    match &graph.node(node).kind {
        Kind::Op(op) if op.is_view() => base(graph, graph.node(node).inputs[0]),
        _ => node,
    }
}
