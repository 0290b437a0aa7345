//! Denoising models learn from pairs of pictures, whatever has corrupted one of each, also where the
//! other one is noisy too.

#[path = "support/devices.rs"]
mod devices;
#[path = "support/pictures.rs"]
mod pictures;
#[path = "support/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use devices::{cpu, gpu};
use diabolo::data::{Dataset, Images, LoadOptions, Source};
use diabolo::evaluate::Evaluation;
use diabolo::gpu::DeviceChoice;
use diabolo::graph::Executor;
use diabolo::inference::layout;
use diabolo::models::{Choices, Kind};
use diabolo::run::checkpoint;
use diabolo::tasks::Trained;
use diabolo::train::{Config, Trainer};
use image::{GrayImage, ImageReader, Luma};
use pictures::folder;
use program::{check_failed, diabolo, printed, text};

/// Options of a training from patches that takes seconds.
const SMALL: &str = "train --variant denoising --residual --patches 16x16 --device cpu";

/// Waves, with a square somewhere, in middle grays.
fn clean(number: u32) -> GrayImage {
    let (length, phase) = (3.0 + f64::from(number % 5), f64::from(number));
    let (left, top, side) = (7 * number % 24, 11 * number % 24, 4 + number % 5);
    GrayImage::from_fn(32, 32, |x, y| {
        let wave = (f64::from(x) / length + phase).sin() * (f64::from(y) / 5.0).cos();
        let is_square = (left..left + side).contains(&x) && (top..top + side).contains(&y);
        Luma([if is_square { 60 + (40 * number % 130) as u8 } else { (125.0 + 60.0 * wave) as u8 }])
    })
}

/// Every fourth column at 40% of its light.
fn striped(number: u32) -> GrayImage {
    let mut picture = clean(number);
    for (x, _, light) in picture.enumerate_pixels_mut() {
        if x % 4 == number % 4 {
            light.0[0] = (f64::from(light.0[0]) * 0.4) as u8;
        }
    }
    picture
}

/// Noise of mean 0 that is cut off nowhere, another one for each `shot` of a picture.
fn noisy(number: u32, shot: u32) -> GrayImage {
    let mut picture = clean(number);
    let mut state = 2 * number + shot + 1;
    for light in picture.pixels_mut() {
        // A linear congruential generator (Numerical Recipes), of which the high bits are used.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 16) as i32 % 101 - 50;
        light.0[0] = (i32::from(light.0[0]) + noise) as u8;
    }
    picture
}

/// Writes a picture of every number, and gives their folder.
fn write(folder: PathBuf, numbers: std::ops::Range<u32>, of: impl Fn(u32) -> GrayImage) -> PathBuf {
    fs::create_dir_all(&folder).expect("the folder is ours");
    for number in numbers {
        of(number).save(folder.join(format!("{number:02}.png"))).expect("the folder is ours");
    }
    folder
}

/// Folders of pairs below `top`, whose first picture is striped.
fn stripes(top: &Path, count: u32) -> String {
    let given = write(top.join("noisy"), 0..count, striped);
    let wanted = write(top.join("clean"), 0..count, clean);
    format!("pairs:{},{}", given.display(), wanted.display())
}

fn read(path: &Path) -> GrayImage {
    let reader = ImageReader::open(path).expect("is written");
    reader.decode().expect("is a picture").into_luma8()
}

fn decibels(squares: f64, count: usize) -> f64 {
    10.0 * (255.0 * 255.0 * count as f64 / squares).log10()
}

fn squares(a: &[u8], b: &[u8]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

fn psnr(a: &GrayImage, b: &GrayImage) -> f64 {
    decibels(squares(a, b), a.len())
}

/// How far the pictures that are given are from what they should become.
fn corrupted_psnr(dataset: &Dataset, images: &Images) -> f64 {
    let halves =
        (0..images.count).map(|index| images.image(index).split_at(dataset.shape.elements()));
    let sum = halves.map(|(given, wanted)| squares(given, wanted)).sum();
    decibels(sum, images.pixels.len() / 2)
}

/// What was measured of a run.
fn measures(run: &Path) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(run.join("metrics.json")).expect("is written");
    let all: serde_json::Value = serde_json::from_str(&text).expect("is JSON");
    serde_json::from_value(all["test"].clone()).expect("numbers by name")
}

