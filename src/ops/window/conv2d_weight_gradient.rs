//! The gradient of a convolution in its weights, an operation like any other.

use std::sync::Arc;

use super::convolution::{ConvSizes, FEW_CHANNELS, four, misfit, weight_shape};
use super::convolution_cpu;
use super::nodes::{Conv2dWeightGradient, Summed, conv2d, image_like};
use crate::error::{Error, Result};
use crate::ops::half::{HalfTerms, Halves};
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes, Variants};
use crate::ops::product::tiles::{self, BySums, Tiling, by_sums};
use crate::ops::target::GpuTarget;
use crate::ops::tile::{DEPTH, Tile};
use crate::ops::tuning;
use crate::shape::Shape;

const KERNEL: Kernel = kernel!("window/conv2d_weight_gradient");

/// The kernels by the sums of a tile.
static KERNELS: BySums = by_sums!(KERNEL, "conv2d_weight_gradient");

impl Summed {
    /// How many parts each split gives, and how many sums these end in.
    fn counts(self, sizes: &ConvSizes) -> [usize; 2] {
        match self {
            Self::Output => [sizes.co, sizes.co],
            Self::Image => [sizes.window(), sizes.ci],
        }
    }
}

impl Conv2dWeightGradient {
    fn sizes(&self, shapes: &Shapes) -> ConvSizes {
        ConvSizes::of(self.geometry, &shapes.inputs[0], &shapes.inputs[1])
    }
}

impl Op for Conv2dWeightGradient {
    fn name(&self) -> &'static str {
        "conv2d_weight_gradient"
    }

    fn halves(&self) -> Halves {
        Halves::Inputs
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let error = |what: &str| Err(Error::shape(self.name(), what, inputs));
        let (Some([batch, ci, h, w]), Some([other, co, ho, wo])) =
            (four(inputs[0]), four(inputs[1]))
        else {
            return error("needs [N, Ci, H, W] and [N, Co, Ho, Wo]");
        };
        let windows = self
            .geometry
            .output_size([h, w])
            .map_err(|error| misfit(self.name(), error, inputs))?;
        if batch != other || windows != [ho, wo] {
            return error(&format!("the second must have the first's batch and {windows:?}"));
        }
        Ok(weight_shape(co, ci, &self.geometry))
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let (x, y, g) = (at.inputs[0], at.inputs[1], at.gradient);
        let geometry = self.geometry;
        let by_x = at.wanted[0].then(|| image_like(builder, x, y, g, geometry)).transpose()?;
        let by_y = at.wanted[1].then(|| conv2d(builder, x, g, geometry)).transpose()?;
        Ok(vec![by_x, by_y])
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        self.sizes(shapes).flops()
    }

    fn cpu(&self, call: CpuCall) {
        let (x, y) = (call.inputs[0], call.inputs[1]);
        let sizes = self.sizes(call.shapes);
        let [w, sums, _] = call.outputs;
        convolution_cpu::weigh(&sizes, x, y, w, self.sums.map(|summed| (summed, sums)));
    }

    fn gpu(&self, shapes: &Shapes, target: &GpuTarget) -> Vec<Dispatch> {
        let sizes = self.sizes(shapes);
        let cut = Cut::new(&sizes, self.terms, target);
        let words = shapes.output.elements();
        let [parts, sums] = self.sums.map_or([0; 2], |summed| summed.counts(&sizes));
        let params = [sizes.batch, cut.split_k, cut.k_each].map(|number| number as u32);
        let joined = cut.split_k > 1 || self.sums.is_some();
        let to = if joined { Binding::Scratch } else { Binding::Output(0) };
        let (kernel, entry, groups) = match cut.tiling {
            None => {
                let groups = (direct_lines(&sizes) + parts) * cut.split_k;
                (&KERNELS[0], "direct", Dispatch::linear(groups, 1))
            }
            Some(Tiling { tile, groups, .. }) => {
                (tile.variant_of(&KERNELS), "tiled", Dispatch::linear(groups, 1))
            }
        };
        let finish = |dispatch: Dispatch| {
            let code = match self.sums {
                None => 0,
                Some(Summed::Output) => 1,
                Some(Summed::Image) => 2,
            };
            let places = sizes.batch * sizes.output_plane();
            let whole = u32::from(places.is_multiple_of(DEPTH));
            let dispatch = sizes.constants(dispatch).constant("WHOLE", whole);
            dispatch.constant("SUMS", code).params(params)
        };
        let bindings = vec![Binding::Input(0), Binding::Input(1), to];
        let products = Dispatch::new(kernel, bindings, groups)
            .entry(entry)
            .constant("VECTOR_Y", u32::from(sizes.output_plane().is_multiple_of(4)));
        let products = finish(products);
        let mut dispatches = vec![match cut.tiling {
            None => products,
            // The output, whose channels are rows, is the left operand.
            Some(Tiling { tile, .. }) => {
                tile.constants(products, self.terms.map(HalfTerms::swapped), target)
            }
        }];
        if joined {
            let mut bindings = vec![Binding::Scratch, Binding::Output(0)];
            bindings.extend(self.sums.map(|_| Binding::Output(1)));
            let join = Dispatch::new(&KERNELS[0], bindings, Dispatch::linear(words + sums, 64));
            let entry = if self.sums.is_some() { "join_sums" } else { "join" };
            dispatches.push(finish(join.entry(entry)));
        }
        dispatches
    }

    fn gpu_scratch(&self, shapes: &Shapes, target: &GpuTarget) -> usize {
        let sizes = self.sizes(shapes);
        match (Cut::new(&sizes, self.terms, target).split_k, self.sums) {
            (1, None) => 0,
            (split_k, None) => split_k * shapes.output.elements(),
            (split_k, Some(summed)) => {
                split_k * (shapes.output.elements() + summed.counts(&sizes)[0])
            }
        }
    }

    fn variants(&self, shapes: &Shapes) -> Option<Variants> {
        let sizes = self.sizes(shapes);
        Some(Variants {
            key: sizes.key(KERNEL.name),
            plain: Arc::new(Self { sums: None, terms: None, ..*self }),
            inputs: shapes.inputs.clone(),
            candidates: tuning::candidates(
                &[&[[0, 0]][..], &tuning::TILES].concat(),
                sizes.batch * sizes.output_plane(),
            ),
        })
    }

    fn with_half_terms(&self, terms: HalfTerms) -> Option<Arc<dyn Op>> {
        Some(Arc::new(Self { terms: Some(terms), ..*self }))
    }

    /// For the bias of a convolution, and that of a transposed one whose windows tile the image.
    fn with_channel_sums(&self, input: usize, shapes: &Shapes) -> Option<Arc<dyn Op>> {
        let sizes = self.sizes(shapes);
        let summed = match input {
            1 => Summed::Output,
            _ if self.geometry.tiles(sizes.image, sizes.output) => Summed::Image,
            _ => return None,
        };
        let plain = self.sums.is_none();
        plain.then(|| Arc::new(Self { sums: Some(summed), ..*self }) as Arc<dyn Op>)
    }
}

