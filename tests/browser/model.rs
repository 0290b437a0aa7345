//! A model as a page, in a real browser: what it makes of pictures and codes is what this program makes of them, its
//! training steps are the program's own, and `--resume` goes on from what it saves.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diabolo::gpu::{self, DeviceChoice};
use diabolo::inference::layout;
use diabolo::rng::Seed;
use diabolo::run::checkpoint;
use diabolo::tasks::Trained;
use diabolo::train::{Config, Listener, Position, Trainer};
use serde_json::{Value, json};

use crate::browser::{Pages, said};
use crate::pictures;
use crate::program::{self, Runs, diabolo, printed};

const PAGE: &str = include_str!("model.html");
/// How long the browser may take for all of them.
const PATIENCE: Duration = Duration::from_secs(600);

/// Training steps in the page.
const STEPS: usize = 50;
/// Epochs in all, which the schedule of the learning rate goes by.
const EPOCHS: u32 = 10;
/// How strong the noise is that a model is told of.
const LEVEL: f32 = 0.2;
/// Pictures that are encoded.
const PICTURES: usize = 5;

/// Every variant, small.
const RUNS: [(&str, &str); 11] = [
    ("dense", "--variant dense --arch dense:12 --latent 6"),
    ("conv", "--variant conv --arch conv:4 --latent 6 --norm batch"),
    (
        "sparse",
        "--variant sparse --arch dense:12 --latent 6 --sparsity l1 --penalty 0.05 --target-sparsity 0.3",
    ),
    ("topk", "--variant sparse --arch dense:12 --latent 6 --sparsity topk --k 3 --warmup 2"),
    ("contractive", "--variant contractive --arch dense:12 --latent 6 --penalty 0.1"),
    ("denoising", "--variant denoising --arch dense:12 --latent 6 --noise gaussian:0.3"),
    ("told", "--variant denoising --residual --arch flat:4x2 --noise gaussian:0.1-0.4"),
    ("vae", "--variant vae --arch dense:12 --latent 6 --warmup 3"),
    ("cvae", "--variant cvae --arch dense:12 --latent 6"),
    ("iwae", "--variant iwae --arch dense:12 --latent 6 --samples 4"),
    ("vqvae", "--variant vqvae --arch dense:12 --latent 6 --code-dim 3 --codes 8"),
];
/// What all of them have.
const COMMON: &str = "--batch 16 --epochs 10 --save-every 10 --keep 10";
/// The checkpoint that pages are made of, in the middle of the second epoch.
const EARLY: &str = "checkpoints/step-00000010.safetensors";

/// A run's page and what is asked of it, and what this program makes of the same.
struct Case {
    asked: Value,
    page: String,
    code: Vec<f32>,
    decoded: Vec<f32>,
    sample: Vec<f32>,
    losses: Vec<f32>,
    threshold: Option<f64>,
}

impl Case {
    fn of(runs: &Runs, name: &str) -> Self {
        let folder = runs.path(name);
        let html = runs.path(&format!("{name}.html"));
        let export = format!(
            "export --html {} --model {} --with-data 1000000",
            html.display(),
            folder.display()
        );
        printed(&diabolo(&export));
        let page = fs::read_to_string(html).expect("is written");
        let mut trained = Trained::load(&folder, &DeviceChoice::Cpu).expect("a finished run");
        let images = trained.held_out(PICTURES).expect("the digits");
        let labels: Vec<u32> = (0..PICTURES as u32).map(|label| label % 2).collect();
        let told = trained.model().is_conditional().then_some(&labels[..]);
        let mut inference = trained.inference().with_noise_level(Some(LEVEL));
        let codes = inference.encode(&images, told).expect("fits");
        // Codes that no picture has, too: sums of two.
        let latent = codes.width;
        let shifted: Vec<f32> = (0..codes.values.len())
            .map(|at| codes.values[at] + 0.5 * codes.values[(at + latent) % codes.values.len()])
            .collect();
        let residual = inference.model().residual;
        let decoded = match residual {
            true => inference.reconstruct(&images, told),
            false => inference.decode(&shifted, told),
        };
        let decoded = decoded.expect("fits");
        drop(inference);
        let asked = json!({
            "name": name, "images": images.data(), "codes": shifted, "labels": labels, "level": LEVEL,
            "steps": STEPS, "epochs": EPOCHS,
        });
        let label = told.map(|_| &[0_u32][..]);
        let sample = match residual {
            true => vec![],
            false => trained.sample(1, 1.0, label, Seed(0)).expect("draws").into_data(),
        };
        let threshold = (told.is_none() && name != "told").then(|| threshold(&mut trained));
        let (code, decoded, losses) = (codes.values, decoded.into_data(), losses(&folder));
        Self { asked, page, code, decoded, sample, losses, threshold }
    }
}

