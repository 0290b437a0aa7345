//! Pictures are read as they are, or it is said why not: by the library, and by the program.

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use diabolo::arithmetic::byte::number_of_byte;
use diabolo::data::{Dataset, Fit, LoadOptions, Source};
use diabolo::error::Result;
use diabolo::gpu::DeviceChoice;
use diabolo::tasks::{Pictures, Raster, Trained};
use diabolo::train::Config;
use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use program::{check_failed, diabolo, printed, text};
use tempfile::TempDir;

/// Options of a training that takes no time.
const TINY: &str = "--variant dense --arch dense:4 --latent 2 --epochs 1 --device cpu";

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

fn load(folder: &Path, options: &LoadOptions) -> Result<Dataset> {
    Dataset::load(&Source::Images(folder.to_path_buf()), options)
}

fn count(data: &Dataset) -> usize {
    data.train.count + data.test.count
}

/// A training with the pictures of a folder, and what it is to be given besides.
fn train(pictures: &Path, out: &Path, options: &str) -> Output {
    let (pictures, out) = (pictures.display(), out.display());
    diabolo(&format!("train {TINY} --data images:{pictures} --out {out} {options}"))
}

/// All that a program said that succeeded.
fn said(output: &Output) -> String {
    printed(output) + &text(&output.stderr)
}

/// A gray picture of its own for every number.
fn picture(path: &Path, (width, height): (u32, u32), number: u32) {
    let image = GrayImage::from_fn(width, height, |x, y| {
        let light = (37 * number + 5 * x) % 200;
        Luma([if (x + number) % 8 < y % 8 { 255 - light as u8 } else { light as u8 }])
    });
    image.save(path).expect("the folder is ours");
}

/// Pictures of 8x8: `00.png`, `01.png` and so on.
fn few_pictures(folder: &Path, count: u32) {
    for number in 0..count {
        picture(&folder.join(format!("{number:02}.png")), (8, 8), number);
    }
}

/// Pictures of 16 bits, with 256 values from 0 to 4080.
fn narrow_pictures(folder: &Path, count: u32) {
    for number in 0..count {
        let at = |x: u32, y: u32| Luma([(16 * ((16 * y + x + number) % 256)) as u16]);
        let image = ImageBuffer::<Luma<u16>, Vec<u16>>::from_fn(16, 16, at);
        image.save(folder.join(format!("{number:02}.png"))).expect("the folder is ours");
    }
}

/// A picture of noise, which leaves each byte of its file something to say.
fn noise(path: &Path) -> Vec<u8> {
    let image = RgbImage::from_fn(64, 64, |x, y| {
        let noise = (x * 64 + y).wrapping_mul(2_654_435_761) >> 24;
        Rgb([noise as u8, (noise / 2) as u8, 100])
    });
    let image = DynamicImage::ImageRgb8(image);
    // Icons are read with an alpha channel only.
    let is_icon = path.extension().is_some_and(|ending| ending == "ico");
    let image = if is_icon { image.into_rgba8().into() } else { image };
    image.save(path).expect("the folder is ours");
    fs::read(path).expect("just written")
}

/// A JPEG that ends early is damaged, and an error says so; one with something behind it is whole.
#[test]
fn a_truncated_jpeg_is_refused() {
    let folder = folder();
    let path = folder.path().join("cut.jpg");
    let bytes = noise(&path);
    for share in [20, 40, 80, 99] {
        fs::write(&path, &bytes[..bytes.len() * share / 100]).expect("the folder is ours");
        let error = Raster::read(&path).expect_err("a JPEG cut short is taken for a whole one");
        assert!(error.to_string().contains("cut off"), "{error}");
    }
    for behind in [&b"\0\0"[..], b"\xff\xd8 another picture", &bytes] {
        fs::write(&path, [&bytes, behind].concat()).expect("the folder is ours");
        Raster::read(&path).expect("what comes behind the picture is not the picture's");
    }
}

/// No format is read from half a file without a word.
#[test]
fn half_a_file_is_refused_in_any_format() {
    let folder = folder();
    for ending in ["png", "jpg", "bmp", "gif", "tiff", "tga", "qoi", "webp", "ico", "ppm"] {
        let path = folder.path().join(format!("cut.{ending}"));
        let bytes = noise(&path);
        Raster::read(&path).expect("whole");
        fs::write(&path, &bytes[..bytes.len() / 2]).expect("the folder is ours");
        let error = Raster::read(&path).err().unwrap_or_else(|| panic!("half a {ending} is read"));
        assert!(error.to_string().contains("cannot be decoded"), "{error}");
    }
}

