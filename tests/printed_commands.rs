//! Every command that README.md and docs/ print runs as it is printed: in a folder that has what the pages
//! speak of, with fewer epochs and images, and on the processor.

#[path = "support/pictures.rs"]
mod pictures;
#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};

use diabolo::file::npy;
use diabolo::tensor::Tensor;
use pictures::{folder, picture};
use program::{diabolo_in, printed, program, text};

/// Runs that pages speak of, by what trains one of the kind in no time.
const RUNS: [(&str, &str); 13] = [
    ("readings", "--variant dense --data npy:readings.npy --latent 2"),
    ("vae-mnist", "--variant vae --data digits --latent 2"),
    ("cvae-mnist", "--variant cvae --data digits --latent 2"),
    ("vqvae-mnist", "--variant vqvae --data digits --arch conv:4 --codes 8 --code-dim 2"),
    ("conv-digits", "--variant conv --data digits --arch conv:4 --latent 2"),
    ("conv-photos", "--variant conv --data images:photos --arch conv:4 --latent 2"),
    ("parts", "--variant conv --data images:photos --patches 16x16 --arch conv:4 --latent 2"),
    ("vae-photos", "--variant vae --data images:photos --latent 2"),
    ("codec", "--variant conv --data images:photos --arch conv:4 --latent map:2 --quantise 0.25"),
    ("small", "--variant conv --data images:photos --arch conv:2 --latent map:1 --quantise 0.25"),
    ("large", "--variant conv --data images:photos --arch conv:4 --latent map:4 --quantise 0.25"),
    ("blind", "--variant denoising --data images:photos --residual --arch conv:4 --latent map:4"),
    ("run", "--variant denoising --data images:photos --arch conv:4 --latent map:4"),
];
/// Folders of pictures that they speak of, and single pictures.
const FOLDERS: [&str; 22] = [
    "photos",
    "my-photos",
    "Pictures",
    "noisy",
    "scans/noisy",
    "scans/clean",
    "new",
    "train/tit",
    "train/wren",
    "test/tit",
    "test/wren",
    "few/tit",
    "few/wren",
    "birds/train/tit",
    "birds/train/wren",
    "birds/test/tit",
    "birds/test/wren",
    "bottle/train/good",
    "bottle/test/good",
    "bottle/test/broken",
    "tiles/train",
    "tiles/test",
];
const PICTURES: [&str; 8] =
    ["photo.jpg", "more.png", "part.png", "a.png", "b.png", "IN.png", "hole.png", "mask.png"];

/// The pages.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).expect("the pages").flatten();
    let mut pages: Vec<PathBuf> = docs.map(|entry| entry.path()).collect();
    pages.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

/// The commands that a page prints, without what a shell does not see.
fn commands(page: &str) -> Vec<String> {
    let mut commands: Vec<String> = vec![];
    let (mut is_shell, mut goes_on) = (false, false);
    for line in page.lines() {
        if let Some(language) = line.strip_prefix("```") {
            is_shell = !is_shell && language == "sh";
            goes_on = false;
            continue;
        }
        // What other programs do behind it is theirs.
        let seen =
            line.split(" #").next().unwrap_or(line).split("&&").next().unwrap_or(line).trim();
        let begins = seen.starts_with("diabolo ") || seen.starts_with("cargo run --release ");
        if !is_shell || !(begins || goes_on) {
            continue;
        }
        let part = seen.trim_end_matches('\\').trim_end();
        match (goes_on, commands.last_mut()) {
            (true, Some(command)) => *command = format!("{command} {part}"),
            _ => commands.push(part.to_owned()),
        }
        goes_on = seen.ends_with('\\');
    }
    commands
}

/// The words behind the program's name: an example is the training that it stands for.
fn words(command: &str) -> Vec<String> {
    // Quotes are a shell's, and no word here holds a space.
    let words = command.split_whitespace().map(|word| word.trim_matches('\'').to_owned());
    let words: Vec<String> = words.collect();
    let rest = |from: usize| words[from.min(words.len())..].to_vec();
    let behind = words.iter().position(|word| word == "--").map_or(words.len(), |at| at + 1);
    match words.iter().position(|word| word == "--example") {
        Some(at) => {
            let variant = words[at + 1].trim_start_matches("train_").trim_end_matches("_ae");
            let train = ["train", "--variant", variant].map(ToOwned::to_owned);
            [train.to_vec(), rest(behind)].concat()
        }
        None if words[0] == "diabolo" => rest(1),
        None => rest(behind),
    }
}

