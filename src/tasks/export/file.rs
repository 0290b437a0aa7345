//! The bytes of an ONNX file.

use prost::Message;

use super::place::BATCHES;
use super::proto::{
    GraphProto, IR_VERSION, ModelProto, OPSET, OperatorSetIdProto, StringStringEntryProto,
};
use super::translation::{Pair, translate};
use crate::error::{Error, Result};
use crate::graph::{Bytes, State};
use crate::inference::Task;
use crate::models::Model;
use crate::tasks::trained::Trained;

/// Messages of this format are below 2 GiB.
const MOST_BYTES: usize = i32::MAX as usize;

/// What of a model is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Part {
    /// From images to codes
    Encoder,
    /// From codes to images
    Decoder,
    /// From images to what the model makes of them
    Whole,
}

impl Part {
    /// The name, as `--part` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
            Self::Whole => "whole",
        }
    }

    fn task(self) -> Task {
        match self {
            Self::Encoder => Task::Encode,
            Self::Decoder => Task::Decode,
            Self::Whole => Task::Reconstruct,
        }
    }
}

impl Trained {
    /// A part of the model as the bytes of an ONNX file; see [`onnx`].
    ///
    /// # Errors
    /// As [`onnx`], or when the device fails.
    pub fn onnx(&mut self, part: Part) -> Result<Vec<u8>> {
        let state = self.executor().state()?;
        onnx(self.model(), &state, part)
    }
}

/// The part of `model` with the weights of `state` as the bytes of an ONNX file. Weights have their
/// names in `state`, and the axis of the batch is left open. Inputs and outputs are those of the
/// [`Task`]: `images` or `code`, and `labels` as whole numbers; `code`, `log_variance` and `index`, or
/// `reconstruction`.
///
/// # Errors
/// When the model has an operation that ONNX lacks, or more weights than a file holds.
pub fn onnx(model: &Model, state: &State, part: Part) -> Result<Vec<u8>> {
    let [(first, outputs), (second, _)] =
        [part.task().graph(model, BATCHES[0])?, part.task().graph(model, BATCHES[1])?];
    let name = format!("{} {}", model.name(), part.name());
    let graph = translate(&name, &Pair::new([&first, &second])?, &outputs, state)?;
    let properties = vec![
        ("variant", model.name().into()),
        ("part", part.name().into()),
        ("images", model.images().to_string()),
    ];
    let file = file(graph, properties);
    let size = file.encoded_len();
    if size > MOST_BYTES {
        let what = format!(
            "the model would take {} and a file of ONNX holds 2 GiB; export \
            --part encoder and --part decoder, or train a smaller model",
            Bytes(size as u64)
        );
        return Err(Error::Memory(what));
    }
    Ok(file.encode_to_vec())
}

/// A file that holds `graph`, and these words about it.
pub(super) fn file(graph: GraphProto, properties: Vec<(&str, String)>) -> ModelProto {
    let entry = |(key, value): (&str, String)| StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value),
    };
    let opset = OperatorSetIdProto { domain: Some(String::new()), version: Some(OPSET) };
    ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("diabolo".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        graph: Some(graph),
        opset_import: vec![opset],
        metadata_props: properties.into_iter().map(entry).collect(),
    }
}
