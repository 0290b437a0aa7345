//! Images that lack pixels.

use std::path::PathBuf;

use diabolo::data::missing::{apply, from_tensor};
use diabolo::data::{Dataset, ImageShape, Images, LoadOptions, Missing, Source};
use diabolo::rng::Seed;
use diabolo::tensor::Tensor;
use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use tempfile::TempDir;

fn digits(limit: Option<usize>) -> Dataset {
    Dataset::load(&Source::Digits, &LoadOptions { limit, ..LoadOptions::default() }).expect("right")
}

/// Two images of 3 x 2 in colour, without a black pixel.
fn colours() -> Dataset {
    let images =
        |first: u8| Images { pixels: (first..first + 18).collect(), count: 1, ..Images::default() };
    Dataset {
        name: "colours".into(),
        shape: ImageShape { channels: 3, height: 2, width: 3 },
        train: images(1),
        test: images(101),
        ..Dataset::default()
    }
}

fn random(share: f32) -> Missing {
    Missing::Random { share }
}

/// Checks the layout of every image, and gives each one's mask.
fn masks(dataset: &Dataset, whole: &Dataset) -> Vec<Vec<u8>> {
    assert!(dataset.masked);
    assert_eq!((dataset.shape, &dataset.classes), (whole.shape, &whole.classes));
    let (elements, plane) = (whole.shape.elements(), whole.shape.height * whole.shape.width);
    assert_eq!(dataset.stored_elements(), elements + plane);
    assert_eq!(dataset.stored_channels(), whole.shape.channels + 1);
    let parts = [(&dataset.test, &whole.test), (&dataset.train, &whole.train)];
    let mut masks = vec![];
    for (part, whole) in parts {
        assert_eq!((&part.labels, part.count), (&whole.labels, whole.count));
        assert_eq!(part.pixels.len(), part.count * (elements + plane));
        for index in 0..part.count {
            let (image, seen) = part.image(index).split_at(elements);
            for (at, (value, original)) in image.iter().zip(whole.image(index)).enumerate() {
                assert_eq!(*value, if seen[at % plane] > 0 { *original } else { 0 });
            }
            assert!(seen.iter().all(|value| [0, 255].contains(value)));
            masks.push(seen.to_vec());
        }
    }
    masks
}

fn missing_of(mask: &[u8]) -> usize {
    mask.iter().filter(|seen| **seen == 0).count()
}

#[test]
fn the_share_is_missing_of_every_image() {
    let whole = digits(None);
    for (share, expected) in [(0.0, 0), (0.3, 19), (0.5, 32), (0.999, 63)] {
        let masks = masks(&apply(whole.clone(), &random(share), Seed(1)).unwrap(), &whole);
        assert!(masks.iter().all(|mask| missing_of(mask) == expected), "{share}");
    }
}

#[test]
fn every_pixel_is_as_often_missing_and_no_two_images_alike() {
    let whole = digits(None);
    let masks = masks(&apply(whole.clone(), &random(0.5), Seed(2)).unwrap(), &whole);
    for pixel in 0..64 {
        let missing = masks.iter().filter(|mask| mask[pixel] == 0).count() as f64;
        // 1797 throws of a coin have a deviation of 21.
        assert!((missing - 898.5).abs() < 100.0, "pixel {pixel}: {missing}");
    }
    let different: std::collections::HashSet<_> = masks.iter().collect();
    assert_eq!(different.len(), masks.len());
}

#[test]
fn the_seed_alone_decides() {
    let masked = |limit, seed| apply(digits(limit), &random(0.3), Seed(seed)).unwrap();
    assert_eq!(masked(None, 3), masked(None, 3));
    assert_ne!(masked(None, 3), masked(None, 4));
    let (all, few) = (masked(None, 3), masked(Some(20), 3));
    assert_eq!(all.test, few.test, "a limit changes nothing for the images that stay");
    assert_eq!(all.train.take(20), few.train);
}

#[test]
fn all_channels_of_a_missing_pixel_are_black() {
    let masks = masks(&apply(colours(), &random(0.5), Seed(5)).unwrap(), &colours());
    assert!(masks.iter().all(|mask| missing_of(mask) == 3));
}

/// A mask file of this size, as `draw` has it.
fn mask_file(folder: &TempDir, (width, height): (u32, u32), draw: fn(u32, u32) -> u8) -> Missing {
    let path = folder.path().join("mask.png");
    GrayImage::from_fn(width, height, |x, y| Luma([draw(x, y)])).save(&path).expect("ours");
    Missing::Image(path)
}

#[test]
fn what_is_dark_in_a_mask_image_is_missing_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let halves = mask_file(&folder, (3, 2), |x, _| [0, 127, 128][x as usize]);
    let seen = vec![0, 0, 255, 0, 0, 255];
    let found = masks(&apply(colours(), &halves, Seed(0)).unwrap(), &colours());
    assert_eq!(found, [seen.clone(), seen.clone()]);
    let path = folder.path().join("mask.jpg");
    let colour = RgbImage::from_fn(8, 8, |x, _| Rgb(if x < 4 { [0, 0, 90] } else { [255; 3] }));
    DynamicImage::ImageRgb8(colour).save(&path).expect("ours");
    let found = masks(&apply(digits(None), &Missing::Image(path), Seed(0)).unwrap(), &digits(None));
    assert!(found.iter().all(|mask| mask[..] == [0, 0, 0, 0, 255, 255, 255, 255].repeat(8)));
    let nothing = mask_file(&folder, (3, 2), |_, _| 255);
    let found = masks(&apply(colours(), &nothing, Seed(0)).unwrap(), &colours());
    assert_eq!(found, [[255; 6], [255; 6]]);
}

