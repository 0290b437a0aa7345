//! The examples of tasks do with small runs what they say. They are modules here, so that what is
//! tested is what stands there now.
// Their main functions are not called.
#![allow(dead_code)]

#[path = "../examples/anomaly_scores.rs"]
mod anomaly_scores;
#[path = "../examples/augment_pictures.rs"]
mod augment_pictures;
#[path = "../examples/compress_picture.rs"]
mod compress_picture;
#[path = "../examples/decode_codes.rs"]
mod decode_codes;
#[path = "../examples/encode_folder.rs"]
mod encode_folder;
#[path = "../examples/evaluate_samples.rs"]
mod evaluate_samples;
#[path = "../examples/export_onnx.rs"]
mod export_onnx;
#[path = "../examples/export_page.rs"]
mod export_page;
#[path = "../examples/interpolate_pictures.rs"]
mod interpolate_pictures;
#[path = "../examples/own_loop.rs"]
mod own_loop;
#[path = "../examples/probe_codes.rs"]
mod probe_codes;
#[path = "../examples/rate_distortion.rs"]
mod rate_distortion;
#[path = "../examples/reconstruct_pictures.rs"]
mod reconstruct_pictures;
#[path = "../examples/report_run.rs"]
mod report_run;
#[path = "../examples/restore_picture.rs"]
mod restore_picture;
#[path = "../examples/sample_images.rs"]
mod sample_images;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use diabolo::data::{Dataset, LoadOptions, Source};
use diabolo::error::Result;
use diabolo::gpu::DeviceChoice;
use diabolo::models::{Choices, Kind};
use diabolo::run::{self, TrainArgs};
use tempfile::TempDir;

/// Runs trained once for all tests, on few images.
static RUNS: LazyLock<TempDir> = LazyLock::new(|| runs().unwrap_or_else(|error| panic!("{error}")));

fn runs() -> Result<TempDir> {
    let folder = TempDir::new().expect("a temporary folder");
    let train = |name: &str, kind, choices| {
        let args = TrainArgs {
            limit: Some(100),
            epochs: Some(2),
            device: "cpu".into(),
            quiet: true,
            out: Some(folder.path().join(name)),
            choices,
            ..TrainArgs::default()
        };
        run::run(&args, kind)
    };
    train("conv", Kind::Conv, Choices::default())?;
    train("vae", Kind::Vae, Choices::default())?;
    train("vqvae", Kind::Vqvae, Choices::default())?;
    let latent = Some("map:8".parse()?);
    let whole = Choices { latent, quantise: Some(0.25), ..Choices::default() };
    train("codec", Kind::Conv, whole)?;
    let noise = Some("gaussian:0.05-0.25".parse()?);
    let residual = Choices { noise, residual: Some(true), ..Choices::default() };
    train("restoring", Kind::Denoising, residual)?;
    Ok(folder)
}

fn run(name: &str) -> PathBuf {
    RUNS.path().join(name)
}

/// Makes sure that an example succeeded and left files of some bytes in the run's folder.
fn left(outcome: Result<()>, name: &str, files: &[&str]) {
    outcome.unwrap_or_else(|error| panic!("{error}"));
    for file in files {
        let bytes =
            fs::metadata(run(name).join(file)).unwrap_or_else(|_| panic!("{file} is missing"));
        assert!(bytes.len() > 50, "{file}");
    }
}

/// Some digits as files.
fn digits(folder: &Path) -> Vec<PathBuf> {
    let digits = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
    let write = |number: usize| {
        let path = folder.join(format!("{number}.png"));
        let image = image::GrayImage::from_raw(8, 8, digits.test.image(number).to_vec());
        image.expect("8x8").save(&path).expect("writable");
        path
    };
    (0..3).map(write).collect()
}

#[test]
fn images_that_the_run_held_out_are_taken_unless_there_are_others() {
    let (conv, vae) = (run("conv"), run("vae"));
    left(encode_folder::encode(&conv, None), "conv", &["encoded.png"]);
    left(reconstruct_pictures::reconstruct(&conv, None), "conv", &["reconstructed.png"]);
    left(anomaly_scores::judge(&conv, None), "conv", &[]);
    left(augment_pictures::augment(&vae, None), "vae", &["variants.png"]);
    left(interpolate_pictures::interpolate(&vae, None), "vae", &["way.png"]);
    let folder = TempDir::new().expect("a temporary folder");
    let files = digits(folder.path());
    let own = Some(folder.path());
    left(encode_folder::encode(&conv, own), "conv", &["encoded.png"]);
    left(reconstruct_pictures::reconstruct(&conv, own), "conv", &["reconstructed.png"]);
    left(anomaly_scores::judge(&conv, own), "conv", &[]);
    left(augment_pictures::augment(&vae, own), "vae", &["variants.png"]);
    let ends = Some([files[0].as_path(), files[1].as_path()]);
    left(interpolate_pictures::interpolate(&vae, ends), "vae", &["way.png"]);
}

#[test]
fn a_loop_of_ones_own_learns_as_the_trainer_does() {
    let digits = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
    let [trainer, own] = own_loop::compare(&DeviceChoice::Cpu, &digits, 20).expect("both train");
    // After two epochs the loop is at 0.17, and the trainer, which begins with the mean image, at 0.07.
    assert!(trainer.0 < 0.035 && own.0 < 0.06, "{trainer:?} {own:?}");
    assert!(trainer.1 > 0.0 && own.1 > 0.0, "{trainer:?} {own:?}");
}

#[test]
fn codes_go_through_a_file() {
    let conv = run("conv");
    left(decode_codes::decode(&conv, None), "conv", &["codes.npy", "decoded.png"]);
    left(decode_codes::decode(&conv, Some(&conv.join("codes.npy"))), "conv", &["decoded.png"]);
}

#[test]
fn runs_are_sampled_probed_exported_and_reported() {
    left(sample_images::sample(&run("vae")), "vae", &["drawn.png"]);
    left(evaluate_samples::evaluate(&run("vqvae")), "vqvae", &["prior.safetensors"]);
    left(probe_codes::probe(&run("conv")), "conv", &[]);
    let files = ["encoder.onnx", "decoder.onnx", "whole.onnx"];
    left(export_onnx::export(&run("conv")), "conv", &files);
    left(export_page::export(&run("vae")), "vae", &["model.html"]);
    left(report_run::report(&run("conv")), "conv", &["report.html"]);
}

#[test]
fn pictures_of_any_size_are_compressed_compared_and_restored() {
    let (codec, picture) = (run("codec"), Path::new("docs/reconstructions.png"));
    let files = ["compressed.dia", "decompressed.png"];
    left(compress_picture::compress(&codec, picture), "codec", &files);
    left(rate_distortion::compare(&codec, picture), "codec", &[]);
    let photograph = Path::new("tests/photographs/unseen/camera.png");
    let files = ["corrupted.png", "uncorrupted.png"];
    left(restore_picture::restore(&run("restoring"), photograph), "restoring", &files);
}
