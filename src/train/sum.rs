//! The sum of what all shards of a step give, whichever processes have computed them.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::team::Team;
use super::tree::{Node, Tree};
use crate::error::{Error, Result};

/// Who computes a step's shards.
#[derive(Clone, Copy)]
pub(super) struct Division<'a> {
    pub team: &'a Team,
    /// The places of the shards that each process computes.
    pub places: &'a [Range<usize>],
}

/// A sum under way, in the [fixed tree](Tree), of vectors in pieces that come one by one. Where several processes
/// compute, each adds its shards up as far as they are neighbours, and sends every other process a part of each piece:
/// process `r` of `n` has the `r`-th of `n` parts of every piece, adds them to the end, and sends that part back to
/// all. So each sends twice as many numbers as there are, about, however many processes there are; a piece leaves as
/// soon as it is there, while the backward pass that it comes from goes on; and the tree is that of one process.
pub(super) struct Sum<'a> {
    count: usize,
    /// The numbers of each piece, one behind the other.
    pieces: &'a [Range<usize>],
    division: Option<Division<'a>>,
    /// By the piece: what this process has computed, and its part of what all have.
    own: Vec<Mutex<Tree>>,
    part: Vec<Mutex<Tree>>,
}

impl<'a> Sum<'a> {
    /// The sum of `count` vectors of these pieces.
    pub fn new(count: usize, pieces: &'a [Range<usize>], division: Option<Division<'a>>) -> Self {
        let trees = || pieces.iter().map(|_| Mutex::new(Tree::new(count))).collect();
        Self { count, pieces, division, own: trees(), part: trees() }
    }

    /// Whether others wait for what this process gives.
    pub fn is_shared(&self) -> bool {
        self.division.is_some()
    }

    /// Takes a piece of the sum at `node` of the tree, which this process has computed.
    pub fn add(&self, piece: usize, node: Node, numbers: Vec<f32>) {
        let mut own = lock(&self.own[piece]);
        own.add_at(node, numbers);
        let Some(Division { team, places }) = self.division else { return };
        for (node, sum) in own.take_finished(&places[team.rank()]) {
            for to in team.others() {
                team.send_numbers(to, note(piece, node), &sum[self.part_of(piece, to)]);
            }
            let own = sum[self.part_of(piece, team.rank())].to_vec();
            lock(&self.part[piece]).add_at(node, own);
        }
    }

    /// The sum, once this process has computed its shards, in so many seconds each; and the seconds that a shard
    /// took each process. Waits for the others.
    ///
    /// # Errors
    /// When another process has failed, or not all shards have come.
    pub fn finish(self, seconds: f64) -> Result<(Vec<f32>, Vec<f64>)> {
        let missing = || Error::Graph("a step has images, and its shards give numbers".into());
        let Some(Division { team, places }) = self.division else {
            let sums = self.own.iter().map(|own| lock(own).take_sum().ok_or_else(missing));
            return Ok((sums.collect::<Result<Vec<_>>>()?.concat(), vec![seconds]));
        };
        let mut all = vec![0.0; self.pieces.last().map_or(0, |piece| piece.end)];
        let mut left: Vec<usize> = (0..self.pieces.len()).collect();
        // Pieces go back as soon as they are whole, in their order.
        left.retain(|piece| !self.send_back(*piece, &mut all));
        for from in team.others() {
            let nodes = Tree::nodes(self.count, &places[from]);
            for _ in 0..nodes * self.pieces.len() {
                let (note, numbers) = team.receive_numbers(from)?;
                let (piece, node) = self.noted(note, from)?;
                let own = self.part_of(piece, team.rank());
                lock(&self.part[piece]).add_at(node, checked(numbers, own.len(), from)?);
                left.retain(|piece| !self.send_back(*piece, &mut all));
            }
        }
        if !left.is_empty() {
            return Err(missing());
        }
        let mut times = vec![seconds; team.count()];
        team.others().for_each(|to| team.send_numbers(to, seconds.to_bits(), &[]));
        for from in team.others() {
            for _ in 0..self.pieces.len() {
                let (note, numbers) = team.receive_numbers(from)?;
                let (piece, _) = self.noted(note, from)?;
                let (part, start) = (self.part_of(piece, from), self.pieces[piece].start);
                let numbers = checked(numbers, part.len(), from)?;
                all[start..][part].copy_from_slice(&numbers);
            }
            let (note, _) = team.receive_numbers(from)?;
            times[from] = f64::from_bits(note);
        }
        Ok((all, times))
    }

    /// Sends the others this process's part of the sum of a piece, and puts it into `all`, if all have given theirs.
    fn send_back(&self, piece: usize, all: &mut [f32]) -> bool {
        let Some(Division { team, .. }) = self.division else { return false };
        let Some(sum) = lock(&self.part[piece]).take_sum() else { return false };
        for to in team.others() {
            team.send_numbers(to, note(piece, Node::leaf(0)), &sum);
        }
        let start = self.pieces[piece].start;
        all[start..][self.part_of(piece, team.rank())].copy_from_slice(&sum);
        true
    }

