//! Convolutions, pooling, resizing and normalisation of images.

use diabolo::ops::{self, Activation, ConvGeometry, Upsampling};
use diabolo::shape::Shape;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::case::{Case, distinct, tensor};
use super::super::compare::Tolerance;
use super::all_activations;

/// A window and an image in which it fits at least once.
#[derive(Clone, Copy, Debug)]
struct Walk {
    geometry: ConvGeometry,
    image: [usize; 2],
}

/// One axis: kernel, stride, padding on both sides, dilation, and a size that fits.
fn axis(largest: usize) -> impl Strategy<Value = [usize; 6]> {
    let stride = prop_oneof![3 => Just(1_usize), 2 => Just(2_usize), 1 => 3_usize..6];
    let dilation = prop_oneof![3 => Just(1_usize), 1 => 2_usize..4];
    (1_usize..6, stride, 0_usize..4, 0_usize..4, dilation, 0..largest).prop_map(
        |(kernel, stride, before, after, dilation, extra)| {
            let span = (kernel - 1) * dilation + 1;
            let image = span.saturating_sub(before + after).max(1) + extra;
            [kernel, stride, before, after, dilation, image]
        },
    )
}

fn walk(largest: usize) -> impl Strategy<Value = Walk> {
    (axis(largest), axis(largest)).prop_map(|(y, x)| {
        let geometry = ConvGeometry {
            kernel: [y[0], x[0]],
            stride: [y[1], x[1]],
            padding: [[y[2], y[3]], [x[2], x[3]]],
            dilation: [y[4], x[4]],
        };
        Walk { geometry, image: [y[5], x[5]] }
    })
}

/// Channels about the ends of an autoencoder, and about a tile.
fn channels() -> impl Strategy<Value = usize> {
    prop_oneof![2 => 1_usize..5, 2 => 5_usize..20, 1 => 30_usize..70]
}

/// Batch, channels in, channels out.
fn sides() -> impl Strategy<Value = [usize; 3]> {
    (1_usize..4, channels(), channels()).prop_map(|(n, from, to)| [n, from, to])
}

fn convolution(Walk { geometry, image }: Walk, [n, from, to]: [usize; 3], seed: u64) -> Case {
    let [height, width] = geometry.kernel;
    let x = tensor([n, from, image[0], image[1]], seed, -1.0, 1.0);
    let w = tensor([to, from, height, width], seed ^ 1, -1.0, 1.0);
    Case::new(format!("conv2d {geometry:?}"), vec![x, w], move |graph, x| {
        ops::conv2d(graph, x[0], x[1], geometry)
    })
    .within(Tolerance::Sums)
}

pub fn conv2d() -> impl Strategy<Value = Case> {
    (walk(9), sides(), any::<u64>()).prop_map(|(walk, sides, seed)| {
        let case = convolution(walk, sides, seed);
        // Second derivatives of a few: they are made of the same three operations.
        if seed % 4 == 0 { case.twice() } else { case }
    })
}

/// What autoencoders are made of, at sizes where tiles and split sums matter.
pub fn conv2d_same() -> impl Strategy<Value = Case> {
    let kernel = select(vec![1_usize, 3, 5]);
    (kernel, 1_usize..3, 6_usize..30, sides(), any::<u64>()).prop_map(
        |(kernel, stride, side, sides, seed)| {
            let image = [side, side];
            let geometry = ConvGeometry::same([kernel; 2], [stride; 2], image);
            convolution(Walk { geometry, image }, sides, seed)
        },
    )
}

/// Few channels at whole vec4s of windows that slide by one, where neighbours share what they read.
pub fn conv2d_sliding() -> impl Strategy<Value = Case> {
    let sides = (1_usize..4, 1_usize..7, 1_usize..7);
    let kernel = (1_usize..4, 1_usize..7);
    let windows = (1_usize..6, select(vec![4_usize, 8, 12]));
    (kernel, windows, (0_usize..3, 0_usize..3), sides, any::<u64>()).prop_map(
        |((kh, kw), (rows, columns), (above, left), (n, from, to), seed)| {
            // Padding stays below the kernel, and there is as much image as the windows leave.
            let [above, left] = [above.min(kh - 1), left.min(kw - 1)];
            let image = [(rows + kh - 1 - above).max(1), (columns + kw - 1 - left).max(1)];
            let geometry = ConvGeometry {
                kernel: [kh, kw],
                stride: [1; 2],
                padding: [[above, 0], [left, 0]],
                dilation: [1; 2],
            };
            convolution(Walk { geometry, image }, [n, from, to], seed)
        },
    )
}

