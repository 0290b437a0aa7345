//! `diabolo check`, here and as a page in a real browser: what is right passes, what is wrong is named.

use std::fs;
#[cfg(target_os = "linux")]
use std::time::Duration;

use serde_json::{Value, json};

#[cfg(target_os = "linux")]
use crate::browser::{Pages, said};
#[cfg(target_os = "linux")]
use crate::program;
use crate::program::{check_failed, diabolo, printed};

#[cfg(target_os = "linux")]
const PAGE: &str = include_str!("check.html");
/// How long the browser may take.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_secs(600);

#[test]
fn an_adapter_passes_and_a_report_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("check.json");
    let line = format!("check --only kernels,self-test,steps --json {}", json.display());
    let printed = printed(&diabolo(&line));
    assert!(printed.contains("ok    self-test") && !printed.contains("WRONG"), "{printed}");
    let last = printed.lines().last().expect("a verdict");
    assert!(last.contains("checks passed on"), "{last}");
    let report = fs::read_to_string(json).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!((&report["format"], &report["passed"]), (&json!("diabolo check"), &json!(true)));
    let checks = report["checks"].as_array().expect("a list");
    for (part, least) in [("kernels", 70), ("self-test", 1), ("steps", 14)] {
        let count = checks.iter().filter(|check| check["part"] == part).count();
        assert!(count >= least, "{part}: {count}");
    }
    // Some numbers are off by a rounding, so they are an adapter's.
    assert!(checks.iter().any(|check| check["worst"].as_f64().is_some_and(|worst| worst > 0.0)));
    assert!(report["adapter"]["name"].is_string() && report["timings"] == json!([]));
}

#[test]
fn workloads_are_timed_beside_the_ceilings() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("check.json");
    let printed = printed(&diabolo(&format!("check --only W1 --json {}", json.display())));
    assert!(printed.contains("GFLOP/s") && printed.contains("0 checks passed"), "{printed}");
    let report = fs::read_to_string(json).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    check_times(&report);
}

fn check_times(report: &Value) {
    let [timing] = &report["timings"].as_array().expect("a list")[..] else { panic!("{report}") };
    assert_eq!(timing["name"], "W1");
    let positive = |value: &Value| value.as_f64().is_some_and(|number| number > 0.0);
    assert!(positive(&timing["median_ms"]) && positive(&timing["share"]), "{timing}");
    let ceilings = &report["ceilings"];
    let all = ["gflops", "gbytes", "dispatch_us"];
    assert!(all.iter().all(|name| positive(&ceilings[name])), "{ceilings}");
}

#[test]
fn wrong_options_are_refused() {
    for (options, words) in [
        ("--only nothing", "beginning of no check"),
        ("--device cpu", "one adapter"),
        ("--html x.html --json x.json", "--json"),
    ] {
        check_failed(&diabolo(&format!("check {options}")), 2, words);
    }
    check_failed(&diabolo("check --html no/such/folder/x.html --only Tanh"), 1, "folder");
}

/// The page of these checks.
#[cfg(target_os = "linux")]
fn page(only: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("check.html");
    let mut program = program::program();
    program.args(["check", "--only", only, "--html"]).arg(&path);
    printed(&program.output().expect("it runs"));
    fs::read_to_string(path).expect("a page")
}

/// All but the largest workloads, on a browser's own compiler: operations with the kernels of GPUs, models with those
/// that the page has for an adapter on the processor.
#[cfg(target_os = "linux")]
#[test]
fn a_page_passes_in_a_browser_and_says_what_is_wrong() {
    let only = "kernels,self-test,steps,W1";
    let pages: Pages = [
        ("/".into(), ("text/html", PAGE.into())),
        ("/check.html".into(), ("text/html; charset=utf-8", page(only))),
        ("/tanh.html".into(), ("text/html; charset=utf-8", page("Tanh"))),
    ]
    .into();
    let said = said(pages, PATIENCE);
    assert_eq!(said.get("failed"), None, "{}", said["failed"].as_str().unwrap_or_default());
    assert_eq!(said["faults"], json!([]));
    let right = &said["right"];
    println!("seconds: {}", right["report"]["seconds"]);
    let checks = right["report"]["checks"].as_array().expect("a list");
    let wrong: Vec<&Value> = checks.iter().filter(|check| check["passed"] != true).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checks.len() >= 100 && checks.iter().any(|check| check["part"] == "steps"));
    assert_eq!((&right["same"], &said["wrong"]["same"]), (&json!(true), &json!(true)));
    assert!(right["status"].as_str().is_some_and(|it| it.contains("checks passed on")), "{right}");
    assert_eq!(right["rows"], checks.len());
    check_times(&right["report"]);
    // With another function in the place of one, as a driver might have it.
    let wrong = &said["wrong"];
    let failed = wrong["report"]["checks"].as_array().expect("a list");
    let failed: Vec<&Value> = failed.iter().filter(|check| check["passed"] == false).collect();
    assert!(failed.iter().any(|check| check["name"] == "Tanh"), "{failed:#?}");
    assert!(failed[0]["fault"].as_str().is_some_and(|it| it.contains(", not ")), "{failed:#?}");
    assert!(wrong["status"].as_str().is_some_and(|it| it.contains("FAILED")), "{wrong}");
}
