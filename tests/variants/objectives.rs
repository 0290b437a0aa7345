//! Objectives against what is known of them: closed forms, bounds, differences.

use clap::Parser;
use diabolo::cpu::CpuExecutor;
use diabolo::data::ImageShape;
use diabolo::graph::{Executor, Graph, Plan, PlanRequest, State};
use diabolo::inference::{self, Codes, Inference, KnownCodes, Sampler};
use diabolo::models::{Batch, Kind, Model, Scope, jacobian_squares};
use diabolo::ops::{self, Builder, NodeId, StepScalars};
use diabolo::rng::Seed;
use diabolo::run::TrainArgs;
use diabolo::tensor::Tensor;

use super::words;

const DIGITS: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };

/// A model for the digits.
fn model(kind: Kind, options: &str) -> Model {
    let args = TrainArgs::try_parse_from(words(options)).unwrap_or_else(|e| panic!("{e}"));
    let choices = kind.recipe(&args.choices, false).choices;
    kind.model(DIGITS, 10, &choices).unwrap_or_else(|error| panic!("{options}: {error}"))
}

/// Images that differ from each other, in (0, 1).
fn images(count: usize) -> Tensor {
    let value = |index: usize| 0.5 + 0.45 * ((index * index % 101) as f32 * 0.7).sin();
    let values = (0..count * DIGITS.elements()).map(value).collect();
    Tensor::new([count, 1, 8, 8], values).expect("whole images")
}

/// The values of nodes that `build` adds over a batch of images.
fn values<const N: usize>(
    model: &Model,
    state: Option<&State>,
    images: &Tensor,
    build: impl Fn(&mut Scope, &Batch) -> diabolo::error::Result<[NodeId; N]>,
) -> [Tensor; N] {
    let mut graph = Graph::new();
    let input = graph.input("images", images.shape().clone());
    let batch = Batch { images: input, input, seen: None, labels: None };
    let mut scope = Scope { graph: &mut graph, training: false };
    let nodes = build(&mut scope, &batch).expect("the graph can be built");
    let layout = inference::layout(model).expect("the model has a state");
    let outputs = nodes.iter().enumerate().map(|(i, node)| (i.to_string(), *node)).collect();
    let request = PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) };
    let mut device = CpuExecutor::new();
    let initial = State::initial(&layout, Seed(2), 0);
    device.set_state(state.unwrap_or(&initial)).expect("the state fits");
    let plan = device.add_plan(Plan::new(&request).expect("a plan"), None).expect("fits");
    device.write_input(plan, "images", images).expect("fits");
    device.run(plan, &[StepScalars::default()]).expect("runs");
    std::array::from_fn(|index| device.read_output(plan, &index.to_string()).expect("is there"))
}

/// A variational model whose parameters are all 0, so that codes say nothing: the posterior is the
/// prior, and each pixel is 1 with probability 1/2.
fn silent(options: &str) -> (Model, State) {
    let model = model(Kind::Vae, options);
    let layout = inference::layout(&model).expect("has a state");
    let mut state = State::initial(&layout, Seed(0), 0);
    state.parameters.fill(0.0);
    (model, state)
}

#[test]
fn the_closed_form_of_a_jacobian_is_the_exact_one() {
    for options in ["--arch dense --latent 9", "--arch dense --latent 9 --activation tanh"] {
        let model = model(Kind::Contractive, &format!("{options} --penalty 1"));
        // At a weight of 0, the loss is the reconstruction; the measure is taken all the same.
        let [closed, exact, estimate] = values(&model, None, &images(5), |scope, batch| {
            let objective = model.objective(scope, batch)?;
            let code = model.encode(scope, batch.input, None)?.code;
            let exact = jacobian_squares(scope.graph, code, batch.input, 0)?;
            let estimate = jacobian_squares(scope.graph, code, batch.input, 512)?;
            assert_eq!(objective.measures[0].0, "jacobian_norm");
            Ok([objective.measures[0].1, exact, estimate])
        });
        let mean = exact.data().iter().map(|square| square.sqrt()).sum::<f32>() / 5.0;
        assert!((closed.data()[0] - mean).abs() < 1e-5 * mean, "{} {mean}", closed.data()[0]);
        for (exact, estimate) in exact.data().iter().zip(estimate.data()) {
            assert!((exact - estimate).abs() < 0.2 * exact, "{estimate} estimates {exact}");
        }
    }
}

