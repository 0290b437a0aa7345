//! Folders of runs: nobody's work is lost in them, and what is in them is of one run.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use image::{GrayImage, Luma};
use program::{check_failed, diabolo_in, printed, program, text};
use tempfile::TempDir;

/// Options of a training that takes no time.
const TINY: &str = "--variant dense --arch dense:4 --latent 2 --device cpu --schedule constant";

/// A folder to work in, where `pictures` and `others` hold pictures of 8x8.
fn workplace() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    few_pictures(&folder.path().join("pictures"), 4);
    few_pictures(&folder.path().join("others"), 5);
    folder
}

fn few_pictures(folder: &Path, count: u32) {
    fs::create_dir_all(folder).expect("the folder is ours");
    for number in 0..count {
        let image =
            GrayImage::from_fn(8, 8, |x, y| Luma([((37 * number + 5 * x + y) % 200) as u8]));
        image.save(folder.join(format!("{number:02}.png"))).expect("the folder is ours");
    }
}

/// What a tiny training does with these options more.
fn train(place: &Path, options: &str) -> Output {
    diabolo_in(place, &format!("train {TINY} {options}"))
}

fn said(output: &Output) -> String {
    printed(output) + &text(&output.stderr)
}

/// All files below a folder with their bytes, in order.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path().is_dir() {
            true => found.extend(contents(&entry.path())),
            false => found.push((entry.path(), fs::read(entry.path()).expect("is there"))),
        }
    }
    found.sort();
    found.retain(|(path, _)| !path.ends_with("run.lock"));
    found
}

/// A run on another data set does not take the place of a finished one, though the folders of both
/// are called `train`.
#[test]
fn runs_on_data_of_one_name_do_not_replace_each_other() {
    let place = workplace();
    for (number, data) in ["bottle", "cable"].into_iter().enumerate() {
        few_pictures(&place.path().join(data).join("train"), 4 + number as u32);
    }
    let run = |options: &str| said(&train(place.path(), options));
    run("--epochs 1 --data images:bottle/train");
    let first = place.path().join("runs/dense-train");
    let before = contents(&first);
    let second = run("--epochs 1 --data images:cable/train");
    assert!(second.contains("this one goes to runs/dense-train-2"), "{second}");
    assert!(second.contains("images:bottle/train there, images:cable/train here"), "{second}");
    assert!(contents(&first) == before, "the first run is gone");
    // Each goes on in its own, the same again takes its own place, and other options take a new one.
    let more = run("--epochs 2 --data images:cable/train --resume");
    assert!(
        more.contains("going on after epoch 1") && more.contains("to runs/dense-train-2"),
        "{more}"
    );
    let again = run("--epochs 2 --data images:cable/train");
    assert!(again.contains("written to runs/dense-train-2\n"), "{again}");
    let third = run("--epochs 2 --data images:cable/train --lr 0.1");
    assert!(third.contains("written to runs/dense-train-3\n"), "{third}");
    assert!(contents(&first) == before, "the first run is gone");
    let over = run("--epochs 1 --data images:cable/train --overwrite");
    assert!(over.contains("written to runs/dense-train\n"), "{over}");
}

#[test]
fn a_folder_that_is_named_keeps_its_run_unless_that_is_the_same() {
    let place = workplace();
    let mine = "--epochs 2 --data images:pictures --out run";
    printed(&train(place.path(), mine));
    let run = place.path().join("run");
    let before = contents(&run);
    for (options, words) in [
        (
            "--epochs 2 --data images:others --out run",
            "--data: images:pictures there, images:others here",
        ),
        (
            "--epochs 2 --data images:pictures --out run --lr 0.1",
            "(--lr: 0.005 there, 0.1 here); choose another folder with --out",
        ),
        ("--epochs 1 --data images:pictures --out run", "--epochs: 2 done there, 1 here"),
    ] {
        let output = train(place.path(), options);
        check_failed(&output, 1, words);
        check_failed(&output, 1, "--overwrite");
        assert!(contents(&run) == before, "{options}");
    }
    printed(&train(place.path(), mine));
    // However its folder is written, and longer.
    printed(&train(place.path(), "--epochs 3 --data images:./pictures/ --out run"));
    printed(&train(place.path(), "--epochs 1 --data images:others --out run --overwrite"));
}

/// A folder of one's own, which no run was written to, keeps its files: it is refused as a run's.
#[test]
fn a_folder_of_other_files_is_no_run_folder() {
    let place = workplace();
    let own = place.path().join("own");
    fs::create_dir(&own).expect("the folder is ours");
    fs::write(own.join("samples.png"), "mine").expect("the folder is ours");
    fs::write(own.join("config.toml"), "mine = 1").expect("the folder is ours");
    let before = contents(&own);
    for more in ["", "--resume"] {
        let output =
            train(place.path(), &format!("--epochs 1 --data images:pictures --out own {more}"));
        check_failed(&output, 1, "own: holds config.toml, which is no run's");
        assert!(contents(&own) == before, "a file that is no run's is written over");
        assert!(!own.join("run.lock").exists());
    }
    printed(&train(place.path(), "--epochs 1 --data images:pictures --out own --overwrite"));
    assert!(own.join("model.safetensors").is_file());
}

