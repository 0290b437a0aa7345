//! Every kernel, as operations really dispatch it, through the compilers of other platforms: naga
//! to SPIR-V, Metal and HLSL. What a browser makes of them is seen in `browser/kernels.rs`.

mod stores;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
#[cfg(target_os = "linux")]
use std::process::Command;

use diabolo::ops::kernels;
use naga::back::{hlsl, msl, spv};
use rayon::prelude::*;
use support::uses::{Use, by_matrices, every_kernel, file_of, parse, uses, uses_with_own};

/// If this fails, an operation lacks a room in `tests/support/rooms.rs`, so no other test of this
/// folder has seen all of it.
#[test]
fn rooms_and_models_reach_every_entry_point() {
    let uses = uses();
    let reached: BTreeSet<(&str, &str, bool)> =
        uses.iter().map(|found| (file_of(&found.kernel), found.entry, found.eight_lanes)).collect();
    let mut missing = vec![];
    for (kernel, eight_lanes) in every_kernel() {
        let name = kernel.name;
        // What updates parameters is for GPUs alone, and so are 4 x 8 sums.
        if eight_lanes && (name.contains("update") || name.contains("4x8")) {
            continue;
        }
        let by_matrices = by_matrices(&kernel.text());
        // llvmpipe's own kernels for matrix units differ in what all of its tiles differ in, and its tests run them.
        if eight_lanes && by_matrices {
            continue;
        }
        let has_fewer_sums = name.ends_with("4x8") || name.ends_with("4x4") || by_matrices;
        for entry in &parse(&kernel, eight_lanes).0.entry_points {
            // What goes without tiles knows no sums of theirs: the first variant's does for all.
            if has_fewer_sums && !entry.name.starts_with("tiled") {
                continue;
            }
            if !reached.contains(&(name, entry.name.as_str(), eight_lanes)) {
                missing.push(format!("entry `{}` of {name}.wgsl", entry.name));
            }
        }
    }
    assert!(missing.is_empty(), "no test dispatches {}", missing.join(", "));
    for (kernel, _, _) in reached {
        let listed = kernels().iter().any(|known| known.name == kernel);
        assert!(listed, "{kernel}.wgsl is dispatched but not listed by ops::kernels()");
    }
}

/// What a `spirv-val` from before 2023.3 says of matrices, and of nothing else here: naga has validated them then, and
/// nobody besides.
#[cfg(target_os = "linux")]
const UNKNOWN_MATRICES: &str = "Invalid capability operand: 6022";

/// Gives each file to a program, with these arguments before its name, and fails with what it refuses. What naga
/// writes is the same on every system, so this one is enough.
#[cfg(target_os = "linux")]
fn assert_accepted(program: &str, package: &str, files: &[(PathBuf, Vec<&str>, String)]) {
    let run = |(path, arguments, what): &(PathBuf, Vec<&str>, String)| {
        let output = Command::new(program).args(arguments).arg(path).output();
        let output = output.unwrap_or_else(|error| {
            panic!("`{program}` does not start ({error}); install {package}, as tests/run does")
        });
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        (!output.status.success() && !said.contains(UNKNOWN_MATRICES))
            .then(|| format!("{what}:\n{said}"))
    };
    let refused: Vec<String> = files.par_iter().filter_map(run).collect();
    let first = refused.first().map_or("", String::as_str);
    assert!(refused.is_empty(), "{program} refuses {} of {}: {first}", refused.len(), files.len());
}

#[test]
fn every_use_translates_to_spirv() {
    let folder = tempfile::tempdir().expect("a folder for shaders");
    let mut files = vec![];
    for (number, found) in uses_with_own().iter().enumerate() {
        let (module, info) = found.module();
        // Matrices want a newer memory model, which is part of SPIR-V 1.5.
        let (lang_version, environment) = match by_matrices(&found.kernel.text()) {
            true => ((1, 6), "vulkan1.3"),
            false => ((1, 3), "vulkan1.1"),
        };
        let options = spv::Options { lang_version, ..spv::Options::default() };
        let pipeline = spv::PipelineOptions {
            shader_stage: naga::ShaderStage::Compute,
            entry_point: found.entry.into(),
        };
        let words = spv::write_vec(&module, &info, &options, Some(&pipeline));
        let words = words.unwrap_or_else(|error| panic!("{}: {error}", found.describe()));
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let path = folder.path().join(format!("{number}.spv"));
        std::fs::write(&path, bytes).expect("the folder takes files");
        files.push((path, vec!["--target-env", environment], found.describe()));
    }
    #[cfg(target_os = "linux")]
    assert_accepted("spirv-val", "spirv-tools", &files);
}

