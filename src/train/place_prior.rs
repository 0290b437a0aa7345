//! Training of the prior of VQ-VAE's places, on the codes of the training images.

use super::minimiser::Minimiser;
use crate::data::permutation;
use crate::error::{Error, Result};
use crate::graph::{Executor, Graph};
use crate::inference::{LearnedPrior, PlaceNats};
use crate::models::{PlacePrior, Schedule};
use crate::nn;
use crate::ops::{self, NodeId, Optimiser};
use crate::rng::{Seed, stream};
use crate::tensor::Tensor;

/// The most images a step; fewer where there are few, so that an epoch has steps enough.
const BATCH: usize = 64;
const SMALL_BATCH: usize = 16;
const STEPS_AN_EPOCH: usize = 100;

/// How a prior is trained: by Adam, the learning rate falling to 0 along half a cosine.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorTraining {
    /// Passes over the training images.
    pub epochs: u32,
    /// The learning rate of the first step.
    pub learning_rate: f32,
    /// Decides first parameters and the order of images.
    pub seed: Seed,
}

impl Default for PriorTraining {
    fn default() -> Self {
        Self { epochs: 10, learning_rate: 3e-3, seed: Seed(0) }
    }
}

impl PriorTraining {
    /// Trains `network` on the codes of images, `[count, places]` each: of those to train on, and of
    /// held-out ones that the nats are measured on. The parameters are those after the epoch in which
    /// these were fewest. `after` hears of each epoch's number, and of its held-out nats a place.
    ///
    /// # Errors
    /// When there are no images, a setting makes no sense, the loss becomes no finite number, or the
    /// device fails.
    pub fn train(
        &self,
        executor: Box<dyn Executor>,
        network: &PlacePrior,
        [train, held_out]: [&[u32]; 2],
        after: &mut dyn FnMut(u32, f64),
    ) -> Result<LearnedPrior> {
        let places = network.places();
        let count = train.len() / places.max(1);
        if count == 0 || held_out.len() < places {
            return Err(Error::option("--prior", "there are no images to learn from"));
        }
        if !(1..=100_000).contains(&self.epochs) {
            return Err(Error::option("--epochs", "takes 1 to 100000"));
        }
        let batch = BATCH.min((count / STEPS_AN_EPOCH).max(SMALL_BATCH)).min(count);
        let mut graph = Graph::new();
        let index = graph.input("index", [batch, places]);
        let nats = network.nats(&mut graph, index)?;
        let loss = nn::image_mean(&mut graph, nats)?;
        let loss = ops::affine(&mut graph, loss, 1.0 / places as f32, 0.0)?;
        let mut fit = Minimiser::new(executor, &graph, loss, Optimiser::adam(), self.seed)?;
        let steps_an_epoch = count / batch;
        let steps = f64::from(self.epochs) * steps_an_epoch as f64;
        let mut best = None;
        for epoch in 0..self.epochs {
            let order = permutation(self.seed, stream::SHUFFLE, epoch, count as u32);
            for (step, rows) in order.chunks_exact(batch).enumerate() {
                let done = f64::from(epoch) * steps_an_epoch as f64 + step as f64;
                let rate = self.learning_rate * Schedule::Cosine.factor(done, steps);
                fit.step(&[("index", &rows_of(train, places, rows)?)], rate)?;
            }
            let nats = measured(&mut fit, nats, held_out, places, batch)?;
            after(epoch + 1, nats);
            if best.as_ref().is_none_or(|(least, _)| nats < *least) {
                best = Some((nats, fit.state()?));
            }
        }
        let Some((prior, mut state)) = best else {
            return Err(Error::NotFinite("the prior has no finite number of nats".into()));
        };
        // Training does not go on from here.
        state.moments = vec![];
        let independent = independent_nats(network, train, held_out);
        let nats = PlaceNats { prior, independent };
        Ok(LearnedPrior { network: network.clone(), state, nats })
    }
}

