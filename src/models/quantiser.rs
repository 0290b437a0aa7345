//! Codes that become whole numbers: in training each number of a code has noise added, uniform over
//! one step, which stands for the rounding that takes its place afterwards (Ballé, Laparra,
//! Simoncelli: "End-to-end optimized image compression", 2017).
//!
//! `L(x, d(c + u)) + W bits(c + u)`, u uniform in [-step/2, step/2]. The bits are those of a
//! factorised prior, one logistic distribution a channel with location m and scale s, both trained:
//! `-log2 (F((c + 1/2 - m) / s) - F((c - 1/2 - m) / s))`, F the sigmoid and c in steps. With a [hyperprior](super::hyperprior)
//! each number has a scale of its own, and there are the bits of what says so.

use super::architecture::CodeForm;
use super::choices::Choices;
use super::hyperprior::{SideCode, side_code};
use super::model::{Batch, Model, Objective};
use super::network::{Network, Scope};
use super::option_checks::{count, not_negative};
use super::terms::plus_weighted;
use super::variant::Quantiser;
use crate::error::{Error, Result};
use crate::graph::{Graph, Initialiser};
use crate::nn::{self, Decoded, Loss};
use crate::ops::{self, Activation, Builder, NodeId, RandomKind, UnaryKind};
use crate::shape::Shape;

pub(super) const OPTIONS: [&str; 3] = ["quantise", "rate", "hyperprior"];

/// The parameter that holds each channel's location, in steps.
pub const LOCATION: &str = "prior.location";
/// The parameter that holds the logarithm of each channel's scale, in steps.
pub const LOG_SCALE: &str = "prior.log_scale";

/// Scales beyond these would make a probability of 0 or 1 in 32 bits.
const LOG_SCALES: [f32; 2] = [-4.0, 8.0];

/// The logarithms of the least and the greatest size of steps in training, beside the model's: those of the qualities
/// that files may have.
pub const LOG_STEPS: [f32; 2] = [-0.75, 1.0];

/// How far from halfway, in steps, numbers of a narrow channel are rounded to its location.
const THRIFT: f32 = 0.15;

/// The most channels of a side code.
pub const MOST_SIDE_CHANNELS: usize = 1 << 10;

/// The weight of a bit a pixel beside a mean squared error.
const RATE_BESIDE_MSE: f32 = 1e-3;

/// A code in steps.
struct Steps {
    /// What the decoder is given: whole numbers of steps.
    rounded: NodeId,
    /// The same in these steps.
    whole: NodeId,
    /// What bits are counted of, in steps: in training, with noise in the rounding's place.
    counted: NodeId,
    /// Each channel's location and the logarithm of its scale, in these steps.
    prior: [NodeId; 2],
    /// By how many times an image's steps are coarser than the model's, `[batch, 1, 1, 1]`.
    coarser: Option<NodeId>,
}