/// Sets an option, or gives it another value.
fn set(words: &mut Vec<String>, option: &str, value: &str) {
    match words.iter().position(|word| word == option) {
        Some(at) => words[at + 1] = value.to_owned(),
        None => words.extend([option.to_owned(), value.to_owned()]),
    }
}

/// The same command made small: it takes no option away, and what it is given means the same.
fn scaled_down(mut words: Vec<String>) -> Vec<String> {
    for word in &mut words {
        match word.as_str() {
            "mnist" => *word = "digits".into(),
            "RUN" | "runs/RUN" => *word = "runs/run".into(),
            _ => {}
        }
    }
    let task = words[0].clone();
    if task == "bench" {
        set(&mut words, "--only", "W0");
        if words.iter().any(|word| word == "--batch") {
            set(&mut words, "--batch", "32,64");
        }
    }
    if task == "check" {
        set(&mut words, "--only", "self-test");
    }
    if task == "train" || (task == "anomaly" && !words.contains(&"--model".to_owned())) {
        set(&mut words, "--epochs", "1");
    }
    if task == "train" {
        set(&mut words, "--limit", "64");
        words.push("--overwrite".into());
    }
    let without_device = ["adapters", "cache", "report", "export", "explore", "check", "models"];
    let says_none = !words.iter().any(|word| {
        word == "--device" || word == "--zero-shot" || word == "--info" && task == "decompress"
    });
    if says_none && !without_device.contains(&task.as_str()) {
        set(&mut words, "--device", "cpu");
    }
    words
}

/// Makes what the pages speak of.
fn furnish(place: &Path) {
    // Parts of 64x64 pixels are cut out of them.
    let size = (72, 66);
    for folder in FOLDERS {
        let path = |number| place.join(folder).join(format!("{number:02}.png"));
        (0..12).for_each(|number| picture(&path(number), size, number));
    }
    for (number, name) in PICTURES.iter().enumerate() {
        picture(&place.join(name), size, number as u32);
    }
    numbers(place);
    fs::create_dir(place.join("shards")).expect("the folder is ours");
    for name in ["photos.tar", "shards/0.tar", "shards/1.tar"] {
        let file = fs::File::create(place.join(name)).expect("the folder is ours");
        let mut archive = tar::Builder::new(file);
        archive.append_dir_all("", place.join("photos")).expect("the folder is ours");
        archive.into_inner().expect("the folder is ours");
    }
    for (name, options) in RUNS {
        let line = format!("train {options} --limit 64 --epochs 1 --device cpu --out runs/{name}");
        printed(&diabolo_in(place, &line));
    }
}

/// Vectors, and some with labels.
fn numbers(place: &Path) {
    let vectors = |count: usize| {
        let numbers = (0..count * 6).map(|at| (at * at % 97) as f32).collect();
        Tensor::new([count, 6], numbers).expect("fits")
    };
    npy::write(&place.join("readings.npy"), &vectors(40)).expect("the folder is ours");
    let file = fs::File::create(place.join("labelled.npz")).expect("the folder is ours");
    let mut archive = zip::ZipWriter::new(file);
    let labels = Tensor::new([10], (0..10).map(|at| (at % 2) as f32).collect()).expect("fits");
    for (name, array) in [("x", vectors(10)), ("y", labels)] {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(format!("{name}.npy"), options).expect("a new name");
        npy::write_to(&mut archive, &array).expect("the folder is ours");
    }
    archive.finish().expect("the folder is ours");
}

#[test]
fn every_printed_command_runs() {
    let place = folder();
    furnish(place.path());
    let mut failures = vec![];
    let mut count = 0;
    for page in pages() {
        let name = page.file_name().expect("a page").to_string_lossy().into_owned();
        for command in commands(&fs::read_to_string(&page).expect("a page")) {
            let words = scaled_down(words(&command));
            let mut program = program();
            // No page is to be opened where tests run.
            program.args(&words).current_dir(place.path()).env("BROWSER", "true");
            program.env("TMPDIR", place.path());
            // What a tuner keeps is no user's.
            program.env("XDG_CACHE_HOME", place.path().join("cache")).env("HOME", place.path());
            let begin = std::time::Instant::now();
            let output = program.output().expect("the program runs");
            eprintln!("{:.1?} {name}: {}", begin.elapsed(), words.join(" "));
            count += 1;
            if !output.status.success() {
                let said = text(&output.stderr);
                failures.push(format!("{name}: {command}\n  as {}: {said}", words.join(" ")));
            }
        }
    }
    assert!(count > 50, "only {count} commands are found");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
