//! A scale hyperprior (Ballé, Minnen, Singh, Hwang, Johnston: "Variational image compression with a scale hyperprior",
//! 2018): a second, smaller code `z` beside the code `n` says how wide the distribution of each number of `n` is, where
//! else each channel has one width for all its places.
//!
//! ```text
//! z = h_a(ln(1 + |n|)),   n in whole steps, z rounded to whole numbers
//! ln s(c, place) = ln s(c) + h_s(z)(c, place)
//! ```
//!
//! `z` has a quarter of the places of `n`, in as many channels as hidden layers have; its numbers have a logistic
//! distribution a channel. `h_a` is a convolution of 1x1 and one of 2x2 by strides of 2, `h_s` one of 3x3, a transposed
//! one of 2x2 by strides of 2 and one of 1x1, with rectifiers between. In the paper `h_a` sees `|n|`: its logarithm has
//! the size of what is to be said.

use super::network::Scope;
use crate::error::{Error, Result};
use crate::graph::Initialiser;
use crate::nn::{self, Layer, Start};
use crate::ops::{self, Activation, Builder, ConvGeometry, NodeId, RandomKind, UnaryKind};

/// What stands for the scales, in whole numbers.
pub(super) struct SideCode {
    /// What bits are counted of: in training, with noise in the rounding's place.
    pub counted: NodeId,
    /// Each channel's location and the logarithm of its scale.
    pub prior: [NodeId; 2],
    /// What it adds to the logarithm of the scale of each number of the code, `[batch, channels, rows, columns]`.
    pub scales: NodeId,
}

/// The parameter that holds the location of each channel of the side code.
pub const SIDE_LOCATION: &str = "hyperprior.location";
/// The parameter that holds the logarithm of each one's scale.
pub const SIDE_LOG_SCALE: &str = "hyperprior.log_scale";
/// The layers of a hyperprior, whose parameters are `NAME.weight` and `NAME.bias`: those of `h_a`, then those of `h_s`.
pub const HYPERPRIOR_LAYERS: [&str; 5] = [
    "hyperprior.sizes",
    "hyperprior.down",
    "hyperprior.around",
    "hyperprior.up",
    "hyperprior.scales",
];

const POINT: ConvGeometry = ConvGeometry::symmetric([1, 1], [1, 1], [0, 0]);
const AROUND: ConvGeometry = ConvGeometry::symmetric([3, 3], [1, 1], [1, 1]);
const RELU: Option<Activation> = Some(Activation::Relu);

/// Two places of the code for one of the side code along each axis; of an odd number, the last stands alone.
fn halving([rows, columns]: [usize; 2]) -> ConvGeometry {
    let padding = [[0, rows % 2], [0, columns % 2]];
    ConvGeometry { padding, ..ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]) }
}

/// The side code of `hidden` channels of `code`, `[batch, channels, rows, columns]` in whole steps, and what it says.
///
/// # Errors
/// When shapes do not fit.
pub(super) fn side_code(scope: &mut Scope, code: NodeId, hidden: usize) -> Result<SideCode> {
    let training = scope.training;
    let graph = &mut *scope.graph;
    let &[_, channels, rows, columns] = &graph.shape(code)[..] else {
        return Err(Error::Graph("a hyperprior is one of maps".into()));
    };
    let halves = halving([rows, columns]);
    let [sizes, down, around, up, scales] = HYPERPRIOR_LAYERS;
    let size = ops::unary(graph, code, UnaryKind::Abs)?;
    let size = ops::affine(graph, size, 1.0, 1.0)?;
    let size = ops::unary(graph, size, UnaryKind::Log)?;
    let hidden_sizes = nn::conv2d(graph, sizes, size, hidden, POINT, RELU)?;
    let side = nn::conv2d(graph, down, hidden_sizes, hidden, halves, None)?;
    let counted = match training {
        true => {
            let shape = graph.shape(side).clone();
            let half = RandomKind::Uniform { low: -0.5, high: 0.5 };
            let noise = ops::random(graph, shape, half)?;
            ops::add(graph, side, noise)?
        }
        false => {
            let raised = ops::affine(graph, side, 1.0, 0.5)?;
            ops::unary(graph, raised, UnaryKind::Floor)?
        }
    };
    let seen = nn::conv2d(graph, around, counted, hidden, AROUND, RELU)?;
    let mut seen = nn::conv_transpose2d(graph, up, seen, hidden, halving([2, 2]), RELU)?;
    for (axis, places) in [(2, rows), (3, columns)] {
        if places % 2 == 1 {
            seen = ops::slice_axis(graph, seen, axis, 0..places)?;
        }
    }
    // It begins as if there were none.
    let nothing = Layer { start: Start::Zero, ..Layer::from(None) };
    let scales = nn::conv2d(graph, scales, seen, channels, POINT, nothing)?;
    let zero = Initialiser::Constant(0.0);
    let location = graph.parameter(SIDE_LOCATION, [1, hidden, 1, 1], zero.clone())?;
    let log_scale = graph.parameter(SIDE_LOG_SCALE, [1, hidden, 1, 1], zero)?;
    Ok(SideCode { counted, prior: [location, log_scale], scales })
}