/// What bits cost.
struct Costs {
    /// What the loss counts: the bits by pixel of an image beside a mean squared error, else by image; a scalar.
    weighed: NodeId,
    /// Bits by pixel, to be reported: all, and those of a side code; scalars.
    by_pixel: Vec<(&'static str, NodeId)>,
}

/// `code`, in steps, rounded as `diabolo compress` rounds it: a number that lies halfway goes to the one that takes fewer
/// bits. The gradient passes as if nothing had been rounded (Bengio, Leonard, Courville, "Estimating or propagating
/// gradients through stochastic neurons", 2013).
fn thrifty(graph: &mut Graph, code: NodeId, location: NodeId, log_scale: NodeId) -> Result<NodeId> {
    // Towards the location, by as much as bits fall on the way, which is the less the wider a channel is.
    let wide = UnaryKind::Clamp { low: 0.0, high: f32::MAX };
    let log_scale = ops::unary(graph, log_scale, wide)?;
    let narrow = ops::affine(graph, log_scale, -1.0, 0.0)?;
    let narrow = ops::unary(graph, narrow, UnaryKind::Exp)?;
    let distance = ops::sub(graph, code, location)?;
    let near = UnaryKind::Clamp { low: -THRIFT, high: THRIFT };
    let shift = ops::unary(graph, distance, near)?;
    let shift = ops::mul(graph, shift, narrow)?;
    let whole = ops::sub(graph, code, shift)?;
    let whole = ops::affine(graph, whole, 1.0, 0.5)?;
    let whole = ops::unary(graph, whole, UnaryKind::Floor)?;
    let moved = ops::sub(graph, whole, code)?;
    let moved = ops::detach(graph, moved)?;
    ops::add(graph, code, moved)
}

impl Quantiser {
    /// The quantiser that `choices` name, if they name one. Beside a likelihood in nats, a bit weighs
    /// as many nats as it is.
    ///
    /// # Errors
    /// When a number is out of its range, or has no effect.
    pub(super) fn new(choices: &Choices, loss: Loss) -> Result<Option<Self>> {
        let Some(step) = choices.quantise else {
            let without = "has no effect without --quantise 1";
            return match (choices.rate, choices.hyperprior) {
                (Some(_), _) => Err(Error::option("--rate", without)),
                (_, Some(_)) => Err(Error::option("--hyperprior", without)),
                _ => Ok(None),
            };
        };
        let usual = if loss == Loss::Mse { RATE_BESIDE_MSE } else { std::f32::consts::LN_2 };
        let rate = choices.rate.unwrap_or(usual);
        let this = Self { step, rate, hyperprior: choices.hyperprior };
        this.check_numbers()?;
        Ok(Some(this))
    }

    fn check_numbers(&self) -> Result<()> {
        not_negative("--quantise", self.step)?;
        not_negative("--rate", self.rate)?;
        if !(1e-6..=1e6).contains(&self.step) {
            let what = format!("is {}; a step lies between 0.000001 and 1000000", self.step);
            return Err(Error::option("--quantise", what));
        }
        // The prior is trained by what its bits weigh, and codes are compressed by it.
        if self.rate == 0.0 {
            let what = "must be above 0, since the code's distribution is learned by it";
            return Err(Error::option("--rate", what));
        }
        if let Some(channels) = self.hyperprior {
            count("--hyperprior", channels, 1..=MOST_SIDE_CHANNELS)?;
        }
        Ok(())
    }

    /// Refuses what does not go with the rest of the model.
    pub(super) fn check(&self, network: &Network) -> Result<()> {
        self.check_numbers()?;
        if network.code == CodeForm::Features {
            let what = "of --quantise needs a layer of its own; give map:8, or a number";
            return Err(Error::option("--latent", what));
        }
        if network.dropout > 0.0 {
            let what = "leaves numbers of a code out, which --quantise counts; give one of them";
            return Err(Error::option("--dropout", what));
        }
        if self.hyperprior.is_some() && !matches!(network.code, CodeForm::Map(_)) {
            let what = "says how wide numbers are at each place of a map; give --latent map:8";
            return Err(Error::option("--hyperprior", what));
        }
        Ok(())
    }

    /// `code` rounded to whole steps.
    pub(super) fn quantise(&self, graph: &mut Graph, code: NodeId) -> Result<NodeId> {
        let raised = ops::affine(graph, code, 1.0 / self.step, 0.5)?;
        let whole = ops::unary(graph, raised, UnaryKind::Floor)?;
        ops::affine(graph, whole, self.step, 0.0)
    }

    /// The logarithm of the scale of each number of a quantised `code`, in steps and shaped like it, as a hyperprior says
    /// it.
    pub(super) fn log_scale(&self, scope: &mut Scope, code: NodeId) -> Result<Option<NodeId>> {
        let Some(channels) = self.hyperprior else { return Ok(None) };
        let whole = ops::affine(scope.graph, code, 1.0 / self.step, 0.0)?;
        let side = side_code(scope, whole, channels)?;
        let [_, log_scale] = self.prior(scope.graph, code)?;
        ops::add(scope.graph, side.scales, log_scale).map(Some)
    }

