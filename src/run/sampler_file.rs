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
        let (model_of, tensors) = parsed(&bytes, &path)?;
        if model_of != Some(fingerprint(state)) {
            return Ok(None);
        }
        let sampler = Self::from_tensors(model, state, &tensors);
        sampler.map(Some).ok_or_else(|| damaged(&path, &"its tensors are not those of a code"))
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
        tensors.insert(name.to_owned(), Tensor::new(view.shape(), numbers.collect())?);
    }
    Ok((model, tensors))
}

fn damaged(path: &Path, what: &dyn std::fmt::Display) -> Error {
    let to_do = "remove it, and samples are drawn after the run's images again";
    Error::file(path, format!("is damaged ({what}); {to_do}"))
}