/// Those of GPUs: kernels by lanes are llvmpipe's alone.
fn portable_uses() -> impl Iterator<Item = &'static Use> {
    uses_with_own().iter().filter(|found| !found.eight_lanes)
}

#[test]
fn no_portable_kernel_knows_subgroups() {
    let listed = kernels().into_iter().map(|kernel| (kernel.name, kernel.text()));
    let used = portable_uses().map(|found| (found.kernel.name, found.kernel.text()));
    // Matrices are what subgroups multiply.
    for (name, text) in listed.chain(used).filter(|(_, text)| !by_matrices(text)) {
        assert!(!text.contains("subgroup"), "{name}.wgsl is not portable");
    }
}

#[test]
fn every_use_translates_to_metal() {
    // Apple's units take 8 x 8.
    for found in portable_uses().filter(|found| !found.kernel.name.ends_with("16")) {
        let (module, info) = found.module();
        let by_matrices = by_matrices(&found.kernel.text());
        let lang_version = if by_matrices { (2, 3) } else { msl::Options::default().lang_version };
        let options =
            msl::Options { lang_version, fake_missing_bindings: true, ..msl::Options::default() };
        let pipeline = msl::PipelineOptions {
            entry_point: Some((naga::ShaderStage::Compute, found.entry.into())),
            ..msl::PipelineOptions::default()
        };
        let text = msl::write_string(&module, &info, &options, &pipeline);
        let (text, _) = text.unwrap_or_else(|error| panic!("{}: {error}", found.describe()));
        assert!(text.contains("kernel void"), "{}: no kernel in\n{text}", found.describe());
        assert_eq!(text.contains("simdgroup_multiply_accumulate"), by_matrices);
    }
}

#[test]
fn every_use_translates_to_hlsl() {
    let folder = tempfile::tempdir().expect("a folder for shaders");
    let mut files = vec![];
    let mut known = BTreeSet::new();
    // DX12 has no matrices, and naga no words for them.
    let portable = portable_uses().filter(|found| !by_matrices(&found.kernel.text()));
    for (number, found) in portable.enumerate() {
        let (module, info) = found.module();
        // As pipelines are made. The compiler below does not know naga's zeros for arrays, `(float[64])0`.
        let options = hlsl::Options {
            fake_missing_bindings: true,
            zero_initialize_workgroup_memory: false,
            ..hlsl::Options::default()
        };
        let entry_point = Some((naga::ShaderStage::Compute, found.entry.into()));
        let pipeline = hlsl::PipelineOptions { entry_point };
        let mut text = String::new();
        let written = hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None);
        written.unwrap_or_else(|error| panic!("{}: {error}", found.describe()));
        // f16 is read as `Load<half>`, of which this compiler knows nothing: DX12 has it by DXC alone.
        if text.contains("Load<half") {
            assert!(found.kernel.text().starts_with("enable f16;"), "{}", found.describe());
            continue;
        }
        // Constants change numbers of the text alone, and this compiler takes its time.
        if !known.insert((found.kernel.text(), found.entry)) {
            continue;
        }
        let path = folder.path().join(format!("{number}.hlsl"));
        std::fs::write(&path, text).expect("the folder takes files");
        files.push((
            path,
            vec!["-D", "-V", "-S", "comp", "-e", found.entry, "-o", "/dev/null"],
            found.describe(),
        ));
    }
    #[cfg(target_os = "linux")]
    assert_accepted("glslangValidator", "glslang-tools", &files);
}
