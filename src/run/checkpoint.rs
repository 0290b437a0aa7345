//! `model.safetensors`: a model with its optimiser's state, from which training goes on with the
//! very bits it stopped at.
//!
//! A file of the safetensors format. Each tensor has its name in the model
//! (`encoder.conv1.weight`), f32, or f16 in files of weights alone; the optimiser's moments are `moment.0.<name>` and `moment.1.<name>`.
//! All else is JSON in the metadata's one entry, `diabolo`: a string map has no order of its own,
//! so that two files with the same contents would differ.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use md5::{Digest, Md5};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::file::{self, write_atomically};
use crate::graph::{Role, State, StateEntry, StateLayout};
use crate::rng::Seed;
use crate::run::checkpoint::tensors::{Expected, TensorName, expected};
use crate::train::PartEpoch;

pub use numbers::Width;

mod numbers;
mod tensors;
#[cfg(test)]
mod tests;

/// The version of what this crate puts in the metadata. Files of version 1, which stand at the end
/// of an epoch and have no digests, are read as well.
const FORMAT: u32 = 2;

/// The metadata's entry that holds the [`Header`].
const KEY: &str = "diabolo";

/// The most bytes of names, shapes and metadata that a file may have.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// The most moments that an optimiser may have.
const MAX_MOMENTS: usize = 4;

/// Bytes before the names, shapes and metadata: their length.
const LENGTH_BYTES: u64 = 8;

/// What a checkpoint says of itself, apart from its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Optimiser steps taken.
    pub step: u64,
    /// Epochs finished.
    pub epoch: u64,
    /// The run's seed.
    #[serde(with = "seed_number")]
    pub seed: Seed,
    /// The options of the run, as TOML or JSON text.
    pub config: String,
    /// The model in words, for people.
    pub model: String,
    /// What was measured so far, as JSON text.
    pub history: String,
    /// What is known of an epoch that is not finished.
    #[serde(default)]
    pub part: PartEpoch,
    /// How often the learning rate has been halved.
    #[serde(default)]
    pub halvings: u32,
    /// The digest of the images that it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// A state of training.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The tensors.
    pub state: State,
    /// Everything else.
    pub header: Header,
}

/// A [`Header`] as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredHeader {
    format: u32,
    diabolo: String,
    moments: usize,
    /// The MD5 of the tensors' bytes, as f32.
    #[serde(default)]
    digest: Option<String>,
    #[serde(flatten)]
    header: Header,
}

/// Writes `checkpoint` to `path`, in one piece or not at all.
///
/// # Errors
/// When the file cannot be written, or holds more than [`load`] would take.
pub fn save(path: &Path, checkpoint: &Checkpoint) -> Result<()> {
    let names = names(path, checkpoint, Width::Single)?;
    write_atomically(path, |out| {
        out.write_all(&names)?;
        write_tensors(out, &checkpoint.state, Width::Single)
    })
}

/// The bytes that [`save`] writes, with weights of this width; `path` is for messages only.
///
/// # Errors
/// When the file would hold more than [`load`] would take.
pub fn to_bytes(path: &Path, checkpoint: Checkpoint, width: Width) -> Result<Vec<u8>> {
    // What is read again has to have the digest of what was written.
    let checkpoint = Checkpoint { state: width.rounded(checkpoint.state), ..checkpoint };
    let mut bytes = names(path, &checkpoint, width)?;
    write_tensors(&mut bytes, &checkpoint.state, width).expect("memory takes all bytes");
    Ok(bytes)
}

/// What comes before the tensors: names, shapes and metadata, behind their length.
fn names(path: &Path, checkpoint: &Checkpoint, width: Width) -> Result<Vec<u8>> {
    let Checkpoint { state, header } = checkpoint;
    let stored = StoredHeader {
        format: FORMAT,
        diabolo: env!("CARGO_PKG_VERSION").to_owned(),
        moments: state.moments.len(),
        digest: Some(digest(state, &expected(&state.layout, state.moments.len()))),
        header: header.clone(),
    };
    let invalid = |error: &dyn std::fmt::Display| {
        Error::file(path, format!("the model cannot be stored in this format: {error}"))
    };
    if state.moments.len() > MAX_MOMENTS {
        return Err(invalid(&format!("its optimiser has more than {MAX_MOMENTS} moments")));
    }
    let text = serde_json::to_string(&stored).map_err(|error| invalid(&error))?;
    let tensors = expected(&state.layout, state.moments.len());
    let mut end = 0;
    let infos = tensors.iter().map(|(name, entry, range)| {
        let start = end;
        let dtype = width.of(name.is_weight(entry), &numbers_of(state, name, entry)[range.clone()]);
        end += entry.shape.elements() * dtype.bitsize() / 8;
        let shape = entry.shape.to_vec();
        (name.to_string(), TensorInfo { dtype, shape, data_offsets: (start, end) })
    });
    let metadata = Metadata::new(Some([(KEY.to_owned(), text)].into()), infos.collect())
        .map_err(|error| invalid(&error))?;
    if metadata.tensors().len() != tensors.len() {
        return Err(invalid(&"two of its tensors have the same name"));
    }
    let mut names = serde_json::to_vec(&metadata).map_err(|error| invalid(&error))?;
    // The format asks for data that begins at a multiple of 8 bytes.
    names.resize(names.len().next_multiple_of(8), b' ');
    if names.len() as u64 > MAX_HEADER_BYTES {
        return Err(invalid(&format!("its metadata has more than {MAX_HEADER_BYTES} bytes")));
    }
    Ok([&(names.len() as u64).to_le_bytes()[..], &names].concat())
}