#[test]
fn a_jacobian_follows_from_finite_differences() {
    let model =
        model(Kind::Contractive, "--arch conv:3 --latent 4 --downsample stride --activation tanh");
    let base = images(1);
    let [exact, code] = values(&model, None, &base, |scope, batch| {
        let code = model.encode(scope, batch.input, None)?.code;
        Ok([jacobian_squares(scope.graph, code, batch.input, 0)?, code])
    });
    assert_eq!(code.shape()[..], [1, 4]);
    let mut sum = 0.0;
    let step = 1e-2;
    for pixel in 0..DIGITS.elements() {
        let moved = |by: f32| {
            let mut image = base.clone();
            image.data_mut()[pixel] += by;
            let [code] = values(&model, None, &image, |scope, batch| {
                Ok([model.encode(scope, batch.input, None)?.code])
            });
            code
        };
        let (up, down) = (moved(step), moved(-step));
        let slopes = up.data().iter().zip(down.data()).map(|(a, b)| (a - b) / (2.0 * step));
        sum += slopes.map(|slope| slope * slope).sum::<f32>();
    }
    assert!(
        (sum - exact.data()[0]).abs() < 0.01 * sum,
        "{sum} by differences, {}",
        exact.data()[0]
    );
}

#[test]
fn the_k_greatest_units_stay() {
    let model = model(Kind::Sparse, "--arch dense --latent 40 --sparsity topk --k 5");
    let [code] = values(&model, None, &images(7), |scope, batch| {
        Ok([model.encode(scope, batch.input, None)?.code])
    });
    for row in code.data().chunks(40) {
        assert_eq!(row.iter().filter(|value| **value != 0.0).count(), 5);
    }
}

#[test]
fn the_likelihood_of_a_silent_model_is_known_exactly() {
    let (model, state) = silent("--arch dense:9 --latent 3");
    let layout = inference::layout(&model).expect("has a state");
    let mut device = CpuExecutor::new();
    device.set_state(&state).expect("fits");
    let mut inference = Inference::new(&mut device, &model, &layout);
    // More samples than are held at once: 60 images in batches of 50, 100 samples at a time.
    let likelihoods = inference.log_likelihood(&images(60), None, 130).expect("runs");
    let expected = -64.0 * std::f64::consts::LN_2;
    for likelihood in likelihoods {
        assert!((likelihood - expected).abs() < 1e-3, "{likelihood} is not {expected}");
    }
}

#[test]
fn more_samples_tighten_the_bound() {
    let model = model(Kind::Vae, "--arch dense:9 --latent 3");
    let layout = inference::layout(&model).expect("has a state");
    let mut device = CpuExecutor::new();
    let mut state = State::initial(&layout, Seed(5), 0);
    // Weights that make codes matter.
    state.parameters.iter_mut().for_each(|weight| *weight *= 3.0);
    device.set_state(&state).expect("fits");
    let mut inference = Inference::new(&mut device, &model, &layout);
    let mut mean = |samples| {
        let all = inference.log_likelihood(&images(40), None, samples).expect("runs");
        all.iter().sum::<f64>() / 40.0
    };
    let (one, ten, many) = (mean(1), mean(10), mean(500));
    assert!(one < ten && ten < many, "{one}, {ten}, {many}");
    let again = mean(500);
    assert!(again == many, "draws are the same at each measurement");
}

#[test]
fn one_weighted_sample_has_the_elbo_as_its_mean() {
    let model = model(Kind::Vae, "--arch dense:9 --latent 3");
    let layout = inference::layout(&model).expect("has a state");
    // Many copies of the same images, a draw each.
    let many: Vec<f32> = (0..200).flat_map(|_| images(8).data().to_vec()).collect();
    let many = Tensor::new([1600, 1, 8, 8], many).expect("whole images");
    let [measures] = values(&model, None, &many, |scope, batch| {
        let objective = model.objective(scope, batch)?;
        let elbo = objective.measures.iter().find(|(name, _)| *name == "elbo");
        Ok([elbo.expect("is measured").1])
    });
    let mut device = CpuExecutor::new();
    device.set_state(&State::initial(&layout, Seed(2), 0)).expect("fits");
    let mut inference = Inference::new(&mut device, &model, &layout);
    let all = inference.log_likelihood(&many, None, 1).expect("runs");
    let mean = -all.iter().sum::<f64>() / 1600.0;
    let elbo = f64::from(measures.data()[0]);
    assert!((mean - elbo).abs() < 0.01 * elbo, "{mean} on average, {elbo} in closed form");
}

