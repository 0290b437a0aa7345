//! Numbers as NumPy has them, from `--data npy:` to every task that takes them.

#[path = "support/program.rs"]
mod program;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use diabolo::data::{Dataset, Element, LoadOptions, Source};
use diabolo::file::npy;
use diabolo::rng::{Philox, Seed, Stream};
use diabolo::tensor::Tensor;
use program::{check_failed, diabolo, printed, text};
use rand::RngExt;
use serde_json::Value;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Samples of eight numbers that follow from two, on scales from 1 to 1000 around means up to 5000; and
/// which of two kinds each is.
fn vectors(count: usize, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let mut random = Philox::new(Seed(seed), Stream(0));
    let (mut numbers, mut labels) = (vec![], vec![]);
    for _ in 0..count {
        let (a, b): (f32, f32) = (random.random_range(-1.0..1.0), random.random_range(-1.0..1.0));
        labels.push(f32::from(u8::from(a > 0.0)));
        for column in 0..8 {
            let mixed = a * (1.0 + column as f32).cos() + b * (2.0 + column as f32).sin();
            let scale = 10.0_f32.powf(3.0 * column as f32 / 7.0);
            numbers.push(scale * (mixed + 5.0 * (column % 3) as f32));
        }
    }
    (numbers, labels)
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("the folder is ours");
        path
    }

    fn array(&self, name: &str, shape: &[usize], numbers: &[f32]) -> PathBuf {
        let path = self.path(name);
        let tensor = Tensor::new(shape.to_vec(), numbers.to_vec()).expect("fits");
        npy::write(&path, &tensor).expect("writable");
        path
    }

    fn bytes(&self, name: &str, shape: &str, bytes: &[u8]) -> PathBuf {
        let mut header =
            format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}");
        while !(header.len() + 11).is_multiple_of(64) {
            header.push(' ');
        }
        header.push('\n');
        let start = [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes()].concat();
        let path = self.path(name);
        fs::write(&path, [&start[..], header.as_bytes(), bytes].concat()).expect("writable");
        path
    }

    /// An archive of these arrays.
    fn archive(&self, name: &str, arrays: &[(&str, &[usize], &[f32])]) -> PathBuf {
        let path = self.path(name);
        let mut archive = ZipWriter::new(File::create(&path).expect("writable"));
        for (name, shape, numbers) in arrays {
            archive.start_file(format!("{name}.npy"), SimpleFileOptions::default()).expect("new");
            let mut bytes = vec![];
            let tensor = Tensor::new(shape.to_vec(), numbers.to_vec()).expect("fits");
            npy::write_to(&mut bytes, &tensor).expect("fits in memory");
            archive.write_all(&bytes).expect("writable");
        }
        archive.finish().expect("writable");
        path
    }

    /// Trains on the processor; what was printed and said.
    fn train(&self, run: &str, options: &str) -> String {
        let run = self.path(run);
        let line = format!("train --device cpu --out {} {options}", run.display());
        let output = diabolo(&line);
        printed(&output) + &text(&output.stderr)
    }

    fn refuses(&self, code: i32, options: &str, words: &str) {
        let line = format!("train --device cpu --out {} {options}", self.path("no").display());
        check_failed(&diabolo(&line), code, words);
    }

    fn task(&self, line: &str, run: &str) -> String {
        let run = self.path(run);
        printed(&diabolo(&format!("{line} --device cpu --model {}", run.display())))
    }

    fn json(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.path(name)).expect("was written");
        serde_json::from_str(&text).expect("is JSON")
    }
}

fn measure(metrics: &Value, name: &str) -> f64 {
    metrics["test"][name].as_f64().unwrap_or_else(|| panic!("{name} was measured: {metrics}"))
}

fn read(path: &Path) -> Tensor {
    npy::read(path).expect("was written")
}

