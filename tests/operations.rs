//! Operations against plain f64 computations on the CPU, and the GPU against the CPU, at sizes that
//! fill no vector and no workgroup, with memory poisoned first.

use std::f64::consts::TAU;
use std::sync::Arc;

use diabolo::cpu::CpuExecutor;
use diabolo::error::Result;
use diabolo::gpu::{DeviceChoice, GpuExecutor, GpuOptions, Mixed, ShaderChecks};
use diabolo::graph::{Data, DataId, Executor, Graph, Plan, PlanId, PlanRequest, State};
use diabolo::ops::{self, Builder, NodeId, RandomKind, StepScalars, Upsampling};
use diabolo::rng::{Philox, Seed, Stream, block};
use diabolo::shape::{Element, Shape};
use diabolo::tensor::Tensor;
use rand::RngExt;

const STEP: StepScalars = StepScalars {
    step: 5,
    cursor: 2,
    row: 0,
    weight: 0.0,
    seed: [11, 22],
    learning_rate: 0.0,
    place: 0,
    corrections: [0.0; 4],
};

/// Both executors.
struct Pair {
    cpu: CpuExecutor,
    gpu: GpuExecutor,
}

impl Pair {
    fn new() -> Self {
        let options = GpuOptions {
            checks: ShaderChecks::Checked,
            target: None,
            mixed: Mixed::Stored,
            cache: None,
            tuning: None,
        };
        let gpu = GpuExecutor::choose(&DeviceChoice::Gpu, options)
            .unwrap_or_else(|error| panic!("{error}"));
        Self { cpu: CpuExecutor::new(), gpu }
    }

    /// The output on the CPU and on the GPU.
    fn run(
        &mut self,
        inputs: &[Tensor],
        data: [Option<DataId>; 2],
        build: impl Fn(&mut Graph, &[NodeId]) -> Result<NodeId>,
    ) -> [Tensor; 2] {
        let mut graph = Graph::new();
        let named = inputs.iter().enumerate();
        let nodes: Vec<NodeId> =
            named.map(|(i, x)| graph.input(&format!("x{i}"), x.shape().clone())).collect();
        let output = build(&mut graph, &nodes).unwrap();
        let plan = |executor: &mut dyn Executor, data| -> PlanId {
            let layout = graph.layout();
            executor.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
            let request = PlanRequest {
                outputs: vec![("output".into(), output)],
                ..PlanRequest::new(&graph, &layout, executor.target())
            };
            let plan = executor.add_plan(Plan::new(&request).unwrap(), data).unwrap();
            for (i, input) in inputs.iter().enumerate() {
                executor.write_input(plan, &format!("x{i}"), input).unwrap();
            }
            plan
        };
        let finish = |executor: &mut dyn Executor, plan| {
            executor.run(plan, &[STEP]).unwrap();
            executor.read_output(plan, "output").unwrap()
        };
        let on_cpu = plan(&mut self.cpu, data[0]);
        self.cpu.poison(on_cpu);
        let on_gpu = plan(&mut self.gpu, data[1]);
        self.gpu.poison(on_gpu).unwrap();
        [finish(&mut self.cpu, on_cpu), finish(&mut self.gpu, on_gpu)]
    }

    /// Compares the CPU with `expected`, a number an element of the output, and the GPU with the
    /// CPU, both to `tolerance` relative to numbers above 1.
    fn check(
        &mut self,
        name: &str,
        inputs: &[Tensor],
        tolerance: f64,
        build: impl Fn(&mut Graph, &[NodeId]) -> Result<NodeId>,
        expected: impl Fn(usize) -> f64,
    ) {
        let [cpu, gpu] = self.run(inputs, [None; 2], build);
        let close = |a: f64, b: f64| (a - b).abs() <= tolerance * b.abs().max(1.0);
        for (i, (cpu, gpu)) in cpu.data().iter().zip(gpu.data()).enumerate() {
            let (cpu, gpu, expected) = (f64::from(*cpu), f64::from(*gpu), expected(i));
            assert!(close(cpu, expected), "{name}[{i}]: {cpu} on the CPU, expected {expected}");
            assert!(close(gpu, cpu), "{name}[{i}]: {gpu} on the GPU, {cpu} on the CPU");
        }
    }
}

fn any(seed: u64, shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    let mut random = Philox::new(Seed(seed), Stream(1));
    let values = (0..shape.elements()).map(|_| random.random_range(-3.0..3.0)).collect();
    Tensor::new(shape, values).unwrap()
}

