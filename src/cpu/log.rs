//! The metrics that steps on the processor leave behind.

use crate::graph::{MetricRow, PlanId};
use crate::ops::StepScalars;

/// Metrics that nobody has taken yet: the steps, and all their numbers in a row, so that a step takes
/// no memory of its own.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub steps: Vec<(PlanId, StepScalars, usize)>,
    pub values: Vec<f32>,
}

impl Log {
    /// All rows so far, in the order of their steps.
    pub fn take(&mut self) -> Vec<MetricRow> {
        let mut rest = &self.values[..];
        let row = |(plan, scalars, columns): (PlanId, StepScalars, usize)| {
            let (values, others) = rest.split_at(columns);
            rest = others;
            MetricRow { plan, scalars, values: values.to_vec() }
        };
        let rows = self.steps.drain(..).map(row).collect();
        self.values.clear();
        rows
    }
}