#[test]
fn vectors_on_any_scales_are_learned_and_come_back_in_their_units() {
    let place = Place::new();
    let (numbers, _) = vectors(600, 1);
    let data = place.array("x.npy", &[600, 8], &numbers);
    let data = data.display();
    let said =
        place.train("run", &format!("--variant dense --data npy:{data} --latent 3 --epochs 20"));
    assert!(said.contains("data: x, 540 vectors of 8 numbers to train on, 60 held out"), "{said}");
    let metrics = place.json("run/metrics.json");
    // Two numbers are all there is: three are enough for all of it.
    assert!(measure(&metrics, "explained") > 0.99, "{metrics}");
    assert!(metrics["test"].get("psnr").is_none() && metrics["test"].get("ssim").is_none());
    // What was standardised has mean 0 and deviation 1, whatever the column's scale.
    let dataset =
        Dataset::load(&format!("npy:{data}").parse().expect("a source"), &LoadOptions::default());
    let dataset = dataset.expect("can be read");
    let standardised = dataset.numbers(&dataset.train.pixels);
    for column in 0..8 {
        let all: Vec<f64> =
            standardised[column..].iter().step_by(8).map(|x| f64::from(*x)).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len() as f64;
        assert!(mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-4, "{column}: {mean} {variance}");
    }
    let stored = place.json("run/manifest.json");
    assert_eq!(stored["scaling"]["mean"].as_array().map(Vec::len), Some(8));
    // There and back again.
    let (codes, made) = (place.path("codes.npy"), place.path("made.npy"));
    place.task(&format!("encode {data} -o {}", codes.display()), "run");
    assert_eq!(read(&codes).shape()[..], [600, 3]);
    place.task(&format!("decode {} -o {}", codes.display(), made.display()), "run");
    let made = read(&made);
    assert_eq!(made.shape()[..], [600, 8]);
    let scales = stored["scaling"]["deviation"].as_array().expect("is a list").clone();
    let mut errors = 0.0;
    for (at, (x, y)) in numbers.iter().zip(made.data()).enumerate() {
        errors += (f64::from(x - y) / scales[at % 8].as_f64().expect("a number")).powi(2);
    }
    assert!(errors / 4800.0 < 0.01, "{errors}");
    let again = place.path("again.npy");
    let said = place.task(&format!("reconstruct {data} -o {}", again.display()), "run");
    assert!(said.contains("mean squared error 0.00") && said.contains("in deviations"), "{said}");
    assert_eq!(read(&again).data(), made.data());
    // New ones are near the old ones in their own units.
    place.task("sample -n 200", "run");
    let drawn = read(&place.path("run/samples.npy"));
    assert_eq!(drawn.shape()[..], [200, 8]);
    for column in 0..8 {
        let of = |all: &[f32]| {
            let all: Vec<f64> = all[column..].iter().step_by(8).map(|x| f64::from(*x)).collect();
            all.iter().sum::<f64>() / all.len() as f64
        };
        let deviation = scales[column].as_f64().expect("a number");
        assert!((of(&numbers) - of(drawn.data())).abs() < 0.4 * deviation, "{column}");
    }
}

#[test]
fn missing_numbers_are_neither_learned_nor_judged() {
    let place = Place::new();
    let (whole, _) = vectors(800, 2);
    let mut random = Philox::new(Seed(3), Stream(0));
    let is_missing: Vec<bool> = whole.iter().map(|_| random.random::<f32>() < 0.15).collect();
    let gaps = |(x, gap): (&f32, &bool)| if *gap { f32::NAN } else { *x };
    let numbers: Vec<f32> = whole.iter().zip(&is_missing).map(gaps).collect();
    let data = place.array("x.npy", &[800, 8], &numbers);
    let data = data.display();
    place.train("run", &format!("--variant dense --data npy:{data} --latent 2 --epochs 40"));
    let filled = place.path("filled.npy");
    place.task(&format!("reconstruct {data} -o {}", filled.display()), "run");
    let scaling = place.json("run/manifest.json")["scaling"].clone();
    let number = |name: &str, at: usize| scaling[name][at].as_f64().expect("a number");
    let filled = read(&filled);
    // What nobody saw is nearer to the truth than the column's mean is, whose error is 1.
    let (mut errors, mut count) = (0.0, 0.0);
    for at in (0..whole.len()).filter(|at| is_missing[*at]) {
        errors += (f64::from(whole[at] - filled.data()[at]) / number("deviation", at % 8)).powi(2);
        count += 1.0;
    }
    assert!(errors / count < 0.35, "{}", errors / count);
}

