//! Files that are written where they should not be, or not as they should be.

use std::fs;

use image::ImageFormat;

use super::program::text;
use super::{TRAINED, few_pictures, files, folder, picture, read};

/// A task refuses to write over the pictures that it reads, unless it is told to.
#[test]
#[should_panic(expected = "the original is written over")]
fn restore_leaves_originals_alone() {
    let folder = folder();
    few_pictures(folder.path(), 2);
    let before = read(&folder.path().join("00.png"));
    let pictures = folder.path().display();
    TRAINED.runs.task(&format!("restore {pictures} -o {pictures}"), "dense");
    assert!(read(&folder.path().join("00.png")) == before, "the original is written over");
}

/// `compress` refuses to put its file in the place of the picture.
#[test]
#[should_panic(expected = "the original is written over")]
fn compress_leaves_the_original_alone() {
    let folder = folder();
    let original = folder.path().join("photo.png");
    picture(&original, (8, 8), 1);
    let before = read(&original);
    let name = original.display();
    TRAINED.runs.task(&format!("compress {name} -o {name}"), "codec");
    assert!(read(&original) == before, "the original is written over");
}

/// `decompress photo.dia` beside the `photo.png` that it came from refuses to write over that.
#[test]
#[should_panic(expected = "the original is written over")]
fn decompress_leaves_the_original_alone() {
    let folder = folder();
    let original = folder.path().join("photo.png");
    picture(&original, (8, 8), 1);
    let before = read(&original);
    TRAINED.runs.succeeds(&format!("compress {}", original.display()), "codec");
    let compressed = original.with_extension("dia");
    TRAINED.runs.task(&format!("decompress {}", compressed.display()), "codec");
    assert!(read(&original) == before, "the original is written over");
}

/// Pictures of one name in several folders are each measured by the one in the same folder: against
/// the very same folders, nothing differs.
#[test]
#[should_panic(expected = "a picture is measured by another folder's")]
fn clean_pictures_are_found_in_folders_of_the_same_name() {
    let folder = folder();
    for (number, class) in ["a", "b"].into_iter().enumerate() {
        picture(&folder.path().join(class).join("1.png"), (8, 8), number as u32);
    }
    let (pictures, out) = (folder.path().display(), folder.path().join("out"));
    let line = format!("restore {pictures} --clean {pictures} -o {}", out.display());
    let said = TRAINED.runs.succeeds(&line, "dense");
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("1.png: ")).collect();
    assert_eq!(lines.len(), 2, "one line a picture");
    let same = |line: &&str| line.contains("1.png: inf dB");
    assert!(lines.iter().all(same), "a picture is measured by another folder's: {said}");
}

/// Outputs lie in folders as the pictures do that they are made of.
#[test]
#[should_panic(expected = "which picture an output is made of cannot be told")]
fn outputs_lie_in_folders_as_their_pictures_do() {
    let folder = folder();
    for (number, class) in ["a", "b"].into_iter().enumerate() {
        picture(&folder.path().join("in").join(class).join("1.png"), (8, 8), number as u32);
    }
    let (pictures, out) = (folder.path().join("in"), folder.path().join("out"));
    let line = format!("reconstruct {} -o {}", pictures.display(), out.display());
    TRAINED.runs.succeeds(&line, "dense");
    let lie = ["a", "b"].map(|class| out.join(class).join("1.png").is_file());
    let made = files(&out);
    assert_eq!(lie, [true; 2], "which picture an output is made of cannot be told: {made:?}");
}

/// Every picture has an output of its own, whatever pictures are called.
#[test]
#[should_panic(expected = "an output is written over by that of another picture")]
fn outputs_do_not_write_over_each_other() {
    let folder = folder();
    let names = ["1.png", "1-corrupted.png"].map(|name| folder.path().join("in").join(name));
    for (number, path) in names.iter().enumerate() {
        picture(path, (8, 8), number as u32);
    }
    let (pictures, out) = (folder.path().join("in"), folder.path().join("out"));
    let line = format!("restore {} --noise gaussian:0.1 -o {}", pictures.display(), out.display());
    TRAINED.runs.succeeds(&line, "dense");
    let count = files(&out).len();
    assert_eq!(count, 4, "an output is written over by that of another picture");
}

/// A picture that is to be a JPEG by its name is one, or is refused.
#[test]
#[should_panic(expected = "is the format of x.jpg")]
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
#[should_panic(expected = "the link is replaced, and what it leads to stays as it was")]
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
#[should_panic(expected = "the error names a temporary file, not the folder that is missing")]
fn a_missing_folder_is_made_or_named() {
    let folder = folder();
    let missing = folder.path().join("missing");
    let line = format!("sample -n 1 -o {}", missing.join("s.png").display());
    let output = TRAINED.runs.task(&line, "dense");
    let said = text(&output.stderr);
    let helps = missing.is_dir() || !said.contains(".diabolo-");
    assert!(helps, "the error names a temporary file, not the folder that is missing: {said}");
}
