//! Single files, standard output and devices.

use std::fs;
use std::process::Stdio;

use image::ImageFormat;

use super::TRAINED;
use super::pictures::{few_pictures, files, folder, picture, read};
use super::program::{Runs, check_failed, diabolo, printed, program, text};

/// A picture that is to be a JPEG by its name is one, or is refused.
#[test]
fn a_jpeg_is_asked_for_and_written() {
    let folder = folder();
    let out = folder.path().join("x.jpg");
    TRAINED.runs.task(&format!("sample -n 2 -o {}", out.display()), "dense");
    if out.exists() {
        let format = image::guess_format(&read(&out)).expect("a picture");
        assert_eq!(format, ImageFormat::Jpeg, "{format:?} is the format of x.jpg");
    }
}

/// A link is written through: what it leads to is what changes.
#[cfg(unix)]
#[test]
fn a_link_is_written_through() {
    let folder = folder();
    let [file, link] = ["real.png", "link.png"].map(|name| folder.path().join(name));
    fs::write(&file, "old").expect("the folder is ours");
    std::os::unix::fs::symlink(&file, &link).expect("the folder is ours");
    TRAINED.runs.succeeds(&format!("sample -n 1 -o {}", link.display()), "dense");
    let is_new = read(&file) != b"old";
    assert!(is_new, "the link is replaced, and what it leads to stays as it was");
}

/// The folder of a file to be written is made where it is missing, as a folder to be written is; or
/// the error names it, and no temporary file that nobody asked for.
#[test]
fn a_missing_folder_is_made_or_named() {
    let folder = folder();
    let missing = folder.path().join("missing");
    let line = format!("sample -n 1 -o {}", missing.join("s.png").display());
    let output = TRAINED.runs.task(&line, "dense");
    let said = text(&output.stderr);
    let helps = missing.is_dir() || !said.contains(".diabolo-");
    assert!(helps, "the error names a temporary file, not the folder that is missing: {said}");
}

/// The model that a task works with is not written over by what it makes.
#[test]
fn a_model_is_not_written_over() {
    let model = TRAINED.runs.path("dense").join("model.safetensors");
    let before = read(&model);
    let run = TRAINED.runs.path("dense");
    let line = format!("export --model {} --onnx {}", run.display(), model.display());
    check_failed(&diabolo(&line), 1, "is read");
    let line = format!("evaluate {} -o {}", run.display(), model.display());
    check_failed(&diabolo(&line), 1, "is read");
    assert!(read(&model) == before);
}

/// `-` is standard output, where nothing else goes.
#[test]
fn files_go_to_standard_output() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    few_pictures(folder.path(), 2);
    let [a, b] = ["00.png", "01.png"].map(|name| at(name).display().to_string());
    let bytes = |line: &str, model: &str| {
        let output = TRAINED.runs.task(line, model);
        printed(&output);
        output.stdout
    };
    let format = |bytes: &[u8]| image::guess_format(bytes).expect("a picture and nothing else");
    assert_eq!(format(&bytes("sample -n 2 -o -", "dense")), ImageFormat::Png);
    assert_eq!(format(&bytes(&format!("interpolate {a} {b} -o -"), "dense")), ImageFormat::Png);
    let table = text(&bytes(&format!("encode {a} -o -"), "dense"));
    assert!(table.starts_with("path,c0,c1\n") && table.lines().count() == 2, "{table}");
    let array = bytes(&format!("encode {a} -o - --format npy"), "dense");
    assert!(array.starts_with(b"\x93NUMPY"));
    let packed = bytes(&format!("compress {a} -o -"), "codec");
    assert!(packed.starts_with(b"DIAB"));
    fs::write(at("a.dia"), packed).expect("ours");
    let line = format!("decompress {} -o -", at("a.dia").display());
    assert_eq!(format(&bytes(&line, "codec")), ImageFormat::Png);
    TRAINED.runs.fails(&format!("reconstruct {a} -o -"), "dense", 2, "takes a folder");
    let run = TRAINED.runs.path("dense");
    let report = printed(&diabolo(&format!("report {} -o -", run.display())));
    assert!(report.starts_with("<!DOCTYPE html>") && report.trim_end().ends_with("</html>"));
}

/// /dev/stdout is what standard output is, wherever that goes, and stays.
#[cfg(target_os = "linux")]
#[test]
fn devices_are_written_to() {
    let folder = folder();
    let got = folder.path().join("got");
    let open = fs::File::create(&got).expect("ours");
    let run = TRAINED.runs.path("dense");
    let line = format!("export --model {} --onnx /dev/stdout", run.display());
    let mut command = program();
    command.args(line.split(' ')).stdout(open).stderr(Stdio::null());
    assert!(command.status().expect("runs").success());
    let (bytes, plain) = (read(&got), folder.path().join("plain.onnx"));
    let line = format!("export --model {} --onnx {}", run.display(), plain.display());
    printed(&diabolo(&line));
    assert!(bytes == read(&plain), "the model and nothing else");
    assert!(fs::symlink_metadata("/dev/stdout").expect("is there").is_symlink());
    let full = TRAINED.runs.task("sample -n 1 -o /dev/full", "dense");
    check_failed(&full, 1, "/dev/full");
}

