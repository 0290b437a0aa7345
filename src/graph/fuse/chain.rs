//! Elementwise operations, and a sum of what they give, become one pass over memory.

use std::collections::HashMap;
use std::sync::Arc;

use crate::graph::nodes::{Graph, Kind};
use crate::ops::{Chain, Instruction, MAX_INPUTS, NodeId, Pointwise, Reduce, Total, UnaryKind};

/// A part of a chain.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// An operation on each of this many elements.
    Each(Pointwise, usize),
    /// The sum, times this, of this many elements.
    Sum(f32, usize),
}

/// Nodes that become one operation, in their order.
#[derive(Clone, Debug, Default)]
struct Group {
    members: Vec<usize>,
    /// Elements that are computed.
    elements: usize,
    /// The node that is the sum.
    sum: Option<usize>,
    /// A node that only scales the sum.
    scaled: Option<(usize, f32)>,
}

/// The fusion of one graph.
struct Fusion<'a> {
    graph: &'a Graph,
    parts: Vec<Option<Part>>,
    readers: Vec<Vec<usize>>,
    kept: Vec<bool>,
    groups: Vec<Group>,
    /// Which group a node belongs to.
    group_of: HashMap<usize, usize>,
}

impl Graph {
    /// Merges elementwise operations of as many elements, first along their edges, then those that
    /// read the same.
    pub(super) fn fuse_chains(&mut self, kept: &[NodeId]) {
        let mut fusion = Fusion::new(self, kept);
        for index in 0..self.nodes.len() {
            fusion.place(index);
        }
        fusion.cut_groups();
        fusion.join_siblings();
        let chains: Vec<_> = fusion.groups.iter().filter_map(|group| fusion.chain(group)).collect();
        for Fused { chain, inputs, outputs } in chains {
            let of = NodeId(outputs[0] as u32);
            let op = Kind::Op(Arc::new(chain));
            for (output, node) in outputs.into_iter().enumerate() {
                self.nodes[node].inputs = inputs.clone();
                self.nodes[node].kind = match output {
                    0 => op.clone(),
                    _ => Kind::Companion { of, output },
                };
            }
        }
    }
}

/// A chain, what it reads, and the nodes whose values it gives.
struct Fused {
    chain: Chain,
    inputs: Vec<NodeId>,
    outputs: Vec<usize>,
}

impl<'a> Fusion<'a> {
    fn new(graph: &'a Graph, kept: &[NodeId]) -> Self {
        let needed = graph.needed(kept);
        let count = graph.nodes.len();
        let mut readers = vec![vec![]; count];
        for index in (0..count).filter(|index| needed[*index]) {
            for input in &graph.nodes[index].inputs {
                readers[input.index()].push(index);
            }
            // Computed together, so what depends on one depends on both.
            if let Kind::Companion { of, .. } = graph.nodes[index].kind {
                readers[of.index()].push(index);
            }
        }
        let parts = (0..count).map(|index| graph.part(index).filter(|_| needed[index])).collect();
        let mut is_kept = vec![false; count];
        kept.iter().for_each(|node| is_kept[node.index()] = true);
        Self { graph, parts, readers, kept: is_kept, groups: vec![], group_of: HashMap::new() }
    }

    /// What node `index` reads, seen through views.
    fn sources(&self, index: usize) -> Vec<usize> {
        let inputs = self.graph.nodes[index].inputs.iter();
        inputs.map(|input| self.graph.seen_through(*input).index()).collect()
    }

    /// Puts node `index` into the groups of what it reads, which become one, or into a new one.
    fn place(&mut self, index: usize) {
        let Some(part) = self.parts[index] else { return };
        if self.scales_a_sum(index) {
            return;
        }
        let (Part::Each(_, elements) | Part::Sum(_, elements)) = part;
        let sum = matches!(part, Part::Sum(..)).then_some(index);
        let mut own = Group { members: vec![index], elements, sum, scaled: None };
        let sources = self.sources(index);
        let mut from: Vec<usize> =
            sources.iter().filter_map(|source| self.group_of.get(source).copied()).collect();
        from.sort_unstable();
        from.dedup();
        let number = self.groups.len();
        self.groups.push(Group::default());
        // The latest first: what was computed last is nearest.
        for other in from.into_iter().rev() {
            if let Some(merged) = self.merged(&own, other) {
                own = merged;
                self.groups[other] = Group::default();
            }
        }
        self.settle(number, own);
    }

    fn settle(&mut self, number: usize, group: Group) {
        for member in group.members.iter().chain(group.scaled.as_ref().map(|(node, _)| node)) {
            self.group_of.insert(*member, number);
        }
        self.groups[number] = group;
    }

