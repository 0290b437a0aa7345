//! Which variants of kernels are fastest on an adapter: measured, kept in a file, used from then on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::executor::GpuExecutor;
use super::tuning_file::{file, save};
use crate::error::Result;
use crate::graph::{Executor, Graph, Plan, PlanRequest, Step};
use crate::ops::{Builder, StepScalars, Tuning, Variant, Variants};
use crate::tensor::Tensor;

/// Measures the variants of every product and convolution among `steps` on the adapter that `open`
/// opens, adds the fastest to what is known of it in `folder`, and returns that file. `progress` gets
/// a line an operation.
///
/// # Errors
/// When the device is lost, or the file cannot be written.
pub fn tune(
    open: &dyn Fn() -> Result<GpuExecutor>,
    folder: &Path,
    steps: &[Step],
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf> {
    let first = open()?;
    let mut tuning = (*first.device.target.tuning).clone();
    let path = file(folder, &first.device);
    let mut known = BTreeSet::new();
    for step in steps {
        let Some(variants) = step.op.variants(&step.shapes) else { continue };
        if !known.insert(variants.key.clone()) {
            continue;
        }
        let mut executor = open()?;
        let mut best: Option<(f64, Variant)> = None;
        let by_table = time(&mut executor, &variants, None)?;
        for candidate in &variants.candidates {
            let seconds = time(&mut executor, &variants, Some(*candidate))?;
            if best.is_none_or(|(best, _)| seconds < best) {
                best = Some((seconds, *candidate));
            }
        }
        // A variant has to be better by more than noise to be kept.
        let better = best.filter(|(seconds, _)| *seconds < 0.95 * by_table);
        let told = match better {
            Some((seconds, variant)) => {
                tuning.0.insert(variants.key.clone(), variant);
                format!("{variant}: {:.3} ms instead of {:.3}", seconds * 1e3, by_table * 1e3)
            }
            None => {
                tuning.0.remove(&variants.key);
                format!("as the table has it: {:.3} ms", by_table * 1e3)
            }
        };
        progress(&format!("{:<60} {told}", variants.key));
    }
    save(&path, &tuning, &first.device.info)?;
    Ok(path)
}

/// The seconds that an operation takes in a variant, or in the table's: the least of several runs.
fn time(executor: &mut GpuExecutor, variants: &Variants, variant: Option<Variant>) -> Result<f64> {
    let choice = variant.map(|variant| (variants.key.clone(), variant));
    // Plans and dispatches are made for the device's target.
    executor.device.target.tuning = Arc::new(Tuning(choice.into_iter().collect()));
    let target = executor.device.target.clone();
    let mut graph = Graph::new();
    let inputs = variants.inputs.iter().enumerate();
    let inputs: Vec<_> =
        inputs.map(|(number, shape)| graph.input(&format!("x{number}"), shape.clone())).collect();
    let y = graph.apply(variants.plain.clone(), &inputs)?;
    let layout = graph.layout();
    let outputs = vec![("y".into(), y)];
    let plan =
        Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, Some(&target)) })?;
    let plan = executor.add_plan(plan, None)?;
    for (number, shape) in variants.inputs.iter().enumerate() {
        executor.write_input(plan, &format!("x{number}"), &Tensor::full(shape.clone(), 0.5))?;
    }
    let mut least = f64::INFINITY;
    let begin = Instant::now();
    // The first run is warm-up; slow operations are not run more often than is needed.
    for run in 0..12 {
        let start = Instant::now();
        executor.run(plan, &[StepScalars::default()])?;
        executor.wait()?;
        if run > 0 {
            least = least.min(start.elapsed().as_secs_f64());
        }
        if run > 2 && begin.elapsed().as_secs_f64() > 1.0 {
            break;
        }
    }
    executor.remove_plan(plan)?;
    Ok(least)
}
