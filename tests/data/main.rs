//! What `--data` promises: every source loads, holds out images by seed, and says what is wrong
//! with files that are not right.

mod digits;
mod drawn;
mod folders;
mod idx_files;
mod missing;
mod pairs;

use diabolo::data::{Images, LoadOptions};
use diabolo::rng::Seed;

fn with_seed(seed: u64) -> LoadOptions {
    LoadOptions { seed: Seed(seed), ..LoadOptions::default() }
}

fn sized(width: usize, height: usize) -> LoadOptions {
    LoadOptions { size: Some((width, height)), ..LoadOptions::default() }
}

/// The images as (pixels, label), to compare as sets.
fn contents(images: &Images) -> Vec<(Vec<u8>, Option<u32>)> {
    let label = |index: usize| images.labels.as_ref().map(|labels| labels[index]);
    (0..images.count).map(|index| (images.image(index).to_vec(), label(index))).collect()
}
