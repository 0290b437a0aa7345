//! What the three uses of one convolution share. With `x` of `[N, Ci, H, W]`, `y` of
//! `[N, Co, Ho, Wo]` and `w` of `[Co, Ci, Kh, Kw]`, the number
//!
//! > sum over n, co, oy, ox, ci, ky, kx of `y[n, co, oy, ox] * w[co, ci, ky, kx] * x[n, ci, iy, ix]`
//!
//! is linear in each of the three. Its gradients are the convolution (in `y`), the transposed
//! convolution (in `x`) and the weight gradient (in `w`); so each one's gradients are the other two.

use std::sync::Arc;

use super::geometry::{ConvGeometry, GeometryError};
use crate::error::Error;
use crate::ops::half::HalfTerms;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::op::{Op, Shapes, Variants};
use crate::ops::product::epilogue::Fused;
use crate::ops::product::tiles::{BySums, Tiling};
use crate::ops::target::GpuTarget;
use crate::ops::tile::Tile;
use crate::ops::tuning::{TILES, Variant};
use crate::shape::Shape;

/// The sizes of one convolution, whichever of its tensors is the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConvSizes {
    pub geometry: ConvGeometry,
    pub batch: usize,
    /// Channels of `x`.
    pub ci: usize,
    /// `[H, W]`.
    pub image: [usize; 2],
    /// Channels of `y`.
    pub co: usize,
    /// `[Ho, Wo]`.
    pub output: [usize; 2],
}

/// Channels up to which a direct kernel beats tiles on a GPU.
pub(crate) const FEW_CHANNELS: usize = 4;

/// The kernel that puts weights where tiles read them.
static TURN_WEIGHTS: Kernel = kernel!("window/turn_weights");

/// What a kernel makes of images: so many channels, of as many others, and so many phases of so many places in all
/// images.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MadeImages {
    pub channels: usize,
    pub of_channels: usize,
    pub places: usize,
    pub phases: usize,
    /// Whether they are `y`, made of `x`.
    pub is_y: bool,
    /// Whether four neighbouring places of a phase are a vec4 in memory.
    pub whole: bool,
}

/// The batch, channels, height and width of a shape, if it has four axes.
pub(crate) fn four(shape: &Shape) -> Option<[usize; 4]> {
    shape[..].try_into().ok()
}

impl ConvSizes {
    /// The sizes where `x` and `y` are known to fit each other.
    pub fn of(geometry: ConvGeometry, x: &Shape, y: &Shape) -> Self {
        let [batch, ci, h, w] = four(x).expect("the shape rule has passed");
        let [_, co, ho, wo] = four(y).expect("the shape rule has passed");
        Self { geometry, batch, ci, image: [h, w], co, output: [ho, wo] }
    }

    /// Elements of one image of one channel of `x`.
    pub fn image_plane(&self) -> usize {
        self.image[0] * self.image[1]
    }

