//! Elementwise operations from outside the crate, made of an expression and its twin in Rust: both
//! devices compute the same, gradients are those of the function, and mistakes are errors.

#[allow(dead_code)]
mod support {
    pub mod case;
    pub mod compare;
    pub mod devices;
    pub mod dispatches;
    pub mod gradients;
}

use diabolo::ops::shared;
use diabolo::prelude::*;
use support::case::{Case, assert_same_on_both, tensor};
use support::devices::{cpu, gpu};
use support::gradients::{Check, Draw};

/// Swish with a slope, x / (1 + e^-slope x), by a function of WGSL, with two derivatives.
fn swish(slope: f32) -> Elementwise {
    let logistic = |x: f32| 1.0 / (1.0 + (-x).exp());
    let first = move |x: f32| {
        let s = logistic(slope * x);
        s * (1.0 + slope * x * (1.0 - s))
    };
    let second = move |x: f32| {
        let s = logistic(slope * x);
        slope * s * (1.0 - s) * (2.0 + slope * x * (1.0 - 2.0 * s))
    };
    Elementwise::new("own_swish", "x * logistic(slope * x)", move |x| x * logistic(slope * x))
        .derivative("slope_of_swish(x, logistic(slope * x)) // of first order", first)
        .derivative(
            "slope * logistic(slope * x) * logistic(-slope * x)
                * (2.0 + slope * x * (1.0 - 2.0 * logistic(slope * x)))",
            second,
        )
        .constant("slope", slope)
        .with_functions("fn logistic(x: f32) -> f32 { return 1.0 / (1.0 + exp(-x)); }")
        .with_functions(
            "fn slope_of_swish(x: f32, s: f32) -> f32 {
                return s * (1.0 + slope * x * (1.0 - s));
            }",
        )
}

/// What lies within a tenth of 0 becomes 0; whole numbers for a derivative's derivative.
fn shrink() -> Elementwise {
    Elementwise::new("own_shrink", "x - clamp(x, -0.1, 0.1)", |x| x - x.clamp(-0.1, 0.1))
        .derivative("f32(abs(x) > 0.1)", |x| f32::from(x.abs() > 0.1))
        .derivative("0", |_| 0.0)
}

/// A function of this crate's, by text that kernels share.
fn tanh() -> Elementwise {
    Elementwise::new("own_tanh", "tanh4(vec4(x)).x", f32::tanh)
        .derivative("1.0 - tanh4(vec4(x)).x * tanh4(vec4(x)).x", |x| 1.0 - x.tanh().powi(2))
        .derivative("-2.0 * tanh4(vec4(x)).x * (1.0 - tanh4(vec4(x)).x * tanh4(vec4(x)).x)", |x| {
            -2.0 * x.tanh() * (1.0 - x.tanh().powi(2))
        })
        .with_functions(shared::ACTIVATION)
}

fn operations() -> [Elementwise; 4] {
    [swish(1.5), swish(-0.25), shrink(), tanh()]
}

/// Numbers on both sides of the kinks of [`shrink`], and none of them within a step of one.
fn without_kinks(draw: &mut Draw, shape: Shape) -> Tensor {
    let mut x = draw.any(shape);
    for number in x.data_mut() {
        // The operation under test sees numbers 1.25 times as large.
        if (number.abs() * 1.25 - 0.1).abs() < 0.05 {
            *number += number.signum() * 0.1;
        }
    }
    x
}

#[test]
fn first_and_second_gradients_agree_with_differences() {
    for (seed, shape) in [vec![], vec![5], vec![2, 3], vec![2, 1, 4, 3]].into_iter().enumerate() {
        let inputs = [without_kinks(&mut Draw::new(seed as u64), Shape::new(shape))];
        for operation in operations() {
            let name = format!("{operation:?}");
            Check::new(name, &inputs).run(|graph, x| operation.apply(graph, x[0]));
        }
    }
}

#[test]
fn the_gpu_computes_what_the_cpu_does_through_second_gradients() {
    let mut adapter = gpu();
    // One element, sizes that are no vectors, several workgroups, and enough for several threads.
    for shape in [vec![1], vec![3, 5], vec![2, 5, 7, 3], vec![513], vec![40_003]] {
        for operation in operations() {
            let inputs = vec![tensor(shape.clone(), 9, -3.0, 3.0)];
            let name = format!("{operation:?}");
            let case = Case::new(name, inputs, move |graph, x| operation.apply(graph, x[0]));
            let case = case.squared().twice();
            assert_same_on_both(&case, &mut adapter);
        }
    }
}

#[test]
fn constants_tell_operations_apart_and_equal_ones_are_one_node() {
    let mut graph = Graph::new();
    let x = graph.input("x", [2, 3]);
    let one = swish(1.0).apply(&mut graph, x).unwrap();
    assert_eq!(swish(1.0).apply(&mut graph, x).unwrap(), one);
    assert_ne!(swish(2.0).apply(&mut graph, x).unwrap(), one);
    assert_ne!(shrink().apply(&mut graph, x).unwrap(), one);
    assert_eq!(graph.shape(one), graph.shape(x));
}

