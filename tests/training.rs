//! Whole runs: what they write, that they learn, and that a break changes nothing.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::Path;

use clap::Parser;
use diabolo::arithmetic::byte::number_of_byte;
use diabolo::cpu::CpuExecutor;
use diabolo::data::{Dataset, ImageShape, LoadOptions, Source};
use diabolo::error::Result;
use diabolo::graph::{Executor, State};
use diabolo::inference::{self, Task};
use diabolo::models::{Kind, Model};
use diabolo::ops::StepScalars;
use diabolo::rng::Seed;
use diabolo::run::{self, TrainArgs};
use diabolo::tensor::Tensor;
use program::{diabolo, printed, program};
use tempfile::TempDir;

/// A small model of a kind, by the options that make it so.
#[derive(Clone, Copy)]
struct Small(Kind, &'static str);

const DENSE: Small = Small(Kind::Dense, "--arch dense:24 --latent 8 --loss mse");
const CONV: Small = Small(Kind::Conv, "--arch conv:4,8 --latent 6 --loss mse --schedule constant");

/// Trains into `out` with these options more.
fn run(out: &Path, Small(kind, model): Small, more: &[&str]) -> Result<()> {
    let out = out.to_str().expect("temporary paths are text");
    let fixed = ["train", "--device", "cpu", "--out", out];
    let options = fixed.into_iter().chain(model.split(' ')).chain(more.iter().copied());
    let args = TrainArgs::try_parse_from(options);
    run::run(&args.unwrap_or_else(|error| panic!("{model}: {error}")), kind)
}

/// The model of these options for images of this size.
fn model(Small(kind, options): Small, images: ImageShape) -> Model {
    let args = TrainArgs::try_parse_from(std::iter::once("train").chain(options.split(' ')));
    let choices = kind.recipe(&args.expect("options are right").choices, false).choices;
    kind.model(images, 0, &choices).expect("options go together")
}

fn metrics(out: &Path) -> serde_json::Value {
    let text = fs::read_to_string(out.join("metrics.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_run_learns_and_writes_its_folder() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), DENSE, &["--epochs", "6"]).unwrap();
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "best.safetensors",
        "checkpoints",
        "codes.png",
        "codes.safetensors",
        "config.toml",
        "filters.png",
        "interpolation.png",
        "loss.png",
        "manifest.json",
        "metrics.json",
        "model.safetensors",
        "reconstructions.png",
        "run.lock",
        "samples.png",
        "times.json",
    ];
    assert_eq!(names, expected);
    let metrics = metrics(folder.path());
    let loss = |epoch: usize| metrics["epochs"][epoch]["test_loss"].as_f64().unwrap();
    assert!(loss(5) < 0.95 * loss(0), "the test loss goes from {} to {}", loss(0), loss(5));
    let test = |name: &str| metrics["test"][name].as_f64().unwrap();
    assert!((test("psnr") + 10.0 * test("mse").log10()).abs() < 1e-9);
    assert!(
        test("mse") < 0.95 * test("pca_mse"),
        "{} beside PCA's {}",
        test("mse"),
        test("pca_mse")
    );
    assert!(test("ssim") > 0.0 && test("ssim") < 1.0);
    assert!(metrics["test"]["bce"].is_null(), "a clamp makes no probabilities");
    assert_eq!(metrics["device"], "cpu");
    for name in ["adapter", "parameters", "planned_bytes", "images_per_second"] {
        assert!(!metrics[name].is_null(), "{name}");
    }
    for name in ["reconstructions.png", "loss.png", "filters.png"] {
        let picture = image::open(folder.path().join(name)).unwrap();
        assert!(picture.width() > 100 && picture.height() > 50, "{name}");
    }
}

#[test]
fn a_resumed_run_ends_in_the_bits_of_one_without_a_break() {
    let [whole, broken] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    run(whole.path(), CONV, &["--epochs", "3", "--limit", "200"]).unwrap();
    run(broken.path(), CONV, &["--epochs", "1", "--limit", "200"]).unwrap();
    run(broken.path(), CONV, &["--epochs", "3", "--limit", "200", "--resume"]).unwrap();
    let model = |folder: &TempDir| fs::read(folder.path().join("model.safetensors")).unwrap();
    let tensors = |bytes: Vec<u8>| {
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let mut tensors: Vec<(String, Vec<u8>)> =
            file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
        tensors.sort();
        tensors
    };
    assert!(tensors(model(&whole)) == tensors(model(&broken)), "parameters and moments agree");
    let losses = |folder: &TempDir| -> Vec<f64> {
        let metrics = metrics(folder.path());
        let epochs = metrics["epochs"].as_array().unwrap();
        epochs.iter().map(|epoch| epoch["train_loss"].as_f64().unwrap()).collect()
    };
    assert_eq!(losses(&whole), losses(&broken));
}

#[test]
fn a_run_is_not_resumed_under_other_options() {
    let folder = TempDir::new().unwrap();
    // Under another schedule the length is one of the options.
    let constant = "--arch dense:24 --latent 8 --loss mse --schedule constant";
    let constant = Small(Kind::Dense, constant);
    run(folder.path(), constant, &["--epochs", "1"]).unwrap();
    let other = run(folder.path(), constant, &["--epochs", "2", "--lr", "0.01", "--resume"]);
    assert!(other.unwrap_err().to_string().contains("other options"));
    run(folder.path(), constant, &["--epochs", "2", "--resume"]).unwrap();
    let enough = run(folder.path(), constant, &["--epochs", "1", "--resume"]);
    assert!(enough.unwrap_err().to_string().contains("--epochs"));
    // A run that has had all its epochs is measured once more.
    fs::remove_file(folder.path().join("metrics.json")).unwrap();
    run(folder.path(), constant, &["--epochs", "2", "--resume"]).unwrap();
    assert_eq!(metrics(folder.path())["epochs"].as_array().unwrap().len(), 2);
    let cosine = ["--epochs", "3", "--schedule", "cosine", "--resume"];
    let other = run(folder.path(), DENSE, &cosine);
    assert!(other.unwrap_err().to_string().contains("cosine"));
}

#[test]
fn colour_images_of_odd_sizes_train() {
    let [images, out] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    for index in 0..24_u8 {
        let picture = image::RgbImage::from_fn(13, 9, |x, y| {
            image::Rgb([index * 10, (x * 19) as u8, (y * 28) as u8])
        });
        picture.save(images.path().join(format!("{index}.png"))).unwrap();
    }
    let data = format!("images:{}", images.path().display());
    let bce = Small(Kind::Conv, "--arch conv:4,8 --latent 6 --loss bce");
    for small in [CONV, bce] {
        let more = ["--data", &data, "--epochs", "12", "--batch", "5", "--overwrite"];
        run(out.path(), small, &more).unwrap();
        let metrics = metrics(out.path());
        let epochs = metrics["epochs"].as_array().unwrap();
        let loss = |epoch: usize| epochs[epoch]["train_loss"].as_f64().unwrap();
        assert!(loss(11) < loss(0), "the loss goes from {} to {}", loss(0), loss(11));
    }
}

#[test]
fn encoding_and_decoding_is_reconstructing() {
    let options = LoadOptions { seed: Seed(3), ..LoadOptions::default() };
    let dataset =
        Dataset::load(&Source::Sprites(12), &LoadOptions { size: Some((11, 14)), ..options });
    let dataset = dataset.unwrap();
    for small in [DENSE, CONV] {
        let model = model(small, dataset.shape);
        let layout = inference::layout(&model).unwrap();
        let mut device = CpuExecutor::new();
        device.set_state(&State::initial(&layout, Seed(1), 0)).unwrap();
        let values = dataset.train.pixels[..3 * 154].iter().map(|byte| number_of_byte(*byte));
        let images = Tensor::new([3, 1, 14, 11], values.collect()).unwrap();
        let mut apply = |plan, input: &str, value: &Tensor, output: &str| {
            let plan = device.add_plan(plan, None).unwrap();
            device.write_input(plan, input, value).unwrap();
            device.run(plan, &[StepScalars::default()]).unwrap();
            device.read_output(plan, output).unwrap()
        };
        let encoder = Task::Encode.plan(&model, &layout, 3, None).unwrap();
        let code = apply(encoder, "images", &images, "code");
        assert_eq!(code.shape()[..], [3, model.network.latent()]);
        let decoder = Task::Decode.plan(&model, &layout, 3, None).unwrap();
        let decoded = apply(decoder, "code", &code, "reconstruction");
        let whole = Task::Reconstruct.plan(&model, &layout, 3, None).unwrap();
        assert_eq!(decoded, apply(whole, "images", &images, "reconstruction"));
        assert_eq!(decoded.shape(), images.shape());
    }
}

#[test]
fn options_come_from_a_file_and_the_command_line_wins() {
    let folder = TempDir::new().unwrap();
    let (file, first, second) =
        (folder.path().join("a.toml"), folder.path().join("first"), folder.path().join("second"));
    let text = "variant = \"dense\"\narch = \"dense:12\"\nlatent = 5\nepochs = 3\nlimit = 100\n\
        noise = \"gaussian:0.2\"\ndevice = \"cpu\"\ngray = false\n";
    fs::write(&file, text).unwrap();
    let train = |config: &Path, out: &Path, more: &str| {
        let mut command = program();
        command.arg("train").arg("--config").arg(config).arg("--out").arg(out);
        command.args(more.split_whitespace()).output().expect("the program starts")
    };
    let output = train(&file, &first, "--epochs 2");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let config = fs::read_to_string(first.join("config.toml")).unwrap();
    assert!(config.contains("epochs = 2") && config.contains("limit = 100"), "{config}");
    assert_eq!(metrics(&first)["epochs"].as_array().map(Vec::len), Some(2));
    // A run's own options, and so its very numbers.
    let output = train(&first.join("config.toml"), &second, "--device cpu");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(second.join("config.toml")).unwrap(), config);
    assert_eq!(metrics(&second)["test"], metrics(&first)["test"]);
    for (text, more, code, words) in [
        ("epochs = 2", "", 2, "--variant"),
        ("epoch = 2", "", 1, "`epoch`, which is no option"),
        ("epochs = [[", "", 1, "is not TOML"),
        ("variant = \"dense\"\ngray = 3", "", 1, "true or false"),
        ("variant = \"dense\"\nseed = 1979-05-27", "", 1, "`seed` must be"),
        ("variant = \"none\"", "", 2, "none"),
        (&config, "--lr 0.1", 2, "--lr: is settled by"),
        (&config, "--variant conv", 1, "holds the options of a dense model"),
    ] {
        fs::write(&file, text).unwrap();
        let output = train(&file, &second, more);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text} {more}: {errors}");
        assert!(errors.contains(words) && !errors.contains("panicked"), "{text} {more}: {errors}");
    }
}