    /// Elements of one image of one channel of `y`.
    pub fn output_plane(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Elements of one image of `x`.
    pub fn image_words(&self) -> usize {
        self.ci * self.image_plane()
    }

    /// Elements of one image of `y`.
    pub fn output_words(&self) -> usize {
        self.co * self.output_plane()
    }

    /// Places of the kernel.
    pub fn taps(&self) -> usize {
        self.geometry.kernel[0] * self.geometry.kernel[1]
    }

    /// The same convolution with the roles of `x` and `y` swapped (and the kernel turned by 180
    /// degrees), which strides of 1 allow.
    pub fn turned(&self) -> Option<Self> {
        let geometry = self.geometry.turned()?;
        let (image, output) = (self.output, self.image);
        Some(Self { geometry, batch: self.batch, ci: self.co, image, co: self.ci, output })
    }

    /// [`turned`](Self::turned), where that makes far fewer columns.
    pub fn swapped(&self) -> Option<Self> {
        let fewer = 2 * self.co <= self.ci && !self.geometry.is_pointwise();
        self.turned().filter(|_| fewer)
    }

    /// Numbers that one window reads: rows of the columns' matrix.
    pub fn window(&self) -> usize {
        self.ci * self.taps()
    }

    /// Multiply-adds, those with padding included, counted as two.
    pub fn flops(&self) -> u64 {
        2 * (self.batch * self.output_words() * self.window()) as u64
    }

    /// The tile in which images are made, by what was measured or by the table; none for a direct kernel.
    fn tile(
        &self,
        kernel: &str,
        made: &MadeImages,
        terms: Option<HalfTerms>,
        target: &GpuTarget,
    ) -> Option<Tile> {
        let taps = self.taps().div_ceil(made.phases);
        let product = [made.channels, taps * made.of_channels, made.places];
        match target.choice(terms, || self.key(kernel)) {
            Some(choice) => {
                Tiling::chosen(choice, made.phases, product, target).map(|cut| cut.tile)
            }
            None if self.ci.min(self.co) <= FEW_CHANNELS => None,
            None => Some(Tiling::whole(made.phases, product, terms, target).tile),
        }
    }

    /// Words of the weights as tiles read them.
    pub fn turned_words(
        &self,
        kernel: &str,
        made: &MadeImages,
        terms: Option<HalfTerms>,
        target: &GpuTarget,
    ) -> usize {
        match self.tile(kernel, made, terms, target) {
            Some(_) => self.taps() * made.of_channels * made.channels.next_multiple_of(4),
            None => 0,
        }
    }

    /// The runs of one of the kernels that make images. There are those for whole vec4s and those for others, each by
    /// the sums of an invocation.
    pub fn dispatches(
        &self,
        [whole, apart]: [&'static BySums; 2],
        made: &MadeImages,
        (fused, terms): (Fused, Option<HalfTerms>),
        target: &GpuTarget,
    ) -> Vec<Dispatch> {
        let MadeImages { channels, of_channels, places, phases, .. } = *made;
        let kernels = if made.whole { whole } else { apart };
        let [input, w, output] = [Binding::Input(0), Binding::Input(1), Binding::Output(0)];
        let run = |kernel: &Kernel, w: Binding, groups: usize| {
            let bindings = [&[input, w, output][..], &fused.bindings()].concat();
            let dispatch = Dispatch::new(kernel, bindings, Dispatch::linear(groups, 1));
            fused
                .constants(self.constants(dispatch))
                .constant("READ", of_channels as u32)
                .constant("MADE", channels as u32)
                .params([self.batch, of_channels].map(|number| number as u32))
        };
        let Some(tile) = self.tile(whole[0].name, made, terms, target) else {
            // Eight neighbours have the same channels.
            let quads = places.div_ceil(4).next_multiple_of(8);
            let invocations = channels.div_ceil(4) * quads * phases;
            return vec![run(&kernels[0], w, invocations.div_ceil(64)).entry("direct")];
        };
        let groups = channels.div_ceil(tile.rows) * places.div_ceil(tile.columns) * phases;
        let tiled = run(tile.variant_of(kernels), Binding::Scratch, groups).entry("tiled");
        // The weights are the left operand.
        let terms = terms.map(HalfTerms::swapped);
        let tiled = tile.constants(tiled, terms, target);
        vec![self.turn_weights(made), tiled]
    }

    /// The run that puts weights where tiles read them.
    fn turn_weights(&self, made: &MadeImages) -> Dispatch {
        let taps = self.taps();
        // Of `[Co, Ci, Kh, Kw]`, and of what is made of what.
        let (of_ci, of_co) = (taps, self.ci * taps);
        let [read, made_apart] = if made.is_y { [of_ci, of_co] } else { [of_co, of_ci] };
        let invocations = taps * made.of_channels * made.channels.div_ceil(4);
        let bindings = vec![Binding::Input(1), Binding::Scratch];
        Dispatch::new(&TURN_WEIGHTS, bindings, Dispatch::linear(invocations, 64))
            .constant("TAPS", taps as u32)
            .constant("READ", made.of_channels as u32)
            .constant("MADE", made.channels as u32)
            .constant("READ_APART", read as u32)
            .constant("MADE_APART", made_apart as u32)
    }

    /// What a choice of a variant of `kernel` goes by.
    pub fn key(&self, kernel: &str) -> String {
        let ConvGeometry { kernel: [kh, kw], stride: [sy, sx], .. } = self.geometry;
        let ([h, w], [ho, wo]) = (self.image, self.output);
        let Self { batch, ci, co, .. } = self;
        format!("{kernel} {batch}x{ci}x{h}x{w} {co}x{ho}x{wo} {kh}x{kw} by {sy}x{sx}")
    }

    /// What there is to choose from for one of the kernels that make images.
    pub fn variants(&self, kernel: &str, plain: Arc<dyn Op>, shapes: &Shapes) -> Variants {
        Variants {
            key: self.key(kernel),
            plain,
            inputs: shapes.inputs[..2].to_vec(),
            candidates: [[0, 0]]
                .iter()
                .chain(&TILES)
                .map(|tile| Variant { tile: *tile, splits: 1 })
                .collect(),
        }
    }

    /// Sets the constants that the three kernels share.
    pub fn constants(&self, dispatch: Dispatch) -> Dispatch {
        self.geometry
            .constants(dispatch)
            .constant("CI", self.ci as u32)
            .constant("H", self.image[0] as u32)
            .constant("W", self.image[1] as u32)
            .constant("CO", self.co as u32)
            .constant("HO", self.output[0] as u32)
            .constant("WO", self.output[1] as u32)
    }
}

/// The kernel that both kinds of convolutions begin with.
pub(crate) fn kernels() -> impl Iterator<Item = &'static Kernel> {
    [&TURN_WEIGHTS].into_iter()
}

/// The shape of `w`.
pub(crate) fn weight_shape(co: usize, ci: usize, geometry: &ConvGeometry) -> Shape {
    Shape::from([co, ci, geometry.kernel[0], geometry.kernel[1]])
}

/// The error of operation `op` for a window that does not fit.
pub(crate) fn misfit(op: &'static str, error: GeometryError, inputs: &[&Shape]) -> Error {
    Error::shape(op, error.to_string(), inputs)
}

/// What the tests of convolutions and poolings need: random geometries, and an operation run alone.
#[cfg(test)]
pub(crate) mod trial {
    use rand::RngExt;

