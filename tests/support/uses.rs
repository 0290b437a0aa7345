//! Every kernel, as operations really dispatch it: all ways in which the rooms and the models have it compiled.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use diabolo::graph::{Graph, Plan, PlanRequest};
use diabolo::ops::{
    AdapterKind, AdapterTraits, Dispatch, Elementwise, GpuTarget, Kernel, Maker, Matrices, kernels,
    sum_all,
};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::case::Case;
use super::{models, rooms};
use crate::for_each_room;

/// Cases drawn from each room, to see its kernels at different constants.
const CASES: usize = 24;

/// One way in which a kernel is compiled.
pub struct Use {
    pub kernel: Kernel,
    pub entry: &'static str,
    pub constants: Vec<(&'static str, f64)>,
    /// Whether it is for an adapter of eight lanes.
    pub eight_lanes: bool,
}

impl Use {
    pub fn new(dispatch: Dispatch, target: &GpuTarget) -> Self {
        let Dispatch { kernel, entry, constants, .. } = dispatch;
        Self { kernel, entry, constants, eight_lanes: target.eight_lanes }
    }

    pub fn describe(&self) -> String {
        format!("{}.wgsl, entry {}, {:?}", self.kernel.name, self.entry, self.constants)
    }

    /// The module with every `override` replaced by its value.
    pub fn module(&self) -> (naga::Module, ModuleInfo) {
        let parsed = parsed(self.kernel.text(), self.eight_lanes);
        let (module, info) = &*parsed;
        let constants: HashMap<String, f64> =
            self.constants.iter().map(|(name, value)| ((*name).into(), *value)).collect();
        let entry = Some((naga::ShaderStage::Compute, self.entry));
        let set = naga::back::pipeline_constants::process_overrides(
            module,
            info,
            entry,
            &constants.into_iter().collect(),
        );
        let (module, info) = set.unwrap_or_else(|error| panic!("{}: {error}", self.describe()));
        (module.into_owned(), info.into_owned())
    }
}

/// What is made of a text, which many uses share but for their constants.
fn parsed(text: String, eight_lanes: bool) -> Arc<(naga::Module, ModuleInfo)> {
    type Known = BTreeMap<(String, bool), Arc<(naga::Module, ModuleInfo)>>;
    static KNOWN: Mutex<Known> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().expect("a text that is wrong ends all tests of texts");
    let parsed = known.entry((text, eight_lanes));
    parsed.or_insert_with_key(|(text, eight)| Arc::new(parse_text(text, *eight))).clone()
}

/// Kernels for adapters of eight lanes may use subgroups, and no others, for not every device has them.
pub fn parse(kernel: &Kernel, eight_lanes: bool) -> (naga::Module, ModuleInfo) {
    parse_text(&kernel.text(), eight_lanes)
}

pub fn parse_text(text: &str, eight_lanes: bool) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(text)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
    let mut capabilities = Capabilities::empty();
    capabilities.set(Capabilities::SUBGROUP, eight_lanes);
    capabilities.set(Capabilities::SHADER_FLOAT16, text.starts_with("enable f16;"));
    capabilities.set(Capabilities::COOPERATIVE_MATRIX, by_matrices(text));
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
    (module, info)
}

/// Whether a text is for matrix units.
pub fn by_matrices(text: &str) -> bool {
    text.lines().any(|line| line == "enable wgpu_cooperative_matrix;")
}

fn sample(cases: impl Strategy<Value = Case>) -> Vec<Case> {
    let config = Config { rng_seed: RngSeed::Fixed(1), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let mut draw = || cases.new_tree(&mut runner).expect("a room has cases").current();
    (0..CASES).map(|_| draw()).collect()
}

macro_rules! all_rooms {
    ($($room:ident),* $(,)?) => {
        fn cases() -> Vec<Case> {
            [$(sample(rooms::$room())),*].concat()
        }
    };
}

for_each_room!(all_rooms);

/// The adapters that kernels differ between.
fn adapters() -> [GpuTarget; 5] {
    let [discrete, integrated, software] =
        [AdapterKind::Discrete, AdapterKind::Integrated, AdapterKind::Software]
            .map(AdapterTraits::of);
    let half = AdapterTraits { f16: true, ..discrete.clone() };
    let all = [discrete, half, integrated, software, AdapterTraits::llvmpipe()];
    all.map(|adapter| GpuTarget::new(&adapter))
}

/// GPUs of makers whose registers hold 64, 32 and 16 sums, with one tile each, so that it is taken for small cases.
/// Other tiles are these kernels with other constants; tests/tiles.rs runs them all.
fn tiles() -> [GpuTarget; 3] {
    [Maker::Nvidia, Maker::Apple, Maker::Intel].map(|maker| {
        let exact = AdapterTraits { f16: false, matrices: None, ..maker.typical() };
        let mut target = GpuTarget::new(&exact);
        target.chip.tiles.retain(|tile| tile.sides() == [64, 64]);
        target
    })
}

/// GPUs with matrix units of each kind.
fn matrices() -> [GpuTarget; 3] {
    Matrices::ALL.map(|matrices| {
        let adapter = Maker::Nvidia.typical();
        let matrices = Some(matrices);
        GpuTarget::new(&AdapterTraits {
            f16: true,
            matrices,
            subgroup_sizes: Some([32; 2]),
            ..adapter
        })
    })
}

/// Cases of products and convolutions.
fn products() -> Vec<Case> {
    [
        sample(rooms::matmul()),
        sample(rooms::matmul_fused()),
        sample(rooms::dense_layers()),
        sample(rooms::conv2d_fused()),
        sample(rooms::conv_transpose2d_fused()),
    ]
    .concat()
}

/// Every dispatch of all rooms and of training steps, on GPUs and on software adapters, once.
pub fn uses() -> &'static [Use] {
    let (all, of_rooms) = found();
    &all[..*of_rooms]
}

