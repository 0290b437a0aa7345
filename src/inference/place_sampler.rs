//! Codes for the places of VQ-VAE, drawn one place after the other from a prior that was trained for
//! them.

use super::plan_cache::PlanCache;
use crate::error::{Error, Result};
use crate::graph::{Executor, Graph, Plan, PlanId, PlanRequest, State, StateLayout};
use crate::models::{Model, PlacePrior};
use crate::ops::{self, StepScalars};
use crate::rng::{self, Seed, stream};
use crate::tensor::Tensor;

/// Images that are drawn at once.
const BATCH: usize = 256;

/// A prior with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnedPrior {
    /// The network.
    pub network: PlacePrior,
    /// Its parameters.
    pub state: State,
    /// How well it describes images that were held out.
    pub nats: PlaceNats,
}

/// The nats of the code at one place, averaged over the places of held-out images; lower is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PlaceNats {
    /// Under the prior.
    pub prior: f64,
    /// Where each place is described by how often it has each code in training images, apart from all
    /// other places.
    pub independent: f64,
}

/// Draws codes from a prior, on a device of its own.
pub struct PlaceSampler {
    executor: Box<dyn Executor>,
    network: PlacePrior,
    layout: StateLayout,
    /// By rows that are seen, and images.
    plans: PlanCache<(usize, usize)>,
    model: Model,
    /// The state of the model, whose codebook numbers are looked up in.
    codebook: State,
    /// What logits are divided by.
    temperature: f32,
}

impl PlaceSampler {
    /// The sampler of `prior`, which was trained for `model` in the state `codebook`. `executor` is a
    /// fresh one, since it holds one state.
    ///
    /// # Errors
    /// When the prior is another model's, or the device has no memory for it.
    pub fn new(
        mut executor: Box<dyn Executor>,
        prior: &LearnedPrior,
        model: &Model,
        codebook: State,
    ) -> Result<Self> {
        prior.network.check(model)?;
        executor.set_state(&prior.state)?;
        Ok(Self {
            executor,
            network: prior.network.clone(),
            layout: prior.state.layout.clone(),
            plans: PlanCache::new(),
            model: model.clone(),
            codebook,
            temperature: 1.0,
        })
    }

    /// The same with logits divided by `temperature`: below 1, codes that are likely become likelier.
    pub fn at_temperature(self, temperature: f32) -> Self {
        Self { temperature, ..self }
    }

    /// `count` codes, row by row.
    ///
    /// # Errors
    /// When the device fails.
    pub fn codes(&mut self, count: usize, seed: Seed) -> Result<Vec<f32>> {
        let places = count * self.network.places();
        let mut index = vec![0; places];
        self.redraw(&mut index, &vec![true; places], seed)?;
        self.model.look_up(&self.codebook, &index)
    }

    /// The codes that consist of these codes of the codebook, `[count, places]`, once the places that
    /// are `chosen` have been drawn anew, each given those before it.
    ///
    /// # Errors
    /// When the codebook has no such number, or the device fails.
    pub fn redrawn(&mut self, index: &[u32], chosen: &[bool], seed: Seed) -> Result<Vec<f32>> {
        let mut index = index.to_vec();
        self.redraw(&mut index, chosen, seed)?;
        self.model.look_up(&self.codebook, &index)
    }

    fn redraw(&mut self, index: &mut [u32], chosen: &[bool], seed: Seed) -> Result<()> {
        let places = self.network.places().max(1);
        let parts = index.chunks_mut(places * BATCH).zip(chosen.chunks(places * BATCH));
        for (number, (index, chosen)) in parts.enumerate() {
            for row in 0..self.network.map[0] {
                self.redraw_row(index, chosen, row, number * BATCH, seed)?;
            }
        }
        Ok(())
    }

