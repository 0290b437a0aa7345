//! The page that follows a training step shows the plan as the program prints it, and links to files
//! that there are.

use std::fs;
use std::path::Path;

use diabolo::bench::workloads::Workload;
use diabolo::cpu::CpuExecutor;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/how-it-works.md");

fn page() -> String {
    fs::read_to_string(PAGE).expect("the page is there")
}

#[test]
fn the_listing_is_what_the_program_prints() {
    let workload = Workload::named(&["W0".into()], &[]).expect("it is known").remove(0);
    let loaded = workload.load(&mut CpuExecutor::new()).expect("it fits");
    let (listing, page) = (loaded.costs.listing, page());
    if page.contains(&format!("```text\n{listing}```\n")) {
        return;
    }
    let renewed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("listing.txt");
    fs::write(&renewed, &listing).expect("writable");
    panic!(
        "the plan has changed; put what is in {} into {PAGE}, and read the text around it again",
        renewed.display()
    );
}

#[test]
fn links_lead_somewhere() {
    let page = page();
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let folder = Path::new(PAGE).parent().expect("a folder");
    let missing: Vec<_> = targets.filter(|target| !folder.join(target).exists()).collect();
    assert!(missing.is_empty(), "the page links to {missing:?}");
}
