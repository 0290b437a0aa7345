//! What an adapter says of itself.

use super::matrices::Matrices;

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
    /// Its name.
    pub name: String,
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
    /// What its matrix units take, where kernels may use them.
    pub matrices: Option<Matrices>,
}

impl Default for AdapterTraits {
    /// A discrete GPU of an unknown maker at WebGPU's default limits.
    fn default() -> Self {
        Self {
            kind: AdapterKind::Discrete,
            vendor: 0,
            name: String::new(),
            driver: String::new(),
            subgroup_sizes: None,
            max_binding_bytes: 128 << 20,
            max_workgroup_bytes: 16 << 10,
            f16: false,
            matrices: None,
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
    pub(super) fn has_eight_lanes(&self) -> bool {
        self.kind == AdapterKind::Software
            && self.driver == "llvmpipe"
            && self.subgroup_sizes == Some([8, 8])
    }
}