    /// A reconstruction of what the code becomes, and what its bits weigh. In training each image has steps of a size of
    /// its own, in which its errors are counted: at any size of steps a bit then buys as much.
    pub(super) fn objective(
        &self,
        model: &Model,
        scope: &mut Scope,
        batch: &Batch,
    ) -> Result<Objective> {
        let code = model.encode_linear(scope, batch.input, batch.labels)?;
        let steps = self.steps(scope, code)?;
        let decoded = model.decode_beside(scope, steps.rounded, batch.input, batch.labels)?;
        let decoded = Decoded { deviation: steps.coarser, ..decoded };
        let loss = model.loss.of(scope.graph, decoded, batch.images, batch.seen)?;
        let side = self.hyperprior.map(|channels| side_code(scope, steps.whole, channels));
        let costs = self.costs(model, scope.graph, &steps, side.transpose()?)?;
        let loss = plus_weighted(scope.graph, loss, costs.weighed)?;
        Ok(Objective { loss, measures: costs.by_pixel, activity: None })
    }

    fn steps(&self, scope: &mut Scope, code: NodeId) -> Result<Steps> {
        let graph = &mut *scope.graph;
        let prior = self.prior(graph, code)?;
        if !scope.training {
            let rounded = self.quantise(graph, code)?;
            let counted = ops::affine(graph, rounded, 1.0 / self.step, 0.0)?;
            return Ok(Steps { rounded, whole: counted, counted, prior, coarser: None });
        }
        let [low, high] = LOG_STEPS;
        let batch = graph.shape(code)[0];
        let log = ops::random(graph, [batch, 1, 1, 1], RandomKind::Uniform { low, high })?;
        let coarser = ops::unary(graph, log, UnaryKind::Exp)?;
        let mut by_image = vec![1; graph.shape(code).rank()];
        by_image[0] = batch;
        let log = ops::reshape(graph, log, Shape::new(by_image))?;
        let size = ops::unary(graph, log, UnaryKind::Exp)?;
        let [location, log_scale] = prior;
        let location = ops::div(graph, location, size)?;
        let log_scale = ops::sub(graph, log_scale, log)?;
        let code = ops::affine(graph, code, 1.0 / self.step, 0.0)?;
        let code = ops::div(graph, code, size)?;
        let half = RandomKind::Uniform { low: -0.5, high: 0.5 };
        let shape = graph.shape(code).clone();
        let noise = ops::random(graph, shape, half)?;
        let counted = ops::add(graph, code, noise)?;
        let whole = thrifty(graph, code, location, log_scale)?;
        let rounded = ops::mul(graph, whole, size)?;
        let rounded = ops::affine(graph, rounded, self.step, 0.0)?;
        let prior = [location, log_scale];
        Ok(Steps { rounded, whole, counted, prior, coarser: Some(coarser) })
    }

    /// Each channel's location and the logarithm of its scale, in steps; they broadcast to `code`.
    fn prior(&self, graph: &mut Graph, code: NodeId) -> Result<[NodeId; 2]> {
        let mut channels = vec![1; graph.shape(code).rank()];
        channels[1] = graph.shape(code)[1];
        let channels = Shape::new(channels);
        let zero = Initialiser::Constant(0.0);
        let location = graph.parameter(LOCATION, channels.clone(), zero.clone())?;
        let log_scale = graph.parameter(LOG_SCALE, channels, zero)?;
        Ok([location, log_scale])
    }

