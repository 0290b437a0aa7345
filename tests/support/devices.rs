//! The devices that tests run on.
// Each test file compiles this for itself and none uses all of it.
#![allow(dead_code)]

use std::sync::LazyLock;

use diabolo::cpu::CpuExecutor;
use diabolo::error::Result;
use diabolo::gpu::{
    Adapters, DeviceChoice, GpuExecutor, GpuOptions, Mixed, Selection, ShaderChecks,
};
use diabolo::graph::{Executor, PlanId};
use diabolo::ops::{AdapterKind, AdapterTraits, GpuTarget, Sums, Tile};

/// Names the adapter that tests run on, in the words of `--device`; the best there is otherwise.
/// Set by hand, to see the suite pass on another driver.
pub const ADAPTER: &str = "DIABOLO_TEST_ADAPTER";

/// All adapters, found once a program: a real GPU's driver takes a third of a second to say what there is.
static ADAPTERS: LazyLock<Adapters> = LazyLock::new(Adapters::find);

/// An executor whose working memory a test can poison.
pub trait Device: Executor {
    /// Fills the plan's working memory with NaN, so that a number that is read before it was
    /// written, or never written, is seen.
    fn poison_memory(&mut self, plan: PlanId) -> Result<()>;
}

impl Device for CpuExecutor {
    fn poison_memory(&mut self, plan: PlanId) -> Result<()> {
        self.poison(plan);
        Ok(())
    }
}

impl Device for GpuExecutor {
    fn poison_memory(&mut self, plan: PlanId) -> Result<()> {
        self.poison(plan)
    }
}

/// The CPU.
pub fn cpu() -> CpuExecutor {
    CpuExecutor::new()
}

/// The adapter, with checked shaders in every build and without pipelines kept on disk.
///
/// Without an adapter a test fails, with the line that says what to install.
pub fn gpu() -> GpuExecutor {
    open(None, ShaderChecks::Checked)
}

/// The adapter, with kernels chosen as for one of this kind.
pub fn gpu_as(kind: AdapterKind) -> GpuExecutor {
    open(target_of(kind), ShaderChecks::Checked)
}

/// The adapter, with kernels chosen as for this one.
pub fn gpu_with(target: GpuTarget) -> GpuExecutor {
    open(Some(target), ShaderChecks::Checked)
}

/// The same, with kernels as release builds run them.
pub fn trusted_gpu_as(kind: AdapterKind) -> GpuExecutor {
    open(target_of(kind), ShaderChecks::Trusted)
}

/// The adapter with products by its matrix units, chosen as for what it is and as for a GPU; none where it has none.
pub fn gpus_by_matrices() -> Vec<GpuExecutor> {
    let own = open_with(None, ShaderChecks::Checked, Mixed::ByMatrices);
    let tiles = own.target().map(|target| target.chip.matrix_tiles.clone()).unwrap_or_default();
    let Some(Tile { sums: Sums::Matrices { of, lanes }, .. }) = tiles.first() else {
        return vec![];
    };
    let gpu = AdapterTraits {
        matrices: Some(*of),
        subgroup_sizes: Some([*lanes as u32; 2]),
        ..AdapterTraits::of(AdapterKind::Discrete)
    };
    let checks = ShaderChecks::Checked;
    vec![own, open_with(Some(GpuTarget::new(&gpu)), checks, Mixed::ByMatrices)]
}

/// An adapter of this kind; none for the one at hand where that is of this kind, for it has more to say.
fn target_of(kind: AdapterKind) -> Option<GpuTarget> {
    let own = ADAPTERS.list().get(chosen(&ADAPTERS)).map(|adapter| adapter.kind);
    let is_own = kind == AdapterKind::Software && own == Some(kind);
    (!is_own).then(|| GpuTarget::new(&AdapterTraits::of(kind)))
}

fn open(target: Option<GpuTarget>, checks: ShaderChecks) -> GpuExecutor {
    open_with(target, checks, Mixed::Stored)
}

fn open_with(target: Option<GpuTarget>, checks: ShaderChecks, mixed: Mixed) -> GpuExecutor {
    let options = GpuOptions { checks, target, mixed, cache: None, tuning: None };
    let index = chosen(&ADAPTERS);
    // Devices of one adapter of OpenGL share a context, for which tests would wait in turns.
    let opened = match ADAPTERS.list()[index].backend {
        wgpu::Backend::Gl => GpuExecutor::open(&Adapters::find(), index, options),
        _ => GpuExecutor::open(&ADAPTERS, index, options),
    };
    opened.unwrap_or_else(|error| panic!("{error}"))
}

/// The number of the adapter that tests run on.
fn chosen(adapters: &Adapters) -> usize {
    let name = std::env::var(ADAPTER).unwrap_or_else(|_| "gpu".into());
    let choice: DeviceChoice = name.parse().unwrap_or_else(|error| panic!("{ADAPTER}: {error}"));
    match choice.select(adapters.list()).unwrap_or_else(|error| panic!("{error}")) {
        Selection::Adapter(index, _) => index,
        Selection::Cpu(reason) => panic!("{choice}: {reason}"),
    }
}
