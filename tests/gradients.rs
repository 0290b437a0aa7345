//! Every operation's gradient, and the gradient of the gradient, agree with central differences.

use diabolo::error::Result;
use diabolo::graph::Graph;
use diabolo::ops::{
    self, Activation, Builder, ConvGeometry, NodeId, ReduceKind, Transpose, UnaryKind, Upsampling,
};
use diabolo::shape::Shape;
use diabolo::tensor::Tensor;

mod support {
    pub mod dispatches;
    pub mod gradients;
}

use support::gradients::{Check, Draw};

/// How many random shapes each operation is checked at.
const SEEDS: u64 = 4;

fn for_each_seed(mut check: impl FnMut(&mut Draw, u64)) {
    for seed in 0..SEEDS {
        check(&mut Draw::new(100 + seed), seed);
    }
}

/// A shape of rank 0 to 3, each rank once.
fn shape_of_seed(draw: &mut Draw, seed: u64) -> Shape {
    draw.shape(seed as usize % 4)
}

#[test]
fn smooth_unary() {
    for_each_seed(|draw, seed| {
        let shape = shape_of_seed(draw, seed);
        let any = [draw.any(shape.clone())];
        let positive = [draw.between(shape, 0.4, 2.0)];
        let cases = [
            (UnaryKind::Affine { scale: -0.7, offset: 2.0 }, &any),
            (UnaryKind::Exp, &any),
            (UnaryKind::Log, &positive),
            (UnaryKind::Sqrt, &positive),
            (UnaryKind::Square, &any),
            (UnaryKind::Reciprocal, &positive),
            (UnaryKind::Sin, &any),
            (UnaryKind::Cos, &any),
            (UnaryKind::Power { exponent: 2.5 }, &positive),
        ];
        for (kind, inputs) in cases {
            Check::new(format!("{kind:?}"), inputs).run(|graph, x| ops::unary(graph, x[0], kind));
        }
    });
}

#[test]
fn normalisations_of_groups_and_of_places() {
    use diabolo::nn;
    for_each_seed(|draw, _| {
        let inputs = [draw.any([2, 4, 2, 3])];
        Check::new("group_norm", &inputs).run(|graph, x| nn::group_norm(graph, "norm", x[0], 2));
        for inverse in [false, true] {
            let name = format!("divisive_norm, inverse: {inverse}");
            Check::new(name, &inputs)
                .run(|graph, x| nn::divisive_norm(graph, "norm", x[0], inverse));
        }
    });
}

#[test]
fn unary_with_kinks() {
    for_each_seed(|draw, seed| {
        let shape = shape_of_seed(draw, seed);
        let inputs = [draw.apart(shape)];
        let clamp = UnaryKind::Clamp { low: -0.5, high: 0.625 };
        let within = UnaryKind::Within { low: -0.5, high: 0.625 };
        for kind in [UnaryKind::Abs, UnaryKind::Sign, clamp, within, UnaryKind::Floor] {
            if kind == UnaryKind::Floor {
                // Between whole numbers.
                let inputs = [draw.between([3, 3], 0.1, 0.7)];
                Check::new("Floor", &inputs).run(|graph, x| ops::unary(graph, x[0], kind));
                continue;
            }
            Check::new(format!("{kind:?}"), &inputs).run(|graph, x| ops::unary(graph, x[0], kind));
        }
    });
}

type UnaryBuilder = fn(&mut dyn Builder, NodeId) -> Result<NodeId>;
type BinaryBuilder = fn(&mut dyn Builder, NodeId, NodeId) -> Result<NodeId>;

/// Pairs of shapes that broadcast, in both directions.
fn broadcast_shapes(draw: &mut Draw) -> Vec<[Shape; 2]> {
    let [n, c, h] = [draw.size(1, 3), draw.size(2, 3), draw.size(2, 3)];
    let pairs = [
        [Shape::from([n, c, h]), Shape::from([n, c, h])],
        [Shape::from([n, c, h]), Shape::from([c, 1])],
        [Shape::from([n, c, h]), Shape::from([h])],
        [Shape::from([n, c, h]), Shape::scalar()],
        [Shape::from([n, 1, h]), Shape::from([c, 1])],
    ];
    let turned = pairs.clone().map(|[a, b]| [b, a]);
    pairs.into_iter().chain(turned).collect()
}