/// The mean squared error that one in twenty held-out pictures exceeds.
fn threshold(trained: &mut Trained) -> f64 {
    let images = trained.held_out(500).expect("the digits");
    let made = trained.inference().reconstruct(&images, None).expect("fits");
    let pairs = images.data().chunks(64).zip(made.data().chunks(64));
    let error = |(a, b): (&[f32], &[f32])| {
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / 64.0
    };
    let errors: Vec<f64> = pairs.map(error).collect();
    diabolo::tasks::anomaly::threshold(&errors, 0.05).expect("there are some")
}

/// Notes losses.
#[derive(Default)]
struct Losses(Vec<f32>);

impl Listener for Losses {
    fn advanced(&mut self, _images: usize, loss: f64) {
        self.0.push(loss as f32);
    }
}

/// The loss of each step that this program takes on, on the processor.
fn losses(folder: &Path) -> Vec<f32> {
    let path = folder.join("model.safetensors");
    let header = checkpoint::read_header(&path).expect("a model");
    let config = Config::from_toml(&header.config, &path).expect("options");
    let config = Config { epochs: EPOCHS, ..config };
    let state = checkpoint::load(&path, &layout(&config.model).expect("fits")).expect("fits").state;
    let trained = Trained::load(folder, &DeviceChoice::Cpu).expect("a finished run");
    let dataset = trained.dataset().expect("the images of the run");
    let mut device = gpu::open(&DeviceChoice::Cpu).expect("a processor").executor;
    let mut trainer = Trainer::to_resume(device.as_mut(), &config, &dataset).expect("fits");
    let history: Vec<Value> = serde_json::from_str(&header.history).expect("a history");
    let adaptation = history.last().and_then(|epoch| serde_json::from_value(epoch.clone()).ok());
    let (step, epoch) = (header.step as u32, header.epoch as u32);
    let position = Position { step, epoch, part: header.part, adaptation, halvings: 0 };
    trainer.resume(&state, position).expect("fits");
    let mut losses = Losses::default();
    while losses.0.len() < STEPS {
        trainer.advance(1, &mut losses).expect("trains");
    }
    losses.0
}

fn numbers(value: &Value) -> Vec<f32> {
    let list = value.as_array().unwrap_or_else(|| panic!("no numbers: {value}"));
    list.iter().map(|number| number.as_f64().map_or(f32::NAN, |number| number as f32)).collect()
}

/// The greatest difference, relative to the greatest number or to 1.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let most = expected.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / most);
    apart.fold(0.0, |most, x| if x.is_nan() { f32::NAN } else { most.max(x) })
}

/// Pictures in two classes, one of which has a name that a careless page would run.
fn classes(folder: &Path) -> String {
    for number in 0..120 {
        let class =
            if number % 2 == 0 { "<script>hacked=1" } else { "<img src=x onerror=hacked=1>" };
        pictures::picture(&folder.join(class).join(format!("{number}.png")), (8, 8), number);
    }
    format!("--data images:{}", folder.display())
}