#[test]
fn text_that_does_not_compile_is_an_error_that_names_the_operation_and_shows_the_line() {
    let own = |expression: &str| Elementwise::new("mistaken", expression, |x| x);
    let cases = [
        (own("x +"), "x +"),
        (own("y_of(x)"), "y_of"),
        (own("vec2(x, x)"), "return"),
        (own("x; } fn more() -> f32 { return 1.0"), "x; }"),
        (own(""), "mistaken"),
        (own("x").derivative("unknown", |_| 1.0), "unknown"),
        (own("x").with_functions("fn half(x: f32) { return 0.5 * x; }"), "half"),
        (own("x").with_functions(shared::LINEAR), "Invocation"),
        (own("x").constant("no name", 1.0), "no name"),
        (own("a * x").constant("a", f32::NAN), "`a` is NaN"),
    ];
    for (operation, expected) in cases {
        let mut graph = Graph::new();
        let x = graph.input("x", [2, 3]);
        let error = operation.apply(&mut graph, x).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Graph(_)), "{text}");
        assert!(text.contains("operation `mistaken`") && text.contains(expected), "{text}");
    }
}

#[test]
fn a_mended_operation_is_compiled_again() {
    let mut graph = Graph::new();
    let x = graph.input("x", [2]);
    let halved = Elementwise::new("halved", "half(x)", |x| 0.5 * x);
    assert!(halved.apply(&mut graph, x).is_err());
    let halved = halved.with_functions("fn half(x: f32) -> f32 { return 0.5 * x; }");
    halved.apply(&mut graph, x).unwrap();
}

#[test]
fn a_missing_derivative_is_an_error_where_it_is_asked_for() {
    let mut graph = Graph::new();
    let x = graph.input("x", [4]);
    let constant = Elementwise::new("underived", "x * x * x", |x| x * x * x);
    let y = constant.apply(&mut graph, x).unwrap();
    let loss = ops::sum_all(&mut graph, y).unwrap();
    let text = graph.gradients(loss, &[x]).unwrap_err().to_string();
    assert!(text.contains("`underived`") && text.contains("order 1"), "{text}");

    let derived = constant.derivative("3.0 * x * x", |x| 3.0 * x * x);
    let y = derived.apply(&mut graph, x).unwrap();
    let loss = ops::sum_all(&mut graph, y).unwrap();
    let first = graph.gradients(loss, &[x]).unwrap()[0];
    let sum = ops::sum_all(&mut graph, first).unwrap();
    let text = graph.gradients(sum, &[x]).unwrap_err().to_string();
    assert!(text.contains("`underived`") && text.contains("order 2"), "{text}");
}

/// Two texts by one name cannot be told apart by a device, nor by its cache of pipelines.
#[test]
fn one_name_for_two_texts_is_an_error() {
    let mut device = gpu();
    let mut graph = Graph::new();
    let x = graph.input("x", [4]);
    let mut run = |operation: &Elementwise, graph: &mut Graph| {
        let outputs = vec![("y".into(), operation.apply(graph, x)?)];
        let layout = graph.layout();
        let request = PlanRequest { outputs, ..PlanRequest::new(graph, &layout, device.target()) };
        device.add_plan(Plan::new(&request)?, None)
    };
    let doubled = Elementwise::new("namesake", "2.0 * x", |x| 2.0 * x);
    run(&doubled, &mut graph).unwrap();
    run(&doubled, &mut graph).unwrap();
    let other = Elementwise::new("namesake", "3.0 * x", |x| 3.0 * x);
    let text = run(&other, &mut graph).unwrap_err().to_string();
    assert!(text.contains("kernel namesake") && text.contains("another kernel"), "{text}");
}

#[test]
fn both_devices_train_through_it_alike() {
    let mut graph = Graph::new();
    let x = graph.input("x", [8, 6]);
    let hidden = nn::dense(&mut graph, "encoder", x, 6, None).unwrap();
    let code = swish(1.0).apply(&mut graph, hidden).unwrap();
    let y = nn::dense(&mut graph, "decoder", code, 6, None).unwrap();
    let loss = nn::mean_squared_error(&mut graph, y, x).unwrap();
    let batch = tensor([8, 6], 1, -1.0, 1.0);
    let devices: [Box<dyn Executor>; 2] = [Box::new(cpu()), Box::new(gpu())];
    let losses = devices.map(|device| {
        let optimiser = Optimiser::adam();
        let mut fit = Minimiser::new(device, &graph, loss, optimiser, Seed(3)).unwrap();
        (0..40).for_each(|_| fit.step(&[("x", &batch)], 0.02).unwrap());
        fit.losses().unwrap()
    });
    assert!(losses[0][39] < 0.5 * losses[0][0], "{losses:?}");
    for (a, b) in losses[0].iter().zip(&losses[1]) {
        assert!((a - b).abs() < 1e-3, "{losses:?}");
    }
}
