//! Every kernel, as operations really dispatch it, through the compilers of other platforms: naga
//! to SPIR-V, Metal and HLSL, and Chrome's `tint` where it is installed.

mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::process::Command;

use diabolo::graph::{Graph, Plan, PlanRequest};
use diabolo::ops::{
    AdapterKind, AdapterTraits, Dispatch, Elementwise, GpuTarget, Kernel, kernels, sum_all,
};
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, FunctionInfo, ModuleInfo, ValidationFlags, Validator};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use support::case::Case;
use support::{models, rooms};

/// Cases drawn from each room, to see its kernels at different constants.
const CASES: usize = 24;

/// One way in which a kernel is compiled.
struct Use {
    kernel: Kernel,
    entry: &'static str,
    constants: Vec<(&'static str, f64)>,
    /// Whether it is for an adapter of eight lanes.
    eight_lanes: bool,
}

impl Use {
    fn new(dispatch: Dispatch, target: &GpuTarget) -> Self {
        let Dispatch { kernel, entry, constants, .. } = dispatch;
        Self { kernel, entry, constants, eight_lanes: target.eight_lanes }
    }

    fn describe(&self) -> String {
        format!("{}.wgsl, entry {}, {:?}", self.kernel.name, self.entry, self.constants)
    }

    /// The module with every `override` replaced by its value.
    fn module(&self) -> (naga::Module, ModuleInfo) {
        let (module, info) = parse(&self.kernel, self.eight_lanes);
        let constants: HashMap<String, f64> =
            self.constants.iter().map(|(name, value)| ((*name).into(), *value)).collect();
        let entry = Some((naga::ShaderStage::Compute, self.entry));
        let set = naga::back::pipeline_constants::process_overrides(
            &module,
            &info,
            entry,
            &constants.into_iter().collect(),
        );
        let (module, info) = set.unwrap_or_else(|error| panic!("{}: {error}", self.describe()));
        (module.into_owned(), info.into_owned())
    }
}

/// Kernels for adapters of eight lanes may use subgroups, and no others, for not every device has them.
fn parse(kernel: &Kernel, eight_lanes: bool) -> (naga::Module, ModuleInfo) {
    parse_text(&kernel.text(), eight_lanes)
}

fn parse_text(text: &str, eight_lanes: bool) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(text)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
    let capabilities = match eight_lanes {
        true => Capabilities::SUBGROUP,
        false => Capabilities::empty(),
    };
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
    (module, info)
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
fn adapters() -> [AdapterTraits; 4] {
    let [discrete, integrated, software] =
        [AdapterKind::Discrete, AdapterKind::Integrated, AdapterKind::Software]
            .map(AdapterTraits::of);
    [discrete, integrated, software, AdapterTraits::llvmpipe()]
}

/// Every dispatch of all rooms and of training steps, on GPUs and on software adapters, once.
fn uses() -> Vec<Use> {
    let mut uses = BTreeMap::new();
    for adapter in adapters() {
        let target = GpuTarget::new(&adapter);
        let mut plans = models::training_plans(&target);
        for case in cases() {
            let drawn = case.draw().unwrap_or_else(|error| panic!("{case:?}: {error}"));
            for fuse in [false, true] {
                let plan = drawn.plan(Some(&target), fuse);
                plans.push(plan.unwrap_or_else(|error| panic!("{case:?}: {error}")));
            }
        }
        let steps = plans.iter().flat_map(|plan| &plan.steps);
        for dispatch in steps.flat_map(|step| step.dispatches(&target)) {
            let found = Use::new(dispatch, &target);
            // Adapters have kernels of one name with parts of their own.
            uses.entry((found.describe(), found.kernel.text())).or_insert(found);
        }
    }
    uses.into_values().collect()
}

/// Those, and an operation from outside the crate with its first and second gradient.
fn uses_with_own() -> Vec<Use> {
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
    let mut uses = uses();
    let known = uses.len();
    let own = dispatches.filter(|dispatch| dispatch.kernel.name == "own_sine");
    uses.extend(own.map(|dispatch| Use::new(dispatch, &target)));
    assert!(uses.len() > known, "the operation is not dispatched");
    uses
}

/// The name of the file that a kernel is of. Chains are written each anew, by one file.
fn file_of(kernel: &Kernel) -> &'static str {
    if kernel.name.starts_with("chain_") { "chain" } else { kernel.name }
}

/// Every kernel as GPUs have it and, where it is another there, as an adapter of eight lanes does.
fn every_kernel() -> Vec<(Kernel, bool)> {
    let llvmpipe = GpuTarget::new(&AdapterTraits::llvmpipe());
    let mut all: Vec<_> = kernels().into_iter().map(|kernel| (kernel.clone(), false)).collect();
    let lanes = kernels().into_iter().map(|kernel| (kernel, kernel.on(&llvmpipe)));
    let others = lanes.filter(|(kernel, there)| kernel.text() != there.text());
    all.extend(others.map(|(_, there)| (there, true)));
    all
}

/// What a store goes to: how its pointer is made, and what that points at.
type Target<'a> = (&'a naga::Expression, &'a naga::TypeInner);

