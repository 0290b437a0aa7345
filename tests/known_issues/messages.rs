//! What is not said, said wrongly, or said too late.

use super::program::{diabolo, text};
use super::{TRAINED, folder, picture};

/// A negative number is refused as the value of its option, not as an option of its own.
#[test]
#[should_panic(expected = "the option is not named")]
fn a_negative_rate_is_called_one() {
    let said = text(&diabolo("train --variant conv --lr -1 --device cpu").stderr);
    assert!(said.contains("--lr"), "the option is not named: {said}");
}

/// A seed without anything to draw has no effect, which is an error as it is elsewhere.
#[test]
#[should_panic(expected = "an option without effect is taken")]
fn a_seed_without_noise_is_refused() {
    let folder = folder();
    let (path, out) = (folder.path().join("0.png"), folder.path().join("out"));
    picture(&path, (8, 8), 0);
    let line = format!("restore {} -o {} --seed 3", path.display(), out.display());
    let output = TRAINED.runs.task(&line, "dense");
    assert_eq!(output.status.code(), Some(2), "an option without effect is taken");
}

/// Where standard output cannot be written, the exit code says so.
#[cfg(target_os = "linux")]
#[test]
#[should_panic(expected = "success is claimed for output that was lost")]
fn output_that_is_lost_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let mut program = super::program::program();
    let status = program.args(["completions", "bash"]).stdout(full).status();
    let status = status.expect("the program runs");
    assert!(!status.success(), "success is claimed for output that was lost");
}