#[test]
fn archives_say_by_their_names_what_is_what() {
    let place = Place::new();
    let ((x, y), (test, labels)) = (vectors(400, 4), vectors(100, 5));
    let data = place.archive(
        "set.npz",
        &[
            ("x_train", &[400, 8], &x),
            ("y_train", &[400], &y),
            ("x_test", &[100, 8], &test),
            ("y_test", &[100, 1], &labels),
        ],
    );
    let data = data.display();
    let said =
        place.train("run", &format!("--variant dense --data npy:{data} --latent 3 --epochs 10"));
    assert!(said.contains("400 vectors of 8 numbers to train on, 100 held out"), "{said}");
    // The two kinds lie on either side of a plane of what was mixed.
    let metrics = place.json("run/metrics.json");
    assert!(measure(&metrics, "probe_accuracy") > 0.9, "{metrics}");
    place.task("probe", "run");
    assert_eq!(place.json("run/probe.json")["test"], 100);
    let learned = place.archive("a.npz", &[("x", &[400, 8], &x), ("y", &[400], &y)]);
    let said = place.task(&format!("probe --train {} --test {data}", learned.display()), "run");
    assert!(
        said.contains("of 100 codes of 3 numbers, by a linear probe that learned from 400"),
        "{said}"
    );
    // The same in a folder, a file each.
    place.array("folder/x_train.npy", &[400, 8], &x);
    place.array("folder/x_test.npy", &[100, 8], &test);
    let folder = Dataset::load(&Source::Numbers(place.path("folder")), &LoadOptions::default());
    let file = Dataset::load(&Source::Numbers(place.path("set.npz")), &LoadOptions::default());
    let (folder, file) = (folder.expect("can be read"), file.expect("can be read"));
    assert_eq!((folder.train.pixels, folder.test.pixels), (file.train.pixels, file.test.pixels));
    assert_eq!(file.classes, ["0", "1"]);
    let unclear =
        place.archive("unclear.npz", &[("a", &[2, 2], &[0.0; 4]), ("b", &[2, 2], &[0.0; 4])]);
    let options = format!("--variant dense --data npy:{}", unclear.display());
    place.refuses(1, &options, "has 2 arrays: a, b; name one of them x");
    let twice =
        place.archive("twice.npz", &[("x", &[2, 2], &[0.0; 4]), ("data", &[2, 2], &[0.0; 4])]);
    let options = format!("--variant dense --data npy:{}", twice.display());
    place.refuses(1, &options, "has `x` and `data`, which are the same by their names");
}

#[test]
fn a_conditional_model_is_told_the_labels_of_an_archive() {
    let place = Place::new();
    let (x, y) = vectors(400, 6);
    let data = place.archive("set.npz", &[("x", &[400, 8], &x), ("y", &[400], &y)]);
    place.train("run", &format!("--variant cvae --data npy:{} --epochs 5", data.display()));
    let made = place.path("ones.npy");
    place.task(&format!("sample -n 50 --label 1 -o {}", made.display()), "run");
    assert_eq!(read(&made).shape()[..], [50, 8]);
}

#[test]
fn strange_vectors_are_found() {
    let place = Place::new();
    let (x, _) = vectors(600, 7);
    let (mut test, _) = vectors(120, 8);
    // Of the last 40, two numbers change places that are on different scales.
    for row in test.chunks_mut(8).skip(80) {
        row.swap(3, 6);
    }
    let labels: Vec<f32> = (0..120).map(|at| f32::from(u8::from(at >= 80))).collect();
    let data = place.array("x.npy", &[600, 8], &x);
    let judged = place.archive("test.npz", &[("x", &[120, 8], &test), ("y", &[120], &labels)]);
    place.train(
        "run",
        &format!("--variant dense --data npy:{} --latent 3 --epochs 20", data.display()),
    );
    let (data, judged, out) = (data.display(), judged.display(), place.path("found"));
    place.task(&format!("anomaly --test {judged} --out {}", out.display()), "run");
    let verdict = place.json("found/anomaly.json");
    let found = fs::read_to_string(place.path("found/scores.csv")).expect("was written");
    assert!(verdict["auroc"].as_f64().is_some_and(|area| area > 0.98), "{verdict}");
    assert_eq!((verdict["judged"].as_u64(), verdict["held_out"].as_u64()), (Some(120), Some(60)));
    assert_eq!(found.lines().count(), 121);
    assert!(found.lines().nth(120).is_some_and(|line| line.contains("test.npz#119,1,")), "{found}");
    // Without a run, one is trained first.
    let out = place.path("own");
    let line = format!(
        "anomaly --train {data} --test {judged} --out {} --latent 3 --epochs 20 --device cpu",
        out.display()
    );
    printed(&diabolo(&line));
    let verdict = place.json("own/anomaly.json");
    assert!(verdict["auroc"].as_f64().is_some_and(|area| area > 0.98), "{verdict}");
    assert_eq!(verdict["held_out"], 120, "a fifth sets the threshold");
}

