//! Models that are part of the program do what their cards say, and go by their names.

#[path = "support/program.rs"]
mod program;

use std::path::Path;

use diabolo::gpu::DeviceChoice;
use diabolo::ops::CorruptionKind;
use diabolo::rng::Seed;
use diabolo::tasks::restore::{Quality, corrupt};
use diabolo::tasks::{BUILT_IN, BuiltIn, Raster, Trained};
use program::{check_failed, diabolo, diabolo_in, printed};
use tempfile::tempdir;

/// A photograph that no model has seen, in red, green and blue.
fn photograph() -> Raster {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photographs/unseen/camera.png");
    Raster::read(&path).expect("a picture").to_colour()
}

#[test]
fn each_has_a_card_that_says_what_it_needs_to() {
    for model in BUILT_IN {
        assert!(!model.title().is_empty(), "{}", model.name);
        for section in ["## Figures", "## Learned from", "## Made by", "## Licence"] {
            assert!(model.card.contains(section), "{} lacks {section}", model.name);
        }
        let made = format!("data/models/make PHOTOGRAPHS {}", model.name);
        assert!(model.card.contains(&made), "{} lacks its command", model.name);
        assert!(BuiltIn::named(model.name).is_some_and(|found| found.card == model.card));
    }
    assert!(BuiltIn::named("none").is_none());
}

/// Checks that a model makes `clean` better by these decibels than each kind of noise left it: floors a little below
/// the gains that were measured.
fn check_gains(model: &str, clean: &Raster, floors: [(&str, f64); 3]) {
    let clean = clean.to_tensor();
    let mut trained = Trained::load(Path::new(model), &DeviceChoice::Cpu).expect("is built in");
    for (noise, floor) in floors {
        let corrupted = corrupt(&clean, noise.parse().expect(noise), Seed(0), 0).expect(noise);
        let restored = trained.restore(&corrupted, None).expect("of any size");
        let [before, after] = [&corrupted, &restored]
            .map(|picture| Quality::of(picture, &clean).expect("of one size").psnr);
        assert!(after > before + floor, "{model}, {noise}: {before} to {after}");
    }
}

#[test]
fn jpeg_takes_away_what_coding_left() {
    check_gains("jpeg", &photograph(), [("jpeg:10", 0.7), ("jpeg:20", 0.6), ("jpeg:40", 0.3)]);
}

#[test]
fn camera_takes_away_noise_that_grows_with_brightness() {
    let floors = [("camera:0.03", 2.0), ("camera:0.1", 7.0), ("camera:0.2", 9.5)];
    check_gains("camera", &photograph(), floors);
}

#[test]
fn deblur_sharpens_what_was_softened() {
    check_gains("deblur", &photograph(), [("blur:0.7", 0.7), ("blur:1.5", 2.0), ("blur:2.5", 2.5)]);
}

#[test]
fn haze_is_undone() {
    check_gains(
        "haze",
        &photograph(),
        [("haze:0.3-0.8", 16.0), ("haze:0.5", 14.5), ("haze:0.8", 5.5)],
    );
}

#[test]
fn missing_fills_holes_and_changes_nothing_else() {
    let floors = [("mask:0.3", 25.3), ("salt-pepper:0.1", 27.4), ("salt-pepper:0.5", 24.2)];
    check_gains("missing", &photograph(), floors);
    let clean = photograph().to_tensor();
    let corrupted = corrupt(&clean, "salt-pepper:0.2".parse().expect("right"), Seed(0), 0);
    let corrupted = corrupted.expect("a picture");
    let mut trained = Trained::load(Path::new("missing"), &DeviceChoice::Cpu).expect("is built in");
    let restored = trained.restore(&corrupted, None).expect("of any size");
    let pairs = restored.data().iter().zip(corrupted.data());
    let others = pairs.filter(|(_, corrupted)| (0.001..0.999).contains(*corrupted));
    let mut count = 0;
    others.for_each(|(restored, corrupted)| {
        assert_eq!(restored, corrupted);
        count += 1;
    });
    assert!(count > clean.data().len() / 2, "{count}");
}