/// An arithmetic-coded JPEG is whole but of a kind that is not read, and the error says which.
#[test]
fn a_jpeg_of_a_kind_that_is_not_read_is_called_so() {
    let folder = folder();
    let path = folder.path().join("odd.jpg");
    let mut bytes = noise(&path);
    let marker = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]);
    let marker = marker.expect("a baseline JPEG") + 1;
    for (kind, words) in [(0xc9, "an arithmetic-coded JPEG"), (0xc3, "a lossless JPEG")] {
        bytes[marker] = kind;
        fs::write(&path, &bytes).expect("the folder is ours");
        let error = Raster::read(&path).expect_err("is not read").to_string();
        assert!(error.contains(words) && error.contains("convert it"), "{error}");
        assert!(!error.contains("decoded"), "{error}");
    }
}

/// A file that is not there is not damaged, and one of another format is called by it.
#[test]
fn missing_and_foreign_files_are_called_so() {
    let folder = folder();
    let path = folder.path().join("photo.jpg");
    let error = Raster::read(&path).expect_err("is not there").to_string();
    assert!(error.contains("there is no such file") && !error.contains("decoded"), "{error}");
    fs::write(&path, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").expect("the folder is ours");
    let error = Raster::read(&path).expect_err("is HEIC").to_string();
    assert!(error.contains("is HEIC, which is not read; convert it"), "{error}");
}

/// A picture that does not exist is not called damaged.
#[test]
fn a_missing_picture_is_called_missing() {
    let folder = folder();
    let [data, missing, codes, run] =
        ["data", "missing.png", "codes.csv", "run"].map(|name| folder.path().join(name));
    fs::create_dir(&data).expect("the folder is ours");
    few_pictures(&data, 3);
    printed(&train(&data, &run, ""));
    let (missing, codes, run) = (missing.display(), codes.display(), run.display());
    let task = diabolo(&format!("encode {missing} -o {codes} --model {run} --device cpu"));
    check_failed(&task, 1, "missing.png: there is no such file");
    assert!(!text(&task.stderr).contains("decoded"), "a missing picture is called damaged");
}

/// All damaged files of a folder are named in one go, so that they can be removed in one go.
#[test]
fn all_damaged_files_are_named_at_once() {
    let folder = folder();
    few_pictures(folder.path(), 4);
    let bad = ["bad-1.png", "bad-2.png", "bad-3.png"];
    for name in bad {
        fs::write(folder.path().join(name), "text").expect("the folder is ours");
    }
    let named = |error: String| {
        assert!(bad.iter().all(|name| error.contains(name)), "not all are named: {error}");
        assert!(error.contains("3 of 7 pictures") && !error.contains('\n'), "{error}");
    };
    let error = load(folder.path(), &LoadOptions::default()).expect_err("damaged").to_string();
    assert!(error.contains("--skip-damaged"), "{error}");
    named(error);
    let shape = diabolo::data::ImageShape { channels: 1, height: 8, width: 8 };
    let read = Pictures::read(&[folder.path().to_path_buf()], shape);
    named(read.expect_err("damaged").to_string());
}

/// Pictures too small for a patch are as useless as damaged ones.
#[test]
fn pictures_too_small_for_patches_are_named_with_damaged_ones() {
    let folder = folder();
    let path = |name| folder.path().join(name);
    for name in ["a.png", "b.png", "c.png"] {
        picture(&path(name), (32, 24), 1);
    }
    picture(&path("small.png"), (5, 5), 1);
    fs::write(path("text.png"), "text").expect("the folder is ours");
    let options = LoadOptions { patches: Some((8, 8)), ..LoadOptions::default() };
    let error = load(folder.path(), &options).expect_err("two").to_string();
    assert!(error.contains("small.png: is 5x5") && error.contains("text.png"), "{error}");
    let options = LoadOptions { skip_damaged: true, ..options };
    assert_eq!(count(&load(folder.path(), &options).expect("three are left")), 36);
}

/// Damaged pictures are left out if so wished, with a word, and by tasks that load the data again.
#[test]
fn damaged_files_are_skipped_on_request() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("the folder is ours");
    few_pictures(&data, 8);
    fs::write(data.join("03.png"), "text").expect("the folder is ours");
    fs::write(data.join("05.png"), "no").expect("the folder is ours");
    let run = folder.path().join("run");
    check_failed(&train(&data, &run, ""), 1, "2 of 8 pictures cannot be used: 03.png");
    let said = said(&train(&data, &run, "--skip-damaged"));
    assert!(said.contains("2 of 8 pictures are skipped: 03.png"), "{said}");
    let codes = folder.path().join("codes.csv");
    let (run, codes) = (run.display(), codes.display());
    let line = format!("encode --dataset test -o {codes} --model {run} --device cpu");
    printed(&diabolo(&line));
}

