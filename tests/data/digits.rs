//! The digits that are built in.

use std::collections::HashSet;

use diabolo::data::{Dataset, ImageShape, LoadOptions, Source};

use super::{contents, with_seed};

fn load(options: &LoadOptions) -> Dataset {
    Dataset::load(&Source::Digits, options).expect("built in")
}

#[test]
fn all_1797_are_there_in_two_parts() {
    let data = load(&with_seed(1));
    assert_eq!(data.shape, ImageShape { channels: 1, height: 8, width: 8 });
    assert_eq!((data.train.count, data.test.count), (1437, 360));
    assert_eq!(data.train.pixels.len(), 1437 * 64);
    assert_eq!(data.train.pixels.iter().max(), Some(&255));
    assert_eq!(data.classes.len(), 10);

    // No image of the data set occurs twice, so the parts share none if all are different.
    let both = [contents(&data.train), contents(&data.test)].concat();
    let different: HashSet<_> = both.iter().collect();
    assert_eq!(different.len(), 1797);
}

#[test]
fn the_seed_decides_what_is_held_out() {
    assert_eq!(load(&with_seed(1)), load(&with_seed(1)));
    let sorted = |seed| {
        let mut test = contents(&load(&with_seed(seed)).test);
        test.sort();
        test
    };
    assert_ne!(sorted(1), sorted(2));
}

#[test]
fn a_limit_holds_for_training_alone() {
    let all = load(&with_seed(7));
    let few = load(&LoadOptions { limit: Some(25), ..with_seed(7) });
    assert_eq!(contents(&few.train), contents(&all.train)[..25]);
    assert_eq!(few.test, all.test);
}
