//! Pictures that are read as they are not, or not read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use diabolo::data::{Dataset, LoadOptions, Source};
use diabolo::error::Result;
use diabolo::rng::Seed;
use diabolo::tasks::Raster;
use image::{ImageBuffer, Luma, Rgb, RgbImage};

use super::program::{printed, text};
use super::{few_pictures, folder, picture, train};

fn load(folder: &Path, options: &LoadOptions) -> Result<Dataset> {
    Dataset::load(&Source::Images(folder.to_path_buf()), options)
}

/// A JPEG of noise, which leaves each of its bytes something to say.
fn jpeg(path: &Path) -> Vec<u8> {
    let image = RgbImage::from_fn(64, 64, |x, y| {
        let noise = (x * 64 + y).wrapping_mul(2_654_435_761) >> 24;
        Rgb([noise as u8, (noise / 2) as u8, 100])
    });
    image.save(path).expect("the folder is ours");
    super::read(path)
}

/// A JPEG that ends early is damaged, and an error says so.
#[test]
#[should_panic(expected = "a JPEG cut short is taken for a whole one")]
fn a_truncated_jpeg_is_refused() {
    let folder = folder();
    let path = folder.path().join("cut.jpg");
    let bytes = jpeg(&path);
    fs::write(&path, &bytes[..bytes.len() * 2 / 5]).expect("the folder is ours");
    assert!(Raster::read(&path).is_err(), "a JPEG cut short is taken for a whole one");
}

/// An arithmetic-coded JPEG is whole but of a kind that is not read, and the error says which.
#[test]
#[should_panic(expected = "the error does not say what kind of JPEG this is")]
fn a_jpeg_of_a_kind_that_is_not_read_is_called_so() {
    let folder = folder();
    let path = folder.path().join("odd.jpg");
    let mut bytes = jpeg(&path);
    let marker = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]);
    bytes[marker.expect("a baseline JPEG") + 1] = 0xc9;
    fs::write(&path, bytes).expect("the folder is ours");
    let error = Raster::read(&path).expect_err("is not read").to_string();
    let says = error.to_lowercase().contains("arithmetic");
    assert!(says, "the error does not say what kind of JPEG this is: {error}");
}

/// All damaged files of a folder are named in one go, so that they can be removed in one go.
#[test]
#[should_panic(expected = "not all damaged files are named")]
fn all_damaged_files_are_named_at_once() {
    let folder = folder();
    few_pictures(folder.path(), 4);
    let bad = ["bad-1.png", "bad-2.png", "bad-3.png"];
    for name in bad {
        fs::write(folder.path().join(name), "text").expect("the folder is ours");
    }
    let error = load(folder.path(), &LoadOptions::default()).expect_err("damaged").to_string();
    assert!(
        bad.iter().all(|name| error.contains(name)),
        "not all damaged files are named: {error}"
    );
}

/// What a picture of 16 bits holds is kept where it uses a part of the range alone, or it is said
/// how few levels are left.
#[test]
#[should_panic(expected = "levels are left of 256, and nothing is said of it")]
fn sixteen_bits_of_a_narrow_range_are_kept_or_spoken_of() {
    let folder = folder();
    for number in 0..4 {
        let at = |x: u32, y: u32| Luma([(16 * ((16 * y + x + number) % 256)) as u16]);
        let image = ImageBuffer::<Luma<u16>, Vec<u16>>::from_fn(16, 16, at);
        image.save(folder.path().join(format!("{number}.png"))).expect("the folder is ours");
    }
    let data = load(folder.path(), &LoadOptions::default()).expect("pictures");
    let levels = data.train.pixels.iter().collect::<BTreeSet<_>>().len();
    let run = train(folder.path(), &folder.path().join("run"));
    let said = printed(&run) + &text(&run.stderr);
    let says = said.contains("levels");
    assert!(levels > 200 || says, "{levels} levels are left of 256, and nothing is said of it");
}

/// A picture is known by its content where its ending says nothing.
#[test]
#[should_panic(expected = "pictures are left out for the endings of their names")]
fn pictures_under_odd_endings_are_read() {
    let folder = folder();
    few_pictures(folder.path(), 4);
    for (from, to) in [("00.png", "frame.0001"), ("01.png", "photo.img")] {
        let path = |name| folder.path().join(name);
        fs::copy(path(from), path(to)).expect("the folder is ours");
    }
    let data = load(folder.path(), &LoadOptions::default()).expect("pictures");
    let count = data.train.count + data.test.count;
    assert_eq!(count, 6, "pictures are left out for the endings of their names");
}

/// Files that are left out are counted by their endings, so that a format that is not read is seen.
#[test]
#[should_panic(expected = "it is not said which files were left out")]
fn files_that_are_left_out_are_counted_by_ending() {
    let folder = folder();
    few_pictures(folder.path(), 4);
    for number in 0..5 {
        let path = folder.path().join(format!("IMG_{number}.HEIC"));
        fs::write(path, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").expect("the folder is ours");
    }
    let run = train(folder.path(), &folder.path().join("run"));
    let said = printed(&run) + &text(&run.stderr);
    let says = said.to_lowercase().contains("heic");
    assert!(says, "it is not said which files were left out: {said}");
}

/// A long and narrow picture of few pixels is read: it is pixels that take memory, not sides.
#[test]
#[should_panic(expected = "a picture of 1.3 million pixels is refused")]
fn a_panorama_is_read() {
    let folder = folder();
    let path = folder.path().join("panorama.png");
    picture(&path, (20_000, 64), 1);
    let read = Raster::read(&path);
    assert!(read.is_ok(), "a picture of 1.3 million pixels is refused: {:?}", read.err());
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
