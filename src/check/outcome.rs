//! What came of a check: a table, a verdict, and JSON for an issue on a tracker.

use std::fmt::Write;

use serde::Serialize;

use super::case::{Case, Results};
use super::part::Part;
use crate::error::{Result, counted};
use crate::gpu::AdapterSummary;
use crate::graph::{Clock, Executor};

/// What is said of one check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Of which part it is.
    pub part: Part,
    /// What is computed.
    pub name: String,
    /// Whether all numbers are near enough to the processor's.
    pub passed: bool,
    /// How far the worst number is off, as a share of what is allowed; none where it is no number, or nothing came out.
    pub worst: Option<f32>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// How long a step of a workload takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// The workload.
    pub name: String,
    /// The median time of a step.
    pub median_ms: f64,
    /// What that was measured by.
    pub clock: Clock,
    /// The time of a step at the nearer ceiling, as a share of that.
    pub share: f64,
    /// Kernels a step.
    pub dispatches: u64,
}

/// What an adapter can do at most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Floating-point operations a second, in 10^9.
    pub gflops: f64,
    /// Bytes a second to and from memory, in 10^9.
    pub gbytes: f64,
    /// Millionths of a second that a kernel takes that has nothing to do but to wait for the one before it.
    pub dispatch_us: f64,
}

/// What was checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Adapter {
    /// As its driver calls it.
    pub name: String,
    /// The interface that it was reached through.
    pub backend: String,
    /// The driver's name and version.
    pub driver: String,
}

/// All that came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// `diabolo check`.
    pub format: &'static str,
    /// Of this program.
    pub version: &'static str,
    /// The adapter.
    pub adapter: Adapter,
    /// Whether all checks passed.
    pub passed: bool,
    /// In all.
    pub seconds: f64,
    /// The checks.
    pub checks: Vec<Outcome>,
    /// The ceilings, where workloads were timed.
    pub ceilings: Option<Rates>,
    /// The workloads that were.
    pub timings: Vec<Timing>,
}

impl Outcome {
    /// Has a case computed on both. What goes wrong on `device` is its outcome.
    ///
    /// # Errors
    /// When `reference` fails.
    pub(super) fn of(
        case: &Case,
        device: &mut dyn Executor,
        reference: &mut dyn Executor,
    ) -> Result<Self> {
        let expected = case.results(reference)?;
        Ok(match case.results(device) {
            Ok(actual) => Self::compared(case, &expected, &actual),
            Err(error) => Self::new(case, None, Some(error.to_string())),
        })
    }

    fn new(case: &Case, worst: Option<f32>, fault: Option<String>) -> Self {
        let (part, name, passed) = (case.part, case.name.clone(), fault.is_none());
        Self { part, name, passed, worst, fault }
    }

    /// The worst of all results.
    fn compared(case: &Case, expected: &Results, actual: &Results) -> Self {
        let mut worst = (0.0_f32, [0.0; 2], "");
        for ((name, expected), (_, actual)) in expected.iter().zip(actual) {
            let (share, pair) = case.tolerance.worst(expected, actual);
            if share > worst.0 {
                worst = (share, pair, name);
            }
        }
        let (share, [expected, actual], name) = worst;
        let fault = (share > 1.0).then(|| format!("{name}: {actual}, not {expected}"));
        Self::new(case, Some(share).filter(|share| share.is_finite()), fault)
    }

    /// Its line of the table.
    pub(super) fn line(&self) -> String {
        let Self { part, name, passed, worst, fault } = self;
        let verdict = if *passed { "ok" } else { "WRONG" };
        let worst = worst.map_or("-".into(), |share| format!("{:.1}%", 100.0 * share));
        let mut line = format!("{verdict:<5} {:<9} {worst:>8}  {name}", part.name());
        if let Some(fault) = fault {
            let _ = write!(line, ": {fault}");
        }
        line
    }
}

impl From<AdapterSummary> for Adapter {
    fn from(AdapterSummary { name, backend, driver, .. }: AdapterSummary) -> Self {
        Self { name, backend: backend.to_string(), driver }
    }
}

impl Report {
    /// What JSON says that it is.
    pub(super) const FORMAT: &'static str = "diabolo check";

    /// What stands above the table.
    pub(super) fn head() -> String {
        format!("{:<5} {:<9} {:>8}  {}", "", "part", "of bound", "what")
    }

    /// What was timed.
    pub(super) fn times(&self) -> String {
        let mut text = String::new();
        if let Some(Rates { gflops, gbytes, dispatch_us }) = self.ceilings {
            let _ = writeln!(
                text,
                "at most {gflops:.1} GFLOP/s, {gbytes:.1} GB/s; {dispatch_us:.1} us a kernel"
            );
        }
        for Timing { name, median_ms, clock, share, dispatches } in &self.timings {
            let clock = match clock {
                Clock::Timestamps => "by its own clock",
                Clock::Wall => "by the host's clock",
            };
            let share = 100.0 * share;
            let _ = writeln!(
                text,
                "{name:<6} {median_ms:>10.3} ms a step {clock}, {share:.0}% of the ceiling, {dispatches} kernels"
            );
        }
        text
    }

    /// The verdict.
    pub(super) fn verdict(&self) -> String {
        let wrong = self.checks.iter().filter(|check| !check.passed).count();
        let (all, seconds) = (self.checks.len(), self.seconds);
        let place = format!("{} ({})", self.adapter.name, self.adapter.backend);
        match wrong {
            0 => format!("{} passed on {place} in {seconds:.1} s", counted(all, "check")),
            _ => format!("{wrong} of {} FAILED on {place}", counted(all, "check")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::case::Draft;
    use crate::check::values::ANY;
    use crate::cpu::CpuExecutor;
    use crate::ops::{UnaryKind, unary};

    #[test]
    fn what_is_wrong_is_named_with_both_numbers() {
        let square = Draft::new("a square", &[(&[4, 5], ANY)])
            .case(|graph, x| Ok(vec![unary(graph, x[0], UnaryKind::Square)?]))
            .unwrap();
        let mut cpu = CpuExecutor::new();
        let outcome = Outcome::of(&square, &mut cpu, &mut CpuExecutor::new()).unwrap();
        assert!(outcome.passed && outcome.worst == Some(0.0), "{outcome:?}");
        assert_eq!(outcome.line(), "ok    kernels       0.0%  a square");
        let expected = square.results(&mut cpu).unwrap();
        let names: Vec<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["dx0", "y0"]);
        let mut wrong = expected.clone();
        wrong[1].1[3] = 7.0;
        let outcome = Outcome::compared(&square, &expected, &wrong);
        let fault = format!("y0: 7, not {}", expected[1].1[3]);
        assert_eq!((outcome.passed, outcome.fault.as_ref()), (false, Some(&fault)));
        assert!(outcome.line().starts_with("WRONG kernels") && outcome.line().ends_with(&fault));
        wrong[1].1[3] = f32::NAN;
        assert_eq!(Outcome::compared(&square, &expected, &wrong).worst, None);
    }
}
