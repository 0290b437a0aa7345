//! The same as a page: plans for any adapter, with what the processor came to.

use serde::Serialize;

use super::case::{Case, Images, Input};
use super::part::Part;
use super::suite::Suite;
use super::tolerance::Tolerance;
use crate::bench::workloads::{Ceilings, Workload, idle_dispatches, roofline_graph};
use crate::cpu::CpuExecutor;
use crate::error::{Error, Result};
use crate::graph::{Graph, Plan, PlanRequest, StateLayout};
use crate::ops::{GpuTarget, NodeId, Roofline, StepScalars};
use crate::portable::{Document, PlanFile, Span};
use crate::tasks::page::{self as pages, CHECK, Page};

const BODY: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/check.html"));

/// Numbers that are copied for the memory's ceiling: as many as WebGPU's default limits bind.
const COPIED: usize = 32 << 20;

/// What `web/check.js` reads.
#[derive(Serialize)]
struct Contents<'a> {
    version: &'static str,
    files: Vec<FileForm<'a>>,
}

/// Plans over one state, with what is done with them.
#[derive(Serialize)]
struct FileForm<'a> {
    plans: &'a Document,
    /// Where its block begins and ends.
    block: [usize; 2],
    checks: &'a [CheckForm],
    timings: &'a [TimingForm],
}

#[derive(Serialize)]
struct CheckForm {
    part: Part,
    name: String,
    plan: String,
    inputs: Vec<Input>,
    images: Option<Images>,
    steps: Vec<StepScalars>,
    results: Vec<ResultForm>,
    tolerance: Tolerance,
}

/// What the processor came to.
#[derive(Serialize)]
struct ResultForm {
    name: String,
    numbers: Span,
}

/// What a plan is timed for.
#[derive(Serialize)]
struct TimingForm {
    /// A workload, or `arithmetic`, `memory` or `dispatches`.
    name: String,
    plan: String,
    bytes: u64,
    flops: u64,
}

/// A file on the way.
struct Sheet {
    layout: StateLayout,
    file: PlanFile,
    checks: Vec<CheckForm>,
    timings: Vec<TimingForm>,
}

impl Sheet {
    fn new(layout: &StateLayout) -> Self {
        let (layout, file) = (layout.clone(), PlanFile::new(layout));
        Self { layout, file, checks: vec![], timings: vec![] }
    }

    /// Adds a case, and what the processor comes to.
    fn check(&mut self, case: &Case, processor: &mut CpuExecutor) -> Result<()> {
        let expected = case.results(processor)?;
        let plan = format!("check {}", self.checks.len());
        match case.part {
            // What is checked of models is what a page of a model runs.
            Part::Steps => {
                pages::add_plans(&mut self.file, &plan, |target| case.plan(Some(target)))?;
            }
            _ => {
                let target = GpuTarget::default();
                self.file.add(&plan, &case.plan(Some(&target))?, &target)?;
            }
        }
        let results = expected.into_iter().map(|(name, numbers)| {
            let numbers = self.file.attach_numbers(&numbers, false);
            ResultForm { name, numbers }
        });
        let results = results.collect();
        self.checks.push(CheckForm {
            part: case.part,
            name: case.name.clone(),
            plan,
            inputs: case.inputs.clone(),
            images: case.images,
            steps: case.steps.clone(),
            results,
            tolerance: case.tolerance,
        });
        Ok(())
    }

    /// Adds a plan that is timed.
    fn time(&mut self, name: &str, plan: impl Fn(&GpuTarget) -> Result<Plan>) -> Result<()> {
        let target = GpuTarget::default();
        let cost = plan(&target)?.cost(&target);
        pages::add_plans(&mut self.file, name, plan)?;
        self.timings.push(TimingForm {
            name: name.into(),
            plan: name.into(),
            bytes: cost.bytes,
            flops: cost.flops,
        });
        Ok(())
    }
}

/// The page.
///
/// # Errors
/// When a plan cannot be made, or is too large for WebGPU's default limits.
pub(super) fn page(suite: &Suite) -> Result<String> {
    let mut sheets: Vec<Sheet> = vec![];
    let mut processor = CpuExecutor::new();
    for case in &suite.cases {
        // Operations by themselves have no state, and share a file.
        let layout = &case.state.layout;
        let is_same = |sheet: &Sheet| layout.entries().is_empty() && sheet.layout == *layout;
        if !sheets.last().is_some_and(is_same) {
            let mut sheet = Sheet::new(layout);
            sheet.file.set_state(&case.state, false, true);
            sheets.push(sheet);
        }
        let sheet = sheets.last_mut().expect("one was made");
        sheet.check(case, &mut processor)?;
    }
    if !suite.timed.is_empty() {
        sheets.push(ceilings()?);
    }
    for workload in &suite.timed {
        sheets.push(timed(workload)?);
    }
    let mut block = vec![];
    let mut files = vec![];
    for sheet in &sheets {
        sheet.file.check_default_limits()?;
        let begin = block.len();
        block.extend_from_slice(sheet.file.block());
        files.push(FileForm {
            plans: sheet.file.document(),
            block: [begin, block.len()],
            checks: &sheet.checks,
            timings: &sheet.timings,
        });
        block.resize(block.len().next_multiple_of(16), 0);
    }
    let contents = Contents { version: env!("CARGO_PKG_VERSION"), files };
    let contents = serde_json::to_vec(&contents)
        .map_err(|error| Error::Graph(format!("a page has no JSON: {error}")))?;
    let (title, modules) = ("Diabolo on this GPU", CHECK);
    pages::html(&Page { title, body: BODY, modules, contents: &contents, block: &block })
}

/// What the adapter can do at most, and what a kernel costs that does nothing.
fn ceilings() -> Result<Sheet> {
    let mut sheet = Sheet::new(&Graph::new().layout());
    for (name, (graph, y)) in [
        ("arithmetic", roofline_graph(1 << 20, Roofline::MultiplyAdds(Ceilings::ROUNDS))?),
        ("memory", roofline_graph(COPIED, Roofline::Copy)?),
        ("dispatches", idle_dispatches()?),
    ] {
        sheet.time(name, |target| plan_of(&graph, y, target))?;
    }
    Ok(sheet)
}

fn plan_of(graph: &Graph, y: NodeId, target: &GpuTarget) -> Result<Plan> {
    let (layout, outputs) = (graph.layout(), vec![("y".into(), y)]);
    Plan::new(&PlanRequest { outputs, ..PlanRequest::new(graph, &layout, Some(target)) })
}

fn timed(workload: &Workload) -> Result<Sheet> {
    let plan = |target: &GpuTarget| workload.training_plan(Some(target));
    let mut sheet = Sheet::new(&plan(&GpuTarget::default())?.layout);
    sheet.time(&workload.name, plan)?;
    Ok(sheet)
}