fn at(x: &Tensor, i: usize) -> f64 {
    f64::from(x.data()[i])
}

#[test]
fn batches_are_gathered_in_order() {
    let mut pair = Pair::new();
    for image in [[3, 5, 7], [1, 1, 3], [1, 4, 4], [1, 1, 1], [2, 1, 5]] {
        let bytes: usize = image.iter().product();
        let (images, order) = (9, [8, 3, 0, 7, 7, 1, 8]);
        let pixels: Vec<u8> = (0..images * bytes).map(|i| (i * 37 % 256) as u8).collect();
        let labels: Vec<u32> = (0..images as u32).map(|i| i * i).collect();
        let data = [&mut pair.cpu as &mut dyn Executor, &mut pair.gpu].map(|executor| {
            executor.set_state(&State::initial(&Graph::new().layout(), Seed(0), 0)).unwrap();
            let data = executor.add_data(images, bytes).unwrap();
            executor.write_data(data, &pixels, &labels).unwrap();
            executor.write_order(data, &order).unwrap();
            Some(data)
        });
        let gathered = pair.run(&[], data, |graph, _| {
            let pixels = graph.data(Data::Pixels, (images * bytes).div_ceil(4));
            let order = graph.data(Data::Order, images);
            ops::gather_images(graph, pixels, order, 5, image, Element::Byte)
        });
        for (device, gathered) in ["CPU", "GPU"].iter().zip(gathered) {
            assert_eq!(gathered.shape()[..], [5, image[0], image[1], image[2]]);
            for (i, value) in gathered.data().iter().enumerate() {
                let byte = pixels[order[2 + i / bytes] as usize * bytes + i % bytes];
                let right = (value - f32::from(byte) / 255.0).abs() < 1e-6;
                assert!(right, "{image:?}[{i}] on the {device}: {value}, byte {byte}");
            }
        }
        let labels = pair.run(&[], data, |graph, _| {
            let labels = graph.data(Data::Labels, images);
            let order = graph.data(Data::Order, images);
            ops::gather_labels(graph, labels, order, 5)
        });
        assert!(labels.iter().all(|labels| labels.data() == [0.0, 49.0, 49.0, 1.0, 64.0]));
    }
}

#[test]
fn random_words_are_the_same_bits_everywhere() {
    let mut pair = Pair::new();
    let length = 70_003;
    let drawn = pair.run(&[], [None; 2], |graph, _| {
        graph.fresh_stream();
        ops::random(graph, [length], RandomKind::Words)
    });
    for i in 0..length {
        let word = block(STEP.seed(), Stream(1), STEP.step, i as u32 / 4)[i % 4];
        assert_eq!(drawn[0].data()[i].to_bits(), word, "word {i} on the CPU");
        assert_eq!(drawn[1].data()[i].to_bits(), word, "word {i} on the GPU");
    }
}

#[test]
fn draws_agree() {
    let mut pair = Pair::new();
    let words: Vec<u32> = (0..5004)
        .map(|i| block(STEP.seed(), Stream(0), STEP.step, i / 4)[i as usize % 4])
        .collect();
    let uniform = |i: usize| f64::from(words[i] >> 8) / 16_777_216.0;
    let normal = |i: usize| {
        let pair = i / 2 * 2;
        let radius = (-2.0 * (f64::from((words[pair] >> 8) + 1) / 16_777_216.0).ln()).sqrt();
        let angle = TAU * uniform(pair + 1);
        radius * if i == pair { angle.cos() } else { angle.sin() }
    };
    let draw = |kind| move |graph: &mut Graph, _: &[NodeId]| ops::random(graph, [5003], kind);
    let kind = RandomKind::Uniform { low: -1.0, high: 3.0 };
    pair.check("uniform", &[], 1e-6, draw(kind), |i| 4.0 * uniform(i) - 1.0);
    let kind = RandomKind::Normal { mean: 0.5, deviation: 2.0 };
    pair.check("normal", &[], 3e-6, draw(kind), |i| 0.5 + 2.0 * normal(i));
    let kind = RandomKind::Bernoulli { probability: 0.3 };
    let success = |i| f64::from(u8::from(uniform(i) < f64::from(0.3_f32)));
    pair.check("bernoulli", &[], 0.0, draw(kind), success);

    let x = [any(1, [5003]), any(2, [5003])];
    let kept = |i| uniform(i) >= f64::from(0.4_f32);
    let build = |graph: &mut Graph, x: &[NodeId]| ops::dropout(graph, x[0], 0.4);
    let dropped = |i| if kept(i) { at(&x[0], i) / 0.6 } else { 0.0 };
    pair.check("dropout", &x[..1], 1e-6, build, dropped);
    let build = |graph: &mut Graph, x: &[NodeId]| ops::reparameterise(graph, x[0], x[1]);
    let sample = |i| at(&x[0], i) + (at(&x[1], i) / 2.0).exp() * normal(i);
    pair.check("reparameterise", &x, 5e-6, build, sample);
}

