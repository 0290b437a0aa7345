//! Which variants of kernels are fastest on an adapter: measured, kept in a file, used from then on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::executor::GpuExecutor;
use super::tuning_file::{file, save};
use crate::error::Result;
use crate::graph::{Clock, Executor, Graph, Plan, PlanId, PlanRequest, Step};
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
        let Times { by_table, of_variants, clock } = measure(&mut executor, &variants)?;
        for (seconds, variant) in &of_variants {
            log::debug!("{}: {variant}: {:.4} ms", variants.key, seconds * 1e3);
        }
        let best = of_variants.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
        // A variant has to be better by more than noise to be kept.
        let better = best.filter(|(seconds, _)| *seconds < 0.95 * by_table);
        let mut told = match better {
            Some((seconds, variant)) => {
                tuning.0.insert(variants.key.clone(), variant);
                format!("{variant}: {:.3} ms instead of {:.3}", seconds * 1e3, by_table * 1e3)
            }
            None => {
                tuning.0.remove(&variants.key);
                format!("as the table has it: {:.3} ms", by_table * 1e3)
            }
        };
        if clock == Clock::Wall {
            told += ", by the host's clock";
        }
        progress(&format!("{:<60} {told}", variants.key));
    }
    save(&path, &tuning, &first.device.info)?;
    Ok(path)
}

/// The seconds that an operation takes.
struct Times {
    /// As the table has it.
    by_table: f64,
    of_variants: Vec<(f64, Variant)>,
    clock: Clock,
}

/// Measures an operation as the table has it and in each of its variants: medians of samples that are taken in
/// turns, so that a device that changes its pace does so for all of them.
fn measure(executor: &mut GpuExecutor, variants: &Variants) -> Result<Times> {
    let choices = variants.candidates.iter().copied().map(Some);
    let choices: Vec<Option<Variant>> = [None].into_iter().chain(choices).collect();
    let plans = choices.iter().map(|choice| add(executor, variants, *choice));
    let plans = plans.collect::<Result<Vec<_>>>()?;
    let mut clock = Clock::Timestamps;
    let mut once = vec![];
    for plan in &plans {
        once.push(warm_up(executor, *plan)?);
    }
    let mut samples = vec![vec![]; plans.len()];
    let begin = Instant::now();
    for turn in 0..TURNS {
        if turn >= FEWEST_TURNS && begin.elapsed().as_secs_f64() > BUDGET {
            break;
        }
        for (number, plan) in plans.iter().enumerate() {
            let count = ((SAMPLE / once[number]) as usize).clamp(1, MOST_A_SAMPLE);
            let timed = executor.run_timed(*plan, &steps(count))?;
            samples[number].push(timed.seconds / count as f64);
            clock = clock.max(timed.clock);
        }
    }
    plans.into_iter().try_for_each(|plan| executor.remove_plan(plan))?;
    let mut medians = samples.into_iter().map(median).zip(choices);
    let by_table = medians.next().map_or(f64::INFINITY, |(seconds, _)| seconds);
    let of_variants = medians.filter_map(|(seconds, choice)| choice.map(|it| (seconds, it)));
    Ok(Times { by_table, of_variants: of_variants.collect(), clock })
}

/// Samples of each variant.
const TURNS: usize = 9;
/// Samples of each, however slow it is.
const FEWEST_TURNS: usize = 3;
/// Seconds after which no further turn is begun.
const BUDGET: f64 = 2.0;
/// Seconds that a sample takes about: many dispatches of a kernel that is fast.
const SAMPLE: f64 = 5e-3;
const MOST_A_SAMPLE: usize = 1000;
/// Seconds for which a device works before it is measured, so that its clocks are up.
const WARM_UP: f64 = 0.05;

/// Runs a plan until the device is warm; the seconds of a step then.
fn warm_up(executor: &mut GpuExecutor, plan: PlanId) -> Result<f64> {
    // Drivers have work to do for the first one.
    executor.run_timed(plan, &steps(1))?;
    let begin = Instant::now();
    let mut count = 1;
    loop {
        let once = executor.run_timed(plan, &steps(count))?.seconds / count as f64;
        if begin.elapsed().as_secs_f64() > WARM_UP {
            return Ok(once.max(1e-7));
        }
        count = (2 * count).min(MOST_A_SAMPLE);
    }
}

/// So many steps, none of which writes the row of another, so that they can go together.
fn steps(count: usize) -> Vec<StepScalars> {
    (0..count as u32).map(|row| StepScalars { row, ..StepScalars::default() }).collect()
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::INFINITY)
}

/// Puts the operation onto the device in a variant, or in the table's, with inputs.
fn add(
    executor: &mut GpuExecutor,
    variants: &Variants,
    variant: Option<Variant>,
) -> Result<PlanId> {
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
    Ok(plan)
}
