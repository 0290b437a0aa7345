//! Bad input gives one clear line, the right exit code, and leaves no half-written file.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use program::program;
use tempfile::TempDir;

/// `diabolo train`, without what some Vulkan layers print on their own.
fn command() -> Command {
    let mut command = program();
    command.args(["train", "--variant", "conv"]);
    command
}

fn train(arguments: &[&str]) -> Output {
    let mut command = command();
    command.args(["--device", "cpu", "--epochs", "1"]).args(arguments);
    command.output().expect("the program runs")
}

/// Trains with `arguments` and a run folder, and checks how it fails.
fn fails(arguments: &[&str], code: i32, words: &[&str]) {
    let folder = TempDir::new().expect("a temporary folder");
    let out = folder.path().join("run");
    let out_text = out.to_str().expect("temporary paths are text");
    let output = train(&[arguments, &["--out", out_text]].concat());
    check(&output, code, words);
    let left: Vec<_> = files(&out).into_iter().filter(|path| !is_whole(path)).collect();
    assert!(left.is_empty(), "half-written files are left: {left:?}");
}

fn check(output: &Output, code: i32, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "stderr: {text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "one line says what is wrong: {text}");
    for word in words {
        assert!(errors[0].contains(word), "`{word}` is missing in: {}", errors[0]);
    }
    assert!(!text.contains("panicked"), "{text}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Files are written whole under their own names; anything else was given up half-way.
fn is_whole(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "config.toml" || name == "run.lock")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}

#[test]
fn folders_without_images() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("nowhere");
    fails(&["--data", &format!("images:{}", text(&missing))], 1, &["nowhere"]);
    fails(&["--data", &format!("mnist:{}", text(&missing))], 1, &["nowhere"]);
    fails(&["--data", &format!("images:{}", text(folder.path()))], 1, &[text(folder.path())]);
}

#[test]
fn an_image_that_is_none() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("cat.png"), "not a cat").unwrap();
    fs::write(folder.path().join("dog.png"), "nor a dog").unwrap();
    fails(&["--data", &format!("images:{}", text(folder.path()))], 1, &[".png"]);
}

#[test]
fn images_of_different_sizes_without_a_size_to_bring_them_to() {
    let folder = TempDir::new().unwrap();
    for (name, width) in [("a.png", 8), ("b.png", 9), ("c.png", 8)] {
        image::RgbImage::new(width, 8).save(folder.path().join(name)).unwrap();
    }
    fails(&["--data", &format!("images:{}", text(folder.path()))], 1, &["--size"]);
}

/// A folder with the four MNIST files, of which the training images are `bytes`.
fn mnist_with(bytes: &[u8]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let images = |count: u8| {
        let header = [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 8, 0, 0, 0, 8];
        [&header[..], &vec![7; 64 * usize::from(count)]].concat()
    };
    let labels = |count: u8| [&[0, 0, 8, 1, 0, 0, 0, count][..], &vec![1; count.into()]].concat();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("train-images-idx3-ubyte", bytes);
    write("train-labels-idx1-ubyte", &labels(4));
    write("t10k-images-idx3-ubyte", &images(2));
    write("t10k-labels-idx1-ubyte", &labels(2));
    folder
}

#[test]
fn damaged_idx_files() {
    use std::io::Write;
    let good_header = [0_u8, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, 8];
    let good = [&good_header[..], &[7; 256]].concat();
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    let noise: Vec<u8> = (0..256_u32).map(|i| ((i * i * 31) >> 3) as u8).collect();
    encoder.write_all(&[&good_header[..], &noise].concat()).unwrap();
    let gzip = encoder.finish().unwrap();
    let huge = [0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 8];
    let cases: [(&str, Vec<u8>); 6] = [
        ("truncated gzip", gzip[..gzip.len() / 2].to_vec()),
        ("wrong magic", [&[1, 2, 3, 4][..], &good[4..]].concat()),
        ("fewer pixels than counted", good[..200].to_vec()),
        (
            "another count than of labels",
            [&good_header[..7], &[3], &good_header[8..], &[7; 192]].concat(),
        ),
        ("images without pixels", [0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8].to_vec()),
        ("sizes beyond all memory", huge.to_vec()),
    ];
    for (what, bytes) in cases {
        println!("{what}");
        let folder = mnist_with(&bytes);
        let data = format!("mnist:{}", text(folder.path()));
        fails(&["--data", &data], 1, &["train-images-idx3-ubyte"]);
    }
}

#[test]
fn options_that_make_no_sense() {
    fails(&["--batch", "0"], 2, &["--batch"]);
    fails(&["--lr", "NaN"], 2, &["--lr"]);
    fails(&["--lr=-1"], 2, &["--lr"]);
    fails(&["--limit", "0"], 2, &["--limit"]);
    fails(&["--data", "cats"], 2, &["--data", "cats"]);
    fails(&["--size", "8by8"], 2, &["--size"]);
    fails(&["--size", "0x8"], 2, &["--size"]);
    fails(&["--size", "16x16"], 2, &["--size"]);
}