/// A hole that is far wider than what the model sees about a pixel.
#[test]
fn what_was_cut_out_of_a_picture_is_filled_from_around() {
    let place = tempdir().expect("a folder");
    let mut picture = photograph().to_image().into_rgba8();
    let (left, top, side) = (4, 4, 40);
    for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (left + x, top + y))) {
        picture.put_pixel(x, y, image::Rgba([0; 4]));
    }
    picture.save(place.path().join("cut.png")).expect("can be written");
    let said = printed(&diabolo_in(place.path(), "restore cut.png -o out --device cpu"));
    assert!(said.contains("model: missing, built in"), "{said}");
    let made = image::open(place.path().join("out/cut.png")).expect("a picture").into_rgba8();
    for (x, y, pixel) in made.enumerate_pixels() {
        let is_cut = (left..left + side).contains(&x) && (top..top + side).contains(&y);
        match is_cut {
            // Of the sky, which is brighter than most of the rest.
            true => assert!(pixel.0[3] == 255 && pixel.0[0] > 100, "{x} {y}: {pixel:?}"),
            false => assert_eq!(pixel, picture.get_pixel(x, y)),
        }
    }
}

#[test]
fn denoise_takes_away_noise_in_colour() {
    let floors = [("gaussian:0.0588", 8.0), ("gaussian:0.098", 10.0), ("gaussian:0.196", 12.0)];
    check_gains("denoise", &photograph(), floors);
}

#[test]
fn noise_is_taken_away_without_a_model_and_beside_one() {
    let place = tempdir().expect("a folder");
    photograph().to_gray().save(&place.path().join("clean.png")).expect("can be written");
    let noisy = "restore clean.png --noise gaussian:0.098 --noise-level 0.098 -o out";
    let decibels = |more: &str| {
        let said = printed(&diabolo_in(place.path(), &format!("{noisy} {more}")));
        let restored = said.split("-> ").nth(1).and_then(|rest| rest.split(" dB").next());
        restored.and_then(|number| number.parse::<f64>().ok()).unwrap_or_else(|| panic!("{said}"))
    };
    let zero_shot = decibels("--zero-shot");
    let model = decibels("--model denoise-gray --device cpu");
    let both = decibels("--model denoise-gray --device cpu --nonlocal");
    assert!(zero_shot > 28.0 && zero_shot > model - 1.0, "{zero_shot} dB, {model} by the model");
    assert!(both > model + 0.1 && both > zero_shot, "{both} dB of {model} and {zero_shot}");
    // Refused where it cannot be done.
    let jpeg = "restore clean.png -o other --model jpeg --nonlocal";
    check_failed(&diabolo_in(place.path(), jpeg), 2, "--nonlocal");
    let both = "restore clean.png -o other --zero-shot --model denoise-gray";
    check_failed(&diabolo_in(place.path(), both), 2, "--zero-shot");
    let holes = "restore clean.png -o other --zero-shot --noise mask:clean.png";
    check_failed(&diabolo_in(place.path(), holes), 1, "lacks pixels");
}

#[test]
fn denoise_gray_takes_away_noise_of_any_strength() {
    let floors = [("gaussian:0.0588", 7.9), ("gaussian:0.098", 9.5), ("gaussian:0.196", 11.4)];
    check_gains("denoise-gray", &photograph().to_gray(), floors);
}

#[test]
fn noise_in_gray_pictures_is_taken_away_without_a_word_on_the_model() {
    let place = tempdir().expect("a folder");
    photograph().to_gray().save(&place.path().join("gray.png")).expect("can be written");
    let line = "restore gray.png -o out --device cpu --noise-level 0.1";
    let said = printed(&diabolo_in(place.path(), line));
    assert!(said.contains("model: denoise-gray, built in"), "{said}");
}

#[test]
fn files_of_jpeg_are_restored_without_a_word_on_the_model() {
    let place = tempdir().expect("a folder");
    photograph().save(&place.path().join("photo.jpg")).expect("can be written");
    // A folder of that name is no model.
    std::fs::create_dir(place.path().join("jpeg")).expect("can be made");
    let line = "restore photo.jpg -o out --device cpu";
    let said = printed(&diabolo_in(place.path(), line));
    assert!(said.contains("model: jpeg, built in"), "{said}");
    assert!(place.path().join("out/photo.png").is_file());
    // Where it is named, a folder comes first.
    let named = diabolo_in(place.path(), &format!("{line} --overwrite --model jpeg"));
    check_failed(&named, 1, "model.safetensors: is missing");
}