    use super::*;
    use crate::ops::kernel::{MAX_INPUTS, MAX_OUTPUTS};
    use crate::ops::op::CpuCall;
    use crate::ops::step::StepScalars;
    use crate::rng::{Philox, Seed, Stream};

    /// Draws of geometries, sizes and numbers.
    pub struct Random(Philox);

    impl Random {
        /// The same draws for the same number.
        pub fn new(seed: u64) -> Self {
            Self(Philox::new(Seed(seed), Stream(0)))
        }

        /// A whole number of a range.
        pub fn within(&mut self, range: std::ops::Range<usize>) -> usize {
            self.0.random_range(range)
        }

        /// A geometry, and an image that it fits: strides above the kernel, uneven padding and
        /// images of size 1 included, and often the usual ones.
        pub fn geometry(&mut self) -> (ConvGeometry, [usize; 2]) {
            loop {
                let mut two = |range: std::ops::Range<usize>| {
                    [self.within(range.clone()), self.within(range)]
                };
                let (kernel, stride, dilation) = (two(1..5), two(1..5), two(1..4));
                let (padding, image) = ([two(0..4), two(0..4)], two(1..20));
                let geometry = match self.within(0..5) {
                    0 => ConvGeometry::symmetric(kernel, [1, 1], [1, 1]),
                    1 => ConvGeometry::symmetric(kernel, kernel, [0, 0]),
                    2 => ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]),
                    _ => ConvGeometry { kernel, stride, padding, dilation },
                };
                if geometry.output_size(image).is_ok() {
                    return (geometry, image);
                }
            }
        }

