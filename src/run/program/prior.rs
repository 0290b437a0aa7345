//! The prior of a VQ-VAE's places, trained once the model is.

use super::session::Session;
use crate::error::Result;
use crate::gpu::{self, DeviceChoice};
use crate::inference::{LearnedPrior, PlaceSampler};
use crate::models::PlacePrior;
use crate::rng::Seed;
use crate::run::folder::RunFile;
use crate::run::metrics::MetricsFile;
use crate::run::terminal::say;
use crate::train::PriorTraining;

impl Session<'_> {
    /// Removes what another model left in the folder and would be taken for this one's. Trains and stores
    /// a prior if that was asked for; else takes one that this very model has, of an earlier end of
    /// the run.
    pub fn prior(
        &mut self,
        choice: &DeviceChoice,
        metrics: &mut MetricsFile,
    ) -> Result<Option<PlaceSampler>> {
        let (model, folder) = (&self.config.model, self.folder);
        let state = self.trainer.state()?;
        let known = LearnedPrior::load(folder, model, &state).ok().flatten();
        for file in RunFile::OCCASIONAL {
            if file != RunFile::Prior || known.is_none() || self.trains_prior() {
                folder.remove(file)?;
            }
        }
        let prior = match (self.trains_prior(), known) {
            (true, _) => self.trained_prior(choice)?,
            (false, Some(known)) => known,
            (false, None) => return Ok(None),
        };
        prior.save(folder, &state)?;
        let nats = [("prior_nats", prior.nats.prior), ("independent_nats", prior.nats.independent)];
        for (name, value) in nats {
            metrics.test.insert(name.into(), value);
            say(format_args!("  {name:<20} {value:.5}"));
        }
        metrics.save(&folder.file(RunFile::Metrics))?;
        let device = gpu::open(choice)?.executor;
        PlaceSampler::new(device, &prior, model, state).map(Some)
    }

    fn trained_prior(&mut self, choice: &DeviceChoice) -> Result<LearnedPrior> {
        let network = PlacePrior::new(&self.config.model)?;
        let mut inference = self.trainer.inference();
        let train = inference.place_codes(self.dataset, &self.dataset.train)?;
        let held_out = inference.place_codes(self.dataset, &self.dataset.test)?;
        drop(inference);
        let training = PriorTraining { seed: Seed(self.config.seed), ..PriorTraining::default() };
        let device = gpu::open(choice)?.executor;
        training.train(device, &network, [&train, &held_out], &mut |epoch, nats| {
            self.tell(format_args!("prior: epoch {epoch}, {nats:.4} nats a place held out"));
        })
    }
}
