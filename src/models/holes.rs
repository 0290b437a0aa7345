//! Pixels that are missing, and what stands in their places before a network has made them. A network that saw black
//! there would first have to learn to interpolate, which takes it longer than all the rest.
//!
//! The mean of those that are seen around (normalised convolution, Knutsson and Westin: "Normalized and differential
//! convolution", 1993) is brought near the smoothest picture, whose squared Laplacian is least: what inpainting by the
//! biharmonic equation solves for (Chui and Mhaskar, "MRA contextual-recovery extension of smooth functions on manifolds",
//! 2010). Steps down the gradient have momentum (Polyak, 1964), which takes a dozen of them to a twentieth of the
//! distance where half of the pixels are missing at random.

use super::surroundings::{lines, mean};
use crate::error::Result;
use crate::ops::{self, Builder, NodeId, ReduceKind, UnaryKind};

/// Sides of the windows that are looked into, from the one whose mean is taken where no smaller one has a seen pixel.
const SIDES: [usize; 3] = [17, 7, 3];

/// Steps towards the smoothest picture, each of which reaches two pixels.
const STEPS: usize = 12;
/// The greatest eigenvalue that the square of the Laplacian has, and the least that is to be brought down as fast.
const EIGENVALUES: [f32; 2] = [64.0, 1.0];

/// Pixels to each side on which what stands in a hole depends.
pub(crate) const REACH: usize = SIDES[0] / 2 + 2 * STEPS;

/// What all channels of a pixel are that is missing for sure.
pub(crate) const MISSING: f32 = -1.0;

/// Half a step of 16 bits: nearer to black or white there is nothing.
const NEAR: f32 = 0.5 / 65535.0;

/// The side of the window, and the share of black pixels in it, or of white ones, from which on these are taken for what
/// the picture shows. Of salt and pepper in every other pixel, one in ten million would be.
const SURROUNDINGS: usize = 5;
const MANY: f32 = 18.5 / (SURROUNDINGS * SURROUNDINGS) as f32;

/// Images without holes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filled {
    /// `[batch, channels, height, width]`.
    pub images: NodeId,
    /// 1 where a pixel was missing, else 0: `[batch, 1, height, width]`.
    pub holes: NodeId,
}

/// `images`, `[batch, channels, height, width]` in [0, 1], in which a pixel is missing that is [`MISSING`]; that is
/// `lost`, `[batch, 1, height, width]`; or, `by_colour`, that is black or white in all channels, unless most around are the
/// same.
pub(super) fn filled(
    builder: &mut dyn Builder,
    images: NodeId,
    lost: Option<NodeId>,
    by_colour: bool,
) -> Result<Filled> {
    let brightest = ops::reduce(builder, images, ReduceKind::Max, &[1])?;
    let is_missing = UnaryKind::Within { low: 2.0 * MISSING, high: 0.5 * MISSING };
    let mut holes = ops::unary(builder, brightest, is_missing)?;
    if by_colour {
        let alone = alone(builder, images, brightest)?;
        holes = ops::maximum(builder, holes, alone)?;
    }
    if let Some(lost) = lost {
        holes = ops::maximum(builder, holes, lost)?;
    }
    let means = with_means(builder, images, holes)?;
    Ok(Filled { images: smooth(builder, means, holes)?, holes })
}

/// `images` in whose `holes` stands the mean of what is seen around.
fn with_means(builder: &mut dyn Builder, images: NodeId, holes: NodeId) -> Result<NodeId> {
    let seen = ops::affine(builder, holes, -1.0, 1.0)?;
    let known = ops::mul(builder, images, seen)?;
    // Where nothing around is seen, a pixel stays what it is.
    let mut made = ops::unary(builder, images, UnaryKind::Clamp { low: 0.0, high: 1.0 })?;
    for side in SIDES {
        let sum = mean(builder, known, side)?;
        let share = mean(builder, seen, side)?;
        let least = 0.5 / (side * side) as f32;
        let is_there = UnaryKind::Within { low: least, high: 2.0 };
        let is_there = ops::unary(builder, share, is_there)?;
        // Not 0 in any place, so that what is not taken is a number.
        let divisor = ops::unary(builder, share, UnaryKind::Clamp { low: least, high: 1.0 })?;
        let mean = ops::div(builder, sum, divisor)?;
        made = chosen(builder, is_there, mean, made)?;
    }
    chosen(builder, holes, made, images)
}

