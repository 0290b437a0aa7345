//! Exported models compute in ONNX Runtime what they compute here, and weights go by the names and
//! shapes that PyTorch's modules have. The other side is Python's.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use diabolo::arithmetic::byte::number_of_byte;
use diabolo::data::Dataset;
use diabolo::file::npy;
use diabolo::shape::Shape;
use diabolo::tasks::Trained;
use diabolo::tensor::Tensor;
use image::RgbImage;
use program::{printed, program, text};
use tempfile::TempDir;

/// Images that are compared: more than one batch of three, and one left over.
const IMAGES: usize = 7;
/// Names the Python that has the packages of tests/onnx/requirements.txt.
const PYTHON: &str = "DIABOLO_TEST_PYTHON";
/// May name one that has PyTorch and safetensors, to compare with that besides; it is too large to be
/// installed for this.
const TORCH: &str = "DIABOLO_TEST_TORCH";

fn diabolo(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("the program runs")
}

fn succeeds(arguments: &[&str]) -> String {
    printed(&diabolo(arguments))
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// The Python that comparisons need.
fn python() -> String {
    std::env::var(PYTHON).unwrap_or_else(|_| {
        panic!(
            "{PYTHON} is not set: run tests/run, which installs what this needs, or:\n\
             python3 -m venv target/onnx && \
             target/onnx/bin/pip install -r tests/onnx/requirements.txt && \
             export {PYTHON}=$PWD/target/onnx/bin/python"
        )
    })
}

/// Runs a script of tests/onnx, which prints what it measured.
fn script(python: &str, name: &str, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx").join(name);
    let output = Command::new(python).arg("-B").arg(script).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{python}: {error}"));
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", text(&output.stderr));
    println!("{printed}");
    printed
}

/// Trains a small model, with steps so large that no weight stays where it started.
fn train(folder: &Path, name: &str, options: &str) -> PathBuf {
    let run = folder.join(name);
    let out = run.to_str().expect("temporary paths are text");
    let length = if options.contains("--limit") { "" } else { "--limit 96 --epochs 1" };
    let common = format!("{length} --lr 0.02 --device cpu --out");
    succeeds(&[&["train"], &words(options)[..], &words(&common), &[out]].concat());
    run
}

/// Writes what the CPU executor makes of some held-out images, by the names of ONNX's inputs and
/// outputs.
fn compute(run: &Path) {
    let mut trained = Trained::load(run, &"cpu".parse().expect("known")).expect("a run");
    let Dataset { test, shape, .. } = trained.dataset().expect("the data is there");
    let pixels = test.pixels[..IMAGES * shape.elements()].iter().map(|x| number_of_byte(*x));
    let sizes = [IMAGES, shape.channels, shape.height, shape.width];
    let images = Tensor::new(sizes, pixels.collect()).expect("of this shape");
    let model = trained.model().clone();
    let labels = model.is_conditional().then(|| test.labels.expect("labelled")[..IMAGES].to_vec());
    let mut inference = trained.inference().with_noise_level(Some(NOISE_LEVEL));
    let codes = inference.encode(&images, labels.as_deref()).expect("encodes");
    let made = inference.reconstruct(&images, labels.as_deref()).expect("reconstructs");
    if !model.residual {
        let again = inference.decode(&codes.values, labels.as_deref()).expect("decodes");
        assert_eq!(made, again, "{}", run.display());
    }

    let file = |name: &str| run.join(format!("{name}.npy"));
    let shape = Shape::new([&[IMAGES][..], &model.network.code_shape()].concat());
    let code = |values: &[f32]| Tensor::new(shape.clone(), values.to_vec()).expect("of this shape");
    npy::write(&file("images"), &images).expect("writable");
    npy::write(&file("reconstruction"), &made).expect("writable");
    npy::write(&file("code"), &code(&codes.values)).expect("writable");
    if let Some(values) = &codes.log_variances {
        npy::write(&file("log_variance"), &code(values)).expect("writable");
    }
    if let Some(values) = &codes.log_scales {
        npy::write(&file("log_scale"), &code(values)).expect("writable");
    }
    if let Some(indices) = &codes.indices {
        let shape = Shape::from([IMAGES, indices.len() / IMAGES]);
        npy::write_whole(&file("index"), &shape, indices).expect("writable");
    }
    if model.noise_level {
        let levels = Tensor::new([IMAGES], vec![NOISE_LEVEL; IMAGES]).expect("of this shape");
        npy::write(&file("noise_level"), &levels).expect("writable");
    }
    if let Some(labels) = &labels {
        npy::write_whole(&file("labels"), &Shape::from([IMAGES]), labels).expect("writable");
    }
}

/// What a model is told of noise that has to be told.
const NOISE_LEVEL: f32 = 0.15;

/// What is exported of a model.
const PARTS: [&str; 3] = ["encoder", "whole", "decoder"];

/// Trains, exports and compares a model for each name and its options, by these parts of it.
fn compare(cases: &[(&str, &str)], parts: &[&str]) {
    let folder = TempDir::new().expect("a temporary folder");
    let colours = folder.path().join("pictures");
    fs::create_dir(&colours).expect("writable");
    for number in 0..80_u32 {
        let pixel = |x: u32, y: u32| image::Rgb([x, y, x * y].map(|v| (v * (number + 7)) as u8));
        let picture = RgbImage::from_fn(9, 7, pixel);
        picture.save(colours.join(format!("{number}.png"))).expect("writable");
    }
    let mut runs = vec![];
    for (name, options) in cases {
        let options = options.replace("COLOURS", &format!("--data images:{}", colours.display()));
        let run = train(folder.path(), name, &options);
        compute(&run);
        let path = |file: &str| run.join(file).to_str().expect("text").to_owned();
        for part in parts {
            let (model, file) = (path(""), path(&format!("{part}.onnx")));
            let said = succeeds(&["export", "--onnx", &file, "--part", part, "--model", &model]);
            assert!(said.contains(*part) && said.contains("written to"), "{said}");
        }
        runs.push(path(""));
    }
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    let printed = script(&python(), "compare.py", &runs);
    assert_eq!(printed.lines().count(), parts.len() * cases.len(), "{printed}");
}

#[test]
fn every_variant_computes_the_same_in_onnx_runtime() {
    let cases = [
        ("dense", "--variant dense --arch dense:24 --latent 6"),
        ("conv", "--variant conv --arch conv:4,6 --latent 6"),
        ("denoising", "--variant denoising --arch conv:4,6 --noise gaussian:0.4"),
        ("sparse-l1", "--variant sparse --latent 20"),
        ("sparse-kl", "--variant sparse --sparsity kl --latent 20"),
        ("sparse-topk", "--variant sparse --sparsity topk --k 4 --latent 20"),
        ("contractive", "--variant contractive --arch dense:16 --latent 6"),
        ("vae", "--variant vae --arch dense:16 --latent 4"),
        (
            "vae-gaussian",
            "--variant vae --arch dense:16 --latent 4 --loss gaussian --variance learned",
        ),
        ("cvae", "--variant cvae --arch dense:16 --latent 3"),
        ("cvae-conv", "--variant cvae --arch conv:4,6 --latent map:3"),
        ("iwae", "--variant iwae --arch dense:16 --latent 4"),
        ("vqvae", "--variant vqvae --arch conv:4,6 --codes 12 --code-dim 3 --limit 600 --epochs 4"),
        (
            "vqvae-loss",
            "--variant vqvae --arch dense:16 --codes 12 --code-dim 3 --codebook loss --limit 600 --epochs 4",
        ),
    ];
    compare(&cases, &PARTS);
}

/// What these make of codes alone is no image.
#[test]
fn residual_models_compute_the_same_in_onnx_runtime() {
    let residual = "--variant denoising --residual";
    let cases = [
        ("added", format!("{residual} --arch conv:6 --noise blur:1")),
        ("told-of-noise", format!("{residual} --arch flat:6x4 --noise gaussian:0.1-0.3")),
        ("of-holes", format!("{residual} --arch flat:6x4 --noise salt-pepper:0.1-0.4")),
        ("of-haze", format!("{residual} --arch conv:4,6 COLOURS --noise haze:0.4-0.8")),
    ];
    let cases: Vec<(&str, &str)> =
        cases.iter().map(|(name, options)| (*name, options.as_str())).collect();
    compare(&cases, &PARTS[..2]);
}

#[test]
fn every_option_of_networks_computes_the_same_in_onnx_runtime() {
    let conv = "--variant conv --arch conv:4,6";
    let cases = [
        ("tied", "--variant dense --arch dense:24,12 --latent 6 --tied".into()),
        ("one-layer", "--variant dense --arch dense --latent 6 --activation sigmoid".into()),
        ("features", format!("{conv} --latent map --downsample stride")),
        ("map", format!("{conv} --latent map:2 --upsample-kernel 3 --activation gelu")),
        ("residual", format!("{conv} --latent 6 --block residual --norm batch --activation silu")),
        (
            "gdn",
            format!("{conv} --latent map:3 --norm gdn --downsample-kernel 5 --upsample-kernel 5"),
        ),
        // Of 7x7 places, of which the last ones stand alone.
        (
            "hyperprior",
            format!("{conv} --latent map:4 --quantise 0.05 --hyperprior 5 --limit 96 --epochs 4"),
        ),
        ("group", format!("{conv} --latent 6 --norm group --downsample stride")),
        (
            "flat",
            "--variant conv --arch flat:6x8 --block residual --latent map --activation relu".into(),
        ),
        ("inner", format!("{conv} --latent map:2 --block inner --upsample-kernel 4 --norm batch")),
        (
            "topk-map",
            "--variant sparse --sparsity topk --k 5 --arch conv:4,6 --latent map:3".into(),
        ),
        ("odd-size", format!("{conv} COLOURS --gray --latent 6 --activation leaky-relu:0.2")),
        ("colours", format!("{conv} COLOURS --latent 6 --activation tanh --dropout 0.2")),
        (
            "decoder-of-its-own",
            "--variant vae --arch conv:4,6/5,3 --latent 4 --activation softplus".into(),
        ),
    ];
    let cases: Vec<(&str, &str)> =
        cases.iter().map(|(name, options)| (*name, options.as_str())).collect();
    compare(&cases, &PARTS);
}

#[test]
fn weights_load_into_modules_as_pytorch_has_them() {
    let folder = TempDir::new().expect("a temporary folder");
    for (kind, options) in [
        ("dense", "--variant dense --arch dense:24,12 --latent 5 --activation relu"),
        (
            "conv",
            "--variant conv --arch conv:4,6 --norm batch --upsample-kernel 3 --latent 5 \
             --activation relu",
        ),
    ] {
        let run = train(folder.path(), kind, options);
        compute(&run);
        let arguments = [kind, run.to_str().expect("text")];
        let printed = script(&python(), "state_dict.py", &arguments);
        assert_eq!(printed.lines().count(), 2, "{printed}");
        if let Ok(torch) = std::env::var(TORCH) {
            script(&torch, "state_dict.py", &[&["--torch"], &arguments[..]].concat());
        }
    }
}

#[test]
fn what_cannot_be_exported_is_said() {
    let folder = TempDir::new().expect("a temporary folder");
    let missing = folder.path().join("none");
    let missing = missing.to_str().expect("text");
    let output = diabolo(&["export", "--model", missing, "--onnx", "model.onnx"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("name the folder of a finished run"));
    let output = diabolo(&["export", "--model", missing, "--onnx", "m.onnx", "--part", "half"]);
    assert_eq!(output.status.code(), Some(2));
    let run = train(folder.path(), "run", "--variant dense --arch dense --latent 2");
    let taken = folder.path().to_str().expect("text");
    let model = run.to_str().expect("text");
    let output = diabolo(&["export", "--model", model, "--onnx", taken]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is a folder; name a file in it"));
}