    /// Draws the places of one row, from the left, for all images at once. The first of these is number
    /// `first`, so that what is drawn for an image does not depend on how many there are.
    fn redraw_row(
        &mut self,
        index: &mut [u32],
        chosen: &[bool],
        row: usize,
        first: usize,
        seed: Seed,
    ) -> Result<()> {
        let (places, columns) = (self.network.places(), self.network.map[1]);
        let (batch, codes) = (index.len() / places, self.network.codes);
        let plan = self.plan(row + 1, batch)?;
        for column in 0..columns {
            let place = row * columns + column;
            if !chosen.iter().skip(place).step_by(places).any(|chosen| *chosen) {
                continue;
            }
            // Rows below are not seen, so they are not computed either.
            let seen = (row + 1) * columns;
            let known = index.chunks(places).flat_map(|image| &image[..seen]);
            let known = known.map(|code| *code as f32).collect();
            self.executor.write_input(plan, "index", &Tensor::new([batch, seen], known)?)?;
            self.executor.run(plan, &[StepScalars::default()])?;
            let logits = self.executor.read_output(plan, "logits")?;
            for (image, index) in index.chunks_mut(places).enumerate() {
                if chosen[image * places + place] {
                    let logits = &logits.data()[(image * columns + column) * codes..][..codes];
                    let words =
                        rng::block(seed, stream::SAMPLES, place as u32, (first + image) as u32);
                    index[place] = drawn(logits, self.temperature, rng::uniform(words[0]))?;
                }
            }
        }
        Ok(())
    }

    /// From input `index`, `[batch, rows * columns]`, to output `logits` of the last of these rows.
    fn plan(&mut self, rows: usize, batch: usize) -> Result<PlanId> {
        if let Some(plan) = self.plans.find(&(rows, batch)) {
            return Ok(plan);
        }
        let PlacePrior { codes, map: [_, columns], .. } = self.network;
        let mut graph = Graph::new();
        let index = graph.input("index", [batch, rows * columns]);
        let logits = self.network.logits(&mut graph, index, rows)?;
        let logits = ops::reshape(&mut graph, logits, [batch, rows, columns * codes])?;
        let logits = ops::slice_axis(&mut graph, logits, 1, rows - 1..rows)?;
        let target = self.executor.target();
        let outputs = vec![("logits".into(), logits)];
        let request = PlanRequest { outputs, ..PlanRequest::new(&graph, &self.layout, target) };
        let plan = Plan::new(&request)?;
        self.plans.add(self.executor.as_mut(), (rows, batch), plan)
    }
}

/// The code that a number drawn from [0, 1) falls to; at temperature 0, the likeliest.
fn drawn(logits: &[f32], temperature: f32, at: f32) -> Result<u32> {
    let pairs = logits.iter().enumerate();
    let likeliest = pairs.max_by(|(_, a), (_, b)| a.total_cmp(b));
    let Some((likeliest, most)) = likeliest.filter(|(_, most)| most.is_finite()) else {
        return Err(Error::NotFinite(
            "the prior of places gives no finite number; train it anew".into(),
        ));
    };
    if temperature <= 0.0 {
        return Ok(likeliest as u32);
    }
    let shares = logits.iter().map(|logit| f64::from((logit - most) / temperature).exp());
    let shares: Vec<f64> = shares.collect();
    let mut left = f64::from(at) * shares.iter().sum::<f64>();
    let falls = |share: &f64| {
        left -= share;
        left < 0.0
    };
    Ok(shares.iter().position(falls).unwrap_or(likeliest) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_drawn_by_their_shares() {
        let logits = [0.5_f32.ln(), 0.25_f32.ln(), f32::NEG_INFINITY, 0.25_f32.ln()];
        let draw = |at| drawn(&logits, 1.0, at).expect("finite");
        assert_eq!([0.0, 0.49, 0.51, 0.74, 0.76, 0.999].map(draw), [0, 0, 1, 1, 3, 3]);
        // At half the temperature, shares are squared: 4/6, 1/6, 0, 1/6.
        let cold = |at| drawn(&logits, 0.5, at).expect("finite");
        assert_eq!([0.66, 0.67, 0.84].map(cold), [0, 1, 3]);
        assert_eq!(drawn(&[1.0, 3.0, 2.0], 0.0, 0.99).expect("finite"), 1);
        assert!(drawn(&[f32::NAN, 0.0], 1.0, 0.5).is_err() && drawn(&[], 1.0, 0.5).is_err());
    }
}
