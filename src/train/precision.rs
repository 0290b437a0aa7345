//! How many bits the numbers of a training step have.

use crate::error::{Error, Result};
use crate::graph::HalfStorage;
use crate::ops::GpuTarget;

/// How the numbers of a training step are kept. They are computed with as f32 in any case, and so is all that
/// is measured or saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// As f32.
    #[default]
    F32,
    /// Between operations as f16, on a GPU that has it; parameters, their gradients and sums as f32.
    Mixed,
}

impl Precision {
    /// Whether it is the usual one.
    pub(super) fn is_f32(&self) -> bool {
        *self == Self::F32
    }

    /// What a plan for steps of so many images keeps as f16.
    ///
    /// # Errors
    /// When the device has no f16.
    pub(super) fn half(
        self,
        images: usize,
        target: Option<&GpuTarget>,
    ) -> Result<Option<HalfStorage>> {
        let lacks = |what: &str| {
            let what = format!("mixed {what}; give --precision f32, or another --device");
            Err(Error::option("--precision", what))
        };
        match (self, target) {
            (Self::F32, _) => Ok(None),
            (Self::Mixed, None) => lacks("is for GPUs, and this is the CPU"),
            (Self::Mixed, Some(target)) if !target.f16 => {
                lacks("needs f16, which this GPU lacks or was found to get wrong")
            }
            (Self::Mixed, Some(_)) => Ok(Some(HalfStorage::of_batch(images))),
        }
    }
}
