//! The probe reads classes off codes, of the run's own images and of folders, and writes what it saw.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::Path;
use std::process::Output;

use diabolo::data::{Dataset, Images, LoadOptions, Source};
use program::{diabolo_in, printed, text};
use serde_json::Value;
use tempfile::TempDir;

fn diabolo(folder: &Path, arguments: &str) -> Output {
    diabolo_in(folder, &format!("{arguments} --device cpu"))
}

fn succeeds(folder: &Path, arguments: &str) -> String {
    printed(&diabolo(folder, arguments))
}

fn probed(folder: &Path, run: &str) -> Value {
    let picture = image::open(folder.join(run).join("confusion.png")).expect("was drawn");
    assert!(picture.width() > 400 && picture.height() > 200);
    let text = fs::read_to_string(folder.join(run).join("probe.json")).expect("is written");
    serde_json::from_str(&text).expect("is JSON")
}

/// Writes the first digits of each class to `name/CLASS`.
fn write(folder: &Path, name: &str, images: &Images, classes: u32, most: usize) {
    for class in 0..classes {
        let place = folder.join(name).join(format!("digit {class}"));
        fs::create_dir_all(&place).expect("writable");
        let labels = images.labels.as_ref().expect("digits have labels");
        let own = labels.iter().enumerate().filter(|(_, label)| **label == class);
        for (at, _) in own.take(most) {
            let picture = image::GrayImage::from_raw(8, 8, images.image(at).to_vec());
            picture.expect("8x8").save(place.join(format!("{at}.png"))).expect("writable");
        }
    }
}

#[test]
fn the_runs_own_images_are_probed() {
    let folder = TempDir::new().expect("a temporary folder");
    let folder = folder.path();
    succeeds(folder, "train --variant dense --latent 16 --epochs 8 --out run");
    let said = succeeds(folder, "probe --model run");
    let file = probed(folder, "run");
    let accuracy = file["accuracy"].as_f64().expect("a number");
    assert!(accuracy > 0.8, "{said}");
    // The same probe measured the same when the run was made.
    let metrics = fs::read_to_string(folder.join("run/metrics.json")).expect("is written");
    let metrics: Value = serde_json::from_str(&metrics).expect("is JSON");
    assert_eq!(metrics["test"]["probe_accuracy"], file["accuracy"]);
    let rows = file["confusion"].as_array().expect("rows");
    let count = |value: &Value| value.as_u64().expect("a count");
    let sum: u64 = rows.iter().flat_map(|row| row.as_array().expect("counts")).map(count).sum();
    let right: u64 = (0..10).map(|class| count(&rows[class][class])).sum();
    assert_eq!((sum, count(&file["test"]), count(&file["code"])), (360, 360, 16));
    assert!((right as f64 / 360.0 - accuracy).abs() < 1e-12);
    assert!(said.contains(&format!("accuracy {accuracy:.4}")), "{said}");
    assert!(said.contains("precision") && said.contains("true \\ predicted"), "{said}");
    // A run that is trained anew leaves no numbers of the old one.
    succeeds(folder, "train --variant dense --latent 4 --epochs 1 --out run --overwrite");
    assert!(!folder.join("run/probe.json").exists() && !folder.join("run/confusion.png").exists());
}

#[test]
fn folders_are_probed_by_a_model_of_other_images() {
    let folder = TempDir::new().expect("a temporary folder");
    let folder = folder.path();
    let digits = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
    write(folder, "learn", &digits.train, 4, 60);
    write(folder, "judge", &digits.test, 3, 20);
    succeeds(folder, "train --variant conv --epochs 2 --limit 300 --out run");
    let said = succeeds(folder, "probe -m run --train learn --test judge");
    let file = probed(folder, "run");
    assert!(file["accuracy"].as_f64() > Some(0.9), "{said}");
    assert_eq!((&file["train"], &file["test"]), (&240.into(), &60.into()));
    assert_eq!(file["classes"][3]["class"], "digit 3");
    assert!(file["classes"][3]["recall"].is_null(), "none of the class are judged");
    assert!(said.contains("digit 2"), "{said}");
}

#[test]
fn what_makes_no_sense_is_said() {
    let folder = TempDir::new().expect("a temporary folder");
    let folder = folder.path();
    let digits = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
    write(folder, "two", &digits.train, 2, 6);
    write(folder, "three", &digits.train, 3, 6);
    write(folder, "one", &digits.train, 1, 6);
    let dense = "train --variant dense --arch dense --latent 2 --epochs 1";
    succeeds(folder, &format!("{dense} --data images:one --out plain"));
    succeeds(folder, "train --variant cvae --arch dense --latent 2 --epochs 1 --out told");
    for (arguments, code, word) in [
        ("probe --model plain", 2, "no classes"),
        ("probe --model plain --train two", 2, "--test"),
        ("probe --model plain --train one --test one", 1, "one class"),
        ("probe --model plain --train two --test three", 1, "digit 2"),
        ("probe --model plain --train two/digit --test two", 1, "two/digit"),
        ("probe --model told --train two --test two", 2, "--train"),
        ("probe --model nowhere", 1, "nowhere"),
    ] {
        let output = diabolo(folder, arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
        assert!(said.contains(word) && !said.contains("panicked"), "{arguments}: {said}");
    }
    fs::copy(
        folder.join("two/digit 0").read_dir().unwrap().next().unwrap().unwrap().path(),
        folder.join("two/loose.png"),
    )
    .unwrap();
    let output = diabolo(folder, "probe --model plain --train two --test two");
    assert!(text(&output.stderr).contains("loose.png"), "{}", text(&output.stderr));
}
