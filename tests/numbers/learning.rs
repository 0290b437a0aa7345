//! Numbers are standardised, learned, and come back in their units.

use std::fs;

use super::*;

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
