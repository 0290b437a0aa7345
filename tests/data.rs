//! What `--data` promises: every source loads, holds out images by seed, and says what is wrong
//! with files that are not right.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use diabolo::data::{Dataset, ImageShape, Images, LoadOptions, Source, idx, sprites};
use diabolo::rng::Seed;
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{DynamicImage, GrayImage, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use tempfile::TempDir;

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

mod digits {
    use super::*;

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
}

mod idx_files {
    use super::*;

    fn images(axes: &[u32], elements: usize) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, axes.len() as u8];
        bytes.extend(axes.iter().flat_map(|axis| axis.to_be_bytes()));
        bytes.extend((0..elements).map(|index| index as u8));
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    fn parse(bytes: &[u8]) -> diabolo::error::Result<idx::Array> {
        idx::parse(bytes, Path::new("some-file"))
    }

    #[track_caller]
    fn refused(bytes: &[u8], expected: &str) {
        let error = parse(bytes).expect_err("it is wrong").to_string();
        assert!(error.starts_with("some-file: ") && error.contains(expected), "{error}");
    }

    #[test]
    fn plain_and_gzipped_files_are_the_same() {
        let bytes = images(&[5, 3, 2], 30);
        let plain = parse(&bytes).expect("right");
        assert_eq!(plain.axes, [5, 3, 2]);
        assert_eq!(plain.bytes, (0..30).collect::<Vec<u8>>());
        assert_eq!(parse(&gzip(&bytes)).expect("right"), plain);
    }

    #[test]
    fn truncated_files_are_named() {
        let bytes = images(&[5, 3, 2], 30);
        let packed = gzip(&bytes);
        refused(&packed[..packed.len() - 9], "cut off");
        // Even when all elements are there, and only the checksum is not.
        refused(&packed[..packed.len() - 4], "cut off");
        refused(&bytes[..bytes.len() - 1], "holds 29");
        refused(&bytes[..9], "cut off");
        refused(&[], "cut off");
    }

    #[test]
    fn a_damaged_gzip_is_named() {
        let mut packed = gzip(&images(&[5, 3, 2], 30));
        let checksum = packed.len() - 8;
        packed[checksum] ^= 1;
        refused(&packed, "damaged");
    }

    #[test]
    fn wrong_magic_and_wrong_types_are_named() {
        refused(b"\x89PNG\r\n\x1a\n", "not an IDX file");
        let mut floats = images(&[5], 20);
        floats[2] = 0x0d;
        refused(&floats, "0x0d");
        refused(&images(&[], 0), "no axes");
    }

    #[test]
    fn counts_that_do_not_fit_are_named() {
        refused(&images(&[5, 3, 2], 31), "holds more");
        refused(&images(&[6, 3, 2], 30), "36 elements but holds 30");
        refused(&images(&[u32::MAX, u32::MAX, u32::MAX], 30), "more than");
        refused(&images(&[u32::MAX, 28, 28], 30), "more than");
        refused(&gzip(&images(&[1 << 20, 1 << 12], 30)), "holds 30");
    }

    #[test]
    fn empty_sizes_are_named() {
        refused(&images(&[0, 28, 28], 0), "empty");
        refused(&images(&[5, 0, 28], 0), "empty");
        refused(&images(&[5, 28, 0], 0), "empty");
    }

    #[test]
    fn images_and_labels_must_belong_together() {
        let array = |axes: &[u32], name: &str| {
            let elements: u32 = axes.iter().product();
            idx::parse(&images(axes, elements as usize)[..], Path::new(name)).expect("right")
        };
        let pair = |images: &[u32], labels: &[u32]| {
            idx::pair(array(images, "the-images"), array(labels, "the-labels"))
                .map_err(|error| error.to_string())
        };
        let (shape, both) = pair(&[2, 3, 4, 5], &[2]).expect("they fit");
        assert_eq!(shape, ImageShape { channels: 3, height: 4, width: 5 });
        assert_eq!(both.labels, Some(vec![0, 1]));
        let error = pair(&[5, 3, 2], &[4]).expect_err("one is missing");
        assert!(error.starts_with("the-labels: holds 4 labels"), "{error}");
        let error = pair(&[5], &[5]).expect_err("labels twice");
        assert!(error.starts_with("the-images: "), "{error}");
        let error = pair(&[5, 3, 2], &[5, 3, 2]).expect_err("images twice");
        assert!(error.starts_with("the-labels: "), "{error}");
        let error = pair(&[2, 2, 4, 5], &[2]).expect_err("two channels");
        assert!(error.contains("1 or 3 channels"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        /// Right up to the sizes, which may be anything, so that the parser gets past the magic.
        #[test]
        fn arbitrary_sizes_give_what_they_say_or_an_error(
            axes in prop::collection::vec(prop_oneof![0_u32..6, any::<u32>()], 0..5),
            elements in 0_usize..130,
            packed in any::<bool>(),
        ) {
            let bytes = images(&axes, elements);
            let result = parse(&if packed { gzip(&bytes) } else { bytes });
            let fits = !axes.is_empty()
                && axes.iter().map(|&axis| u128::from(axis)).product::<u128>() == elements as u128
                && elements > 0;
            prop_assert_eq!(result.is_ok(), fits, "{:?}", result);
        }

        #[test]
        fn one_changed_byte_of_a_gzip_never_panics(at in 0_usize..40, value in any::<u8>()) {
            let mut packed = gzip(&images(&[5, 3, 2], 30));
            let at = at % packed.len();
            packed[at] = value;
            let _ = parse(&packed);
        }
    }
}

mod folders {
    use super::*;

    fn load(folder: &TempDir, options: &LoadOptions) -> Result<Dataset, String> {
        let source = Source::Images(folder.path().to_path_buf());
        Dataset::load(&source, options).map_err(|error| error.to_string())
    }

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
        let endings = ["png", "jpg", "bmp", "gif", "tiff", "tga", "qoi", "webp", "ico", "ppm"];
        for (index, ending) in endings.iter().enumerate() {
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
        let [mut a, mut b] =
            [&forth, &back].map(|folder| load(folder, &with_seed(3)).expect("fine"));
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
        for (path, expected) in [("missing", "no such folder"), ("a.png", "is not a folder")] {
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
}

mod drawn {
    use super::*;

    fn load(count: usize, options: &LoadOptions) -> Dataset {
        Dataset::load(&Source::Sprites(count), options).expect("drawn here")
    }

    #[test]
    fn the_same_seed_draws_the_same_sprites() {
        let data = load(300, &with_seed(5));
        assert_eq!(data.shape, ImageShape { channels: 1, height: 64, width: 64 });
        assert_eq!((data.train.count, data.test.count), (270, 30));
        assert_eq!(data.classes, ["square", "ellipse", "heart"]);
        assert_eq!(data, load(300, &with_seed(5)));
        assert_ne!(data.train, load(300, &with_seed(6)).train);
    }

    #[test]
    fn any_sprite_can_be_drawn_alone() {
        let data = load(50, &LoadOptions { seed: Seed(8), ..sized(40, 24) });
        let mut loaded = [contents(&data.train), contents(&data.test)].concat();
        let alone = |index| {
            let factors = sprites::Factors::draw(Seed(8), index);
            (factors.render(40, 24), Some(factors.shape))
        };
        let mut alone: Vec<_> = (0..50).map(alone).collect();
        loaded.sort();
        alone.sort();
        assert_eq!(loaded, alone);
    }

    #[test]
    fn area_grows_with_scale_and_does_not_depend_on_place_or_rotation() {
        let area = |shape, scale, rotation, x, y| {
            let factors = sprites::Factors { shape, scale, rotation, x, y };
            factors.render(64, 64).iter().map(|&pixel| f64::from(pixel) / 255.0).sum::<f64>()
        };
        for shape in 0..3 {
            let areas: Vec<f64> =
                (0..sprites::SCALES).map(|scale| area(shape, scale, 7, 16, 16)).collect();
            assert!(areas.windows(2).all(|pair| pair[0] < 0.9 * pair[1]), "{areas:?}");
            // Twice the size covers four times the area.
            assert!((areas[5] / areas[0] - 4.0).abs() < 0.2, "{areas:?}");
            for (rotation, x, y) in [(0, 0, 0), (13, 31, 0), (26, 0, 31), (39, 31, 31)] {
                let moved = area(shape, 5, rotation, x, y);
                assert!((moved / areas[5] - 1.0).abs() < 0.03, "{moved} and {}", areas[5]);
            }
        }
    }

    #[test]
    fn edges_are_smooth() {
        let factors = sprites::Factors { shape: 1, scale: 5, rotation: 3, x: 9, y: 20 };
        let between = factors.render(64, 64).iter().filter(|&&p| p > 0 && p < 255).count();
        assert!(between > 20, "{between}");
    }

    #[test]
    fn impossible_sets_are_refused() {
        for (count, options, expected) in [
            (1, LoadOptions::default(), "at least 2"),
            (usize::MAX, LoadOptions::default(), "more than"),
            (10, sized(64, 4), "too small"),
            (10, sized(64, 20_000), "between 1 and"),
        ] {
            let error = Dataset::load(&Source::Sprites(count), &options).expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