/// Workgroups of a split in the direct kernel: four channels of y and four places on a line of the
/// kernel each.
fn direct_lines(sizes: &ConvSizes) -> usize {
    let [kh, kw] = sizes.geometry.kernel;
    sizes.co.div_ceil(4) * sizes.ci * kh * kw.div_ceil(4)
}

/// How the sum over all places of all images is spread over workgroups: by tiles, or directly.
struct Cut {
    tiling: Option<Tiling>,
    split_k: usize,
    k_each: usize,
}

impl Cut {
    fn tiled(tiling: Tiling) -> Self {
        let Tiling { split_k, k_each, .. } = tiling;
        Self { tiling: Some(tiling), split_k, k_each }
    }

    fn direct([split_k, k_each]: [usize; 2]) -> Self {
        Self { tiling: None, split_k, k_each }
    }

    fn new(sizes: &ConvSizes, terms: Option<HalfTerms>, target: &GpuTarget) -> Self {
        let places = sizes.batch * sizes.output_plane();
        // The columns of one place of the kernel are padded to whole vec4s.
        let product = [sizes.co, places, sizes.taps() * sizes.ci.next_multiple_of(4)];
        // An invocation reads one block of columns a step.
        let tiles = target.chip.tiles_for(terms).filter(|tile| reads_one_block(tile, target));
        if let Some(choice) = target.choice(terms, || sizes.key(KERNEL.name)) {
            let chosen = Tiling::chosen(choice, 1, product, target);
            return match chosen.filter(|tiling| reads_one_block(&tiling.tile, target)) {
                Some(tiling) => Self::tiled(tiling),
                None => Self::direct(tiles::direct_cut(places, choice.splits)),
            };
        }
        let direct = || Self::direct(tiles::direct_splits(direct_lines(sizes), places, target));
        let are_few = sizes.co.min(sizes.window()) <= FEW_CHANNELS || sizes.ci == 1;
        // Its workgroups add up in memory that they share.
        if are_few && target.shares_tiles {
            return direct();
        }
        Tiling::best_of(tiles, 1, product, target).map_or_else(direct, Self::tiled)
    }
}

fn reads_one_block(tile: &Tile, target: &GpuTarget) -> bool {
    tile.columns <= tile.invocations() || !target.shares_tiles
}

pub(crate) fn kernels() -> impl Iterator<Item = &'static Kernel> {
    KERNELS.iter()
}
