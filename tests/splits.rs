//! Which images a run was trained on and which it held out, whatever becomes of their folder.

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use diabolo::data::{Dataset, LoadOptions, Source};
use diabolo::gpu::DeviceChoice;
use diabolo::rng::Seed;
use diabolo::tasks::Trained;
use image::{GrayImage, Luma};
use program::{check_failed, diabolo, printed, text};
use tempfile::TempDir;

/// Options of a training that takes no time.
const TINY: &str = "--variant dense --arch dense:4 --latent 2 --epochs 1 --device cpu";

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// A gray picture of 8x8, another one for every number.
fn picture(path: &Path, number: u32) {
    fs::create_dir_all(path.parent().expect("in a folder")).expect("the folder is ours");
    let light = |x: u32, y: u32| (37 * number + 5 * x + 11 * y * (number % 5)) % 251;
    let image = GrayImage::from_fn(8, 8, |x, y| Luma([light(x, y) as u8]));
    image.save(path).expect("the folder is ours");
}

fn pictures(folder: &Path, numbers: std::ops::Range<u32>) {
    numbers.for_each(|number| picture(&folder.join(format!("{number:02}.png")), number));
}

fn train(data: &Path, run: &Path, options: &str) -> String {
    let (data, run) = (data.display(), run.display());
    let output = diabolo(&format!("train {TINY} --data images:{data} --out {run} {options}"));
    printed(&output) + &text(&output.stderr)
}

fn dataset(run: &Path) -> Dataset {
    let trained = Trained::load(run, &DeviceChoice::Cpu).expect("a finished run");
    trained.dataset().expect("the pictures are there")
}

#[test]
fn pictures_that_are_added_or_replaced_are_neither_trained_on_nor_held_out() {
    let folder = folder();
    let (data, run) = (folder.path().join("pictures"), folder.path().join("run"));
    pictures(&data, 0..20);
    train(&data, &run, "");
    let before = dataset(&run);
    picture(&data.join("05b.png"), 77);
    let after = dataset(&run);
    assert_eq!((&after.train, &after.test), (&before.train, &before.test));
    // One of each part is replaced, under its old name; another one moves.
    let (held_out, trained) = (&before.test.files[0].file, &before.train.files[0].file);
    fs::rename(data.join(held_out), data.join("elsewhere.png")).expect("the folder is ours");
    picture(&data.join(held_out), 78);
    picture(&data.join(trained), 79);
    let output = diabolo(&format!(
        "encode --dataset test --model {} --device cpu -o {}",
        run.display(),
        folder.path().join("codes.csv").display()
    ));
    printed(&output);
    let said = text(&output.stderr);
    assert!(said.contains(&format!("gone or have changed: {trained}")), "{said}");
    assert!(said.contains("3 pictures not of this run"), "{said}");
    let after = dataset(&run);
    assert_eq!(after.test.pixels, before.test.pixels);
    assert_eq!(after.train.pixels, before.train.pixels[64..]);
}

#[test]
fn parts_of_pictures_stay_where_they_were_cut() {
    let folder = folder();
    let (data, run) = (folder.path().join("pictures"), folder.path().join("run"));
    pictures(&data, 0..12);
    train(&data, &run, "--patches 4x4 --limit 30");
    let before = dataset(&run);
    assert_eq!((before.train.count, before.train.names().len()), (30, 30));
    picture(&data.join("00a.png"), 50);
    assert_eq!(dataset(&run), before);
}

#[test]
fn images_of_a_run_are_named_after_their_files() {
    let folder = folder();
    let (data, run) = (folder.path().join("pictures"), folder.path().join("run"));
    for class in ["a", "b"] {
        pictures(&data.join(class), 0..10);
    }
    train(&data, &run, "");
    let table = folder.path().join("codes.csv");
    let (model, out) = (run.display(), table.display());
    let line = format!("encode --dataset test --model {model} --device cpu -o {out}");
    printed(&diabolo(&line));
    let text = fs::read_to_string(&table).expect("is written");
    let names: BTreeSet<&str> =
        text.lines().skip(1).map(|line| line.split(',').next().expect("a name")).collect();
    // A picture that was moved out of its class is still of that class.
    let before = dataset(&run);
    let moved = &before.train.files[0].file;
    fs::rename(data.join(moved), data.join("moved.png")).expect("the folder is ours");
    let after = dataset(&run);
    assert_eq!((&after.train, &after.test), (&before.train, &before.test));
    fs::rename(data.join("moved.png"), data.join(moved)).expect("the folder is ours");
    // One of each class is held out.
    assert_eq!(names.len(), 2);
    assert!(names.iter().all(|name| data.join(name).is_file()), "{names:?}");
}

/// A class of one picture is trained on, not held out whole, whatever the seed.
#[test]
fn a_class_of_one_picture_is_trained_on() {
    let folder = folder();
    pictures(&folder.path().join("many"), 0..9);
    pictures(&folder.path().join("one"), 9..10);
    let source = Source::Images(folder.path().to_path_buf());
    for seed in (0..30).map(Seed) {
        let options = LoadOptions { seed, ..LoadOptions::default() };
        let data = Dataset::load(&source, &options).expect("pictures");
        let seen: BTreeSet<u32> = data.train.labels.into_iter().flatten().collect();
        assert_eq!(seen.len(), data.classes.len(), "a class is held out whole: {seed:?}");
    }
    let said = train(folder.path(), &folder.path().join("run"), "");
    assert!(said.contains("1 of 2 classes have one picture each"), "{said}");
}

