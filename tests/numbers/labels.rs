//! Archives and folders say what is what and of which class; what makes no sense is refused.

use std::fs;

use super::*;

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
    // The same in a folder, a file a sample and a sub-folder a class.
    for (at, sample) in test.chunks(8).enumerate().skip(60).take(40) {
        let class = if at < 80 { "good" } else { "swapped" };
        place.array(&format!("folder/{class}/{at}.npy"), &[8], sample);
    }
    let (folder, out) = (place.path("folder"), place.path("of-folder"));
    let said =
        place.task(&format!("anomaly --test {} --out {}", folder.display(), out.display()), "run");
    assert!(said.contains("of 20 anomalies") && said.contains("of 20 normal"), "{said}");
    let found = fs::read_to_string(out.join("scores.csv")).expect("was written");
    assert!(found.contains("99.npy,swapped,"), "{found}");
    let line = format!("probe --train {0} --test {0}", folder.display());
    let said = place.task(&line, "run");
    assert!(said.contains("of 40 codes of 3 numbers"), "{said}");
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
    let parted = place.archive(
        "parted.npz",
        &[("x_train", &[600, 8], &x), ("x_test", &[50, 8], &vectors(50, 14).0)],
    );
    let out = place.path("parted");
    let line = format!(
        "anomaly --train {} --test {judged} --out {} --latent 3 --epochs 5 --device cpu",
        parted.display(),
        out.display()
    );
    printed(&diabolo(&line));
    assert_eq!(place.json("parted/anomaly.json")["held_out"], 50, "those that are told apart do");
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
    let empty = place.bytes("empty.npy", "5, 1099511627776, 1099511627776, 0", &[]);
    let options = format!("--variant dense --data npy:{}", empty.display());
    place.refuses(1, &options, "empty.npy: ");
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
    let line = format!("anomaly --test {picture} --out {out}");
    check_failed(&task(&line), 1, "learned standardised numbers");
    check_failed(
        &task(&format!("sample -o {out}.png")),
        2,
        "numbers go to one file, such as made.npy",
    );
    fs::remove_file(run.join("manifest.json")).expect("was written");
    let line = format!("encode {} -o {out}.npy", place.path("x.npy").display());
    check_failed(&task(&line), 1, "which says what numbers were standardised by, is missing");
}