/// A bias or none, and what comes last.
fn epilogue() -> impl Strategy<Value = (bool, Activation, bool)> {
    (any::<bool>(), select(all_activations().to_vec()), any::<bool>())
}

pub fn conv2d_fused() -> impl Strategy<Value = Case> {
    (walk(6), sides(), epilogue(), any::<u64>()).prop_map(
        |(Walk { geometry, image }, [n, from, to], (biased, activation, forward), seed)| {
            let [height, width] = geometry.kernel;
            let inputs = vec![
                tensor([n, from, image[0], image[1]], seed, -1.0, 1.0),
                tensor([to, from, height, width], seed ^ 1, -1.0, 1.0),
                tensor([to], seed ^ 2, -1.0, 1.0),
            ];
            let name = format!("conv2d {geometry:?}, bias: {biased}, {activation:?}");
            let case = Case::new(name, inputs, move |graph, x| {
                let product = ops::conv2d(graph, x[0], x[1], geometry)?;
                let sum = if biased { ops::bias(graph, product, x[2])? } else { product };
                ops::activate(graph, sum, activation)
            });
            // Without gradients, no activation needs its input kept.
            if forward { case.forward_only() } else { case }.within(Tolerance::Sums)
        },
    )
}

/// A transposed convolution from images of the walk's windows, with output padding below strides.
fn transposed(largest: usize) -> impl Strategy<Value = (Walk, [usize; 2])> {
    (walk(largest), any::<[u8; 2]>()).prop_filter_map("nothing is left", |(walk, extra)| {
        let padding = [0, 1].map(|axis| usize::from(extra[axis]) % walk.geometry.stride[axis]);
        walk.geometry.transposed_size(walk.image, padding).ok().map(|_| (walk, padding))
    })
}

pub fn conv_transpose2d() -> impl Strategy<Value = Case> {
    (transposed(7), sides(), any::<u64>()).prop_map(
        |((Walk { geometry, image }, padding), [n, from, to], seed)| {
            let [height, width] = geometry.kernel;
            let x = tensor([n, from, image[0], image[1]], seed, -1.0, 1.0);
            let w = tensor([from, to, height, width], seed ^ 1, -1.0, 1.0);
            let name = format!("conv_transpose2d {geometry:?}, {padding:?}");
            let case = Case::new(name, vec![x, w], move |graph, x| {
                ops::conv_transpose2d(graph, x[0], x[1], geometry, padding)
            });
            case.within(Tolerance::Sums)
        },
    )
}

/// Windows side by side that fill the image, of planes that are whole vec4s and of others.
pub fn conv_transpose2d_filling() -> impl Strategy<Value = Case> {
    let windows = (1_usize..6, select(vec![1_usize, 3, 4, 4, 8]));
    // Mostly more channels than have no tiles, few enough for the smallest tile as well.
    let many = || prop_oneof![3 => 5_usize..30, 1 => channels()];
    let sides = (1_usize..4, many(), many()).prop_map(|(n, from, to)| [n, from, to]);
    ((1_usize..4, 1_usize..4), windows, sides, any::<u64>()).prop_map(
        |((kh, kw), (rows, columns), [n, from, to], seed)| {
            let geometry = ConvGeometry::symmetric([kh, kw], [kh, kw], [0, 0]);
            let x = tensor([n, from, rows, columns], seed, -1.0, 1.0);
            let w = tensor([from, to, kh, kw], seed ^ 1, -1.0, 1.0);
            Case::new(format!("conv_transpose2d {geometry:?}"), vec![x, w], move |graph, x| {
                ops::conv_transpose2d(graph, x[0], x[1], geometry, [0, 0])
            })
            .within(Tolerance::Sums)
        },
    )
}

pub fn conv_transpose2d_fused() -> impl Strategy<Value = Case> {
    (transposed(5), sides(), epilogue(), any::<u64>()).prop_map(
        |((Walk { geometry, image }, padding), [n, from, to], epilogue, seed)| {
            let (biased, activation, forward) = epilogue;
            let [height, width] = geometry.kernel;
            let inputs = vec![
                tensor([n, from, image[0], image[1]], seed, -1.0, 1.0),
                tensor([from, to, height, width], seed ^ 1, -1.0, 1.0),
                tensor([to], seed ^ 2, -1.0, 1.0),
            ];
            let name = format!("conv_transpose2d {geometry:?}, {padding:?}, {epilogue:?}");
            let case = Case::new(name, inputs, move |graph, x| {
                let product = ops::conv_transpose2d(graph, x[0], x[1], geometry, padding)?;
                let sum = if biased { ops::bias(graph, product, x[2])? } else { product };
                ops::activate(graph, sum, activation)
            });
            if forward { case.forward_only() } else { case }.within(Tolerance::Sums)
        },
    )
}

