//! Known bugs, each as a test of what should be, which fails. Whoever mends one takes its
//! `#[should_panic]` away and moves the test to the file it belongs to.
//!
//! The text that a test expects is its own assertion's, so that it cannot pass by failing elsewhere.

#[path = "../support/program.rs"]
mod program;

mod data;
mod messages;
mod outputs;
mod runs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use image::{GrayImage, Luma};
use program::{Runs, diabolo};
use tempfile::TempDir;

/// Options of a training that takes no time.
const TINY: &str = "--variant dense --arch dense:4 --latent 2 --epochs 1";

/// What such a training does with the pictures of a folder.
fn train(pictures: &Path, out: &Path) -> Output {
    let (pictures, out) = (pictures.display(), out.display());
    diabolo(&format!("train {TINY} --data images:{pictures} --device cpu --out {out}"))
}

/// Pictures of 8x8 in gray, and runs trained on them.
struct Trained {
    _pictures: TempDir,
    runs: Runs,
}

/// Trained once for all tests: `dense`, and `codec`, whose codes can be stored.
static TRAINED: LazyLock<Trained> = LazyLock::new(|| {
    let pictures = folder();
    few_pictures(pictures.path(), 6);
    let codec = "--variant conv --arch conv:4 --latent map:2 --quantise 0.25 --epochs 1";
    let data = format!("--data images:{}", pictures.path().display());
    let runs = Runs::train(&data, &[("dense", TINY), ("codec", codec)]);
    Trained { _pictures: pictures, runs }
});

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// A gray picture with an edge and a place of its own for every number; its folder is made.
fn picture(path: &Path, (width, height): (u32, u32), number: u32) {
    let image = GrayImage::from_fn(width, height, |x, y| {
        let light = (37 * number + 5 * x) % 200;
        Luma([if (x + number) % 8 < y % 8 { 255 - light as u8 } else { light as u8 }])
    });
    make_parent(path);
    image.save(path).expect("the folder is ours");
}

fn make_parent(path: &Path) {
    fs::create_dir_all(path.parent().expect("in a folder")).expect("the folder is ours");
}

/// Pictures of 8x8 in gray: `00.png`, `01.png` and so on.
fn few_pictures(folder: &Path, count: u32) {
    for number in 0..count {
        picture(&folder.join(format!("{number:02}.png")), (8, 8), number);
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("is there")
}