#[test]
fn pages_do_in_a_browser_what_the_program_does() {
    let images = pictures::folder();
    let data = classes(images.path());
    let runs: Vec<(&str, String)> = RUNS
        .iter()
        .map(|(name, options)| {
            let data = if *name == "cvae" { data.as_str() } else { "" };
            // An epoch of the first ends in a smaller batch.
            let limit = if *name == RUNS[0].0 { 100 } else { 96 };
            (*name, format!("{options} --limit {limit} {data}"))
        })
        .collect();
    let runs: Vec<(&str, &str)> =
        runs.iter().map(|(name, options)| (*name, options.as_str())).collect();
    let trained = Runs::train(&format!("{COMMON} --quiet"), &runs);
    for (name, _) in &runs {
        let run = trained.path(name);
        fs::copy(run.join(EARLY), run.join("model.safetensors")).expect("the run is ours");
        fs::remove_dir_all(run.join("checkpoints")).expect("the run is ours");
    }
    let cases: Vec<(&str, Case)> =
        runs.iter().map(|(name, _)| (*name, Case::of(&trained, name))).collect();
    let asked: Vec<&Value> = cases.iter().map(|(_, case)| &case.asked).collect();
    let mut pages: Pages = [
        ("/".into(), ("text/html", PAGE.into())),
        ("/cases".into(), ("application/json", json!(asked).to_string())),
    ]
    .into();
    for (name, case) in &cases {
        pages.insert(format!("/{name}.html"), ("text/html; charset=utf-8", case.page.clone()));
    }
    let said = said(pages, PATIENCE);
    assert_eq!(said.get("failed"), None, "{}", said["failed"].as_str().unwrap_or_default());
    assert_eq!(said["faults"], json!([]));
    for (name, case) in &cases {
        check(name, case, &said["told"][name]);
        check_file(&trained.path(name), name, &said["told"][name]["file"]);
    }
    let shown = &said["told"]["cvae"];
    let names = ["<img src=x onerror=hacked=1>", "<script>hacked=1"];
    assert_eq!(shown["classes"], json!(names));
    check_refusals(&said["refusals"]);
    let alone = &said["alone"];
    assert_eq!(
        (&alone["error"], &alone["tiles"], &alone["same"]),
        (&json!(""), &json!(12), &json!(true))
    );
    assert_eq!(alone["after"], "", "{alone}");
    let (dense, options) = runs[0];
    let out = trained.path(dense);
    let file = STANDARD.decode(said["told"][dense]["file"].as_str().expect("a file"));
    fs::write(out.join("model.safetensors"), file.expect("base64")).expect("the run is ours");
    let line = format!("train {options} {COMMON} --device cpu --resume --out {}", out.display());
    let printed = printed(&diabolo(&line));
    assert!(printed.contains("going on after step 4 of 7 of epoch 9"), "{printed}");
}

/// Compares what the page came to with what this program came to.
fn check(name: &str, case: &Case, told: &Value) {
    println!("{name}: {} bytes, seconds {}", case.page.len(), told["seconds"]);
    if let Some(speed) = told["speed"].as_f64() {
        println!("{name}: {speed:.0} steps a second");
    }
    assert_eq!(told["error"], "", "{name}");
    assert_eq!((&told["hacked"], &told["name"]), (&json!(false), &json!(name)));
    assert_eq!(told["title"], format!("{name} - Diabolo"));
    assert!(told["tiles"] == 12 || name == "cvae", "{name}: {}", told["tiles"]);
    let code = difference(&numbers(&told["encoded"]["code"]), &case.code);
    let decoded = difference(&numbers(&told["decoded"]), &case.decoded);
    assert!(code < 1e-4 && decoded < 1e-4, "{name}: codes off by {code}, pictures by {decoded}");
    // A sample is that of `diabolo sample`, as bytes.
    let sample = difference(&numbers(&told["sample"]), &case.sample);
    let samples = if name == "told" { 0 } else { 16 };
    assert!(
        told["samples"] == samples && sample < 1.01 / 255.0,
        "{name}: a sample off by {sample}"
    );
    assert_eq!(told["codes"], if name == "vqvae" { 8 } else { 0 }, "{name}");
    let threshold = told["threshold"].as_f64();
    let apart = threshold.unwrap_or_default() - case.threshold.unwrap_or_default();
    assert!(
        threshold.is_some() == case.threshold.is_some() && apart.abs() < 1e-6,
        "{name}: {told}"
    );
    let losses = numbers(&told["losses"]);
    assert_eq!(losses.len(), STEPS);
    for (step, (found, expected)) in losses.iter().zip(&case.losses).enumerate() {
        let apart = (found - expected).abs() / expected.abs();
        assert!(apart < 1e-3, "{name}, step {step}: {found} in the page, {expected} here");
    }
}

