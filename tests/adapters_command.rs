//! The command line that lists adapters and checks them.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use program::{program, text};

/// The program with a cache folder of its own.
fn diabolo(cache: &Path, arguments: &[&str]) -> Output {
    let mut command: Command = program();
    command.env("XDG_CACHE_HOME", cache).args(arguments).output().expect("the program starts")
}

#[test]
#[cfg(target_os = "linux")]
fn adapters_that_are_checked_are_known_from_then_on() {
    let cache = tempfile::tempdir().unwrap();
    let check = || diabolo(cache.path(), &["adapters", "--check"]);
    let output = check();
    let report = text(&output.stdout);
    assert!(output.status.success(), "{report}{}", text(&output.stderr));
    assert!(report.contains("computes what it should"), "{report}");

    let folder = cache.path().join("diabolo").join("self-tests");
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), report.lines().count(), "a file an adapter");
    // What is known of an adapter is not found out again when it is used.
    for file in &files {
        let stored = fs::read_to_string(file).unwrap();
        let wrong = "failures = [\"a softmax: 1, not 0.5\"]";
        fs::write(file, stored.replace("failures = []", wrong)).unwrap();
    }
    let used = ["bench", "--device", "gpu", "--plan", "--only", "readback_16MiB"];
    let output = diabolo(cache.path(), &used);
    let warning = text(&output.stderr);
    assert!(output.status.success(), "{warning}");
    assert!(
        warning.contains("warning: ") && warning.contains("a softmax: 1, not 0.5"),
        "{warning}"
    );
    // A check is one, whatever is known.
    assert!(check().status.success());
    let output = diabolo(cache.path(), &used);
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}
