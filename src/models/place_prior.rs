//! The prior of VQ-VAE's places: how likely each code of the codebook is at a place, given those at the
//! places before it, row by row and in each row from the left.
//!
//! `p(i) = prod_t p(i_t | i_1 ... i_(t-1))`, by a gated network of masked convolutions (van den Oord et
//! al., "Conditional image generation with PixelCNN decoders", 2016). One stack of layers sees the rows
//! above a place, another what is left of it in its row and what the first stack makes of the rows
//! above, so that no place before it stays unseen. A layer is `tanh(a) * sigmoid(b)`.

use serde::{Deserialize, Serialize};

use super::model::Model;
use super::option_checks::count;
use super::variant::Variant;
use crate::error::{Error, Result};
use crate::graph::{Graph, Initialiser};
use crate::nn;
use crate::ops::{self, Activation, Builder, ConvGeometry, NodeId};

/// Numbers that stand for a code.
const EMBEDDING: usize = 16;
/// Rows above a place, and columns left of it, that the first layer sees.
const FIRST: usize = 2;
/// Columns left of a place that each later layer sees besides; of the rows above, one.
const LEFT: usize = 2;
/// A 1x1 convolution.
const POINT: ConvGeometry = ConvGeometry::symmetric([1, 1], [1, 1], [0, 0]);

/// The network of such a prior.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacePrior {
    /// Codes in the codebook.
    pub codes: usize,
    /// Rows and columns of the map of places; one row where they form none.
    pub map: [usize; 2],
    /// Channels of each layer.
    pub channels: usize,
    /// Layers behind the first.
    pub layers: usize,
}

impl PlacePrior {
    /// The network for the places of `model`.
    ///
    /// # Errors
    /// When the model has no codebook.
    pub fn new(model: &Model) -> Result<Self> {
        let (Variant::Vqvae(vqvae), Some(places)) = (&model.variant, model.places()) else {
            let what = format!(
                "has no effect on a {} model, which has no codebook; train one by --variant vqvae",
                model.name()
            );
            return Err(Error::option("--prior", what));
        };
        let map = match places[..] {
            [rows, columns] => [rows, columns],
            _ => [1, places.iter().product()],
        };
        Ok(Self { codes: vqvae.codes, map, channels: 32, layers: 5 })
    }

    /// Refuses a network that is not for the places of `model`, or larger than any.
    ///
    /// # Errors
    /// When it is such.
    pub fn check(&self, model: &Model) -> Result<()> {
        let own = Self::new(model)?;
        if (self.codes, self.map) != (own.codes, own.map) {
            return Err(Error::option("--prior", "is that of another model's places"));
        }
        count("channels", self.channels, 1..=1 << 10)?;
        count("layers", self.layers, 0..=1 << 6)?;
        Ok(())
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        self.map[0] * self.map[1]
    }

    /// The logits of the codes at each place of the first `rows` rows, `[batch * rows * columns, codes]`,
    /// given `index`, `[batch, rows * columns]`, the numbers of the codes there. Those of a place depend
    /// on no place from it on.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn logits(&self, graph: &mut Graph, index: NodeId, rows: usize) -> Result<NodeId> {
        let (batch, columns) = (graph.shape(index)[0], self.map[1]);
        let places = batch * rows * columns;
        let start = Initialiser::Uniform { bound: 1.0 };
        let table = graph.parameter("embedding", [self.codes, EMBEDDING], start)?;
        let index = ops::reshape(graph, index, [places])?;
        let embedded = ops::gather(graph, table, index)?;
        let embedded = ops::reshape(graph, embedded, [batch, rows, columns, EMBEDDING])?;
        let embedded = ops::permute(graph, embedded, &[0, 3, 1, 2])?;
        let (mut above, mut left) = self.first(graph, embedded, rows)?;
        for layer in 1..=self.layers {
            (above, left) = self.layer(graph, &format!("layer{layer}"), above, left)?;
        }
        let last = nn::conv2d(graph, "hidden", left, 2 * self.channels, POINT, RELU)?;
        let logits = nn::conv2d(graph, "output", last, self.codes, POINT, None)?;
        let logits = ops::permute(graph, logits, &[0, 2, 3, 1])?;
        ops::reshape(graph, logits, [places, self.codes])
    }

    /// The nats that the codes at all places of each image come to, `[batch]`, given `index`,
    /// `[batch, places]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn nats(&self, graph: &mut Graph, index: NodeId) -> Result<NodeId> {
        let batch = graph.shape(index)[0];
        let logits = self.logits(graph, index, self.map[0])?;
        let logarithms = ops::log_softmax(graph, logits)?;
        let index = ops::reshape(graph, index, [batch * self.places()])?;
        let chosen = ops::one_hot(graph, index, self.codes)?;
        let chosen = ops::mul(graph, chosen, logarithms)?;
        let chosen = ops::reshape(graph, chosen, [batch, self.places() * self.codes])?;
        let sums = nn::per_image(graph, chosen)?;
        ops::affine(graph, sums, -1.0, 0.0)
    }

    /// The first layer of both stacks: it must not see the code at its own place, of which later ones
    /// may see what comes of this. It learns besides where on the map it is.
    fn first(&self, graph: &mut Graph, x: NodeId, rows: usize) -> Result<(NodeId, NodeId)> {
        let span = FIRST + 1;
        let wide = 2 * FIRST + 1;
        let above = one_sided([span, wide]);
        let mask = [vec![1.0; FIRST * wide], vec![0.0; wide]].concat();
        let above = nn::masked_conv2d(graph, "above", x, self.channels, (above, &mask), None)?;
        let mask = [vec![1.0; FIRST], vec![0.0]].concat();
        let left = one_sided_row(span);
        let left = nn::masked_conv2d(graph, "left", x, self.channels, (left, &mask), None)?;
        let [height, width] = self.map;
        let zero = Initialiser::Constant(0.0);
        let place = graph.parameter("place", [1, self.channels, height, width], zero)?;
        let place = ops::slice_axis(graph, place, 2, 0..rows)?;
        let left = ops::add(graph, left, place)?;
        Ok((ops::add(graph, above, place)?, ops::add(graph, left, above)?))
    }

    fn layer(
        &self,
        graph: &mut Graph,
        name: &str,
        above: NodeId,
        left: NodeId,
    ) -> Result<(NodeId, NodeId)> {
        let twice = 2 * self.channels;
        let rows = one_sided([2, 3]);
        let above = nn::conv2d(graph, &format!("{name}.above"), above, twice, rows, None)?;
        let row = one_sided_row(LEFT + 1);
        let own = nn::conv2d(graph, &format!("{name}.left"), left, twice, row, None)?;
        let passed = nn::conv2d(graph, &format!("{name}.down"), above, twice, POINT, None)?;
        let own = ops::add(graph, own, passed)?;
        let own = self.gated(graph, own)?;
        let own = nn::conv2d(graph, &format!("{name}.out"), own, self.channels, POINT, None)?;
        Ok((self.gated(graph, above)?, ops::add(graph, left, own)?))
    }

    /// `tanh(a) * sigmoid(b)` of the first and the second half of the channels.
    fn gated(&self, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
        let a = ops::slice_axis(graph, x, 1, 0..self.channels)?;
        let b = ops::slice_axis(graph, x, 1, self.channels..2 * self.channels)?;
        let a = ops::activate(graph, a, Activation::Tanh)?;
        let b = ops::activate(graph, b, Activation::Sigmoid)?;
        ops::mul(graph, a, b)
    }
}