#[test]
fn binary() {
    let smooth: [(&str, BinaryBuilder); 6] = [
        ("add", ops::add),
        ("sub", ops::sub),
        ("mul", ops::mul),
        ("div", ops::div),
        ("squared_error", ops::squared_error),
        ("binary_cross_entropy", ops::binary_cross_entropy),
    ];
    let kinked: [(&str, BinaryBuilder); 4] = [
        ("maximum", ops::maximum),
        ("minimum", ops::minimum),
        ("greater_equal", ops::greater_equal),
        ("equal", ops::equal),
    ];
    let mut draw = Draw::new(5);
    for [a, b] in broadcast_shapes(&mut draw) {
        for (name, op) in smooth {
            let inputs = [draw.any(a.clone()), draw.between(b.clone(), 0.5, 1.5)];
            Check::new(format!("{name} {a} {b}"), &inputs).run(|graph, x| op(graph, x[0], x[1]));
        }
        for (name, op) in kinked {
            let values = draw.apart([a.elements() + b.elements()]);
            let (of_a, of_b) = values.data().split_at(a.elements());
            let tensor =
                |shape: &Shape, values: &[f32]| Tensor::new(shape.clone(), values.to_vec());
            let inputs = [tensor(&a, of_a).unwrap(), tensor(&b, of_b).unwrap()];
            Check::new(format!("{name} {a} {b}"), &inputs).run(|graph, x| op(graph, x[0], x[1]));
        }
    }
}

#[test]
fn activations() {
    let all = [
        Activation::Relu,
        Activation::LeakyRelu(0.1),
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Softplus,
        Activation::Gelu,
        Activation::Silu,
    ];
    for_each_seed(|draw, seed| {
        let shape = shape_of_seed(draw, seed);
        let inputs = [draw.apart(shape)];
        for activation in all {
            Check::new(format!("{activation:?}"), &inputs)
                .run(|graph, x| ops::activate(graph, x[0], activation));
        }
    });
}

#[test]
fn bias() {
    for shape in [vec![3, 2], vec![1, 3], vec![2, 3, 2], vec![2, 1, 3, 3]] {
        let mut draw = Draw::new(6);
        let inputs = [draw.any(shape.clone()), draw.any([shape[1]])];
        Check::new("bias", &inputs).run(|graph, x| ops::bias(graph, x[0], x[1]));
    }
}

#[test]
fn expand_reshape_and_sum_to() {
    let mut draw = Draw::new(7);
    for (from, to) in
        [(vec![3, 1], vec![2, 3, 4]), (vec![], vec![2, 3]), (vec![2, 1, 3], vec![2, 5, 3])]
    {
        let [from, to] = [from, to].map(Shape::new);
        let inputs = [draw.any(from.clone())];
        Check::new("expand", &inputs).run(|graph, x| ops::expand(graph, x[0], &to));
        let inputs = [draw.any(to)];
        Check::new("sum_to", &inputs).run(|graph, x| ops::sum_to(graph, x[0], &from));
    }
    let inputs = [draw.any([2, 3, 2])];
    Check::new("reshape", &inputs).run(|graph, x| ops::reshape(graph, x[0], [4, 3]));
    Check::new("flatten", &inputs).run(|graph, x| ops::flatten(graph, x[0]));
}

#[test]
fn reductions() {
    let shape = Shape::from([3, 2, 5]);
    let axes: [&[usize]; 7] = [&[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]];
    let inputs = [Draw::new(8).apart(shape)];
    for axes in axes {
        for kind in [ReduceKind::Sum, ReduceKind::Mean, ReduceKind::Max] {
            Check::new(format!("{kind:?} {axes:?}"), &inputs)
                .run(|graph, x| ops::reduce(graph, x[0], kind, axes));
        }
    }
    Check::new("sum_all", &inputs).run(|graph, x| ops::sum_all(graph, x[0]));
    Check::new("mean_all", &inputs).run(|graph, x| ops::mean_all(graph, x[0]));
}

#[test]
fn matmul() {
    for_each_seed(|draw, seed| {
        let [m, k, n] = [draw.size(1, 4), draw.size(1, 4), draw.size(1, 4)];
        let batch = if seed % 2 == 0 { vec![] } else { vec![draw.size(1, 3)] };
        for (a, b) in [(false, false), (false, true), (true, false), (true, true)] {
            let with_batch = |sides: [usize; 2]| Shape::new([&batch[..], &sides].concat());
            let inputs = [
                draw.any(with_batch(if a { [k, m] } else { [m, k] })),
                draw.any(with_batch(if b { [n, k] } else { [k, n] })),
            ];
            let transpose = Transpose { a, b };
            Check::new(format!("matmul {transpose:?} {batch:?}"), &inputs)
                .run(|graph, x| ops::matmul_transposed(graph, x[0], x[1], transpose));
        }
    });
}

