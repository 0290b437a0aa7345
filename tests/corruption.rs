//! What corrupted images promise: how much of each is corrupted and where, others at every step and the
//! same again at the same one, all channels of a pixel alike.

use diabolo::cpu::CpuExecutor;
use diabolo::error::{Error, Result};
use diabolo::graph::{Executor, Graph, Plan, PlanRequest, State};
use diabolo::ops::{self, Amount, Corruption, CorruptionKind, NodeId, StepScalars};
use diabolo::rng::{Philox, Seed, Stream};
use diabolo::shape::Shape;
use diabolo::tensor::Tensor;
use rand::RngExt;

/// What becomes of `images` at `step` on the CPU, in memory that was full of NaN.
fn corrupt_with(
    images: &Tensor,
    step: u32,
    build: impl Fn(&mut Graph, NodeId) -> Result<NodeId>,
) -> Tensor {
    let mut graph = Graph::new();
    let x = graph.input("x", images.shape().clone());
    let output = build(&mut graph, x).unwrap();
    let layout = graph.layout();
    let outputs = vec![("output".into(), output)];
    let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) });
    let mut cpu = CpuExecutor::new();
    cpu.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
    let plan = cpu.add_plan(plan.unwrap(), None).unwrap();
    cpu.write_input(plan, "x", images).unwrap();
    cpu.poison(plan);
    cpu.run(plan, &[StepScalars { step, seed: [1, 2], ..Default::default() }]).unwrap();
    cpu.read_output(plan, "output").unwrap()
}

fn corrupt(images: &Tensor, corruption: Corruption, step: u32) -> Tensor {
    corrupt_with(images, step, |graph, x| ops::corrupt(graph, x, corruption))
}

fn grey(shape: [usize; 4], value: f32) -> Tensor {
    Tensor::full(Shape::from(shape), value)
}

fn any(shape: [usize; 4]) -> Tensor {
    let mut random = Philox::new(Seed(3), Stream(0));
    let values = (0..shape.iter().product()).map(|_| random.random_range(0.0..1.0)).collect();
    Tensor::new(shape, values).unwrap()
}

/// The share of elements for which `condition` holds.
fn share(x: &Tensor, condition: impl Fn(f32) -> bool) -> f64 {
    let count = x.data().iter().filter(|x| condition(**x)).count();
    count as f64 / x.data().len() as f64
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x)).sum::<f64>() / values.len() as f64
}

const KINDS: [&str; 15] = [
    "gaussian:0.4",
    "gaussian:0.1-0.4",
    "camera:0.2",
    "camera:0.05-0.4",
    "salt-pepper:0.3",
    "salt-pepper:0.1-0.5",
    "mask:0.5",
    "mask:0.2-0.8",
    "rectangles:0.25",
    "blur:1.5",
    "blur:0.5-3",
    "jpeg:30",
    "jpeg:5-80",
    "haze:0.5",
    "haze:0.2-0.8",
];

fn kinds() -> impl Iterator<Item = Corruption> {
    KINDS.into_iter().map(|text| text.parse().expect(text))
}

#[test]
fn steps_differ_and_repeat_and_stay_in_range() {
    // Large enough for threads, with planes that fill no block of draws.
    let images = any([70, 3, 15, 13]);
    for corruption in kinds() {
        let first = corrupt(&images, corruption, 4);
        assert_eq!(first, corrupt(&images, corruption, 4), "{corruption} repeats");
        let draws = corruption.is_drawn();
        let other = corrupt(&images, corruption, 5);
        assert_eq!(first != other, draws, "{corruption} draws anew");
        assert_ne!(first, images, "{corruption} changes something");
        assert_eq!(share(&first, |x| (0.0..=1.0).contains(&x)), 1.0, "{corruption}");
    }
}