/// Each ending is a format; others are refused with those that there are, before any work.
#[test]
fn the_ending_decides_the_format() {
    let folder = folder();
    for (ending, format) in [
        ("png", ImageFormat::Png),
        ("JPEG", ImageFormat::Jpeg),
        ("webp", ImageFormat::WebP),
        ("tif", ImageFormat::Tiff),
        ("bmp", ImageFormat::Bmp),
    ] {
        let out = folder.path().join(format!("x.{ending}"));
        TRAINED.runs.succeeds(&format!("sample -n 2 -o {}", out.display()), "dense");
        assert_eq!(image::guess_format(&read(&out)).expect("a picture"), format);
    }
    let out = folder.path().join("no/x.xyz");
    let line = format!("sample -n 2 -o {}", out.display());
    TRAINED.runs.fails(&line, "dense", 2, ".png, .jpg, .webp");
    assert!(!folder.path().join("no").exists(), "nothing is made for it");
}

/// A folder takes single files, at their own size.
#[test]
fn images_are_written_singly_into_a_folder() {
    let folder = folder();
    few_pictures(folder.path(), 2);
    let at = |name: &str| folder.path().join(name);
    let [a, b] = ["00.png", "01.png"].map(|name| at(name).display().to_string());
    fs::create_dir(at("there")).expect("ours");
    for (name, task) in [
        ("new/deep/", "sample -n 3".to_owned()),
        ("there", "sample -n 3".to_owned()),
        ("no-ending", "sample -n 3".to_owned()),
        ("way/", format!("interpolate {a} {b} --steps 3")),
    ] {
        let out = at(name);
        let line =
            format!("{task} -o {}{}", out.display(), if name.ends_with('/') { "/" } else { "" });
        TRAINED.runs.succeeds(&line, "dense");
        let expected = ["0000.png", "0001.png", "0002.png"].map(|name| out.join(name));
        assert_eq!(files(&out), expected);
        assert_eq!(image::image_dimensions(&expected[2]).expect("a picture"), (8, 8));
    }
    let only = at("only.gif");
    TRAINED.runs.succeeds(&format!("interpolate {a} {b} -o {}", only.display()), "dense");
    assert!(only.is_file() && !at("only.png").exists());
    let over = format!("interpolate {a} {b} -o {a}");
    TRAINED.runs.fails(&over, "dense", 1, "00.png");
}

/// A sheet is refused, before the work, where its format cannot hold it.
#[test]
fn a_sheet_that_is_too_large_is_refused_before_the_work() {
    let folder = folder();
    let out = folder.path().join("s.webp");
    for number in 0..4 {
        picture(&folder.path().join(format!("in/{number}.png")), (20, 20), number);
    }
    let options = "--variant dense --arch dense:4 --latent 2 --epochs 1";
    let data = format!("--data images:{}", folder.path().join("in").display());
    let runs = Runs::train(&data, &[("run", options)]);
    runs.fails(&format!("sample -n 10000 -o {}", out.display()), "run", 2, "16383");
    assert!(!out.exists());
}

/// A place that cannot be written is found before the work, and no other file is named.
#[test]
fn a_place_that_cannot_be_written_is_found_before_the_work() {
    let folder = folder();
    few_pictures(folder.path(), 2);
    let file = folder.path().join("file");
    fs::write(&file, "mine").expect("ours");
    let (pictures, below) = (folder.path().display(), file.join("below"));
    let below = below.display();
    for line in [
        format!("restore {pictures} -o {below}"),
        format!("reconstruct {pictures} -o {below}"),
        format!("augment {pictures} -o {below}"),
        format!("encode {pictures} -o {below}/codes.csv"),
        format!("sample -o {below}/s.png"),
    ] {
        let output = TRAINED.runs.task(&line, "dense");
        check_failed(&output, 1, "is a file where a folder is needed");
        assert!(!text(&output.stderr).contains(".diabolo-"), "{line}");
    }
    assert_eq!(read(&file), b"mine");
}

/// A run that cannot be written is probed all the same.
#[test]
fn results_of_a_probe_go_elsewhere() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    for number in 0..24 {
        let class = if number % 2 == 0 { "a" } else { "b" };
        picture(&at("classes").join(class).join(format!("{number}.png")), (8, 8), number);
    }
    let options = "--variant dense --arch dense:4 --latent 2 --epochs 1";
    let data = format!("--data images:{}", at("classes").display());
    let runs = Runs::train(&data, &[("run", options)]);
    runs.succeeds(&format!("probe -o {}", at("found/").display()), "run");
    assert_eq!(files(&at("found")), [at("found/confusion.png"), at("found/probe.json")]);
    runs.succeeds(&format!("probe -o {}", at("numbers.json").display()), "run");
    assert!(at("numbers.json").is_file() && at("numbers.png").is_file());
    let run = runs.path("run");
    assert!(!run.join("probe.json").exists());
    // Root may write everywhere, so that a folder in the way stands for what cannot be written.
    fs::create_dir(run.join("probe.json")).expect("ours");
    let output = runs.task("probe", "run");
    assert!(printed(&output).contains("accuracy"));
    assert!(text(&output.stderr).contains("probe.json"), "{}", text(&output.stderr));
}
