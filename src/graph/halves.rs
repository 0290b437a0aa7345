//! Which tensors a plan keeps as f16.

use super::nodes::{Graph, Kind, base};
use crate::ops::{Builder, HalfTerms, Halves, NodeId, Op, Permute, Storage};

/// Keeping what lies between operations as f16, with f32 for all that is computed and kept: parameters, their
/// gradients and moments, sums, what is read back.
///
/// A gradient is far smaller than what it is the gradient of, and f16 ends at 6e-8, with less than its 11 bits
/// below 6e-5: gradients are kept times a power of two, which changes no bit of those that are in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfStorage {
    /// The power of two by which gradients are kept larger than they are.
    pub gradient_exponent: i32,
    /// Tensors of fewer numbers stay f32: they are statistics and codes, and take next to nothing.
    pub least: usize,
}

impl HalfStorage {
    /// Numbers of the smallest tensor that is worth it.
    pub const LEAST: usize = 4096;
    /// Gradients of up to 2^8 an image are in range.
    const HEADROOM: i32 = 8;

    /// For losses that are means over so many images, or over all numbers of theirs. A gradient of one image's
    /// number then is its own over that many; f16 goes on for eight powers of two above that, and for
    /// 22 below with all its bits.
    pub fn of_batch(images: usize) -> Self {
        let exponent = Self::HEADROOM + images.max(1).ilog2() as i32;
        Self { gradient_exponent: exponent, least: Self::LEAST }
    }
}

/// What is known of nodes before they are fused, by their numbers.
#[derive(Debug)]
pub(super) struct Demands {
    /// Whether all bits are wanted.
    whole: Vec<bool>,
    /// Whether it is a gradient, or made of one.
    backward: Vec<bool>,
}

impl Demands {
    /// Of a graph whose nodes `roots` are read after a step, or kept by it, and in which `seed` is the gradient
    /// of the loss in itself.
    pub fn new(graph: &Graph, roots: &[NodeId], seed: Option<NodeId>) -> Self {
        let count = graph.nodes().len();
        let backward = match seed {
            Some(seed) => graph.dependants(&[seed], count),
            None => vec![false; count],
        };
        let mut whole = vec![false; count];
        let mut open = roots.to_vec();
        while let Some(node) = open.pop() {
            // What a parameter's gradient, or a running mean, is put together from: of a product, the product.
            if !std::mem::replace(&mut whole[node.index()], true) && puts_together(graph, node) {
                open.extend(&graph.node(node).inputs);
            }
        }
        Self { whole, backward }
    }
}

/// Whether a node gives numbers as it reads them, turned, added or scaled.
fn puts_together(graph: &Graph, node: NodeId) -> bool {
    let Kind::Op(op) = &graph.node(node).kind else { return false };
    let is_turned = (op.as_ref() as &dyn std::any::Any).is::<Permute>();
    op.is_view() || op.pointwise().is_some() || is_turned
}

/// How each node's own tensor is kept, by the nodes' numbers, in a graph that may be fused since.
pub(super) fn storages(
    graph: &Graph,
    roots: &[NodeId],
    demands: &Demands,
    half: HalfStorage,
) -> Vec<Storage> {
    let count = graph.nodes().len();
    let needed = graph.needed(roots);
    let mut is_half: Vec<bool> = (0..count)
        .map(|index| {
            let id = NodeId(index as u32);
            let gives = op_of(graph, id).is_some_and(|op| op.halves() == Halves::All);
            gives && !demands.whole[index] && graph.shape(id).elements() >= half.least
        })
        .collect();
    for index in (0..count).filter(|index| needed[*index]) {
        let id = NodeId(index as u32);
        let Some(op) = op_of(graph, id) else { continue };
        let reads = op.is_view() || op.halves() != Halves::Nothing;
        // A view's memory is what it is a view of.
        let wants_whole = !reads || (op.is_view() && demands.whole[index]);
        let inputs = graph.node(id).inputs.iter().filter(|_| wants_whole);
        inputs.for_each(|input| is_half[base(graph, *input).index()] = false);
    }
    let storage = |(is_half, backward): (bool, &bool)| match (is_half, backward) {
        (false, _) => Storage::F32,
        (true, false) => Storage::F16 { exponent: 0 },
        (true, true) => Storage::F16 { exponent: half.gradient_exponent },
    };
    is_half.into_iter().zip(&demands.backward).map(storage).collect()
}

/// Lets products be of f16 where their operands are: as they are kept, but for parameters, of which one may stand beside
/// an operand that is f16. Matrix units take no other numbers, and what else is f32 is too small for f16, or wants all
/// its bits.
pub(super) fn halve_terms(graph: &mut Graph, storages: &[Storage]) {
    for index in 0..graph.nodes().len() {
        let id = NodeId(index as u32);
        let node = graph.node(id);
        let (Kind::Op(op), [a, b, ..]) = (&node.kind, &node.inputs[..]) else { continue };
        let exponents = [a, b].map(|input| {
            let from = base(graph, *input);
            match (storages[from.index()], &graph.node(from).kind) {
                (Storage::F16 { exponent }, _) => Some((exponent, true)),
                (Storage::F32, Kind::State(_)) => Some((0, false)),
                (Storage::F32, _) => None,
            }
        });
        let [Some((a, a_is_half)), Some((b, b_is_half))] = exponents else { continue };
        let terms = HalfTerms { exponents: [a, b] };
        if let Some(op) = op.with_half_terms(terms).filter(|_| a_is_half || b_is_half) {
            graph.replace_op(id, op);
        }
    }
}

/// The operation that gives a node's value.
fn op_of(graph: &Graph, id: NodeId) -> Option<&dyn Op> {
    match &graph.node(id).kind {
        Kind::Op(op) => Some(op.as_ref()),
        Kind::Companion { of, .. } => op_of(graph, *of),
        _ => None,
    }
}
