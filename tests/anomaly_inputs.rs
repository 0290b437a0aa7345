//! What `diabolo anomaly` takes: single files, data sets laid out as MVTec AD, models of parts; and how
//! its training is stopped and goes on.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use image::{GrayImage, Luma};
use program::{check_failed, diabolo_in, printed, program, text};
use serde_json::Value;
use tempfile::TempDir;

/// Options of a training that takes no time.
const TINY: &str = "--variant dense --arch dense:8 --latent 4 --epochs 2";

/// Epochs of a training that is long enough to be interrupted.
const EPOCHS: &str = "150";

/// A folder to work in.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes an image; its folder is made.
    fn write(&self, name: &str, image: &GrayImage) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("the folder is ours");
        image.save(path).expect("the folder is ours");
    }

    fn run(&self, line: &str) -> Output {
        diabolo_in(self.0.path(), &format!("{line} --device cpu"))
    }

    fn verdict(&self, out: &str) -> Value {
        let text = fs::read_to_string(self.path(out).join("anomaly.json")).expect("is written");
        serde_json::from_str(&text).expect("is JSON")
    }

    /// The lines of `scores.csv` by their fields.
    fn scores(&self, out: &str) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.path(out).join("scores.csv")).expect("is written");
        text.lines().skip(1).map(|line| line.split(',').map(Into::into).collect()).collect()
    }
}

/// A smooth picture of 16x16 by its number.
fn smooth(number: u32) -> GrayImage {
    GrayImage::from_fn(16, 16, |x, y| Luma([(60 + 5 * x + 3 * y + number % 9) as u8]))
}

/// The same with a bright spot.
fn spotted(number: u32) -> GrayImage {
    let mut image = smooth(number);
    for (x, y) in (4..9).flat_map(|x| (5..9).map(move |y| (x, y))) {
        image.put_pixel(x, y, Luma([255]));
    }
    image
}

/// A data set as MVTec AD has them, in the folder `part`.
fn mvtec(place: &Place) {
    for number in 0..24 {
        place.write(&format!("part/train/good/{number:03}.png"), &smooth(number));
    }
    for number in 0..6 {
        place.write(&format!("part/test/good/{number:03}.png"), &smooth(number + 30));
        place.write(&format!("part/test/spot/{number:03}.png"), &spotted(number));
        let mask = GrayImage::from_fn(16, 16, |x, y| {
            Luma([if (4..9).contains(&x) && (5..9).contains(&y) { 255 } else { 0 }])
        });
        place.write(&format!("part/ground_truth/spot/{number:03}_mask.png"), &mask);
    }
}

/// The root of a category is told apart into what is learned from, judged, and known of pixels.
#[test]
fn the_root_of_a_data_set_is_understood() {
    let place = Place::new();
    mvtec(&place);
    let ways = [
        format!("anomaly --train part --test part {TINY} -o a"),
        format!("anomaly --train part {TINY} -o b"),
        "anomaly --model a --test part -o c".into(),
        "anomaly --model a --train part/train/good --test part/test -o d".into(),
    ];
    for (line, out) in ways.iter().zip(["a", "b", "c", "d"]) {
        let said = printed(&place.run(line));
        let verdict = place.verdict(out);
        assert_eq!((&verdict["judged"], &verdict["anomalies"]), (&12.into(), &6.into()), "{line}");
        assert_eq!(verdict["auroc"], 1.0, "{line}");
        assert!(verdict["pixel_auroc"].as_f64() > Some(0.9), "{line}: {verdict}");
        assert!(said.contains("pixel AUROC"), "{line}: {said}");
        assert_eq!(verdict["held_out"], 5, "{line}: a fifth of 24, and no test picture");
        let labels: Vec<String> = place.scores(out).into_iter().map(|row| row[1].clone()).collect();
        assert!(labels.iter().all(|label| label == "good" || label == "spot"), "{labels:?}");
    }
    // Masks in the very folder that is judged are none of its pictures.
    fs::rename(place.path("part/ground_truth"), place.path("part/test/ground_truth"))
        .expect("movable");
    printed(&place.run("anomaly --model a --test part/test -o e"));
    assert_eq!(place.verdict("e"), place.verdict("c"));
    // Without masks nothing is said of pixels.
    fs::remove_dir_all(place.path("part/test/ground_truth")).expect("movable");
    printed(&place.run("anomaly --model a --test part/test -o f"));
    assert!(place.verdict("f").get("pixel_auroc").is_none());
}

