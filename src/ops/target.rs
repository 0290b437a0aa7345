//! What an adapter is, and what is decided by it.

use std::sync::Arc;

use super::tuning::Tuning;

/// What an adapter is: what `auto` chooses by, and reports name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AdapterKind {
    /// A GPU with its own memory.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A driver that computes on the processor.
    Software,
}

/// What an adapter says of itself, as far as kernels care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterTraits {
    /// What it is.
    pub kind: AdapterKind,
    /// The PCI number of who made it, 0 where that is not known.
    pub vendor: u32,
    /// The driver's name.
    pub driver: String,
    /// The fewest and the most invocations of a subgroup, where kernels may use subgroups.
    pub subgroup_sizes: Option<[u32; 2]>,
    /// The most bytes one binding may span.
    pub max_binding_bytes: u64,
    /// The most bytes of workgroup memory.
    pub max_workgroup_bytes: u32,
    /// Whether buffers may hold f16.
    pub f16: bool,
}

impl Default for AdapterTraits {
    /// A discrete GPU of an unknown maker at WebGPU's default limits.
    fn default() -> Self {
        Self {
            kind: AdapterKind::Discrete,
            vendor: 0,
            driver: String::new(),
            subgroup_sizes: None,
            max_binding_bytes: 128 << 20,
            max_workgroup_bytes: 16 << 10,
            f16: false,
        }
    }
}

impl AdapterTraits {
    /// Those of an adapter of this kind, of which nothing else is known.
    pub fn of(kind: AdapterKind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Mesa's software adapter, which tests run on, where vectors have eight places.
    pub fn llvmpipe() -> Self {
        let (driver, subgroup_sizes) = ("llvmpipe".into(), Some([8, 8]));
        Self { driver, subgroup_sizes, ..Self::of(AdapterKind::Software) }
    }

    /// Whether subgroups are eight neighbours by local index. Vulkan does not say which invocations
    /// make a subgroup; llvmpipe's are neighbours, by the way it is built.
    fn has_eight_lanes(&self) -> bool {
        self.kind == AdapterKind::Software
            && self.driver == "llvmpipe"
            && self.subgroup_sizes == Some([8, 8])
    }
}

/// The adapter a plan is made for: what has been decided for it, and its limits.
#[derive(Clone, Debug)]
pub struct GpuTarget {
    /// The most bytes one binding may span.
    pub max_binding_bytes: u64,
    /// The most bytes of workgroup memory.
    pub max_workgroup_bytes: u32,
    /// Workgroups that keep it busy, for which sums are cut into parts.
    pub workgroups_wanted: usize,
    /// Workgroups below which tiles are made small so that there are more of them.
    pub least_workgroups: usize,
    /// How many times the outputs of small tiles those of large ones must be for small ones to be used.
    pub small_tile_worth: usize,
    /// Whether the terms of a tile are spelled out, or a loop goes over them.
    pub unrolls_terms: bool,
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
        let workgroups_wanted = match adapter.kind {
            AdapterKind::Discrete => 256,
            AdapterKind::Integrated => 64,
            AdapterKind::Software => 4,
        };
        Self {
            max_binding_bytes: adapter.max_binding_bytes,
            max_workgroup_bytes: adapter.max_workgroup_bytes,
            workgroups_wanted,
            // By lanes, an output of a small tile takes three times as long as one of a larger tile, so
            // half the cores make them sooner in large tiles than all of them in small ones.
            least_workgroups: if eight_lanes { 0 } else { workgroups_wanted },
            small_tile_worth: if eight_lanes { 3 } else { 2 },
            // A software adapter compiles a loop in less time, and runs it no slower.
            unrolls_terms: is_gpu,
            eight_lanes,
            f16: adapter.f16,
            // Without a GPU, gradients come from a cache, and memory is better passed in one sweep.
            fuses_updates: is_gpu,
            tuning: Arc::default(),
        }
    }
}

impl Default for GpuTarget {
    /// A discrete GPU at WebGPU's default limits.
    fn default() -> Self {
        Self::new(&AdapterTraits::default())
    }
}
