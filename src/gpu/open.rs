//! Opening the device that the user's choice comes to.

use super::adapters::{AdapterSummary, Adapters};
use super::choice::{DeviceChoice, Selection};
use super::executor::GpuExecutor;
use super::mixed::Mixed;
use super::pipelines::GpuOptions;
use super::self_test::SelfTest;
use super::verdict::{Findings, Verdicts};
use crate::cpu::CpuExecutor;
use crate::error::Result;
use crate::graph::Executor;
use crate::ops::AdapterKind;

/// A device, ready for plans.
pub struct Opened {
    /// What runs plans.
    pub executor: Box<dyn Executor>,
    /// Why this device, in one line.
    pub reason: String,
    /// This device and no other: what `auto` came to stays what it is for all of a run, so that a
    /// GPU that is lost on the way is an error, never a silent change to the CPU.
    pub choice: DeviceChoice,
}

/// Opens the device that `choice` comes to on this machine.
///
/// # Errors
/// When no adapter fits the choice, or its driver refuses.
pub fn open(choice: &DeviceChoice) -> Result<Opened> {
    if *choice == DeviceChoice::Cpu {
        return Ok(Opened {
            executor: Box::new(CpuExecutor::new()),
            reason: "the CPU was asked for".into(),
            choice: DeviceChoice::Cpu,
        });
    }
    let adapters = Adapters::find();
    let selection = select(choice, &adapters)?;
    let reason = selection.reason().to_string();
    let settled = selection.settled();
    let executor: Box<dyn Executor> = match selection {
        Selection::Cpu(_) => Box::new(CpuExecutor::new()),
        Selection::Adapter(index, _) => {
            let options = options_for(&adapters.list()[index]);
            Box::new(GpuExecutor::open(&adapters, index, options)?)
        }
    };
    Ok(Opened { executor, reason, choice: settled })
}

/// The device that `choice` comes to, where [`DeviceChoice::Auto`] passes over adapters that fail a
/// self-test, which a GPU takes when it and its driver are met for the first time. Other choices come
/// to them, too, with a warning.
///
/// # Errors
/// When no adapter fits the choice.
pub fn select(choice: &DeviceChoice, adapters: &Adapters) -> Result<Selection> {
    let verdicts = Verdicts::of_user();
    let failures = |index: usize| {
        let (Some(verdicts), Some(adapter)) = (&verdicts, adapters.list().get(index)) else {
            return Ok(vec![]);
        };
        let findings = match adapter.kind {
            // The test suite runs on these, which take seconds to compile what is tested.
            AdapterKind::Software => verdicts.known(adapter).unwrap_or_default(),
            _ => verdicts.of(adapter, || {
                self_test(adapters, index, |found| verdicts.keep(adapter, found))
            })?,
        };
        Ok(findings.failures)
    };
    tested(choice, adapters.list(), &failures)
}

/// How an adapter is opened: with f16 and matrix units as far as a self-test found them right. Where they are wrong, a
/// warning says so.
pub fn options_for(adapter: &AdapterSummary) -> GpuOptions {
    let findings = Verdicts::of_user().and_then(|verdicts| verdicts.known(adapter));
    let findings = findings.unwrap_or_default();
    for (wrong, instead) in [
        (&findings.halves, "--precision mixed is refused, for f16 is wrong"),
        (&findings.matrices, "its matrix units are not used, for they are wrong"),
    ] {
        if let Some(lines) = wrong.as_ref().filter(|lines| !lines.is_empty()) {
            log::warn!("{adapter}: {instead} ({}); a newer driver may help", lines.join("; "));
        }
    }
    GpuOptions { mixed: findings.mixed(), ..GpuOptions::default() }
}

/// The device that `choice` comes to where `failures` says what goes wrong on an adapter.
fn tested(
    choice: &DeviceChoice,
    adapters: &[AdapterSummary],
    failures: &dyn Fn(usize) -> Result<Vec<String>>,
) -> Result<Selection> {
    let mut adapters = adapters.to_vec();
    loop {
        let selection = choice.select(&adapters)?;
        let Selection::Adapter(index, _) = selection else { return Ok(selection) };
        let problem = match failures(index) {
            Ok(failures) if failures.is_empty() => return Ok(selection),
            Ok(failures) => wrong(&failures),
            Err(error) => format!("its self-test broke off ({error})"),
        };
        let adapter = &mut adapters[index];
        if *choice != DeviceChoice::Auto {
            log::warn!("{adapter}: {problem}; its results cannot be relied on");
            return Ok(selection);
        }
        log::warn!("{adapter} is passed over: {problem}; --device gpu takes it anyway");
        adapter.problem = Some(problem);
    }
}

fn wrong(failures: &[String]) -> String {
    format!("it computes wrong numbers ({}); a newer driver may help", failures.join("; "))
}

