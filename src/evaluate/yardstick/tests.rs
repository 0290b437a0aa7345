use super::*;
use crate::data::{ImageShape, LoadOptions, Source};
use crate::models::{Choices, CodeForm, Kind};

fn dataset(shape: ImageShape, train: &[u8], test: &[u8]) -> Dataset {
    let images = |pixels: &[u8]| Images {
        pixels: pixels.to_vec(),
        count: pixels.len() / shape.elements(),
        ..Images::default()
    };
    let (train, test) = (images(train), images(test));
    Dataset { name: "made".into(), shape, train, test, ..Dataset::default() }
}

fn model(kind: Kind, shape: ImageShape, choices: &Choices) -> Model {
    kind.build(shape, 0, choices, false).expect("options go together").0
}

fn digits() -> Dataset {
    Dataset::load(&Source::Digits, &LoadOptions::default()).expect("digits are embedded")
}

fn latent(code: CodeForm) -> Choices {
    Choices { latent: Some(code), ..Choices::default() }
}

#[test]
fn a_code_is_held_against_as_many_components() {
    let digits = digits();
    let measured = |numbers| {
        let choices = latent(CodeForm::Vector(numbers));
        let model = model(Kind::Dense, digits.shape, &choices);
        Yardstick::new(&model, &digits, false).expect("whole").expect("nothing is missing")
    };
    let (few, more) = (measured(4), measured(16));
    assert_eq!(few.name, "PCA with 4 numbers");
    assert!(more.pca_mse < few.pca_mse && few.pca_mse < few.mean_mse, "{few} {more}");
    // Of 64 pixels, 64 numbers say all.
    assert_eq!(measured(64).pca_mse, 0.0);
    let said = format!("PCA with 100 numbers: 0, the mean image: {:.5}", few.mean_mse);
    assert_eq!(measured(100).to_string(), said);
    assert_eq!(
        few.to_string(),
        format!("PCA with 4 numbers: {:.5}, the mean image: {:.5}", few.pca_mse, few.mean_mse)
    );
}

/// The mean image by hand: one pixel of 0 and 1 in turn, one of 0.2.
#[test]
fn the_mean_image_is_that_of_the_images_trained_on() {
    let shape = ImageShape { channels: 1, height: 1, width: 2 };
    let images = dataset(shape, &[0, 51, 255, 51], &[255, 51, 255, 102]);
    let found = mean_image_mse(&images, false).expect("whole");
    assert!((found - (0.25 + 0.25 + 0.04) / 4.0).abs() < 1e-6, "{found}");
}

#[test]
fn maps_are_held_against_blocks() {
    let shape = ImageShape { channels: 1, height: 28, width: 28 };
    let conv = |code| LinearCode::of(&model(Kind::Conv, shape, &latent(code)));
    let map = conv(CodeForm::Map(3));
    assert_eq!(map.name(), "block PCA with 3 numbers a 4x4 block");
    assert_eq!((map.section.blocks, map.width()), ([7, 7], 16));
    assert_eq!(conv(CodeForm::Vector(32)).name(), "PCA with 32 numbers");
    let choices = Choices {
        arch: Some("conv:8,8,8".parse().expect("an architecture")),
        ..latent(CodeForm::Map(1))
    };
    let map = LinearCode::of(&model(Kind::Conv, shape, &choices));
    assert_eq!(map.name(), "block PCA with 1 number an 8x8 block");
    assert_eq!((map.section.blocks, map.width()), ([4, 4], 64));
    // Every pixel is in one block, and blocks at the edge are cut off.
    let mut seen = vec![0; 28 * 28];
    for block in 0..16 {
        map.section.pixels(shape, block).for_each(|(_, pixel)| seen[pixel] += 1);
    }
    assert!(seen.iter().all(|times| *times == 1));
    assert_eq!(map.section.pixels(shape, 15).count(), 16);
    assert_eq!(map.section.pixels(shape, 15).nth(5), Some((9, 25 * 28 + 25)));
}

/// Blocks that are each of one colour are one number each, at any size, padding or not.
#[test]
fn blocks_of_one_colour_take_one_number() {
    let shape = ImageShape { channels: 1, height: 6, width: 7 };
    let image = |seed: usize| {
        (0..42)
            .map(move |pixel| ((seed * 37 + pixel / 7 / 4 * 91 + pixel % 7 / 4 * 53) % 256) as u8)
    };
    let train: Vec<u8> = (0..200).flat_map(image).collect();
    let test: Vec<u8> = (200..240).flat_map(image).collect();
    let images = dataset(shape, &train, &test);
    let choices = Choices {
        arch: Some("conv:4,4".parse().expect("an architecture")),
        ..latent(CodeForm::Map(4))
    };
    let model = model(Kind::Conv, shape, &choices);
    let found = Yardstick::new(&model, &images, false).expect("whole").expect("nothing is missing");
    assert!(found.pca_mse < 1e-9 && found.mean_mse > 0.01, "{found}");
}

#[test]
fn codebooks_and_top_k_count_by_what_they_send() {
    let shape = ImageShape { channels: 1, height: 28, width: 28 };
    let of = |kind, choices: &Choices| LinearCode::of(&model(kind, shape, choices)).name();
    assert_eq!(of(Kind::Vqvae, &Choices::default()), "PCA with 49 numbers, one a place");
    let top_k = Choices { sparsity: Some(crate::models::Sparsity::TopK), ..Choices::default() };
    assert_eq!(of(Kind::Sparse, &top_k), "PCA with 25 numbers, those that stay");
    assert_eq!(of(Kind::Vae, &Choices::default()), "PCA with 20 numbers");
}

#[test]
fn few_images_are_said_to_be_few_and_missing_pixels_are_left_alone() {
    let mut images = digits();
    images.train = images.train.take(11);
    let model = model(Kind::Dense, images.shape, &latent(CodeForm::Vector(32)));
    let found = Yardstick::new(&model, &images, false).expect("whole").expect("nothing is missing");
    assert_eq!(found.name, "PCA with 10 numbers, the most that 11 images tell of");
    images.masked = true;
    assert_eq!(Yardstick::new(&model, &images, false).expect("whole"), None);
}

/// What is drawn differs from what it was drawn from by `x (1 - x)` on the mean.
#[test]
fn drawn_pixels_are_held_against_drawn_pixels() {
    let digits = digits();
    let [grey, drawn] = [false, true].map(|drawn| mean_image_mse(&digits, drawn).expect("whole"));
    let own = digits.test.pixels.iter().map(|byte| f64::from(*byte) / 255.0);
    let own = own.map(|x| x * (1.0 - x)).sum::<f64>() / digits.test.pixels.len() as f64;
    assert!((drawn - grey - own).abs() < 0.005, "{grey} {drawn} {own}");
    let model = model(Kind::Iwae, digits.shape, &Choices::default());
    let found = Yardstick::new(&model, &digits, true).expect("whole").expect("nothing is missing");
    assert!(found.mean_mse == drawn && found.pca_mse < drawn, "{found}");
}
