//! What codes of a run's images are like, as a file of the run: new images are drawn from it where the
//! images themselves are not at hand.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::fingerprint::fingerprint;
use super::folder::{RunFile, RunFolder};
use crate::error::{Error, Result};
use crate::file::{self, write_atomically};
use crate::graph::State;
use crate::inference::Sampler;
use crate::models::Model;
use crate::tensor::Tensor;

/// The metadata's entry that names the model.
const MODEL: &str = "model";
/// The most bytes of such a file: some millions of numbers.
const MOST_BYTES: u64 = 1 << 30;

impl Sampler {
    /// Writes what it draws codes from into the run's folder, beside the model in the state `model`; nothing
    /// where it takes no images to know.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, folder: &RunFolder, model: &State) -> Result<()> {
        let path = folder.file(RunFile::CodeDistribution);
        let tensors = self.tensors()?;
        if tensors.is_empty() {
            return folder.remove(RunFile::CodeDistribution);
        }
        let invalid = |error: &dyn std::fmt::Display| {
            Error::file(&path, format!("cannot be stored in this format: {error}"))
        };
        let bytes: Vec<Vec<u8>> = tensors
            .iter()
            .map(|(_, tensor)| tensor.data().iter().flat_map(|x| x.to_le_bytes()).collect())
            .collect();
        let views = tensors.iter().zip(&bytes).map(|((name, tensor), bytes)| {
            Ok((*name, TensorView::new(Dtype::F32, tensor.shape().to_vec(), bytes)?))
        });
        let views = views
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|error| invalid(&error))?;
        let metadata = HashMap::from([(MODEL.to_owned(), fingerprint(model))]);
        let bytes =
            safetensors::serialize(views, Some(metadata)).map_err(|error| invalid(&error))?;
        write_atomically(&path, |out| out.write_all(&bytes))
    }

    /// Reads what [`Sampler::save`] has written for `model`, which is in the state `state`; none where there
    /// is nothing, or where the model has been trained on since.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged.
    pub fn load(folder: &RunFolder, model: &Model, state: &State) -> Result<Option<Self>> {
        let path = folder.file(RunFile::CodeDistribution);
        let bytes = match file::read(&path, MOST_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file(path, format!("cannot be read: {error}"))),
        };
        Self::from_bytes(&bytes, &path, model, state)
    }

    /// Reads what is in a file with these `bytes`, as [`Sampler::load`]; `path` is for messages only.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn from_bytes(
        bytes: &[u8],
        path: &Path,
        model: &Model,
        state: &State,
    ) -> Result<Option<Self>> {
        let (model_of, tensors) = parsed(bytes, path)?;
        if model_of != Some(fingerprint(state)) {
            return Ok(None);
        }
        let sampler = Self::from_tensors(model, state, &tensors);
        sampler.map(Some).ok_or_else(|| damaged(path, &"its tensors are not those of a code"))
    }
}

/// The model that the file names, and its tensors.
fn parsed(bytes: &[u8], path: &Path) -> Result<(Option<String>, HashMap<String, Tensor>)> {
    let wrong = |error: safetensors::SafeTensorError| damaged(path, &error);
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(wrong)?;
    let model = header.metadata().as_ref().and_then(|known| known.get(MODEL).cloned());
    let mut tensors = HashMap::new();
    for (name, view) in SafeTensors::deserialize(bytes).map_err(wrong)?.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(damaged(path, &format!("{name} is {}", view.dtype())));
        }
        let numbers = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let tensor = Tensor::new(view.shape(), numbers.collect());
        tensors.insert(name.to_owned(), tensor.map_err(|error| damaged(path, &error))?);
    }
    Ok((model, tensors))
}

fn damaged(path: &Path, what: &dyn std::fmt::Display) -> Error {
    let to_do = "remove it, and samples are drawn after the run's images again";
    Error::file(path, format!("is damaged ({what}); {to_do}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inference::{KnownCodes, layout};
    use crate::models::{Architecture, CodeForm, CodebookRule, Network, Variant, VqVae};
    use crate::nn::Loss;
    use crate::rng::Seed;
    use crate::shape::ImageShape;

    /// An untrained model, of numbers or of a codebook, and the file of a sampler of its codes.
    fn stored(by_codebook: bool) -> (Model, State, Vec<u8>) {
        let images = ImageShape { channels: 1, height: 8, width: 8 };
        let architecture: Architecture = "conv:4,4".parse().expect("an architecture");
        let (code, variant) = match by_codebook {
            false => (CodeForm::Vector(3), Variant::Conv),
            true => {
                let rule = CodebookRule::Ema;
                let vqvae = VqVae { codes: 5, code_dim: 2, rule, penalty: 0.25 };
                (CodeForm::Map(2), Variant::Vqvae(vqvae))
            }
        };
        let network = Network::new(images, architecture, code);
        let model = Model {
            network,
            loss: Loss::Mse,
            variance: None,
            variant,
            quantiser: None,
            residual: false,
            noise_level: false,
            fills: false,
            knows_holes: false,
            transmission: false,
            output: Default::default(),
        };
        let layout = layout(&model).expect("a model");
        let state = State::initial(&layout, Seed(1), 0);
        let width = model.network.latent();
        let (count, places) = (12, 4);
        let mut train = crate::inference::Codes { width, ..Default::default() };
        train.values = (0..count * width).map(|at| ((at * at) % 17) as f32 / 8.0).collect();
        train.indices =
            by_codebook.then(|| (0..count * places).map(|at| (at % 5) as u32).collect());
        let known = KnownCodes { held_out: train.clone(), train };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = RunFolder::create(folder.path()).expect("a folder of ours");
        Sampler::new(&model, known).save(&run, &state).expect("writable");
        let bytes = std::fs::read(run.file(RunFile::CodeDistribution)).expect("written");
        (model, state, bytes)
    }

    #[test]
    fn what_is_stored_draws_codes_of_the_model() {
        for by_codebook in [false, true] {
            let (model, mut state, bytes) = stored(by_codebook);
            let read =
                |state: &State| Sampler::from_bytes(&bytes, Path::new("codes"), &model, state);
            let mut sampler = read(&state).expect("whole").expect("of this model");
            let codes = sampler.codes(6, Seed(3)).expect("needs no device");
            assert_eq!(codes.len(), 6 * model.network.latent());
            state.parameters[0] += 1.0;
            assert!(read(&state).expect("whole").is_none(), "of a model that has changed");
        }
    }

    proptest! {
        /// Damaged or made up, a file is refused, or codes of the model are drawn by it.
        #[test]
        fn no_damage_is_too_strange(
            by_codebook in any::<bool>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let (model, state, mut bytes) = stored(by_codebook);
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
            if let Ok(Some(mut sampler)) = Sampler::from_bytes(&bytes, Path::new("x"), &model, &state) {
                let codes = sampler.codes(3, Seed(3)).expect("needs no device");
                prop_assert_eq!(codes.len(), 3 * model.network.latent());
            }
        }
    }
}