#[test]
fn single_files_are_judged() {
    let place = Place::new();
    mvtec(&place);
    printed(&place.run(&format!("anomaly --train part {TINY} -o run")));
    let files = "part/test/spot/001.png part/test/good/001.png";
    printed(&place.run(&format!("anomaly --model run --test {files} -o out")));
    let rows = place.scores("out");
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (rows[0][1].as_str(), rows[0][3].as_str(), rows[1][3].as_str()),
        ("", "true", "false")
    );
    for row in rows {
        assert!(place.path("out").join(&row[4]).is_file(), "{row:?}");
    }
    check_failed(&place.run("anomaly --model run --test nowhere.png -o out"), 1, "nowhere.png");
    let seeded = format!("anomaly --model run --test {files} --seed 4 -o other");
    check_failed(&place.run(&seeded), 2, "--seed: has no effect");
    // A single picture cannot be trained on, and no folder is left of the attempt.
    fs::create_dir(place.path("one")).expect("the folder is ours");
    fs::copy(place.path("part/test/good/001.png"), place.path("one/1.png")).expect("writable");
    let alone = place.run(&format!("anomaly --train one --test {files} {TINY} -o other"));
    check_failed(&alone, 1, "a single image");
    assert!(!place.path("other").exists(), "a folder is left");
}

/// All damaged test pictures, and masks, are named before the training that they would waste.
#[test]
fn damaged_test_pictures_are_found_before_the_training() {
    let place = Place::new();
    mvtec(&place);
    let damaged =
        ["test/spot/x.png", "test/good/y.png", "ground_truth/spot/002_mask.png"].map(|name| {
            let path = place.path("part").join(name);
            fs::write(&path, "text").expect("the folder is ours");
            path
        });
    let output = place.run(&format!("anomaly --train part {TINY} -o out"));
    assert!(!output.status.success(), "pictures are damaged");
    let said = text(&output.stdout) + &text(&output.stderr);
    for path in damaged {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        assert!(said.contains(&name), "{name} is not named: {said}");
    }
    assert!(!said.contains("epoch"), "the damaged picture is found after the training: {said}");
    assert!(!place.path("out").exists(), "nothing is written");
}

/// A texture, with a place of its own for each number.
fn texture(side: u32, number: u32) -> GrayImage {
    GrayImage::from_fn(side, side, |x, y| {
        let wave = |at: u32| (f64::from(at + 3 * number) / 2.0).sin();
        Luma([(128.0 + 60.0 * wave(x) * wave(y)) as u8])
    })
}

/// A model of parts judges whole pictures by all of their parts, and its threshold comes from whole
/// pictures, too.
#[test]
fn a_model_of_parts_judges_whole_pictures() {
    let place = Place::new();
    for number in 0..20 {
        place.write(&format!("train/{number:02}.png"), &texture(64, number));
    }
    for number in 0..5 {
        place.write(&format!("test/good/{number}.png"), &texture(64, number + 40));
        let mut bad = texture(64, number);
        for (x, y) in (30..34).flat_map(|x| (41..45).map(move |y| (x, y))) {
            bad.put_pixel(x, y, Luma([255]));
        }
        place.write(&format!("test/bad/{number}.png"), &bad);
        let mask = GrayImage::from_fn(64, 64, |x, y| {
            Luma([if (30..34).contains(&x) && (41..45).contains(&y) { 255 } else { 0 }])
        });
        place.write(&format!("ground_truth/bad/{number}.png"), &mask);
    }
    place.write(
        "test/good/wide.png",
        &image::imageops::crop_imm(&texture(64, 3), 0, 0, 50, 23).to_image(),
    );
    let model = "--patches 16x16 --variant dense --arch dense:32 --latent 8 --epochs 20";
    printed(&place.run(&format!("anomaly --train train --test test {model} -o run")));
    let verdict = place.verdict("run");
    assert_eq!(verdict["auroc"], 1.0, "{verdict}");
    assert_eq!(verdict["held_out"], 4, "pictures, not parts of them: {verdict}");
    assert!(verdict["unit"].as_str().expect("text").contains("worst part"), "{verdict}");
    assert!(verdict["pixel_auroc"].as_f64() > Some(0.95), "{verdict}");
    let rows = place.scores("run");
    let greatest = |label: &str| {
        let scores = rows.iter().filter(|row| row[1] == label);
        scores.map(|row| row[2].parse::<f64>().expect("a number")).fold(0.0, f64::max)
    };
    let threshold = verdict["threshold"].as_f64().expect("a number");
    assert!(greatest("good") < 2.0 * threshold && greatest("bad") > 2.0 * threshold, "{rows:?}");
    // The heat map is as large as the picture, and hottest where the fault is.
    let map = image::open(place.path("run/heat_maps/bad/0.png")).expect("was drawn").to_rgb8();
    assert_eq!((map.width(), map.height()), (2 * 256 + 6, 256));
    // The model as it is, judging again, comes to the same.
    printed(&place.run("anomaly --model run --test test -o again"));
    assert_eq!(place.verdict("again"), verdict);
    // Whole pictures are reconstructed and encoded by parts, too: 49 of each of 64x64, and 12 of the wide one.
    printed(&place.run("reconstruct test/good -o made --model run"));
    let made = image::open(place.path("made/wide.png")).expect("is written");
    assert_eq!((made.width(), made.height()), (50, 23));
    let said = printed(&place.run("encode test/good -o codes.csv --model run"));
    assert!(said.contains("257 codes of 8 numbers"), "{said}");
}

