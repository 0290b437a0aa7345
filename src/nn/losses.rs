//! Reconstruction losses, and the unit each is reported in.

use std::fmt;

use crate::error::Result;
use crate::ops::{self, Builder, NodeId, ReduceKind};

/// How a reconstruction is compared with its image.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The mean squared error over all pixels of all images.
    #[default]
    Mse,
    /// Binary cross-entropy, summed over an image's pixels and averaged over images.
    Bce,
}

impl Loss {
    /// What one unit of the loss is.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Mse => "MSE per pixel",
            Self::Bce => "nats per image",
        }
    }

    /// The loss, a scalar, of the images whose logits are `logits`, against `images` in [0, 1].
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn of(self, builder: &mut dyn Builder, logits: NodeId, images: NodeId) -> Result<NodeId> {
        match self {
            Self::Mse => {
                let reconstruction = ops::activate(builder, logits, ops::Activation::Sigmoid)?;
                let error = ops::squared_error(builder, reconstruction, images)?;
                ops::mean_all(builder, error)
            }
            Self::Bce => {
                let error = ops::binary_cross_entropy(builder, logits, images)?;
                let images = builder.shape(images)[0] as f32;
                let sum = ops::sum_all(builder, error)?;
                ops::affine(builder, sum, 1.0 / images, 0.0)
            }
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mse => "mse",
            Self::Bce => "bce",
        })
    }
}

/// The sum of `x`, `[batch, ...]`, over everything but the batch: `[batch]`.
///
/// # Errors
/// When `x` has no axes.
pub fn per_image(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    let flat = ops::flatten(builder, x)?;
    let sum = ops::reduce(builder, flat, ReduceKind::Sum, &[1])?;
    let batch = builder.shape(sum)[0];
    ops::reshape(builder, sum, [batch])
}

/// The L1 penalty on activations `x`, `[batch, ...]`: the sum of magnitudes of each image's units,
/// averaged over the batch; a scalar.
///
/// # Errors
/// When `x` has no axes.
pub fn l1_penalty(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    let magnitudes = ops::unary(builder, x, ops::UnaryKind::Abs)?;
    let sums = per_image(builder, magnitudes)?;
    ops::mean_all(builder, sums)
}

/// The KL penalty on activations `x` in (0, 1), `[batch, ...]`: the divergence of each unit's mean
/// over the batch from the rate `target`, summed over units, in nats; a scalar (Ng, "Sparse
/// autoencoder", CS294A notes, 2011).
///
/// # Errors
/// When `x` has no axes or `target` is no rate.
pub fn kl_sparsity_penalty(builder: &mut dyn Builder, x: NodeId, target: f32) -> Result<NodeId> {
    let flat = ops::flatten(builder, x)?;
    let means = ops::reduce(builder, flat, ReduceKind::Mean, &[0])?;
    let divergence = ops::sparsity_kl(builder, means, target)?;
    ops::sum_all(builder, divergence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::graph::{Executor, Graph, Plan, PlanRequest, State};
    use crate::ops::StepScalars;
    use crate::rng::Seed;
    use crate::tensor::Tensor;

    /// The penalty of two images with two units each.
    fn penalty(values: [f32; 4], of: impl Fn(&mut Graph, NodeId) -> Result<NodeId>) -> f32 {
        let mut graph = Graph::new();
        let x = graph.input("x", [2, 2]);
        let penalty = of(&mut graph, x).unwrap();
        let layout = graph.layout();
        let outputs = vec![("penalty".into(), penalty)];
        let request = PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) };
        let mut device = CpuExecutor::new();
        device.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
        let plan = device.add_plan(Plan::new(&request).unwrap(), None).unwrap();
        device.write_input(plan, "x", &Tensor::new([2, 2], values.to_vec()).unwrap()).unwrap();
        device.run(plan, &[StepScalars::default()]).unwrap();
        device.read_output(plan, "penalty").unwrap().data()[0]
    }

    #[test]
    fn penalties_are_what_their_formulas_say() {
        let l1 = penalty([1.0, -2.0, 0.5, 0.0], |graph, x| l1_penalty(graph, x));
        assert!((l1 - 1.75).abs() < 1e-6, "{l1}");
        let rate = |graph: &mut Graph, x| kl_sparsity_penalty(graph, x, 0.2);
        let met = penalty([0.1, 0.2, 0.3, 0.2], rate);
        assert!(met.abs() < 1e-6, "{met}");
        let missed = penalty([0.4, 0.2, 0.6, 0.2], rate);
        let expected = 0.2 * (0.2_f32 / 0.5).ln() + 0.8 * (0.8_f32 / 0.5).ln();
        assert!((missed - expected).abs() < 1e-5, "{missed} is not {expected}");
    }
}
