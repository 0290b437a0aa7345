//! Stacks of pictures, and the names of their pages. The first byte is the number of the page that is asked for.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use diabolo::data::ImageShape;
use diabolo::tasks::{Pictures, Raster};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary folder"));

fuzz_target!(|bytes: &[u8]| {
    let Some((page, bytes)) = bytes.split_first() else { return };
    fs::write(FOLDER.path().join("stack.tif"), bytes).expect("the folder is ours");
    let shape = ImageShape { channels: 1, height: 4, width: 4 };
    if let Ok(pictures) = Pictures::read(&[FOLDER.path().to_path_buf()], shape) {
        assert!(pictures.count() * 16 == pictures.images.data().len());
    }
    let page = FOLDER.path().join(format!("stack.tif[{page}]"));
    if let Ok(picture) = Raster::read(&page) {
        assert_eq!(picture.pixels.len(), picture.shape.elements());
    }
});
