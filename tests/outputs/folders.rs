//! Folders that are read and written.

use std::fs;

use super::TRAINED;
use super::pictures::{few_pictures, files, folder, picture, read};
use super::program::{check_failed, diabolo, printed};

/// A task refuses to write over the pictures that it reads, unless it is told to.
#[test]
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

/// With `--overwrite`, a picture is restored in its place, and measured against what it was.
#[test]
fn originals_are_written_over_where_that_is_asked_for() {
    let folder = folder();
    few_pictures(folder.path(), 2);
    let before = read(&folder.path().join("00.png"));
    let pictures = folder.path().display();
    let line = format!("restore {pictures} --clean {pictures} -o {pictures} --overwrite");
    let said = TRAINED.runs.succeeds(&line, "dense");
    assert!(said.contains("00.png: inf dB"), "it was clean: {said}");
    assert!(read(&folder.path().join("00.png")) != before);
    assert_eq!(files(folder.path()).len(), 2);
}

/// What was written into a folder within that of the pictures is not read by the next call.
#[test]
fn a_folder_within_the_pictures_is_not_read_again() {
    let folder = folder();
    few_pictures(folder.path(), 3);
    let pictures = folder.path().display();
    for task in ["restore", "reconstruct", "augment"] {
        let options = if task == "augment" { "-n 1" } else { "" };
        let line = format!("{task} {pictures} {options} -o {pictures}/out-{task}");
        let first = TRAINED.runs.succeeds(&line, "dense");
        assert_eq!(TRAINED.runs.succeeds(&line, "dense"), first, "{task}");
        fs::remove_dir_all(folder.path().join(format!("out-{task}"))).expect("ours");
    }
}

/// Clean pictures that are missing or may be several are named, and nothing is written.
#[test]
fn a_wrong_partner_is_never_taken() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    picture(&at("noisy/b/1.png"), (8, 8), 0);
    picture(&at("clean/a/1.png"), (8, 8), 0);
    let [noisy, clean, out] = ["noisy", "clean", "out"].map(at);
    let (noisy, clean) = (noisy.display(), clean.display());
    let line = format!("restore {noisy} --clean {clean} -o {}", out.display());
    TRAINED.runs.fails(&line, "dense", 1, "noisy/b/1.png");
    for ending in ["jpg", "bmp"] {
        picture(&at("clean/b/1.png").with_extension(ending), (8, 8), 0);
    }
    TRAINED.runs.fails(&line, "dense", 1, "clean/b/1.jpg");
    assert!(!out.exists());
}

/// Folders and several pictures are compressed and brought back, each beside itself or in a folder.
#[test]
fn many_pictures_are_compressed_and_brought_back() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    for (number, name) in ["a/1.png", "b/1.png"].into_iter().enumerate() {
        picture(&at("in").join(name), (8, 8), number as u32);
    }
    let [pictures, packed, back] =
        ["in", "packed", "back"].map(|name| at(name).display().to_string());
    TRAINED.runs.succeeds(&format!("compress {pictures} -o {packed}"), "codec");
    assert_eq!(files(&at("packed")), [at("packed/a/1.dia"), at("packed/b/1.dia")]);
    TRAINED.runs.succeeds(&format!("compress {pictures} -o {packed}"), "codec");
    TRAINED.runs.succeeds(&format!("decompress {packed} -o {back}"), "codec");
    assert_eq!(files(&at("back")), [at("back/a/1.png"), at("back/b/1.png")]);
    // What is there may be an original.
    let again = format!("decompress {packed} -o {back}");
    TRAINED.runs.fails(&again, "codec", 1, "--overwrite");
    TRAINED.runs.succeeds(&format!("{again} --overwrite"), "codec");
    TRAINED.runs.succeeds(&format!("compress {pictures}/a/1.png {pictures}/b/1.png"), "codec");
    assert!(at("in/a/1.dia").is_file() && at("in/b/1.dia").is_file());
    let said = printed(&diabolo(&format!("decompress --info {packed}")));
    assert!(said.contains("a/1.dia") && said.contains("b/1.dia"), "{said}");
    let one = format!("compress {pictures}/a/1.png {pictures}/b/1.png -o {pictures}/a/1.dia");
    TRAINED.runs.fails(&one, "codec", 2, "--out");
    // A file of another kind stays.
    fs::write(at("notes.txt"), "mine").expect("ours");
    let other = format!("compress {pictures}/a/1.png -o {}", at("notes.txt").display());
    TRAINED.runs.fails(&other, "codec", 1, "--overwrite");
    assert_eq!(read(&at("notes.txt")), b"mine");
}

