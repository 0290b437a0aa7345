//! The prior of VQ-VAE's places as a file of the run, beside the model it was trained for.

use serde::{Deserialize, Serialize};

use super::checkpoint::{self, Checkpoint, Header};
use super::fingerprint::fingerprint;
use super::folder::{RunFile, RunFolder};
use crate::error::{Error, Result};
use crate::graph::{Graph, State, StateLayout};
use crate::inference::{LearnedPrior, PlaceNats};
use crate::models::{Model, PlacePrior};
use crate::rng::Seed;
use crate::train::PartEpoch;

/// What the file says of itself, as TOML.
#[derive(Serialize, Deserialize)]
struct Stored {
    network: PlacePrior,
    nats: PlaceNats,
}

impl LearnedPrior {
    /// Writes it into the run's folder. `model` is the state of the model that it was trained for.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, folder: &RunFolder, model: &State) -> Result<()> {
        let path = folder.file(RunFile::Prior);
        let stored = Stored { network: self.network.clone(), nats: self.nats };
        let config = toml::to_string(&stored)
            .map_err(|error| Error::file(&path, format!("cannot be put in words: {error}")))?;
        let header = Header {
            step: 0,
            epoch: 0,
            seed: Seed(0),
            config,
            model: "prior of places".into(),
            history: "[]".into(),
            part: PartEpoch::default(),
            halvings: 0,
            data: Some(fingerprint(model)),
        };
        checkpoint::save(&path, &Checkpoint { state: self.state.clone(), header })
    }

    /// Reads the prior of the run in `folder`, whose model is in the state `state`; none where there is
    /// none.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or belongs to another model.
    pub fn load(folder: &RunFolder, model: &Model, state: &State) -> Result<Option<Self>> {
        let path = folder.file(RunFile::Prior);
        if !path.exists() {
            return Ok(None);
        }
        let again = format!("train it anew: diabolo prior {}", folder.path().display());
        let header = checkpoint::read_header(&path)?;
        let damaged = |error: &dyn std::fmt::Display| {
            Error::file(&path, format!("is no prior of this model ({error}); {again}"))
        };
        let Stored { network, nats } =
            toml::from_str(&header.config).map_err(|error| damaged(&error))?;
        network.check(model).map_err(|error| damaged(&error))?;
        if header.data != Some(fingerprint(state)) {
            return Err(damaged(&"the model has been trained since"));
        }
        let state = checkpoint::load(&path, &layout(&network)?)?.state;
        Ok(Some(Self { network, state, nats }))
    }
}

/// The parameters of such a network.
fn layout(network: &PlacePrior) -> Result<StateLayout> {
    let mut graph = Graph::new();
    let index = graph.input("index", [1, network.places()]);
    network.logits(&mut graph, index, network.map[0])?;
    Ok(graph.layout())
}
