//! Codes that become whole numbers: in training each number of a code has noise added, uniform over
//! one step, which stands for the rounding that takes its place afterwards (Ballé, Laparra,
//! Simoncelli: "End-to-end optimized image compression", 2017).
//!
//! `L(x, d(c + u)) + W bits(c + u)`, u uniform in [-step/2, step/2]. The bits are those of a
//! factorised prior, one logistic distribution a channel with location m and scale s, both trained:
//! `-log2 (F((c + 1/2 - m) / s) - F((c - 1/2 - m) / s))`, F the sigmoid and c in steps.

use super::architecture::CodeForm;
use super::choices::Choices;
use super::model::Model;
use super::network::{Network, Scope};
use super::option_checks::not_negative;
use super::variant::Quantiser;
use crate::error::{Error, Result};
use crate::graph::{Graph, Initialiser};
use crate::nn::{self, Loss};
use crate::ops::{self, Activation, Builder, NodeId, RandomKind, UnaryKind};
use crate::shape::Shape;

pub(super) const OPTIONS: [&str; 2] = ["quantise", "rate"];

/// The parameter that holds each channel's location, in steps.
pub const LOCATION: &str = "prior.location";
/// The parameter that holds the logarithm of each channel's scale, in steps.
pub const LOG_SCALE: &str = "prior.log_scale";

/// Scales beyond these would make a probability of 0 or 1 in 32 bits.
const LOG_SCALES: [f32; 2] = [-4.0, 8.0];

/// The weight of a bit a pixel beside a mean squared error.
const RATE_BESIDE_MSE: f32 = 1e-3;

impl Quantiser {
    /// The quantiser that `choices` name, if they name one. Beside a likelihood in nats, a bit weighs
    /// as many nats as it is.
    ///
    /// # Errors
    /// When a number is out of its range, or has no effect.
    pub(super) fn new(choices: &Choices, loss: Loss) -> Result<Option<Self>> {
        let Some(step) = choices.quantise else {
            return match choices.rate {
                Some(_) => Err(Error::option("--rate", "has no effect without --quantise 1")),
                None => Ok(None),
            };
        };
        let usual = if loss == Loss::Mse { RATE_BESIDE_MSE } else { std::f32::consts::LN_2 };
        let this = Self { step, rate: choices.rate.unwrap_or(usual) };
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
        Ok(())
    }

    /// `code` with the noise of training, or rounded to whole steps.
    pub(super) fn quantise(&self, scope: &mut Scope, code: NodeId) -> Result<NodeId> {
        let graph = &mut *scope.graph;
        if scope.training {
            let half = 0.5 * self.step;
            let shape = graph.shape(code).clone();
            let noise = ops::random(graph, shape, RandomKind::Uniform { low: -half, high: half })?;
            return ops::add(graph, code, noise);
        }
        let raised = ops::affine(graph, code, 1.0 / self.step, 0.5)?;
        let whole = ops::unary(graph, raised, UnaryKind::Floor)?;
        ops::affine(graph, whole, self.step, 0.0)
    }

    /// The bits of `code`, `[batch, channels, ...]`, under the prior: their sum over an image,
    /// averaged over the batch; a scalar.
    ///
    /// With `a = (c + 1/2 - m) / s` and `b = (c - 1/2 - m) / s`, `F(a) - F(b)` is
    /// `F(a) F(-b) (1 - e^(b - a))`, of which no part loses its digits far from the location.
    pub(super) fn bits(&self, graph: &mut Graph, code: NodeId) -> Result<NodeId> {
        let mut channels = vec![1; graph.shape(code).rank()];
        channels[1] = graph.shape(code)[1];
        let channels = Shape::new(channels);
        let zero = Initialiser::Constant(0.0);
        let location = graph.parameter(LOCATION, channels.clone(), zero.clone())?;
        let log_scale = graph.parameter(LOG_SCALE, channels, zero)?;
        let [low, high] = LOG_SCALES;
        let log_scale = ops::unary(graph, log_scale, UnaryKind::Clamp { low, high })?;
        let negative = ops::affine(graph, log_scale, -1.0, 0.0)?;
        let sharpness = ops::unary(graph, negative, UnaryKind::Exp)?;
        let half = ops::affine(graph, sharpness, 0.5, 0.0)?;
        let steps = ops::affine(graph, code, 1.0 / self.step, 0.0)?;
        let distance = ops::sub(graph, steps, location)?;
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

    /// What the loss counts: the bits of `code` by pixel of an image beside a mean squared error,
    /// else by image; and bits by pixel, to be reported. Both are scalars.
    pub(super) fn costs(
        &self,
        model: &Model,
        graph: &mut Graph,
        code: NodeId,
    ) -> Result<[NodeId; 2]> {
        let bits = self.bits(graph, code)?;
        let pixels = model.images().height * model.images().width;
        let by_pixel = ops::affine(graph, bits, 1.0 / pixels as f32, 0.0)?;
        Ok([if model.loss == Loss::Mse { by_pixel } else { bits }, by_pixel])
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

    #[test]
    fn bits_are_what_the_formula_says() {
        let quantiser = Quantiser { step: 0.5, rate: 1.0 };
        let values = [0.0_f32, 0.5, -1.75, 20.0];
        let bits = computed(values, |scope, code| quantiser.bits(scope.graph, code), false)[0];
        let expected: f64 = values
            .map(|value| {
                let steps = f64::from(value).abs() / 0.5;
                // F(a) - F(b) by the tails, which do not cancel.
                let tail = |at: f64| 1.0 / (1.0 + at.exp());
                -(tail(steps - 0.5) - tail(steps + 0.5)).log2()
            })
            .iter()
            .sum();
        assert!(
            (f64::from(bits) - expected / 2.0).abs() < 1e-4,
            "{bits} is not {}",
            expected / 2.0
        );
        let far = computed([1e6; 4], |scope, code| quantiser.bits(scope.graph, code), false)[0];
        assert!(far.is_finite() && far > 1e6, "{far}");
    }

    #[test]
    fn noise_stays_within_half_a_step_and_rounding_takes_its_place() {
        let quantiser = Quantiser { step: 0.5, rate: 1.0 };
        let values = [0.3, -0.3, 0.1, 7.6];
        let rounded = computed(values, |scope, code| quantiser.quantise(scope, code), false);
        assert_eq!(rounded, [0.5, -0.5, 0.0, 7.5]);
        let noisy = computed(values, |scope, code| quantiser.quantise(scope, code), true);
        for (noisy, value) in noisy.iter().zip(values) {
            assert!(*noisy != value && (noisy - value).abs() <= 0.2501, "{noisy} of {value}");
        }
    }
}
