//! Folders of images, as users have them.

use std::fs;

use diabolo::data::{Dataset, ImageShape, LoadOptions, Source};
use diabolo::tasks::Raster;
use image::{DynamicImage, GrayImage, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{contents, sized, with_seed};

fn load(folder: &TempDir, options: &LoadOptions) -> Result<Dataset, String> {
    let source = Source::Images(folder.path().to_path_buf());
    Dataset::load(&source, options).map_err(|error| error.to_string())
}

/// What a run drew in a folder within that of its pictures is no data.
#[test]
fn folders_of_runs_are_left_out() {
    let folder = folder();
    for number in 0..3 {
        gray(&folder, &format!("{number}.png"), number);
    }
    let marks: [&[&str]; 4] = [
        &["run.lock"],
        &["model.safetensors", "metrics.json"],
        &["model.safetensors", "config.toml"],
        &["anomaly.json"],
    ];
    for (number, names) in marks.into_iter().enumerate() {
        let run = format!("runs/{number}");
        colour(&folder, &format!("{run}/loss.png"), (40, 30), [1; 3]);
        names.iter().for_each(|name| {
            fs::write(folder.path().join(&run).join(name), "").expect("the folder is ours");
        });
    }
    // Options of another program beside pictures make no run of them.
    colour(&folder, "own/3.png", (4, 3), [9; 3]);
    fs::write(folder.path().join("own/config.toml"), "").expect("the folder is ours");
    let data = load(&folder, &LoadOptions::default()).expect("images");
    assert_eq!(data.train.count + data.test.count, 4);
    assert_eq!(data.classes, [".", "own"]);
}

/// One of each format that is read.
const ENDINGS: [&str; 10] =
    ["png", "jpg", "bmp", "gif", "tiff", "tga", "qoi", "webp", "ico", "ppm"];

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// An image of one colour, in the format of its name's ending.
fn colour(folder: &TempDir, name: &str, (width, height): (u32, u32), colour: [u8; 3]) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("in a folder")).expect("the folder is ours");
    let image = DynamicImage::ImageRgb8(RgbImage::from_pixel(width, height, Rgb(colour)));
    // The image crate reads icons with an alpha channel only.
    let image = if name.ends_with("ico") { image.into_rgba8().into() } else { image };
    image.save(path).expect("a known format");
}

fn gray(folder: &TempDir, name: &str, value: u8) {
    let image = GrayImage::from_pixel(4, 3, image::Luma([value]));
    image.save(folder.path().join(name)).expect("a known format");
}

#[test]
fn every_format_and_odd_sizes() {
    let folder = folder();
    for (index, ending) in ENDINGS.iter().enumerate() {
        let size = (17 + 2 * index as u32, 9 + index as u32);
        colour(&folder, &format!("{index}.{ending}"), size, [200, 100, 20]);
    }
    let data = load(&folder, &sized(7, 5)).expect("all can be read");
    assert_eq!(data.shape, ImageShape { channels: 3, height: 5, width: 7 });
    assert_eq!((data.train.count, data.test.count), (9, 1));
    assert_eq!((&data.train.labels, data.classes.len()), (&None, 0));
    for (pixels, _) in [contents(&data.train), contents(&data.test)].concat() {
        // Planes of red, green and blue; JPEG is not exact.
        for (channel, expected) in [200_u8, 100, 20].into_iter().enumerate() {
            for &pixel in &pixels[channel * 35..][..35] {
                assert!(pixel.abs_diff(expected) <= 4, "{pixel} where {expected} is drawn");
            }
        }
    }
}

#[test]
fn sizes_that_differ_name_two_files_and_the_option() {
    let folder = folder();
    colour(&folder, "a.png", (8, 8), [1, 2, 3]);
    colour(&folder, "b.png", (9, 8), [1, 2, 3]);
    let error = load(&folder, &LoadOptions::default()).expect_err("they differ");
    for part in ["a.png", "b.png", "8x8", "9x8", "--size WxH"] {
        assert!(error.contains(part), "{error}");
    }
    let data = load(&folder, &sized(8, 8)).expect("brought to one size");
    assert_eq!(data.shape.width, 8);
}

#[test]
fn class_folders_give_labels() {
    let folder = folder();
    for index in 0..6 {
        colour(&folder, &format!("red/{index}.png"), (4, 4), [255, 0, 0]);
        colour(&folder, &format!("blue/deeper/{index}.png"), (4, 4), [0, 0, 255]);
    }
    let data = load(&folder, &LoadOptions::default()).expect("fine");
    assert_eq!(data.classes, ["blue", "red"]);
    for (pixels, label) in [contents(&data.train), contents(&data.test)].concat() {
        let expected = if pixels[0] == 255 { 1 } else { 0 };
        assert_eq!(label, Some(expected));
    }
}