/// A run goes on with its pictures however their folder is written, and wherever they are moved.
#[test]
fn a_run_goes_on_with_a_folder_that_is_written_otherwise() {
    let place = workplace();
    let tiny = "train --variant dense --arch dense:4 --latent 2 --device cpu --out run";
    let train = |data: &str, more: &str| {
        diabolo_in(place.path(), &format!("{tiny} --data images:{data} {more}"))
    };
    printed(&train("pictures", "--epochs 1"));
    // The learning rate depends on the number of epochs by default, which is said.
    let said = said(&train("./pictures/", "--epochs 2 --resume"));
    assert!(said.contains("going on after epoch 1"), "{said}");
    assert!(said.contains("note: --epochs: 1 there, 2 here"), "{said}");
    fs::rename(place.path().join("pictures"), place.path().join("moved")).expect("ours");
    printed(&train("moved", "--epochs 3 --resume"));
}

#[test]
fn what_differs_from_the_run_to_go_on_with_is_named_with_both_values() {
    let place = workplace();
    printed(&train(place.path(), "--epochs 1 --data images:pictures --out run --lr 0.005"));
    let before = contents(&place.path().join("run"));
    let fails = |options: &str, words: &[&str]| {
        let output = train(place.path(), &format!("--epochs 2 --out run {options}"));
        words.iter().for_each(|words| check_failed(&output, 1, words));
        assert!(contents(&place.path().join("run")) == before, "{options}");
    };
    let resume = "--data images:pictures --resume";
    fails(
        &format!("{resume} --lr 0.001 --batch 2"),
        &["--lr: 0.005 there, 0.001 here", "--batch: 32 there, 2 here", "run/model.safetensors"],
    );
    fails(&format!("{resume} --lr 0.005 --size 9x9"), &["--size: not given there, 9x9 here)"]);
    let mixed = "--precision: not given there, mixed here";
    fails(&format!("{resume} --lr 0.005 --precision mixed"), &[mixed]);
    let other = "--data images:others --lr 0.005 --resume-from run/model.safetensors";
    fails(other, &["on other images (--data: images:pictures there, images:others here)"]);
    let other = GrayImage::from_pixel(8, 8, Luma([77]));
    other.save(place.path().join("pictures/00.png")).expect("the folder is ours");
    let changed = "pictures of this run are gone or have changed: 00.png";
    let refused = "the images of images:pictures have changed since";
    fails(&format!("{resume} --lr 0.005"), &[changed, refused]);
    fails("--data images:pictures --resume-from none", &["none: does not exist"]);
}

/// Where nothing was saved yet, a run that should go on begins, and says so.
#[test]
fn a_run_that_has_nothing_to_go_on_with_begins() {
    let place = workplace();
    for options in ["--out run", ""] {
        let output =
            train(place.path(), &format!("--epochs 1 --data images:pictures --resume {options}"));
        let said = said(&output);
        assert!(said.contains("note: nothing was saved yet in run"), "{said}");
        assert!(said.contains("training begins at the beginning"), "{said}");
    }
    // Another run by that name is none of its own.
    let other = place.path().join("elsewhere/pictures");
    few_pictures(&other, 7);
    let said = said(&train(place.path(), "--epochs 1 --data images:elsewhere/pictures --resume"));
    assert!(said.contains("nothing was saved yet in runs/dense-pictures-2"), "{said}");
}

