//! Runs that are lost, mixed up, or taken for what they are not.

use std::fs;

use diabolo::gpu::DeviceChoice;
use diabolo::tasks;

use super::program::{diabolo, printed, text};
use super::{few_pictures, folder, picture, train};

/// A picture that is added after the training does not make others that were trained on held-out
/// ones: the split is the run's, or the change is an error.
#[test]
#[should_panic(expected = "pictures that were trained on are taken for held-out ones")]
fn pictures_that_are_added_leave_the_held_out_ones_as_they_were() {
    let folder = folder();
    let pictures = folder.path().join("pictures");
    few_pictures(&pictures, 20);
    let run = folder.path().join("run");
    printed(&train(&pictures, &run));
    let trained = tasks::Trained::load(&run, &DeviceChoice::Cpu).expect("a finished run");
    let before = trained.dataset().expect("the pictures are there");
    picture(&pictures.join("05b.png"), (8, 8), 77);
    if let Ok(after) = trained.dataset() {
        let seen = |image: &[u8]| (0..before.train.count).any(|at| before.train.image(at) == image);
        let wrong = (0..after.test.count).filter(|at| seen(after.test.image(*at))).count();
        assert_eq!(wrong, 0, "pictures that were trained on are taken for held-out ones");
    }
}

/// A report names a damaged picture of its run, as its documentation says.
#[test]
#[should_panic(expected = "a damaged picture is passed over")]
fn a_report_names_a_damaged_picture() {
    let folder = folder();
    let (pictures, run) = (folder.path().join("pictures"), folder.path().join("run"));
    few_pictures(&pictures, 4);
    printed(&train(&pictures, &run));
    fs::write(run.join("loss.png"), "x").expect("the folder is ours");
    let output = diabolo(&format!("report {}", run.display()));
    let said = text(&output.stderr);
    assert!(said.contains("loss.png"), "a damaged picture is passed over");
}
