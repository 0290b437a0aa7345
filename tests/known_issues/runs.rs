//! Runs that are lost, mixed up, or taken for what they are not.

use std::fs;

use diabolo::gpu::DeviceChoice;
use diabolo::tasks;

use super::program::{diabolo, diabolo_in, printed, text};
use super::{TINY, few_pictures, files, folder, picture, read, train};

/// A run on another data set does not take the place of a finished one, though the folders of both
/// are called `train`.
#[test]
#[should_panic(expected = "the model of the first run is gone")]
fn runs_on_data_of_one_name_do_not_replace_each_other() {
    let folder = folder();
    let train = |data: &str| {
        let line = format!("train {TINY} --device cpu --data images:{data}/train");
        diabolo_in(folder.path(), &line)
    };
    for (number, data) in ["bottle", "cable"].into_iter().enumerate() {
        few_pictures(&folder.path().join(data).join("train"), 4 + number as u32);
    }
    let models = || {
        let all = files(&folder.path().join("runs")).into_iter();
        all.filter(|path| path.ends_with("model.safetensors"))
    };
    printed(&train("bottle"));
    let first = read(&models().next().expect("a finished run"));
    train("cable");
    assert!(models().any(|path| read(&path) == first), "the model of the first run is gone");
}

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

/// A folder of one's own, which no run was written to, keeps its files: it is refused as a run's.
#[test]
#[should_panic(expected = "a file that is no run's is written over")]
fn a_folder_of_other_files_is_no_run_folder() {
    let folder = folder();
    let (pictures, own) = (folder.path().join("pictures"), folder.path().join("own"));
    few_pictures(&pictures, 4);
    few_pictures(&own, 1);
    let mine = own.join("samples.png");
    fs::rename(own.join("00.png"), &mine).expect("the folder is ours");
    let before = read(&mine);
    train(&pictures, &own);
    assert!(read(&mine) == before, "a file that is no run's is written over");
}

/// A run goes on with its pictures however their folder is written.
#[test]
#[should_panic(expected = "the same folder is taken for another one")]
fn a_run_goes_on_with_a_folder_that_is_written_otherwise() {
    let folder = folder();
    few_pictures(&folder.path().join("pictures"), 4);
    let tiny = "--variant dense --arch dense:4 --latent 2 --device cpu --out run";
    let train = |data: &str, more: &str| {
        diabolo_in(folder.path(), &format!("train {tiny} --data images:{data} {more}"))
    };
    printed(&train("pictures", "--epochs 1"));
    let output = train("./pictures/", "--epochs 2 --resume");
    let said = text(&output.stderr);
    assert!(output.status.success(), "the same folder is taken for another one: {said}");
}

/// A call that fails leaves no folder behind.
#[test]
#[should_panic(expected = "the folder of a run that never was is left")]
fn a_failed_call_leaves_no_folder() {
    let folder = folder();
    let (pictures, run) = (folder.path().join("pictures"), folder.path().join("run"));
    few_pictures(&pictures, 4);
    let (data, out) = (pictures.display(), run.display());
    let line = format!("train {TINY} --data images:{data} --device cpu --out {out} --resume");
    assert!(!diabolo(&line).status.success(), "there is nothing to go on with");
    assert!(!run.exists(), "the folder of a run that never was is left");
}
