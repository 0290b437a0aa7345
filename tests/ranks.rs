//! Trainings of several processes that MPI has started: they end in the file of one, to the bit, whatever becomes of
//! them on the way.
//!
//! By Open MPI: `apt-get install libopenmpi-dev openmpi-bin libclang-dev` on Debian. By MPICH, with its `libmpich-dev` and
//! `mpich`: `MPICC=mpicc.mpich DIABOLO_TEST_MPIRUN=mpirun.mpich tests/run --features mpi --test ranks`, in a build folder
//! of its own.

#[path = "support/program.rs"]
mod program;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use diabolo::run::{MetricsFile, checkpoint};
use program::{check_failed, diabolo, printed, text};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// How long anything here may take at most.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ten steps an epoch, so that 20 epochs are 200.
const STEPS: &str = "--limit 160 --batch 16 --device cpu --quiet";

/// Each process's part of a command of `mpirun`: how many run the program with these options.
fn mpirun(parts: &[(usize, &str)]) -> Command {
    let mut command = launcher();
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("NODEVICE_SELECT", "1");
    // Other programs may be at work on the core that a process would be bound to.
    command.args(["--bind-to", "none"]);
    let version = output(launcher().arg("--version"));
    command.args(text(&version.stdout).contains("Open MPI").then_some("--oversubscribe"));
    for (number, (count, options)) in parts.iter().enumerate() {
        command.args((number > 0).then_some(":"));
        command.args(["-n", &count.to_string(), env!("CARGO_BIN_EXE_diabolo"), "train", "--mpi"]);
        command.args(options.split_whitespace());
    }
    command
}

/// What starts processes.
fn launcher() -> Command {
    Command::new(std::env::var("DIABOLO_TEST_MPIRUN").unwrap_or_else(|_| "mpirun".into()))
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; install Open MPI (`apt-get install openmpi-bin`)")
    })
}

fn run(parts: &[(usize, &str)]) -> Output {
    output(&mut mpirun(parts))
}

fn model(out: &Path) -> PathBuf {
    out.join("model.safetensors")
}