/// `images` whose `holes` are brought near what makes the squared Laplacian least.
fn smooth(builder: &mut dyn Builder, images: NodeId, holes: NodeId) -> Result<NodeId> {
    let [most, least] = EIGENVALUES.map(f32::sqrt);
    let rate = 4.0 / (most + least).powi(2);
    let momentum = ((most - least) / (most + least)).powi(2);
    let ones = ops::affine(builder, holes, 0.0, 1.0)?;
    let neighbours = cross(builder, ones)?;
    let down = ops::affine(builder, holes, -9.0 * rate, 0.0)?;
    let on = ops::affine(builder, holes, momentum, 0.0)?;
    let (mut x, mut before) = (images, images);
    for _ in 0..STEPS {
        let bend = laplacian(builder, x, neighbours)?;
        let slope = laplacian(builder, bend, neighbours)?;
        let step = ops::mul(builder, slope, down)?;
        let moved = ops::sub(builder, x, before)?;
        let moved = ops::mul(builder, moved, on)?;
        let step = ops::add(builder, step, moved)?;
        (x, before) = (ops::add(builder, x, step)?, x);
    }
    Ok(x)
}

/// A third of the sum of differences to the pixels above, below, left and right that the image has.
fn laplacian(builder: &mut dyn Builder, x: NodeId, neighbours: NodeId) -> Result<NodeId> {
    let sum = cross(builder, x)?;
    let own = ops::mul(builder, x, neighbours)?;
    ops::sub(builder, sum, own)
}

/// A third of the sum of each pixel's column and row of three, itself in both; beyond the image there are zeros.
fn cross(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    let [column, row] = lines(3).map(|line| ops::avg_pool2d(builder, x, line));
    ops::add(builder, column?, row?)
}

/// 1 where `corrupted` is not what `images` are in all channels, else 0: `[batch, 1, height, width]`.
pub(super) fn lost(builder: &mut dyn Builder, images: NodeId, corrupted: NodeId) -> Result<NodeId> {
    let error = ops::squared_error(builder, images, corrupted)?;
    let greatest = ops::reduce(builder, error, ReduceKind::Max, &[1])?;
    ops::unary(builder, greatest, UnaryKind::Within { low: NEAR * NEAR, high: 2.0 })
}

/// 1 where a pixel of `images`, whose `brightest` channel this is, is black or white among others that are not, else 0:
/// `[batch, 1, height, width]`.
fn alone(builder: &mut dyn Builder, images: NodeId, brightest: NodeId) -> Result<NodeId> {
    let negative = ops::affine(builder, images, -1.0, 1.0)?;
    let darkness = ops::reduce(builder, negative, ReduceKind::Max, &[1])?;
    let [black, white] = [brightest, darkness].map(|x| {
        let is_end = UnaryKind::Within { low: -NEAR, high: NEAR };
        let is_end = ops::unary(builder, x, is_end)?;
        // Less by the share, so that pixels beyond the image, which are 0, decide nothing.
        let more = ops::affine(builder, is_end, 1.0, -MANY)?;
        let more = mean(builder, more, SURROUNDINGS)?;
        let is_alone = ops::unary(builder, more, UnaryKind::Within { low: -1.0, high: 0.0 })?;
        ops::mul(builder, is_end, is_alone)
    });
    ops::maximum(builder, black?, white?)
}

