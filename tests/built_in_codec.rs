//! The codecs that are part of the program: what they wrote once is read for ever, and they are what pictures go through
//! where no model is named.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};

use diabolo::gpu::DeviceChoice;
use diabolo::tasks::{Codec, Quality, Raster, Rival};
use program::{check_failed, diabolo_in, printed};
use tempfile::tempdir;

fn codec(name: &str) -> Codec {
    Codec::load(Path::new(name), &DeviceChoice::Cpu).expect("is built in")
}

fn within(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder)
}

/// A photograph that no model has seen.
fn photograph() -> Raster {
    Raster::read(&within("photographs/unseen/camera.png")).expect("a picture").to_gray()
}

#[test]
fn files_that_were_stored_are_read() {
    // Whole numbers of the code, those that are not 0, and the sum of each times its place, remainder by a prime.
    let known = [
        ("colour-2", "codec", [18432, 572, 990431]),
        ("colour-7", "codec", [18432, 1713, 865714]),
        ("gray-2", "codec-gray", [9216, 838, 65775]),
        ("gray-7", "codec-gray", [9216, 2443, 347627]),
    ];
    for (name, model, numbers) in known {
        let path = within("compressed").join(format!("{name}.dia"));
        let bytes = fs::read(&path).expect("is stored");
        let mut codec = codec(model);
        let (header, codes) = codec.read(&bytes, &path).unwrap_or_else(|error| panic!("{error}"));
        let others = codes.values.iter().filter(|value| **value != 0).count();
        let weighed = codes.values.iter().zip(1..).map(|(value, place)| i64::from(*value) * place);
        let sum = weighed.sum::<i64>().rem_euclid(1_000_003) as usize;
        assert_eq!([codes.values.len(), others, sum], numbers, "{name}");
        let shown = codec.render(&codes, header.image).expect("fits");
        let stored = Raster::read(&path.with_extension("png")).expect("is stored");
        assert_eq!(shown.shape, stored.shape, "{name}");
        let furthest = shown.pixels.iter().zip(&stored.pixels).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(furthest <= Some(1), "{name}: {furthest:?} levels");
    }
}

#[test]
fn they_are_better_than_jpeg_at_any_size() {
    // Five photographs gained 2.6 to 3.7 dB; of one as small as this, JPEG's tables and headers are a good part as well.
    let gray = [photograph()];
    let colour = [photograph().to_colour()];
    for (name, pictures) in [("codec-gray", &gray), ("codec", &colour)] {
        for number in [2, 5, 8] {
            let quality = Quality::new(number).expect("is one");
            let ours = codec(name).with_quality(quality).expect("has all").measure(pictures);
            let ours = ours.expect("can be measured");
            let settings = Rival::Jpeg.settings().iter();
            let theirs = settings.map(|setting| Rival::Jpeg.measure(pictures, *setting));
            // What JPEG has where it takes as many bits, or more.
            let theirs = theirs.map(|one| one.expect("can be measured"));
            let above = theirs.into_iter().find(|one| one.bits_per_pixel >= ours.bits_per_pixel);
            let above = above.expect("JPEG has better settings");
            assert!(ours.psnr > above.psnr + 0.5, "{name} {number}: {ours:?}, {above:?}");
        }
    }
}

#[test]
fn folders_go_through_them_and_come_back() {
    let place = tempdir().expect("a folder");
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("photos/more")).expect("can be made");
    photograph().save(&at("photos/gray.png")).expect("can be written");
    let mut colour = photograph().to_colour();
    let plane = colour.pixels.len() / 3;
    colour.pixels[..plane].iter_mut().for_each(|red| *red /= 2);
    colour.save(&at("photos/more/colour.png")).expect("can be written");
    let said = printed(&diabolo_in(place.path(), "compress photos -o packed --device cpu"));
    for model in ["model: codec-gray, built in", "model: codec, built in"] {
        assert!(said.contains(model), "{said}");
    }
    let said = printed(&diabolo_in(place.path(), "decompress --info packed/more/colour.dia"));
    assert!(said.contains("codec, built in, version 1"), "{said}");
    printed(&diabolo_in(place.path(), "decompress packed -o back --device cpu"));
    for (name, picture) in [("gray.png", photograph()), ("more/colour.png", colour)] {
        let back = Raster::read(&at("back").join(name)).expect("was written");
        assert_eq!(back.shape, picture.shape, "{name}");
        assert!(picture.psnr(&back) > 32.0, "{name}: {} dB", picture.psnr(&back));
    }
    // What is done is done.
    let before = fs::metadata(at("packed/gray.dia")).expect("is there").modified().expect("known");
    printed(&diabolo_in(place.path(), "compress photos -o packed --device cpu --skip-existing"));
    let after = fs::metadata(at("packed/gray.dia")).expect("is there").modified().expect("known");
    assert_eq!(before, after);
    // Another model cannot read them.
    let line = "decompress packed/gray.dia -o other.png --device cpu --model codec";
    check_failed(
        &diabolo_in(place.path(), line),
        1,
        "built-in model codec-gray; leave out --model",
    );
    assert!(!at("other.png").exists());
}

#[test]
fn effort_pays() {
    let picture = photograph();
    let made = |effort: usize| {
        let mut codec = codec("codec-gray").with_effort(effort).expect("has numbers");
        codec.measure(std::slice::from_ref(&picture)).expect("can be measured")
    };
    let [plain, fitted] = [0, 3].map(made);
    let bits = fitted.bits_per_pixel / plain.bits_per_pixel;
    assert!(fitted.psnr > plain.psnr + 0.1 && bits < 1.02, "{plain:?} to {fitted:?}");
}