/// A folder that was done in part is done to its end, and what was done stays.
#[test]
fn what_is_done_is_not_done_again_where_that_is_asked_for() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    few_pictures(&at("in"), 3);
    let [pictures, out, packed, back] =
        ["in", "out", "packed", "back"].map(|name| at(name).display().to_string());
    let restore = format!("restore {pictures} --noise gaussian:0.1 -o {out}");
    let compress = format!("compress {pictures} -o {packed}");
    let decompress = format!("decompress {packed} -o {back}");
    for (line, model, made, lost) in [
        (restore, "dense", "out", "01-corrupted.png"),
        (compress, "codec", "packed", "01.dia"),
        (decompress, "codec", "back", "01.png"),
    ] {
        TRAINED.runs.succeeds(&line, model);
        let names = files(&at(made));
        let [lost, kept] =
            [lost.to_owned(), lost.replace('1', "2")].map(|name| at(made).join(name));
        let right = read(&lost);
        fs::remove_file(&lost).expect("ours");
        // What is there is not looked at: neither what was made, nor what it was made of.
        let mine = if made == "packed" { read(&kept) } else { b"mine".to_vec() };
        fs::write(&kept, mine).expect("ours");
        let before = fs::metadata(&kept).and_then(|found| found.modified()).expect("is there");
        let source = at("in").join("02.png");
        let picture = read(&source);
        if made != "back" {
            fs::write(&source, "no picture").expect("ours");
        }
        let line = format!("{line} --skip-existing");
        let said = TRAINED.runs.task(&line, model);
        assert!(said.status.success(), "{said:?}");
        let told = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(told.contains("2 of 3 are there already"), "{told}");
        fs::write(&source, picture).expect("ours");
        assert_eq!(files(&at(made)), names);
        assert_eq!(read(&lost), right, "{line}: is made as it was");
        let after = fs::metadata(&kept).and_then(|found| found.modified()).expect("is there");
        assert_eq!(after, before, "{line}: what is there is written over");
        let done = TRAINED.runs.task(&line, model);
        assert!(String::from_utf8_lossy(&done.stderr).contains("3 of 3"), "{done:?}");
        TRAINED.runs.fails(&format!("{line} --overwrite"), model, 2, "--overwrite");
    }
}

/// A seed without anything to draw has no effect, which is an error as it is elsewhere.
#[test]
fn a_seed_without_noise_is_refused() {
    let folder = folder();
    let (path, out) = (folder.path().join("0.png"), folder.path().join("out"));
    picture(&path, (8, 8), 0);
    let line = format!("restore {} -o {} --seed 3", path.display(), out.display());
    let output = TRAINED.runs.task(&line, "dense");
    assert_eq!(output.status.code(), Some(2), "an option without effect is taken");
}

/// Damaged pictures are all named before a picture is written.
#[test]
fn damaged_pictures_are_named_before_anything_is_written() {
    let folder = folder();
    let (pictures, out) = (folder.path().join("in"), folder.path().join("out"));
    few_pictures(&pictures, 4);
    for name in ["x1.png", "x2.png"] {
        std::fs::write(pictures.join(name), "text").expect("the folder is ours");
    }
    for (task, model) in [("restore", "dense"), ("reconstruct", "dense"), ("compress", "codec")] {
        let line = format!("{task} {} -o {}", pictures.display(), out.display());
        let output = TRAINED.runs.task(&line, model);
        for name in ["2 of 6 pictures cannot be used", "x1.png", "x2.png"] {
            check_failed(&output, 1, name);
        }
        assert!(!out.exists() || files(&out).is_empty(), "{task} has written something");
    }
}