#[test]
fn numbers_that_make_no_sense_are_answered_in_plain_words() {
    let said =
        |arguments: &[&str], words: &str| check(&train(arguments), 2, &[arguments[0], words]);
    said(&["--lr", "-1"], "is -1; it must be a number above 0");
    said(&["--lr", "fast"], "it takes a number, such as 0.001");
    said(&["--batch", "1.5"], "it takes a whole number, 0 or above");
    said(&["--batch", "-2"], "it takes a whole number, 0 or above");
    said(&["--seed", "-1"], "it takes a whole number, 0 or above");
    said(&["--keep", "many"], "it takes a whole number, 0 or above");
}

/// A limit of the process stands for a small machine.
#[cfg(target_os = "linux")]
#[test]
fn a_training_beyond_memory_is_refused_before_any_is_taken() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("run");
    let limited = |options: &str| {
        let line =
            "ulimit -v 3000000; exec \"$0\" train --variant dense --device cpu --epochs 1 \"$@\"";
        let mut command = std::process::Command::new("sh");
        command.args(["-c", line, env!("CARGO_BIN_EXE_diabolo"), "--out"]).arg(&out);
        command.args(options.split(' ')).output().expect("there is a shell")
    };
    // Too much for a step, and too much for any.
    let wide = limited("--arch dense:4096 --latent 8 --batch 100000 --data sprites:30000");
    check(&wide, 1, &["memory: this training takes ", " would fit, or try a smaller --size"]);
    let large = limited("--arch dense:100000,8000 --latent 8");
    check(
        &large,
        1,
        &["memory: this training takes ", "free; use a smaller --size, --arch or --latent"],
    );
    assert!(!out.exists(), "the folder of a run that never was is left");
}

#[test]
fn layers_beyond_all_memory() {
    let sizes = ["--arch", "dense:1048576,1048576", "--latent", "8"];
    fails(&sizes, 1, &["encoder.dense2.weight", "2^30"]);
}

#[test]
fn epochs_of_zero() {
    let output = command().args(["--epochs", "0"]).output().unwrap();
    check(&output, 2, &["--epochs"]);
}

#[test]
fn devices_that_are_not_there() {
    let output = command().args(["--device", "no such adapter"]).output().unwrap();
    check(&output, 2, &["no such adapter"]);
    let output = command().args(["--device", "99"]).output().unwrap();
    check(&output, 2, &["99"]);
}

#[test]
fn f16_on_the_processor() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let output = train(&["--precision", "mixed", "--out", run.to_str().unwrap()]);
    check(&output, 2, &["--precision", "the CPU", "--precision f32"]);
    assert!(!run.exists(), "nothing was trained");
    check(&train(&["--precision", "f16"]), 2, &["--precision", "f16"]);
}

#[test]
fn workloads_that_are_not_there() {
    let output = program().args(["bench", "--only", "W99"]).output().unwrap();
    check(&output, 2, &["W99", "W1"]);
}

#[test]
fn usage_errors_exit_with_2() {
    let output = train(&["--no-such-option"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    for out in [file.clone(), file.join("run")] {
        check(&train(&["--out", text(&out)]), 1, &["file"]);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "in the way");
}

#[test]
fn a_model_of_another_shape() {
    let folder = TempDir::new().unwrap();
    let out = text(folder.path());
    let trained = train(&["--out", out, "--data", "sprites:40", "--size", "16x16"]);
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    let model = folder.path().join("model.safetensors");
    let before = fs::read(&model).unwrap();
    // On digits, the dense layers have other sizes.
    check(&train(&["--out", out, "--resume"]), 1, &["model.safetensors"]);
    assert_eq!(fs::read(&model).unwrap(), before, "the model stays as it was");
}

#[test]
fn a_damaged_model() {
    let folder = TempDir::new().unwrap();
    let out = text(folder.path());
    let model = folder.path().join("model.safetensors");
    for bytes in [&b""[..], b"no model", &[0xff; 64]] {
        fs::write(&model, bytes).unwrap();
        check(&train(&["--out", out, "--resume"]), 1, &["model.safetensors"]);
    }
}

/// A negative number is refused as the value of its option, not as an option of its own.
#[test]
fn a_negative_rate_is_called_one() {
    for (options, words) in
        [("--lr -1", "above 0"), ("--epochs -1", "0 or above"), ("--limit -5", "-5")]
    {
        let line = format!("train --variant conv {options} --device cpu");
        let output = program().args(line.split(' ')).output().expect("the program runs");
        let option = options.split(' ').next().expect("a name");
        check(&output, 2, &[option, words]);
    }
}
