//! Runs that are broken off, by whatever means, go on as if nothing had happened.

#[path = "support/program.rs"]
mod program;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use diabolo::cpu::CpuExecutor;
use diabolo::inference::layout;
use diabolo::models::{Kind, Schedule};
use diabolo::run::{self, MetricsFile, TrainArgs, checkpoint};
use diabolo::train::Trainer;
use program::{printed, program, text};
use tempfile::TempDir;

/// How long anything here may take at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// `diabolo train` of a small model into `out`, with these options more.
fn command(out: &Path, options: &str) -> Command {
    let mut command = program();
    command.args("train --variant dense --arch dense:24 --latent 8 --device cpu".split(' '));
    command.arg("--out").arg(out).args(options.split_whitespace());
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
    succeeds(folder.path(), "--epochs 1 --limit 64 --overwrite");
    let left = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name());
    let unfinished = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(".diabolo-");
    assert!(!left.into_iter().any(|name| unfinished(&name)), "half-written files are left");
}

/// Options of a run of 600 steps.
const RUN: &str = "--epochs 75 --limit 64 --batch 8 --loss mse";

fn model(out: &Path) -> PathBuf {
    out.join("model.safetensors")
}

/// Steps that the newest checkpoint has had; 0 where there is none.
fn steps(out: &Path) -> u64 {
    checkpoint::read_header(&model(out)).map_or(0, |header| header.step)
}

/// The bytes of all tensors of a checkpoint, moments included, by name.
fn tensors(path: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor =
        |(name, view): (String, safetensors::tensor::TensorView)| (name, view.data().to_vec());
    let mut tensors: Vec<_> = file.tensors().into_iter().map(tensor).collect();
    tensors.sort();
    tensors
}

/// Every loss of every epoch.
fn losses(out: &Path) -> Vec<[f64; 2]> {
    let metrics = MetricsFile::load(&out.join("metrics.json")).unwrap();
    metrics.epochs.iter().map(|epoch| [epoch.train_loss, epoch.test_loss]).collect()
}

/// Checks that two finished runs agree to the bit.
fn agree(one: &Path, other: &Path) {
    assert!(tensors(&model(one)) == tensors(&model(other)), "parameters and moments agree");
    assert_eq!(losses(one), losses(other));
}

/// A folder with a finished run of [`RUN`] that nothing broke off.
fn whole() -> TempDir {
    let folder = TempDir::new().unwrap();
    succeeds(folder.path(), RUN);
    folder
}