    /// Whether node `index` only scales a group's sum; it is then part of that sum.
    fn scales_a_sum(&mut self, index: usize) -> bool {
        let Some(Part::Each(Pointwise::Unary(kind), 1)) = self.parts[index] else { return false };
        let UnaryKind::Affine { scale, offset: 0.0 } = kind else { return false };
        let source = self.sources(index)[0];
        let Some(number) = self.group_of.get(&source).copied() else { return false };
        let group = &self.groups[number];
        let alone = self.outside_readers(source, &[index]) == 0 && !self.kept[source];
        if group.sum != Some(source) || group.scaled.is_some() || !alone {
            return false;
        }
        self.groups[number].scaled = Some((index, scale));
        self.group_of.insert(index, number);
        true
    }

    /// Cuts groups that no chain can be, because they keep too many tensors, into some that can.
    fn cut_groups(&mut self) {
        let mut number = 0;
        while number < self.groups.len() {
            if let Some([beginning, rest]) = self.cut(&self.groups[number]) {
                self.settle(number, beginning);
                self.groups.push(Group::default());
                self.settle(self.groups.len() - 1, rest);
            }
            number += 1;
        }
    }

    /// The longest beginning of a group that can be a chain, and the rest, unless all of it can.
    fn cut(&self, group: &Group) -> Option<[Group; 2]> {
        let count = group.members.len();
        if count < 2 || self.chain(group).is_some() {
            return None;
        }
        let part = |members: &[usize]| {
            let sum = group.sum.filter(|sum| members.contains(sum));
            let scaled = group.scaled.filter(|_| sum.is_some());
            Group { members: members.to_vec(), elements: group.elements, sum, scaled }
        };
        let fits = |at: &usize| self.chain(&part(&group.members[..*at])).is_some();
        let (beginning, rest) = group.members.split_at((2..count).rev().find(fits).unwrap_or(1));
        Some([part(beginning), part(rest)])
    }

    /// Lets groups that read the same tensor become one.
    fn join_siblings(&mut self) {
        for first in 0..self.groups.len() {
            for second in first + 1..self.groups.len() {
                let [a, b] = [first, second].map(|number| &self.groups[number]);
                let apart = a.members.is_empty() || b.members.is_empty() || a.elements < 2;
                let (inputs, others) = (self.inputs(a), self.inputs(b));
                let elements = |node: &usize| self.graph.nodes[*node].shape.elements();
                let shared = |node| others.contains(node) && elements(node) == a.elements;
                if apart || !inputs.iter().any(shared) {
                    continue;
                }
                let joined = self.merged(a, second).filter(|joined| self.chain(joined).is_some());
                if let Some(joined) = joined {
                    self.groups[second] = Group::default();
                    self.settle(first, joined);
                }
            }
        }
    }

    /// Both groups as one, if that can be one pass: nothing in between depends on the one and is
    /// needed by the other.
    fn merged(&self, a: &Group, other: usize) -> Option<Group> {
        let b = &self.groups[other];
        let sums = usize::from(a.sum.is_some()) + usize::from(b.sum.is_some());
        if a.elements != b.elements || sums > 1 {
            return None;
        }
        let mut members = [&a.members[..], &b.members].concat();
        members.sort_unstable();
        members.dedup();
        let group = Group {
            members,
            elements: a.elements,
            sum: a.sum.or(b.sum),
            scaled: a.scaled.or(b.scaled),
        };
        let fits = self.inputs(&group).len() <= MAX_INPUTS
            && !self.reads_own_sum(&group)
            && !self.is_cyclic(&group);
        fits.then_some(group)
    }

    /// Whether a member needs the sum, which is known only when all elements are done.
    fn reads_own_sum(&self, group: &Group) -> bool {
        let sums = [group.sum, group.scaled.map(|(node, _)| node)];
        let mut sources = group.members.iter().flat_map(|member| self.sources(*member));
        sources.any(|source| sums.contains(&Some(source)))
    }

    /// All nodes of a group.
    fn nodes(&self, group: &Group) -> Vec<usize> {
        let scaled = group.scaled.map(|(node, _)| node);
        group.members.iter().copied().chain(scaled).collect()
    }

    /// What a group reads from outside, each once, in order.
    fn inputs(&self, group: &Group) -> Vec<usize> {
        let mut inputs = vec![];
        for source in group.members.iter().flat_map(|member| self.sources(*member)) {
            if !group.members.contains(&source) && !inputs.contains(&source) {
                inputs.push(source);
            }
        }
        inputs
    }

