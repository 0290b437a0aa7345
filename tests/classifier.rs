//! The classifier learns what there is to learn, on both devices, the same each time, and says what
//! is wrong with its examples.

mod support;

use diabolo::arithmetic::byte::number_of_byte;
use diabolo::data::{Dataset, ImageShape, Images, LoadOptions, Source};
use diabolo::evaluate::{Classifier, Examples, TrainedClassifier};
use diabolo::rng::Seed;
use support::devices::{Device, cpu, gpu};

const WIDTH: usize = 64;

/// Pixels as numbers, and their classes.
struct Rows {
    features: Vec<f32>,
    labels: Vec<u32>,
}

impl Rows {
    fn of(images: &Images) -> Self {
        let features = images.pixels.iter().map(|byte| number_of_byte(*byte)).collect();
        Self { features, labels: images.labels.clone().expect("digits have labels") }
    }

    fn examples(&self) -> Examples<'_> {
        Examples { features: &self.features, width: WIDTH, labels: &self.labels }
    }
}

/// The digits to train on, and those held out.
fn digits() -> [Rows; 2] {
    let data = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
    [Rows::of(&data.train), Rows::of(&data.test)]
}

fn trained(settings: &Classifier, device: &mut dyn Device, rows: &Rows) -> TrainedClassifier {
    settings.train(device, &rows.examples(), 10).expect("the digits can be learned")
}

fn assert_learns_on_both(settings: &Classifier, least: f64) {
    let [train, test] = digits();
    let predict = |mut device: Box<dyn Device>| {
        let classifier = trained(settings, device.as_mut(), &train);
        let accuracy = classifier.accuracy(device.as_mut(), &test.examples()).unwrap();
        assert!(accuracy > least, "{}: {accuracy}", device.name());
        let predicted = classifier.predict(device.as_mut(), &test.features, WIDTH).unwrap();
        let right = predicted.iter().zip(&test.labels).filter(|(a, b)| a == b).count();
        assert_eq!(accuracy, right as f64 / 360.0);
        (classifier, predicted)
    };
    let (classifier, on_cpu) = predict(Box::new(cpu()));
    let (_, on_gpu) = predict(Box::new(gpu()));
    let apart = on_cpu.iter().zip(&on_gpu).filter(|(a, b)| a != b).count();
    assert!(apart <= 3, "trained apart, {apart} of 360 predictions differ");
    let moved = classifier.predict(&mut gpu(), &test.features, WIDTH).unwrap();
    assert_eq!(moved, on_cpu, "one classifier predicts alike everywhere");
}

#[test]
fn a_linear_probe_learns_the_digits() {
    assert_learns_on_both(&Classifier::probe(), 0.90);
}

#[test]
fn a_dense_classifier_learns_the_digits() {
    assert_learns_on_both(&Classifier::dense(), 0.93);
}

#[test]
fn images_are_read_by_convolutions_and_compared_by_what_these_see() {
    // Bars somewhere, upright or lying: no pixel says which.
    let shape = ImageShape { channels: 1, height: 17, width: 16 };
    let bar = |number: usize, pixel: usize| {
        let (row, column, at) = (pixel / 16, pixel % 16, number / 2 % 12 + 2);
        f32::from(u8::from(if number.is_multiple_of(2) { row == at } else { column == at }))
    };
    let features: Vec<f32> =
        (0..600).flat_map(|number| (0..17 * 16).map(move |pixel| bar(number, pixel))).collect();
    let labels: Vec<u32> = (0..600).map(|number| number % 2).collect();
    let bars = Examples { features: &features, width: shape.elements(), labels: &labels };
    let settings = Classifier::of_images(shape);
    assert!(settings.convolutions.is_some());
    let mut device = cpu();
    let classifier = settings.train(&mut device, &bars, 2).unwrap();
    assert_eq!(classifier.accuracy(&mut device, &bars).unwrap(), 1.0);
    let hidden = classifier.hidden(&mut device, &features, bars.width).unwrap();
    assert_eq!(hidden.len(), 600 * classifier.units());
    let moved = classifier.hidden(&mut gpu(), &features, bars.width).unwrap();
    for (a, b) in hidden.iter().zip(&moved) {
        assert!((a - b).abs() < 1e-3 * a.abs().max(1.0), "{a} {b}");
    }
    // Smaller images have dense layers, and as many units at the end.
    let small = Classifier::of_images(ImageShape { channels: 3, height: 8, width: 40 });
    assert!(small.convolutions.is_none());
    assert_eq!(small.hidden.last(), settings.hidden.last());
}

#[test]
fn a_hidden_layer_learns_what_no_line_divides() {
    let corners = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let features: Vec<f32> = corners.iter().cycle().take(400).flatten().copied().collect();
    let labels: Vec<u32> = [0, 1, 1, 0].into_iter().cycle().take(400).collect();
    let xor = Examples { features: &features, width: 2, labels: &labels };
    let accuracy = |settings: Classifier| {
        let mut device = cpu();
        let classifier = settings.train(&mut device, &xor, 2).unwrap();
        classifier.accuracy(&mut device, &xor).unwrap()
    };
    let settings = Classifier { batch: 20, epochs: 30, ..Classifier::dense() };
    assert_eq!(accuracy(settings.clone()), 1.0);
    assert!(accuracy(Classifier { hidden: vec![], ..settings }) <= 0.75);
}

