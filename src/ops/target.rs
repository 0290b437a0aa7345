//! The adapter that a plan is made for, and what is decided by what it is.

use std::sync::Arc;

use super::adapter::{AdapterKind, AdapterTraits};
use super::half::HalfTerms;
use super::maker::Chip;
use super::tuning::{Tuning, Variant};

/// The adapter a plan is made for: what has been decided for it, and its limits.
#[derive(Clone, Debug)]
pub struct GpuTarget {
    /// The most bytes one binding may span.
    pub max_binding_bytes: u64,
    /// The most bytes of workgroup memory.
    pub max_workgroup_bytes: u32,
    /// What the tiles of products are chosen by.
    pub chip: Chip,
    /// Whether invocations share what they read of a tile, or each of them reads for itself.
    pub shares_tiles: bool,
    /// Whether its subgroups are eight neighbours by local index that compute as one vector, and
    /// kernels use that.
    pub eight_lanes: bool,
    /// Whether its buffers may hold f16.
    pub f16: bool,
    /// Whether parameters are updated where their gradients are computed.
    pub fuses_updates: bool,
    /// Variants of kernels that were found to be fastest on it.
    pub tuning: Arc<Tuning>,
}

impl GpuTarget {
    /// Decides by what an adapter says of itself; nowhere else is anything decided by that.
    pub fn new(adapter: &AdapterTraits) -> Self {
        let is_gpu = adapter.kind != AdapterKind::Software;
        let eight_lanes = adapter.has_eight_lanes();
        Self {
            max_binding_bytes: adapter.max_binding_bytes,
            max_workgroup_bytes: adapter.max_workgroup_bytes,
            chip: Chip::of(adapter),
            shares_tiles: is_gpu || eight_lanes,
            eight_lanes,
            f16: adapter.f16,
            // Without a GPU, gradients come from a cache, and memory is better passed in one sweep.
            fuses_updates: is_gpu,
            tuning: Arc::default(),
        }
    }
}

impl GpuTarget {
    /// The variant that was measured to be fastest for a product, by its key. It is one of those without matrix units:
    /// what these compute is not measured against it.
    pub(crate) fn choice(
        &self,
        terms: Option<HalfTerms>,
        key: impl FnOnce() -> String,
    ) -> Option<Variant> {
        let by_matrices = terms.is_some() && !self.chip.matrix_tiles.is_empty();
        if by_matrices { None } else { self.tuning.choice(key) }
    }
}

impl Default for GpuTarget {
    /// A discrete GPU at WebGPU's default limits.
    fn default() -> Self {
        Self::new(&AdapterTraits::default())
    }
}