#[test]
fn gray_images_keep_one_channel_until_one_has_colour() {
    let folder = folder();
    gray(&folder, "a.png", 10);
    gray(&folder, "b.png", 90);
    let data = load(&folder, &LoadOptions::default()).expect("fine");
    assert_eq!(data.shape, ImageShape { channels: 1, height: 3, width: 4 });
    colour(&folder, "c.png", (4, 3), [0, 0, 255]);
    let data = load(&folder, &LoadOptions::default()).expect("fine");
    assert_eq!(data.shape.channels, 3);
    let all = [contents(&data.train), contents(&data.test)].concat();
    assert!(all.iter().any(|(pixels, _)| pixels[..] == [90; 36]), "gray, three times");
    let data = load(&folder, &LoadOptions { gray: true, ..sized(4, 3) }).expect("fine");
    assert_eq!(data.shape.channels, 1);
}

#[test]
fn transparent_parts_are_white() {
    let folder = folder();
    for name in ["a.png", "b.png"] {
        let image = RgbaImage::from_pixel(2, 2, Rgba([10, 20, 30, 0]));
        DynamicImage::ImageRgba8(image).save(folder.path().join(name)).expect("png");
    }
    let data = load(&folder, &LoadOptions::default()).expect("fine");
    assert_eq!(data.train.pixels, [255; 12]);
}

#[test]
fn the_order_depends_on_names_and_seed_alone() {
    let (forth, back) = (folder(), folder());
    for index in 0..20_u8 {
        gray(&forth, &format!("{index:02}.png"), index);
        gray(&back, &format!("{:02}.png", 19 - index), 19 - index);
    }
    let [mut a, mut b] = [&forth, &back].map(|folder| load(folder, &with_seed(3)).expect("fine"));
    (a.name, b.name) = Default::default();
    assert_eq!(a, b);
    assert_ne!(a.train, load(&forth, &with_seed(4)).expect("fine").train);
}

#[test]
fn a_text_file_named_png_is_one_clear_error() {
    let folder = folder();
    gray(&folder, "good.png", 1);
    gray(&folder, "right.png", 2);
    fs::write(folder.path().join("liar.png"), "this is no image").expect("ours");
    let error = load(&folder, &LoadOptions::default()).expect_err("one is wrong");
    assert!(error.contains("liar.png: cannot be decoded"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_header_that_asks_for_the_moon_is_refused() {
    let folder = folder();
    gray(&folder, "good.png", 1);
    fs::write(folder.path().join("bomb.ppm"), "P6 16000 16000 255\n").expect("ours");
    let error = load(&folder, &LoadOptions::default()).expect_err("too large");
    assert!(error.contains("bomb.ppm: is larger than"), "{error}");
}

#[test]
fn other_files_and_hidden_ones_are_left_out() {
    let folder = folder();
    gray(&folder, "a.png", 1);
    gray(&folder, "b.png", 2);
    fs::copy(folder.path().join("a.png"), folder.path().join("no-ending")).expect("ours");
    for name in ["notes.txt", ".hidden.png", "Makefile"] {
        fs::write(folder.path().join(name), "text").expect("ours");
    }
    let data = load(&folder, &LoadOptions::default()).expect("two images and one unnamed");
    assert_eq!(data.train.count + data.test.count, 3);
}

#[test]
fn missing_empty_and_nearly_empty_folders_say_so() {
    let empty = folder();
    let error = load(&empty, &LoadOptions::default()).expect_err("empty");
    assert!(error.contains("holds no image") && error.contains("png"), "{error}");
    gray(&empty, "a.png", 1);
    let error = load(&empty, &LoadOptions::default()).expect_err("one");
    assert!(error.contains("at least 2"), "{error}");
    for (path, expected) in [("missing", "no such folder"), ("a.png", "is a single image")] {
        let source = Source::Images(empty.path().join(path));
        let error = Dataset::load(&source, &LoadOptions::default()).expect_err(path);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_links_to_itself_is_read_once() {
    let folder = folder();
    gray(&folder, "a.png", 1);
    gray(&folder, "b.png", 2);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).expect("ours");
    let data = load(&folder, &LoadOptions::default()).expect("fine");
    assert_eq!((data.train.count, data.test.count), (1, 1));
}

proptest! {
    #[test]
    fn a_damaged_image_is_read_or_refused_in_any_format(
        ending in prop::sample::select(&ENDINGS[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..9),
        // Sizes stand at the beginning.
        early in prop::collection::vec((0_usize..40, any::<u8>()), 0..3),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let folder = folder();
        let name = format!("image.{ending}");
        colour(&folder, &name, (9, 7), [200, 100, 20]);
        let path = folder.path().join(&name);
        let mut bytes = fs::read(&path).expect("just written");
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        for (place, byte) in early {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        fs::write(&path, bytes).expect("the folder is ours");
        match Raster::read(&path) {
            Ok(picture) => prop_assert_eq!(picture.pixels.len(), picture.shape.elements()),
            Err(error) => prop_assert!(error.to_string().contains(&name), "{}", error),
        }
    }
}
