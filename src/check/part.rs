//! The parts of a check.

/// A part of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Every operation at odd shapes, with its gradients.
    Kernels,
    /// What is known to go wrong on some adapters.
    SelfTest,
    /// Twenty training steps of each variant.
    Steps,
    /// The time that training steps take, and the adapter's ceilings.
    Bench,
}

impl Part {
    /// As `--only` takes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Kernels => "kernels",
            Self::SelfTest => "self-test",
            Self::Steps => "steps",
            Self::Bench => "bench",
        }
    }
}