#[test]
fn permute() {
    let mut draw = Draw::new(9);
    for axes in [vec![1, 0], vec![2, 0, 1], vec![0, 2, 1], vec![3, 1, 0, 2], vec![0, 1]] {
        let inputs = [draw.any(draw_shape(axes.len()))];
        Check::new(format!("permute {axes:?}"), &inputs)
            .run(|graph, x| ops::permute(graph, x[0], &axes));
    }
}

/// The shape [2, 3, 1, 4], as far as needed.
fn draw_shape(rank: usize) -> Shape {
    Shape::from(&[2, 3, 1, 4][..rank])
}

#[test]
fn slice_pad_and_concat() {
    let mut draw = Draw::new(10);
    let inputs = [draw.any([3, 4, 2])];
    Check::new("slice", &inputs).run(|graph, x| ops::slice(graph, x[0], &[1, 0, 1], &[3, 4, 2]));
    Check::new("slice_axis", &inputs).run(|graph, x| ops::slice_axis(graph, x[0], 1, 1..3));
    Check::new("pad", &inputs).run(|graph, x| ops::pad(graph, x[0], &[0, 2, 0], &[1, 1, 0], 0.5));
    let many: Vec<Tensor> = (0..9).map(|i| draw.any([2, 1 + i % 3, 2])).collect();
    Check::new("concat", &many).run(|graph, x| ops::concat(graph, x, 1));
    Check::new("concat", &inputs).run(|graph, x| ops::concat(graph, &[x[0], x[0]], 0));
}

#[test]
fn softmax() {
    let kinds: [(&str, UnaryBuilder); 3] = [
        ("softmax", ops::softmax),
        ("log_softmax", ops::log_softmax),
        ("log_sum_exp", ops::log_sum_exp),
    ];
    for shape in [vec![5], vec![3, 1], vec![2, 4], vec![2, 2, 3]] {
        let inputs = [Draw::new(11).any(shape)];
        for (name, op) in kinds {
            Check::new(name, &inputs).run(|graph, x| op(graph, x[0]));
        }
    }
}

#[test]
fn gather() {
    let mut draw = Draw::new(12);
    let inputs = [draw.any([4, 3])];
    // Beyond the last row, the last one is meant.
    let index = [Tensor::new([5], vec![2.0, 0.0, 2.0, 9.0, 3.0]).unwrap()];
    Check::new("gather", &inputs).fixed(&index).run(|graph, x| ops::gather(graph, x[0], x[1]));
}

#[test]
fn upsample2d() {
    let mut draw = Draw::new(13);
    let sizes =
        [([2, 3], [4, 6]), ([3, 2], [5, 7]), ([1, 1], [3, 2]), ([5, 4], [3, 2]), ([3, 3], [3, 5])];
    for kind in [Upsampling::Nearest, Upsampling::Bilinear] {
        for (from, to) in sizes {
            let inputs = [draw.any([1, 2, from[0], from[1]])];
            Check::new(format!("{kind:?} {from:?} {to:?}"), &inputs)
                .run(|graph, x| ops::upsample2d(graph, x[0], to, kind));
        }
    }
}

#[test]
fn batch_norm() {
    let mut draw = Draw::new(14);
    for shape in [vec![4, 3], vec![2, 2, 3], vec![2, 2, 2, 3]] {
        let c = shape[1];
        let inputs = [
            draw.any(shape),
            draw.any([c]),
            draw.between([c], 0.5, 1.5),
            draw.any([c]),
            draw.any([c]),
        ];
        Check::new("normalise", &inputs)
            .run(|graph, x| ops::normalise(graph, x[0], [x[1], x[2]], x[3], x[4], 1e-3));
        let inputs = [inputs[0].clone(), inputs[3].clone(), inputs[4].clone()];
        Check::new("batch_norm", &inputs).run(trained_batch_norm);
    }
}

/// Normalisation by the batch's own moments.
fn trained_batch_norm(graph: &mut Graph, x: &[NodeId]) -> Result<NodeId> {
    let (mean, variance) = ops::moments(graph, x[0])?;
    ops::normalise(graph, x[0], [mean, variance], x[1], x[2], 0.1)
}

#[test]
fn random_operations() {
    let mut draw = Draw::new(15);
    let inputs = [draw.any([3, 7])];
    Check::new("dropout", &inputs).run(|graph, x| ops::dropout(graph, x[0], 0.4));
    let inputs = [draw.any([3, 5]), draw.any([3, 5])];
    Check::new("reparameterise", &inputs).run(|graph, x| ops::reparameterise(graph, x[0], x[1]));
    Check::new("random", &inputs[..1]).run(|graph, x| {
        let kind = ops::RandomKind::Normal { mean: 0.5, deviation: 2.0 };
        let noise = ops::random(graph, [3, 5], kind)?;
        ops::mul(graph, x[0], noise)
    });
}