#[test]
fn what_the_program_knows_nothing_of_is_learned_from_pairs() {
    let folder = folder();
    let (data, run) = (stripes(folder.path(), 40), folder.path().join("run"));
    printed(&diabolo(&format!("{SMALL} --epochs 12 --data {data} --out {}", run.display())));
    let found = measures(&run);
    let trained = Trained::load(&run, &DeviceChoice::Cpu).expect("a finished run");
    let dataset = trained.dataset().expect("the pairs are there");
    let expected = corrupted_psnr(&dataset, &dataset.test);
    assert!((found["corrupted_psnr"] - expected).abs() < 1e-3, "{found:?}, not {expected}");
    assert!(found["restored_psnr"] > found["corrupted_psnr"] + 6.0, "{found:?}");
    assert!(found["restored_psnr"] > found["median_psnr"], "{found:?}");
    assert!((found["restored_psnr"] - found["psnr"]).abs() < 1e-2, "{found:?}");
    assert!(found["ssim"] > found["corrupted_ssim"] + 0.2, "{found:?}");
    for picture in ["restored.png", "reconstructions.png"] {
        assert!(run.join(picture).is_file(), "{picture}");
    }

    // Pictures that it never saw are taken as they are.
    let new = write(folder.path().join("new"), 90..93, striped);
    let wanted = write(folder.path().join("new-clean"), 90..93, clean);
    let out = folder.path().join("out");
    let [new_, wanted_, out_, run_] = [&new, &wanted, &out, &run].map(|path| path.display());
    let said = printed(&diabolo(&format!(
        "restore {new_} --clean {wanted_} -o {out_} --model {run_} --device cpu"
    )));
    for name in ["90.png", "91.png", "92.png"] {
        let wanted = read(&wanted.join(name));
        let before = psnr(&read(&new.join(name)), &wanted);
        let line = format!("{name}: {before:.2} dB");
        assert!(said.contains(&line), "`{line}` is not in: {said}");
        let after = psnr(&read(&out.join(name)), &wanted);
        assert!(after > before + 6.0, "{name}: from {before} to {after} dB");
    }
    assert_eq!(fs::read_dir(&out).expect("is written").count(), 3);
}

/// Lehtinen et al., "Noise2Noise: learning image restoration without clean data", 2018.
#[test]
fn noisy_pictures_are_enough_where_each_is_there_twice() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let first = write(path("first"), 0..40, |number| noisy(number, 0));
    let second = write(path("second"), 0..40, |number| noisy(number, 1));
    let data = format!("pairs:{},{}", first.display(), second.display());
    let (run, new, out) = (path("run"), write(path("new"), 90..94, |n| noisy(n, 0)), path("out"));
    printed(&diabolo(&format!("{SMALL} --epochs 12 --data {data} --out {}", run.display())));
    let [new_, out_, run_] = [&new, &out, &run].map(|path| path.display());
    printed(&diabolo(&format!("restore {new_} -o {out_} --model {run_} --device cpu")));
    let mean = |folder: &Path| {
        let of = |number| psnr(&read(&folder.join(format!("{number}.png"))), &clean(number));
        (90..94).map(of).sum::<f64>() / 4.0
    };
    let (before, after) = (mean(&new), mean(&out));
    assert!(after > before + 3.0, "from {before} to {after} dB");
    // What is measured against noisy pictures has their noise in it.
    let measured = measures(&run)["restored_psnr"];
    assert!(measured < after - 1.0, "{measured} against noisy ones, {after} against clean ones");
}

#[test]
fn all_pairs_that_cannot_be_used_are_named_at_once() {
    let folder = folder();
    let (data, run) = (stripes(folder.path(), 7), folder.path().join("run"));
    let side = |name: &str| folder.path().join("clean").join(name);
    fs::remove_file(side("01.png")).expect("is there");
    clean(2).save(side("02.bmp")).expect("the folder is ours");
    fs::rename(side("02.png"), side("02.tif.png")).expect("the folder is ours");
    clean(2).save(side("02.jpg")).expect("the folder is ours");
    GrayImage::new(31, 32).save(side("03.png")).expect("the folder is ours");
    fs::write(side("04.png"), "no picture").expect("the folder is ours");
    let line = format!("{SMALL} --epochs 1 --data {data} --out {}", run.display());
    let output = diabolo(&line);
    let said = text(&output.stderr);
    for words in [
        "4 of 7 pictures cannot be used",
        "01.png: has no clean picture: there is no 01.* in",
        "02.bmp or to",
        "02.jpg",
        "03.png: is 32x32, but",
        "04.png: cannot be decoded",
        "or give --skip-damaged to go on without",
        "02.tif.png",
    ] {
        check_failed(&output, 1, words);
    }
    assert!(said.contains("1 picture left out, as nothing in"), "{said}");
    assert!(!run.exists(), "a run that fails at its images leaves no folder");
    let output = diabolo(&format!("{line} --skip-damaged"));
    assert!(printed(&output).contains("8 pairs of 16x16 gray to train on, 4 held out"));
    assert!(text(&output.stderr).contains("4 of 7 pictures are skipped"));
    // A task that reads the images again leaves out the same.
    let trained = Trained::load(&run, &DeviceChoice::Cpu).expect("a finished run");
    let dataset = trained.dataset().expect("three pairs are whole");
    assert_eq!((dataset.train.count, dataset.test.count), (8, 4));
}

