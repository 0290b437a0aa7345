//! Sums of the gradients of shards, on a stack in the device's memory: each place of it is a vector laid out like
//! the parameters.

use std::ops::Range;
use std::sync::Arc;

use super::memory::MemoryReport;
use super::parameter::{Role, StateLayout};
use super::plan::{Area, Location, Plan, Step};
use crate::ops::{Shapes, ShardSum};
use crate::shape::Shape;

/// Words below which a piece of all gradients is not worth a message,
const LEAST_WORDS: usize = 1 << 14;
/// and above which it is too much to be read by the host at once.
const MOST_WORDS: usize = 1 << 24;
/// Pieces of gradients that are neither too many nor too large.
const PIECES: usize = 8;

/// The words of the pieces in which gradients of this layout leave a device, one behind the other. They end where
/// tensors do, unless one alone is too large.
pub(crate) fn gradient_pieces(layout: &StateLayout) -> Vec<Range<usize>> {
    let words = layout.words(Role::Parameter);
    let usual = words.div_ceil(PIECES).clamp(LEAST_WORDS, MOST_WORDS);
    let entries = layout.iter().filter(|(entry, _)| entry.role == Role::Parameter);
    let begins = entries.map(|(_, range)| range.start).chain([words]);
    let (mut pieces, mut start) = (vec![], 0);
    for end in begins {
        while end - start > MOST_WORDS {
            pieces.push(start..start + MOST_WORDS);
            start += MOST_WORDS;
        }
        if end - start >= usual || end == words && end > start {
            pieces.push(start..end);
            start = end;
        }
    }
    pieces
}

impl Plan {
    /// A plan that puts these words of the gradients that a plan of [`Stage::Gradients`](super::plan::Stage::Gradients)
    /// has stored, times [the shard's share](crate::ops::StepScalars::corrections) of the step's images, on the stack of
    /// sums at `place`, and then `adds` times adds the topmost sum to the one below it.
    ///
    /// # Panics
    /// When there are not as many sums below.
    pub fn sum(layout: &StateLayout, words: Range<usize>, place: usize, adds: usize) -> Self {
        assert!(
            adds <= place,
            "{adds} sums cannot be added to those below, of which there are {place}"
        );
        let at = |area| Location::whole(area, words.start, words.len());
        let shape = Shape::from([words.len()]);
        let step = |op, from, to| Step {
            op: Arc::new(op),
            shapes: Shapes { inputs: vec![shape.clone()], output: shape.clone() },
            inputs: vec![at(from)],
            outputs: vec![at(to)],
            scratch: None,
        };
        let tops = (place - adds + 1..=place).rev();
        let sums = tops.map(|top| step(ShardSum::Add, Area::Sum(top), Area::Sum(top - 1)));
        let pushed = step(ShardSum::Weigh, Area::Gradients, Area::Sum(place));
        Self {
            steps: [pushed].into_iter().chain(sums).collect(),
            slots: vec![],
            inputs: vec![],
            constants: vec![],
            outputs: Default::default(),
            metrics: vec![],
            layout: layout.clone(),
            moments: 0,
            stores_gradients: true,
            memory: MemoryReport::default(),
        }
    }

    /// How many places the stack of sums needs for this plan.
    pub(crate) fn sums(&self) -> usize {
        let written = self.steps.iter().flat_map(|step| &step.outputs);
        let places = written.map(|at| match at.area {
            Area::Sum(place) => place + 1,
            _ => 0,
        });
        places.max().unwrap_or(0)
    }

    /// After how many of its operations this plan has stored the gradients at these words.
    pub(crate) fn operations_before(&self, words: &Range<usize>) -> usize {
        let stores = |step: &Step| {
            step.outputs.iter().any(|at| {
                let range = at.range();
                at.area == Area::Gradients && range.start < words.end && words.start < range.end
            })
        };
        self.steps.iter().rposition(stores).map_or(0, |last| last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, Initialiser, PlanRequest, Stage, Training};
    use crate::ops::{self, Optimiser};

    fn layout(sizes: &[usize]) -> StateLayout {
        let mut graph = Graph::new();
        for (number, size) in sizes.iter().enumerate() {
            graph
                .parameter(&format!("p{number}"), [*size], Initialiser::Constant(0.0))
                .expect("a name");
        }
        graph.layout()
    }

    #[test]
    fn pieces_are_all_words_in_their_order_and_end_between_tensors() {
        for sizes in [
            &[3][..],
            &[100, 20_000, 16_000, 500],
            &[1 << 20, 1 << 20, 5, 1 << 18, 1 << 19],
            &[(1 << 25) + 7, 9, 1 << 24],
        ] {
            let layout = layout(sizes);
            let pieces = gradient_pieces(&layout);
            assert_eq!(pieces[0].start, 0);
            assert!(pieces.windows(2).all(|pair| pair[0].end == pair[1].start), "{pieces:?}");
            assert_eq!(pieces[pieces.len() - 1].end, layout.words(Role::Parameter));
            assert!(pieces.iter().all(|piece| piece.len() <= MOST_WORDS), "{pieces:?}");
            let small = pieces.iter().filter(|piece| piece.len() < LEAST_WORDS).count();
            assert!(small <= 1 && pieces.len() <= sizes.len() + 4, "{pieces:?}");
        }
        assert_eq!(gradient_pieces(&layout(&[])), []);
    }

    #[test]
    fn a_plan_says_when_it_has_stored_what() {
        let mut graph = Graph::new();
        let x = graph.input("x", [2, 64]);
        let [first, second] = [0, 1].map(|number| {
            let name = format!("w{number}");
            graph.parameter(&name, [64, 64], Initialiser::Constant(0.0)).expect("a name")
        });
        let h = ops::matmul(&mut graph, x, first).expect("shapes fit");
        let y = ops::matmul(&mut graph, h, second).expect("shapes fit");
        let loss = ops::mean_all(&mut graph, y).expect("it has one");
        let layout = graph.layout();
        let training = Training { loss, optimiser: Optimiser::adam(), clip_norm: None };
        let plan = Plan::new(&PlanRequest {
            training: Some(training),
            stage: Stage::Gradients,
            ..PlanRequest::new(&graph, &layout, None)
        });
        let plan = plan.expect("it can be planned");
        let [first, second] = [0..4096, 4096..8192].map(|words| plan.operations_before(&words));
        assert!(first > 0 && second > 0 && first != second, "{first} {second}");
        assert_eq!(first.max(second), plan.operations_before(&(4000..4100)));
        assert_eq!(plan.sums(), 0);
        assert_eq!(Plan::sum(&layout, 0..64, 2, 2).sums(), 3);
    }
}