    /// Whether a way leads out of the group and back into it. Other groups are passed as a whole.
    fn is_cyclic(&self, group: &Group) -> bool {
        let own = self.nodes(group);
        let mut seen = vec![false; self.graph.nodes.len()];
        let mut open: Vec<usize> = vec![];
        for node in &own {
            let readers = self.readers_beyond_views(*node).into_iter();
            open.extend(readers.filter(|reader| !own.contains(reader)));
        }
        while let Some(node) = open.pop() {
            let together = match self.group_of.get(&node) {
                // The groups that are being merged are `own`.
                Some(number) => {
                    let nodes = self.nodes(&self.groups[*number]);
                    if nodes.iter().any(|node| own.contains(node)) { vec![node] } else { nodes }
                }
                None => self.with_companions(node),
            };
            for node in
                together.into_iter().filter(|node| !std::mem::replace(&mut seen[*node], true))
            {
                let readers = self.readers_beyond_views(node);
                if readers.iter().any(|reader| own.contains(reader)) {
                    return true;
                }
                open.extend(readers);
            }
        }
        false
    }

    /// The nodes that compute something of node `index`, be it seen through views.
    fn readers_beyond_views(&self, index: usize) -> Vec<usize> {
        let beyond = |reader: &usize| match &self.graph.nodes[*reader].kind {
            Kind::Op(op) if op.is_view() => self.readers_beyond_views(*reader),
            _ => vec![*reader],
        };
        self.readers[index].iter().flat_map(beyond).collect()
    }

    /// A node with those that are computed by the same operation.
    fn with_companions(&self, node: usize) -> Vec<usize> {
        let main = match self.graph.nodes[node].kind {
            Kind::Companion { of, .. } => of.index(),
            _ => node,
        };
        vec![node, main]
    }

    /// How many nodes other than `members` read node `index`, or a view of it.
    fn outside_readers(&self, index: usize, members: &[usize]) -> usize {
        let count = |reader: &usize| match &self.graph.nodes[*reader].kind {
            Kind::Op(op) if op.is_view() => {
                usize::from(self.kept[*reader]) + self.outside_readers(*reader, members)
            }
            _ => usize::from(!members.contains(reader)),
        };
        self.readers[index].iter().map(count).sum()
    }

    /// The chain that a group becomes, if it is worth one and keeps few enough tensors.
    fn chain(&self, group: &Group) -> Option<Fused> {
        if group.members.len() < 2 {
            return None;
        }
        let inputs = self.inputs(group);
        let mut registers: HashMap<usize, usize> =
            inputs.iter().enumerate().map(|(register, node)| (*node, register)).collect();
        let mut chain = Chain {
            shape: [group.elements].into(),
            instructions: vec![],
            tensors: vec![],
            total: None,
            recorded: None,
        };
        let mut outputs = vec![];
        for &member in &group.members {
            let operand = |number: usize| {
                self.sources(member).get(number).map_or(0, |source| registers[source])
            };
            let operands = [operand(0), operand(1)];
            match self.parts[member]? {
                Part::Each(function, _) => {
                    chain.instructions.push(Instruction { function, operands });
                    let register = inputs.len() + chain.instructions.len() - 1;
                    registers.insert(member, register);
                    if self.kept[member] || self.outside_readers(member, &group.members) > 0 {
                        chain.tensors.push(register);
                        outputs.push(member);
                    }
                }
                Part::Sum(scale, _) => {
                    let scale = scale * group.scaled.map_or(1.0, |(_, scale)| scale);
                    chain.total = Some(Total { register: operands[0], scale });
                }
            }
        }
        let sum = group.scaled.map(|(node, _)| node).or(group.sum);
        outputs.extend(sum);
        let shape = outputs.first().map(|node| self.graph.nodes[*node].shape.clone())?;
        if !chain.tensors.is_empty() {
            chain.shape = shape;
        }
        let inputs: Vec<_> = inputs.into_iter().map(|node| NodeId(node as u32)).collect();
        chain.fits(inputs.len()).then_some(Fused { chain, inputs, outputs })
    }
}

impl Graph {
    /// What `id` is a view of, itself unless it is one.
    pub(super) fn seen_through(&self, id: NodeId) -> NodeId {
        match &self.node(id).kind {
            Kind::Op(op) if op.is_view() => self.seen_through(self.node(id).inputs[0]),
            _ => id,
        }
    }

    /// What node `index` would be in a chain: it reads tensors of its own number of elements, or of
    /// one, or it sums all there is.
    fn part(&self, index: usize) -> Option<Part> {
        let node = &self.nodes[index];
        let Kind::Op(op) = &node.kind else { return None };
        let elements = node.shape.elements();
        let count = |input: &NodeId| self.node(*input).shape.elements();
        if let Some(function) = op.pointwise() {
            let fits = |input| [1, elements].contains(&count(input));
            return node.inputs.iter().all(fits).then_some(Part::Each(function, elements));
        }
        let op: &dyn std::any::Any = op.as_ref();
        let reduce: &Reduce = op.downcast_ref()?;
        let input = &self.node(node.inputs[0]).shape;
        reduce.factor_of_all(input).map(|scale| Part::Sum(scale, input.elements()))
    }
}