/// What a picture of 16 bits holds is kept where it uses a part of the range alone, or it is said
/// how few levels are left.
#[test]
fn sixteen_bits_of_a_narrow_range_are_kept_or_spoken_of() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("the folder is ours");
    narrow_pictures(&data, 4);
    let levels = |options: &LoadOptions| {
        let data = load(&data, options).expect("pictures");
        data.train.pixels.iter().collect::<BTreeSet<_>>().len()
    };
    assert_eq!(levels(&LoadOptions::default()), 17);
    let range = Some("0-4080".parse().expect("a range"));
    assert_eq!(levels(&LoadOptions { range, ..LoadOptions::default() }), 256);
    let run = folder.path().join("run");
    let told = said(&train(&data, &run, ""));
    assert!(told.contains("17 of 256 levels; --range 0-4080 "), "{told}");
    let told = said(&train(&data, &run, "--range 0-4080 --overwrite"));
    assert!(!told.contains("levels"), "{told}");
    // Pictures that are handed to the model later are read as the run's own.
    let path = run.join("config.toml");
    let text = fs::read_to_string(&path).expect("a run has options");
    let config = Config::from_toml(&text, &path).expect("as they were written");
    let pictures = Pictures::read(&[data], config.intake()).expect("pictures");
    let most = pictures.images.data().iter().copied().fold(0.0, f32::max);
    assert_eq!(most, 1.0);
}

/// A picture is known by its content where its ending says nothing.
#[test]
fn pictures_under_odd_endings_are_read() {
    let folder = folder();
    few_pictures(folder.path(), 4);
    let path = |name| folder.path().join(name);
    for name in ["frame.0001", "photo.img", "a.jpe", "no-ending", ".hidden.png"] {
        fs::copy(path("00.png"), path(name)).expect("the folder is ours");
    }
    fs::write(path("report.txt"), "P6 is no picture").expect("the folder is ours");
    fs::write(path("photo.part"), &fs::read(path("00.png")).expect("there")[..30]).expect("ours");
    let data = load(folder.path(), &LoadOptions::default()).expect("pictures");
    assert_eq!(count(&data), 8, "pictures are left out for the endings of their names");
    Raster::read(&path("frame.0001")).expect("a PNG by its content");
}

/// Files that are left out are counted by their endings, so that a format that is not read is seen.
#[test]
fn files_that_are_left_out_are_counted_by_ending() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("the folder is ours");
    few_pictures(&data, 4);
    for number in 0..5 {
        let path = data.join(format!("IMG_{number}.HEIC"));
        fs::write(path, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").expect("the folder is ours");
    }
    fs::write(data.join("notes.txt"), "text").expect("the folder is ours");
    let run = folder.path().join("run");
    let told = said(&train(&data, &run, ""));
    let words = "6 files are left out: 5 .heic: not read, convert them first (for instance to PNG or \
                 JPEG); 1 .txt: no pictures";
    assert!(told.contains(words), "it is not said which files were left out: {told}");
    for number in 0..4 {
        fs::remove_file(data.join(format!("{number:02}.png"))).expect("the folder is ours");
    }
    check_failed(&train(&data, &run, ""), 1, "holds no image (5 .heic: not read, convert");
}

/// Opening a pipe would wait for ever.
#[cfg(unix)]
#[test]
fn pipes_and_broken_links_are_not_opened() {
    let folder = folder();
    few_pictures(folder.path(), 3);
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.png")).status();
    assert!(made.expect("this system has mkfifo").success());
    std::os::unix::fs::symlink("nowhere", folder.path().join("link.png")).expect("ours");
    let data = load(folder.path(), &LoadOptions::default()).expect("pictures");
    assert_eq!(count(&data), 3);
}

/// A long and narrow picture of few pixels is read: it is pixels that take memory, not sides.
#[test]
fn a_panorama_is_read() {
    let folder = folder();
    let path = folder.path().join("panorama.png");
    picture(&path, (20_000, 64), 1);
    let read = Raster::read(&path);
    assert!(read.is_ok(), "a picture of 1.3 million pixels is refused: {:?}", read.err());
    picture(&folder.path().join("another.png"), (20_000, 64), 2);
    let options = LoadOptions { patches: Some((32, 32)), ..LoadOptions::default() };
    assert_eq!(count(&load(folder.path(), &options).expect("parts of them")), 2 * 625 * 2);
}

