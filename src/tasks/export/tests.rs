use std::sync::Arc;

use prost::Message;

use super::file::{Part, onnx};
use super::place::BATCHES;
use super::proto::{Dimension, GraphProto, ModelProto};
use super::translation::{Pair, translate};
use crate::data::ImageShape;
use crate::error::Result;
use crate::graph::{Graph, Initialiser, State};
use crate::inference;
use crate::models::{Choices, Kind};
use crate::ops::{self, Builder, NodeId, RandomKind, StepWeight};
use crate::rng::Seed;

/// The graph that `build` makes of an input of `[batch, 6]`, as ONNX.
fn translated(build: impl Fn(&mut Graph, NodeId) -> Result<NodeId>) -> Result<GraphProto> {
    let make = |batch| {
        let mut graph = Graph::new();
        let x = graph.input("x", [batch, 6]);
        let output = build(&mut graph, x)?;
        Ok((graph, output))
    };
    let [(first, output), (second, _)] = [make(BATCHES[0])?, make(BATCHES[1])?];
    let state = State::initial(&first.layout(), Seed(1), 0);
    translate("test", &Pair::new([&first, &second])?, &[("y", output)], &state)
}

fn types(graph: &GraphProto) -> Vec<&str> {
    graph.node.iter().filter_map(|node| node.op_type.as_deref()).collect()
}

fn refused(build: impl Fn(&mut Graph, NodeId) -> Result<NodeId>, expected: &str) {
    let error = translated(build).expect_err(expected);
    assert!(error.to_string().contains(expected), "`{expected}` is not in `{error}`");
}

#[test]
fn a_dense_layer_is_two_nodes_and_the_batch_stays_open() {
    let layer = |graph: &mut Graph, x| {
        crate::nn::dense(graph, "encoder.dense1", x, 4, Some(ops::Activation::Relu))
    };
    let graph = translated(layer).expect("known operations");
    assert_eq!(types(&graph), ["Gemm", "Relu"]);
    assert_eq!(graph.node[0].input, ["x", "encoder.dense1.weight", "encoder.dense1.bias"]);
    assert_eq!(graph.node[1].output, ["y"]);
    let dimensions: Vec<_> = [&graph.input[0], &graph.output[0]]
        .into_iter()
        .filter_map(|info| info.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref())
        .flat_map(|shape| shape.dim.iter().filter_map(|dim| dim.value.clone()))
        .collect();
    let batch = || Dimension::Param("batch".into());
    let expected = [batch(), Dimension::Value(6), batch(), Dimension::Value(4)];
    assert_eq!(dimensions, expected);
}

#[test]
fn a_product_that_others_read_keeps_its_bias_apart() {
    let build = |graph: &mut Graph, x| {
        let w = graph.parameter("w", [6, 6], Initialiser::Constant(0.5))?;
        let b = graph.parameter("b", [6], Initialiser::Constant(0.5))?;
        let product = ops::matmul(graph, x, w)?;
        let sum = ops::bias(graph, product, b)?;
        ops::mul(graph, product, sum)
    };
    assert_eq!(types(&translated(build).expect("known operations")), ["Gemm", "Add", "Mul"]);
}

#[test]
fn only_what_the_output_needs_is_exported() {
    let build = |graph: &mut Graph, x| {
        let unused = graph.parameter("unused", [6], Initialiser::Constant(1.0))?;
        ops::mul(graph, x, unused)?;
        ops::unary(graph, x, ops::UnaryKind::Exp)
    };
    let graph = translated(build).expect("known operations");
    assert_eq!((types(&graph), graph.initializer.len()), (vec!["Exp"], 0));
}

#[test]
fn an_operation_without_counterpart_is_named() {
    refused(
        |graph, x| {
            let drawn = ops::random(graph, [1, 6], RandomKind::Uniform { low: 0.0, high: 1.0 })?;
            ops::add(graph, x, drawn)
        },
        "cannot be exported: operation `random`",
    );
    refused(
        |graph, x| {
            let weight = graph.apply(Arc::new(StepWeight), &[])?;
            ops::mul(graph, x, weight)
        },
        "operation `step_weight`",
    );
    refused(|graph, x| ops::dropout(graph, x, 0.5), "operation `dropout`");
    refused(
        |graph, x| ops::scheduled_top_k_mask(graph, x),
        "the number of units that stay is not fixed",
    );
}