    /// The bits of `code`, `[batch, channels, ...]` in steps, under the prior of this location and logarithm of its scale:
    /// their sum over an image, averaged over the batch; a scalar.
    ///
    /// With `a = (c + 1/2 - m) / s` and `b = (c - 1/2 - m) / s`, `F(a) - F(b)` is
    /// `F(a) F(-b) (1 - e^(b - a))`, of which no part loses its digits far from the location.
    fn bits(graph: &mut Graph, code: NodeId, [location, log_scale]: [NodeId; 2]) -> Result<NodeId> {
        let [low, high] = LOG_SCALES;
        let log_scale = ops::unary(graph, log_scale, UnaryKind::Clamp { low, high })?;
        let negative = ops::affine(graph, log_scale, -1.0, 0.0)?;
        let sharpness = ops::unary(graph, negative, UnaryKind::Exp)?;
        let half = ops::affine(graph, sharpness, 0.5, 0.0)?;
        let distance = ops::sub(graph, code, location)?;
        let distance = ops::mul(graph, distance, sharpness)?;
        let above = ops::add(graph, distance, half)?;
        let above = ops::affine(graph, above, -1.0, 0.0)?;
        let below = ops::sub(graph, distance, half)?;
        let above = ops::activate(graph, above, Activation::Softplus)?;
        let below = ops::activate(graph, below, Activation::Softplus)?;
        let tails = ops::add(graph, above, below)?;
        let gap = ops::affine(graph, sharpness, -1.0, 0.0)?;
        let gap = ops::unary(graph, gap, UnaryKind::Exp)?;
        let gap = ops::affine(graph, gap, -1.0, 1.0)?;
        let gap = ops::unary(graph, gap, UnaryKind::Log)?;
        let nats = ops::sub(graph, tails, gap)?;
        let nats = nn::image_mean(graph, nats)?;
        ops::affine(graph, nats, std::f32::consts::LOG2_E, 0.0)
    }

    fn costs(
        &self,
        model: &Model,
        graph: &mut Graph,
        steps: &Steps,
        side: Option<SideCode>,
    ) -> Result<Costs> {
        let pixels = model.images().height * model.images().width;
        let [location, mut log_scale] = steps.prior;
        let mut by_pixel = vec![];
        let mut side_bits = None;
        if let Some(SideCode { counted, prior, scales }) = side {
            log_scale = ops::add(graph, scales, log_scale)?;
            let bits = Self::bits(graph, counted, prior)?;
            by_pixel
                .push(("side_bits_per_pixel", ops::affine(graph, bits, 1.0 / pixels as f32, 0.0)?));
            side_bits = Some(bits);
        }
        let mut bits = Self::bits(graph, steps.counted, [location, log_scale])?;
        if let Some(side) = side_bits {
            bits = ops::add(graph, bits, side)?;
        }
        let all = ops::affine(graph, bits, 1.0 / pixels as f32, 0.0)?;
        by_pixel.insert(0, ("bits_per_pixel", all));
        Ok(Costs { weighed: if model.loss == Loss::Mse { all } else { bits }, by_pixel })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::graph::{Executor, Plan, PlanRequest, State};
    use crate::ops::StepScalars;
    use crate::rng::Seed;
    use crate::tensor::Tensor;

    /// What `made` makes of a code of two images with two channels of one place.
    fn computed(
        values: [f32; 4],
        made: impl Fn(&mut Scope, NodeId) -> Result<NodeId>,
        training: bool,
    ) -> Vec<f32> {
        let mut graph = Graph::new();
        let code = graph.input("code", [2, 2, 1, 1]);
        let out = made(&mut Scope { graph: &mut graph, training }, code).unwrap();
        let layout = graph.layout();
        let outputs = vec![("out".into(), out)];
        let request = PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) };
        let mut device = CpuExecutor::new();
        device.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
        let plan = device.add_plan(Plan::new(&request).unwrap(), None).unwrap();
        let code = Tensor::new([2, 2, 1, 1], values.to_vec()).unwrap();
        device.write_input(plan, "code", &code).unwrap();
        device.run(plan, &[StepScalars::default()]).unwrap();
        device.read_output(plan, "out").unwrap().into_data()
    }

