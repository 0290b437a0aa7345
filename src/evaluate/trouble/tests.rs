use super::*;
use crate::data::ImageShape;
use crate::inference::latent::standard_normal;
use crate::models::{Choices, CodeForm, Kind};
use crate::rng::Seed;

const SHAPE: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };

fn model(kind: Kind, latent: CodeForm) -> Model {
    let latent = (kind != Kind::Vqvae).then_some(latent);
    let activation = Some(Activation::Relu);
    let choices = Choices { latent, activation, ..Choices::default() };
    kind.build(SHAPE, 2, &choices, false).expect("options go together").0
}

/// Codes of 100 images, all numbers of which differ.
fn lively(width: usize) -> Codes {
    Codes { width, values: standard_normal(100 * width, Seed(2)), ..Codes::default() }
}

/// The same with some numbers set, by their places in the code.
fn with(mut codes: Codes, places: std::ops::Range<usize>, value: f32) -> Codes {
    codes.values.chunks_mut(codes.width).for_each(|row| row[places.clone()].fill(value));
    codes
}

fn said(model: &Model, codes: &Codes) -> Vec<(Trouble, String)> {
    of_codes(model, codes).into_iter().map(|found| (found.trouble, found.text)).collect()
}

#[test]
fn dead_units_are_counted_and_the_advice_fits() {
    let dense = model(Kind::Dense, CodeForm::Vector(8));
    assert_eq!(said(&dense, &lively(8)), []);
    assert_eq!(said(&dense, &with(lively(8), 0..3, 0.0)), []);
    let text = "6 of 8 units of the code are dead, they are 0 for every picture; try --activation \
                leaky-relu:0.1 or a lower --lr";
    let dead = with(lively(8), 2..8, 0.0);
    assert_eq!(said(&dense, &dead), [(Trouble::DeadUnits, text.into())]);
    // What is the same for every picture is as dead.
    let still = said(&dense, &with(lively(8), 2..8, 0.7));
    assert!(still[0].1.contains("they are the same for every picture"), "{still:?}");
    // Sparse codes are meant to have many, but not as many.
    let sparse = model(Kind::Sparse, CodeForm::Vector(8));
    assert_eq!(said(&sparse, &dead), []);
    let all = said(&sparse, &with(lively(8), 0..8, 0.0));
    assert!(all[0].1.ends_with("try a lower --penalty or a lower --lr"), "{all:?}");
}

#[test]
fn a_channel_of_a_map_is_dead_only_with_all_its_places() {
    let conv = model(Kind::Conv, CodeForm::Map(4));
    let places = conv.network.latent() / 4;
    // Corners of images may be dark in all of them.
    assert_eq!(said(&conv, &with(lively(4 * places), 0..places - 1, 0.0)), []);
    let dead = said(&conv, &with(lively(4 * places), 0..3 * places, 0.0));
    assert!(dead[0].1.starts_with("3 of 4 channels of the code are dead"), "{dead:?}");
}

#[test]
fn zeros_are_trouble_where_codes_are_not_meant_to_be_sparse() {
    let mut codes = lively(8);
    // Each unit is active for some image.
    codes.values.iter_mut().enumerate().filter(|(at, _)| at % 25 != 0).for_each(|(_, x)| *x = 0.0);
    let found = said(&model(Kind::Dense, CodeForm::Vector(8)), &codes);
    let text = "96% of the numbers of codes are 0; try --activation leaky-relu:0.1 or a lower --lr";
    assert_eq!(found, [(Trouble::Zeros, text.into())]);
    assert_eq!(said(&model(Kind::Sparse, CodeForm::Vector(8)), &codes), []);
}

#[test]
fn a_posterior_that_is_the_prior_says_nothing() {
    let vae = model(Kind::Vae, CodeForm::Vector(8));
    let log_variances = |codes: &Codes| Some(vec![0.0; codes.values.len()]);
    let used = Codes { log_variances: log_variances(&lively(8)), ..lively(8) };
    assert_eq!(said(&vae, &used), []);
    assert_eq!(said(&vae, &with(used.clone(), 0..5, 0.0)), []);
    let found = said(&vae, &with(used, 0..7, 0.01));
    assert_eq!(found[0].0, Trouble::Posterior);
    assert!(found[0].1.starts_with("7 of 8 dimensions of the code are not used"), "{found:?}");
}