/// Parts of one picture are enough, and those that are held out are not trained on.
#[test]
fn one_picture_is_enough_for_patches() {
    let folder = folder();
    // The value of a pixel is its column.
    let image = GrayImage::from_fn(200, 40, |x, _| Luma([x as u8]));
    image.save(folder.path().join("one.png")).expect("the folder is ours");
    let options = LoadOptions { patches: Some((16, 16)), ..LoadOptions::default() };
    let data = load(folder.path(), &options).expect("parts");
    assert_eq!((data.train.count, data.test.count), (22, 2));
    // Named by itself, it is the same whatever lies beside it.
    let elsewhere = TempDir::new().expect("a temporary folder");
    let file = elsewhere.path().join("one.png");
    fs::copy(folder.path().join("one.png"), &file).expect("the folder is ours");
    GrayImage::new(9, 9).save(elsewhere.path().join("two.png")).expect("the folder is ours");
    let by_itself = load(&file, &options).expect("parts");
    assert_eq!((&by_itself.train, &by_itself.test), (&data.train, &data.test));
    assert_eq!((by_itself.name.as_str(), &*by_itself.train.files[0].file), ("one", "one.png"));
    let (trained, held_out) = (&data.train.pixels, &data.test.pixels);
    assert!(trained.iter().max() < held_out.iter().min());
    let options = LoadOptions { hold_out: Some(0.5), limit: Some(3), ..options };
    let data = load(folder.path(), &options).expect("parts");
    assert_eq!((data.train.count, data.test.count), (3, 12));

    let error = load(folder.path(), &LoadOptions::default()).expect_err("one").to_string();
    assert!(error.contains("at least 2") && error.contains("--patches"), "{error}");
    let error = load(&file, &LoadOptions::default()).expect_err("one").to_string();
    assert!(error.contains("one.png: is a single image; at least 2"), "{error}");
    let notes = elsewhere.path().join("notes.txt");
    fs::write(&notes, "none").expect("the folder is ours");
    let error = load(&notes, &options).expect_err("no picture").to_string();
    assert!(error.contains("notes.txt: is no image"), "{error}");
    // As what is held out, it is all parts of it; and a run that was trained so remembers it.
    let (file, others) = (file.display(), folder.path().display());
    let run = elsewhere.path().join("run");
    let train = format!(
        "train --data images:{others} --test-data images:{file} --patches 16x16 --epochs 1 --variant dense \
         --device cpu --out {}",
        run.display()
    );
    let said = printed(&diabolo(&train));
    assert!(said.contains("24 images") && said.contains("24 held out"), "{said}");
    let trained = Trained::load(&run, &DeviceChoice::Cpu).expect("a run").dataset().expect("parts");
    assert_eq!((trained.train.count, trained.test.count), (24, 24));
    let options = LoadOptions { patches: Some((120, 30)), ..LoadOptions::default() };
    let error = load(folder.path(), &options).expect_err("no room").to_string();
    assert!(error.contains("too small for a part to train on"), "{error}");
}

/// Stretching is said; what fits otherwise is kept with the run, and used for all its pictures.
#[test]
fn pictures_are_fitted_as_asked_in_training_and_tasks() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("the folder is ours");
    for number in 0..4 {
        // Black ends and a light middle.
        let at = |x: u32, _| Luma([if (15..45).contains(&x) { 200 } else { 0 }]);
        let image = GrayImage::from_fn(60, 15, at);
        image.save(data.join(format!("{number}.png"))).expect("the folder is ours");
    }
    let run = folder.path().join("run");
    let told = said(&train(&data, &run, "--size 16x16"));
    assert!(told.contains("4 of 4 pictures are stretched to 16x16"), "{told}");
    for (fit, mean) in [("stretch", 100.0), ("crop", 200.0), ("pad", 25.0)] {
        let told = said(&train(&data, &run, &format!("--size 16x16 --fit {fit} --overwrite")));
        assert!(!told.contains("stretched"), "{told}");
        let path = run.join("config.toml");
        let text = fs::read_to_string(&path).expect("a run has options");
        let config = Config::from_toml(&text, &path).expect("as they were written");
        assert!(config.fit.is_some());
        let pictures =
            Pictures::read(std::slice::from_ref(&data), config.intake()).expect("pictures");
        let numbers = pictures.images.data();
        let found = 255.0 * numbers.iter().sum::<f32>() / numbers.len() as f32;
        assert!((found - mean).abs() < 8.0, "{fit}: {found} in place of {mean}");
    }
    check_failed(&train(&data, &run, "--fit crop"), 2, "--fit: has no effect without --size");
    let options =
        LoadOptions { size: Some((16, 16)), fit: Some(Fit::Crop), ..LoadOptions::default() };
    assert_eq!(load(&data, &options).expect("fine").shape.width, 16);
}