/// All tensors, in the order of the file.
fn write_tensors(out: &mut dyn Write, state: &State, width: Width) -> io::Result<()> {
    expected(&state.layout, state.moments.len()).into_iter().try_for_each(|(name, entry, range)| {
        let source = &numbers_of(state, &name, entry)[range];
        numbers::write(out, source, width.of(name.is_weight(entry), source))
    })
}

/// Those among which a tensor's are.
fn numbers_of<'a>(state: &'a State, name: &TensorName, entry: &StateEntry) -> &'a [f32] {
    match (name.moment, entry.role) {
        (Some(moment), _) => &state.moments[moment],
        (None, Role::Parameter) => &state.parameters,
        (None, Role::Buffer) => &state.buffers,
    }
}

/// The MD5 of the tensors' bytes, as f32: of those of `tensors`, in their order.
fn digest(state: &State, tensors: &[Expected]) -> String {
    struct Digesting(Md5);
    impl Write for Digesting {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut digesting = Digesting(Md5::new());
    for (name, entry, range) in tensors {
        let numbers = &numbers_of(state, name, entry)[range.clone()];
        numbers::write(&mut digesting, numbers, Dtype::F32).expect("a digest takes all bytes");
    }
    digesting.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads what a checkpoint says of itself, without its tensors: enough to build the model that
/// [`load`] needs.
///
/// # Errors
/// When the file cannot be read, is damaged, or was not written by [`save`].
pub fn read_header(path: &Path) -> Result<Header> {
    Ok(Opened::new(open(path)?, path)?.stored.header)
}

/// Reads what a checkpoint with these `bytes` says of itself; `path` is for messages only.
///
/// # Errors
/// As [`read_header`].
pub fn header_from_bytes(bytes: &[u8], path: &Path) -> Result<Header> {
    Ok(Opened::new(io::Cursor::new(bytes), path)?.stored.header)
}

/// Reads a checkpoint of the model whose state is laid out as `layout`.
///
/// # Errors
/// When the file cannot be read, is damaged, or holds another model: then the error names the
/// tensors that are missing, unknown, or of another shape.
pub fn load(path: &Path, layout: &StateLayout) -> Result<Checkpoint> {
    parse(open(path)?, path, layout)
}

/// Reads a checkpoint of the model whose state is laid out as `layout` from its `bytes`; `path` is for
/// messages only.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(bytes: &[u8], path: &Path, layout: &StateLayout) -> Result<Checkpoint> {
    parse(io::Cursor::new(bytes), path, layout)
}

fn parse(source: impl Read + Seek, path: &Path, layout: &StateLayout) -> Result<Checkpoint> {
    let mut opened = Opened::new(source, path)?;
    let moments = opened.stored.moments;
    // Names and shapes are compared first, so that no more memory is asked for than twice what the file
    // has.
    let mut tensors = expected(layout, moments);
    tensors::compare(path, &tensors, &opened.metadata)?;
    // As they were written, which may have been in another order.
    tensors.sort_by_key(|(name, ..)| opened.offset(name));
    let words = layout.words(Role::Parameter);
    let mut state = State {
        layout: layout.clone(),
        parameters: vec![0.0; words],
        buffers: vec![0.0; layout.words(Role::Buffer)],
        moments: vec![vec![0.0; words]; moments],
    };
    for (name, entry, range) in &tensors {
        let target = match (name.moment, entry.role) {
            (Some(moment), _) => &mut state.moments[moment],
            (None, Role::Parameter) => &mut state.parameters,
            (None, Role::Buffer) => &mut state.buffers,
        };
        opened.read(name, &mut target[range.clone()]).map_err(|error| unreadable(path, &error))?;
    }
    if opened.stored.digest.as_ref().is_some_and(|known| *known != digest(&state, &tensors)) {
        let what = "is damaged (its numbers are not those that were written); use another copy";
        return Err(Error::file(path, what));
    }
    Ok(Checkpoint { state, header: opened.stored.header })
}

/// A file whose sizes, names and shapes have been checked against each other.
struct Opened<S> {
    source: S,
    /// Where the tensors' data begins.
    data: u64,
    metadata: Metadata,
    stored: StoredHeader,
}

impl<S: Read + Seek> Opened<S> {
    fn new(mut source: S, path: &Path) -> Result<Self> {
        let damaged = |why: &dyn std::fmt::Display| {
            Error::file(path, format!("is damaged or not a model file ({why}); use another copy"))
        };
        let (length, names) = read_names(&mut source).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => damaged(&error),
            _ => unreadable(path, &error),
        })?;
        let metadata: Metadata = serde_json::from_slice(&names).map_err(|error| damaged(&error))?;
        let data = LENGTH_BYTES + names.len() as u64;
        if metadata.data_len() as u64 != length - data {
            let (has, needs) = (length - data, metadata.data_len());
            return Err(damaged(&format!("it has {has} bytes of tensors in place of {needs}")));
        }
        let stored = match metadata.metadata().as_ref().and_then(|map| map.get(KEY)) {
            Some(text) => read_stored(path, text)?,
            None => {
                let what = "was not written by diabolo; name the model.safetensors of a run";
                return Err(Error::file(path, what));
            }
        };
        Ok(Self { source, data, metadata, stored })
    }

    /// Where a tensor's data begins, of those that the file has.
    fn offset(&self, name: &TensorName) -> Option<usize> {
        self.metadata.info(&name.to_string()).map(|info| info.data_offsets.0)
    }

    fn read(&mut self, name: &TensorName, target: &mut [f32]) -> io::Result<()> {
        let info = self.metadata.info(&name.to_string());
        let info = info.expect("all tensors have been found in the file before");
        let dtype = info.dtype;
        self.source.seek(SeekFrom::Start(self.data + info.data_offsets.0 as u64))?;
        numbers::read(&mut self.source, target, dtype)
    }
}