    /// A prior that is not trained, for a code in steps.
    fn bits(graph: &mut Graph, code: NodeId) -> Result<NodeId> {
        let prior = Quantiser { step: 1.0, rate: 1.0, hyperprior: None }.prior(graph, code)?;
        Quantiser::bits(graph, code, prior)
    }

    #[test]
    fn bits_are_what_the_formula_says() {
        let steps = [0.0_f32, 1.0, -3.5, 40.0];
        let found = computed(steps, |scope, code| bits(scope.graph, code), false)[0];
        let expected: f64 = steps
            .map(|steps| {
                let steps = f64::from(steps).abs();
                // F(a) - F(b) by the tails, which do not cancel.
                let tail = |at: f64| 1.0 / (1.0 + at.exp());
                -(tail(steps - 0.5) - tail(steps + 0.5)).log2()
            })
            .iter()
            .sum();
        assert!(
            (f64::from(found) - expected / 2.0).abs() < 1e-4,
            "{found} is not {}",
            expected / 2.0
        );
        let far = computed([1e6; 4], |scope, code| bits(scope.graph, code), false)[0];
        assert!(far.is_finite() && far > 1e6, "{far}");
    }

    #[test]
    fn numbers_become_whole_steps() {
        let quantiser = Quantiser { step: 0.5, rate: 1.0, hyperprior: None };
        let values = [0.3, -0.3, 0.1, 7.6];
        let rounded = computed(values, |scope, code| quantiser.quantise(scope.graph, code), false);
        assert_eq!(rounded, [0.5, -0.5, 0.0, 7.5]);
        let steps = |scope: &mut Scope, code| Ok(quantiser.steps(scope, code)?.rounded);
        assert_eq!(computed(values, steps, false), rounded);
    }

    #[test]
    fn in_training_each_image_has_steps_of_its_own() {
        let quantiser = Quantiser { step: 0.5, rate: 1.0, hyperprior: None };
        let sizes = |scope: &mut Scope, code| {
            let coarser = quantiser.steps(scope, code)?.coarser.expect("is drawn");
            let nothing = ops::affine(scope.graph, code, 0.0, 0.0)?;
            ops::add(scope.graph, nothing, coarser)
        };
        let values = [30.3, -0.01, 7.1, 0.9];
        let sizes = computed(values, sizes, true);
        let within = |size: &f32| (-0.7501..1.0001).contains(&size.ln());
        assert!(
            sizes.iter().all(within) && sizes[0] == sizes[1] && sizes[1] != sizes[2],
            "{sizes:?}"
        );
        let rounded = |scope: &mut Scope, code| Ok(quantiser.steps(scope, code)?.rounded);
        let counted = |scope: &mut Scope, code| Ok(quantiser.steps(scope, code)?.counted);
        let (rounded, counted) = (computed(values, rounded, true), computed(values, counted, true));
        for (at, value) in values.into_iter().enumerate() {
            let size = 0.5 * sizes[at];
            let whole = rounded[at] / size;
            assert!((whole - whole.round()).abs() < 1e-4, "{value}: {whole} steps");
            assert!((rounded[at] - value).abs() <= (0.5 + THRIFT) * size + 1e-4, "{value}");
            let noise = counted[at] - value / size;
            assert!(noise != 0.0 && noise.abs() < 0.501, "{value}: {noise}");
        }
        // Rounded to 0, whatever the step.
        assert_eq!(rounded[1], 0.0);
    }

    #[test]
    fn halfway_a_number_goes_where_bits_are_fewer() {
        // Of a channel at 0 of scale 1, in steps.
        let rounded = |scope: &mut Scope, code| {
            let [location, log_scale] =
                Quantiser { step: 1.0, rate: 1.0, hyperprior: None }.prior(scope.graph, code)?;
            thrifty(scope.graph, code, location, log_scale)
        };
        assert_eq!(computed([0.6, -0.6, 0.7, -1.6], rounded, false), [0.0, 0.0, 1.0, -1.0]);
    }
}