#[test]
fn mask_images_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |missing: &Missing, parts: &[&str]| {
        let error = apply(colours(), missing, Seed(0)).expect_err(parts[0]).to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    };
    refused(&mask_file(&folder, (2, 3), |_, _| 255), &["mask.png", "is 2x3", "are 3x2"]);
    refused(&mask_file(&folder, (3, 2), |_, _| 127), &["mask.png", "dark all over"]);
    refused(&Missing::Image("no/such.png".into()), &["no/such.png", "no such file"]);
    let text = folder.path().join("text.png");
    std::fs::write(&text, "this is no image").expect("ours");
    refused(&Missing::Image(text), &["text.png", "cannot be decoded"]);
    let bomb = folder.path().join("bomb.ppm");
    std::fs::write(&bomb, "P6 16000 16000 255\n").expect("ours");
    refused(&Missing::Image(bomb), &["bomb.ppm", "is larger than"]);
    for share in [1.0, -0.1, f32::NAN] {
        refused(&random(share), &["--missing", "below 1"]);
    }
    let once = apply(colours(), &random(0.5), Seed(0)).unwrap();
    assert!(apply(once, &random(0.5), Seed(0)).is_err(), "twice");
    for shape in [[3, 2, 4], [3, 0, 3], [usize::MAX, usize::MAX, 1]] {
        let [channels, height, width] = shape;
        let other = Dataset { shape: ImageShape { channels, height, width }, ..colours() };
        assert!(apply(other, &random(0.5), Seed(0)).is_err(), "{shape:?}");
    }
}

#[test]
fn what_is_parsed_is_printed() {
    for text in ["random:0.3", "random:0", "mask.png", "a/random:b.png", "C:\\masks\\one.bmp"] {
        let missing: Missing = text.parse().expect(text);
        assert_eq!(missing.to_string(), text);
    }
    assert_eq!("random:0.25".parse::<Missing>().expect("right"), random(0.25));
    assert_eq!("m.png".parse::<Missing>().expect("right"), Missing::Image(PathBuf::from("m.png")));
    for text in ["", "random", "random:", "random:1", "random:-0.1", "random:NaN", "random:x"] {
        let error = text.parse::<Missing>().expect_err(text).to_string();
        assert!(error.starts_with("--missing: ") && error.contains("random:0.3"), "{error}");
    }
}

#[test]
fn nan_says_what_is_missing() {
    let nan = f32::NAN;
    // Two images of two channels and three pixels; the second pixel of the first lacks one channel.
    let values = vec![0.0, nan, 1.0, 0.5, 0.7, 0.2, nan, 1.0, 1.0, nan, 0.0, -0.0];
    let masked = from_tensor(&Tensor::new([2, 2, 1, 3], values).unwrap()).unwrap();
    assert_eq!(masked.shape, ImageShape { channels: 2, height: 1, width: 3 });
    assert_eq!((masked.images.count, &masked.images.labels), (2, &None));
    assert!(masked.any_missing);
    assert_eq!(masked.images.image(0), [0, 0, 255, 128, 0, 51, 255, 0, 255]);
    assert_eq!(masked.images.image(1), [0, 255, 255, 0, 0, 0, 0, 255, 255]);
    let whole = from_tensor(&Tensor::full([3, 1, 2, 2], 1.0)).unwrap();
    assert!(!whole.any_missing);
    assert_eq!(whole.images.pixels, [255; 24]);
}

/// A byte comes back as itself, and a missing pixel as a missing one.
#[test]
fn bytes_and_nan_go_round() {
    let whole = digits(Some(50));
    let masked = apply(whole.clone(), &random(0.4), Seed(6)).unwrap();
    let mut values = vec![];
    for index in 0..masked.train.count {
        let (image, seen) = masked.train.image(index).split_at(64);
        let value = |(byte, seen): (&u8, &u8)| match seen {
            0 => f32::NAN,
            _ => f32::from(*byte) / 255.0,
        };
        values.extend(image.iter().zip(seen).map(value));
    }
    let again = from_tensor(&Tensor::new([50, 1, 8, 8], values).unwrap()).unwrap();
    assert_eq!(again.images.pixels, masked.train.pixels);
}

#[test]
fn tensors_that_are_no_images_are_refused() {
    let refused = |shape: &[usize], values: Vec<f32>, parts: &[&str]| {
        let tensor = Tensor::new(shape, values).expect("they fill it");
        let error = from_tensor(&tensor).expect_err(parts[0]).to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    };
    refused(&[2, 1, 1, 2], vec![0.0, 1.0, 1.5, 2.0], &["image 1 ", "1.5"]);
    refused(&[1, 1, 1, 2], vec![0.5, f32::NEG_INFINITY], &["image 0 ", "-inf"]);
    refused(&[2, 1, 1, 1], vec![0.5, f32::NAN], &["image 1 ", "no pixel that is seen"]);
    refused(&[4], vec![0.5; 4], &["[count, channels, height, width]", "[4]"]);
    refused(&[0, 1, 2, 2], vec![], &["empty"]);
    refused(&[1, 1, 1, 20_000], vec![0.5; 20_000], &["16384"]);
}
