//! Shells get completions, and `man` gets pages, of every command and option.

#[path = "support/program.rs"]
mod program;

use std::process::{Command, Output, Stdio};

use program::program;

fn diabolo(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("the program runs")
}

fn printed(arguments: &[&str]) -> String {
    let output = diabolo(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("is text")
}

#[test]
fn every_shell_has_completions() {
    let shells = [
        ("bash", "complete -F _diabolo"),
        ("zsh", "#compdef diabolo"),
        ("fish", "complete -c diabolo"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion:arg-completer[diabolo]"),
    ];
    for (shell, word) in shells {
        let script = printed(&["completions", shell]);
        for word in [word, "anomaly", "train", "tensorboard"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        // The other two complete no values.
        let has_values = !["powershell", "elvish"].contains(&shell);
        assert!(!has_values || script.contains("vqvae"), "{shell}");
    }
    assert_eq!(diabolo(&["completions", "cmd"]).status.code(), Some(2));
}

#[test]
fn bash_takes_its_completions() {
    let Ok(mut bash) = Command::new("bash")
        .args(["-c", "source /dev/stdin && COMP_WORDS=(diabolo tr) COMP_CWORD=1 && _diabolo diabolo tr diabolo && echo \"${COMPREPLY[@]}\""])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    else {
        return;
    };
    let script = printed(&["completions", "bash"]);
    let mut input = bash.stdin.take().expect("is piped");
    std::io::Write::write_all(&mut input, script.as_bytes()).expect("bash reads");
    drop(input);
    let output = bash.wait_with_output().expect("bash ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "train");
}

#[test]
fn manual_pages_name_commands_and_options() {
    let page = printed(&["man"]);
    assert!(page.contains(".TH diabolo 1") && page.contains(".SH NAME"), "{page}");
    for command in ["train", "bench", "anomaly", "probe", "prior", "evaluate", "sample"] {
        assert!(page.contains(&format!("diabolo\\-{command}(1)")), "{command}: {page}");
        let own = printed(&["man", command]);
        assert!(own.contains(&format!(".TH diabolo-{command} 1")), "{own}");
    }
    let page = printed(&["man", "train"]);
    for option in ["\\-\\-variant", "\\-\\-tensorboard", "\\-\\-free\\-bits", "vqvae"] {
        assert!(page.contains(option), "{option}");
    }
    let output = diabolo(&["man", "trane"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("`trane`") && said.contains("train"), "{said}");
}