#[test]
fn a_run_that_collapses_says_so_once_and_when_it_happens() {
    let folder = TempDir::new().unwrap();
    let line = |options: &str| {
        let out = folder.path().display();
        printed(&diabolo(&format!("train {options} --device cpu --quiet --out {out}")))
    };
    let warnings = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("warning: epoch ")).map(String::from).collect()
    };
    // A penalty that no unit is worth.
    let sparse = "--variant sparse --latent 16 --activation relu --penalty 1000 --lr 0.01";
    let said = warnings(&line(&format!("{sparse} --schedule constant --epochs 6")));
    let dead: Vec<&String> = said.iter().filter(|line| line.contains("code are dead")).collect();
    assert_eq!(dead.len(), 1, "{said:?}");
    assert!(dead[0].contains("16 of 16 units of the code are dead, they are 0 for every picture"));
    assert!(dead[0].ends_with("try a lower --penalty or a lower --lr"), "{said:?}");
    // Going on, the run says what still holds.
    let again = format!("{sparse} --schedule constant --epochs 7 --resume");
    let said = warnings(&line(&again));
    assert!(said.iter().any(|line| line.starts_with("warning: epoch 7: 16 of 16")), "{said:?}");

    let relu = "--variant dense --arch dense:32 --latent 8 --activation relu --loss mse --lr 1 \
                --schedule constant";
    let text = line(&format!("{relu} --epochs 9 --overwrite"));
    let said = warnings(&text);
    let early = |line: &String| line.starts_with("warning: epoch 1:");
    assert!(said.iter().any(early), "{text}");
}