/// The SHA-256 of a run's model file.
fn digest(out: &Path) -> String {
    let bytes = fs::read(model(out)).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Steps that the newest checkpoint has had; 0 where there is none.
fn steps(out: &Path) -> u64 {
    checkpoint::read_header(&model(out)).map_or(0, |header| header.step)
}

#[test]
fn one_two_and_three_processes_end_in_the_same_file() {
    let folder = TempDir::new().expect("a temporary folder");
    for variant in [
        "conv --arch conv:4,6 --latent 6",
        "vae --arch dense:24 --latent 6",
        "vqvae --arch conv:4 --codes 8 --code-dim 2",
        "contractive --arch dense:16 --latent 6",
    ] {
        let name = variant.split(' ').next().expect("a name");
        let line = |count: usize| {
            let out = folder.path().join(format!("{name}-{count}"));
            let options =
                format!("--variant {variant} {STEPS} --epochs 20 --out {}", out.display());
            (options, out)
        };
        let (options, alone) = line(0);
        printed(&diabolo(&format!("train {options} --shards 8")));
        assert_eq!(steps(&alone), 200);
        for count in 1..=3 {
            let (options, out) = line(count);
            printed(&run(&[(count, &options)]));
            println!("{name}, {count} processes: {}", digest(&out));
            assert_eq!(digest(&out), digest(&alone), "{name}, {count} processes");
            // The last step of an epoch is a whole one.
            let metrics = MetricsFile::load(&out.join("metrics.json")).expect("metrics");
            let shards: Vec<u64> = metrics.shares.iter().map(|share| share.shards).collect();
            assert!(shards.len() == count && shards.iter().sum::<u64>() == 200 * 8, "{shards:?}");
            assert!(shards.iter().all(|shards| *shards > 0), "{shards:?}");
            assert!(!text(&fs::read(model(&out)).expect("a model")).contains("nan"));
        }
    }
}

/// All numbers of a run's model, moments included, by name.
fn numbers(out: &Path) -> Vec<(String, Vec<f32>)> {
    let bytes = fs::read(model(out)).expect("a model");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a model");
    let numbers = |(name, view): (String, safetensors::tensor::TensorView)| {
        let words = view.data().chunks_exact(4);
        let words = words.map(|word| f32::from_le_bytes(word.try_into().expect("four bytes")));
        (name, words.collect())
    };
    let mut all: Vec<(String, Vec<f32>)> = file.tensors().into_iter().map(numbers).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

#[test]
fn a_processor_and_an_adapter_come_near_one_of_them() {
    let folder = TempDir::new().expect("a temporary folder");
    let out = |name: &str| folder.path().join(name);
    let options = |name: &str| {
        let run =
            "--variant vae --arch dense:24 --latent 6 --limit 160 --batch 16 --epochs 2 --quiet";
        format!("{run} --out {}", out(name).display())
    };
    printed(&diabolo(&format!("train {} --device cpu --shards 8", options("cpu"))));
    let mixed = options("mixed");
    let [cpu, gpu] = ["cpu", "gpu"].map(|device| format!("{mixed} --device {device}"));
    printed(&run(&[(1, &cpu), (1, &gpu)]));
    assert_eq!(steps(&out("mixed")), 20);
    let shares = MetricsFile::load(&out("mixed").join("metrics.json")).expect("metrics").shares;
    assert!(shares.len() == 2 && shares.iter().all(|share| share.shards > 0), "{shares:?}");
    let (cpu, mixed) = (numbers(&out("cpu")), numbers(&out("mixed")));
    for ((name, one), (_, other)) in cpu.iter().zip(&mixed) {
        let far = one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-3, "{name}: {far}");
    }
}

/// Options of a run of 600 steps, of which every third is saved.
const LONG: &str = "--variant dense --arch dense:24 --latent 8 --loss mse --limit 64 --batch 8 --epochs 75 \
    --save-every 3 --device cpu --quiet";

fn start(parts: &[(usize, &str)]) -> Child {
    let mut command = mpirun(parts);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("there is an mpirun")
}

/// Waits until `found` finds something.
fn wait_for<T>(what: &str, child: &mut Child, mut found: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "{what} did not come about in {PATIENCE:?}");
        if let Some(status) = child.try_wait().expect("it is our child") {
            panic!("the run ended before {what}: {status}");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The process of this rank that `mpirun` has started, itself or by a helper.
fn process_of(mpirun: u32, rank: usize) -> Option<u32> {
    let ranks = ["OMPI_COMM_WORLD_RANK", "PMI_RANK"].map(|name| format!("{name}={rank}"));
    let has_rank = |process: u32| {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| ranks.iter().any(|rank| rank.as_bytes() == variable))
    };
    let is_started = |process: u32| {
        let mut ancestors = std::iter::successors(parent(process), |parent_of| parent(*parent_of));
        ancestors.any(|ancestor| ancestor == mpirun)
    };
    let entries = fs::read_dir("/proc").expect("Linux").flatten();
    let mut processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    processes.find(|process| has_rank(*process) && is_started(*process))
}

fn parent(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

fn signal(process: u32, name: &str) {
    let kill = Command::new("kill").args([name, &process.to_string()]).status();
    assert!(kill.expect("there is a kill").success());
}

#[test]
fn a_run_one_of_whose_processes_is_killed_ten_times_ends_in_the_file_of_one_that_is_not() {
    let folder = TempDir::new().expect("a temporary folder");
    let [whole, broken] = ["whole", "broken"].map(|name| folder.path().join(name));
    printed(&diabolo(&format!("train {LONG} --shards 4 --out {}", whole.display())));
    let options = format!("{LONG} --shards 4 --resume --out {}", broken.display());
    let mut random = 0x9e37_79b9_u64;
    for kill in 0..10_u64 {
        let count = 2 + kill as usize % 2;
        let mut child = start(&[(count, &options)]);
        let mpirun = child.id();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let goal = kill * 55 + random % 50;
        wait_for("a checkpoint", &mut child, || {
            (steps(&broken) >= goal && model(&broken).is_file()).then_some(())
        });
        thread::sleep(Duration::from_micros((random >> 40) % 8000));
        let victim = wait_for("rank 1", &mut child, || process_of(mpirun, 1));
        signal(victim, "-KILL");
        let output = child.wait_with_output().expect("it ends");
        assert!(!output.status.success(), "the others end, too");
    }
    assert!(steps(&broken) < 600);
    printed(&run(&[(1, &options)]));
    assert_eq!(digest(&broken), digest(&whole));
    let names = |folder: &Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).expect("a run").flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&broken), names(&whole), "nothing half-written is left");
}