/// Where stores of a block are as `wrong` says, in words.
fn find_stores(
    module: &naga::Module,
    (function, info): (&naga::Function, &FunctionInfo),
    block: &naga::Block,
    wrong: fn(Target) -> bool,
    found: &mut Vec<String>,
) {
    for (statement, span) in block.span_iter() {
        let inner: Vec<&naga::Block> = match statement {
            naga::Statement::Block(block) => vec![block],
            naga::Statement::If { accept, reject, .. } => vec![accept, reject],
            naga::Statement::Switch { cases, .. } => cases.iter().map(|case| &case.body).collect(),
            naga::Statement::Loop { body, continuing, .. } => vec![body, continuing],
            naga::Statement::Store { pointer, .. } => {
                let target = info[*pointer].ty.inner_with(&module.types);
                if wrong((&function.expressions[*pointer], target)) {
                    let name = function.name.as_deref().unwrap_or("a function");
                    found.push(format!("{name}, bytes {:?}", span.to_range()));
                }
                continue;
            }
            _ => continue,
        };
        for block in inner {
            find_stores(module, (function, info), block, wrong, found);
        }
    }
}

/// The same of all functions of a kernel, those that no entry point calls included.
fn all_stores(module: &naga::Module, info: &ModuleInfo, wrong: fn(Target) -> bool) -> Vec<String> {
    let mut found = vec![];
    for (handle, function) in module.functions.iter() {
        find_stores(module, (function, &info[handle]), &function.body, wrong, &mut found);
    }
    for (index, entry) in module.entry_points.iter().enumerate() {
        let function = (&entry.function, info.get_entry_point(index));
        find_stores(module, function, &entry.function.body, wrong, &mut found);
    }
    found
}

/// Fails for a kernel with a store that is as `wrong` says.
fn refuse_stores(wrong: fn(Target) -> bool) {
    let mut texts = BTreeSet::new();
    let used = uses_with_own().into_iter().map(|found| (found.kernel, found.eight_lanes));
    for (kernel, eight_lanes) in every_kernel().into_iter().chain(used) {
        if texts.insert(kernel.text()) {
            let (module, info) = parse(&kernel, eight_lanes);
            let found = all_stores(&module, &info, wrong);
            assert!(found.is_empty(), "{}.wgsl: {found:?}:\n{}", kernel.name, kernel.text());
        }
    }
}

/// Functions of a text with a store that is as `wrong` says.
fn functions_with_stores(text: &str, wrong: fn(Target) -> bool) -> Vec<String> {
    let (module, info) = parse_text(text, false);
    let found = all_stores(&module, &info, wrong).into_iter();
    found.map(|text| text.split(',').next().expect("a name").to_owned()).collect()
}

/// A pointer to a whole vector has a type of its own; one into a vector that of a component alone.
fn is_component_of_shared_vector((_, target): Target) -> bool {
    use naga::AddressSpace::{Storage, WorkGroup};
    matches!(
        target,
        naga::TypeInner::ValuePointer { size: None, space: Storage { .. } | WorkGroup, .. }
    )
}

/// By a number that is not known when the kernel is compiled.
fn is_component_by_number((pointer, target): Target) -> bool {
    matches!(target, naga::TypeInner::ValuePointer { size: None, .. })
        && matches!(pointer, naga::Expression::Access { .. })
}

/// A store to one component of a vector may be compiled into reading, changing and writing all of it
/// (gpuweb issue 2112), as Apple's compiler does, so that an invocation undoes what others store to the
/// other components meanwhile. No adapter here does so; this stands for one that does.
#[test]
fn no_kernel_stores_to_a_component_of_a_shared_vector() {
    refuse_stores(is_component_of_shared_vector);
}

/// FXC, which DX12 falls back on, cannot.
#[test]
fn no_kernel_stores_to_a_component_by_a_number() {
    refuse_stores(is_component_by_number);
}

#[test]
fn stores_to_components_are_found() {
    const TEXT: &str = "
        struct Pair { a: vec4<f32>, b: vec2<u32> }
        @group(0) @binding(0) var<storage, read_write> vectors: array<vec4<f32>>;
        @group(0) @binding(1) var<storage, read_write> pairs: array<Pair>;
        @group(0) @binding(2) var<storage, read_write> numbers: array<f32>;
        var<workgroup> tile: array<vec4<f32>, 64>;
        var<private> own: vec4<f32>;
        fn by_number(i: u32) { vectors[i / 4u][i % 4u] = 1.0; }
        fn by_name(i: u32) { for (var k = 0u; k < i; k++) { if k > 2u { vectors[k].y += 1.0; } } }
        fn of_a_member(i: u32) { switch i { case 1u: {} default: { pairs[i].b.x = i; } } }
        fn in_a_workgroup(i: u32) { { tile[i].w = 0.0; } }
        fn of_its_own(i: u32) { own[i % 4u] = vectors[i].x; }
        fn right(i: u32) {
            var local = own;
            own.y = local[i % 4u];
            local.z = tile[i][i % 4u];
            vectors[i] = local;
            tile[i] = vec4<f32>(local.x);
            numbers[i] = local.y;
            pairs[i].a = own;
        }
        @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {
            by_number(i);
            by_name(i);
            of_a_member(i);
            in_a_workgroup(i);
            of_its_own(i);
            right(i);
            vectors[0][i] = 2.0;
        }
    ";
    let shared = functions_with_stores(TEXT, is_component_of_shared_vector);
    assert_eq!(shared, ["by_number", "by_name", "of_a_member", "in_a_workgroup", "main"]);
    let by_number = functions_with_stores(TEXT, is_component_by_number);
    assert_eq!(by_number, ["by_number", "of_its_own", "main"]);
}

