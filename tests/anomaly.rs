//! Anomalies score higher than what was trained on, by every score; what is written says which.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use diabolo::data::{Dataset, Images, LoadOptions, Source};
use program::{program, text};
use serde_json::Value;
use tempfile::TempDir;

/// Pictures of zeros to learn from and to be judged, and other digits to be judged.
struct Pictures {
    folder: TempDir,
}

impl Pictures {
    fn new() -> Self {
        let this = Self { folder: TempDir::new().expect("a temporary folder") };
        let digits = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
        this.write(&digits.train, "train", |digit| (digit == 0).then_some("good"), 140);
        this.write(&digits.test, "test", |digit| (digit == 0).then_some("good"), 30);
        let other = |digit: u32| match digit {
            1 => Some("ones"),
            4 => Some("fours"),
            _ => None,
        };
        this.write(&digits.test, "test", other, 40);
        this
    }

    fn write(
        &self,
        images: &Images,
        part: &str,
        class: impl Fn(u32) -> Option<&'static str>,
        most: usize,
    ) {
        let labels = images.labels.as_ref().expect("digits have labels");
        let chosen = labels.iter().enumerate().filter_map(|(at, label)| Some((at, class(*label)?)));
        for (at, class) in chosen.take(most) {
            let folder = self.folder.path().join(part).join(class);
            fs::create_dir_all(&folder).expect("writable");
            let pixels = images.image(at).to_vec();
            let picture = image::GrayImage::from_raw(8, 8, pixels).expect("8x8");
            picture.save(folder.join(format!("{at:04}.png"))).expect("writable");
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `diabolo anomaly` with these options, writing to `out`.
    fn judge(&self, out: &str, options: &str) -> Output {
        let mut command = program();
        command.arg("anomaly").args(["--device", "cpu"]).args(options.split_whitespace());
        command.current_dir(self.folder.path());
        command.arg("--out").arg(self.path(out)).output().expect("the program runs")
    }

    fn judged(&self, out: &str, options: &str) -> Value {
        let output = self.judge(out, options);
        assert!(output.status.success(), "{options}: {}", text(&output.stderr));
        let verdict = fs::read_to_string(self.path(out).join("anomaly.json")).expect("is written");
        let verdict: Value = serde_json::from_str(&verdict).expect("is JSON");
        let said = text(&output.stdout);
        let line = said.lines().find(|line| line.starts_with("AUROC")).expect("is said");
        assert!(line.contains(verdict["unit"].as_str().expect("is text")), "{line}");
        verdict
    }
}

/// The lines of `scores.csv`, without its head and heat maps: path, label, score, flagged.
fn scores(out: &Path) -> Vec<(String, String, f64, bool)> {
    let text = fs::read_to_string(out.join("scores.csv")).expect("is written");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("path,label,score,flagged,heat_map"));
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = fields[2].parse().expect("a number");
        (fields[0].into(), fields[1].into(), number, fields[3].parse().expect("a truth"))
    };
    lines.map(row).collect()
}

const SMALL: &str = "--train train --test test --epochs 40 --latent 6";