#[test]
fn an_interrupted_team_saves_and_another_one_goes_on() {
    let folder = TempDir::new().expect("a temporary folder");
    let [whole, broken] = ["whole", "broken"].map(|name| folder.path().join(name));
    printed(&diabolo(&format!("train {LONG} --shards 4 --out {}", whole.display())));
    let options = format!("{LONG} --shards 4 --resume --out {}", broken.display());
    let mut child = start(&[(3, &options)]);
    wait_for("a checkpoint", &mut child, || (steps(&broken) >= 30).then_some(()));
    let lead = process_of(child.id(), 0).expect("it is there");
    signal(lead, "-TERM");
    let output = child.wait_with_output().expect("it ends");
    check_failed(&output, 130, &format!("interrupted after step {}; saved to", steps(&broken)));
    assert!(steps(&broken) < 600);
    printed(&run(&[(2, &options)]));
    assert_eq!(digest(&broken), digest(&whole));
}

#[test]
fn what_one_process_cannot_do_ends_all_with_its_words_and_its_code() {
    let folder = TempDir::new().expect("a temporary folder");
    let out = folder.path().join("run");
    let options = |more: &str| {
        format!("--variant dense --limit 64 --epochs 1 {more} --out {}", out.display())
    };
    let cpu = options("--device cpu");
    let fails = |second: &str, code: i32, words: &str| {
        check_failed(&run(&[(2, &cpu), (1, &options(second))]), code, words);
        assert!(!out.exists(), "no folder is left");
    };
    fails("--device nothing", 2, "--device: no adapter is called `nothing`");
    fails("--device nothing", 2, "error: rank 2 on ");
    fails("--device cpu --lr 0.25", 2, "--lr: is 0.25 here and 0.005 with rank 0");
    fails("--device cpu --data images:nowhere", 1, "nowhere");
    // What all of them say is said once.
    let output = run(&[(3, &options("--device cpu --batch 12"))]);
    check_failed(&output, 2, "give --shards 6, or --batch 16");
    assert_eq!(text(&output.stderr).matches("error: ").count(), 1);
    // Shards are what there is to share.
    check_failed(&run(&[(2, &options("--device cpu --shards 1"))]), 2, "--shards: 1 leaves");
    let few = options("--device cpu --batch 16 --shards 2 --quiet");
    let said = printed(&run(&[(3, &few)]));
    assert!(said.contains("note: 3 processes share 2 shards a step"), "{said}");
}

#[test]
fn the_leading_process_alone_speaks_and_writes() {
    let folder = TempDir::new().expect("a temporary folder");
    let out = folder.path().join("run");
    let options = format!(
        "--variant vae --arch dense:24 --latent 2 --limit 100 --epochs 2 --device cpu --out {}",
        out.display()
    );
    let said = printed(&run(&[(3, &options)]));
    for (words, times) in [
        ("device: CPU (", 1),
        ("device: rank 1 on ", 1),
        ("device: rank 2 on ", 1),
        ("shards: ", 3),
        ("data: digits, ", 1),
        ("epoch 2/2: ", 1),
        ("held out: loss ", 1),
        ("written to ", 1),
    ] {
        assert_eq!(said.matches(words).count(), times, "`{words}` in: {said}");
    }
    // A finished run is measured once more, by all.
    let again = printed(&run(&[(2, &format!("{options} --resume"))]));
    let measured = |said: &str| {
        said.lines().find(|line| line.starts_with("held out: ")).map(ToOwned::to_owned)
    };
    assert_eq!(measured(&again), measured(&said));
    assert!(again.contains("all 2 epochs are done"), "{again}");
}
