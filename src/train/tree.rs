//! Sums of what shards give, in one order whoever gave it, and when.

use std::ops::Range;

use crate::ops::ShardSum;

/// A sum of vectors in a fixed binary tree: neighbours are added, then neighbours of these, and so on, and
/// one without a neighbour goes up as it is. A sum is made as soon as both its parts have come.
#[derive(Debug)]
pub(super) struct Tree {
    count: usize,
    /// What waits for its neighbour.
    waiting: Vec<(Node, Vec<f32>)>,
}

/// What becomes of a vector on a stack of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addition {
    /// The vector's place.
    pub place: usize,
    /// How many sums the stack holds when it comes.
    pub height: usize,
    /// How often the topmost sum is then added to the one below it.
    pub adds: usize,
    /// What the topmost sum is, where it leaves the stack, which then is empty.
    pub finished: Option<Node>,
}

impl Addition {
    /// Which sum is the topmost one then.
    pub fn top(self) -> usize {
        self.height - self.adds
    }
}

/// A place of the tree: level 0 has the vectors, the next one the sums of two of them each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub level: usize,
    pub place: usize,
}

impl Node {
    /// The vector at `place`.
    pub fn leaf(place: usize) -> Self {
        Self { level: 0, place }
    }

    /// Of these vectors, the places of those that are below it, in a tree of `count`.
    fn leaves(self, count: usize) -> Range<usize> {
        let at = |place: usize| place.saturating_mul(1 << self.level).min(count);
        at(self.place)..at(self.place + 1)
    }
}

impl Tree {
    /// The sum of `count` vectors.
    pub fn new(count: usize) -> Self {
        Self { count, waiting: vec![] }
    }

    /// Takes the sum of what is below `node`, of which nothing is given besides.
    pub fn add_at(&mut self, mut node: Node, mut vector: Vec<f32>) {
        let mut width = (0..node.level).fold(self.count, |width, _| width.div_ceil(2));
        while width > 1 {
            let other = Node { place: node.place ^ 1, ..node };
            if other.place < width {
                let Some(found) = self.waiting.iter().position(|(at, _)| *at == other) else {
                    break;
                };
                let (_, other) = self.waiting.swap_remove(found);
                // Addition of two numbers is the same either way round.
                ShardSum::add(&mut vector, &other);
            }
            node = Node { level: node.level + 1, place: node.place / 2 };
            width = width.div_ceil(2);
        }
        self.waiting.push((node, vector));
    }

    /// How whoever has the vectors at these places alone adds them up on a stack, in their order.
    pub fn additions(count: usize, own: Range<usize>) -> Vec<Addition> {
        let mut stack: Vec<Node> = vec![];
        let addition = |place| {
            let (mut node, mut adds, mut width) = (Node::leaf(place), 0, count);
            let stays = loop {
                let other = Node { place: node.place ^ 1, ..node };
                if width > 1 && other.place < width {
                    let leaves = other.leaves(count);
                    if stack.last() == Some(&other) {
                        adds += 1;
                        stack.pop();
                    } else {
                        break own.start <= leaves.start && leaves.end <= own.end;
                    }
                } else if width <= 1 {
                    break false;
                }
                node = Node { level: node.level + 1, place: node.place / 2 };
                width = width.div_ceil(2);
            };
            let height = stack.len() + adds;
            if stays {
                stack.push(node);
            }
            Addition { place, height, adds, finished: (!stays).then_some(node) }
        };
        own.clone().map(addition).collect()
    }

    /// Takes the sums out that no more of the vectors at these places will be added to.
    pub fn take_finished(&mut self, own: &Range<usize>) -> Vec<(Node, Vec<f32>)> {
        let count = self.count;
        let is_finished = |node: Node| {
            let other = Node { place: node.place ^ 1, ..node }.leaves(count);
            other.is_empty() || other.start < own.start || other.end > own.end
        };
        self.waiting.extract_if(.., |(node, _)| is_finished(*node)).collect()
    }

    /// The sums that the vectors at these places, of `count`, come to by themselves.
    pub fn nodes(count: usize, own: &Range<usize>) -> usize {
        let mut tree = Self::new(count);
        own.clone().for_each(|place| tree.add_at(Node::leaf(place), vec![]));
        tree.waiting.len()
    }

