//! What arrays hold: samples, and their labels.

use std::collections::BTreeSet;

use super::samples::Samples;

/// Samples with the label of each, where there are labels.
pub(super) struct Labelled {
    pub samples: Samples,
    pub labels: Option<Vec<i64>>,
}

/// What there is.
pub(super) enum Found {
    /// Samples that are not told apart.
    Whole(Labelled),
    /// Samples to train on, and others to be held out.
    Parted { train: Labelled, test: Labelled },
}

/// Whole numbers that label samples, as classes by number.
pub(super) fn classes_of(labels: &[&[i64]]) -> Vec<String> {
    let all: BTreeSet<i64> = labels.iter().copied().flatten().copied().collect();
    all.into_iter().map(|label| label.to_string()).collect()
}