#[test]
fn gaussian_noise_has_its_moments_and_is_clipped() {
    let noise = |deviation| {
        let corrupted = corrupt(
            &grey([40, 1, 28, 28], 0.5),
            Corruption::new(CorruptionKind::Gaussian, deviation),
            1,
        );
        let (mean, values) = (mean(corrupted.data()), corrupted.data().to_vec());
        let square = |x: &f32| (f64::from(*x) - mean).powi(2);
        (mean, (values.iter().map(square).sum::<f64>() / values.len() as f64).sqrt(), corrupted)
    };
    let (mean, deviation, _) = noise(0.1);
    assert!((mean - 0.5).abs() < 0.003 && (deviation - 0.1).abs() < 0.003, "{mean}, {deviation}");
    // Beyond one deviation on either side: 0.1587 each.
    let (_, _, corrupted) = noise(0.5);
    let (black, white) = (share(&corrupted, |x| x == 0.0), share(&corrupted, |x| x == 1.0));
    assert!((black - 0.1587).abs() < 0.01 && (white - 0.1587).abs() < 0.01, "{black}, {white}");
}

/// The mean and the standard deviation.
fn moments(values: &[f32]) -> [f64; 2] {
    let mean = mean(values);
    let square = |x: &f32| (f64::from(*x) - mean).powi(2);
    [mean, (values.iter().map(square).sum::<f64>() / values.len() as f64).sqrt()]
}

#[test]
fn noise_of_a_camera_grows_with_light() {
    let noise = Corruption::new(CorruptionKind::Camera, 0.08);
    for light in [0.3_f32, 0.5, 0.7] {
        let corrupted = corrupt(&grey([40, 3, 28, 28], light), noise, 1);
        let [mean, deviation] = moments(corrupted.data());
        let expected = 0.08 * ((1.0 + 15.0 * f64::from(light)) / 16.0).sqrt();
        assert!((mean - f64::from(light)).abs() < 0.001, "{mean} of {light}");
        assert!((deviation / expected - 1.0).abs() < 0.01, "{deviation}, not {expected}");
    }
    // At the ends half of it is cut off, and nothing else: the mean of what is left is s / sqrt(2 pi).
    for (light, deviation) in [(0.0, 0.02), (1.0, 0.08)] {
        let corrupted = corrupt(&grey([40, 3, 28, 28], light), noise, 1);
        let cut = share(&corrupted, |x| x == light);
        assert!((cut - 0.5).abs() < 0.01, "{cut} at {light}");
        let left = (mean(corrupted.data()) - f64::from(light)).abs();
        let expected = deviation / std::f64::consts::TAU.sqrt();
        assert!((left / expected - 1.0).abs() < 0.02, "{left}, not {expected}");
    }
}

#[test]
fn strengths_of_a_camera_are_drawn_for_each_image() {
    let noise = Corruption::new(CorruptionKind::Camera, [0.02, 0.1]);
    let corrupted = corrupt(&grey([300, 3, 17, 19], 0.5), noise, 1);
    let at_white = |image: &[f32]| (moments(image)[1] / (8.5_f64 / 16.0).sqrt()) as f32;
    let strengths: Vec<f32> = corrupted.data().chunks(3 * 17 * 19).map(at_white).collect();
    let [mean, deviation] = moments(&strengths);
    // Evenly from the range, whose deviation is its width by sqrt(12).
    assert!(
        (mean - 0.06).abs() < 0.004 && (deviation - 0.0231).abs() < 0.002,
        "{mean} {deviation}"
    );
    assert!(strengths.iter().all(|s| (0.018..0.11).contains(s)), "{strengths:?}");
}

#[test]
fn pixels_are_corrupted_as_often_as_said_and_in_all_channels() {
    let images = grey([50, 3, 27, 29], 0.5);
    let salted = corrupt(&images, Corruption::new(CorruptionKind::SaltAndPepper, 0.3), 1);
    let (black, white) = (share(&salted, |x| x == 0.0), share(&salted, |x| x == 1.0));
    assert!((black - 0.15).abs() < 0.01 && (white - 0.15).abs() < 0.01, "{black}, {white}");
    let masked = corrupt(&images, Corruption::new(CorruptionKind::Mask, 0.7), 1);
    let black = share(&masked, |x| x == 0.0);
    assert!((black - 0.7).abs() < 0.01, "{black}");
    for corrupted in [salted, masked] {
        assert_eq!(share(&corrupted, |x| x == 0.0 || x == 1.0 || x == 0.5), 1.0);
        for image in corrupted.data().chunks(3 * 27 * 29) {
            let planes: Vec<&[f32]> = image.chunks(27 * 29).collect();
            assert!(planes[0] == planes[1] && planes[1] == planes[2]);
        }
    }
}