    /// Takes the sum out, once all have come.
    pub fn take_sum(&mut self) -> Option<Vec<f32>> {
        let height = self.count.next_power_of_two().trailing_zeros() as usize;
        match self.waiting[..] {
            [(Node { level, .. }, _)] if level == height => self.waiting.pop().map(|(_, sum)| sum),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::permutation;
    use crate::rng::{Seed, Stream};

    fn leaf(place: usize) -> Vec<f32> {
        (0..5)
            .map(|column| 1.0 / (1 + 7 * place + column) as f32 * 3_f32.powi(place as i32))
            .collect()
    }

    /// The same by recursion: what lies below a place of the tree is a power of two.
    fn expected(range: std::ops::Range<usize>) -> Vec<f32> {
        if range.len() == 1 {
            return leaf(range.start);
        }
        let middle = range.start + range.len().next_power_of_two() / 2;
        let [left, right] = [range.start..middle, middle..range.end].map(expected);
        left.iter().zip(&right).map(|(left, right)| left + right).collect()
    }

    #[test]
    fn sums_are_the_same_bits_in_whichever_order_they_come() {
        for count in 1..20 {
            for epoch in 0..10 {
                let order = permutation(Seed(1), Stream(0), epoch, count as u32);
                let mut tree = Tree::new(count);
                order.iter().for_each(|place| {
                    tree.add_at(Node::leaf(*place as usize), leaf(*place as usize))
                });
                assert_eq!(
                    tree.take_sum().expect("all have come"),
                    expected(0..count),
                    "{order:?}"
                );
            }
        }
    }

    #[test]
    fn few_wait_where_they_come_in_their_order() {
        let mut tree = Tree::new(64);
        for place in 0..64 {
            tree.add_at(Node::leaf(place), leaf(place));
            assert!(tree.waiting.len() <= 6, "{place}");
        }
        let mut early = Tree::new(3);
        early.add_at(Node::leaf(2), leaf(2));
        early.add_at(Node::leaf(0), leaf(0));
        assert!(early.take_sum().is_none(), "one is missing");
    }

    #[test]
    fn parts_that_are_added_up_elsewhere_come_to_the_same_bits() {
        for count in 1..20 {
            for first in 0..=count {
                for second in first..=count {
                    let mut whole = Tree::new(count);
                    for own in [0..first, first..second, second..count] {
                        let mut tree = Tree::new(count);
                        let mut parts = vec![];
                        for place in own.clone().rev() {
                            tree.add_at(Node::leaf(place), leaf(place));
                            parts.extend(tree.take_finished(&own));
                        }
                        assert!(tree.waiting.is_empty(), "{own:?} of {count}");
                        assert_eq!(parts.len(), Tree::nodes(count, &own), "{own:?} of {count}");
                        parts.into_iter().for_each(|(node, sum)| whole.add_at(node, sum));
                    }
                    let sum = whole.take_sum().expect("all have come");
                    assert_eq!(sum, expected(0..count), "{first}, {second} of {count}");
                }
            }
        }
        assert_eq!(Tree::nodes(8, &(0..4)), 1);
        assert_eq!(Tree::nodes(8, &(1..8)), 3);
    }

    #[test]
    fn a_stack_comes_to_the_sums_of_the_tree() {
        for count in 1..20 {
            for begin in 0..count {
                for end in begin + 1..=count {
                    let mut whole = Tree::new(count);
                    (0..begin)
                        .chain(end..count)
                        .for_each(|place| whole.add_at(Node::leaf(place), leaf(place)));
                    let mut stack: Vec<Vec<f32>> = vec![];
                    for addition in Tree::additions(count, begin..end) {
                        assert_eq!(stack.len(), addition.height, "{addition:?}");
                        stack.push(leaf(addition.place));
                        for _ in 0..addition.adds {
                            let top = stack.pop().expect("it was pushed");
                            let below = stack.last_mut().expect("there is one below");
                            ShardSum::add(below, &top);
                        }
                        if let Some(node) = addition.finished {
                            whole.add_at(node, stack.pop().expect("it is finished"));
                            assert!(stack.is_empty(), "{begin}..{end} of {count}: {addition:?}");
                        }
                    }
                    assert!(stack.is_empty(), "{begin}..{end} of {count}");
                    let sum = whole.take_sum().expect("all have come");
                    assert_eq!(sum, expected(0..count), "{begin}..{end} of {count}");
                }
            }
        }
        let adds = |addition: Addition| (addition.height, addition.adds, addition.finished);
        let found: Vec<_> = Tree::additions(4, 0..4).into_iter().map(adds).collect();
        let root = Some(Node { level: 2, place: 0 });
        assert_eq!(found, [(0, 0, None), (1, 1, None), (1, 0, None), (2, 2, root)]);
    }
}
