//! The program itself, as tests run it.
// Each test file compiles this for itself and none uses all of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The program, without what some Vulkan layers print on their own.
pub fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_diabolo"));
    program.env("NODEVICE_SELECT", "1");
    program
}

/// What the program does with a command line whose words hold no spaces.
pub fn diabolo(line: &str) -> Output {
    program().args(line.split_whitespace()).output().expect("the program runs")
}

/// The same, run in a folder.
pub fn diabolo_in(folder: &Path, line: &str) -> Output {
    let mut program = program();
    program.args(line.split_whitespace()).current_dir(folder);
    program.output().expect("the program runs")
}

/// What was printed, as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a program printed that succeeded.
pub fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Makes sure that a program failed with this exit code, and said these words and nothing of a panic.
pub fn check_failed(output: &Output, code: i32, words: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "`{words}` is not in: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

/// Runs trained once for all tests of a file, on the processor.
pub struct Runs(TempDir);

impl Runs {
    /// Trains a run of each name with these options, and those that are `common` to all.
    pub fn train(common: &str, runs: &[(&str, &str)]) -> Self {
        let this = Self(TempDir::new().expect("a temporary folder"));
        for (name, options) in runs {
            let out = this.path(name);
            let line = format!("train {options} {common} --device cpu --out {}", out.display());
            printed(&diabolo(&line));
        }
        this
    }

    /// The folder of a run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a task does with the model of a run.
    pub fn task(&self, line: &str, model: &str) -> Output {
        diabolo(&format!("{line} --device cpu --model {}", self.path(model).display()))
    }

    /// What a task prints that succeeds.
    pub fn succeeds(&self, line: &str, model: &str) -> String {
        printed(&self.task(line, model))
    }

    /// Makes sure that a task fails with this exit code and these words.
    pub fn fails(&self, line: &str, model: &str, code: i32, words: &str) {
        check_failed(&self.task(line, model), code, words);
    }
}