/// The file that the page saved is a checkpoint of the run, so many steps on.
fn check_file(folder: &Path, name: &str, file: &Value) {
    let bytes = STANDARD.decode(file.as_str().expect("a file")).expect("base64");
    let path = folder.join("model.safetensors");
    let before = checkpoint::read_header(&path).expect("a model");
    let config = Config::from_toml(&before.config, &path).expect("options");
    let layout = layout(&config.model).expect("fits");
    let saved = checkpoint::from_bytes(&bytes, &path, &layout);
    let saved = saved.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(saved.header.step, before.step + STEPS as u64, "{name}");
    assert_eq!((saved.header.seed, &saved.header.data), (before.seed, &before.data));
    let more = Config::from_toml(&saved.header.config, &path).expect("options");
    assert_eq!(more, Config { epochs: EPOCHS, ..config });
    let history: Vec<Value> = serde_json::from_str(&saved.header.history).expect("a history");
    assert_eq!(history.len() as u64, saved.header.epoch, "{name}");
    let old = checkpoint::load(&path, &layout).expect("fits").state;
    assert!(saved.state.parameters != old.parameters && saved.state.not_finite().is_none());
}

/// Bad files are answered in words, and hundreds of good ones are taken.
fn check_refusals(told: &Value) {
    let said: Vec<&str> =
        told["told"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(said.len(), 4, "{told}");
    assert!(said[0].contains("text.png is no picture") && said[0].contains("empty.png"), "{told}");
    assert!(said[1].contains("no safetensors") && said[2].contains("no safetensors"), "{told}");
    assert!(said[3].contains("another model"), "{told}");
    assert_eq!((&told["brought"], &told["finite"]), (&json!(202), &json!(true)), "{told}");
    assert!(told["tiles"].as_u64().is_some_and(|tiles| tiles <= 48), "{told}");
    assert!(told["loss"].as_f64().is_some_and(f64::is_finite), "{told}");
}

/// A page without what the options leave out.
#[test]
fn pages_hold_what_was_asked_for_and_nothing_from_elsewhere() {
    let images = pictures::folder();
    pictures::few_pictures(images.path(), 30);
    let data = format!("--data images:{}", images.path().display());
    let gone = format!("--variant vae --arch dense:64 --latent 2 {data}");
    let numbers = images.path().join("numbers.npy");
    let vectors = diabolo::tensor::Tensor::full([40, 6], 0.5);
    diabolo::file::npy::write(&numbers, &vectors).expect("the folder is ours");
    let vectors = format!("--variant dense --data npy:{} --latent 2", numbers.display());
    let runs = Runs::train("--epochs 1 --quiet", &[("gone", &gone), ("vectors", &vectors)]);
    let page = |name: &str, options: &str| {
        let html = runs.path("page.html");
        let (to, model) = (html.display(), runs.path(name).display().to_string());
        let output = diabolo(&format!("export --html {to} --model {model} {options}"));
        (output, fs::read_to_string(&html).unwrap_or_default())
    };
    let (output, whole) = page("gone", "--with-data 5");
    printed(&output);
    let elsewhere = ["http:", "https:", "src=", "@import", "url("];
    let found = elsewhere.iter().find(|word| whole.contains(**word));
    assert_eq!(found, None, "a page loads nothing");
    let [(_, shows), (_, half)] = ["--no-training", "--half"].map(|options| page("gone", options));
    assert!(half.len() < shows.len() && shows.len() < whole.len(), "{}", half.len());
    for (name, options, code, words) in [
        ("gone", "--half --with-data 5", 2, "--with-data"),
        ("gone", "--onnx x.onnx", 2, "--onnx"),
        ("gone", "--part encoder", 2, "--part"),
        ("gone", "--no-training --with-data 3", 2, "--no-training"),
        ("vectors", "", 1, "no gray or colour pictures"),
    ] {
        program::check_failed(&page(name, options).0, code, words);
    }
    let model = runs.path("gone").display().to_string();
    let onnx = diabolo(&format!("export --onnx {model}.onnx --model {model} --half"));
    program::check_failed(&onnx, 2, "--half: is for pages and weights");
    fs::remove_dir_all(images.path()).expect("the folder is ours");
    let (output, without) = page("gone", "");
    printed(&output);
    assert!(program::text(&output.stderr).contains("the page does without"));
    assert!(without.len() < whole.len());
    let mut explore = program::program();
    explore.arg("explore").arg(runs.path("gone")).env("TMPDIR", runs.path(""));
    let opened = printed(&explore.env("BROWSER", "true").output().expect("it runs"));
    let path = opened.trim().rsplit(' ').next().expect("a path");
    let opened = fs::read_to_string(path).expect("a page is there");
    assert_eq!(opened.len(), without.len());
}
