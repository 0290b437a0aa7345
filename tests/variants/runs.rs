//! Whole runs: every variant trains on all kinds of images and writes what it measured and drew.

use std::fs;
use std::path::Path;

use diabolo::models::Kind;
use diabolo::run::checkpoint;
use diabolo::{inference, train};
use serde_json::Value;
use tempfile::TempDir;

use super::program::program;
use super::{measured, run};

/// A folder with `count` colour pictures of 13x9 in each of two classes.
fn pictures(count: u8) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for (class, name) in ["stripes", "blobs"].into_iter().enumerate() {
        fs::create_dir(folder.path().join(name)).expect("writable");
        for index in 0..count {
            let picture = image::RgbImage::from_fn(13, 9, |x, y| {
                let shade = match class {
                    0 => (x as u8 * 19).wrapping_mul(index % 3 + 1),
                    _ => 255 - 20 * (x.abs_diff(6) + y.abs_diff(4)) as u8,
                };
                image::Rgb([shade, 255 - shade / 2, index * 10])
            });
            picture.save(folder.path().join(name).join(format!("{index}.png"))).expect("writable");
        }
    }
    folder
}

/// Each variant on dense layers and on convolutions, with the measures and pictures it must have
/// besides those that all have.
fn table() -> Vec<(Kind, &'static str, &'static [&'static str], &'static [&'static str])> {
    let codes = &["mean_activation", "zeros"][..];
    let elbo = &["elbo", "kl", "reconstruction", "active_units"][..];
    let vq = &["perplexity"][..];
    let restored = &["mean_activation", "corrupted_psnr", "median_psnr", "restored_psnr"][..];
    vec![
        (Kind::Dense, "--arch dense:9 --latent 2", codes, &["latent_grid"]),
        (Kind::Dense, "--arch conv:3,4 --latent 3", codes, &[]),
        (Kind::Conv, "--arch conv:3,4 --latent map --block residual --norm batch", codes, &[]),
        (Kind::Sparse, "--arch dense --latent 12 --sparsity topk --k 3", codes, &[]),
        (Kind::Sparse, "--arch dense --latent 12 --sparsity topk --penalty 0", codes, &[]),
        (Kind::Sparse, "--arch conv:3,4 --latent 5 --penalty 0.01", codes, &[]),
        (Kind::Contractive, "--arch dense --latent 6", &["jacobian_norm"], &[]),
        (Kind::Contractive, "--arch conv:3 --latent 4 --probes 1", &["jacobian_norm"], &[]),
        (Kind::Denoising, "--arch dense:9 --latent 4", restored, &["restored"]),
        (
            Kind::Denoising,
            "--arch conv:3,4 --latent 4 --noise rectangles:0.2",
            restored,
            &["restored"],
        ),
        (
            Kind::Denoising,
            "--residual --arch flat:5x4 --noise gaussian:0.05-0.2",
            restored,
            &["restored"],
        ),
        (Kind::Vae, "--arch dense:9 --latent 2 --nll 20", &["nll", "elbo"], &["latent_grid", "kl"]),
        (Kind::Vae, "--arch conv:3,4 --latent 3 --loss gaussian", elbo, &["kl"]),
        (Kind::Cvae, "--arch dense:9 --latent 3", &["elbo", "label_agreement"], &["kl"]),
        (Kind::Cvae, "--arch conv:3,4 --latent 3", elbo, &["kl"]),
        (Kind::Iwae, "--arch dense:9 --latent 3 --samples 3 --nll 10", &["nll", "bound"], &["kl"]),
        (Kind::Iwae, "--arch conv:3,4 --latent 3 --samples 2", elbo, &["kl"]),
        (Kind::Vqvae, "--arch dense:9 --latent 8 --code-dim 2 --codes 6", vq, &["code_use"]),
        (Kind::Vqvae, "--arch conv:3,4 --code-dim 3 --codes 6", vq, &["code_use"]),
    ]
}

#[test]
fn every_variant_trains_on_odd_sized_colour_pictures() {
    let folder = pictures(12);
    for (kind, options, measures, more) in table() {
        let out = TempDir::new().expect("a temporary folder");
        let data = format!("--data images:{} --epochs 3 --batch 5", folder.path().display());
        let metrics = run(kind, &format!("{data} {options}"), out.path());
        let always = ["mse", "psnr", "ssim", "probe_accuracy"];
        for name in always.iter().chain(measures) {
            assert!(measured(&metrics, name).is_finite(), "{options}: {name}");
        }
        let always = ["reconstructions", "loss", "filters", "codes"];
        // A residual model makes nothing of codes alone.
        let of_codes =
            if options.contains("--residual") { &[][..] } else { &["samples", "interpolation"] };
        for name in always.iter().chain(of_codes).chain(more) {
            let picture = image::open(out.path().join(format!("{name}.png")));
            let picture = picture.unwrap_or_else(|error| panic!("{options}: {name}: {error}"));
            assert!(picture.width() > 40 && picture.height() > 40, "{options}: {name}");
        }
    }
}

#[test]
fn a_target_of_activity_is_reached() {
    let out = TempDir::new().expect("a temporary folder");
    let options = "--latent 40 --target-sparsity 0.1 --penalty 0.01 --epochs 30";
    let metrics = run(Kind::Sparse, options, out.path());
    let epochs = metrics["epochs"].as_array().expect("epochs are listed");
    let number = |epoch: &Value, name: &str| epoch[name].as_f64().expect("is there");
    let (first, last) = (&epochs[0], &epochs[epochs.len() - 1]);
    let reached = number(last, "activity");
    assert!((0.07..0.13).contains(&reached), "{reached} of units are active");
    assert!(number(first, "activity") > 0.2, "it was not so from the start");
    assert!(number(last, "weight") != number(first, "weight"));
    let active = 1.0 - measured(&metrics, "zeros");
    assert!((0.05..0.15).contains(&active), "{active} of the held-out codes are active");
}

#[test]
fn a_run_that_adapts_is_resumed_to_the_same_bits() {
    let [whole, broken] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let options =
        "--latent 16 --target-sparsity 0.2 --limit 200 --noise gaussian:0.2 --schedule constant";
    let state = |folder: &TempDir| {
        let path = folder.path().join("model.safetensors");
        let config = checkpoint::read_header(&path).expect("is whole").config;
        let model = train::Config::from_toml(&config, &path).expect("is read back").model;
        let layout = inference::layout(&model).expect("has a state");
        checkpoint::load(&path, &layout).expect("is whole").state
    };
    run(Kind::Sparse, &format!("{options} --epochs 3"), whole.path());
    run(Kind::Sparse, &format!("{options} --epochs 1"), broken.path());
    run(Kind::Sparse, &format!("{options} --epochs 3 --resume"), broken.path());
    assert!(state(&whole) == state(&broken), "a break changes the bits");
}

#[test]
fn unused_codes_start_again() {
    for rule in ["ema", "loss"] {
        let out = TempDir::new().expect("a temporary folder");
        let options = format!("--codebook {rule} --codes 32 --code-dim 4 --epochs 6");
        let metrics = run(Kind::Vqvae, &options, out.path());
        let perplexity = measured(&metrics, "perplexity");
        assert!(perplexity > 8.0, "{rule}: a perplexity of {perplexity} only");
    }
}

#[test]
fn models_learn_from_images_with_missing_pixels() {
    let out = TempDir::new().expect("a temporary folder");
    let mask = out.path().join("mask.png");
    let gray = |x: u32, _: u32| image::Luma([if x == 3 { 0 } else { 255_u8 }]);
    image::GrayImage::from_fn(8, 8, gray).save(&mask).expect("writable");
    let mask = mask.display().to_string();
    let kinds = [
        (Kind::Dense, "--arch dense:40 --latent 16"),
        (Kind::Conv, "--arch conv:8 --latent 16"),
        (Kind::Vae, "--arch dense:40 --latent 8"),
        (Kind::Iwae, "--arch dense:40 --latent 8 --samples 2 --binarise=false"),
        (Kind::Vqvae, "--arch conv:8 --codes 16 --code-dim 4"),
        (Kind::Denoising, "--arch dense:40 --latent 16"),
    ];
    for (kind, options) in kinds {
        for missing in ["random:0.3", &mask] {
            let run_folder = out.path().join("run");
            let options = format!("{options} --missing {missing} --epochs 4 --overwrite");
            let metrics = run(kind, &options, &run_folder);
            let epochs = metrics["epochs"].as_array().expect("epochs are listed");
            let loss = |epoch: usize| epochs[epoch]["train_loss"].as_f64().expect("is there");
            assert!(loss(3) < loss(0), "{kind:?} {options}: from {} to {}", loss(0), loss(3));
        }
    }
}

#[test]
fn samples_of_a_label_are_drawn_from_a_run_folder() {
    let out = TempDir::new().expect("a temporary folder");
    let [told, plain] = ["told", "plain"].map(|name| out.path().join(name));
    run(Kind::Cvae, "--arch dense:20 --latent 3 --epochs 2", &told);
    run(Kind::Vqvae, "--arch conv:4 --codes 8 --code-dim 2 --epochs 1", &plain);
    let sample = |folder: &Path, more: &str| {
        let mut command = program();
        command
            .args(["sample", "--model"])
            .arg(folder)
            .args(["--device", "cpu"])
            .args(more.split_whitespace());
        command.output().expect("the program runs")
    };
    let wrong = [
        (&told, "--label 10", "--label"),
        (&plain, "--label 1", "--label"),
        (&plain, "-n 0", "--count"),
        (&plain, "--temperature 0.5", "--temperature"),
        (&told, "--temperature -1", "--temperature"),
    ];
    for (folder, more, option) in wrong {
        let output = sample(folder, more);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(option), "{text}");
    }
    for (folder, more, name) in [
        (&told, "--label 7 -n 12", "samples-7.png"),
        (&told, "-n 12 --temperature 0.5", "samples.png"),
        (&plain, "-n 5", "samples.png"),
    ] {
        let output = sample(folder, more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(image::open(folder.join(name)).expect("was written").width() > 100);
    }
}
