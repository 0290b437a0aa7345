//! Pictures in archives: read in place, as if each archive were a folder.

#[path = "support/pictures.rs"]
mod pictures;
#[path = "support/program.rs"]
mod program;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;

use diabolo::data::{Dataset, LoadOptions, Source};
use pictures::{files, folder, picture};
use program::{check_failed, diabolo_in, printed, text};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

/// A folder of pictures in two classes, some known by their content alone, and a stack of two pages.
fn photos() -> TempDir {
    let place = folder();
    let photos = place.path().join("photos");
    for number in 0..24 {
        let class = if number < 10 { "tit" } else { "wren" };
        picture(&photos.join(class).join(format!("{number:02}.png")), (8, 8), number);
    }
    fs::rename(photos.join("tit/03.png"), photos.join("tit/03.jpg2")).expect("ours");
    let mut stack =
        tiff::encoder::TiffEncoder::new(File::create(photos.join("wren/stack.tif")).expect("ours"))
            .expect("a file");
    for page in 0..2_u8 {
        let pixels: Vec<u8> = (0..64).map(|at| at * 3 + page).collect();
        stack.write_image::<tiff::encoder::colortype::Gray8>(8, 8, &pixels).expect("a page");
    }
    place
}

/// An archive of these files of a folder.
fn pack(archive: &Path, folder: &Path, paths: &[PathBuf]) {
    let mut builder = Builder::new(File::create(archive).expect("the folder is ours"));
    for path in paths {
        let name = path.strip_prefix(folder).expect("in it");
        builder.append_path_with_name(path, name).expect("the folder is ours");
    }
    builder.into_inner().expect("the folder is ours");
}

fn load(source: &str, options: &LoadOptions) -> diabolo::error::Result<Dataset> {
    Dataset::load(&Source::Images(source.into()), options)
}

fn same(a: &Dataset, b: &Dataset) {
    assert_eq!((&a.train, &a.test, &a.classes), (&b.train, &b.test, &b.classes));
    assert_eq!(a.shape, b.shape);
}

#[test]
fn an_archive_is_the_folder_that_it_was_made_of() {
    let place = photos();
    let photos = place.path().join("photos");
    let all = files(&photos);
    let name = |name: &str| place.path().join(name).display().to_string();
    pack(Path::new(&name("all.tar")), &photos, &all);
    fs::create_dir(place.path().join("parts")).expect("ours");
    let (tits, wrens) = all.split_at(10);
    pack(Path::new(&name("parts/0.tar")), &photos, tits);
    pack(Path::new(&name("parts/1.tar")), &photos, wrens);
    for options in [
        LoadOptions::default(),
        LoadOptions { size: Some((5, 6)), hold_out: Some(0.4), ..LoadOptions::default() },
        LoadOptions { patches: Some((4, 4)), ..LoadOptions::default() },
    ] {
        let expected = load(&name("photos"), &options).expect("a folder");
        assert!(expected.train.count > 10, "{}", expected.train.count);
        same(&load(&name("all.tar"), &options).expect("an archive"), &expected);
        same(&load(&name("parts/*.tar"), &options).expect("archives"), &expected);
    }
    let names = load(&name("photos"), &LoadOptions::default()).expect("a folder").train.names();
    assert!(names.iter().any(|name| name.starts_with("tit/")), "{names:?}");
    let data = load(&name("parts/*.tar"), &LoadOptions::default()).expect("archives");
    assert_eq!(data.name, "parts");
}

fn train(place: &Path, data: &str, options: &str) -> Output {
    let small = "train --variant dense --arch dense:6 --latent 2 --device cpu --out run --data";
    diabolo_in(place, &format!("{small} {data} {options}"))
}

fn train_anew(place: &Path, data: &str, options: &str) -> Output {
    train(place, data, &format!("--epochs 1 --overwrite {options}"))
}

#[test]
fn a_run_on_archives_goes_on_and_is_used() {
    let place = photos();
    let photos = place.path().join("photos");
    pack(&place.path().join("all.tar"), &photos, &files(&photos));
    let train = |options: &str| {
        let options = format!("--memory 0 --cache cache {options}");
        printed(&train(place.path(), "images:all.tar", &options))
    };
    train("--epochs 1");
    train("--epochs 2 --resume");
    let encode = "encode --dataset test -o codes.csv --model run --device cpu";
    printed(&diabolo_in(place.path(), encode));
    let codes = fs::read_to_string(place.path().join("codes.csv")).expect("was written");
    assert!(codes.contains("wren/") && !codes.contains("all.tar"), "{codes}");
}