#[test]
fn other_pictures_ask_for_a_model() {
    let place = tempdir().expect("a folder");
    photograph().save(&place.path().join("photo.png")).expect("can be written");
    let asked = diabolo_in(place.path(), "restore photo.png -o out --device cpu");
    check_failed(&asked, 2, "--model: is needed, as pictures do not say");
    for model in BUILT_IN {
        check_failed(&asked, 2, model.title());
    }
    assert!(!place.path().join("out").exists());
}

/// What was said of pictures decides: those for which there is a model get it, and others are told that there is none.
#[test]
fn what_pictures_suffer_from_chooses_the_model() {
    let place = tempdir().expect("a folder");
    let picture = photograph().to_image().crop_imm(0, 0, 40, 32);
    picture.save(place.path().join("photo.png")).expect("can be written");
    let mut holed = picture.into_rgba8();
    holed.get_pixel_mut(3, 4).0[3] = 0;
    holed.save(place.path().join("holed.png")).expect("can be written");
    for (line, kind) in [
        ("photo.png --noise jpeg:20", CorruptionKind::Jpeg),
        ("photo.png --noise gaussian:0.1", CorruptionKind::Gaussian),
        ("photo.png --noise salt-pepper:0.1", CorruptionKind::SaltAndPepper),
        ("photo.png --noise mask:0.1", CorruptionKind::Mask),
        ("photo.png --noise haze", CorruptionKind::Haze),
        ("photo.png --noise camera:0.1", CorruptionKind::Camera),
        ("photo.png --noise blur:1", CorruptionKind::Blur),
        ("photo.png --noise-level 0.1", CorruptionKind::Gaussian),
        ("holed.png", CorruptionKind::Mask),
    ] {
        let line = format!("restore {line} -o out --overwrite --device cpu");
        let output = diabolo_in(place.path(), &line);
        match BuiltIn::against(kind, false) {
            Some(model) => {
                let said = printed(&output);
                assert!(
                    said.contains(&format!("model: {}, built in", model.name)),
                    "{line}: {said}"
                );
            }
            None => {
                check_failed(&output, 2, &format!("no built-in one is against `{}`", kind.name()))
            }
        }
    }
}

#[test]
fn models_are_listed_and_described() {
    let listed = printed(&diabolo("models"));
    for model in BUILT_IN {
        assert!(listed.contains(model.name) && listed.contains(model.title()), "{listed}");
    }
    assert!(printed(&diabolo("models jpeg")).contains("## Licence"));
    check_failed(&diabolo("models png"), 2, "`png` is no model");
}

/// A file without the optimiser's state stands in for a run's, and makes the same of a picture; in half width, too,
/// since these are rounded already.
#[test]
fn exported_weights_take_a_models_place() {
    let place = tempdir().expect("a folder");
    photograph().save(&place.path().join("photo.png")).expect("can be written");
    let in_place = |line: &str| printed(&diabolo_in(place.path(), line));
    in_place("restore photo.png -o named --device cpu --model jpeg");
    for (run, options) in [("single", ""), ("half", "--half")] {
        std::fs::create_dir(place.path().join(run)).expect("can be made");
        in_place(&format!("export --weights {run}/model.safetensors {options} --model jpeg"));
        in_place(&format!("restore photo.png -o of-{run} --device cpu --model {run}"));
    }
    let [named, single, half] = ["named", "of-single", "of-half"]
        .map(|folder| std::fs::read(place.path().join(folder).join("photo.png")).expect(folder));
    assert!(named == single && named == half, "copies of one model differ");
    let [single, half] = ["single", "half"].map(|run| {
        std::fs::metadata(place.path().join(run).join("model.safetensors")).expect(run).len()
    });
    assert!(half < single * 6 / 10, "{half} bytes in place of {single}");
}