#[test]
fn shares_of_a_range_are_drawn_for_each_image() {
    let (images, plane) = (grey([300, 2, 20, 20], 0.5), 400);
    for (kind, drawn) in [(CorruptionKind::Mask, 0.5), (CorruptionKind::SaltAndPepper, 0.5)] {
        let corrupted = corrupt(&images, Corruption::new(kind, [0.2, 0.8]), 1);
        let shares: Vec<f32> = corrupted
            .data()
            .chunks(2 * plane)
            .map(|image| {
                assert_eq!(image[..plane], image[plane..], "channels are corrupted alike");
                image.iter().filter(|x| **x != 0.5).count() as f32 / (2 * plane) as f32
            })
            .collect();
        assert!((mean(&shares) - drawn).abs() < 0.03, "{kind:?}: {}", mean(&shares));
        // Evenly: a quarter of images in each quarter of the range, but for what pixels add.
        for least in [0.2, 0.35, 0.5, 0.65] {
            let within = shares.iter().filter(|x| (least..least + 0.15).contains(*x)).count();
            assert!((50..105).contains(&within), "{kind:?}: {within} from {least}");
        }
    }
}

#[test]
fn deviations_of_a_blur_are_drawn_for_each_image() {
    let mut spots = grey([200, 1, 25, 25], 0.0);
    spots.data_mut().chunks_mut(625).for_each(|image| image[12 * 25 + 12] = 1.0);
    let blurred = corrupt(&spots, Corruption::new(CorruptionKind::Blur, [0.0, 3.0]), 1);
    // What is left of a spot is 1 / (2 pi s^2), where s is no less than half a pixel or so.
    let deviations: Vec<f32> = blurred
        .data()
        .chunks(625)
        .map(|image| {
            let sum: f32 = image.iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "{sum}");
            (std::f32::consts::TAU * image[12 * 25 + 12]).sqrt().recip()
        })
        .collect();
    let below = |bound| deviations.iter().filter(|s| **s < bound).count() as f64 / 200.0;
    for bound in [1.0_f32, 1.5, 2.0, 2.5] {
        assert!((below(bound) - f64::from(bound) / 3.0).abs() < 0.1, "{}", below(bound));
    }
    assert_eq!(below(3.1), 1.0);
}

/// Top, left, height and width of the zeros of a plane, which form a rectangle.
fn rectangle(plane: &[f32], width: usize) -> [usize; 4] {
    let zeros: Vec<usize> = (0..plane.len()).filter(|place| plane[*place] == 0.0).collect();
    let bounds = |of: fn(usize, usize) -> usize| {
        let places = zeros.iter().map(|place| of(*place, width));
        (places.clone().min().unwrap(), places.max().unwrap())
    };
    let (top, bottom) = bounds(|place, width| place / width);
    let (left, right) = bounds(|place, width| place % width);
    let [h, w] = [bottom - top + 1, right - left + 1];
    assert_eq!(zeros.len(), h * w, "the zeros fill a rectangle");
    [top, left, h, w]
}

#[test]
fn rectangles_cover_their_share_anywhere() {
    let (height, width) = (28, 20);
    let images = grey([200, 2, height, width], 0.5);
    let corrupted = corrupt(&images, Corruption::new(CorruptionKind::Rectangles, 0.25), 1);
    let mut corners = vec![];
    for image in corrupted.data().chunks(2 * height * width) {
        let (first, second) = image.split_at(height * width);
        assert_eq!(first, second, "channels are corrupted alike");
        let [top, left, h, w] = rectangle(first, width);
        assert_eq!([h, w], [14, 10]);
        corners.push([top, left]);
    }
    // Of 15 x 11 places, the first and the last are reached along either axis.
    for (axis, last) in [(0, 14), (1, 10)] {
        let places: Vec<usize> = corners.iter().map(|corner| corner[axis]).collect();
        assert_eq!((places.iter().min(), places.iter().max()), (Some(&0), Some(&last)));
        let mean = places.iter().sum::<usize>() as f64 / places.len() as f64;
        assert!((mean - last as f64 / 2.0).abs() < 0.15 * last as f64, "mean {mean} of {last}");
    }
}