/// `-q` prints results alone, and options may stand in a file.
#[test]
fn options_stand_in_a_file_and_quiet_is_quiet() {
    let place = Place::new();
    mvtec(&place);
    let options =
        "train = \"part\"\nvariant = \"dense\"\narch = \"dense:8\"\nlatent = 4\nepochs = 2\n";
    fs::write(place.path("options.toml"), options).expect("the folder is ours");
    let said = printed(&place.run("anomaly --config options.toml -q -o a"));
    assert!(!said.contains("epoch 1") && !said.contains("written"), "{said}");
    assert!(said.contains("AUROC 1.0000"), "{said}");
    // Trained again by what the run was trained with, it comes to the same.
    printed(&place.run("anomaly --config a/config.toml --test part -q -o b"));
    assert_eq!(place.verdict("b"), place.verdict("a"));
    let several = "model = \"a\"\ntest = [\"part/test/good\", \"part/test/spot/001.png\"]\n";
    fs::write(place.path("several.toml"), several).expect("the folder is ours");
    printed(&place.run("anomaly --config several.toml -q -o several"));
    assert_eq!(place.scores("several").len(), 7);
    for (line, words) in [
        ("--config a/config.toml --test part --latent 3", "settled"),
        ("--config a/config.toml --test part --model a", "settled"),
        ("--model a --test part --resume", "--resume"),
        ("--model a --test part --patches 8x8", "--patches"),
    ] {
        check_failed(&place.run(&format!("anomaly {line} -o c")), 2, words);
    }
}

/// Ctrl-C saves the training and says how it goes on; `--resume` takes it up, and then judges.
#[cfg(unix)]
#[test]
fn a_training_that_is_interrupted_goes_on() {
    let place = Place::new();
    mvtec(&place);
    let options = "--train part --variant dense --arch dense:8 --latent 4 --device cpu";
    let mut command = program();
    command.arg("anomaly").args(options.split_whitespace()).args(["--epochs", EPOCHS, "-o", "out"]);
    command.current_dir(place.0.path());
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    let child = command.spawn().expect("the program runs");
    // Whatever it is about to do, once a model is there it is training.
    let begins = std::time::Instant::now();
    while !place.path("out/model.safetensors").exists() {
        assert!(begins.elapsed().as_secs() < 60, "no model is saved");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let killed =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is there").success());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(said.contains("--resume"), "{said}");
    assert!(!place.path("out/scores.csv").exists(), "nothing was judged");
    let history = |out: &str| {
        let metrics = fs::read_to_string(place.path(out).join("metrics.json")).expect("is there");
        let metrics: Value = serde_json::from_str(&metrics).expect("is JSON");
        metrics["epochs"].as_array().expect("a list").len()
    };
    let line = format!("anomaly {options} -o out --resume --epochs {EPOCHS}");
    let said = printed(&diabolo_in(place.0.path(), &line));
    assert!(said.contains("going on after"), "{said}");
    assert_eq!(history("out").to_string(), EPOCHS);
    assert_eq!(place.verdict("out")["judged"], 12);
}

#[test]
fn something_to_judge_is_needed() {
    let place = Place::new();
    mvtec(&place);
    let output = place.run(&format!("anomaly --train part/train {TINY} -o out"));
    check_failed(&output, 2, "--test");
    assert!(!place.path("out").exists(), "nothing is written");
}
