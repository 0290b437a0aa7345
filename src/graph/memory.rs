//! Liveness and slots: tensors whose lives do not overlap share memory.
//!
//! Greedy by size, as in Pisarchyk and Lee, "Efficient memory management for deep neural net
//! inference" (2020): the largest tensors choose first, each takes the tightest slot that is free
//! for its whole life, or opens a new one.

use std::fmt;

use super::bytes::Bytes;
use super::parameter::{Role, StateLayout};
use crate::error::{Error, Result};
use crate::ops::GpuTarget;

/// From which step to which a tensor is needed, both included.
#[derive(Clone, Debug)]
pub(super) struct Lifetime {
    pub first: usize,
    pub last: usize,
    pub words: usize,
    pub name: String,
}

/// The words of each slot, and each tensor's slot.
pub(super) fn assign(lifetimes: &[Lifetime]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..lifetimes.len()).collect();
    order.sort_by_key(|tensor| std::cmp::Reverse(lifetimes[*tensor].words));
    let mut slots: Vec<usize> = vec![];
    let mut residents: Vec<Vec<usize>> = vec![];
    let mut assignment = vec![0; lifetimes.len()];
    for tensor in order {
        let life = &lifetimes[tensor];
        let overlaps = |other: &usize| {
            life.first <= lifetimes[*other].last && lifetimes[*other].first <= life.last
        };
        // Sizes only fall from here on, so every open slot is large enough; the last is tightest.
        let free = (0..slots.len()).rev().find(|slot| !residents[*slot].iter().any(overlaps));
        let slot = free.unwrap_or_else(|| {
            slots.push(life.words.next_multiple_of(4));
            residents.push(vec![]);
            slots.len() - 1
        });
        residents[slot].push(tensor);
        assignment[tensor] = slot;
    }
    (slots, assignment)
}

/// Refuses tensors that the adapter cannot bind whole.
pub(super) fn check_binding_sizes(lifetimes: &[Lifetime], target: &GpuTarget) -> Result<()> {
    let largest = lifetimes.iter().max_by_key(|life| life.words);
    match largest.filter(|life| life.words as u64 * 4 > target.max_binding_bytes) {
        None => Ok(()),
        Some(life) => Err(Error::Memory(format!(
            "{} takes {}, but this adapter binds at most {}; use a smaller batch or image",
            life.name,
            Bytes(life.words as u64 * 4),
            Bytes(target.max_binding_bytes),
        ))),
    }
}

/// The bytes of a buffer of `words` numbers: whole vec4s, and one at least, since no buffer is empty.
pub(crate) fn buffer_bytes(words: usize) -> u64 {
    (words as u64 * 4).next_multiple_of(16).max(16)
}

/// Where a plan's bytes go, to the byte, on a GPU.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemoryReport {
    /// Activations, gradients and scratch memory, sharing slots.
    pub slots: u64,
    /// The same without sharing.
    pub unshared: u64,
    /// Parameters and buffers of the state.
    pub state: u64,
    /// The parameters' gradients.
    pub gradients: u64,
    /// The optimiser's moments.
    pub moments: u64,
    /// Inputs, constants and the metrics log.
    pub inputs: u64,
    /// The largest tensors, by size.
    pub largest: Vec<(String, u64)>,
}

impl MemoryReport {
    /// The report of a plan with these tensors and slots; `inputs` are the words of each input, each
    /// constant and the metrics log.
    pub(super) fn new(
        lifetimes: &[Lifetime],
        slots: &[usize],
        layout: &StateLayout,
        moments: usize,
        stores_gradients: bool,
        inputs: impl Iterator<Item = usize>,
    ) -> Self {
        let bytes = |words: usize| words as u64 * 4;
        let parameters = buffer_bytes(layout.words(Role::Parameter));
        let inputs = inputs.map(buffer_bytes).sum();
        let mut largest: Vec<_> =
            lifetimes.iter().map(|life| (life.name.clone(), bytes(life.words))).collect();
        largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        largest.truncate(5);
        Self {
            slots: bytes(slots.iter().sum()),
            unshared: bytes(lifetimes.iter().map(|life| life.words).sum()),
            state: parameters + buffer_bytes(layout.words(Role::Buffer)),
            gradients: if stores_gradients { parameters } else { 0 },
            moments: moments as u64 * parameters,
            inputs,
            largest,
        }
    }

    /// All bytes together.
    pub fn total(&self) -> u64 {
        self.slots + self.state + self.gradients + self.moments + self.inputs
    }
}

impl fmt::Display for MemoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} planned: {} activations ({} unshared), {} state, {} gradients, {} moments, {} inputs",
            Bytes(self.total()),
            Bytes(self.slots),
            Bytes(self.unshared),
            Bytes(self.state),
            Bytes(self.gradients),
            Bytes(self.moments),
            Bytes(self.inputs),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(first: usize, last: usize, words: usize) -> Lifetime {
        Lifetime { first, last, words, name: String::new() }
    }

    #[test]
    fn tensors_share_only_when_their_lives_are_apart() {
        let lives = [life(0, 2, 100), life(2, 3, 80), life(3, 5, 90), life(6, 9, 10)];
        let (slots, assignment) = assign(&lives);
        for (a, first) in lives.iter().enumerate() {
            for (b, second) in lives.iter().enumerate().skip(a + 1) {
                let apart = first.last < second.first || second.last < first.first;
                assert!(apart || assignment[a] != assignment[b], "{a} and {b} overlap");
            }
        }
        assert_eq!(slots.len(), 2, "three of the four can share two slots");
    }
}
