//! The page that follows a training step shows the plan as the program prints it, and links to files
//! that there are.

use std::fs;
use std::path::Path;

use diabolo::bench::workloads::{PlanCosts, Workload};
use diabolo::cpu::CpuExecutor;
use diabolo::ops::GpuTarget;
use diabolo::train::Precision;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/how-it-works.md");

fn page() -> String {
    fs::read_to_string(PAGE).expect("the page is there")
}

/// The plan of a discrete GPU that the page follows.
fn costs() -> PlanCosts {
    let workload =
        Workload::named(&["W0".into()], &[], Precision::F32).expect("it is known").remove(0);
    workload.load(&mut CpuExecutor::new()).expect("it fits").costs
}

/// Fails unless the page has `text` as a block of this language, and leaves the text in a file.
fn assert_shown(language: &str, text: &str) {
    if page().contains(&format!("```{language}\n{text}```\n")) {
        return;
    }
    let renewed = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("how-it-works.{language}"));
    fs::write(&renewed, text).expect("writable");
    panic!(
        "the plan has changed; put what is in {} into {PAGE}, and read the text around it again",
        renewed.display()
    );
}

#[test]
fn the_listing_is_what_the_program_prints() {
    assert_shown("text", &costs().listing());
}

#[test]
fn the_chain_is_the_one_that_runs() {
    let plan = costs().plan.expect("one that trains");
    let chain = plan.steps.iter().find(|step| step.op.name() == "chain").expect("the loss is one");
    let text = chain.dispatches(&GpuTarget::default())[0].kernel.text();
    let begin = text.find("fn chain(").expect("a function of this name");
    let end = begin + text[begin..].find("\n}\n").expect("an end") + 3;
    assert_shown("wgsl", &text[begin..end]);
}

#[test]
fn links_lead_somewhere() {
    let page = page();
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let folder = Path::new(PAGE).parent().expect("a folder");
    let missing: Vec<_> = targets.filter(|target| !folder.join(target).exists()).collect();
    assert!(missing.is_empty(), "the page links to {missing:?}");
}