/// Those, and an operation from outside the crate with its first and second gradient.
pub fn uses_with_own() -> &'static [Use] {
    &found().0
}

/// All of them, and how many are the crate's own. They take a while to find, and tests share them.
fn found() -> &'static (Vec<Use>, usize) {
    static FOUND: OnceLock<(Vec<Use>, usize)> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut all = of_rooms();
        let known = all.len();
        all.extend(of_own());
        assert!(all.len() > known, "the operation is not dispatched");
        (all, known)
    })
}

fn of_rooms() -> Vec<Use> {
    let mut uses = BTreeMap::new();
    let (all, products) = (cases(), products());
    let (adapters, tiles, matrices) = (adapters(), tiles(), matrices());
    let whole = adapters.iter().map(|target| (target, &all));
    let of_products = tiles.iter().chain(&matrices).map(|target| (target, &products));
    for (target, cases) in whole.chain(of_products) {
        let mut plans = models::training_plans(target);
        let multiplies_halves = !target.chip.matrix_tiles.is_empty();
        // Single operations read and give f32, whatever is between them.
        for case in cases.iter().filter(|_| !target.f16 || multiplies_halves) {
            let case = if target.f16 { case.clone().amid() } else { case.clone() };
            let mut drawn = case.draw().unwrap_or_else(|error| panic!("{case:?}: {error}"));
            drawn.half = target.f16.then(models::everything_half);
            for fuse in [false, true] {
                let plan = drawn.plan(Some(target), fuse);
                plans.push(plan.unwrap_or_else(|error| panic!("{case:?}: {error}")));
            }
        }
        let steps = plans.iter().flat_map(|plan| &plan.steps);
        for dispatch in steps.flat_map(|step| step.dispatches(target)) {
            let found = Use::new(dispatch, target);
            // Adapters have kernels of one name with parts of their own.
            uses.entry((found.describe(), found.kernel.text())).or_insert(found);
        }
    }
    uses.into_values().collect()
}

fn of_own() -> Vec<Use> {
    let op = Elementwise::new("own_sine", "sin(scale * x)", f32::sin)
        .derivative("scale * cos(scale * x)", f32::cos)
        .derivative("-scale * scale * sin(scale * x)", |x| -x.sin())
        .constant("scale", 1.5);
    let mut graph = Graph::new();
    let x = graph.input("x", [3, 5]);
    let mut node = op.apply(&mut graph, x).expect("its text is right");
    for _ in 0..2 {
        let sum = sum_all(&mut graph, node).expect("a sum");
        node = graph.gradients(sum, &[x]).expect("two derivatives")[0];
    }
    let layout = graph.layout();
    let outputs = vec![("second".into(), node)];
    let plan = Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) });
    let steps = plan.expect("a plan").steps;
    let target = GpuTarget::default();
    let dispatches = steps.iter().flat_map(|step| step.dispatches(&target));
    let own = dispatches.filter(|dispatch| dispatch.kernel.name == "own_sine");
    own.map(|dispatch| Use::new(dispatch, &target)).collect()
}

/// The name of the file that a kernel is of. Those that are written for each use end in a digest.
pub fn file_of(kernel: &Kernel) -> &'static str {
    let is_digest = |end: &str| end.len() == 12 && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = kernel.name.rsplit_once('_');
    parts.filter(|(_, end)| is_digest(end)).map_or(kernel.name, |(file, _)| file)
}

/// Every kernel as GPUs have it and, where it is another there, as an adapter of eight lanes does.
pub fn every_kernel() -> Vec<(Kernel, bool)> {
    let llvmpipe = GpuTarget::new(&AdapterTraits::llvmpipe());
    let mut all: Vec<_> = kernels().into_iter().map(|kernel| (kernel.clone(), false)).collect();
    let lanes = kernels().into_iter().map(|kernel| (kernel, kernel.on(&llvmpipe)));
    let others = lanes.filter(|(kernel, there)| kernel.text() != there.text());
    all.extend(others.map(|(_, there)| (there, true)));
    all
}
