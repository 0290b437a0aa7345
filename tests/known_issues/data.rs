//! Pictures that are read as they are not, or not read.

use std::collections::BTreeSet;
use std::path::Path;

use diabolo::data::{Dataset, LoadOptions, Source};
use diabolo::error::Result;
use diabolo::rng::Seed;

use super::program::printed;
use super::{few_pictures, folder, train};

fn load(folder: &Path, options: &LoadOptions) -> Result<Dataset> {
    Dataset::load(&Source::Images(folder.to_path_buf()), options)
}

/// A class of one picture is trained on, not held out whole, whatever the seed.
#[test]
#[should_panic(expected = "a class is held out whole")]
fn a_class_of_one_picture_is_trained_on() {
    let folder = folder();
    few_pictures(&folder.path().join("many"), 9);
    few_pictures(&folder.path().join("one"), 1);
    for seed in (0..30).map(Seed) {
        let options = LoadOptions { seed, ..LoadOptions::default() };
        let data = load(folder.path(), &options).expect("pictures");
        let seen: BTreeSet<u32> = data.train.labels.into_iter().flatten().collect();
        assert_eq!(seen.len(), data.classes.len(), "a class is held out whole: {seed:?}");
    }
}

/// What a run draws in the folder of its own pictures does not become pictures of the next run.
#[test]
#[should_panic(expected = "what a run drew is taken for data")]
fn a_run_in_the_folder_of_its_pictures_is_no_data() {
    let folder = folder();
    few_pictures(folder.path(), 5);
    printed(&train(folder.path(), &folder.path().join("run")));
    let options = LoadOptions { size: Some((8, 8)), ..LoadOptions::default() };
    let data = load(folder.path(), &options).expect("pictures");
    let count = data.train.count + data.test.count;
    assert_eq!((count, data.classes.len()), (5, 0), "what a run drew is taken for data");
}