#[test]
fn haze_adds_the_airlight_of_its_image() {
    let t = 0.4_f32;
    let images = any([300, 2, 5, 5]);
    let corrupted = corrupt(&images, Corruption::new(CorruptionKind::Haze, t), 1);
    let mut lights = vec![];
    for (clear, hazy) in images.data().chunks(50).zip(corrupted.data().chunks(50)) {
        let light = |(x, y): (&f32, &f32)| (y - x * t) / (1.0 - t);
        let of_image: Vec<f32> = clear.iter().zip(hazy).map(light).collect();
        let same = of_image.iter().all(|light| (light - of_image[0]).abs() < 1e-5);
        assert!(same && (0.8 - 1e-5..=1.0 + 1e-5).contains(&of_image[0]), "{of_image:?}");
        lights.push(of_image[0]);
    }
    assert!((mean(&lights) - 0.9).abs() < 0.01, "{}", mean(&lights));
    let (least, most) = lights.iter().fold((1.0_f32, 0.0_f32), |(a, b), x| (a.min(*x), b.max(*x)));
    assert!(least < 0.81 && most > 0.99, "{least} to {most}");
}

#[test]
fn haze_of_a_range_varies_over_an_image_between_its_corners() {
    let (height, width) = (6, 8);
    // Of black and of white, haze makes a (1 - t) and t + a (1 - t): their difference is t.
    let mut images = grey([200, 2, height, width], 0.0);
    let plane = height * width;
    images.data_mut().chunks_mut(2 * plane).for_each(|image| image[plane..].fill(1.0));
    let corrupted = corrupt(&images, Corruption::new(CorruptionKind::Haze, [0.2, 0.8]), 1);
    let (mut all, mut spread) = (vec![], vec![]);
    for image in corrupted.data().chunks(2 * plane) {
        let (black, white) = image.split_at(plane);
        let t: Vec<f32> = black.iter().zip(white).map(|(black, white)| white - black).collect();
        let light = |(black, t): (&f32, &f32)| black / (1.0 - t);
        assert!(black.iter().zip(&t).map(light).all(|a| (0.8 - 1e-5..1.0 + 1e-5).contains(&a)));
        // Straight along each row and each column, whose slopes change as evenly.
        let at = |y: usize, x: usize| t[y * width + x];
        let slopes = |y: usize, x: usize| (at(y, x + 1) - at(y, x), at(y + 1, x) - at(y, x));
        for (y, x) in (0..height - 1).flat_map(|y| (0..width - 1).map(move |x| (y, x))) {
            assert!((slopes(y, x).0 - slopes(y, 0).0).abs() < 1e-5);
            assert!((slopes(y, x).1 - slopes(0, x).1).abs() < 1e-5);
        }
        let bounds = t.iter().fold([1.0_f32, 0.0], |[a, b], t| [a.min(*t), b.max(*t)]);
        assert!(bounds[0] >= 0.2 - 1e-5 && bounds[1] <= 0.8 + 1e-5, "{bounds:?}");
        spread.push(bounds[1] - bounds[0]);
        all.extend(t);
    }
    assert!((mean(&all) - 0.5).abs() < 0.02, "{}", mean(&all));
    // Four numbers of a range lie 0.6 of it apart; pixels end half a pixel inside.
    assert!((0.25..0.36).contains(&mean(&spread)), "{}", mean(&spread));
}

#[test]
fn a_blur_keeps_constants_and_means() {
    for deviation in [0.3, 1.0, 4.0, 16.0] {
        let blur = Corruption::new(CorruptionKind::Blur, deviation);
        for value in [0.0, 0.3, 1.0] {
            let blurred = corrupt(&grey([1, 2, 9, 11], value), blur, 1);
            assert_eq!(share(&blurred, |x| (x - value).abs() < 1e-6), 1.0, "{blur} of {value}");
        }
    }
    // A spot far from the edges: nothing of it is lost, and it spreads as a Gaussian.
    let deviation = 1.5_f64;
    let mut spot = grey([1, 1, 21, 23], 0.0);
    spot.data_mut()[10 * 23 + 11] = 1.0;
    let blurred = corrupt(&spot, Corruption::new(CorruptionKind::Blur, 1.5), 1);
    assert!((mean(blurred.data()) - mean(spot.data())).abs() < 1e-8);
    let gauss = |k: f64| (-0.5 * (k / deviation).powi(2)).exp();
    let sum: f64 = (-5..=5).map(|k| gauss(f64::from(k))).sum();
    for (place, x) in blurred.data().iter().enumerate() {
        let (dy, dx) = ((place / 23) as f64 - 10.0, (place % 23) as f64 - 11.0);
        let near = dy.abs() <= 5.0 && dx.abs() <= 5.0;
        let expected = if near { gauss(dy) * gauss(dx) / (sum * sum) } else { 0.0 };
        assert!((f64::from(*x) - expected).abs() < 1e-6, "{x} at {place}, expected {expected}");
    }
}