#[test]
fn elements_move_as_said() {
    let mut pair = Pair::new();
    let x = [any(3, [5, 3, 7, 2])];
    let build = |graph: &mut Graph, x: &[NodeId]| ops::permute(graph, x[0], &[2, 0, 3, 1]);
    pair.check("permute", &x, 0.0, build, |i| {
        let (c, a, d, b) = (i / 30, i / 6 % 5, i / 3 % 2, i % 3);
        at(&x[0], ((a * 3 + b) * 7 + c) * 2 + d)
    });
    let build =
        |graph: &mut Graph, x: &[NodeId]| ops::slice(graph, x[0], &[1, 0, 2, 1], &[4, 3, 7, 2]);
    pair.check("slice", &x, 0.0, build, |i| {
        let (a, b, c) = (i / 15 + 1, i / 5 % 3, i % 5 + 2);
        at(&x[0], ((a * 3 + b) * 7 + c) * 2 + 1)
    });
    let build =
        |graph: &mut Graph, x: &[NodeId]| ops::pad(graph, x[0], &[0, 1, 2, 0], &[0, 0, 1, 0], -4.0);
    pair.check("pad", &x, 0.0, build, |i| {
        let (a, b, c, d) = (i / 80, i / 20 % 4, i / 2 % 10, i % 2);
        let inside = b >= 1 && (2..9).contains(&c);
        if inside { at(&x[0], ((a * 3 + b - 1) * 7 + c - 2) * 2 + d) } else { -4.0 }
    });
    let many: Vec<Tensor> = (0..10).map(|i| any(10 + i, [3, 1 + i as usize % 4, 5])).collect();
    let total: usize = many.iter().map(|x| x.shape()[1]).sum();
    let build = |graph: &mut Graph, x: &[NodeId]| ops::concat(graph, x, 1);
    pair.check("concat", &many, 0.0, build, |i| {
        let (a, mut b, c) = (i / 5 / total, i / 5 % total, i % 5);
        let mut parts = many.iter();
        let mut part = parts.next().unwrap();
        while b >= part.shape()[1] {
            b -= part.shape()[1];
            part = parts.next().unwrap();
        }
        at(part, (a * part.shape()[1] + b) * 5 + c)
    });
}

#[test]
fn rows_of_all_lengths() {
    let mut pair = Pair::new();
    for shape in [[5, 1], [131, 7], [3, 32], [5, 33], [2, 64], [3, 1000], [66_000, 33]] {
        let length = shape[1];
        let mut x = any(4, shape);
        // Equal numbers, large numbers.
        x.data_mut().iter_mut().for_each(|x| *x = (*x * 4.0).round() * 10.0);
        let inputs = [x.clone()];
        let row =
            |r: usize| (0..length).map(|j| at(&inputs[0], r * length + j)).collect::<Vec<_>>();
        let log_sum = |r: usize| {
            let max = row(r).into_iter().fold(f64::MIN, f64::max);
            max + row(r).iter().map(|x| (x - max).exp()).sum::<f64>().ln()
        };
        // The largest is there for the dispatch, which is the same for all of them.
        let large = shape[0] > 1000;
        let of_element = |i: usize| at(&inputs[0], i) - log_sum(i / length);
        pair.check("log_softmax", &inputs, 1e-6, |g, x| ops::log_softmax(g, x[0]), of_element);
        if large {
            continue;
        }
        let build = |g: &mut Graph, x: &[NodeId]| ops::softmax(g, x[0]);
        pair.check("softmax", &inputs, 2e-6, build, |i| of_element(i).exp());
        pair.check("log_sum_exp", &inputs, 1e-6, |g, x| ops::log_sum_exp(g, x[0]), log_sum);
        let place = |r: usize, sign: f64| {
            let best = row(r).into_iter().fold(f64::MAX, |a, x| a.min(sign * x));
            row(r).iter().position(|x| sign * x == best).unwrap() as f64
        };
        pair.check("argmin", &inputs, 0.0, |g, x| ops::argmin(g, x[0]), |r| place(r, 1.0));
        pair.check("argmax", &inputs, 0.0, |g, x| ops::argmax(g, x[0]), |r| place(r, -1.0));
    }
}