/// A walk for pooling: plain halving as often as everything else.
fn pooled() -> impl Strategy<Value = (Walk, Vec<usize>)> {
    let halving = (2_usize..15, 2_usize..15).prop_map(|(height, width)| Walk {
        geometry: ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]),
        image: [height, width],
    });
    let walk = prop_oneof![halving.boxed(), walk(9).boxed()];
    (walk, 1_usize..4, 1_usize..6).prop_map(|(walk, n, channels)| {
        let shape = vec![n, channels, walk.image[0], walk.image[1]];
        (walk, shape)
    })
}

pub fn max_pool2d() -> impl Strategy<Value = Case> {
    let pooled = pooled().prop_filter("a window holds padding alone", |(walk, _)| {
        walk.geometry.check_windows(walk.image).is_ok()
    });
    (pooled, any::<u64>()).prop_map(|((Walk { geometry, .. }, shape), seed)| {
        let x = distinct(Shape::new(shape), seed);
        let name = format!("max_pool2d {geometry:?}");
        let case = Case::many(name, vec![x], move |graph, x| {
            Ok(ops::max_pool2d_with_indices(graph, x[0], geometry)?.to_vec())
        });
        // The square makes the gradient depend on the input, so that there is a second one.
        case.within(Tolerance::Sums).squared().twice()
    })
}

pub fn avg_pool2d() -> impl Strategy<Value = Case> {
    (pooled(), any::<u64>()).prop_map(|((Walk { geometry, .. }, shape), seed)| {
        let x = tensor(Shape::new(shape), seed, -1.0, 1.0);
        Case::new(format!("avg_pool2d {geometry:?}"), vec![x], move |graph, x| {
            ops::avg_pool2d(graph, x[0], geometry)
        })
        .squared()
        .twice()
    })
}

pub fn upsample2d() -> impl Strategy<Value = Case> {
    let kind = select(vec![Upsampling::Nearest, Upsampling::Bilinear]);
    let sides = (1_usize..9, 1_usize..9, 1_usize..20, 1_usize..20);
    (kind, sides, 1_usize..4, any::<u64>()).prop_map(|(kind, sides, channels, seed)| {
        let (height, width, new_height, new_width) = sides;
        let x = tensor([2, channels, height, width], seed, -1.0, 1.0);
        let name = format!("upsample2d {kind:?} to {new_height}x{new_width}");
        Case::new(name, vec![x], move |graph, x| {
            ops::upsample2d(graph, x[0], [new_height, new_width], kind)
        })
        .within(Tolerance::Sums)
        .squared()
        .twice()
    })
}

/// `[batch, channels, ...]`.
fn channelled() -> impl Strategy<Value = Vec<usize>> {
    (2_usize..9, 1_usize..20, prop::collection::vec(1_usize..9, 0..3))
        .prop_map(|(n, channels, rest)| [&[n, channels], &rest[..]].concat())
}

/// Batch normalisation as in training: by the batch's own moments.
pub fn normalise() -> impl Strategy<Value = Case> {
    (channelled(), any::<u64>()).prop_map(|(shape, seed)| {
        let channels = shape[1];
        let inputs = vec![
            tensor(Shape::new(shape), seed, -2.0, 3.0),
            tensor([channels], seed ^ 1, 0.5, 2.0),
            tensor([channels], seed ^ 2, -1.0, 1.0),
        ];
        Case::new("batch normalisation", inputs, |graph, x| {
            let (mean, variance) = ops::moments(graph, x[0])?;
            ops::normalise(graph, x[0], [mean, variance], x[1], x[2], 1e-2)
        })
        .within(Tolerance::Sums)
    })
}

/// Batch normalisation as in inference, and what running moments become.
pub fn running_moments() -> impl Strategy<Value = Case> {
    (channelled(), any::<u64>()).prop_map(|(shape, seed)| {
        let (channels, elements) = (shape[1], shape.iter().product::<usize>());
        let inputs = vec![
            tensor(Shape::new(shape), seed, -2.0, 3.0),
            tensor([channels], seed ^ 1, 0.5, 2.0),
            tensor([channels], seed ^ 2, 0.5, 2.0),
        ];
        Case::many("running moments", inputs, move |graph, x| {
            let (mean, variance) = ops::moments(graph, x[0])?;
            let (running, batch) = ([x[1], x[2]], [mean, variance]);
            let count = elements / channels;
            let [mean, variance] = ops::running_moments(graph, running, batch, 0.1, count)?;
            let y = ops::normalise(graph, x[0], running, x[2], x[1], 1e-2)?;
            Ok(vec![y, mean, variance])
        })
        .within(Tolerance::Sums)
    })
}