#[test]
fn one_seed_gives_the_same_bits_and_another_does_not() {
    let [train, _] = digits();
    let settings = Classifier { epochs: 2, ..Classifier::dense() };
    let new = || -> [Box<dyn Device>; 2] { [Box::new(cpu()), Box::new(gpu())] };
    for (mut first, mut second) in new().into_iter().zip(new()) {
        let a = trained(&settings, first.as_mut(), &train);
        assert!(a == trained(&settings, second.as_mut(), &train), "{}", first.name());
    }
    let other = Classifier { seed: Seed(1), ..settings.clone() };
    assert!(trained(&settings, &mut cpu(), &train) != trained(&other, &mut cpu(), &train));
}

#[test]
fn scale_and_constants_do_not_matter() {
    let [train, test] = digits();
    // Each feature has a scale and an offset of its own; the digits' corners are constant anyway.
    let stretch = |rows: &Rows| {
        let stretched = |(at, x): (usize, &f32)| x * (1.0 + (at % WIDTH) as f32) - 300.0;
        let features = rows.features.iter().enumerate().map(stretched).collect();
        Rows { features, labels: rows.labels.clone() }
    };
    let accuracy = |train: &Rows, test: &Rows| {
        let mut device = cpu();
        let classifier = trained(&Classifier::probe(), &mut device, train);
        classifier.accuracy(&mut device, &test.examples()).unwrap()
    };
    let apart = accuracy(&train, &test) - accuracy(&stretch(&train), &stretch(&test));
    assert!(apart.abs() < 0.01, "{apart}");
}

#[test]
fn fewer_examples_than_a_batch_are_one_step_an_epoch() {
    let examples = Examples { features: &[-1.0, 0.5, 2.0], width: 1, labels: &[0, 1, 2] };
    for mut device in [Box::new(cpu()) as Box<dyn Device>, Box::new(gpu())] {
        let settings = Classifier { epochs: 200, learning_rate: 0.1, ..Classifier::probe() };
        let classifier = settings.train(device.as_mut(), &examples, 3).unwrap();
        let predicted = classifier.predict(device.as_mut(), &[-2.0, 0.5, 3.0, 0.4], 1).unwrap();
        assert_eq!(predicted, [0, 1, 2, 1]);
    }
}

fn refused(features: &[f32], width: usize, labels: &[u32], expected: &str) {
    let examples = Examples { features, width, labels };
    let result = Classifier::probe().train(&mut cpu(), &examples, 2);
    let error = result.expect_err(expected).to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn examples_that_make_no_sense_are_refused() {
    refused(&[], 1, &[], "at least one example");
    refused(&[1.0], 0, &[0], "at least one example");
    refused(&[1.0; 5], 2, &[0, 1], "5 numbers are not whole rows of 2");
    refused(&[1.0; 4], 2, &[0, 1, 1], "there are 3 for 2 rows");
    refused(&[1.0; 4], 2, &[0, 2], "example 1 (from 0) has label 2");
    refused(&[1.0, 2.0, 3.0, f32::NAN], 2, &[0, 1], "number 1 of example 1 (from 0) is NaN");
    let examples = Examples { features: &[0.0, 1.0], width: 1, labels: &[0, 1] };
    assert!(Classifier::probe().train(&mut cpu(), &examples, 0).is_err(), "no classes");
    let probe = Classifier::probe();
    for (setting, wrong) in [
        ("hidden", Classifier { hidden: vec![3, 0], ..probe.clone() }),
        ("epochs", Classifier { epochs: 0, ..probe.clone() }),
        ("batch", Classifier { batch: 0, ..probe.clone() }),
        ("learning_rate", Classifier { learning_rate: f32::NAN, ..probe.clone() }),
        ("weight_decay", Classifier { weight_decay: -1.0, ..probe.clone() }),
    ] {
        let error = wrong.train(&mut cpu(), &examples, 2).expect_err(setting).to_string();
        assert!(error.starts_with(setting), "{error}");
    }
}

#[test]
fn predictions_need_features_of_the_same_width() {
    let examples = Examples { features: &[0.0, 1.0], width: 1, labels: &[0, 1] };
    let classifier = Classifier::probe().train(&mut cpu(), &examples, 2).unwrap();
    let error = classifier.predict(&mut cpu(), &[0.0; 4], 2).expect_err("too wide").to_string();
    assert!(error.contains("have 2 numbers a row, but 1 were trained on"), "{error}");
    let outside = Examples { labels: &[0, 2], ..examples };
    assert!(classifier.accuracy(&mut cpu(), &outside).is_err());
    assert!(classifier.predict(&mut cpu(), &[], 1).is_err());
}

#[test]
fn a_learning_rate_without_measure_is_an_error() {
    let [train, _] = digits();
    let settings = Classifier { learning_rate: 1e38, ..Classifier::dense() };
    let error = settings.train(&mut cpu(), &train.examples(), 10).expect_err("it diverges");
    assert!(error.to_string().contains("lower learning rate"), "{error}");
}