#[test]
fn what_depends_on_the_batch_size_is_refused() {
    refused(
        |graph, x| {
            let batch = graph.shape(x)[0] as f32;
            ops::affine(graph, x, 1.0 / batch, 0.0)
        },
        "`unary`: its parameters depend on the batch size",
    );
    refused(
        |graph, x| {
            let end = graph.shape(x)[0];
            ops::slice_axis(graph, x, 0, 1..end)
        },
        "an axis is no multiple of the batch",
    );
    refused(
        |graph, x| {
            let batch = graph.shape(x)[0];
            let negative = ops::affine(graph, x, -1.0, 0.0)?;
            let both = ops::concat(graph, &[x, negative], 0)?;
            ops::slice_axis(graph, both, 0, batch..2 * batch)
        },
        "a part of the batch",
    );
    refused(
        |graph, x| {
            let shape = graph.shape(x).clone();
            let w = graph.parameter("w", [1, 6], Initialiser::Constant(1.0))?;
            ops::expand(graph, w, &shape)
        },
        "repeats a value over the batch",
    );
}

/// The exported part of a model for images of this size, and the sizes of its input and output that
/// are open.
fn exported(kind: Kind, latent: &str, side: usize, part: Part) -> (ModelProto, Vec<String>) {
    let choices = Choices { latent: Some(latent.parse().expect("a size")), ..Choices::default() };
    exported_of(kind, &choices, side, part)
}

fn exported_of(
    kind: Kind,
    choices: &Choices,
    side: usize,
    part: Part,
) -> (ModelProto, Vec<String>) {
    let images = ImageShape { channels: 1, height: side, width: side };
    let (model, _) = kind.build(images, 0, choices, false).expect("a model");
    let state = State::initial(&inference::layout(&model).expect("a model"), Seed(1), 0);
    let bytes = onnx(&model, &state, part).expect("can be exported");
    let file = ModelProto::decode(&*bytes).expect("is one");
    let graph = file.graph.as_ref().expect("has one");
    let sizes = graph.input.iter().chain(&graph.output).filter_map(|info| {
        let shape = info.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref()?;
        Some(shape.dim.iter().filter_map(|size| match size.value.as_ref()? {
            Dimension::Param(name) => Some(name.clone()),
            Dimension::Value(_) => None,
        }))
    });
    let sizes = sizes.flatten().collect();
    (file, sizes)
}

#[test]
fn models_whose_codes_are_maps_take_images_of_other_sizes() {
    let open = ["batch", "height", "width"];
    let code = ["batch", "code_height", "code_width"];
    for kind in [Kind::Conv, Kind::Denoising] {
        let (file, sizes) = exported(kind, "map:3", 16, Part::Whole);
        assert_eq!(sizes, [open, open].concat(), "{}", kind.name());
        let words = &file.metadata_props;
        let word = words.iter().find(|word| word.key.as_deref() == Some("sizes"));
        let word = word.and_then(|word| word.value.clone()).expect("is said");
        assert!(word.starts_with("height and width are multiples of "), "{word}");
        assert_eq!(exported(kind, "map:3", 16, Part::Encoder).1, [open, code].concat());
        assert_eq!(exported(kind, "map:3", 16, Part::Decoder).1, [code, open].concat());
        // Vectors have one size, and so have images that are padded.
        assert_eq!(exported(kind, "5", 16, Part::Whole).1, ["batch"; 2]);
        assert_eq!(exported(kind, "map:3", 15, Part::Whole).1, ["batch"; 2]);
    }
}

#[test]
fn what_a_hyperprior_says_is_of_any_size_that_its_code_halves() {
    let latent = Some("map:3".parse().expect("a size"));
    let arch = Some("conv:4,6".parse().expect("an architecture"));
    let (quantise, hyperprior) = (Some(0.1), Some(4));
    let choices = Choices { arch, latent, quantise, hyperprior, ..Choices::default() };
    let open = ["batch", "height", "width"];
    let code = ["batch", "code_height", "code_width"];
    let sizes = |side, part| exported_of(Kind::Conv, &choices, side, part).1;
    assert_eq!(sizes(16, Part::Encoder), [open, code, code].concat());
    assert_eq!(sizes(12, Part::Encoder), ["batch"; 3]);
    assert_eq!(sizes(12, Part::Whole), [open, open].concat());
}

#[test]
fn a_file_says_how_pictures_are_made_ready() {
    let words = |part| {
        let (file, _) = exported(Kind::Dense, "3", 16, part);
        let word = |wanted: &str| {
            let word = file.metadata_props.iter().find(|word| word.key.as_deref() == Some(wanted));
            word.and_then(|word| word.value.clone())
        };
        ["range", "resize", "gray"].map(word)
    };
    let [range, resize, gray] = words(Part::Encoder).map(|word| word.expect("is said"));
    assert!(range.contains("/ 255"), "{range}");
    assert!(resize.contains("16x16") && resize.contains("Lanczos"), "{resize}");
    assert!(gray.contains("0.2126 R + 0.7152 G + 0.0722 B"), "{gray}");
    assert_eq!(words(Part::Decoder), [None, None, None]);
}
