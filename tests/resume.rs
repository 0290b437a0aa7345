//! Runs that are broken off, by whatever means, go on as if nothing had happened.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything here may take at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// `diabolo train` of a small model into `out`, with these options more.
fn command(out: &Path, options: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_diabolo"));
    command.args("train --variant dense --arch dense:24 --latent 8 --device cpu".split(' '));
    command.arg("--out").arg(out).args(options.split_whitespace()).env("NODEVICE_SELECT", "1");
    command
}

fn train(out: &Path, options: &str) -> Output {
    command(out, options).output().expect("the program runs")
}

fn succeeds(out: &Path, options: &str) {
    let output = train(out, options);
    assert!(output.status.success(), "{options}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What the program says on standard error when it fails with this code.
fn fails(out: &Path, options: &str, code: i32) -> String {
    let output = train(out, options);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{options}: {text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// Starts training, and lets it go on in the background.
fn start(out: &Path, options: &str) -> Child {
    let mut command = command(out, options);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("the program runs")
}

/// Waits until `done` holds.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < PATIENCE, "{what} did not come about in {PATIENCE:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_run_folder_has_one_writer_and_a_killed_one_leaves_no_lock() {
    let folder = TempDir::new().unwrap();
    let model = folder.path().join("model.safetensors");
    let mut first = start(folder.path(), "--epochs 1000000 --limit 64");
    wait_until("the first epoch", || model.is_file());
    let text = fails(folder.path(), "--epochs 1 --limit 64", 1);
    let holder = format!("is being written by process {}", first.id());
    assert!(text.contains(&holder) && text.contains("--out"), "{text}");
    // Killing leaves the process no time to clean up.
    first.kill().unwrap();
    first.wait().unwrap();
    succeeds(folder.path(), "--epochs 1 --limit 64");
    let left = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name());
    let unfinished = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(".diabolo-");
    assert!(!left.into_iter().any(|name| unfinished(&name)), "half-written files are left");
}
