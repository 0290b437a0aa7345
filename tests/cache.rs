//! More pictures than memory: decoded once into the cache and read from there, to the same bits as in memory.

#[path = "support/pictures.rs"]
mod pictures;
#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use pictures::{files, folder, picture};
use program::{check_failed, diabolo, printed, program, text};
use tempfile::TempDir;

/// A small model, where nothing else is said.
const SMALL: [(&str, &str); 7] = [
    ("--variant", "dense"),
    ("--arch", "dense:12"),
    ("--latent", "4"),
    ("--loss", "mse"),
    ("--batch", "16"),
    ("--epochs", "2"),
    ("--device", "cpu"),
];
/// How long anything here may take at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of pictures, another of the same in other lights, and a cache.
struct Place(TempDir);

impl Place {
    /// So many pictures of 12x10, in two classes.
    fn of(count: u32) -> Self {
        let this = Self(folder());
        (0..count).for_each(|number| this.add(number));
        this
    }

    fn add(&self, number: u32) {
        picture(&self.path("photos").join(class(number)), (12, 10), number);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `diabolo train` on the pictures into the folder `out`.
    fn command(&self, out: &str, options: &str) -> Command {
        let mut command = program();
        command.args(["train", "--out"]).arg(self.path(out));
        for (option, value) in SMALL.iter().filter(|(option, _)| !options.contains(option)) {
            command.args([option, value]);
        }
        if !options.contains("--data") {
            command.arg("--data").arg(format!("images:{}", self.path("photos").display()));
        }
        command.args(options.replace('@', &self.0.path().display().to_string()).split_whitespace());
        command
    }

    fn train(&self, out: &str, options: &str) -> Output {
        self.command(out, options).output().expect("the program runs")
    }

    fn succeeds(&self, out: &str, options: &str) -> String {
        printed(&self.train(out, options))
    }

    /// What a run came to: the digest of its images, and all its tensors.
    fn result(&self, out: &str) -> (String, Vec<(String, Vec<u8>)>) {
        let bytes = fs::read(self.path(out).join("model.safetensors")).expect("a model");
        let file = safetensors::SafeTensors::deserialize(&bytes).expect("whole");
        let mut tensors: Vec<(String, Vec<u8>)> =
            file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
        tensors.sort();
        (self.digest(out), tensors)
    }

    /// The digest of a run's images.
    fn digest(&self, out: &str) -> String {
        let text = fs::read_to_string(self.path(out).join("manifest.json")).expect("a manifest");
        let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        manifest["digest"].as_str().expect("a digest").to_owned()
    }

    /// Names of the files in the cache.
    fn cached(&self) -> Vec<String> {
        let cache = self.path("cache");
        let found = if cache.is_dir() { files(&cache) } else { vec![] };
        let name = |path: PathBuf| path.file_name().expect("a file").to_string_lossy().into_owned();
        // What is known of files is beside them.
        found.into_iter().map(name).filter(|name| !name.ends_with(".files")).collect()
    }

    /// The only file of pixels in the cache, beside which nothing is left.
    fn only(&self) -> PathBuf {
        let cached = self.cached();
        assert!(cached.len() == 1 && cached[0].ends_with(".pixels"), "{cached:?}");
        self.path("cache").join(&cached[0])
    }
}

fn class(number: u32) -> String {
    format!("{}/{number:03}.png", if number.is_multiple_of(3) { "tit" } else { "wren" })
}

/// Options that leave the memory to others.
const CACHED: &str = "--memory 0 --cache @/cache";

#[test]
fn pixels_are_the_same_wherever_they_are() {
    let place = Place::of(40);
    (0..40)
        .for_each(|number| picture(&place.path("clean").join(class(number)), (12, 10), number + 1));
    // A single one in colour makes three channels of all, those before it included.
    let colour = RgbImage::from_fn(12, 10, |x, y| Rgb([x as u8 * 20, y as u8 * 20, 90]));
    colour.save(place.path("photos/tit/colour.png")).expect("the folder is ours");
    let cases = [
        "",
        "--size 7x9 --fit crop",
        "--gray --limit 20",
        "--patches 5x5 --seed 3",
        "--missing random:0.3",
        "--hold-out 0 --shards 2",
        "--gray --test-data images:@/clean",
        "--test-data images:@/clean",
        "--variant vae --latent 3 --loss bce --binarise",
        "--variant denoising --noise gaussian:0.1",
        "--variant denoising --data pairs:@/clean,@/photos --skip-damaged",
    ];
    for options in cases {
        place.succeeds("memory", &format!("{options} --overwrite"));
        let expected = place.result("memory");
        let ways = [CACHED, CACHED, "--memory 0 --cache none"];
        for (way, number) in ways.into_iter().zip(0..) {
            let said = place.train("stored", &format!("{options} --overwrite {way} -v"));
            printed(&said);
            // The first may find what another case has left there.
            let is_read = text(&said.stderr).contains("pixels are read from");
            assert!(number == 0 || is_read == (number == 1), "{options}: {}", text(&said.stderr));
            assert!(place.result("stored") == expected, "{options} {way}");
        }
    }
    // Whatever was decoded before is there for memory, too.
    let said = place.train("memory", "--cache @/cache --overwrite -v");
    printed(&said);
    assert!(text(&said.stderr).contains("pixels are read from"), "{}", text(&said.stderr));
}

/// A thread gathers them there while steps run, labels included.
#[test]
fn they_are_the_same_on_a_gpu() {
    let place = Place::of(41);
    let adapter = std::env::var("DIABOLO_TEST_ADAPTER").unwrap_or_else(|_| "gpu".into());
    for options in ["", "--variant cvae --latent 3 --loss bce"] {
        // Images of 99 bytes.
        let options = format!("{options} --size 11x9 --batch 3 --device {adapter} --overwrite");
        place.succeeds("memory", &options);
        for way in [CACHED, "--memory 0 --cache none"] {
            place.succeeds("stored", &format!("{options} {way}"));
            assert!(place.result("stored") == place.result("memory"), "{options} {way}");
        }
    }
}

#[test]
fn small_sets_know_no_cache() {
    let place = Place::of(20);
    place.succeeds("run", "--cache @/cache");
    place.succeeds("run", "--cache @/cache --memory 2400 --overwrite");
    assert!(!place.path("cache").exists());
    place.succeeds("run", "--cache @/cache --memory 2399 --overwrite");
    place.only();
}

#[test]
fn a_second_start_takes_pixels_from_the_file() {
    let place = Place::of(20);
    place.succeeds("first", CACHED);
    let path = place.only();
    // Nothing but the file can tell the second run of these pixels.
    let mut bytes = fs::read(&path).expect("readable");
    bytes[..20 * 120].fill(7);
    fs::write(&path, bytes).expect("writable");
    place.succeeds("second", CACHED);
    assert_ne!(place.digest("first"), place.digest("second"));
    // Another seed takes them from there, too, though it holds out others.
    let said = place.train("third", &format!("{CACHED} --seed 8 -v"));
    assert!(text(&said.stderr).contains("pixels are read from"), "{}", text(&said.stderr));
    place.only();
    // A file that was cut off is decoded again, which is said.
    fs::write(&path, [7; 300]).expect("writable");
    let said = place.train("fourth", CACHED);
    printed(&said);
    assert!(text(&said.stderr).contains("decoded again"), "{}", text(&said.stderr));
    assert_eq!(place.result("fourth"), place.result("first"));
}

#[test]
fn what_is_said_of_pictures_is_said_again() {
    let place = Place::of(20);
    for way in ["--memory 0 --cache none", CACHED, CACHED] {
        let said = place.train("run", &format!("{way} --size 8x8 --overwrite"));
        printed(&said);
        let said = text(&said.stderr);
        assert!(said.contains("20 of 20 pictures are stretched to 8x8"), "{way}: {said}");
    }
}

#[test]
fn changed_added_and_removed_pictures_are_seen() {
    let place = Place::of(20);
    place.succeeds("cached", CACHED);
    let mut digests = vec![place.digest("cached")];
    let photo = |number| place.path("photos").join(class(number));
    let changes: [&dyn Fn(); 3] =
        [&|| picture(&photo(5), (12, 10), 77), &|| place.add(20), &|| {
            fs::remove_file(photo(3)).expect("there")
        }];
    for change in changes {
        change();
        place.succeeds("cached", &format!("{CACHED} --overwrite"));
        place.succeeds("memory", "--overwrite");
        assert!(place.result("cached") == place.result("memory"));
        digests.push(place.digest("cached"));
    }
    assert_eq!(place.cached().len(), 4);
    digests.dedup();
    assert_eq!(digests.len(), 4);
    // Moved ones are known by their bytes.
    fs::rename(place.path("photos"), place.path("moved")).expect("the folder is ours");
    place.succeeds("cached", &format!("--data images:@/moved {CACHED} --overwrite"));
    assert_eq!((place.cached().len(), &place.digest("cached")), (4, &digests[3]));
}

/// Waits until `done` holds.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < PATIENCE, "{what} did not come about in {PATIENCE:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Starts training, and lets it go on in the background.
fn start(place: &Place, out: &str, options: &str) -> Child {
    let mut command = place.command(out, options);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("the program runs")
}

/// Pictures that take a while to decode.
fn slow() -> Place {
    let place = Place::of(0);
    (0..60)
        .for_each(|number| picture(&place.path("photos").join(class(number)), (500, 400), number));
    place
}

#[test]
fn a_process_that_is_killed_leaves_no_half_file() {
    let place = slow();
    let options = format!("--size 12x10 {CACHED}");
    let mut killed = 0;
    for wait in 0..3 {
        let mut child = start(&place, "run", &options);
        wait_until("the beginning of the file", || {
            place.cached().iter().any(|name| name.starts_with(".diabolo-"))
        });
        thread::sleep(Duration::from_millis(10 * wait));
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        let cached = place.cached();
        killed += usize::from(!cached.iter().any(|name| name.ends_with(".pixels")));
        if killed == 0 {
            fs::remove_dir_all(place.path("cache")).expect("the folder is ours");
        }
    }
    assert!(killed > 0, "no process was killed while it wrote");
    place.succeeds("run", &format!("{options} --overwrite"));
    place.only();
    place.succeeds("memory", "--size 12x10");
    assert!(place.result("run") == place.result("memory"));
}

#[test]
fn of_two_processes_one_decodes_and_the_other_waits() {
    let place = slow();
    let options = format!("--size 12x10 {CACHED}");
    let both = ["one", "other"].map(|out| start(&place, out, &options));
    let said = both.map(|child| {
        let output = child.wait_with_output().expect("it ends");
        printed(&output);
        text(&output.stderr)
    });
    let waiting = said.iter().filter(|said| said.contains("waiting for it")).count();
    assert!(waiting <= 1, "{said:?}");
    place.only();
    assert!(place.result("one") == place.result("other"));
}

/// Trains with files that may not grow beyond a block of 512 or 1024 bytes, depending on the shell.
#[cfg(unix)]
#[test]
fn a_full_disk_is_told_with_what_is_needed() {
    let place = Place::of(40);
    let whole = place.command("run", CACHED);
    // Without the trap, the signal that comes before the error would end the program.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""]);
    command.arg(whole.get_program()).args(whole.get_args());
    let output = command.output().expect("there is a shell");
    check_failed(&output, 1, "40 decoded images take 4.7 KiB there: make room");
    let said = text(&output.stderr);
    for words in ["cache: cannot be written", "--cache DIR", "--memory 1M", "--cache none"] {
        assert!(said.contains(words), "`{words}` is not in: {said}");
    }
    assert!(place.cached().is_empty() && !place.path("run").exists(), "{:?}", place.cached());
    place.succeeds("run", "--memory 0 --cache none");
    place.succeeds("run", &format!("{CACHED} --overwrite"));
    place.only();
    // A folder that cannot be one.
    let output = place.train("run", "--memory 0 --cache @/photos/tit/000.png/x --overwrite");
    check_failed(&output, 1, "cannot be written");
}

#[test]
fn a_picture_that_goes_while_training_is_an_error_that_names_it() {
    let place = Place::of(20);
    let options = "--memory 0 --cache none --epochs 1000000 --save-every 1";
    let child = start(&place, "run", options);
    wait_until("the first step", || place.path("run/model.safetensors").is_file());
    fs::remove_dir_all(place.path("photos")).expect("the folder is ours");
    let output = child.wait_with_output().expect("it ends");
    check_failed(&output, 1, "there is no such file");
    assert!(text(&output.stderr).contains("the last checkpoint is"), "{}", text(&output.stderr));
}

#[test]
fn the_cache_is_listed_and_cleared() {
    let place = Place::of(20);
    let cache = place.path("cache");
    let command = |line: &str| diabolo(&format!("cache {line} --cache {}", cache.display()));
    check_failed(&command("--list"), 1, "there is no such folder");
    place.succeeds("run", CACHED);
    place.succeeds("run", &format!("--size 6x6 {CACHED} --overwrite"));
    fs::write(cache.join("notes.txt"), "mine").expect("the folder is ours");
    let said = printed(&command("--list"));
    for words in ["20 images of 12x10 gray", "20 images of 6x6 gray", "photos", "2 files"] {
        assert!(said.contains(words), "`{words}` is not in: {said}");
    }
    assert!(printed(&command("--clear")).contains("2 files removed"));
    assert!(printed(&command("--list")).contains("0 files"));
    assert_eq!(place.cached(), ["notes.txt"]);
    check_failed(&diabolo("cache"), 2, "--list");
    check_failed(&diabolo("cache --list --cache none"), 2, "--cache");
    check_failed(&place.train("run", "--memory lots"), 2, "--memory");
}

#[test]
fn tasks_read_images_from_the_cache_as_well() {
    let place = Place::of(40);
    place.succeeds("run", &format!("{CACHED} --hold-out 0.4"));
    fs::remove_file(place.only()).expect("there");
    let storing = CACHED.replace('@', &place.0.path().display().to_string());
    for (task, file) in [
        ("encode --dataset train --model @/run -o @/codes.csv", "codes.csv"),
        ("probe --model @/run -o @/probe.json", "probe.json"),
        ("evaluate @/run -o @/samples.json", "samples.json"),
    ] {
        let task = task.replace('@', &place.0.path().display().to_string());
        let run = |options: &str| {
            printed(&diabolo(&format!("{task} --device cpu {options}")));
            let path = place.path(file);
            let made = fs::read(&path).expect("was written");
            fs::remove_file(&path).expect("ours");
            made
        };
        assert_eq!(run(""), run(&storing), "{task}");
        place.only();
    }
}

/// Bytes of memory that a process has had at most, by its own account, until it ended.
#[cfg(target_os = "linux")]
fn most_resident(mut child: Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().expect("it runs").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        most = most.max(number.unwrap_or(0) << 10);
        thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().expect("it ended");
    assert!(output.status.success(), "{}", text(&output.stderr));
    most
}

/// 37 MB of pixels, of which no more than a few windows are ever in memory. What else a run has differs by up to 10 MB,
/// by how its threads came to be served.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_that_of_a_few_windows() {
    let place = Place::of(0);
    fs::create_dir_all(place.path("photos")).expect("the folder is ours");
    let (side, count) = (64, 3000);
    for number in 0..count {
        let plain = image::RgbImage::from_raw(side, side, vec![number as u8; 3 * 64 * 64]);
        let path = place.path(&format!("photos/{number:04}.bmp"));
        plain.expect("as many bytes").save(path).expect("the folder is ours");
    }
    let pixels = u64::from(count * side * side * 3);
    let most = |options: &str| {
        let options = format!(
            "{options} --overwrite --epochs 1 --variant vae --arch dense:2 --latent 1 --loss bce"
        );
        most_resident(start(&place, "run", &options))
    };
    let in_memory = most("--cache @/cache");
    for way in ["--cache @/cache --memory 4M", "--cache none --memory 4M"] {
        let stored = most(way);
        let less = in_memory.saturating_sub(stored);
        assert!(
            less > pixels / 2,
            "{way}: {stored} bytes, and in memory {in_memory}: {less} less, for {pixels} of pixels"
        );
    }
    assert!(Path::new(&place.only()).metadata().expect("there").len() > pixels);
}