fn open(path: &Path) -> Result<BufReader<std::fs::File>> {
    let opened = file::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(BufReader::new(opened.0))
}

/// The length of a file, and the bytes of its names, shapes and metadata.
fn read_names(source: &mut (impl Read + Seek)) -> io::Result<(u64, Vec<u8>)> {
    let length = source.seek(SeekFrom::End(0))?;
    source.rewind()?;
    let mut bytes = [0; LENGTH_BYTES as usize];
    source.read_exact(&mut bytes)?;
    let wanted = u64::from_le_bytes(bytes);
    if wanted > MAX_HEADER_BYTES || wanted > length.saturating_sub(LENGTH_BYTES) {
        let why = format!("its header claims {wanted} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    let mut names = vec![0; wanted as usize];
    source.read_exact(&mut names)?;
    Ok((length, names))
}

fn read_stored(path: &Path, text: &str) -> Result<StoredHeader> {
    /// What every version has.
    #[derive(Deserialize)]
    struct Version {
        format: u32,
        diabolo: String,
    }
    let damaged = |why: &dyn std::fmt::Display| {
        Error::file(path, format!("has damaged metadata ({why}); use another copy"))
    };
    let version: Version = serde_json::from_str(text).map_err(|error| damaged(&error))?;
    if !(1..=FORMAT).contains(&version.format) {
        let Version { format, diabolo } = version;
        let what = format!(
            "has format {format}, written by diabolo {diabolo}, and this version reads formats 1 \
             to {FORMAT}; use that version, or train anew"
        );
        return Err(Error::file(path, what));
    }
    let stored: StoredHeader = serde_json::from_str(text).map_err(|error| damaged(&error))?;
    if stored.moments > MAX_MOMENTS {
        return Err(damaged(&format!("it claims {} moments", stored.moments)));
    }
    Ok(stored)
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => {
            Error::file(path, "does not exist; name the model.safetensors of a run")
        }
        io::ErrorKind::InvalidInput => Error::file(path, "is not a file; name a model.safetensors"),
        _ => Error::file(path, format!("cannot be read: {error}; use another copy")),
    }
}

/// A [`Seed`] as a plain number.
mod seed_number {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::rng::Seed;

    pub fn serialize<S: Serializer>(seed: &Seed, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(seed.0)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seed, D::Error> {
        u64::deserialize(deserializer).map(Seed)
    }
}
