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
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
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
    let text = kernel.text();
    let module = naga::front::wgsl::parse_str(&text)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&text)));
    let capabilities = match eight_lanes {
        true => Capabilities::SUBGROUP,
        false => Capabilities::empty(),
    };
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&text)));
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