/// A call that fails leaves no folder behind.
#[test]
fn a_failed_call_leaves_no_folder() {
    let place = workplace();
    let names = || {
        let entries = fs::read_dir(place.path()).expect("is there").flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    for (options, code) in [
        ("--epochs 1 --data images:pictures --resume-from none --out a/b", 1),
        ("--epochs 1 --data images:pictures --lr 1e30 --batch 1 --out a/b", 1),
        ("--epochs 1 --data images:pictures --lr 1e30 --batch 1", 1),
        ("--epochs 1 --data images:pictures --lr 0 --out a/b", 2),
        ("--epochs 1 --data images:missing --out a/b", 1),
        ("--epochs 1 --data images:pictures --out pictures/00.png/run", 1),
    ] {
        check_failed(&train(place.path(), options), code, "error: ");
        assert_eq!(names(), ["others", "pictures"], "{options}");
    }
    // A folder that was there stays, as it was.
    fs::create_dir(place.path().join("run")).expect("the folder is ours");
    let output =
        train(place.path(), "--epochs 1 --data images:pictures --lr 1e30 --batch 1 --out run");
    check_failed(&output, 1, "there is no checkpoint yet");
    assert_eq!(fs::read_dir(place.path().join("run")).expect("is there").count(), 0);
}

/// A run in the folder of another one leaves that as it was until it has something to save; then the
/// other is gone with all that was made of it.
#[test]
fn a_folder_never_holds_files_of_two_runs() {
    let place = workplace();
    let run = place.path().join("run");
    let vae = "train --variant vae --device cpu --epochs 2 --data images:pictures --out run --tensorboard";
    printed(&diabolo_in(place.path(), vae));
    printed(&diabolo_in(place.path(), "report run"));
    let before = contents(&run);
    assert!(before.iter().any(|(path, _)| path.ends_with("kl.png")));
    let other = "--epochs 2 --data images:pictures --out run --overwrite";
    // It ends before it has saved anything.
    let output = train(place.path(), &format!("{other} --lr 1e30 --batch 1 --tensorboard"));
    check_failed(&output, 1, "there is no checkpoint yet");
    assert!(contents(&run) == before, "the run is no longer as it was");
    // It ends after its first checkpoint.
    let output =
        train(place.path(), &format!("{other} --lr 1e15 --save-every 1 --batch 1 --keep 1"));
    check_failed(&output, 1, "the last checkpoint is run/model.safetensors");
    let names: Vec<String> = contents(&run)
        .iter()
        .map(|(path, _)| path.strip_prefix(&run).expect("inside").display().to_string())
        .filter(|name| !name.starts_with("checkpoints"))
        .collect();
    assert_eq!(names, ["config.toml", "manifest.json", "model.safetensors", "times.json"]);
    let config = fs::read_to_string(run.join("config.toml")).expect("is there");
    assert!(config.contains("name = \"dense\""), "{config}");
}

/// What was measured of a model does not lie beside the same one trained on.
#[test]
fn a_run_that_goes_on_keeps_no_measures_of_what_it_was() {
    let place = workplace();
    let base = "--data images:pictures --out run";
    printed(&train(place.path(), &format!("--epochs 1 {base}")));
    let metrics = place.path().join("run/metrics.json");
    assert!(metrics.exists());
    let options = format!("--epochs 9 {base} --resume --lr 1e-2 --on-nan stop");
    check_failed(&train(place.path(), &options), 1, "--lr");
    assert!(metrics.exists(), "nothing was saved");
    printed(&train(place.path(), &format!("--epochs 3 {base} --resume")));
    let text = fs::read_to_string(metrics).expect("is measured anew");
    assert!(text.contains("\"epoch\": 3"), "{text}");
}

/// Every task names a run that was broken off, and so does its report.
#[cfg(unix)]
#[test]
fn an_unfinished_run_is_called_so() {
    let place = workplace();
    let line = format!("train {TINY} --data images:pictures --out run --epochs 1000000");
    let mut command = program();
    command.args(line.split_whitespace()).current_dir(place.path());
    let null = std::process::Stdio::null;
    let mut child = command.stdout(null()).stderr(null()).spawn().expect("the program runs");
    let model = place.path().join("run/model.safetensors");
    while !model.exists() {
        assert!(child.try_wait().expect("is known").is_none(), "it has ended");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("there is a kill").success());
    child.wait().expect("ends");
    for task in [
        "sample --model run -n 1 -o s.png --device cpu",
        "export --model run --onnx m.onnx",
        "reconstruct pictures -o made --model run --device cpu",
        "report run",
    ] {
        let warned = text(&diabolo_in(place.path(), task).stderr);
        assert!(warned.contains("warning: run is unfinished: "), "{task}: {warned}");
        let how = "`diabolo train --config run/config.toml --out run --resume` ends it";
        assert!(warned.contains("of 1000000 epochs; ") && warned.contains(how), "{task}: {warned}");
    }
    let page = fs::read_to_string(place.path().join("run/report.html")).expect("is written");
    assert!(page.contains("run is unfinished: "));
    printed(&train(place.path(), "--epochs 1 --data images:pictures --out whole"));
    let output = diabolo_in(place.path(), "sample --model whole -n 1 -o s.png --device cpu");
    assert!(!text(&output.stderr).contains("unfinished"));
}

/// A VAE with few held-out pictures is not called collapsed by a variance of nothing.
#[test]
fn few_held_out_pictures_do_not_show_a_collapse() {
    let place = workplace();
    let line = "train -q --variant vae --latent 2 --epochs 2 --device cpu --data images:pictures";
    let said = printed(&diabolo_in(place.path(), line));
    assert!(!said.contains("collapse") && !said.contains("active_units"), "{said}");
}
