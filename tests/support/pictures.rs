//! Pictures for tests of the program, and runs trained on them.
// Each test file compiles this for itself and none uses all of it.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use image::{GrayImage, Luma};
use tempfile::TempDir;

pub fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// A gray picture with an edge and a place of its own for every number; its folder is made.
pub fn picture(path: &Path, (width, height): (u32, u32), number: u32) {
    let image = GrayImage::from_fn(width, height, |x, y| {
        let light = (37 * number + 5 * x) % 200;
        Luma([if (x + number) % 8 < y % 8 { 255 - light as u8 } else { light as u8 }])
    });
    fs::create_dir_all(path.parent().expect("in a folder")).expect("the folder is ours");
    image.save(path).expect("the folder is ours");
}

/// Pictures of 8x8 in gray: `00.png`, `01.png` and so on.
pub fn few_pictures(folder: &Path, count: u32) {
    for number in 0..count {
        picture(&folder.join(format!("{number:02}.png")), (8, 8), number);
    }
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort_unstable();
    found
}

pub fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("is there")
}