/// What goes wrong on an adapter, with kernels as users run them. Before matrix units are tried, what was found is given
/// to `note`, with their test as failed: they are new to drivers, and one that ends the program with it does so once.
fn self_test(adapters: &Adapters, index: usize, note: impl Fn(&Findings)) -> Result<Findings> {
    let failures = |test: &SelfTest, mixed| {
        let options = GpuOptions { mixed, ..GpuOptions::default() };
        test.failures(&mut GpuExecutor::open(adapters, index, options)?)
    };
    // Kernels that do not compile are no reason to do without the others.
    let halves = SelfTest::of_halves()?;
    let of_halves =
        |mixed| failures(&halves, mixed).unwrap_or_else(|error| vec![error.to_string()]);
    let adapter = adapters.list().get(index);
    let has = |what: fn(&AdapterSummary) -> bool| adapter.is_some_and(what);
    let mut findings = Findings {
        failures: failures(&SelfTest::new()?, Mixed::Refused)?,
        halves: has(|it| it.f16).then(|| of_halves(Mixed::Stored)),
        matrices: None,
    };
    if has(|it| it.matrices.is_some()) {
        findings.matrices = Some(vec!["the test of them did not come to its end".into()]);
        note(&findings);
        findings.matrices = Some(of_halves(Mixed::ByMatrices));
    }
    Ok(findings)
}

/// Tests every adapter that can be used, and keeps what is found for [`open`]. Returns what `diabolo
/// adapters --check` prints, and whether all is well.
pub fn check_adapters() -> (String, bool) {
    let adapters = Adapters::find();
    let verdicts = Verdicts::of_user();
    let (mut report, mut is_well) = (String::new(), true);
    for (index, adapter) in adapters.list().iter().enumerate().filter(|(_, it)| it.is_usable()) {
        let begin = std::time::Instant::now();
        let keep = |found: &Findings| {
            if let Some(verdicts) = &verdicts {
                verdicts.keep(adapter, found);
            }
        };
        let found = self_test(&adapters, index, keep);
        let seconds = begin.elapsed().as_secs_f64();
        let lines = match found {
            Ok(findings) => {
                keep(&findings);
                let Findings { failures, halves, matrices } = findings;
                let by_matrices = matrices.into_iter().flatten();
                let by_matrices = by_matrices.map(|line| format!("by its matrix units, {line}"));
                failures
                    .into_iter()
                    .chain(halves.into_iter().flatten())
                    .chain(by_matrices)
                    .collect()
            }
            Err(error) => vec![format!("the test broke off: {error}")],
        };
        let verdict = if lines.is_empty() { "computes what it should" } else { "is wrong" };
        report += &format!("{index}  {adapter} {verdict} ({seconds:.1} s)\n");
        lines.iter().for_each(|line| report += &format!("     {line}\n"));
        is_well &= lines.is_empty();
    }
    if report.is_empty() {
        report = "there is no adapter to check\n".into();
    }
    (report, is_well)
}

/// What `diabolo adapters` prints: every adapter, the CPU, and which of them `auto` takes.
pub fn adapters_report() -> String {
    let adapters = Adapters::find();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = if cores == 1 { "1 thread".into() } else { format!("{cores} threads") };
    let taken = match select(&DeviceChoice::Auto, &adapters) {
        Ok(Selection::Adapter(index, reason)) => format!("{index}: {reason}"),
        Ok(Selection::Cpu(reason)) => format!("cpu: {reason}"),
        Err(error) => error.to_string(),
    };
    let hint = match adapters.list().is_empty() {
        true => format!("no GPU adapter was found; {}\n", super::adapters::INSTALL_HINT),
        false => String::new(),
    };
    format!("{adapters}{hint}cpu  native code on {cores}\n\n--device auto takes {taken}\n")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::error::Error;

    #[test]
    fn auto_passes_over_what_computes_wrong_numbers() {
        let card = |name: &str, kind| AdapterSummary::made_up(name, kind, wgpu::Backend::Vulkan);
        let adapters = [
            card("Wrong", AdapterKind::Discrete),
            card("Gone", AdapterKind::Discrete),
            card("Right", AdapterKind::Integrated),
        ];
        let asked = RefCell::new(vec![]);
        let failures = |index| {
            asked.borrow_mut().push(index);
            match index {
                0 => Ok(vec!["a softmax: 1, not 0.5".into()]),
                1 => Err(Error::Gpu("lost".into())),
                _ => Ok(vec![]),
            }
        };
        let choose = |choice: DeviceChoice, adapters: &[AdapterSummary]| {
            tested(&choice, adapters, &failures).unwrap()
        };
        assert_eq!(choose(DeviceChoice::Auto, &adapters).settled(), DeviceChoice::Index(2));
        assert_eq!(*asked.borrow(), [0, 1, 2], "each is asked once");
        let Selection::Cpu(reason) = choose(DeviceChoice::Auto, &adapters[..1]) else {
            panic!("the CPU is left");
        };
        assert!(reason.starts_with("Wrong (vulkan) cannot be used: it computes wrong"), "{reason}");
        assert!(reason.contains("a softmax: 1, not 0.5"), "{reason}");
        // Who asks for it by name gets it.
        for choice in [DeviceChoice::Gpu, DeviceChoice::Index(0), DeviceChoice::Name("wr".into())] {
            assert_eq!(choose(choice, &adapters).settled(), DeviceChoice::Index(0));
        }
    }
}