/// A TIFF of two gray pages, each of one value, as a writer of stacks makes it.
fn stack(values: [u8; 3]) -> Vec<u8> {
    let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
    for (page, value) in values.into_iter().enumerate() {
        let tags =
            [(256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (273, 0), (278, 4), (279, 16)];
        let pixels = bytes.len() as u32 + 2 + 12 * tags.len() as u32 + 4;
        bytes.extend((tags.len() as u16).to_le_bytes());
        for (tag, number) in tags {
            let number = if tag == 273 { pixels } else { number };
            bytes.extend([tag as u16, 4].map(u16::to_le_bytes).concat());
            bytes.extend([1, number].map(u32::to_le_bytes).concat());
        }
        let next = if page + 1 == values.len() { 0 } else { pixels + 16 };
        bytes.extend(next.to_le_bytes());
        bytes.extend([value; 16]);
    }
    bytes
}

/// Each page of a TIFF is a picture, and has a name.
#[test]
fn pages_of_a_tiff_are_pictures_of_their_own() {
    let folder = folder();
    let path = folder.path().join("stack.tif");
    fs::write(&path, stack([10, 20, 30])).expect("the folder is ours");
    let data = load(folder.path(), &LoadOptions::default()).expect("three pictures");
    let pixels = [&data.train.pixels[..], &data.test.pixels].concat();
    let values: BTreeSet<u8> = pixels.into_iter().collect();
    assert_eq!(values, BTreeSet::from([10, 20, 30]));
    let shape = diabolo::data::ImageShape { channels: 1, height: 4, width: 4 };
    let pictures = Pictures::read(&[folder.path().to_path_buf()], shape).expect("pages");
    let names: Vec<_> = pictures.paths.iter().map(|path| path.file_name()).collect();
    assert_eq!(
        names,
        ["stack.tif[0]", "stack.tif[1]", "stack.tif[2]"].map(|name| Some(name.as_ref()))
    );
    assert_eq!(pictures.images.data()[40], number_of_byte(30));
    let page = Raster::read(&folder.path().join("stack.tif[1]")).expect("the second page");
    assert_eq!(page.pixels, [20; 16]);
    let error = Raster::read(&folder.path().join("stack.tif[3]")).expect_err("there are three");
    assert!(error.to_string().contains("has no such page; it has 3"), "{error}");
}

/// Gray TIFFs of floating-point numbers are read as others are; what lies beyond black and white is said.
#[test]
fn gray_floating_point_pictures_are_read() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("the folder is ours");
    for number in 0..3 {
        let file = fs::File::create(data.join(format!("{number}.tif"))).expect("ours");
        let mut encoder = tiff::encoder::TiffEncoder::new(file).expect("ours");
        let numbers: Vec<f32> = (0..64).map(|at| at as f32).collect();
        let written = encoder.write_image::<tiff::encoder::colortype::Gray32Float>(8, 8, &numbers);
        written.expect("the folder is ours");
    }
    let range = Some("0-63".parse().expect("a range"));
    let images = load(&data, &LoadOptions { range, ..LoadOptions::default() }).expect("read").train;
    assert_eq!([images.image(0)[0], images.image(0)[21], images.image(0)[63]], [0, 85, 255]);
    let told = said(&train(&data, &folder.path().join("run"), ""));
    assert!(told.contains("3 pictures hold values from 0 to 63"), "{told}");
}

/// Numbers of a TIFF of floating-point numbers lie in [0, 1], unless a range is given.
#[test]
fn floating_point_pictures_are_read_or_the_way_is_said() {
    let folder = folder();
    for number in 0..2 {
        let at = |x: u32, _: u32| Rgb([x as f32 / 10.0; 3]);
        let image = ImageBuffer::<Rgb<f32>, Vec<f32>>::from_fn(8, 8, at);
        let path = folder.path().join(format!("{number}.tiff"));
        DynamicImage::ImageRgb32F(image).save(path).expect("the folder is ours");
    }
    let data = load(folder.path(), &LoadOptions::default()).expect("read");
    assert_eq!(data.train.image(0)[..4], [0, 26, 51, 77]);
    let range = Some("0-0.5".parse().expect("a range"));
    let data = load(folder.path(), &LoadOptions { range, ..LoadOptions::default() }).expect("read");
    assert_eq!(data.train.image(0)[..6], [0, 51, 102, 153, 204, 255]);
}