#[test]
fn nothing_has_to_be_held_out() {
    let folder = folder();
    let (data, run) = (folder.path().join("pictures"), folder.path().join("run"));
    pictures(&data, 0..10);
    let said = train(&data, &run, "--hold-out 0");
    assert!(said.contains("10 images of 8x8 gray to train on, 0 held out"), "{said}");
    assert!(said.contains("nothing is held out"), "{said}");
    let dataset = dataset(&run);
    assert!(dataset.trains_on_all);
    // A single picture is enough.
    let single = folder.path().join("single");
    pictures(&single, 0..1);
    train(&single, &folder.path().join("other"), "--hold-out 0");
}

#[test]
fn images_of_ones_own_are_held_out() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    for (class, number) in [("a", 0), ("b", 30)] {
        pictures(&path("train").join(class), number..number + 10);
        pictures(&path("test").join(class), number + 20..number + 23);
    }
    let test = format!("--test-data images:{}", path("test").display());
    let said = train(&path("train"), &path("run"), &test);
    assert!(said.contains("20 images of 8x8 gray to train on, 6 held out"), "{said}");
    let before = dataset(&path("run"));
    let mut labels = before.test.labels.clone().expect("classes");
    labels.sort_unstable();
    assert_eq!(labels, [0, 0, 0, 1, 1, 1]);
    // Pictures that are added to either folder are of neither part.
    picture(&path("train/a/x.png"), 90);
    picture(&path("test/a/x.png"), 91);
    let after = dataset(&path("run"));
    assert_eq!((after.train, after.test), (before.train, before.test));
    // Those of one class alone are of that class.
    pictures(&path("some/b"), 70..73);
    let some = format!("--test-data images:{} --overwrite", path("some").display());
    train(&path("train"), &path("run"), &some);
    assert_eq!(dataset(&path("run")).test.labels, Some(vec![1; 3]));
    pictures(&path("test/c"), 60..62);
    let (data, run) = (path("train"), path("other"));
    let line = format!("train {TINY} --data images:{} --out {}", data.display(), run.display());
    check_failed(&diabolo(&format!("{line} {test}")), 2, "has a class `c`");
    let both = format!("{line} {test} --hold-out 0.2");
    check_failed(&diabolo(&both), 2, "--hold-out");
    // Other sources give their own held-out part.
    check_failed(&diabolo(&format!("{line} --test-data sprites:20")), 2, "64x64 gray");
    let gray = format!("train {TINY} --data digits --limit 50 --out {}", path("digits").display());
    printed(&diabolo(&format!("{gray} --test-data digits")));
}

/// A run whose pictures are gone draws samples all the same, as it did when they were there.
#[test]
fn runs_draw_without_their_images() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    for class in ["9", "10"] {
        pictures(&path("data").join(class), class.parse().expect("a number")..25);
    }
    let data = path("data");
    let variants = [
        ("dense", "--variant dense --arch dense:4 --latent 2"),
        ("vqvae", "--variant vqvae --arch conv:4,4"),
        ("cvae", "--variant cvae --arch dense:4 --latent 2"),
    ];
    let sample = |run: &str, to: &str, more: &str| {
        let (run, to) = (path(run), path(to));
        diabolo(&format!(
            "sample -n 4 --model {} -o {} --device cpu {more}",
            run.display(),
            to.display()
        ))
    };
    for (name, options) in variants {
        let (data, run) = (data.display(), path(name));
        let line = format!("train {options} --epochs 1 --device cpu --data images:{data}");
        printed(&diabolo(&format!("{line} --out {}", run.display())));
        printed(&sample(name, &format!("{name}-before.png"), ""));
    }
    fs::remove_dir_all(&data).expect("the folder is ours");
    for (name, _) in variants {
        printed(&sample(name, &format!("{name}-after.png"), ""));
        let [before, after] = ["before", "after"]
            .map(|when| fs::read(path(&format!("{name}-{when}.png"))).expect("is written"));
        assert!(before == after, "{name}: other samples");
    }
    // Classes are known by name, in the order of their numbers.
    printed(&sample("cvae", "by-name.png", "--label 10"));
    printed(&sample("cvae", "by-number.png", "--label 1"));
    let [by_name, by_number] =
        ["by-name.png", "by-number.png"].map(|name| fs::read(path(name)).expect("is written"));
    assert!(by_name == by_number, "10 is the second class");
    check_failed(&sample("cvae", "x.png", "--label 11"), 2, "the model knows 0 9, 1 10");
    check_failed(&sample("dense", "x.png", "--label 9"), 2, "--label: has no effect");
    let run = path("dense");
    let probe = diabolo(&format!("probe --model {} --device cpu", run.display()));
    check_failed(&probe, 1, "the images of");
}

/// Files that are damaged are named, or taken for what they still are; nothing panics.
#[test]
fn what_a_run_remembers_may_be_damaged() {
    let folder = folder();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    pictures(&data, 0..12);
    train(&data, &run, "");
    for name in ["manifest.json", "codes.safetensors"] {
        let path = run.join(name);
        let whole = fs::read(&path).expect("is written");
        let mut damaged = vec![vec![], b"{}".to_vec(), whole[..whole.len() / 2].to_vec()];
        for at in (0..whole.len()).step_by(whole.len().div_ceil(60)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            damaged.push(bytes);
        }
        let mut refused = 0;
        for bytes in damaged {
            fs::write(&path, bytes).expect("the run is ours");
            let mut trained = Trained::load(&run, &DeviceChoice::Cpu).expect("a finished run");
            let sampled = trained.sample(2, 1.0, None, Seed(0)).map(drop);
            for error in [trained.dataset().map(drop), sampled].into_iter().filter_map(Result::err)
            {
                refused += 1;
                let said = error.to_string();
                let names = said.contains(name) || said.contains("back");
                assert!(names, "{name} is not named: {said}");
            }
        }
        assert!(refused >= 3, "{name}: {refused}");
        fs::write(&path, whole).expect("the run is ours");
    }
}
