//! A prior of the places of a vqvae model's codes, for a finished run.

use super::trained::Trained;
use crate::error::Result;
use crate::gpu;
use crate::inference::{LearnedPrior, PlaceNats};
use crate::models::PlacePrior;
use crate::run::RunLock;
use crate::train::PriorTraining;

impl Trained {
    /// Trains a prior of the places of the model's codes on the images of the run, and stores it beside
    /// the model, where [`Trained::sample`] finds it. `after` hears of each epoch's number, and of the
    /// nats of a place of held-out images.
    ///
    /// # Errors
    /// When the model is no vqvae, the run's images cannot be read, the device fails, another process
    /// writes to the folder, or it cannot be written.
    pub fn train_prior(
        &mut self,
        training: &PriorTraining,
        after: &mut dyn FnMut(u32, f64),
    ) -> Result<PlaceNats> {
        let network = PlacePrior::new(self.model())?;
        let dataset = self.dataset()?;
        let mut inference = self.inference();
        let train = inference.place_codes(&dataset, &dataset.train)?;
        let held_out = inference.place_codes(&dataset, &dataset.test)?;
        drop(inference);
        let device = gpu::open(self.device())?.executor;
        let prior: LearnedPrior = training.train(device, &network, [&train, &held_out], after)?;
        let state = self.executor().state()?;
        let _lock = RunLock::take(self.folder().path())?;
        prior.save(self.folder(), &state)?;
        Ok(prior.nats)
    }
}
