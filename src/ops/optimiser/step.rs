//! Rules by which parameters follow their gradients: one dispatch over all that do not follow where
//! their gradient is computed, see [`Update`].

use std::ops::Range;
use std::sync::Arc;

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::kernel::{Binding, Dispatch, Kernel, MAX_OUTPUTS, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::step::StepScalars;
use crate::ops::target::GpuTarget;
use crate::ops::update::Optimiser;
use crate::shape::Shape;

impl Optimiser {
    /// The operation on these runs of parameters, with gradients scaled down to `clip_norm`. Each run
    /// begins at a multiple of four words, and gaps after it belong to nobody.
    pub fn op(&self, clip_norm: Option<f32>, runs: Vec<Range<usize>>) -> Arc<dyn Op> {
        Arc::new(OptimiserStep { optimiser: *self, clip_norm, runs })
    }

    /// Sets the constants of a kernel that takes steps.
    pub(crate) fn constants(&self, dispatch: Dispatch) -> Dispatch {
        match *self {
            Self::Sgd { .. } => dispatch,
            Self::Adam { beta1, beta2, epsilon, weight_decay } => dispatch
                .constant("BETA1", beta1)
                .constant("BETA2", beta2)
                .constant("EPSILON", epsilon)
                .constant("DECAY", weight_decay),
        }
    }

    /// A step on the CPU, of parameters and moments by their gradients times `clip`.
    pub(crate) fn take(
        &self,
        [parameters, first, second]: [&mut [f32]; MAX_OUTPUTS],
        gradients: &[f32],
        clip: f32,
        step: &StepScalars,
    ) {
        use rayon::prelude::*;
        let (rate, corrections) = (step.learning_rate, step.corrections);
        let gradients = gradients.par_chunks(PIECE);
        match *self {
            Self::Sgd { momentum } => parameters
                .par_chunks_mut(PIECE)
                .zip(first.par_chunks_mut(PIECE))
                .zip(gradients)
                .for_each(|((p, v), g)| {
                    simd::vectorised!({
                        for ((p, v), g) in p.iter_mut().zip(v).zip(g) {
                            *v = momentum * *v + clip * g;
                            *p -= rate * *v;
                        }
                    });
                }),
            Self::Adam { beta1, beta2, epsilon, weight_decay } => {
                // One division a parameter: it takes longer than all the rest.
                let (mean, root) = (1.0 / corrections[0], 1.0 / corrections[1].sqrt());
                let kept = 1.0 - rate * weight_decay;
                parameters
                    .par_chunks_mut(PIECE)
                    .zip(first.par_chunks_mut(PIECE))
                    .zip(second.par_chunks_mut(PIECE))
                    .zip(gradients)
                    .for_each(|(((p, m), v), g)| {
                        simd::vectorised!({
                            for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
                                let g = clip * g;
                                *m = beta1 * *m + (1.0 - beta1) * g;
                                *v = beta2 * *v + (1.0 - beta2) * g * g;
                                *p = kept * *p - rate * (mean * *m / (root * v.sqrt() + epsilon));
                            }
                        });
                    })
            }
        }
    }
}

static KERNEL: Kernel = kernel!("optimiser/step");

/// One optimiser step. Inputs: gradients, and their norm if clipping; outputs, updated in place:
/// parameters and moments.
#[derive(Clone, Debug)]
struct OptimiserStep {
    optimiser: Optimiser,
    clip_norm: Option<f32>,
    /// The words that it updates.
    runs: Vec<Range<usize>>,
}

/// Runs that one dispatch can tell apart.
const MOST_RUNS: usize = 8;

impl OptimiserStep {
    fn clip_factor(&self, norm: &[f32]) -> f32 {
        match (self.clip_norm, norm) {
            (Some(most), [norm, ..]) if *norm > most => most / norm,
            _ => 1.0,
        }
    }

    fn words(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }

    /// The number of vec4s in `runs`, and the kernel's uniform that says where they lie.
    fn params(&self, runs: &[Range<usize>]) -> (usize, Vec<u32>) {
        let momentum = match self.optimiser {
            Optimiser::Sgd { momentum } => momentum,
            Optimiser::Adam { .. } => 0.0,
        };
        let mut vectors = 0;
        let mut begins = vec![];
        for run in runs {
            begins.extend([vectors as u32, run.start as u32 / 4, 0, 0]);
            vectors += run.len().div_ceil(4);
        }
        begins.resize(4 * MOST_RUNS, 0);
        let clip = self.clip_norm.unwrap_or(0.0);
        let mut params =
            vec![vectors as u32, runs.len() as u32, momentum.to_bits(), clip.to_bits()];
        params.extend(begins);
        (vectors, params)
    }
}

/// Cuts slices that run in parallel into pieces of equal length, for threads.
const PIECE: usize = 1 << 14;

impl Op for OptimiserStep {
    fn name(&self) -> &'static str {
        match self.optimiser {
            Optimiser::Sgd { .. } => "sgd",
            Optimiser::Adam { .. } => "adam",
        }
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Err(Error::Graph("an optimiser step has no gradient".into()))
    }

    fn cpu(&self, call: CpuCall) {
        let clip = self.clip_factor(call.inputs[1]);
        let [parameters, first, second] = call.outputs;
        for run in &self.runs {
            // Plain descent has no second moment.
            let second = second.get_mut(run.clone()).unwrap_or_default();
            let state = [&mut parameters[run.clone()], &mut first[run.clone()], second];
            self.optimiser.take(state, &call.inputs[0][run.clone()], clip, call.step);
        }
    }

    fn gpu(&self, _shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let mut bindings = vec![Binding::Input(0), Binding::Output(0), Binding::Output(1)];
        let adam = matches!(self.optimiser, Optimiser::Adam { .. });
        bindings.extend(adam.then_some(Binding::Output(2)));
        bindings.extend(self.clip_norm.map(|_| Binding::Input(1)));
        let entry = match (adam, self.clip_norm) {
            (false, None) => "sgd",
            (false, Some(_)) => "sgd_clipped",
            (true, None) => "adam",
            (true, Some(_)) => "adam_clipped",
        };
        let dispatch = |runs: &[Range<usize>]| {
            let (vectors, params) = self.params(runs);
            let groups = Dispatch::linear(vectors, 64);
            let dispatch = Dispatch::new(&KERNEL, bindings.clone(), groups).entry(entry);
            self.optimiser.constants(dispatch).params(params)
        };
        self.runs.chunks(MOST_RUNS).map(dispatch).collect()
    }

    fn flops(&self, _shapes: &Shapes) -> u64 {
        12 * self.words() as u64
    }

    /// Parameters and moments are read and written.
    fn traffic(&self, _shapes: &Shapes, _outputs: usize) -> usize {
        self.words() * (1 + 2 * (1 + self.optimiser.moments()))
            + usize::from(self.clip_norm.is_some())
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
