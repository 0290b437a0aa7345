//! The kernels of a plan as text, for other compilers to read.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::workloads::PlanCosts;
use crate::error::{Error, Result};
use crate::file;
use crate::graph::{Plan, ProfileRow};
use crate::ops::{Dispatch, GpuTarget};

/// What a file written here begins with.
const HEAD: &str = "// A kernel of `diabolo bench --kernels`: ";

/// Writes each kernel that the plan of a workload runs, in the plan's order, as one file with all that
/// it needs: a kernel is a text, an entry point and constants. Returns how many there are.
///
/// # Errors
/// When a file is there that was not written so, or one cannot be written; nothing is written then that
/// was not before.
pub(super) fn write_kernels(folder: &Path, name: &str, costs: &PlanCosts) -> Result<usize> {
    let files = costs.plan.iter().flat_map(|plan| texts(name, plan, &costs.target));
    let files: Vec<(PathBuf, String)> =
        files.map(|(file, text)| (folder.join(file), text)).collect();
    for (path, _) in &files {
        let is_ours = |bytes: Vec<u8>| bytes.starts_with(HEAD.as_bytes());
        if path.exists() && !fs::read(path).is_ok_and(is_ours) {
            let what = "is there already and is no kernel of --kernels; choose another folder";
            return Err(Error::file(path, what));
        }
    }
    let failed = |error| Error::file(folder, format!("cannot be made: {error}"));
    fs::create_dir_all(folder).map_err(failed)?;
    for (path, text) in &files {
        file::write_whole(path, |out| out.write_all(text.as_bytes()))?;
    }
    Ok(files.len())
}

/// Names and texts of files, a kernel each.
fn texts(workload: &str, plan: &Plan, target: &GpuTarget) -> Vec<(String, String)> {
    let (mut known, mut files) = (HashSet::new(), vec![]);
    for step in &plan.steps {
        for dispatch in step.dispatches(target) {
            let constants = constants(&dispatch);
            let Dispatch { kernel, entry, workgroups: [x, y, z], .. } = dispatch;
            let text = kernel.text();
            if !known.insert((text.clone(), entry, constants.clone())) {
                continue;
            }
            let file = format!("{workload}-{:02}-{}.wgsl", files.len() + 1, kernel.name);
            let row = ProfileRow::of(step);
            let text = format!(
                "{HEAD}{} {} of {workload}, over {x}x{y}x{z} workgroups.\n\
                 // compile: {file} {entry}{constants}\n\n{text}",
                row.op, row.shape,
            );
            files.push((file, text));
        }
    }
    files
}

/// The values of `override`s, as a command line takes them.
fn constants(dispatch: &Dispatch) -> String {
    dispatch.constants.iter().map(|(name, value)| format!(" {name}={value}")).collect()
}
