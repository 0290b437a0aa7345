//! What each variant promises: its objective, its numbers, its pictures, and which options it takes.

mod objectives;
mod options;
#[path = "../support/program.rs"]
mod program;
mod runs;

use std::fs;
use std::path::Path;

use clap::Parser;
use diabolo::models::Kind;
use diabolo::run::{self, TrainArgs};
use serde_json::Value;

fn words(text: &str) -> impl Iterator<Item = &str> {
    std::iter::once("train").chain(text.split_whitespace())
}

/// Trains a variant on the CPU as `options` say, and reads what it measured.
fn run(kind: Kind, options: &str, out: &Path) -> Value {
    let options = format!("--device cpu --out {} {options}", out.display());
    let args = TrainArgs::try_parse_from(words(&options)).unwrap_or_else(|e| panic!("{e}"));
    run::run(&args, kind).unwrap_or_else(|error| panic!("{options}: {error}"));
    let text = fs::read_to_string(out.join("metrics.json")).expect("a run writes its metrics");
    serde_json::from_str(&text).expect("metrics are JSON")
}

/// A number under `test` in the metrics.
fn measured(metrics: &Value, name: &str) -> f64 {
    metrics["test"][name].as_f64().unwrap_or_else(|| panic!("{name}: {}", metrics["test"]))
}
