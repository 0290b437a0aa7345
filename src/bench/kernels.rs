//! The kernels of a plan as text, for other compilers to read, beside the plan itself.

use std::fs;
use std::path::{Path, PathBuf};

use super::workloads::PlanCosts;
use crate::error::{Error, Result};
use crate::file;
use crate::portable::{Constants, Document, FORMAT, PipelineForm, PlanFile};

/// What a kernel's file written here begins with.
const HEAD: &str = "// A kernel of `diabolo bench --kernels`: ";

/// Writes each kernel that the plan of a workload runs, in the plan's order, as one file with all that
/// it needs: a kernel is a text, an entry point and constants; and the plan as `NAME.json` and `NAME.bin`.
/// Returns how many kernels there are.
///
/// # Errors
/// When a file is there that was not written so, or one cannot be written; nothing is written then that
/// was not before.
pub(super) fn write_kernels(folder: &Path, name: &str, costs: &PlanCosts) -> Result<usize> {
    let Some(plan) = &costs.plan else { return Ok(0) };
    let mut plans = PlanFile::new(&plan.layout);
    plans.add(name, plan, &costs.target)?;
    let document = folder.join(format!("{name}.json"));
    let kernels = texts(name, plans.document()).into_iter();
    let kernels: Vec<(PathBuf, String)> =
        kernels.map(|(file, text)| (folder.join(file), text)).collect();
    let begin = format!("{{\"format\":\"{FORMAT}\"");
    let heads = kernels.iter().map(|(path, _)| (path, HEAD)).chain([(&document, &begin[..])]);
    for (path, head) in heads {
        let is_ours = |bytes: Vec<u8>| bytes.starts_with(head.as_bytes());
        if path.exists() && !fs::read(path).is_ok_and(is_ours) {
            let what = "is there already and is no file of --kernels; choose another folder";
            return Err(Error::file(path, what));
        }
    }
    let failed = |error| Error::file(folder, format!("cannot be made: {error}"));
    fs::create_dir_all(folder).map_err(failed)?;
    for (path, text) in &kernels {
        file::write_whole(path, |out| out.write_all(text.as_bytes()))?;
    }
    plans.write(&document)?;
    Ok(kernels.len())
}

/// Names and texts of files, a kernel each.
fn texts(workload: &str, document: &Document) -> Vec<(String, String)> {
    let dispatches = || document.plans.values().flat_map(|plan| &plan.dispatches);
    let file = |(number, pipeline): (usize, &PipelineForm)| {
        let first = dispatches().find(|dispatch| dispatch.pipeline == number)?;
        let kernel = &document.kernels[pipeline.kernel];
        let file = format!("{workload}-{:02}-{}.wgsl", number + 1, kernel.name);
        let [x, y, z] = first.workgroups;
        let text = format!(
            "{HEAD}{} of {workload}, over {x}x{y}x{z} workgroups.\n\
             // compile: {file} {}{}\n\n{}",
            first.operation,
            pipeline.entry,
            constants(&pipeline.constants),
            kernel.text,
        );
        Some((file, text))
    };
    document.pipelines.iter().enumerate().filter_map(file).collect()
}

/// The values of `override`s, as a command line takes them.
fn constants(Constants(values): &Constants) -> String {
    values.iter().map(|(name, value)| format!(" {name}={value}")).collect()
}