#[test]
fn factors_without_a_gradient() {
    let mut draw = Draw::new(19);
    // Numbers so far apart that no step changes which ones are the greatest.
    let inputs = [draw.apart([3, 7])];
    Check::new("top_k_mask", &inputs).run(|graph, x| {
        let mask = ops::top_k_mask(graph, x[0], 3)?;
        let square = ops::mul(graph, x[0], x[0])?;
        ops::mul(graph, square, mask)
    });
    Check::new("step_weight", &inputs).run(|graph, x| {
        let weight = ops::step_weight(graph)?;
        let square = ops::mul(graph, x[0], x[0])?;
        ops::mul(graph, square, weight)
    });
    let fixed = [draw.any([3, 7])];
    Check::new("detach", &inputs).fixed(&fixed).run(|graph, x| {
        let factor = ops::detach(graph, x[1])?;
        let square = ops::mul(graph, x[0], x[0])?;
        ops::mul(graph, square, factor)
    });
}

#[test]
fn losses() {
    let mut draw = Draw::new(16);
    let [mean, log_variance, target] = [(); 3].map(|()| draw.any([3, 5]));
    let inputs = [mean, log_variance, target];
    Check::new("gaussian_nll", &inputs).run(|graph, x| ops::gaussian_nll(graph, x[0], x[1], x[2]));
    Check::new("gaussian_kl", &inputs[..2]).run(|graph, x| ops::gaussian_kl(graph, x[0], x[1]));
    let shared = [inputs[0].clone(), draw.any([1]), inputs[2].clone()];
    Check::new("gaussian_nll with one variance", &shared)
        .run(|graph, x| ops::gaussian_nll(graph, x[0], x[1], x[2]));
    let p = [draw.between([3, 3], 0.15, 0.7)];
    Check::new("sparsity_kl", &p).run(|graph, x| ops::sparsity_kl(graph, x[0], 0.05));
    let extremes = [Tensor::new([2, 1], vec![-40.0, 30.0]).unwrap()];
    Check::new("clamped", &extremes).run(|graph, x| ops::gaussian_kl(graph, x[0], x[0]));
}

/// Geometries that differ along the two axes: same-padded, strided past the kernel, dilated, uneven.
fn geometries() -> [ConvGeometry; 5] {
    let symmetric = ConvGeometry::symmetric;
    [
        symmetric([3, 3], [1, 1], [1, 1]),
        symmetric([2, 1], [3, 2], [0, 0]),
        symmetric([2, 3], [1, 2], [1, 2]).dilated([2, 1]),
        ConvGeometry::same([2, 4], [2, 1], [5, 4]),
        symmetric([1, 1], [1, 1], [0, 0]),
    ]
}

#[test]
fn convolutions() {
    let mut draw = Draw::new(17);
    for geometry in geometries() {
        let [height, width] = geometry.kernel;
        let name = format!("{geometry:?}");
        let [ci, co] = [draw.size(1, 3), draw.size(1, 3)];
        let x = draw.any([2, ci, 5, 4]);
        let w = draw.any([co, ci, height, width]);
        Check::new(format!("conv2d {name}"), &[x, w])
            .run(|graph, x| ops::conv2d(graph, x[0], x[1], geometry));
        let windows = geometry.output_size([5, 4]).unwrap();
        let y = draw.any([2, co, windows[0], windows[1]]);
        let w = draw.any([co, ci, height, width]);
        Check::new(format!("conv_transpose2d {name}"), &[y, w])
            .run(|graph, x| ops::conv_transpose2d(graph, x[0], x[1], geometry, [0, 0]));
    }
    let geometry = ConvGeometry::symmetric([3, 2], [2, 3], [1, 0]);
    let inputs = [draw.any([1, 2, 2, 2]), draw.any([2, 1, 3, 2])];
    Check::new("conv_transpose2d with output padding", &inputs)
        .run(|graph, x| ops::conv_transpose2d(graph, x[0], x[1], geometry, [1, 2]));
}

#[test]
fn pooling() {
    let mut draw = Draw::new(18);
    for geometry in [
        ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]),
        ConvGeometry::symmetric([3, 2], [1, 2], [1, 1]),
        ConvGeometry::symmetric([2, 2], [3, 1], [0, 0]),
    ] {
        let x = [draw.apart([2, 2, 5, 4])];
        Check::new(format!("max_pool2d {geometry:?}"), &x)
            .run(|graph, x| ops::max_pool2d(graph, x[0], geometry));
        let x = [draw.any([2, 2, 5, 4])];
        Check::new(format!("avg_pool2d {geometry:?}"), &x)
            .run(|graph, x| ops::avg_pool2d(graph, x[0], geometry));
    }
}