#[test]
fn a_model_trained_on_zeros_finds_other_digits_strange() {
    let pictures = Pictures::new();
    let verdict = pictures.judged("out", SMALL);
    let area = verdict["auroc"].as_f64().expect("there are labels");
    assert!(area > 0.9, "{verdict}");
    let out = pictures.path("out");
    let rows = scores(&out);
    assert_eq!(rows.len() as u64, verdict["judged"].as_u64().expect("a count"));
    let threshold = verdict["threshold"].as_f64().expect("a number");
    assert!(rows.iter().all(|(_, _, score, flagged)| *flagged == (*score > threshold)));
    let normal = rows.iter().filter(|(_, label, ..)| label == "good");
    let anomalies = rows.iter().filter(|(_, label, ..)| label != "good");
    assert_eq!(anomalies.clone().count() as u64, verdict["anomalies"].as_u64().expect("a count"));
    // The area again, pair by pair.
    let mut won = 0.0;
    for (_, _, a, _) in anomalies.clone() {
        won += normal.clone().filter(|(_, _, b, _)| a > b).count() as f64;
    }
    let pairs = anomalies.count() * normal.count();
    assert!((won / pairs as f64 - area).abs() < 1e-9);
    for (path, label, ..) in rows {
        let path = Path::new(&path);
        let name = path.file_name().expect("a file");
        let map = image::open(out.join("heat_maps").join(label).join(name)).expect("was drawn");
        assert_eq!((map.width(), map.height()), (2 * 256 + 6, 256));
    }
    // A fifth of the normal pictures was not trained on.
    let config = fs::read_to_string(out.join("config.toml")).expect("a run was made");
    assert!(config.contains("hold_out = 0.2") && config.contains("name = \"conv\""), "{config}");
    let normal = fs::read_dir(pictures.path("train/good")).expect("is there").count();
    assert_eq!(verdict["held_out"].as_u64(), Some((normal as f64 * 0.2).round() as u64));

    // The model as it is, its own held-out pictures setting the threshold: the same verdict.
    let again = pictures.judged("again", "--model out --test test --no-heat-maps");
    assert_eq!(again, verdict);
    let named = pictures.judged("again", "--model out --train train --test test --normal good");
    assert_eq!(named, verdict);
    // Pictures that it was not trained on, part of which set the threshold.
    let share = "--model out --train test/good --test test --hold-out 0.5";
    let other = pictures.judged("again", share);
    assert_eq!(other["auroc"], verdict["auroc"]);
    assert_ne!(other["threshold"], verdict["threshold"]);
    assert!(!pictures.path("again/model.safetensors").exists(), "nothing is trained");
}

/// The files among the heat maps, by their paths in the folder of the call, in order.
fn heat_maps(out: &Path) -> Vec<String> {
    let (mut folders, mut files) = (vec![out.join("heat_maps")], vec![]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("listed").path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let inner = path.strip_prefix(out).expect("inside");
                    files.push(inner.to_string_lossy().into_owned());
                }
            }
        }
    }
    files.sort_unstable();
    files
}

/// The heat maps that `scores.csv` names, in order.
fn named(out: &Path) -> Vec<String> {
    let text = fs::read_to_string(out.join("scores.csv")).expect("is written");
    let last = |line: &str| line.rsplit(',').next().expect("a field").to_owned();
    let mut named: Vec<String> = text.lines().skip(1).map(last).collect();
    named.sort_unstable();
    named
}

#[test]
fn heat_maps_of_an_earlier_call_go_and_other_files_stay() {
    let pictures = Pictures::new();
    let options = "--train train --epochs 1 --variant dense --latent 4";
    let judge = |options: &str| {
        let output = pictures.judge("out", options);
        assert!(output.status.success(), "{options}: {}", text(&output.stderr));
        text(&output.stderr)
    };
    let out = pictures.path("out");
    judge(&format!("{options} --test test"));
    let first = named(&out);
    assert_eq!(heat_maps(&out), first);
    assert!(first.iter().any(|path| path.starts_with("heat_maps/good/")), "{first:?}");
    // What somebody put beside them stays, whatever it is called.
    let mine = out.join("heat_maps/good/mine.png");
    fs::write(&mine, "mine").expect("writable");

    // A call that fails changes nothing.
    fs::write(pictures.path("test/ones/bad.png"), "no picture").expect("writable");
    let output = pictures.judge("out", "--model out --test test");
    assert_eq!(output.status.code(), Some(1));
    fs::remove_file(pictures.path("test/ones/bad.png")).expect("is there");
    assert_eq!((named(&out), heat_maps(&out).len()), (first.clone(), first.len() + 1));

    // Fewer pictures, in other places.
    let said = judge("--model out --test test/fours");
    let second = named(&out);
    assert!(second.len() < first.len() && second.iter().all(|path| !path.contains("fours")));
    let mut there = heat_maps(&out);
    there.retain(|path| path != "heat_maps/good/mine.png");
    assert_eq!(there, second);
    assert!(said.contains("1 files among the heat maps"), "{said}");
    assert!(!out.join("heat_maps/ones").exists(), "folders that are empty go too");

    // Scores alone are no scores of heat maps that lie there.
    judge("--model out --test test --no-heat-maps");
    assert_eq!(heat_maps(&out), ["heat_maps/good/mine.png"]);
    assert_eq!(fs::read_to_string(mine).expect("is there"), "mine");
    let entries = fs::read_dir(&out).expect("listed").flatten();
    let hidden = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0, "nothing unfinished is left");
}