/// The codes of the images of these numbers.
fn rows_of(codes: &[u32], places: usize, images: &[u32]) -> Result<Tensor> {
    let row = |image: &u32| &codes[*image as usize * places..][..places];
    let values = images.iter().flat_map(row).map(|code| *code as f32).collect();
    Tensor::new([images.len(), places], values)
}

/// The mean of `nats`, `[batch]`, over held-out images, for one place.
fn measured(
    fit: &mut Minimiser,
    nats: NodeId,
    held_out: &[u32],
    places: usize,
    batch: usize,
) -> Result<f64> {
    let count = held_out.len() / places;
    let numbers: Vec<u32> = (0..count as u32).collect();
    let mut sum = 0.0;
    for part in numbers.chunks(batch) {
        // The last batch is filled with images that do not count.
        let filled: Vec<u32> =
            part.iter().copied().chain(std::iter::repeat(0)).take(batch).collect();
        let found = fit.compute(nats, &[("index", &rows_of(held_out, places, &filled)?)])?;
        sum += found.data()[..part.len()].iter().map(|nats| f64::from(*nats)).sum::<f64>();
    }
    Ok(sum / (count * places) as f64)
}

/// The nats a place of held-out codes where each place is told apart from all others, by how often it has
/// each code in training, plus one (Laplace).
fn independent_nats(network: &PlacePrior, train: &[u32], held_out: &[u32]) -> f64 {
    let (places, codes) = (network.places(), network.codes);
    let mut counts = vec![1.0; places * codes];
    let at = |(number, code): (usize, &u32)| (number % places) * codes + *code as usize % codes;
    train.iter().enumerate().map(at).for_each(|at| counts[at] += 1.0);
    let total = (train.len() / places + codes) as f64;
    let nats = held_out.iter().enumerate().map(at).map(|at| (total / counts[at]).ln());
    nats.sum::<f64>() / held_out.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::rng::Philox;

    /// Checkerboards of two codes out of four, either way round.
    fn boards(count: usize, seed: u64) -> Vec<u32> {
        let mut random = Philox::new(Seed(seed), stream::SAMPLES);
        let board = |_| {
            let [a, b] = if random.random::<f32>() < 0.5 { [0, 3] } else { [2, 1] };
            let code = move |place: usize| [a, b][(place / 4 + place) % 2];
            (0..16).map(code)
        };
        (0..count).flat_map(board).collect()
    }

    #[test]
    fn a_prior_learns_what_places_have_to_do_with_each_other() {
        let network = PlacePrior { codes: 4, map: [4, 4], channels: 8, layers: 2 };
        let (train, held_out) = (boards(200, 1), boards(50, 2));
        let fit = |seed| {
            let training = PriorTraining { epochs: 12, learning_rate: 1e-2, seed: Seed(seed) };
            let device = Box::new(CpuExecutor::new());
            let mut heard = 0;
            let learned =
                training.train(device, &network, [&train, &held_out], &mut |_, _| heard += 1);
            assert_eq!(heard, 12);
            learned.expect("is trained")
        };
        let learned = fit(5);
        let PlaceNats { prior, independent } = learned.nats;
        // Two codes at each place, one of two boards.
        assert!((independent - 2.0_f64.ln()).abs() < 0.05, "{independent}");
        assert!(prior < 0.1 && prior > 2.0_f64.ln() / 16.0 - 0.02, "{prior}");
        assert_eq!(fit(5), learned);
        assert_ne!(fit(6).state, learned.state);
    }

    #[test]
    fn what_cannot_be_learned_from_is_refused() {
        let network = PlacePrior { codes: 4, map: [4, 4], channels: 8, layers: 2 };
        let train = |codes: [&[u32]; 2], epochs| {
            let training = PriorTraining { epochs, ..PriorTraining::default() };
            training.train(Box::new(CpuExecutor::new()), &network, codes, &mut |_, _| {})
        };
        assert!(train([&[], &[]], 1).is_err());
        assert!(train([&boards(2, 1), &boards(2, 2)], 0).is_err());
        assert!(train([&boards(2, 1), &boards(2, 2)], 1).is_ok());
    }
}