fn header(name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    header
}

#[test]
fn what_is_no_picture_is_left_out_and_counted() {
    let place = photos();
    let photos = place.path().join("photos");
    let path = place.path().join("odd.tar");
    let mut builder = Builder::new(File::create(&path).expect("ours"));
    builder.append_dir_all(".", &photos).expect("ours");
    let picture = fs::read(photos.join("tit/00.png")).expect("there");
    for name in ["../up.png", "/etc/root.png", "tit/../../far.png", ".hidden.png"] {
        let header = header(name, EntryType::Regular, picture.len() as u64);
        builder.append(&header, &picture[..]).expect("ours");
    }
    for (name, kind) in [("link.png", EntryType::Symlink), ("pipe.png", EntryType::Fifo)] {
        builder.append(&header(name, kind, 0), &[][..]).expect("ours");
    }
    for (name, text) in [("00.cls", "7"), ("00.json", "{}"), ("notes", "P6 is a printer")] {
        let header = header(name, EntryType::Regular, text.len() as u64);
        builder.append(&header, text.as_bytes()).expect("ours");
    }
    builder.into_inner().expect("ours");
    let output = train_anew(place.path(), "images:odd.tar", "");
    printed(&output);
    let said = text(&output.stderr);
    for words in [
        "8 files are left out",
        "3 whose names lead out of the archive",
        "1 that are links",
        "1 that are no files",
        "1 .cls",
        "1 .json",
        "1 without an ending",
    ] {
        assert!(said.contains(words), "`{words}` is not in: {said}");
    }
    let options = LoadOptions::default();
    let odd = load(&path.display().to_string(), &options).expect("an archive");
    same(&odd, &load(&photos.display().to_string(), &options).expect("a folder"));
    assert!(!place.path().join("up.png").exists());
}

#[test]
fn damaged_members_are_named_and_passed_over_if_asked_for() {
    let place = photos();
    let photos = place.path().join("photos");
    fs::write(photos.join("tit/00.png"), b"\x89PNG\r\n\x1a\n and no more").expect("ours");
    let whole = place.path().join("whole.tar");
    pack(&whole, &photos, &files(&photos));
    let output = train_anew(place.path(), "images:whole.tar", "");
    check_failed(&output, 1, "whole.tar/tit/00.png: cannot be decoded");
    let output = train_anew(place.path(), "images:whole.tar", "--skip-damaged");
    printed(&output);
    assert!(text(&output.stderr).contains("1 of 26 pictures are skipped: tit/00.png"));

    // Cut off within the last member: the stack, whose pages are not even counted then.
    let bytes = fs::read(&whole).expect("there");
    let stack = fs::metadata(photos.join("wren/stack.tif")).expect("there").len() as usize;
    let start = bytes.len() - 1024 - stack.next_multiple_of(512);
    fs::write(place.path().join("cut.tar"), &bytes[..start + 20]).expect("ours");
    let output = train_anew(place.path(), "images:cut.tar", "--skip-damaged");
    printed(&output);
    let said = text(&output.stderr);
    assert!(said.contains("2 of 25 pictures are skipped"), "{said}");
    assert!(said.contains("cut.tar ends before it does"), "{said}");
    let words = "wren/stack.tif: cannot be read: cut.tar ends before it does";
    check_failed(&train_anew(place.path(), "images:cut.tar", ""), 1, words);

    // A header that is none.
    let mut torn = bytes.clone();
    torn[2 * 512..][..300].fill(b'x');
    fs::write(place.path().join("torn.tar"), torn).expect("ours");
    let output = train_anew(place.path(), "images:torn.tar", "--skip-damaged");
    check_failed(
        &output,
        1,
        "torn.tar: is no archive that can be read: it is damaged behind its member",
    );
}

#[test]
fn names_that_stand_for_no_archives_are_told() {
    let place = photos();
    fs::write(place.path().join("empty.tar"), [0; 1024]).expect("ours");
    fs::write(place.path().join("text.tar"), "this is no archive at all".repeat(99)).expect("ours");
    for (data, words) in [
        ("images:none.tar", "there is no such folder"),
        ("images:parts/*.tar", "no file has such a name"),
        ("images:photos/tit/*.png", "which is no archive"),
        ("images:[", "is no pattern"),
        ("images:empty.tar", "holds no image"),
        ("images:text.tar", "is no archive that can be read"),
    ] {
        check_failed(&train_anew(place.path(), data, ""), 1, words);
    }
}
