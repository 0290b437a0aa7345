//! How an operation says what a GPU has to do, without knowing any GPU.

use std::sync::Arc;

use super::Tuning;

/// The most workgroups along one axis of a dispatch (WebGPU's default limit).
pub const MAX_GROUPS: u32 = 65_535;

/// A compute shader: `shaders/NAME.wgsl` with the shared parts it includes put before it.
///
/// Bindings by convention: storage buffers in `@group(0)`, numbered from 0 in the order of
/// [`Dispatch::bindings`]; `@group(1) @binding(0)` the dispatch's own numbers, a uniform;
/// `@group(1) @binding(1)` the [`StepScalars`](super::StepScalars), a uniform.
#[derive(Debug)]
pub struct Kernel {
    /// The file's name without its ending.
    pub name: &'static str,
    /// The whole text.
    pub source: &'static str,
}

/// The [`Kernel`] of `shaders/NAME.wgsl`, after the named files of `shaders/shared/`.
#[macro_export]
#[doc(hidden)]
macro_rules! kernel {
    ($name:literal $(, $part:literal)*) => {
        $crate::ops::Kernel {
            name: $name,
            source: concat!(
                $(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/shared/", $part, ".wgsl")), "\n",)*
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $name, ".wgsl"))
            ),
        }
    };
}

/// One buffer of a dispatch, seen from the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// An input, by number; read only.
    Input(usize),
    /// An output, by number.
    Output(usize),
    /// The operation's scratch memory.
    Scratch,
}

/// One run of a kernel.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The shader.
    pub kernel: &'static Kernel,
    /// The entry point.
    pub entry: &'static str,
    /// Values of `override` constants: geometry and tile sizes. Part of the pipeline's identity.
    pub constants: Vec<(&'static str, f64)>,
    /// The storage buffers, in the order of their binding numbers.
    pub bindings: Vec<Binding>,
    /// The uniform at `@group(1) @binding(0)`, as words: counts that differ between plans.
    pub params: Vec<u32>,
    /// Workgroups along each axis.
    pub workgroups: [u32; 3],
}

impl Dispatch {
    /// A dispatch of `kernel`'s entry point `main` over `workgroups`.
    pub fn new(kernel: &'static Kernel, bindings: Vec<Binding>, workgroups: [u32; 3]) -> Self {
        Self { kernel, entry: "main", constants: vec![], bindings, params: vec![], workgroups }
    }

    /// Names another entry point.
    pub fn entry(mut self, entry: &'static str) -> Self {
        self.entry = entry;
        self
    }

    /// Sets an `override` constant.
    pub fn constant(mut self, name: &'static str, value: impl Into<f64>) -> Self {
        self.constants.push((name, value.into()));
        self
    }

    /// Sets the numbers of the uniform.
    pub fn params(mut self, params: impl IntoIterator<Item = u32>) -> Self {
        self.params = params.into_iter().collect();
        self
    }

    /// Workgroups for `items` at `each` items a workgroup, in one row; folded into several rows of
    /// equal length past [`MAX_GROUPS`], so kernels count groups as
    /// `group.x + group.y * num_workgroups.x` and check the end.
    pub fn linear(items: usize, each: usize) -> [u32; 3] {
        let groups = items.div_ceil(each).max(1);
        let rows = groups.div_ceil(MAX_GROUPS as usize);
        [groups.div_ceil(rows) as u32, rows as u32, 1]
    }
}

/// What an adapter is, as far as the choice of a kernel goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AdapterKind {
    /// A GPU with its own memory.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A driver that computes on the processor.
    Software,
}

/// The adapter a plan is made for, as far as kernels care.
#[derive(Clone, Debug)]
pub struct GpuTarget {
    /// What it is.
    pub kind: AdapterKind,
    /// The most bytes one binding may span.
    pub max_binding_bytes: u64,
    /// The most bytes of workgroup memory.
    pub max_workgroup_bytes: u32,
    /// Variants of kernels that were found to be fastest on it.
    pub tuning: Arc<Tuning>,
}

impl Default for GpuTarget {
    /// A discrete GPU at WebGPU's default limits.
    fn default() -> Self {
        Self {
            kind: AdapterKind::Discrete,
            max_binding_bytes: 128 << 20,
            max_workgroup_bytes: 16 << 10,
            tuning: Arc::default(),
        }
    }
}