#[test]
fn a_run_that_is_killed_twenty_times_ends_in_the_bits_of_one_that_is_not() {
    let (whole, broken) = (whole(), TempDir::new().unwrap());
    let out = broken.path();
    // Every third step is saved, so that most of the time goes into writing.
    let options = format!("{RUN} --save-every 3");
    let mut random = 0x9e37_79b9_u64;
    for kill in 0..20 {
        let resume = if model(out).is_file() { "--resume" } else { "" };
        let mut child = start(out, &format!("{options} {resume}"));
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let goal = kill * 28 + random % 28;
        wait_until("a checkpoint", || steps(out) >= goal && model(out).is_file());
        thread::sleep(Duration::from_micros((random >> 40) % 8000));
        assert!(child.try_wait().unwrap().is_none(), "the run is under way");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    succeeds(out, &format!("{options} --resume"));
    agree(whole.path(), out);
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let last = ["step-00000597.safetensors", "step-00000600.safetensors"];
    assert_eq!(names(&out.join("checkpoints")), last);
    assert_eq!(names(out), names(whole.path()), "nothing half-written is left");
    assert_eq!(tensors(&model(out)), tensors(&out.join("checkpoints").join(last[1])));
    let best = |out: &Path| tensors(&out.join("best.safetensors"));
    assert!(best(out) == best(whole.path()));
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(kill.expect("there is a kill").success());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_and_goes_on_to_the_same_bits() {
    let (whole, broken) = (whole(), TempDir::new().unwrap());
    let out = broken.path();
    for (name, goal) in [("-INT", 30), ("-TERM", 200)] {
        let resume = if model(out).is_file() { "--resume" } else { "" };
        let child = start(out, &format!("{RUN} {resume}"));
        wait_until("an epoch", || steps(out) >= goal);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{text}");
        let words = format!("interrupted after step {}; saved to ", steps(out));
        assert!(text.contains(&words) && text.contains("--resume"), "{text}");
        assert!(!text.contains("error:"), "{text}");
    }
    succeeds(out, &format!("{RUN} --resume"));
    agree(whole.path(), out);
}

/// A terminal that is closed interrupts a run, twice at times, unless the run was told to ignore it.
#[cfg(target_os = "linux")]
#[test]
fn a_run_whose_terminal_is_closed_saves() {
    let [heard, ignored] = [(); 2].map(|()| TempDir::new().unwrap());
    let options = "--epochs 1000000 --limit 64";
    let line = command(heard.path(), options);
    // Whoever runs tests under `nohup` hands on that the signal is ignored.
    let mut hears = Command::new("env");
    hears.arg("--default-signal=HUP").arg(line.get_program()).args(line.get_args());
    hears.env("NODEVICE_SELECT", "1").stdout(Stdio::null()).stderr(Stdio::piped());
    let child = hears.spawn().unwrap();
    wait_until("an epoch", || steps(heard.path()) > 0);
    signal(&child, "-HUP");
    signal(&child, "-HUP");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let words = format!("interrupted after step {}; saved to ", steps(heard.path()));
    assert!(text.contains(&words), "{text}");

    let line = command(ignored.path(), options);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(line.get_program());
    shell.args(line.get_args()).env("NODEVICE_SELECT", "1").stdout(Stdio::null());
    let mut child = shell.spawn().unwrap();
    wait_until("an epoch", || steps(ignored.path()) > 0);
    signal(&child, "-HUP");
    let then = steps(ignored.path());
    wait_until("more epochs", || steps(ignored.path()) > then + 100);
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn a_second_interruption_ends_the_run_at_once() {
    let folder = TempDir::new().unwrap();
    let out = folder.path();
    // A step takes long enough for two signals.
    let slow = "--epochs 100000 --limit 1000 --batch 1000 --arch dense:512,512 --loss mse";
    let mut command = program();
    command.args("train --variant dense --device cpu --out".split(' ')).arg(out);
    command.args(slow.split(' ')).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_until("an epoch", || steps(out) > 0);
    // What is written with the checkpoint is on the disk by then, and the next step under way.
    thread::sleep(Duration::from_millis(30));
    signal(&child, "-INT");
    thread::sleep(Duration::from_millis(20));
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("saved"), "{text}");
    checkpoint::read_header(&model(out)).expect("the checkpoint is whole");
}

#[test]
fn checkpoints_of_the_past_are_kept_and_taken_up() {
    let folder = TempDir::new().unwrap();
    let out = folder.path();
    let options = "--epochs 3 --limit 64 --batch 8 --loss mse";
    succeeds(out, &format!("{options} --save-every 5 --keep 3"));
    let end = tensors(&model(out));
    let past = |step: u32| out.join(format!("checkpoints/step-{step:08}.safetensors"));
    assert!(!past(10).exists() && past(15).exists() && past(20).exists() && past(24).exists());
    // From the middle of an epoch, to the same bits.
    let from = format!("{options} --resume-from {}", past(15).display());
    succeeds(out, &from);
    assert!(tensors(&model(out)) == end);

    // A damaged file names another that is not.
    let mut bytes = fs::read(model(out)).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 4;
    fs::write(model(out), &bytes).unwrap();
    let text = fails(out, &format!("{options} --resume"), 1);
    let other = format!("--resume-from {}", past(24).display());
    assert!(text.contains("is damaged") && text.contains(&other), "{text}");
    fs::write(past(24), "").unwrap();
    let text = fails(out, &format!("{options} --resume"), 1);
    let other = format!("--resume-from {}", past(16).display());
    assert!(text.contains(&other), "{text}");
    succeeds(out, &format!("{options} {other}"));
    assert!(tensors(&model(out)) == end);

    // A new run removes what an old one left, once it has something to keep.
    succeeds(out, "--epochs 1 --limit 64 --batch 8 --loss mse --keep 0 --overwrite");
    assert_eq!(fs::read_dir(out.join("checkpoints")).unwrap().count(), 0);
}

#[test]
fn images_that_changed_are_noticed() {
    let [images, folder] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let write = |index: u8, value: u8| {
        let picture = image::GrayImage::from_pixel(8, 8, image::Luma([value]));
        picture.save(images.path().join(format!("{index}.png"))).unwrap();
    };
    (0..20).for_each(|index| write(index, index * 9));
    let constant = "--schedule constant";
    let data =
        |epochs| format!("--data images:{} {constant} --epochs {epochs}", images.path().display());
    succeeds(folder.path(), &data(1));
    write(7, 255);
    let text = fails(folder.path(), &format!("{} --resume", data(2)), 1);
    assert!(text.contains("model.safetensors") && text.contains("have changed"), "{text}");
    assert!(
        text.contains("1 of the 20 pictures of this run are gone or have changed: 7.png"),
        "{text}"
    );
    write(7, 63);
    succeeds(folder.path(), &format!("{} --resume", data(2)));
}

#[test]
fn pictures_that_were_added_are_no_part_of_a_run_that_goes_on() {
    let [images, whole, halves] = [(); 3].map(|()| TempDir::new().unwrap());
    let write = |name: &str, side: u32, value: u8| {
        let path = images.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::from_pixel(side, side, image::Luma([value])).save(path).unwrap();
    };
    (0..20).for_each(|index| write(&format!("{index}.png"), 8, index * 9));
    let options = |epochs| {
        let data = images.path().display();
        format!("--data images:{data} --schedule constant --epochs {epochs} --hold-out 0.2")
    };
    succeeds(whole.path(), &options(2));
    succeeds(halves.path(), &options(1));
    // Of another size, and of a class, neither of which the run has.
    write("0a.png", 8, 99);
    write("large.png", 9, 98);
    write("class/1.png", 8, 97);
    let output = train(halves.path(), &format!("{} --resume", options(2)));
    let said = printed(&output) + &text(&output.stderr);
    assert!(said.contains("going on after epoch 1"), "{said}");
    assert!(
        said.contains("3 pictures not of this run, which count neither as trained on"),
        "{said}"
    );
    agree(whole.path(), halves.path());
    // From a checkpoint that is named, into another folder, too.
    let kept = halves.path().join("checkpoints");
    let first = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let third = TempDir::new().unwrap();
    succeeds(third.path(), &format!("{} --resume-from {}", options(2), first.display()));
    agree(whole.path(), third.path());
    fs::remove_file(images.path().join("3.png")).unwrap();
    let said = fails(halves.path(), &format!("{} --resume", options(3)), 1);
    assert!(
        said.contains("1 of the 20 pictures of this run are gone or have changed: 3.png"),
        "{said}"
    );
    assert!(said.contains("have changed since"), "{said}");
}

#[test]
fn quiet_runs_say_results_only() {
    let folder = TempDir::new().unwrap();
    let output = train(folder.path(), "--epochs 1 --limit 64 --quiet");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("held out: loss ") && !text.contains("epoch"), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let output = train(folder.path(), "--epochs 1 --limit 64 --verbose");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("INFO") && text.contains("images a plan"), "{text}");
}

#[test]
fn a_model_that_another_program_stored_goes_on_to_the_same_bits() {
    let place = TempDir::new().expect("a temporary folder");
    let (stored, whole) = (place.path().join("stored"), place.path().join("whole"));
    let args = TrainArgs {
        limit: Some(100),
        epochs: Some(1),
        schedule: Some(Schedule::Constant),
        device: "cpu".into(),
        quiet: true,
        out: Some(stored.clone()),
        ..TrainArgs::default()
    };
    let dataset = args.load().expect("embedded");
    let config = args.config(&dataset, Kind::Dense).expect("right options");
    let mut device = CpuExecutor::new();
    let mut trainer = Trainer::new(&mut device, &config, &dataset).expect("it fits");
    let epoch = trainer.epoch_of_training(&mut ()).expect("an epoch");
    run::store(&stored, &mut trainer, &[epoch]).expect("writable");

    let mut more = TrainArgs { epochs: Some(2), ..args };
    more.saving.resume = true;
    run::run(&more, Kind::Dense).expect("goes on");
    more.saving.resume = false;
    more.out = Some(whole.clone());
    run::run(&more, Kind::Dense).expect("trains");
    let layout = layout(&config.model).expect("has a state");
    let [resumed, at_once] = [stored, whole].map(|folder| {
        let path = folder.join("model.safetensors");
        checkpoint::load(&path, &layout).expect("is whole").state
    });
    assert_eq!(resumed, at_once);
}
