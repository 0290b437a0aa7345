//! What goes wrong in the middle of a run is said clearly, and costs nothing that was saved.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use diabolo::run::checkpoint;
use program::{program, text};
use tempfile::TempDir;

const SMALL: &str = "--variant dense --arch dense:24 --latent 8 --loss mse --limit 64 --batch 8 \
                     --schedule constant";

/// `diabolo train` of a small model on the processor into `out`, with these options more.
fn train(out: &Path, options: &str) -> Output {
    let mut command = program();
    command.arg("train").args(SMALL.split_whitespace()).arg("--out").arg(out);
    if !options.contains("--device") {
        command.args(["--device", "cpu"]);
    }
    command.args(options.split_whitespace());
    command.output().expect("the program runs")
}

fn succeeds(out: &Path, options: &str) -> String {
    let output = train(out, options);
    assert!(output.status.success(), "{options}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The error line of a program that failed.
fn error_of(output: &Output) -> String {
    let text = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    let line = text.lines().find(|line| line.starts_with("error: "));
    line.unwrap_or_else(|| panic!("no error line in {text}")).to_owned()
}

fn model(out: &Path) -> PathBuf {
    out.join("model.safetensors")
}

#[test]
fn a_loss_that_is_no_number_names_the_operation_that_made_it() {
    for device in ["cpu", "gpu"] {
        let folder = TempDir::new().unwrap();
        let options = format!("--epochs 2 --lr 1e30 --device {device}");
        let error = error_of(&train(folder.path(), &options));
        for words in ["training: ", "first, in step ", " gave ", " of ", "--on-nan rollback"] {
            assert!(error.contains(words), "{device}: `{words}` is missing in: {error}");
        }
        assert!(error.contains("there is no checkpoint yet"), "{error}");
        assert!(!model(folder.path()).exists());
    }
}

#[test]
fn a_loss_that_is_no_number_leaves_the_last_checkpoint() {
    let folder = TempDir::new().unwrap();
    // The first step is saved before the numbers it made come to nothing.
    let error = error_of(&train(folder.path(), "--epochs 2 --lr 1e15 --save-every 1"));
    let last = format!("the last checkpoint is {}, at step ", model(folder.path()).display());
    assert!(error.contains(&last), "{error}");
    checkpoint::read_header(&model(folder.path())).expect("is whole");
}

/// Trains at far too high a rate what earlier versions made of a squared error: rectified codes, no
/// linear path, and a sigmoid that bounds what comes out.
fn train_bounded(out: &Path, options: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    succeeds(folder.path(), "--epochs 1 --activation relu");
    let now = fs::read_to_string(folder.path().join("config.toml")).unwrap();
    let mut earlier = String::new();
    for line in now.lines() {
        earlier += &match line.split(" = ").next() {
            Some("linear" | "output") => continue,
            _ if line == "width = 256" => continue,
            Some("epochs") => "epochs = 2".to_owned(),
            Some("learning_rate") => "learning_rate = 1e38".to_owned(),
            _ => line.to_owned(),
        };
        earlier += "\n";
    }
    let config = folder.path().join("earlier.toml");
    fs::write(&config, earlier).unwrap();
    let mut command = program();
    command.arg("train").arg("--config").arg(config).arg("--out").arg(out);
    command.args(["--device", "cpu"]).args(options).output().expect("the program runs")
}

#[test]
fn numbers_that_break_before_the_loss_shows_it_are_found() {
    let [late, early] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    // The first layer overflows, and what bounds its outputs hides that for some steps.
    let error = error_of(&train_bounded(late.path(), &[]));
    let number = |before: &str| -> u32 {
        let rest = error.split_once(before).unwrap_or_else(|| panic!("{before}: {error}")).1;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    assert!(number("first, in step ") < number("at step "), "{error}");
    // Checkpoints in between see it sooner, and none holds such numbers.
    let error = error_of(&train_bounded(early.path(), &["--save-every", "1"]));
    assert!(error.contains("a parameter became no finite number before step "), "{error}");
    assert!(error.contains("first, in step ") && error.contains("model.safetensors"), "{error}");
    let bytes = fs::read(model(early.path())).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for (name, view) in file.tensors() {
        let numbers =
            view.data().chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
        assert!({ numbers }.all(f32::is_finite), "{name}");
    }
}

#[test]
fn rolling_back_halves_the_learning_rate_until_it_goes_well() {
    let [whole, broken, hopeless] = [(); 3].map(|()| TempDir::new().unwrap());
    let options = "--lr 1e5 --on-nan rollback";
    let said = succeeds(whole.path(), &format!("{options} --epochs 3"));
    assert!(said.contains("back to step 0, with the learning rate divided by 2"), "{said}");
    let header = checkpoint::read_header(&model(whole.path())).unwrap();
    assert!((1..=10).contains(&header.halvings), "{}", header.halvings);
    // A run that goes on keeps the rate that it had come to.
    succeeds(broken.path(), &format!("{options} --epochs 1"));
    succeeds(broken.path(), &format!("{options} --epochs 3 --resume"));
    let bytes = |folder: &TempDir| {
        let bytes = fs::read(model(folder.path())).unwrap();
        let start = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[start..].to_vec()
    };
    assert!(bytes(&whole) == bytes(&broken), "parameters and moments agree");
    let error = error_of(&train(hopeless.path(), "--epochs 1 --lr 1e30 --on-nan rollback"));
    assert!(error.contains("10 times has not helped"), "{error}");
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_last_one() {
    let folder = TempDir::new().unwrap();
    let out = folder.path();
    succeeds(out, "--epochs 1");
    let before = fs::read(model(out)).unwrap();
    fs::remove_dir_all(out.join("checkpoints")).unwrap();
    fs::write(out.join("checkpoints"), "in the way").unwrap();
    let error = error_of(&train(out, "--epochs 2 --resume"));
    assert!(error.contains("checkpoints") && error.contains("in the way"), "{error}");
    assert_eq!(fs::read(model(out)).unwrap(), before);
}

/// Resumes a run whose files may not grow beyond `blocks` blocks of 512 or 1024 bytes, depending on
/// the shell.
#[cfg(unix)]
fn resume_with_small_files(out: &Path, blocks: u32) -> Output {
    // Without the trap, the signal that comes before the error would end the program.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_diabolo"), "train"])
        .args(SMALL.split_whitespace());
    command.args(["--device", "cpu", "--epochs", "2", "--resume", "--out"]).arg(out);
    command.output().expect("there is a shell")
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_leaves_the_last_checkpoint() {
    let folder = TempDir::new().unwrap();
    let out = folder.path();
    succeeds(out, "--epochs 1");
    let before = fs::read(model(out)).unwrap();
    let error = error_of(&resume_with_small_files(out, 16));
    check_last(&error, out, &before);
}

/// Checks that the model is what it was, and that the error says so and what to do.
#[cfg(unix)]
fn check_last(error: &str, out: &Path, before: &[u8]) {
    let last = format!("the last checkpoint is {}, at step 8", model(out).display());
    for words in ["cannot be written", "--out", &last, "--resume goes on from it"] {
        assert!(error.contains(words), "`{words}` is missing in: {error}");
    }
    assert_eq!(fs::read(model(out)).unwrap(), before, "the checkpoint is as it was");
    let entries = fs::read_dir(out).unwrap().flatten();
    let left = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(left.count(), 0, "half-written files are left");
}

/// A small file system in memory, unmounted in the end.
#[cfg(unix)]
struct SmallDisk(TempDir);

#[cfg(unix)]
impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn mount() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        mount("size=1m", folder.path()).then(|| Self(folder))
    }
}

#[cfg(unix)]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[cfg(unix)]
fn mount(options: &str, folder: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder);
    command.output().is_ok_and(|output| output.status.success())
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_last_checkpoint() {
    let Some(disk) = SmallDisk::mount() else {
        // Nobody but root may mount: a limit on the size of files fails at the same calls.
        let folder = TempDir::new().unwrap();
        succeeds(folder.path(), "--epochs 1");
        let before = fs::read(model(folder.path())).unwrap();
        // The limit is passed at another place than in the test above.
        let error = error_of(&resume_with_small_files(folder.path(), 8));
        return check_last(&error, folder.path(), &before);
    };
    let out = disk.0.path().join("run");
    succeeds(&out, "--epochs 1");
    let before = fs::read(model(&out)).unwrap();
    // Fill the disk, but for what a few small files take.
    let filler = disk.0.path().join("filler");
    let mut size = 1 << 20;
    while fs::write(&filler, vec![1; size]).is_err() {
        size -= 4096;
    }
    fs::write(&filler, vec![1; size - 4 * 4096]).unwrap();
    let error = error_of(&train(&out, "--epochs 2 --resume"));
    assert!(error.contains("No space left on device"), "{error}");
    check_last(&error, &out, &before);
    // With room again it goes on.
    fs::remove_file(&filler).unwrap();
    succeeds(&out, "--epochs 2 --resume");
    // A disk that may only be read is found out before training.
    let remounted = mount("remount,ro", disk.0.path());
    assert!(remounted, "what was mounted can be mounted again");
    let error = error_of(&train(&out, "--epochs 3 --resume"));
    assert!(error.contains("cannot be written") && error.contains("--out"), "{error}");
    assert_eq!(checkpoint::read_header(&model(&out)).unwrap().epoch, 2);
}

/// Where standard output cannot be written, the exit code says so.
#[cfg(target_os = "linux")]
#[test]
fn output_that_is_lost_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    for line in ["completions bash", "man", "adapters", "--help", "train --help"] {
        let full = full.try_clone().expect("one more");
        let output = program().args(line.split(' ')).stdout(full).output();
        assert!(error_of(&output.expect("the program runs")).contains("standard output"), "{line}");
    }
    // A reader that has seen enough is no failure.
    let mut child =
        program().arg("man").stdout(std::process::Stdio::piped()).spawn().expect("runs");
    drop(child.stdout.take());
    assert!(child.wait().expect("ends").success());
}
