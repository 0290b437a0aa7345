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

/// A sum under way, in the [fixed tree](Tree). Where several processes compute, each adds its shards up as far as
/// they are neighbours, and sends every other process a part of each sum: process `r` of `n` has the `r`-th of `n`
/// parts of all sums, adds them to the end, and sends that part back to all. So each sends twice as many numbers as
/// there are, about, however many processes there are; a sum leaves as soon as it is made, while the next shard is
/// computed; and the tree is that of one process.
pub(super) struct Sum<'a> {
    count: usize,
    /// Numbers of a vector.
    length: usize,
    division: Option<Division<'a>>,
    /// What this process has computed, and its part of what all have.
    own: Mutex<Tree>,
    part: Mutex<Tree>,
}

impl<'a> Sum<'a> {
    /// The sum of `count` vectors of `length` numbers.
    pub fn new(count: usize, length: usize, division: Option<Division<'a>>) -> Self {
        let [own, part] = [(); 2].map(|()| Mutex::new(Tree::new(count)));
        Self { count, length, division, own, part }
    }

    /// Takes the vector of the shard at `place`, which this process has computed.
    pub fn add(&self, place: usize, numbers: Vec<f32>) {
        let mut own = lock(&self.own);
        own.add(place, numbers);
        let Some(Division { team, places }) = self.division else { return };
        for (node, sum) in own.take_finished(&places[team.rank()]) {
            for to in team.others() {
                team.send_numbers(to, note(node), &sum[self.part_of(to)]);
            }
            lock(&self.part).add_at(node, sum[self.part_of(team.rank())].to_vec());
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
            let own = self.own.into_inner().unwrap_or_else(PoisonError::into_inner);
            return Ok((own.sum().ok_or_else(missing)?, vec![seconds]));
        };
        let mut tree = std::mem::replace(&mut *lock(&self.part), Tree::new(0));
        let own = self.part_of(team.rank());
        for from in team.others() {
            for _ in 0..Tree::nodes(self.count, &places[from]) {
                let (note, numbers) = team.receive_numbers(from)?;
                tree.add_at(node(note), checked(numbers, own.len(), from)?);
            }
        }
        let sum = tree.sum().ok_or_else(missing)?;
        for to in team.others() {
            team.send_numbers(to, seconds.to_bits(), &sum);
        }
        let mut all = vec![0.0; self.length];
        let mut times = vec![seconds; team.count()];
        all[own].copy_from_slice(&sum);
        for from in team.others() {
            let part = self.part_of(from);
            let (note, numbers) = team.receive_numbers(from)?;
            times[from] = f64::from_bits(note);
            all[part.clone()].copy_from_slice(&checked(numbers, part.len(), from)?);
        }
        Ok((all, times))
    }

    /// The part of all numbers that a process adds up.
    fn part_of(&self, rank: usize) -> Range<usize> {
        let count = self.division.map_or(1, |division| division.team.count());
        self.length * rank / count..self.length * (rank + 1) / count
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(node: Node) -> u64 {
    (node.level as u64) << 32 | node.place as u64
}

fn node(note: u64) -> Node {
    Node { level: (note >> 32) as usize, place: note as u32 as usize }
}

fn checked(numbers: Vec<f32>, length: usize, from: usize) -> Result<Vec<f32>> {
    match numbers.len() == length {
        true => Ok(numbers),
        false => Err(Error::Rank {
            what: format!(
                "rank {from} has sent {} numbers where {length} were expected: it trains another model",
                numbers.len()
            ),
            code: 1,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::train::loopback::Loopback;

    const LENGTH: usize = 7;

    fn vector(place: usize) -> Vec<f32> {
        (0..LENGTH).map(|at| 1.0 / (1 + 3 * place + at) as f32 * 5_f32.powi(place as i32)).collect()
    }

    fn bits(numbers: &[f32]) -> Vec<u32> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    #[test]
    fn any_number_of_processes_have_the_sum_of_one() {
        for (count, borders) in
            [(8, vec![4]), (8, vec![3, 6]), (6, vec![0, 1, 6]), (1, vec![0, 0, 1, 1]), (5, vec![])]
        {
            let alone = Sum::new(count, LENGTH, None);
            (0..count).for_each(|place| alone.add(place, vector(place)));
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
                        let sum = Sum::new(count, LENGTH, Some(Division { team: &team, places }));
                        own.rev().for_each(|place| sum.add(place, vector(place)));
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
            let sum = Sum::new(2, LENGTH, Some(Division { team: &team, places: &places }));
            sum.add(0, vector(0));
            sum.finish(0.0).expect_err("it cannot be").to_string()
        };
        other.send_numbers(0, note(Node { level: 0, place: 1 }), &[1.0; LENGTH]);
        assert!(sum().contains("rank 1 has sent 7 numbers where 3 were expected"));
        other.fail(&Error::Gpu("it is gone".into()));
        assert_eq!(sum(), "rank 1 on here: gpu: it is gone");
        drop(other);
        assert_eq!(sum(), "rank 1 is gone");
    }
}