#[test]
fn warm_up_raises_the_weight_and_free_bits_hold_a_floor() {
    let warm = model(Kind::Vae, "--arch dense:9 --latent 3 --beta 2 --warmup 4");
    let weights = [0.0, 1.0, 2.0, 4.0, 9.0].map(|epochs| warm.weight(epochs, None));
    assert_eq!(weights, [0.0, 0.5, 1.0, 2.0, 2.0]);
    let (model, state) = silent("--arch dense:9 --latent 3 --free-bits 0.5");
    let loss = |weight: f32| {
        let mut graph = Graph::new();
        let input = graph.input("images", [2, 1, 8, 8]);
        let batch = Batch { images: input, input, seen: None, labels: None };
        let scope = &mut Scope { graph: &mut graph, training: true };
        let loss = model.objective(scope, &batch).expect("builds").loss;
        let layout = inference::layout(&model).expect("has a state");
        let outputs = vec![("loss".into(), loss)];
        let request = PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) };
        let mut device = CpuExecutor::new();
        device.set_state(&state).expect("fits");
        let plan = device.add_plan(Plan::new(&request).expect("plans"), None).expect("fits");
        device.write_input(plan, "images", &images(2)).expect("fits");
        device.run(plan, &[StepScalars { weight, ..StepScalars::default() }]).expect("runs");
        device.read_output(plan, "loss").expect("is there").data()[0]
    };
    // Three dimensions of half a nat each, though the divergence is 0.
    assert!((loss(2.0) - loss(0.0) - 3.0).abs() < 1e-4, "{} {}", loss(2.0), loss(0.0));
}

#[test]
fn quantised_codes_are_the_nearest_of_the_codebook() {
    let model = model(Kind::Vqvae, "--arch conv:3 --code-dim 3 --codes 7");
    let layout = inference::layout(&model).expect("has a state");
    let mut state = State::initial(&layout, Seed(4), 0);
    let entry = layout.iter().find(|(entry, _)| entry.name.0 == "codebook.codes");
    let (_, place) = entry.expect("there is a codebook");
    state.buffers[place.clone()].iter_mut().for_each(|value| *value *= 7.0);
    let codebook = state.buffers[place].to_vec();
    let [code, index, plain] = values(&model, Some(&state), &images(4), |scope, batch| {
        let encoded = model.encode(scope, batch.input, None)?;
        let features = model.network.features(scope, batch.input, None)?;
        let plain = model.network.head(scope, "code", features, None)?;
        Ok([encoded.code, encoded.index.expect("has numbers"), plain])
    });
    let at = |tensor: &Tensor, image: usize, place: usize| -> Vec<f32> {
        (0..3).map(|channel| tensor.data()[(image * 3 + channel) * 16 + place]).collect()
    };
    let distance =
        |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum() };
    for image in 0..4 {
        for place in 0..16 {
            let chosen = index.data()[image * 16 + place] as usize;
            let (z, q) = (at(&plain, image, place), at(&code, image, place));
            assert!(distance(&q, &codebook[chosen * 3..][..3]) < 1e-9);
            for other in codebook.chunks(3) {
                assert!(distance(&z, &q) <= distance(&z, other) + 1e-5);
            }
        }
    }
}

