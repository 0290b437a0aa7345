//! The bytes of an ONNX file.

use prost::Message;

use super::place::BATCHES;
use super::proto::{
    Dimension, DimensionProto, GraphProto, IR_VERSION, ModelProto, OPSET, OperatorSetIdProto,
    StringStringEntryProto, ValueInfoProto,
};
use super::translation::{Pair, translate};
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::graph::{Bytes, State};
use crate::inference::Task;
use crate::models::{CodeForm, Model};
use crate::nn::Output;
use crate::tasks::trained::Trained;
use crate::train::Config;

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
        onnx_of_run(self.config(), &state, part)
    }
}

/// As [`onnx`], with a word on how the images of the run were made ready.
///
/// # Errors
/// As [`onnx`].
pub fn onnx_of_run(config: &Config, state: &State, part: Part) -> Result<Vec<u8>> {
    written(&config.model, state, part, config.patches.is_some())
}

/// The part of `model` with the weights of `state` as the bytes of an ONNX file. Weights have their
/// names in `state`, and the axis of the batch is left open. Inputs and outputs are those of the
/// [`Task`]: `images` or `code`, and `labels` as whole numbers; `code`, `log_variance`, `log_scale` and `index`,
/// or `reconstruction`.
///
/// # Errors
/// When the model has an operation that ONNX lacks, or more weights than a file holds.
pub fn onnx(model: &Model, state: &State, part: Part) -> Result<Vec<u8>> {
    written(model, state, part, false)
}

/// What a picture goes through before a model sees it, which who feeds the file has to do likewise.
fn preparation(model: &Model, in_parts: bool) -> Vec<(&'static str, String)> {
    let ImageShape { channels, height, width } = model.images();
    if model.output == Output::Number {
        let how = "(number - mean) / deviation, as `scaling` in the run's manifest.json has them";
        return vec![("range", format!("standardised: {how}; 0 where a number is missing"))];
    }
    let size = match in_parts {
        true => format!("parts of {width}x{height} (width x height), cut out and not resized"),
        false => format!("stretched to {width}x{height} (width x height) by Lanczos, a = 3"),
    };
    let gray = "0.2126 R + 0.7152 G + 0.0722 B of the stored numbers (Rec. 709)";
    let mut words = vec![
        ("range", "stored numbers / 255, or / 65535, transparent parts over white".into()),
        ("resize", size),
    ];
    words.extend((channels == 1).then(|| ("gray", gray.to_owned())));
    words
}

fn written(model: &Model, state: &State, part: Part, in_parts: bool) -> Result<Vec<u8>> {
    let mut graph = translated(model, state, part)?;
    let any_size = other_sizes(model, part)
        .map(|(factor, other)| Ok((factor, translated(&other, state, part)?)))
        .transpose()?
        .filter(|(_, other)| open_sizes(&mut graph, other))
        .map(|(factor, _)| factor);
    let mut properties = vec![
        ("variant", model.name().into()),
        ("part", part.name().into()),
        ("images", model.images().to_string()),
    ];
    if let Some(factor) = any_size {
        properties.push(("sizes", format!("height and width are multiples of {factor}")));
    }
    if part != Part::Decoder {
        properties.extend(preparation(model, in_parts));
    }
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

/// The graph of a part of a model, whose batch is left open.
fn translated(model: &Model, state: &State, part: Part) -> Result<GraphProto> {
    let [(first, outputs), (second, _)] =
        [part.task().graph(model, BATCHES[0])?, part.task().graph(model, BATCHES[1])?];
    let name = format!("{} {}", model.name(), part.name());
    translate(&name, &Pair::new([&first, &second])?, &outputs, state)
}

/// Where codes are maps: by what factor images are greater than these, and the same model for larger
/// images. Nothing where images are padded and cropped, which goes by their size.
fn other_sizes(model: &Model, part: Part) -> Option<(usize, Model)> {
    let (Some(halvings), CodeForm::Map(_) | CodeForm::Features) =
        (model.network.architecture.halvings(), model.network.code)
    else {
        return None;
    };
    // A hyperprior halves codes once more, and pads where they are odd.
    let halves_codes = part == Part::Encoder && model.has_hyperprior();
    let factor = 1 << (halvings + usize::from(halves_codes));
    let ImageShape { channels, height, width } = model.images();
    if height % factor > 0 || width % factor > 0 {
        return None;
    }
    let mut other = model.clone();
    other.network.images =
        ImageShape { channels, height: height + factor, width: width + 2 * factor };
    Some((factor, other))
}

/// Leaves height and width open, where `other`, the same for larger images, differs by nothing else.
fn open_sizes(graph: &mut GraphProto, other: &GraphProto) -> bool {
    if graph.node != other.node || graph.initializer != other.initializer {
        return false;
    }
    for info in graph.input.iter_mut().chain(&mut graph.output) {
        let is_image = matches!(info.name.as_deref(), Some("images" | "reconstruction"));
        let prefix = if is_image { "" } else { "code_" };
        let Some([_, _, height, width]) = sizes(info) else { continue };
        for (size, name) in [(height, "height"), (width, "width")] {
            size.value = Some(Dimension::Param(format!("{prefix}{name}")));
        }
    }
    true
}

/// The sizes of an input or output.
fn sizes(info: &mut ValueInfoProto) -> Option<&mut [DimensionProto]> {
    let shape = info.r#type.as_mut()?.tensor_type.as_mut()?.shape.as_mut()?;
    Some(&mut shape.dim)
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
