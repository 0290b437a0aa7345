//! What is not said, said wrongly, or said too late.

use super::program::{diabolo, text};
use super::{TRAINED, colour_picture, few_pictures, folder, picture};

/// Each task that turns a picture gray for its model's sake says so.
#[test]
#[should_panic(expected = "colours are gone without a word")]
fn a_picture_that_is_turned_gray_is_spoken_of() {
    let folder = folder();
    let (path, out) = (folder.path().join("colour.png"), folder.path().join("out"));
    colour_picture(&path);
    for task in ["restore", "reconstruct"] {
        let line = format!("{task} {} -o {}", path.display(), out.display());
        let said = text(&TRAINED.runs.task(&line, "dense").stderr);
        assert!(said.contains("gray"), "{task}: colours are gone without a word: {said}");
    }
}

/// A picture that does not exist is not called damaged.
#[test]
#[should_panic(expected = "a missing picture is called damaged")]
fn a_missing_picture_is_called_missing() {
    let folder = folder();
    let [missing, out] = ["missing.png", "codes.csv"].map(|name| folder.path().join(name));
    let line = format!("encode {} -o {}", missing.display(), out.display());
    let said = text(&TRAINED.runs.task(&line, "dense").stderr);
    assert!(!said.contains("decoded"), "a missing picture is called damaged: {said}");
}

/// A seed without anything to draw has no effect, which is an error as it is elsewhere.
#[test]
#[should_panic(expected = "an option without effect is taken")]
fn a_seed_without_noise_is_refused() {
    let folder = folder();
    let (path, out) = (folder.path().join("0.png"), folder.path().join("out"));
    picture(&path, (8, 8), 0);
    let line = format!("restore {} -o {} --seed 3", path.display(), out.display());
    let output = TRAINED.runs.task(&line, "dense");
    assert_eq!(output.status.code(), Some(2), "an option without effect is taken");
}

/// Where standard output cannot be written, the exit code says so.
#[cfg(target_os = "linux")]
#[test]
#[should_panic(expected = "success is claimed for output that was lost")]
fn output_that_is_lost_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let mut program = super::program::program();
    let status = program.args(["completions", "bash"]).stdout(full).status();
    let status = status.expect("the program runs");
    assert!(!status.success(), "success is claimed for output that was lost");
}

/// A damaged test picture is found before a training that it would waste.
#[test]
#[should_panic(expected = "the damaged picture is found after the training")]
fn damaged_test_pictures_are_found_before_the_training() {
    let folder = folder();
    let [good, bad, out] = ["test/good", "test/bad", "out"].map(|name| folder.path().join(name));
    few_pictures(&good, 4);
    few_pictures(&bad, 1);
    std::fs::write(bad.join("x.png"), "text").expect("the folder is ours");
    let (train, test) = (TRAINED.pictures.path().display(), folder.path().join("test"));
    let line = format!("anomaly --train {train} --test {} --epochs 1", test.display());
    let output = diabolo(&format!("{line} --device cpu -o {}", out.display()));
    assert!(!output.status.success(), "a picture is damaged");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("x.png"), "the picture is named: {said}");
    assert!(!said.contains("epoch"), "the damaged picture is found after the training: {said}");
}