#[test]
fn the_loss_counts_what_is_seen_alone() {
    use diabolo::nn::{Decoded, Loss, Output};
    let mut graph = Graph::new();
    let images = graph.input("images", [1, 2, 1, 2]);
    let logits = graph.input("logits", [1, 2, 1, 2]);
    let seen = graph.input("seen", [1, 1, 1, 2]);
    let decoded = Decoded {
        logits,
        output: Output::Sigmoid,
        base: None,
        deviation: None,
        log_variance: None,
    };
    let loss = |graph: &mut Graph, loss: Loss, seen| loss.of(graph, decoded, images, seen);
    let mse = loss(&mut graph, Loss::Mse, Some(seen)).expect("builds");
    let bce = loss(&mut graph, Loss::Bce, Some(seen)).expect("builds");
    let layout = graph.layout();
    let outputs = vec![("mse".into(), mse), ("bce".into(), bce)];
    let request = PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) };
    let mut device = CpuExecutor::new();
    device.set_state(&State::initial(&layout, Seed(0), 0)).expect("fits");
    let plan = device.add_plan(Plan::new(&request).expect("plans"), None).expect("fits");
    let mut write = |name: &str, shape: [usize; 4], values: &[f32]| {
        let value = Tensor::new(shape, values.to_vec()).expect("fits");
        device.write_input(plan, name, &value).expect("fits");
    };
    write("logits", [1, 2, 1, 2], &[0.0; 4]);
    write("images", [1, 2, 1, 2], &[1.0, 9.0, 0.5, 9.0]);
    write("seen", [1, 1, 1, 2], &[1.0, 0.0]);
    device.run(plan, &[StepScalars::default()]).expect("runs");
    let value = |device: &mut CpuExecutor, name| device.read_output(plan, name).unwrap().data()[0];
    assert!((value(&mut device, "mse") - 0.125).abs() < 1e-6);
    assert!((value(&mut device, "bce") - 2.0 * std::f32::consts::LN_2).abs() < 1e-6);
}

#[test]
fn a_model_that_is_told_the_noise_adds_and_errs_in_units_of_it() {
    let options = "--residual --arch flat:4x2 --noise gaussian:0.1-0.3";
    let model = model(Kind::Denoising, options);
    let layout = inference::layout(&model).expect("has a state");
    let mut device = CpuExecutor::new();
    let mut state = State::initial(&layout, Seed(3), 0);
    // What the last layer makes is one number everywhere.
    state.tensor_mut("decoder.output.weight").expect("is there").fill(0.0);
    state.tensor_mut("decoder.output.bias").expect("is there").fill(-0.25);
    device.set_state(&state).expect("fits");
    let given = images(2);
    for level in [0.1, 0.3] {
        let inference = Inference::new(&mut device, &model, &layout);
        let mut inference = inference.with_noise_level(Some(level));
        let made = inference.reconstruct(&given, None).expect("runs");
        for (made, given) in made.data().iter().zip(given.data()) {
            let wanted = (given - 0.25 * level).clamp(0.0, 1.0);
            assert!((made - wanted).abs() < 1e-6, "{level}: {made}, not {wanted}");
        }
    }
    // Of a tenth, 0.25 tenths are no other error than of three tenths.
    for level in [0.1, 0.3] {
        let [loss] = values(&model, Some(&state), &given, |scope, batch| {
            let mut shape = scope.graph.shape(batch.images).to_vec();
            shape[1] = 1;
            let plane = scope.graph.constant(Tensor::full(shape, level));
            let input = ops::concat(scope.graph, &[batch.images, plane], 1)?;
            Ok([model.objective(scope, &Batch { input, ..*batch })?.loss])
        });
        assert!((loss.data()[0] - 0.0625).abs() < 1e-4, "{level}: {loss:?}");
    }
}

#[test]
fn a_pixel_that_is_nan_is_missing() {
    let model = model(Kind::Dense, "--arch dense:9 --latent 4");
    let layout = inference::layout(&model).expect("has a state");
    let mut device = CpuExecutor::new();
    device.set_state(&State::initial(&layout, Seed(3), 0)).expect("fits");
    let mut inference = Inference::new(&mut device, &model, &layout);
    let (mut holed, mut zeroed) = (images(2), images(2));
    (holed.data_mut()[70], zeroed.data_mut()[70]) = (f32::NAN, 0.0);
    let a = inference.reconstruct(&holed, None).expect("runs");
    let b = inference.reconstruct(&zeroed, None).expect("runs");
    assert!(a.data().iter().all(|value| value.is_finite()));
    assert_eq!(a, b);
}

#[test]
fn places_of_new_quantised_codes_come_from_real_ones() {
    let model = model(Kind::Vqvae, "--arch conv:3 --code-dim 2 --codes 5");
    let width = model.network.latent();
    let values = (0..3 * width).map(|index| index as f32).collect();
    let train = Codes { width, values, ..Codes::default() };
    let known = KnownCodes { train, ..KnownCodes::default() };
    let drawn = Sampler::new(&model, known).codes(20, Seed(1)).expect("needs no device");
    for code in drawn.chunks(width) {
        for place in 0..16 {
            let donor = code[place] as usize / width;
            assert_eq!(code[16 + place] as usize / width, donor, "a place comes whole");
            assert_eq!(code[place] as usize % width, place, "and stays where it is");
        }
    }
}
