//! New images come from what codes are like, and are measured: mixtures, the prior of VQ-VAE's places, and
//! `diabolo evaluate`.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::Path;

use diabolo::data::{Dataset, LoadOptions, Source};
use diabolo::gpu::DeviceChoice;
use diabolo::rng::Seed;
use diabolo::tasks::Trained;
use program::{Runs, check_failed, diabolo, printed};
use serde_json::Value;

const VQVAE: &str = "--variant vqvae --arch conv:16 --codes 16 --code-dim 4 --limit 400";

fn measured(file: &Path) -> Value {
    let text = fs::read_to_string(file).expect("is written");
    serde_json::from_str(&text).expect("is JSON")
}

fn number(file: &Value, name: &str) -> f64 {
    file[name].as_f64().unwrap_or_else(|| panic!("{name} is a number in {file}"))
}

#[test]
fn a_prior_of_places_is_trained_kept_and_drawn_from() {
    let runs = Runs::train("--epochs 2", &[("run", VQVAE)]);
    let folder = runs.path("run");
    let run = folder.display();
    // Without one, places are drawn apart, and the program says so.
    let said = runs.succeeds("sample -n 4", "run");
    assert!(said.contains("has no prior") && said.contains("diabolo prior RUN"), "{said}");
    runs.fails("sample --temperature 0.5", "run", 2, "diabolo prior RUN");
    let one = folder.join("one");
    fs::create_dir(&one).expect("writable");
    image::GrayImage::new(8, 8).save(one.join("a.png")).expect("writable");
    let augment = format!("augment {} -n 2 -o {run}/more", one.display());
    runs.fails(&augment, "run", 2, "at least two");

    let said = printed(&diabolo(&format!("prior {run} --epochs 4 --device cpu")));
    let held_out = said.lines().find(|line| line.starts_with("held out")).expect("is said");
    let nats: Vec<f64> = held_out.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(nats[0] < nats[1], "{said}");
    let said = runs.succeeds("sample -n 4 --temperature 0.5", "run");
    assert!(!said.contains("note"), "{said}");
    runs.succeeds(&augment, "run");
    assert!(folder.join("more/a-2.png").exists());

    // The same seed draws the same images, and the first are the same however many there are.
    let mut trained = Trained::load(&folder, &DeviceChoice::Cpu).expect("is there");
    let three = trained.sample(3, 1.0, None, Seed(1)).expect("draws");
    let two = trained.sample(2, 1.0, None, Seed(1)).expect("draws");
    for (a, b) in two.data().iter().zip(three.data()) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }

    // It belongs to that model alone.
    let prior = folder.join("prior.safetensors");
    let bytes = fs::read(&prior).expect("is written");
    fs::write(&prior, &bytes[..bytes.len() / 2]).expect("writable");
    runs.fails("sample", "run", 1, "prior.safetensors");
    fs::write(&prior, &bytes).expect("writable");
    let train = format!("train {VQVAE} --epochs 1 --seed 1 --device cpu --out {run} --overwrite");
    let model = fs::read(folder.join("model.safetensors")).expect("is written");
    printed(&diabolo(&train));
    assert!(!prior.exists());
    fs::write(&prior, &bytes).expect("writable");
    runs.fails("sample", "run", 1, "has been trained since");
    fs::write(folder.join("model.safetensors"), model).expect("writable");
    runs.succeeds("sample", "run");

    // A prior that is trained with the model is measured with it.
    printed(&diabolo(&format!("{train} --prior")));
    let metrics = measured(&folder.join("metrics.json"));
    let nats = ["prior_nats", "independent_nats"].map(|name| number(&metrics["test"], name));
    assert!(nats[0] > 0.0 && nats[0] < nats[1] && prior.exists(), "{nats:?}");
}

#[test]
fn other_models_have_no_places() {
    let runs = Runs::train("--epochs 1 --limit 100", &[("run", "--variant dense")]);
    let line = format!("prior {} --device cpu", runs.path("run").display());
    check_failed(&diabolo(&line), 2, "no codebook");
    let line = "train --variant dense --prior --epochs 1 --limit 100 --device cpu";
    check_failed(&diabolo(line), 2, "--prior");
}

#[test]
fn dense_codes_of_places_have_a_prior_too() {
    let vqvae = "--variant vqvae --arch dense:32 --latent 16 --code-dim 4 --codes 8 --limit 300";
    let runs = Runs::train("--epochs 1 --prior", &[("run", vqvae)]);
    let said = runs.succeeds("sample -n 3 --temperature 0", "run");
    assert!(!said.contains("note"), "{said}");
}