#[test]
fn a_run_is_held_against_pca_and_the_mean_image() {
    let folder = TempDir::new().unwrap();
    let options =
        "train --variant dense --arch dense:24 --latent 8 --epochs 1 --quiet --device cpu";
    let text = printed(&diabolo(&format!("{options} --out {}", folder.path().display())));
    let metrics = metrics(folder.path());
    let [mse, pca, mean] =
        ["mse", "pca_mse", "mean_mse"].map(|name| metrics["test"][name].as_f64().unwrap());
    let line = format!(
        "  mse                  {mse:.5} (PCA with 8 numbers: {pca:.5}, the mean image: {mean:.5})"
    );
    assert!(text.lines().any(|found| found == line), "{text}");
    assert!(!text.contains("pca_mse"), "they stand on one line: {text}");
    assert!(pca > 0.01 && pca < 0.03 && mean > 0.07 && mean < 0.08, "{pca} {mean}");
}

/// What a run draws in the folder of its own pictures does not become pictures of the next run.
#[test]
fn a_run_in_the_folder_of_its_pictures_is_no_data() {
    let folder = TempDir::new().unwrap();
    for number in 0..5 {
        let picture = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([(x * y) as u8 + number]));
        picture.save(folder.path().join(format!("{number}.png"))).unwrap();
    }
    let (pictures, run) = (folder.path().display(), folder.path().join("run"));
    let options = "train --variant dense --arch dense:4 --latent 2 --epochs 1 --device cpu";
    printed(&diabolo(&format!("{options} --data images:{pictures} --out {}", run.display())));
    let options = LoadOptions { size: Some((8, 8)), ..LoadOptions::default() };
    let data = Dataset::load(&Source::Images(folder.path().to_path_buf()), &options);
    let data = data.expect("pictures");
    let count = data.train.count + data.test.count;
    assert_eq!((count, data.classes.len()), (5, 0), "what a run drew is taken for data");
}