const RELU: Option<Activation> = Some(Activation::Relu);

/// A kernel that reaches from its own row upwards, and as far to the right as to the left. All padding is
/// above, which is what a mask over the rows below would come to, without computing them.
fn one_sided([rows, columns]: [usize; 2]) -> ConvGeometry {
    let sides = [columns / 2; 2];
    ConvGeometry { padding: [[rows - 1, 0], sides], ..ConvGeometry::valid([rows, columns]) }
}

/// A kernel of one row that reaches from its own column to the left.
fn one_sided_row(columns: usize) -> ConvGeometry {
    ConvGeometry { padding: [[0, 0], [columns - 1, 0]], ..ConvGeometry::valid([1, columns]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::graph::{Executor, Plan, PlanRequest, State};
    use crate::ops::StepScalars;
    use crate::rng::Seed;
    use crate::tensor::Tensor;

    /// Logits of one map of indices under random parameters, the codes of a place after each other.
    fn logits(prior: &PlacePrior, index: &[f32], rows: usize) -> Vec<f32> {
        let whole = |rows| {
            let mut graph = Graph::new();
            let index = graph.input("index", [1, rows * prior.map[1]]);
            let logits = prior.logits(&mut graph, index, rows).expect("shapes fit");
            (graph, logits)
        };
        let layout = whole(prior.map[0]).0.layout();
        let (graph, logits) = whole(rows);
        let mut state = State::initial(&layout, Seed(3), 0);
        // Biases start at 0 and places, too: all have to take part.
        for (at, value) in state.parameters.iter_mut().enumerate() {
            *value += 0.1 * (at as f32).sin();
        }
        let mut device = CpuExecutor::new();
        device.set_state(&state).expect("fits");
        let outputs = vec![("logits".into(), logits)];
        let request = PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) };
        let plan = device.add_plan(Plan::new(&request).expect("plans"), None).expect("fits");
        let index = Tensor::new([1, index.len()], index.to_vec()).expect("fits");
        device.write_input(plan, "index", &index).expect("fits");
        device.run(plan, &[StepScalars::default()]).expect("runs");
        device.read_output(plan, "logits").expect("is there").data().to_vec()
    }

    #[test]
    fn a_place_depends_on_those_before_it_and_on_no_other() {
        for map in [[5, 4], [1, 9], [3, 1]] {
            let prior = PlacePrior { codes: 6, map, channels: 4, layers: 3 };
            let places = prior.places();
            let index: Vec<f32> = (0..places).map(|place| (place % 5) as f32).collect();
            let usual = logits(&prior, &index, map[0]);
            assert!(usual.iter().all(|logit| logit.is_finite()));
            for changed in 0..places {
                let mut other = index.clone();
                other[changed] = 5.0;
                let other = logits(&prior, &other, map[0]);
                for place in 0..places {
                    let part = place * 6..(place + 1) * 6;
                    let is_same = usual[part.clone()] == other[part];
                    let sees = place > changed;
                    assert_eq!(is_same, !sees, "{map:?}: place {place}, changed {changed}");
                }
            }
        }
    }

    #[test]
    fn the_first_rows_need_no_others() {
        let prior = PlacePrior { codes: 6, map: [4, 3], channels: 4, layers: 2 };
        let index: Vec<f32> = (0..12).map(|place| (place % 5) as f32).collect();
        let (whole, part) = (logits(&prior, &index, 4), logits(&prior, &index[..6], 2));
        for (a, b) in whole.iter().zip(&part) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}