/// If this fails, an operation lacks a room in `tests/support/rooms.rs`, so no other test of this
/// folder has seen all of it.
#[test]
fn rooms_and_models_reach_every_entry_point() {
    let uses = uses();
    let reached: BTreeSet<(&str, &str, bool)> =
        uses.iter().map(|found| (file_of(&found.kernel), found.entry, found.eight_lanes)).collect();
    for (kernel, eight_lanes) in every_kernel() {
        let name = kernel.name;
        // What updates parameters is for GPUs alone.
        if eight_lanes && name.contains("update") {
            continue;
        }
        for entry in &parse(&kernel, eight_lanes).0.entry_points {
            let known = reached.contains(&(name, entry.name.as_str(), eight_lanes));
            assert!(known, "no test dispatches entry `{}` of {name}.wgsl", entry.name);
        }
    }
    for (kernel, _, _) in reached {
        let listed = kernels().iter().any(|known| known.name == kernel);
        assert!(listed, "{kernel}.wgsl is dispatched but not listed by ops::kernels()");
    }
}

#[test]
fn every_use_translates_to_spirv() {
    for found in uses_with_own() {
        let (module, info) = found.module();
        let options = spv::Options::default();
        let pipeline = spv::PipelineOptions {
            shader_stage: naga::ShaderStage::Compute,
            entry_point: found.entry.into(),
        };
        let words = spv::write_vec(&module, &info, &options, Some(&pipeline));
        let words = words.unwrap_or_else(|error| panic!("{}: {error}", found.describe()));
        assert!(words.len() > 20, "{}: an empty module", found.describe());
    }
}

#[test]
fn every_use_translates_to_metal() {
    for found in uses_with_own() {
        let (module, info) = found.module();
        let options = msl::Options { fake_missing_bindings: true, ..msl::Options::default() };
        let pipeline = msl::PipelineOptions {
            entry_point: Some((naga::ShaderStage::Compute, found.entry.into())),
            ..msl::PipelineOptions::default()
        };
        let text = msl::write_string(&module, &info, &options, &pipeline);
        let (text, _) = text.unwrap_or_else(|error| panic!("{}: {error}", found.describe()));
        assert!(text.contains("kernel void"), "{}: no kernel in\n{text}", found.describe());
    }
}

#[test]
fn every_use_translates_to_hlsl() {
    for found in uses_with_own() {
        let (module, info) = found.module();
        let options = hlsl::Options { fake_missing_bindings: true, ..hlsl::Options::default() };
        let entry_point = Some((naga::ShaderStage::Compute, found.entry.into()));
        let pipeline = hlsl::PipelineOptions { entry_point };
        let mut text = String::new();
        let written = hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None);
        written.unwrap_or_else(|error| panic!("{}: {error}", found.describe()));
        assert!(text.contains("numthreads"), "{}: no kernel in\n{text}", found.describe());
    }
}

/// Chrome's compiler reads the same text differently: it demands uniform control flow at barriers.
#[test]
fn every_kernel_passes_tint_where_it_is_installed() {
    let Some(tint) = find_tint() else {
        println!("note: `tint` is not on PATH; kernels were not checked by Chrome's compiler");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder for shaders");
    let mut refused = String::new();
    let chains = uses().into_iter().map(|found| found.kernel);
    let chains = chains.filter(|kernel| file_of(kernel) == "chain");
    for (kernel, eight_lanes) in
        every_kernel().into_iter().chain(chains.map(|kernel| (kernel, false)))
    {
        let path = folder.path().join(format!("{}-{eight_lanes}.wgsl", kernel.name));
        // naga does not know the directive that the others demand.
        let enable = if eight_lanes { "enable subgroups;\n" } else { "" };
        std::fs::write(&path, enable.to_owned() + &kernel.text()).expect("the folder takes files");
        // Not every build of tint writes SPIR-V, but all write WGSL, after the same checks.
        let run = Command::new(&tint)
            .args(["--format", "wgsl", "--output-name"])
            .args([&path.with_extension("out"), &path])
            .output();
        let run = run.expect("tint starts");
        if !run.status.success() {
            refused += &String::from_utf8_lossy(&run.stderr);
        }
    }
    assert!(refused.is_empty(), "tint refuses kernels:\n{refused}");
}

fn find_tint() -> Option<PathBuf> {
    let names = ["tint", "tint.exe"];
    let folders = std::env::var_os("PATH")?;
    let mut paths =
        std::env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name)));
    paths.find(|path| path.is_file())
}