#[test]
fn sparse_samples_have_as_many_active_units_as_sparse_codes() {
    let common = "--variant sparse --latent 96 --epochs 4";
    let runs = Runs::train(common, &[("l1", ""), ("topk", "--sparsity topk --k 8")]);
    let zeros = |codes: &[f32]| {
        codes.iter().filter(|number| **number == 0.0).count() as f64 / codes.len() as f64
    };
    for run in ["l1", "topk"] {
        let mut trained = Trained::load(&runs.path(run), &DeviceChoice::Cpu).expect("is there");
        let dataset = trained.dataset().expect("is embedded");
        let real = trained.inference().encode_dataset(&dataset, &dataset.test, 360);
        let real = zeros(&real.expect("encodes").values);
        let drawn = trained.sampler().expect("fits").codes(400, Seed(2)).expect("draws");
        let drawn = zeros(&drawn);
        assert!(real > 0.1 && (drawn - real).abs() < 0.03, "{run}: {drawn} against {real}");
    }
}

#[test]
fn samples_are_measured_beside_real_images() {
    let runs = Runs::train(
        "--epochs 4",
        &[
            ("dense", "--variant dense --arch dense:32 --latent 8"),
            ("cvae", "--variant cvae --arch dense:32 --latent 4"),
        ],
    );
    let evaluate = |run: &str, options: &str| {
        let folder = runs.path(run);
        let line = format!("evaluate {} --device cpu {options}", folder.display());
        (printed(&diabolo(&line)), folder)
    };
    let (said, folder) = evaluate("dense", "-n 200");
    let file = measured(&folder.join("samples.json"));
    assert_eq!((&file["samples"], &file["held_out"]), (&200.into(), &200.into()));
    for name in ["precision", "recall", "classifier_accuracy"] {
        assert!((0.0..=1.0).contains(&number(&file, name)), "{name}: {file}");
    }
    assert!(number(&file, "frechet") > number(&file, "frechet_train"), "{file}");
    assert!(number(&file, "classifier_accuracy") > 0.9, "{file}");
    assert!(number(&file["train"], "recall") > 0.5, "{file}");
    let shares = file["classes"].as_array().expect("ten classes");
    let sum: f64 = shares.iter().map(|class| number(class, "samples")).sum();
    assert!(shares.len() == 10 && (sum - 1.0).abs() < 1e-9, "{file}");
    assert!(number(&file, "nearest") > 0.0 && number(&file, "nearest_held_out") > 0.0);
    for word in ["Frechet distance", "precision", "recall", "nearest training image", "accuracy"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    // The same seed measures the same, wherever it is written to.
    let out = folder.join("again.json");
    evaluate("dense", &format!("-n 200 -o {}", out.display()));
    assert_eq!(measured(&out), file);
    let (said, folder) = evaluate("cvae", "-n 100");
    let file = measured(&folder.join("samples.json"));
    assert!((0.0..=1.0).contains(&number(&file, "label_agreement")), "{file}");
    assert!(said.contains("label asked for"), "{said}");
}

#[test]
fn images_without_classes_are_compared_by_components_and_few_are_refused() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let digits = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
    for number in 0..120 {
        let picture = image::GrayImage::from_raw(8, 8, digits.train.image(number).to_vec());
        let path = folder.path().join(format!("{number:03}.png"));
        picture.expect("8x8").save(path).expect("writable");
    }
    let data = format!(
        "--variant dense --arch dense --latent 4 --data images:{} --hold-out 0.3",
        folder.path().display()
    );
    let runs = Runs::train(
        "--epochs 1",
        &[
            ("unlabelled", &data),
            ("holed", "--variant dense --latent 4 --limit 100 --missing random:0.2"),
        ],
    );
    let evaluate = |run: &str, options: &str| {
        diabolo(&format!("evaluate {} --device cpu {options}", runs.path(run).display()))
    };
    let said = printed(&evaluate("unlabelled", ""));
    assert!(said.contains("principal components") && said.contains("classes: none"), "{said}");
    let file = measured(&runs.path("unlabelled").join("samples.json"));
    assert_eq!(file["samples"], 36);
    assert!(file["classifier_accuracy"].is_null(), "{file}");
    check_failed(&evaluate("unlabelled", "-n 5"), 2, "--count");
    check_failed(&evaluate("unlabelled", "-n 0"), 2, "--count");
    check_failed(&evaluate("holed", ""), 2, "lack pixels");
    check_failed(&evaluate("nowhere", ""), 1, "nowhere");
}
