//! The command line that measures.

#[path = "support/program.rs"]
mod program;

use std::process::Output;

use program::{program, text};

fn bench(arguments: &[&str]) -> Output {
    program().arg("bench").args(arguments).output().expect("the program starts")
}

#[test]
fn every_field_is_in_the_json() {
    let output =
        bench(&["--device", "cpu", "--json", "--roofline", "--only", "W4", "--batch", "2,3"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rows: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["name"], "W4@2");
    for row in rows {
        for field in ["median_ms", "start_ms", "gflops", "gbytes", "roofline"] {
            assert!(row[field].as_f64().is_some_and(|value| value > 0.0), "{field} in {row}");
        }
        let count = |which: &str, what: &str| row[which][what].as_u64().unwrap();
        assert!(count("fused", "dispatches") < count("unfused", "dispatches"));
        assert!(count("fused", "bytes") < count("unfused", "bytes"));
        assert!(row["planned_bytes"].as_u64() < row["apart_bytes"].as_u64());
    }
}

#[test]
fn growth_is_said_for_three_batch_sizes() {
    let output = bench(&["--device", "cpu", "--only", "W1", "--batch", "2,4,8"]);
    let printed = text(&output.stdout);
    let last = printed.lines().last().unwrap_or_default();
    assert!(last.starts_with("W1 on CPU") && last.contains("ms an image"), "{printed}");
}

#[test]
fn plans_are_printed_without_measuring() {
    let output = bench(&["--device", "cpu", "--plan", "--only", "W5"]);
    let printed = text(&output.stdout);
    for part in ["gather_images", "reparameterise", "chain", "matmul_update", "in all"] {
        assert!(printed.contains(part), "{part} is not in\n{printed}");
    }
}

#[test]
fn a_name_stands_for_all_that_begin_with_it() {
    let output = bench(&["--device", "cpu", "--plan", "--only", "conv_1x32_28"]);
    let printed = text(&output.stdout);
    for part in ["forward", "input", "weight"] {
        assert!(printed.contains(&format!("conv_1x32_28_{part} on")), "{printed}");
    }
}

#[test]
fn wrong_options_say_what_there_is() {
    for (arguments, expected) in [
        (&["--only", "W9"][..], "choose from W0, W1, W3"),
        (&["--only", "W1", "--batch", "0"], "--batch: a batch holds one image"),
        (&["--device", "no such card"], "no such card"),
    ] {
        let output = bench(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        let error = text(&output.stderr);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}
