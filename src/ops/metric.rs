//! Where an operation writes a metric.

use super::step::StepScalars;

/// A column of the metrics log, which has a row for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricColumn {
    /// Which one, from 0.
    pub number: usize,
    /// How many the log has.
    pub of: usize,
}

impl MetricColumn {
    /// Writes a number into the step's row. There is one NaN for all, as kernels have it.
    pub(super) fn write(self, log: &mut [f32], step: &StepScalars, number: f32) {
        let place = step.row as usize * self.of + self.number;
        log[place] = if number.is_nan() { f32::NAN } else { number };
    }
}