    /// The part of a piece's numbers that a process adds up.
    fn part_of(&self, piece: usize, rank: usize) -> Range<usize> {
        let count = self.division.map_or(1, |division| division.team.count());
        let length = self.pieces[piece].len();
        length * rank / count..length * (rank + 1) / count
    }

    /// The piece, and the node of its tree, that process `from` speaks of.
    fn noted(&self, note: u64, from: usize) -> Result<(usize, Node)> {
        let [piece, level, place] = [note >> 48, note >> 32 & 0xffff, note & 0xffff_ffff];
        let [piece, level, place] = [piece, level, place].map(|number| number as usize);
        match piece < self.pieces.len() {
            true => Ok((piece, Node { level, place })),
            false => Err(another_model(format!("piece {piece} of {}", self.pieces.len()), from)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(piece: usize, node: Node) -> u64 {
    (piece as u64) << 48 | (node.level as u64) << 32 | node.place as u64
}

fn checked(numbers: Vec<f32>, length: usize, from: usize) -> Result<Vec<f32>> {
    match numbers.len() == length {
        true => Ok(numbers),
        false => {
            let what = format!("{} numbers where {length} were expected", numbers.len());
            Err(another_model(what, from))
        }
    }
}

fn another_model(what: String, from: usize) -> Error {
    let what = format!("rank {from} has sent {what}: it trains another model");
    Error::Rank { what, code: 1 }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::train::loopback::Loopback;

    /// One of which some processes have no part.
    const PIECES: [Range<usize>; 3] = [0..4, 4..6, 6..13];

    fn vector(place: usize) -> Vec<f32> {
        (0..13).map(|at| 1.0 / (1 + 3 * place + at) as f32 * 5_f32.powi(place as i32)).collect()
    }

    /// Gives all pieces of a vector, as a backward pass might.
    fn give(sum: &Sum, place: usize) {
        for piece in [2, 0, 1] {
            sum.add(piece, Node::leaf(place), vector(place)[PIECES[piece].clone()].to_vec());
        }
    }

    fn bits(numbers: &[f32]) -> Vec<u32> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    #[test]
    fn any_number_of_processes_have_the_sum_of_one() {
        for (count, borders) in
            [(8, vec![4]), (8, vec![3, 6]), (6, vec![0, 1, 6]), (1, vec![0, 0, 1, 1]), (5, vec![])]
        {
            let alone = Sum::new(count, &PIECES, None);
            (0..count).for_each(|place| give(&alone, place));
            let (expected, times) = alone.finish(0.5).expect("all have come");
            assert_eq!(times, [0.5]);
            let begins = [0].into_iter().chain(borders.iter().copied());
            let ends = borders.iter().copied().chain([count]);
            let places: Vec<Range<usize>> = begins.zip(ends).map(|(from, to)| from..to).collect();
            let links = Loopback::of(places.len());
            thread::scope(|scope| {
                for link in links {
                    let (places, expected) = (&places, &expected);
                    scope.spawn(move || {
                        let team = Team::new(Arc::new(link));
                        let own = places[team.rank()].clone();
                        let sum = Sum::new(count, &PIECES, Some(Division { team: &team, places }));
                        own.rev().for_each(|place| give(&sum, place));
                        let (found, times) = sum.finish(team.rank() as f64).expect("all have come");
                        assert_eq!(bits(&found), bits(expected), "{places:?}");
                        let ranks: Vec<f64> = (0..places.len()).map(|rank| rank as f64).collect();
                        assert_eq!(times, ranks);
                    });
                }
            });
        }
    }

    #[test]
    fn a_process_that_is_gone_or_has_another_model_ends_the_sum() {
        let mut links = Loopback::of(2).into_iter();
        let team = Team::new(Arc::new(links.next().expect("there are two")));
        let other = Team::new(Arc::new(links.next().expect("there are two")));
        let places = [0..1, 1..2];
        let sum = || {
            let sum = Sum::new(2, &PIECES, Some(Division { team: &team, places: &places }));
            give(&sum, 0);
            sum.finish(0.0).expect_err("it cannot be").to_string()
        };
        other.send_numbers(0, note(2, Node::leaf(1)), &[1.0; 7]);
        assert!(sum().contains("rank 1 has sent 7 numbers where 3 were expected"));
        other.send_numbers(0, note(3, Node::leaf(1)), &[]);
        assert!(sum().contains("rank 1 has sent piece 3 of 3"));
        other.fail(&Error::Gpu("it is gone".into()));
        assert_eq!(sum(), "rank 1 on here: gpu: it is gone");
        drop(other);
        assert_eq!(sum(), "rank 1 is gone");
    }
}