#[test]
fn variational_models_score_by_what_is_improbable() {
    let pictures = Pictures::new();
    let vae = "--variant vae --arch dense:40 --no-heat-maps";
    let verdict = pictures.judged("vae", &format!("{SMALL} {vae} --score elbo"));
    assert!(verdict["auroc"].as_f64() > Some(0.9), "{verdict}");
    assert_eq!(verdict["unit"], "nats per image");
    assert!(!pictures.path("vae/heat_maps").exists());
    let bound = scores(&pictures.path("vae"));
    let likelihood = "--model vae --test test --score log-likelihood --no-heat-maps";
    let verdict = pictures.judged("likelihood", likelihood);
    assert!(verdict["auroc"].as_f64() > Some(0.9), "{verdict}");
    // The bound lies below the likelihood, but for the noise of 16 draws.
    let mean = |rows: &[(String, String, f64, bool)]| {
        rows.iter().map(|(_, _, score, _)| score).sum::<f64>() / rows.len() as f64
    };
    let likelihood = scores(&pictures.path("likelihood"));
    assert!(mean(&bound) > mean(&likelihood), "{} {}", mean(&bound), mean(&likelihood));
    let more = pictures.judged("vae2", "--model vae --test test --score elbo --draws 64");
    assert!(more["auroc"].as_f64() > Some(0.9), "{more}");
    let apart = (mean(&bound) - mean(&scores(&pictures.path("vae2")))).abs();
    assert!(apart < 0.02 * mean(&bound).abs(), "{apart}");
}

#[test]
fn without_a_normal_class_there_is_no_area() {
    let pictures = Pictures::new();
    fs::rename(pictures.path("test/good"), pictures.path("test/zeros")).expect("movable");
    let options = "--train train --test test --epochs 1 --variant dense --no-heat-maps";
    let output = pictures.judge("out", options);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let verdict = fs::read_to_string(pictures.path("out/anomaly.json")).expect("is written");
    assert!(!verdict.contains("auroc"), "{verdict}");
    let zeros = pictures.judged("again", "--model out --test test --normal zeros --no-heat-maps");
    assert!(zeros["auroc"].is_number());
    // 5 held-out pictures cannot keep what 5 % promises.
    let few = "--model out --train test/zeros --hold-out 0.15 --test test --no-heat-maps";
    let output = pictures.judge("again", few);
    assert!(text(&output.stderr).contains("19 would do"), "{}", text(&output.stderr));
}

#[test]
fn what_makes_no_sense_is_said() {
    let pictures = Pictures::new();
    let options = "--train train --test test --epochs 1 --variant dense --no-heat-maps";
    assert!(pictures.judge("run", options).status.success());
    for (options, code, word) in [
        ("--test test", 2, "--train"),
        ("--train train --test test --score elbo", 2, "--score"),
        ("--model run --test test --score log-likelihood", 2, "--score"),
        ("--train train --test test --variant cvae", 2, "cvae"),
        ("--train train --test test --draws 3", 2, "--draws"),
        ("--train train --test test --hold-out 1", 2, "--hold-out"),
        ("--train train --test test --false-positive-rate 0", 2, "--false-positive-rate"),
        ("--train train --test test --normal best", 2, "fours, good, ones"),
        ("--train test --test test", 2, "test/good"),
        ("--model run --test test --latent 3", 2, "--latent"),
        ("--model run --test test --variant vae", 2, "--variant"),
        ("--model run --test test --hold-out 0.3", 2, "--hold-out"),
        ("--model run --train train --test test --hold-out 0.3", 2, "--hold-out"),
        ("--model run --test nowhere", 1, "nowhere"),
        ("--model nowhere --test test", 1, "nowhere"),
    ] {
        let output = pictures.judge("out", options);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{options}: {said}");
        assert!(said.contains(word) && !said.contains("panicked"), "{options}: {said}");
        assert!(!pictures.path("out/scores.csv").exists(), "{options}");
    }
    fs::write(pictures.path("test/ones/bad.png"), "no picture").expect("writable");
    let output = pictures.judge("out", "--model run --test test");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("bad.png"), "{}", text(&output.stderr));
}