#[test]
fn dimensions_that_do_not_vary_are_unused_only_over_enough_images() {
    let codes = |count: usize| Codes { width: 4, values: vec![0.5; 4 * count], ..Codes::default() };
    assert_eq!([1, 3, 15].map(|count| of_active(0, &codes(count))), [None, None, None]);
    assert_eq!(of_active(4, &codes(99)), None);
    let found = of_active(1, &codes(16)).expect("enough");
    assert!(found.text.starts_with("3 of 4 dimensions of the code are not used"), "{found}");
}

#[test]
fn few_places_do_not_show_that_a_codebook_is_unused() {
    let vqvae = model(Kind::Vqvae, CodeForm::Vector(8));
    // 5% of 128 codes are 6.4, and 20 images of a place each cannot tell.
    let few = Codes { indices: Some(vec![3; 20]), ..with(lively(8), 0..8, 0.5) };
    assert_eq!(said(&vqvae, &few), []);
    let many = Codes { indices: Some(vec![3; 26]), ..with(lively(8), 0..8, 0.5) };
    assert_eq!(said(&vqvae, &many)[0].0, Trouble::Codebook);
}

#[test]
fn a_codebook_of_which_little_is_used_is_named() {
    let vqvae = model(Kind::Vqvae, CodeForm::Vector(8));
    let used = |of: u32| Codes { indices: Some((0..400).map(|n| n % of).collect()), ..lively(8) };
    assert_eq!(said(&vqvae, &used(20)), []);
    let found = said(&vqvae, &used(3));
    assert_eq!(found[0].0, Trouble::Codebook);
    let start = "3 of 128 codes of the codebook are used, as if they were 3.0 (codebook collapse)";
    assert!(found[0].1.starts_with(start), "{found:?}");
}

#[test]
fn pixels_that_are_stuck_are_those_that_ought_not_to_be_there() {
    let tensor = |values: Vec<f32>| Tensor::new([values.len()], values).expect("a row");
    // Four in five pixels are dark, as those of digits are.
    let images = tensor((0..1000).map(|at| f32::from(u8::from(at % 5 == 0)) * 0.8).collect());
    let half = tensor(vec![0.4; 1000]);
    assert_eq!(of_reconstructions(&images, &images), None);
    assert_eq!(of_reconstructions(&images, &half), None);
    let dark = of_reconstructions(&images, &tensor(vec![0.0; 1000])).expect("all dark");
    assert_eq!(dark.trouble, Trouble::Saturation);
    assert!(dark.text.starts_with("100% of the pixels that are not 0 are stuck at 0"), "{dark}");
    let bright = of_reconstructions(&images, &tensor(vec![1.0; 1000])).expect("all bright");
    assert!(bright.text.contains("stuck at 1"), "{bright}");
    // Images without anything to go by.
    let black = tensor(vec![0.0; 1000]);
    assert_eq!(of_reconstructions(&black, &black), None);
}

#[test]
fn the_mean_picture_is_named() {
    let dense = model(Kind::Dense, CodeForm::Vector(8));
    assert_eq!(of_errors(&dense, 0.05, 0.087), None);
    let found = of_errors(&dense, 0.0868, 0.0872).expect("the mean picture");
    let text = "reconstructions are hardly nearer to the pictures than the mean picture is (mse \
                0.08680, the mean picture's 0.08720); unless more --epochs help, try --activation \
                leaky-relu:0.1 or a lower --lr";
    assert_eq!(found, Finding::new(Trouble::MeanImage, text));
    assert!(of_errors(&dense, 0.5, 0.0872).is_some());
    assert_eq!(of_errors(&dense, f64::NAN, 0.0872), None);
    let vae = of_errors(&model(Kind::Vae, CodeForm::Vector(8)), 0.09, 0.0872);
    assert!(vae.is_some_and(|found| found.text.contains("a lower --beta")));
}

#[test]
fn too_few_codes_and_numbers_that_are_none_show_nothing() {
    let dense = model(Kind::Dense, CodeForm::Vector(8));
    let few = Codes { width: 8, values: vec![0.0; 8 * 15], ..Codes::default() };
    assert_eq!(said(&dense, &few), []);
    assert_eq!(said(&dense, &with(lively(8), 0..8, f32::NAN)), []);
}

#[test]
fn a_linear_code_that_does_better_is_named() {
    let yardstick =
        Yardstick { name: "PCA with 32 numbers".into(), pca_mse: 0.00509, mean_mse: 0.08715 };
    assert_eq!(of_linear(0.0027, &yardstick), None);
    let found = of_linear(0.0146, &yardstick).expect("PCA is better");
    assert_eq!(found.trouble, Trouble::Linear);
    let start = "PCA with 32 numbers does better than this model (mse 0.00509, not 0.01460); try";
    assert!(found.text.starts_with(start), "{found}");
}
