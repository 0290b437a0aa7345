//! Every portable kernel through a browser's compiler, which reads the same text otherwise than naga: it demands
//! uniform control flow at barriers, say. Headless Chromium has each compiled, and made a pipeline with the
//! constants of an operation that dispatches it, on the software adapter that comes with it.

use std::collections::BTreeMap;
use std::time::Duration;

use diabolo::ops::Kernel;
use serde_json::{Map, Value, json};

use crate::browser::said;
use crate::support::uses::{Use, by_matrices, every_kernel, uses_with_own};

const PAGE: &str = include_str!("kernels.html");
/// How long the browser may take for all of them.
const PATIENCE: Duration = Duration::from_secs(600);

/// A text that naga takes and a browser must not: not all invocations come to the barrier.
const NOT_UNIFORM: &str = "
    var<workgroup> shared_words: array<u32, 64>;
    @group(0) @binding(0) var<storage, read_write> words: array<u32>;
    @compute @workgroup_size(64)
    fn main(@builtin(local_invocation_index) local: u32) {
        shared_words[local] = words[local];
        if words[local] > 3u {
            workgroupBarrier();
        }
        words[local] = shared_words[63u - local];
    }
";

/// A kernel with the first use of each entry point.
struct Text {
    name: &'static str,
    text: String,
    entries: BTreeMap<&'static str, &'static Use>,
}

impl Text {
    fn of(kernel: &Kernel) -> Self {
        Self { name: kernel.name, text: kernel.text(), entries: BTreeMap::new() }
    }

    /// What the page is given of it.
    fn described(&self) -> Value {
        let pipelines = self.entries.values().map(|found| {
            let constants = found.constants.iter();
            let constants = constants.map(|(name, value)| ((*name).into(), json!(value)));
            json!({ "entryPoint": found.entry, "constants": constants.collect::<Map<_, _>>() })
        });
        json!({ "text": self.text, "pipelines": pipelines.collect::<Vec<_>>() })
    }
}

/// Kernels, of those that differ in numbers alone one: to a compiler they say the same.
fn kernels() -> Vec<Text> {
    let mut kernels = BTreeMap::new();
    let without_numbers =
        |kernel: &Kernel| kernel.text().replace(|char: char| char.is_ascii_digit(), "");
    // No browser has matrices.
    let portable = every_kernel()
        .into_iter()
        .filter(|(kernel, eight_lanes)| !eight_lanes && !by_matrices(&kernel.text()));
    for (kernel, _) in portable {
        kernels.entry(without_numbers(&kernel)).or_insert_with(|| Text::of(&kernel));
    }
    for found in uses_with_own().iter().filter(|found| !found.eight_lanes) {
        if by_matrices(&found.kernel.text()) {
            continue;
        }
        // Chromium's software adapter has no f16. What tests/shaders does with these texts is all there is.
        if found.kernel.text().starts_with("enable f16;") {
            continue;
        }
        let known = kernels.entry(without_numbers(&found.kernel));
        let known = known.or_insert_with(|| Text::of(&found.kernel));
        known.entries.entry(found.entry).or_insert(found);
    }
    kernels.into_values().collect()
}

#[test]
fn every_portable_kernel_passes_a_browsers_compiler() {
    let kernels = kernels();
    let mut names: Vec<&str> = vec!["not uniform"];
    let mut list = vec![json!({ "text": NOT_UNIFORM, "pipelines": [] })];
    names.extend(kernels.iter().map(|kernel| kernel.name));
    list.extend(kernels.iter().map(Text::described));
    let pages = [
        ("/".into(), ("text/html", PAGE.into())),
        ("/kernels".into(), ("application/json", Value::from(list).to_string())),
    ];
    let said = said(pages.into(), PATIENCE);
    let said = said.as_array().unwrap_or_else(|| panic!("the browser: {said}"));
    assert_eq!(said.len(), names.len());
    let refused: Vec<_> =
        names.iter().zip(said).filter(|(_, faults)| **faults != json!([])).collect();
    // The first one shows that what is wrong is seen.
    let [(first, _), others @ ..] = &refused[..] else { panic!("nothing is refused") };
    assert_eq!(**first, "not uniform");
    let report: Vec<_> =
        others.iter().map(|(name, faults)| format!("{name}: {faults:#}")).collect();
    assert!(others.is_empty(), "a browser refuses {}:\n{}", others.len(), report.join("\n"));
    assert!(names.len() > 50, "{} kernels", names.len());
}
