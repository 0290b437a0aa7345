//! Sums of what shards give, in one order whoever gave it, and when.

use crate::arithmetic::simd;

/// A sum of vectors in a fixed binary tree: neighbours are added, then neighbours of these, and so on, and
/// one without a neighbour goes up as it is. A sum is made as soon as both its parts have come.
#[derive(Debug)]
pub(super) struct Tree {
    count: usize,
    /// What waits for its neighbour: level, place in that level, and the sum.
    waiting: Vec<(usize, usize, Vec<f32>)>,
}

impl Tree {
    /// The sum of `count` vectors.
    pub fn new(count: usize) -> Self {
        Self { count, waiting: vec![] }
    }

    /// Takes vector number `place`; each is given once.
    pub fn add(&mut self, mut place: usize, mut vector: Vec<f32>) {
        let (mut level, mut width) = (0, self.count);
        while width > 1 {
            if place ^ 1 < width {
                let is_neighbour =
                    |(at, other, _): &(usize, usize, _)| *at == level && *other == place ^ 1;
                let Some(found) = self.waiting.iter().position(is_neighbour) else { break };
                let (_, _, other) = self.waiting.swap_remove(found);
                // Addition of two numbers is the same either way round.
                simd::in_chunks(&mut vector, |start, sums| {
                    let other = &other[start..][..sums.len()];
                    simd::vectorised!(for (sum, part) in sums.iter_mut().zip(other) {
                        *sum += part;
                    });
                });
            }
            (level, place, width) = (level + 1, place / 2, width.div_ceil(2));
        }
        self.waiting.push((level, place, vector));
    }

    /// The sum, once all have come.
    pub fn sum(mut self) -> Option<Vec<f32>> {
        match self.waiting.len() {
            1 => self.waiting.pop().map(|(_, _, sum)| sum),
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
                order.iter().for_each(|place| tree.add(*place as usize, leaf(*place as usize)));
                assert_eq!(tree.sum().expect("all have come"), expected(0..count), "{order:?}");
            }
        }
    }

    #[test]
    fn few_wait_where_they_come_in_their_order() {
        let mut tree = Tree::new(64);
        for place in 0..64 {
            tree.add(place, leaf(place));
            assert!(tree.waiting.len() <= 6, "{place}");
        }
        let mut early = Tree::new(3);
        early.add(2, leaf(2));
        early.add(0, leaf(0));
        assert!(early.sum().is_none(), "one is missing");
    }
}