        /// Numbers in [-1, 1) for a tensor of `shape`.
        pub fn numbers(&mut self, shape: &Shape) -> Vec<f32> {
            (0..shape.elements()).map(|_| self.0.random::<f32>() * 2.0 - 1.0).collect()
        }
    }

    /// The output's shape and numbers, computed on memory that held NaN.
    pub fn run(op: &dyn Op, inputs: &[(&Shape, &[f32])]) -> (Shape, Vec<f32>) {
        let shapes: Vec<&Shape> = inputs.iter().map(|(shape, _)| *shape).collect();
        let output = op.shape(&shapes).unwrap();
        let mut numbers = vec![f32::NAN; output.elements()];
        let shapes = Shapes { inputs: shapes.into_iter().cloned().collect(), output };
        let mut slices: [&[f32]; MAX_INPUTS] = [&[]; MAX_INPUTS];
        slices.iter_mut().zip(inputs).for_each(|(slice, (_, input))| *slice = input);
        let mut outputs: [&mut [f32]; MAX_OUTPUTS] = Default::default();
        outputs[0] = &mut numbers;
        let step = &StepScalars::default();
        op.cpu(CpuCall { shapes: &shapes, inputs: slices, outputs, step });
        (shapes.output, numbers)
    }

    /// The sum of products, in f64.
    pub fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::trial::{Random, dot, run};
    use super::*;
    use crate::ops::function::Activation;
    use crate::ops::product::epilogue::Last;
    use crate::ops::window::nodes::{Conv2d, Conv2dWeightGradient, ConvTranspose2d};
    use crate::ops::window::winograd::Winograd;

    /// Calls `f` with the flat places in x, w and y of every product of the sum in the module's
    /// head.
    fn each_product(sizes: &ConvSizes, mut f: impl FnMut(usize, usize, usize)) {
        let ([h, w], [ho, wo]) = (sizes.image, sizes.output);
        let [kh, kw] = sizes.geometry.kernel;
        for n in 0..sizes.batch {
            for (co, ci) in (0..sizes.co).flat_map(|co| (0..sizes.ci).map(move |ci| (co, ci))) {
                for (oy, ox) in (0..ho).flat_map(|oy| (0..wo).map(move |ox| (oy, ox))) {
                    for (ky, kx) in (0..kh).flat_map(|ky| (0..kw).map(move |kx| (ky, kx))) {
                        let iy = sizes.geometry.source(0, oy, ky, h);
                        let ix = sizes.geometry.source(1, ox, kx, w);
                        if let (Some(iy), Some(ix)) = (iy, ix) {
                            f(
                                ((n * sizes.ci + ci) * h + iy) * w + ix,
                                ((co * sizes.ci + ci) * kh + ky) * kw + kx,
                                ((n * sizes.co + co) * ho + oy) * wo + ox,
                            );
                        }
                    }
                }
            }
        }
    }

    fn assert_near(what: &str, got: &[f32], expected: &[f64], sizes: &ConvSizes) {
        let scale = expected.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
        for (got, expected) in got.iter().zip(expected) {
            assert!((f64::from(*got) - expected).abs() < 2e-6 * scale, "{what} {sizes:?}");
        }
    }

    #[test]
    fn all_three_agree_with_plain_loops_and_are_adjoint() {
        let mut random = Random::new(4);
        for _ in 0..150 {
            let (geometry, image) = random.geometry();
            let output = geometry.output_size(image).unwrap();
            let batch = random.within(1..20);
            let (ci, co) = match random.within(0..4) {
                0 => (1, random.within(1..20)),
                1 => (random.within(1..20), 1),
                2 => (random.within(16..40), random.within(30..50)),
                _ => (random.within(1..6), random.within(1..6)),
            };
            assert_agree(&mut random, &ConvSizes { geometry, batch, ci, image, co, output });
        }
    }

    /// In whole images, several at a time, and in bands of one that no cache would hold; with channels
    /// that are not whole vectors, and outputs that are not whole squares.
    #[test]
    fn squares_agree_with_plain_loops() {
        let mut random = Random::new(5);
        let (uneven, none) = ([[2, 1], [0, 2]], [[0, 0]; 2]);
        for (batch, ci, image, co, padding) in [
            (5, 16, [7, 9], 33, [[1, 1]; 2]),
            (40, 40, [3, 3], 20, none),
            (2, 32, [30, 41], 64, uneven),
        ] {
            let geometry = ConvGeometry { padding, ..ConvGeometry::valid([3, 3]) };
            let output = geometry.output_size(image).unwrap();
            let sizes = ConvSizes { geometry, batch, ci, image, co, output };
            assert!(Winograd::of(&sizes).is_some(), "{sizes:?}");
            assert_agree(&mut random, &sizes);
        }
    }

    /// That the three agree with plain loops, and are adjoint.
    fn assert_agree(random: &mut Random, sizes: &ConvSizes) {
        let ConvSizes { geometry, batch, ci, image, co, output } = *sizes;
        let xs = Shape::from([batch, ci, image[0], image[1]]);
        let ys = Shape::from([batch, co, output[0], output[1]]);
        let ws = weight_shape(co, ci, &geometry);
        let (x, w, y) = (random.numbers(&xs), random.numbers(&ws), random.numbers(&ys));
        let mut sums = [&xs, &ws, &ys].map(|shape| vec![0.0_f64; shape.elements()]);
        each_product(sizes, |ix, iw, iy| {
            let [x, w, y] = [x[ix], w[iw], y[iy]].map(f64::from);
            sums[0][ix] += w * y;
            sums[1][iw] += x * y;
            sums[2][iy] += x * w;
        });
        let conv = Conv2d { geometry, fused: Fused::default(), terms: None };
        let (shape, by_conv) = run(&conv, &[(&xs, &x), (&ws, &w)]);
        assert_eq!(shape, ys);
        assert_near("conv2d", &by_conv, &sums[2], sizes);
        let transpose = ConvTranspose2d::plain(geometry, image);
        let (shape, by_transpose) = run(&transpose, &[(&ys, &y), (&ws, &w)]);
        assert_eq!(shape, xs);
        assert_near("conv_transpose2d", &by_transpose, &sums[0], sizes);
        let (shape, by_weight) = run(
            &Conv2dWeightGradient { geometry, sums: None, terms: None },
            &[(&xs, &x), (&ys, &y)],
        );
        assert_eq!(shape, ws);
        assert_near("conv2d_weight_gradient", &by_weight, &sums[1], sizes);
        let all = [dot(&by_conv, &y), dot(&by_transpose, &x), dot(&by_weight, &w)];
        let scale = by_conv.iter().map(|v| v.abs()).sum::<f32>() as f64 + 1.0;
        assert!((all[0] - all[1]).abs() < 1e-5 * scale, "{sizes:?} {all:?}");
        assert!((all[0] - all[2]).abs() < 1e-5 * scale, "{sizes:?} {all:?}");
    }

    #[test]
    fn epilogues_are_a_bias_and_an_activation() {
        let mut random = Random::new(7);
        let relu = |v: f32, b: f32| if v + b > 0.0 { v + b } else { 0.0 };
        for _ in 0..20 {
            let (geometry, image) = random.geometry();
            let x = Shape::from([2, 3, image[0], image[1]]);
            let w = weight_shape(4, 3, &geometry);
            let b = Shape::from([4]);
            let (xs, ws, bs) = (random.numbers(&x), random.numbers(&w), random.numbers(&b));
            let plain = Conv2d { geometry, fused: Fused::default(), terms: None };
            let fused = Fused { bias: true, last: Last::Activation(Activation::Relu), sum: false };
            let fused = Conv2d { fused, ..plain };
            let (shape, plain) = run(&plain, &[(&x, &xs), (&w, &ws)]);
            let (_, fused) = run(&fused, &[(&x, &xs), (&w, &ws), (&b, &bs)]);
            let plane = shape[2] * shape[3];
            for (i, (plain, fused)) in plain.iter().zip(&fused).enumerate() {
                assert!((relu(*plain, bs[i / plane % 4]) - fused).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn misfits_are_errors() {
        let conv =
            Conv2d { geometry: ConvGeometry::valid([3, 3]), fused: Fused::default(), terms: None };
        let [x, w] = [Shape::from([1, 2, 5, 5]), Shape::from([4, 2, 3, 3])];
        assert!(conv.shape(&[&x, &w]).is_ok());
        assert!(conv.shape(&[&x, &Shape::from([4, 3, 3, 3])]).is_err());
        assert!(conv.shape(&[&x, &Shape::from([4, 2, 3, 2])]).is_err());
        assert!(conv.shape(&[&Shape::from([1, 2, 2, 5]), &w]).is_err());
        let transpose = ConvTranspose2d::plain(ConvGeometry::valid([3, 3]), [6, 6]);
        assert!(transpose.shape(&[&Shape::from([1, 4, 3, 3]), &w]).is_err());
        assert!(transpose.shape(&[&Shape::from([1, 4, 4, 4]), &w]).is_ok());
    }
}