#[test]
fn images_of_any_channels_are_learned_and_bytes_are_pixels() {
    let place = Place::new();
    let mut random = Philox::new(Seed(9), Stream(0));
    let mut numbers = vec![];
    for _ in 0..60 {
        let (x, y): (f32, f32) = (random.random_range(0.0..8.0), random.random_range(0.0..8.0));
        for channel in 0..5 {
            let at =
                |place: usize| ((place / 8) as f32 - x).powi(2) + ((place % 8) as f32 - y).powi(2);
            numbers.extend(
                (0..64).map(|place| 1000.0 * channel as f32 * (-at(place) / 8.0).exp() - 300.0),
            );
        }
    }
    let data = place.array("images.npy", &[60, 5, 8, 8], &numbers);
    let data = data.display();
    let said = place.train(
        "run",
        &format!("--variant conv --arch conv:8 --latent 8 --data npy:{data} --epochs 30"),
    );
    assert!(said.contains("54 images of 5x8x8 numbers to train on, 6 held out"), "{said}");
    assert!(measure(&place.json("run/metrics.json"), "explained") > 0.6);
    for picture in ["reconstructions.png", "samples.png", "filters.png"] {
        assert!(place.path("run").join(picture).is_file(), "{picture}");
    }
    let made = place.path("made.npy");
    place.task(&format!("reconstruct {data} -o {}", made.display()), "run");
    assert_eq!(read(&made).shape()[..], [60, 5, 8, 8]);
    // Bytes of images are what pixels of pictures are.
    let bytes: Vec<u8> = (0..10 * 6 * 6 * 3).map(|at| (at * 7 % 256) as u8).collect();
    let path = place.bytes("bytes.npy", "10, 6, 6, 3", &bytes);
    let dataset =
        Dataset::load(&Source::Numbers(path), &LoadOptions::default()).expect("can be read");
    assert_eq!((dataset.element, dataset.scaling), (Element::Byte, None));
    assert_eq!(dataset.shape.to_string(), "6x6 RGB");
    let mut all = [dataset.train.pixels, dataset.test.pixels].concat();
    let mut wanted = bytes;
    all.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(all, wanted);
}

#[test]
fn a_range_makes_pixels_of_numbers() {
    let place = Place::new();
    let numbers: Vec<f32> = (0..40 * 16).map(|at| -1000.0 + (at * 37 % 4000) as f32).collect();
    let path = place.array("ct.npy", &[40, 4, 4], &numbers);
    let options = LoadOptions { range: "-1000-1000".parse().ok(), ..LoadOptions::default() };
    let dataset = Dataset::load(&Source::Numbers(path.clone()), &options).expect("can be read");
    let pixels = dataset.numbers(&dataset.train.pixels);
    assert!(pixels.iter().all(|pixel| (0.0..=1.0).contains(pixel)) && dataset.scaling.is_none());
    assert!(pixels.contains(&1.0), "what lies above the range is white");
    let data = path.display();
    place.train(
        "run",
        &format!(
            "--variant dense --loss bce --latent 4 --data npy:{data} --range -1000-1000 --epochs 2"
        ),
    );
    let made = place.path("made.npy");
    place.task(&format!("reconstruct {data} -o {}", made.display()), "run");
    assert!(read(&made).data().iter().all(|number| (-1000.0..=1000.0).contains(number)));
}

#[test]
fn a_file_a_sample_stays_in_its_part_and_its_folder_is_its_class() {
    let place = Place::new();
    let (numbers, _) = vectors(20, 10);
    for (at, sample) in numbers.chunks(8).enumerate() {
        place.array(&format!("data/{}/{at}.npy", ["a", "b"][at % 2]), &[8], sample);
    }
    let data = place.path("data");
    let options = format!("--variant dense --latent 2 --epochs 1 --data npy:{}", data.display());
    place.train("run", &options);
    let before = place.json("run/manifest.json");
    assert_eq!(before["classes"], serde_json::json!(["a", "b"]));
    assert_eq!(before["held_out"].as_array().map(Vec::len), Some(2));
    place.array("data/a/new.npy", &[8], &[0.0; 8]);
    let codes = place.path("codes.csv");
    place.task(&format!("encode --dataset test -o {}", codes.display()), "run");
    let codes = fs::read_to_string(codes).expect("was written");
    let held_out = before["held_out"][0]["file"].as_str().expect("a name");
    assert!(codes.contains(held_out) && codes.lines().count() == 3, "{codes}");
    // Those of another shape are named.
    place.array("data/a/odd.npy", &[7], &[0.0; 7]);
    place.refuses(1, &options, "1 of 22 files cannot be used");
    place.train("without", &format!("{options} --skip-damaged"));
}