/// `yes` where `which` is 1, `no` where it is 0.
fn chosen(builder: &mut dyn Builder, which: NodeId, yes: NodeId, no: NodeId) -> Result<NodeId> {
    let other = ops::affine(builder, which, -1.0, 1.0)?;
    let yes = ops::mul(builder, yes, which)?;
    let no = ops::mul(builder, no, other)?;
    ops::add(builder, yes, no)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::graph::{Executor, Graph, Plan, PlanRequest, State};
    use crate::ops::StepScalars;
    use crate::rng::Seed;
    use crate::tensor::Tensor;

    /// What becomes of one image of a `side`, channel by channel: where it had holes, with means in these, and smooth.
    fn made(channels: usize, side: usize, pixels: Vec<f32>) -> [Vec<f32>; 3] {
        let mut graph = Graph::new();
        let images = graph.input("images", [1, channels, side, side]);
        let Filled { images: smooth, holes } =
            filled(&mut graph, images, None, true).expect("images");
        let means = with_means(&mut graph, images, holes).expect("images");
        let layout = graph.layout();
        let made = [("holes", holes), ("means", means), ("smooth", smooth)];
        let outputs = made.map(|(name, node)| (name.into(), node)).to_vec();
        let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) });
        let mut device = CpuExecutor::new();
        device.set_state(&State::initial(&layout, Seed(0), 0)).expect("fits");
        let plan = device.add_plan(plan.expect("fits"), None).expect("fits");
        let given = Tensor::new([1, channels, side, side], pixels).expect("as many");
        device.write_input(plan, "images", &given).expect("fits");
        device.run(plan, &[StepScalars::default()]).expect("runs");
        made.map(|(name, _)| device.read_output(plan, name).expect("was made").data().to_vec())
    }

    #[test]
    fn holes_are_black_or_white_in_all_channels_and_others_stay() {
        let red = vec![0.0, 0.2, 1.0, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0];
        let green = vec![0.0, 0.0, 1.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9];
        let [holes, images, _] = made(2, 3, [red.clone(), green.clone()].concat());
        assert_eq!(holes, [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        for (plane, given) in images.chunks(9).zip([red, green]) {
            let means =
                [(given[1] + given[3] + given[4]) / 3.0, (given[1] + given[4] + given[5]) / 3.0];
            assert!((plane[0] - means[0]).abs() < 1e-6 && (plane[2] - means[1]).abs() < 1e-6);
            assert_eq!((plane[1], &plane[3..]), (given[1], &given[3..]));
        }
    }

    #[test]
    fn the_nearest_that_are_seen_count_and_where_none_is_all_stays() {
        let side = 64;
        let mut pixels = vec![MISSING; side * side];
        pixels[10 * side + 10] = 0.25;
        pixels[10 * side + 16] = 0.75;
        let [holes, images, _] = made(1, side, pixels);
        assert_eq!(holes.iter().sum::<f32>(), (side * side - 2) as f32);
        let at = |row: usize, column: usize| images[row * side + column];
        // In windows of 3, of 7 from the other one alone, of 7 and of 17 from both; and in none.
        assert!((at(11, 11) - 0.25).abs() < 1e-6 && (at(10, 18) - 0.75).abs() < 1e-6);
        assert!((at(10, 13) - 0.5).abs() < 1e-6 && (at(17, 13) - 0.5).abs() < 1e-6);
        assert_eq!(at(40, 40), 0.0);
    }

    #[test]
    fn a_black_sky_is_no_hole_but_its_edge_may_be() {
        let side = 16;
        let pixels = (0..side * side).map(|at| if at % side < 8 { 0.0 } else { 0.6 }).collect();
        let [holes, _, images] = made(1, side, pixels);
        let row = |plane: &[f32]| plane[8 * side..][..side].to_vec();
        assert_eq!(row(&holes)[..7], [0.0; 7], "black among black");
        assert_eq!(row(&images)[..7], [0.0; 7]);
        assert_eq!(row(&holes)[8..], [0.0; 8]);
        assert_eq!(row(&images)[8..], [0.6; 8]);
    }

    #[test]
    fn slopes_go_on_through_holes() {
        let side = 40;
        let slope = |at: usize| 0.1 + 0.015 * (at % side) as f32 + 0.005 * (at / side) as f32;
        // Four in ten are missing, irregularly.
        let is_hole = |at: usize| (at * 7919 + at / 3 * 104_729) % 10 < 4;
        let pixels = (0..side * side).map(|at| if is_hole(at) { MISSING } else { slope(at) });
        let [holes, means, smooth] = made(1, side, pixels.collect());
        let inner = |at: &usize| (4..36).contains(&(at % side)) && (4..36).contains(&(at / side));
        let worst = |made: &[f32]| {
            let errors = (0..side * side).filter(inner).map(|at| (made[at] - slope(at)).abs());
            errors.fold(0.0, f32::max)
        };
        assert!((0..side * side).all(|at| holes[at] == f32::from(u8::from(is_hole(at)))));
        assert!(worst(&smooth) < 0.1 * worst(&means), "{} {}", worst(&smooth), worst(&means));
        assert!((0..side * side).all(|at| is_hole(at) || smooth[at] == slope(at)));
    }
}