#[test]
fn rows_by_number() {
    let mut pair = Pair::new();
    let index = Tensor::new([5], vec![3.0, 0.0, 3.0, 70.0, -2.0]).unwrap();
    let inputs = [any(5, [4, 7]), index.clone()];
    let build = |g: &mut Graph, x: &[NodeId]| ops::gather(g, x[0], x[1]);
    let rows = [3, 0, 3, 3, 0];
    pair.check("gather", &inputs, 0.0, build, |i| at(&inputs[0], rows[i / 7] * 7 + i % 7));
    let build = |g: &mut Graph, x: &[NodeId]| ops::one_hot(g, x[0], 4);
    let hot = |i: usize| f64::from(u8::from(index.data()[i / 4] == (i % 4) as f32));
    pair.check("one_hot", std::slice::from_ref(&index), 0.0, build, hot);
    // Past 65535 workgroups.
    let index = Tensor::new([1100], (0..1100).map(|i| (i * 3) as f32).collect()).unwrap();
    let build = |g: &mut Graph, x: &[NodeId]| ops::one_hot(g, x[0], 4001);
    let hot = |i: usize| f64::from(u8::from(i / 4001 * 3 == i % 4001));
    pair.check("one_hot, folded", &[index], 0.0, build, hot);
}

#[test]
fn images_resized() {
    let mut pair = Pair::new();
    let sizes = [([3, 5], [6, 10]), ([3, 5], [7, 4]), ([1, 1], [3, 2]), ([8, 8], [3, 5])];
    for (from, to) in sizes {
        let inputs = [any(6, [2, 3, from[0], from[1]])];
        let pixel = |plane: usize, y: usize, x: usize| {
            at(&inputs[0], (plane * from[0] + y.min(from[0] - 1)) * from[1] + x.min(from[1] - 1))
        };
        let place = |i: usize| (i / (to[0] * to[1]), i / to[1] % to[0], i % to[1]);
        let build = |kind| move |g: &mut Graph, x: &[NodeId]| ops::upsample2d(g, x[0], to, kind);
        pair.check("nearest", &inputs, 0.0, build(Upsampling::Nearest), |i| {
            let (plane, y, x) = place(i);
            pixel(plane, y * from[0] / to[0], x * from[1] / to[1])
        });
        pair.check("bilinear", &inputs, 2e-6, build(Upsampling::Bilinear), |i| {
            let (plane, y, x) = place(i);
            let source = |o: usize, axis: usize| {
                let scale = from[axis] as f64 / to[axis] as f64;
                let s = ((o as f64 + 0.5) * scale - 0.5).max(0.0);
                (s.floor() as usize, s.fract())
            };
            let ((y, v), (x, u)) = (source(y, 0), source(x, 1));
            (1.0 - v) * ((1.0 - u) * pixel(plane, y, x) + u * pixel(plane, y, x + 1))
                + v * ((1.0 - u) * pixel(plane, y + 1, x) + u * pixel(plane, y + 1, x + 1))
        });
        // The adjoint: sum of image times resized image, whichever of the two is resized.
        let large = any(7, [2, 3, to[0], to[1]]);
        for kind in [Upsampling::Nearest, Upsampling::Bilinear] {
            let op = Arc::new(ops::Upsample2d { kind, from, to, adjoint: true });
            let back =
                pair.run(std::slice::from_ref(&large), [None; 2], |g, x| g.apply(op.clone(), x));
            let forth = pair.run(&inputs, [None; 2], build(kind));
            for (back, forth) in back.iter().zip(&forth) {
                let (left, right) = (dot(back, &inputs[0]), dot(forth, &large));
                assert!((left - right).abs() < 1e-4, "{kind:?} {from:?} {to:?}: {left}, {right}");
            }
        }
    }
}