#[test]
fn a_run_goes_on_to_the_same_bits() {
    let place = Place::new();
    let data = place.array("x.npy", &[200, 8], &vectors(200, 11).0);
    let options = format!("--variant vae --data npy:{}", data.display());
    place.train("whole", &format!("{options} --epochs 4"));
    place.train("parts", &format!("{options} --epochs 2 --schedule constant"));
    place.train("straight", &format!("{options} --epochs 4 --schedule constant"));
    place.train("parts", &format!("{options} --epochs 4 --schedule constant --resume"));
    let tensors = |run: &str| {
        let bytes = fs::read(place.path(run).join("model.safetensors")).expect("was written");
        let header = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
        bytes[8 + header as usize..].to_vec()
    };
    assert_eq!(tensors("parts"), tensors("straight"));
    assert_ne!(tensors("whole"), tensors("straight"));
}

#[test]
fn graphics_processors_learn_what_the_processor_does() {
    let place = Place::new();
    let (whole, _) = vectors(200, 12);
    let gaps = |(at, x): (usize, &f32)| if at % 7 == 0 { f32::NAN } else { *x };
    let gaps: Vec<f32> = whole.iter().enumerate().map(gaps).collect();
    // A model of whole vectors begins where its gradients are rounding, of which Adam makes whole steps.
    for (name, numbers, options) in [("whole", whole, "--lr 1e-6"), ("gaps", gaps, "")] {
        let data = place.array(&format!("{name}.npy"), &[200, 8], &numbers);
        let options = format!(
            "--variant dense --latent 1 --epochs 2 {options} --data npy:{}",
            data.display()
        );
        place.train("cpu", &format!("{options} --overwrite"));
        let run = place.path("gpu");
        let line = format!("train {options} --overwrite --device gpu --out {}", run.display());
        printed(&diabolo(&line));
        let [cpu, gpu] =
            ["cpu", "gpu"].map(|run| measure(&place.json(&format!("{run}/metrics.json")), "mse"));
        assert!((cpu - gpu).abs() < 1e-3 * cpu, "{name}: {cpu} {gpu}");
    }
}

#[test]
fn what_makes_no_sense_of_numbers_is_refused() {
    let place = Place::new();
    let (x, _) = vectors(40, 13);
    let data = place.array("x.npy", &[40, 8], &x);
    let data = format!("--data npy:{}", data.display());
    for (code, options, words) in [
        (2, "--variant conv", "--arch: convolves, and the numbers of a vector have no neighbours"),
        (2, "--variant vae --arch conv:8", "--arch: convolves"),
        (2, "--variant vae --loss bce", "--loss: is of probabilities"),
        (
            2,
            "--variant denoising --noise salt-pepper:0.1",
            "--noise: `salt-pepper:0.1` makes pixels black",
        ),
        (2, "--variant dense --size 8x8", "--size: has no effect"),
        (2, "--variant dense --gray", "--gray: has no effect"),
        (2, "--variant dense --patches 2x2", "--patches: has no effect"),
        (2, "--variant dense --missing random:0.1", "--missing: is of pixels"),
    ] {
        place.refuses(code, &format!("{options} {data}"), words);
    }
    let infinite = place.array("inf.npy", &[2, 2], &[0.0, 1.0, f32::INFINITY, 2.0]);
    let options = format!("--variant dense --data npy:{}", infinite.display());
    place.refuses(1, &options, "has inf in sample 1");
    let scalar = place.array("scalar.npy", &[4], &[0.0; 4]);
    let options = format!("--variant dense --data npy:{}", scalar.display());
    place.refuses(1, &options, "has an array of shape [4]; samples are [N, D]");
    place.train("run", &format!("--variant dense --epochs 1 --latent 2 {data}"));
    let run = place.path("run");
    let task = |line: &str| diabolo(&format!("{line} --device cpu --model {}", run.display()));
    let picture = place.path("a.png");
    image::GrayImage::new(8, 1).save(&picture).expect("writable");
    let (picture, out) = (picture.display(), place.path("out"));
    let out = out.display();
    for line in [
        format!("encode {picture} -o {out}.npy"),
        format!("restore {picture} -o {out}"),
        format!("compress {picture} -o {out}.dia"),
        format!("interpolate {picture} {picture} -o {out}.png"),
    ] {
        check_failed(&task(&line), 1, "learned standardised numbers");
    }
    let other = place.array("other.npy", &[4, 9], &[0.0; 36]);
    let line = format!("encode {} -o {out}.npy", other.display());
    check_failed(&task(&line), 1, "has samples of [9]; this model takes [8]");
    check_failed(
        &task(&format!("sample -o {out}.png")),
        2,
        "numbers go to one file, such as made.npy",
    );
    fs::remove_file(run.join("manifest.json")).expect("was written");
    let line = format!("encode {} -o {out}.npy", place.path("x.npy").display());
    check_failed(&task(&line), 1, "which says what numbers were standardised by, is missing");
}