#[test]
fn only_denoising_models_take_pairs_and_nothing_is_corrupted_besides() {
    let folder = folder();
    let data = stripes(folder.path(), 3);
    let out = folder.path().join("run");
    for variant in ["dense", "conv", "sparse", "contractive", "vae", "cvae", "iwae", "vqvae"] {
        let line = format!("train --variant {variant} --data {data} --out {}", out.display());
        check_failed(&diabolo(&line), 2, "give --variant denoising, or images:DIR");
    }
    for option in ["--noise blur:1", "--test-noise blur:1", "--missing random:0.1"] {
        let line =
            format!("train --variant denoising --data {data} --out {} {option}", out.display());
        let name = option.split(' ').next().expect("a name");
        check_failed(&diabolo(&line), 2, &format!("{name}: has no effect on pairs"));
    }
    let line = format!("train --variant denoising --test-data {data} --out {}", out.display());
    check_failed(&diabolo(&line), 2, "has pairs, but --data has none");
    assert!(!out.exists());
}

#[test]
fn a_run_that_was_cut_in_two_ends_where_the_whole_one_does() {
    let folder = folder();
    let data = stripes(folder.path(), 12);
    let path = |name: &str| folder.path().join(name);
    let train = |out: &str, more: &str| {
        let out = path(out);
        let (options, out) = ("--arch conv:8 --schedule constant", out.display());
        printed(&diabolo(&format!("{SMALL} {options} --data {data} --out {out} {more}")))
    };
    train("whole", "--epochs 3");
    train("parts", "--epochs 1");
    // The same folders in other words are the same pairs.
    let said = train("parts", "--epochs 3 --resume");
    assert!(said.contains("epoch 2/3") && !said.contains("epoch 1/3"), "{said}");
    let states = ["whole", "parts"].map(|name| {
        let trained = Trained::load(&path(name), &DeviceChoice::Cpu).expect("a finished run");
        let layout = layout(trained.model()).expect("has a state");
        checkpoint::load(&path(name).join("model.safetensors"), &layout).expect("is whole").state
    });
    assert_eq!(states[0], states[1]);
    assert_eq!(measures(&path("whole")), measures(&path("parts")));
    // Another clean picture makes other pairs.
    clean(50).save(path("clean").join("03.png")).expect("the folder is ours");
    let out = path("parts");
    let line =
        format!("{SMALL} --arch conv:8 --schedule constant --data {data} --epochs 4 --resume");
    let output = diabolo(&format!("{line} --out {}", out.display()));
    check_failed(&output, 1, "have changed since");
    let codes = path("codes.csv");
    let (out, codes) = (out.display(), codes.display());
    let line = format!("encode --dataset test --model {out} --device cpu -o {codes}");
    let output = diabolo(&line);
    printed(&output);
    let said = text(&output.stderr);
    assert!(said.contains("should now become another clean picture: 03.png"), "{said}");
}

#[test]
fn both_devices_learn_the_same_from_pairs() {
    let folder = folder();
    let source: Source = stripes(folder.path(), 12).parse().expect("two folders");
    let options = LoadOptions { patches: Some((12, 8)), ..LoadOptions::default() };
    let dataset = Dataset::load(&source, &options).expect("pairs");
    for options in ["conv:6", "dense:20"] {
        let arch = Some(options.parse().expect("layers"));
        let choices = Choices { arch, ..Choices::default() };
        let (model, _) = Kind::Denoising.build(dataset.shape, 0, &choices, false).expect("fits");
        let config = Config { batch: 7, ..Config::new(model) };
        let learn = |device: &mut dyn Executor| {
            let mut trainer = Trainer::new(device, &config, &dataset).expect("fits");
            let report = trainer.epoch_of_training(&mut ()).expect("an epoch");
            let Evaluation(mut found) = report.test;
            found.insert("training".into(), report.train_loss);
            found
        };
        let (on_cpu, on_gpu) = (learn(&mut cpu()), learn(&mut gpu()));
        assert!(on_cpu.contains_key("corrupted_ssim") && on_cpu.len() == on_gpu.len());
        for (name, expected) in &on_cpu {
            let found = on_gpu[name];
            assert!(
                (found - expected).abs() <= 1e-3 * expected.abs(),
                "{name}: {found}, {expected}"
            );
        }
        let noisy = Config { noise: "blur:1".parse().ok(), ..config.clone() };
        let said = Trainer::new(&mut cpu(), &noisy, &dataset).err().expect("refused").to_string();
        assert!(said.starts_with("--noise"), "{said}");
    }
}
