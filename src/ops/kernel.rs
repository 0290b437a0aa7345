//! How an operation says what a GPU has to do, without knowing any GPU.

use std::sync::Arc;

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

use super::half::Half;
use super::half_kernels::with_halves;
use super::needs::{self, Replacement};
use super::software;
use super::target::GpuTarget;

/// The most workgroups along one axis of a dispatch (WebGPU's default limit).
pub const MAX_GROUPS: u32 = 65_535;

/// The most inputs one operation may have, and one kernel may bind together with its output:
/// WebGPU guarantees eight storage buffers a stage.
pub const MAX_INPUTS: usize = 7;
/// The most outputs of one operation (Adam writes parameters and two moments).
pub const MAX_OUTPUTS: usize = 3;

/// A compute shader: WGSL text, before which the shared parts are put that its head says it needs.
/// Those of this crate are `shaders/NAME.wgsl`; [`Kernel::from_wgsl`] makes others.
///
/// Bindings by convention: storage buffers in `@group(0)`, numbered from 0 in the order of
/// [`Dispatch::bindings`]; `@group(1) @binding(0)` the dispatch's own numbers, a uniform;
/// `@group(1) @binding(1)` the [`StepScalars`](super::step::StepScalars), a uniform. Buffers end at
/// multiples of four words; what lies beyond a tensor's end is nobody's. No kernel stores to a component of a
/// vector of which other invocations store other components (`y[i].x = ..`): some GPUs store the whole vector
/// then. A second variable at the same binding, `array<f32>`, takes single numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// What reports and errors call it; no other kernel of a device has this name.
    pub name: &'static str,
    /// The text, without what it needs.
    pub(crate) source: Source,
    /// Parts that others take the place of: in this kernel, and on the adapter that it is for.
    pub(crate) replaced: [&'static [Replacement]; 2],
    /// Whether it may run without checks of its indices, divisors and loops.
    pub(crate) trusted: bool,
    /// Storage buffers that hold f16.
    pub(crate) halves: Vec<Half>,
}

/// A kernel's own text; cheap to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Part by part.
    Parts(&'static [&'static str]),
    /// Put together while the program runs.
    Whole(Arc<str>),
}

impl Kernel {
    /// A kernel from outside this crate. `source` is its text in parts, which are read one after the
    /// other: parts of [`ops::shared`](super::shared), and its own. Where a text begins with a comment
    /// that has a line `// needs: linear, philox`, the parts of [`ops::shared`](super::shared) by these
    /// names, in lower case, come before it of themselves.
    ///
    /// In every build it runs with checks, so that a mistake reads zero or is not written. Text that
    /// is no WGSL, and bindings and constants that do not fit a [`Dispatch`], are errors when a plan
    /// is added to a device.
    ///
    /// ```
    /// use diabolo::ops::{Kernel, shared};
    ///
    /// static HALVE: Kernel = Kernel::from_wgsl("halve", &[shared::LINEAR, "
    ///     @group(0) @binding(0) var<storage, read> x: array<f32>;
    ///     @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    ///     @compute @workgroup_size(64) fn main(me: Invocation) {
    ///         let i = linear_index(me);
    ///         if i < arrayLength(&y) { y[i] = 0.5 * x[i]; }
    ///     }
    /// "]);
    /// assert!(HALVE.text().contains("fn linear_index"));
    /// ```
    pub const fn from_wgsl(name: &'static str, source: &'static [&'static str]) -> Self {
        Self {
            name,
            source: Source::Parts(source),
            replaced: [&[]; 2],
            trusted: false,
            halves: vec![],
        }
    }

    /// The same, of text that was put together while the program runs.
    pub(super) fn from_text(name: &'static str, text: String) -> Self {
        Self {
            name,
            source: Source::Whole(text.into()),
            replaced: [&[]; 2],
            trusted: false,
            halves: vec![],
        }
    }

    /// The kernel without checks where [`ShaderChecks`](crate::gpu::ShaderChecks) lets this crate's
    /// run without them, as they do in release builds. That is up to a third faster.
    ///
    /// # Safety
    /// In every dispatch of it, at any shape, indices stay in bounds, loops end and divisors are not
    /// zero. Run it checked against the operation's CPU function first.
    pub const unsafe fn trusted(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// The same text under a name of its own, for [`Kernel::replacing`].
    pub(crate) const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// With other parts than the text says: of each pair, the second in place of the first.
    pub(crate) const fn replacing(mut self, replaced: &'static [Replacement]) -> Self {
        self.replaced[0] = replaced;
        self
    }

    /// The kernel as it is for an adapter.
    pub fn on(&self, target: &GpuTarget) -> Self {
        let [own, _] = self.replaced;
        Self { replaced: [own, software::replacements(target, own)], ..self.clone() }
    }

    /// The kernel with these storage buffers as f16.
    pub(crate) fn with_halves(self, halves: Vec<Half>) -> Self {
        Self { halves, ..self }
    }

    /// The whole text, with all that it needs.
    pub fn text(&self) -> String {
        self.written().unwrap_or_else(|_| self.assemble().0)
    }

    /// The same; else what is wrong with it.
    fn written(&self) -> Result<String, String> {
        let (text, missing) = self.assemble();
        if let Some(missing) = missing {
            return Err(format!("it needs `{missing}`, and there is no such part"));
        }
        if self.halves.is_empty() { Ok(text) } else { with_halves(&text, &self.halves) }
    }

    /// The whole text, and the first thing that it needs and there is not.
    pub(super) fn assemble(&self) -> (String, Option<&str>) {
        match &self.source {
            Source::Parts(parts) => needs::resolve(parts, &self.replaced),
            Source::Whole(text) => needs::resolve(&[text], &self.replaced),
        }
    }

    /// The text, parsed and found to be valid WGSL; else what is wrong with it, and where.
    pub(crate) fn parse(&self) -> Result<(naga::Module, ModuleInfo), String> {
        let text = self.written()?;
        let module =
            naga::front::wgsl::parse_str(&text).map_err(|error| error.emit_to_string(&text))?;
        let capabilities = Capabilities::SUBGROUP
            | Capabilities::SHADER_FLOAT16
            | Capabilities::COOPERATIVE_MATRIX;
        let info = Validator::new(ValidationFlags::all(), capabilities)
            .validate(&module)
            .map_err(|error| error.emit_to_string(&text))?;
        Ok((module, info))
    }
}

/// The [`Kernel`] of a file in `shaders/`, by its path there without the ending; its name is the file's.
macro_rules! kernel {
    ($path:literal) => {
        $crate::ops::kernel::Kernel {
            name: $crate::ops::needs::file_name($path),
            source: $crate::ops::kernel::Source::Parts(&[include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/shaders/",
                $path,
                ".wgsl"
            ))]),
            replaced: [&[]; 2],
            trusted: true,
            halves: Vec::new(),
        }
    };
}
pub(crate) use kernel;

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
    pub kernel: Kernel,
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
    pub fn new(kernel: &Kernel, bindings: Vec<Binding>, workgroups: [u32; 3]) -> Self {
        let kernel = kernel.clone();
        Self { kernel, entry: "main", constants: vec![], bindings, params: vec![], workgroups }
    }

    /// The dispatch as it is on an adapter.
    pub(crate) fn on(self, target: &GpuTarget) -> Self {
        Self { kernel: self.kernel.on(target), ..self }
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