#[test]
fn edges_of_a_blurred_image_are_continued() {
    // Equal rows: a blur mixes columns only, the first of which stands for all before it.
    let row = [1.0, 0.0, 0.5, 0.25];
    let image = Tensor::new([1, 1, 3, 4], row.repeat(3)).unwrap();
    let blurred = corrupt(&image, Corruption::new(CorruptionKind::Blur, 1.0), 1);
    let gauss = |k: i32| (-0.5 * f64::from(k).powi(2)).exp();
    let sum: f64 = (-3..=3).map(gauss).sum();
    for (place, x) in blurred.data().iter().enumerate() {
        let at = |k: i32| f64::from(row[(place as i32 % 4 + k).clamp(0, 3) as usize]);
        let expected = (-3..=3).map(|k| gauss(k) * at(k)).sum::<f64>() / sum;
        assert!((f64::from(*x) - expected).abs() < 1e-6, "{x} at {place}, expected {expected}");
    }
}

#[test]
fn pixels_are_binarised_by_their_brightness() {
    let binary = |value| corrupt_with(&grey([10, 1, 60, 61], value), 2, |g, x| ops::binarise(g, x));
    for value in [0.0, 0.2, 0.9, 1.0] {
        let drawn = binary(value);
        assert_eq!(share(&drawn, |x| x == 0.0 || x == 1.0), 1.0);
        let white = share(&drawn, |x| x == 1.0);
        let certain = value == 0.0 || value == 1.0;
        let margin = if certain { 0.0 } else { 0.01 };
        assert!((white - f64::from(value)).abs() <= margin + 1e-7, "{white} of {value}");
    }
    let images = grey([2, 1, 8, 8], 0.5);
    let at = |step| corrupt_with(&images, step, |graph, x| ops::binarise(graph, x));
    assert!(at(1) == at(1) && at(1) != at(2));
}

#[test]
fn corrupted_data_has_no_gradient() {
    let mut graph = Graph::new();
    let x = graph.input("x", [1, 1, 4, 4]);
    // Normal noise from a range is a sum like any other.
    let is_sum = |noise: &Corruption| noise.deviation().is_some_and(Amount::is_range);
    for corruption in kinds().filter(|noise| !is_sum(noise)) {
        let corrupted = ops::corrupt(&mut graph, x, corruption).unwrap();
        let loss = ops::sum_all(&mut graph, corrupted).unwrap();
        let gradient = graph.gradients(loss, &[x]).unwrap()[0];
        let text = format!("{:?}", graph.node(gradient).kind);
        assert!(text.starts_with("Constant"), "{corruption}: {text}");
    }
}

#[test]
fn wrong_images_and_amounts_are_refused() {
    let mut graph = Graph::new();
    let x = graph.input("x", [2, 16]);
    for corruption in kinds() {
        let error = ops::corrupt(&mut graph, x, corruption).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{error}");
    }
    let x = graph.input("images", [2, 1, 4, 4]);
    for corruption in [
        Corruption::new(CorruptionKind::Mask, 1.0),
        Corruption::new(CorruptionKind::Blur, f32::NAN),
        Corruption::new(CorruptionKind::Blur, [1.0, f32::NAN]),
    ] {
        let error = ops::corrupt(&mut graph, x, corruption).unwrap_err();
        assert!(error.to_string().contains("--noise"), "{error}");
    }
    let error = ops::top_k_mask(&mut graph, x, 0).unwrap_err();
    assert!(error.to_string().contains("1 or more"), "{error}");
}