fn dot(a: &Tensor, b: &Tensor) -> f64 {
    a.data().iter().zip(b.data()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn batches_normalised() {
    let mut pair = Pair::new();
    for shape in [vec![7, 5], vec![3, 5, 2, 2], vec![3, 4, 3, 5], vec![1, 3, 1]] {
        let (channels, plane) = (shape[1], shape[2..].iter().product::<usize>());
        let x = any(8, shape);
        let count = x.shape().elements() / channels;
        let of = |c: usize| {
            let own = (0..x.data().len()).filter(move |i| i / plane % channels == c);
            own.map(|i| at(&x, i)).collect::<Vec<_>>()
        };
        let mean = |c| of(c).iter().sum::<f64>() / count as f64;
        let variance = |c| of(c).iter().map(|x| (x - mean(c)).powi(2)).sum::<f64>() / count as f64;
        let inputs = [x.clone(), any(9, [channels]), any(10, [channels])];
        let build = |g: &mut Graph, x: &[NodeId]| {
            let (mean, variance) = ops::moments(g, x[0])?;
            ops::normalise(g, x[0], [mean, variance], x[1], x[2], 1e-5)
        };
        pair.check("batch_norm", &inputs, 2e-5, build, |i| {
            let c = i / plane % channels;
            let scale = at(&inputs[1], c) / (variance(c) + 1e-5).sqrt();
            (at(&x, i) - mean(c)) * scale + at(&inputs[2], c)
        });
        let build = |g: &mut Graph, x: &[NodeId]| {
            let (mean, variance) = ops::moments(g, x[0])?;
            let running = [x[1], x[2]];
            let running = ops::running_moments(g, running, [mean, variance], 0.1, count)?;
            ops::concat(g, &running, 0)
        };
        let unbiased = count as f64 / (count - 1).max(1) as f64;
        pair.check("running moments", &inputs, 2e-6, build, |i| match i.checked_sub(channels) {
            None => 0.9 * at(&inputs[1], i) + 0.1 * mean(i),
            Some(c) => 0.9 * at(&inputs[2], c) + 0.1 * unbiased * variance(c),
        });
    }
}

#[test]
fn losses() {
    let mut pair = Pair::new();
    let mut inputs = [any(11, [13, 5]), any(12, [13, 5]), any(13, [13, 5])];
    // Beyond the range of log-variances.
    inputs[1].data_mut()[..4].copy_from_slice(&[-80.0, 60.0, -30.0, 20.0]);
    inputs[0].data_mut()[0] = at(&inputs[2], 0) as f32;
    let v = |i| at(&inputs[1], i).clamp(-30.0, 20.0);
    let build = |g: &mut Graph, x: &[NodeId]| ops::gaussian_nll(g, x[0], x[1], x[2]);
    pair.check("gaussian_nll", &inputs, 3e-6, build, |i| {
        let square = (at(&inputs[2], i) - at(&inputs[0], i)).powi(2);
        0.5 * (TAU.ln() + v(i) + square * (-v(i)).exp())
    });
    let build = |g: &mut Graph, x: &[NodeId]| ops::gaussian_kl(g, x[0], x[1]);
    pair.check("gaussian_kl", &inputs[..2], 3e-6, build, |i| {
        0.5 * (v(i).exp() - 1.0 - v(i) + at(&inputs[0], i).powi(2))
    });
    // Probabilities, and what rounding may make of them.
    let mut p = any(14, [67]);
    p.data_mut().iter_mut().for_each(|x| *x = *x / 6.0 + 0.5);
    p.data_mut()[..3].copy_from_slice(&[0.0, 1.0, 1.0 + 1e-7]);
    let p = [p];
    let build = |g: &mut Graph, x: &[NodeId]| ops::sparsity_kl(g, x[0], 0.05);
    pair.check("sparsity_kl", &p, 1e-5, build, |i| {
        let (rho, high) = (f64::from(0.05_f32), f64::from(1.0 - 1e-6_f32));
        let p = at(&p[0], i).clamp(f64::from(1e-6_f32), high);
        rho * (rho / p).ln() + (1.0 - rho) * ((1.0 - rho) / (1.0 - p)).ln()
    });
}

/// What a GPU's compiler may take no number to be, infinity, is not made of numbers.
#[test]
fn exponentials_of_large_numbers_are_numbers() {
    let x = Tensor::new([5], vec![88.0, 89.0, 1e30, -200.0, f32::NAN]).unwrap();
    let exp = |graph: &mut Graph, x: &[NodeId]| ops::unary(graph, x[0], ops::UnaryKind::Exp);
    for result in Pair::new().run(&[x], [None; 2], exp) {
        let [below, above, far, none, nan] = result.data()[..] else { panic!("five numbers") };
        assert!(below < above && above == far && far.is_finite(), "{result:?}");
        assert!(none == 0.0 && nan.is_nan(), "{result:?}");
    }
}
