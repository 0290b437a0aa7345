//! Pictures become codes in a file and codes become pictures, through the program.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use diabolo::arithmetic::byte::number_of_byte;
use diabolo::file::npy;
use diabolo::tasks::Trained;
use diabolo::tensor::Tensor;
use image::{GrayImage, Luma};
use program::{Runs, text};
use tempfile::TempDir;

/// Runs trained once for all tests: a dense model, one that is told labels, and one with a codebook.
static RUNS: LazyLock<Runs> = LazyLock::new(|| {
    let runs = [
        ("dense", "--variant dense --arch dense:16 --latent 5"),
        ("cvae", "--variant cvae --arch dense:16 --latent 3"),
        ("vqvae", "--variant vqvae --arch conv:4,4 --codes 9 --code-dim 3 --codebook loss"),
    ];
    Runs::train("--data digits --limit 60 --epochs 1", &runs)
});

/// Pictures of stripes, one with a name that a table has to quote.
fn pictures(folder: &Path) -> PathBuf {
    let folder = folder.join("in");
    fs::create_dir(&folder).expect("writable");
    for (number, name) in ["a.png", "b,c.png", "d.png"].iter().enumerate() {
        let stripe =
            |x: u32, _| image::Luma([if x.is_multiple_of(number as u32 + 2) { 255 } else { 0 }]);
        GrayImage::from_fn(8, 8, stripe).save(folder.join(name)).expect("writable");
    }
    folder
}

fn gray(path: &Path) -> Vec<u8> {
    image::open(path).expect("a picture").into_luma8().into_raw()
}

#[test]
fn codes_of_pictures_are_those_of_the_library_and_decode_to_its_reconstructions() {
    let folder = TempDir::new().expect("a temporary folder");
    let (inputs, out) = (pictures(folder.path()), folder.path().join("out"));
    let codes = folder.path().join("codes.npy");
    let said =
        RUNS.succeeds(&format!("encode {} -o {}", inputs.display(), codes.display()), "dense");
    assert!(said.starts_with("3 codes of 5 numbers"), "{said}");
    RUNS.succeeds(&format!("decode {} -o {}", codes.display(), out.display()), "dense");

    let mut trained =
        Trained::load(&RUNS.path("dense"), &"cpu".parse().expect("known")).expect("a run");
    let names = ["a.png", "b,c.png", "d.png"];
    let pixels = names.iter().flat_map(|name| gray(&inputs.join(name)));
    let images = Tensor::new([3, 1, 8, 8], pixels.map(number_of_byte).collect());
    let images = images.expect("three pictures");
    let mut inference = trained.inference();
    let expected = inference.encode(&images, None).expect("encodes").values;
    let stored = npy::read(&codes).expect("an array");
    assert_eq!(stored.shape()[..], [3, 5]);
    assert_eq!(stored.data(), expected);
    let made = inference.reconstruct(&images, None).expect("reconstructs");
    for (number, image) in made.data().chunks(64).enumerate() {
        let picture = gray(&out.join(format!("{number:04}.png")));
        let expected: Vec<u8> = image.iter().map(|x| (255.0 * x).round() as u8).collect();
        assert!(picture.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 1));
    }
}

#[test]
fn tables_hold_the_same_codes_with_their_paths() {
    let folder = TempDir::new().expect("a temporary folder");
    let inputs = pictures(folder.path());
    let [npy_file, csv] = ["codes.npy", "codes.csv"].map(|name| folder.path().join(name));
    for file in [&npy_file, &csv] {
        RUNS.succeeds(&format!("encode {} -o {}", inputs.display(), file.display()), "dense");
    }
    let table = fs::read_to_string(&csv).expect("a table");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "path,c0,c1,c2,c3,c4");
    assert!(lines[2].starts_with(&format!("\"{}\",", inputs.join("b,c.png").display())), "{table}");
    for (file, out) in [(&npy_file, "by-npy"), (&csv, "by-csv")] {
        let out = folder.path().join(out);
        RUNS.succeeds(&format!("decode {} -o {}", file.display(), out.display()), "dense");
    }
    for number in 0..3 {
        let name = format!("{number:04}.png");
        let read = |out: &str| fs::read(folder.path().join(out).join(&name)).expect("written");
        assert_eq!(read("by-npy"), read("by-csv"));
    }
}

#[test]
fn codes_of_numpys_archives_are_decoded() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    npy::write(&path("a.npy"), &Tensor::full([2, 5], 0.25)).expect("writable");
    npy::write(&path("b.npy"), &Tensor::full([1, 5], 0.5)).expect("writable");
    let pack = |name: &str, files: &[&str]| {
        let mut writer = zip::ZipWriter::new(fs::File::create(path(name)).expect("writable"));
        for file in files {
            let options = zip::write::SimpleFileOptions::default();
            writer.start_file(*file, options).expect("writable");
            writer.write_all(&fs::read(path(file)).expect("written")).expect("writable");
        }
        writer.finish().expect("writable");
    };
    pack("one.npz", &["a.npy"]);
    pack("two.npz", &["a.npy", "b.npy"]);
    let decode = |file: &str, options: &str, out: &str| {
        let line = format!("decode {} {options} -o {}", path(file).display(), path(out).display());
        RUNS.succeeds(&line, "dense")
    };
    for (file, options, pictures) in [("one.npz", "", 2), ("two.npz", "--array b", 1)] {
        let out = format!("from-{}", file.replace('.', "-"));
        decode(file, options, &out);
        let plain = if pictures == 2 { "a.npy" } else { "b.npy" };
        let other = format!("from-{}", plain.replace('.', "-"));
        decode(plain, "", &other);
        for number in 0..pictures {
            let picture = |out: &str| gray(&path(out).join(format!("{number:04}.png")));
            assert_eq!(picture(&out), picture(&other), "{file}");
        }
        assert_eq!(fs::read_dir(path(&out)).expect("written").count(), pictures);
    }
    let fails = |file: &str, options: &str, code: i32, what: &str| {
        let line = format!("decode {} {options} -o {}", path(file).display(), path("no").display());
        RUNS.fails(&line, "dense", code, what);
    };
    fails("two.npz", "", 1, "holds several arrays; name one of `a`, `b`");
    fails("two.npz", "--array c", 1, "has no array `c`; it has `a`, `b`");
    fails("a.npy", "--array a", 1, "is no archive of arrays");
    fails("a.csv", "--array a", 2, "--array: has no effect on a table");
    fails("a.txt", "", 2, "ending in .npy, .npz or .csv");
    assert!(!path("no").exists());
}

#[test]
fn the_images_of_the_run_are_encoded_in_their_order() {
    let folder = TempDir::new().expect("a temporary folder");
    let (train, test) = (folder.path().join("train.npy"), folder.path().join("test.csv"));
    // The labels of the dataset are told to the model.
    RUNS.succeeds(&format!("encode --dataset train -o {}", train.display()), "cvae");
    RUNS.succeeds(&format!("encode --dataset test -o {}", test.display()), "cvae");
    let mut trained =
        Trained::load(&RUNS.path("cvae"), &"cpu".parse().expect("known")).expect("a run");
    let dataset = trained.dataset().expect("embedded");
    let codes = trained.inference().encode_dataset(&dataset, &dataset.train, 60).expect("encodes");
    assert_eq!(npy::read(&train).expect("an array").data(), codes.values);
    let table = fs::read_to_string(&test).expect("a table");
    assert_eq!(table.lines().count(), dataset.test.count + 1);
    assert!(table.lines().nth(1).expect("a code").starts_with("test/0,"), "{table}");
}

/// A run of parts of 8x8 pixels, and a folder with pictures of 20x13 and 5x4.
static PARTS: LazyLock<(Runs, TempDir)> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a temporary folder");
    let (learned, others) = (folder.path().join("learned"), folder.path().join("others"));
    let waves = |width, height, step: u32| {
        let wave = move |x: u32, y: u32| Luma([(x * (9 + step) + y * y * (3 + step)) as u8]);
        GrayImage::from_fn(width, height, wave)
    };
    for folder in [&learned, &others] {
        fs::create_dir(folder).expect("writable");
    }
    for step in 0..4 {
        waves(32, 24, step).save(learned.join(format!("{step}.png"))).expect("writable");
    }
    waves(20, 13, 7).save(others.join("large.png")).expect("writable");
    waves(5, 4, 8).save(others.join("small.png")).expect("writable");
    let data = format!("--data images:{} --patches 8x8 --epochs 2", learned.display());
    let runs = [
        ("dense", "--variant dense --arch dense:16 --latent 5"),
        ("map", "--variant vqvae --arch conv:4,4 --codes 9 --code-dim 3 --codebook loss"),
    ];
    (Runs::train(&data, &runs), folder)
});

#[test]
fn a_model_of_parts_gives_each_part_of_a_picture_a_code() {
    let (runs, folder) = &*PARTS;
    let path = |name: &str| folder.path().join(name);
    let (others, codes, csv) = (path("others"), path("codes.npy"), path("codes.csv"));
    let said =
        runs.succeeds(&format!("encode {} -o {}", others.display(), codes.display()), "dense");
    assert!(said.contains("13 codes of 5 numbers"), "{said}");
    assert!(said.contains("codes-parts.csv"), "{said}");
    // Parts overlap by half, and the last ones end with the picture.
    let (large, small) = (others.join("large.png"), others.join("small.png"));
    let places = [0, 4, 5].into_iter().flat_map(|y| [0, 4, 8, 12].map(|x| (x, y)));
    let places: Vec<(u32, u32)> = places.collect();
    let line = |(x, y): &(u32, u32)| format!("{},{x},{y},8,8", large.display());
    let mut lines = vec!["path,x,y,width,height".to_owned()];
    lines.extend(places.iter().map(line));
    lines.push(format!("{},0,0,5,4", small.display()));
    let table = fs::read_to_string(path("codes-parts.csv")).expect("a table");
    assert_eq!(table.lines().collect::<Vec<_>>(), lines);
    // The codes are those of the parts, cut out by another hand.
    let picture = image::open(&large).expect("written").to_luma8();
    let part = |(x, y): &(u32, u32)| image::imageops::crop_imm(&picture, *x, *y, 8, 8).to_image();
    let mut pixels: Vec<u8> = places.iter().flat_map(|place| part(place).into_raw()).collect();
    let picture = image::open(&small).expect("written").to_luma8();
    let grown = GrayImage::from_fn(8, 8, |x, y| *picture.get_pixel(x.min(4), y.min(3)));
    pixels.extend(grown.into_raw());
    let pixels = pixels.into_iter().map(|byte| f32::from(byte) / 255.0).collect();
    let images = Tensor::new([13, 1, 8, 8], pixels).expect("13 parts");
    let device = "cpu".parse().expect("known");
    let mut trained = Trained::load(&runs.path("dense"), &device).expect("a run");
    let expected = trained.inference().encode(&images, None).expect("encodes").values;
    let stored = npy::read(&codes).expect("an array");
    assert_eq!(stored.shape()[..], [13, 5]);
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near(stored.data(), &expected));
    // A table of codes has both.
    runs.succeeds(&format!("encode {} -o {}", others.display(), csv.display()), "dense");
    let table = fs::read_to_string(&csv).expect("a table");
    assert!(table.starts_with("path,x,y,width,height,c0,c1,c2,c3,c4\n"), "{table}");
    assert_eq!(diabolo::tasks::code_table::read(&csv).expect("a table").data(), stored.data());
    // Codes that are maps have a row a part as well, and so have their numbers in the codebook.
    for (options, shape) in [("", &[13, 3, 2, 2][..]), ("--indices", &[13, 2, 2])] {
        let line =
            format!("encode {} {options} -o {}", others.display(), path("map.npy").display());
        runs.succeeds(&line, "map");
        assert_eq!(npy::read(&path("map.npy")).expect("an array").shape()[..], *shape);
    }
}

#[test]
fn codes_of_parts_become_whole_pictures_again() {
    let (runs, folder) = &*PARTS;
    let path = |name: &str| folder.path().join(name);
    let (others, out) = (path("others"), path("whole"));
    let encode = |file: &str, inputs: &Path| {
        let line = format!("encode {} -o {}", inputs.display(), path(file).display());
        runs.succeeds(&line, "dense");
    };
    encode("again.npy", &others);
    encode("again.csv", &others);
    let line = format!("reconstruct {} -o {}", others.display(), path("made").display());
    runs.succeeds(&line, "dense");
    for (codes, table) in [("again.npy", "again-parts.csv"), ("again.csv", "again.csv")] {
        let (codes, table) = (path(codes), path(table));
        let (codes, table) = (codes.display(), table.display());
        let line = format!("decode {codes} --parts {table} -o {}", out.display());
        let said = runs.succeeds(&line, "dense");
        assert!(said.starts_with("2 pictures of 13 parts written"), "{said}");
        for (name, number) in [("large.png", "0000.png"), ("small.png", "0001.png")] {
            let [made, expected] = [out.join(number), path("made").join(name)]
                .map(|path| image::open(path).expect("written").to_luma8());
            assert_eq!(made.dimensions(), expected.dimensions());
            assert!(made.iter().zip(expected.iter()).all(|(a, b)| a.abs_diff(*b) <= 1), "{name}");
        }
    }
    // Without the table, pictures of the parts.
    let line = format!("decode {} -o {}", path("again.npy").display(), path("parts").display());
    runs.succeeds(&line, "dense");
    assert_eq!(gray(&path("parts").join("0012.png")).len(), 64);
    encode("one.npy", &others.join("small.png"));
    let fails = |table: &str, words: &str| {
        let (codes, out) = (path("again.npy"), path("nothing"));
        let (codes, table) = (codes.display(), path(table));
        let line = format!("decode {codes} --parts {} -o {}", table.display(), out.display());
        runs.fails(&line, "dense", 1, words);
        assert!(!out.exists());
    };
    fails("one-parts.csv", "has 1 part, and ");
    fails("others/large.png", "is no text");
    let table = fs::read_to_string(path("again-parts.csv")).expect("a table");
    fs::write(path("moved.csv"), table.replace(",12,5,8,8", ",8,5,8,8")).expect("writable");
    fails("moved.csv", "leaves out some of ");
}

#[test]
fn numbers_of_the_codebook_stand_for_the_codes() {
    let folder = TempDir::new().expect("a temporary folder");
    let inputs = pictures(folder.path());
    let [codes, indices, table] =
        ["codes.npy", "indices.npy", "indices.csv"].map(|name| folder.path().join(name));
    let encode = |options: &str, out: &Path| {
        RUNS.succeeds(
            &format!("encode {} {options} -o {}", inputs.display(), out.display()),
            "vqvae",
        )
    };
    encode("", &codes);
    encode("--indices", &indices);
    encode("--indices", &table);
    let array = fs::read(&indices).expect("an array");
    assert!(text(&array[..100]).contains("'descr': '<i4'"));
    assert_eq!(npy::read(&indices).expect("an array").shape()[..], [3, 2, 2]);
    assert_eq!(npy::read(&codes).expect("an array").shape()[..], [3, 3, 2, 2]);
    let decode = |file: &Path, options: &str, out: &str| {
        let out = folder.path().join(out);
        RUNS.succeeds(
            &format!("decode {} {options} -o {}", file.display(), out.display()),
            "vqvae",
        );
        (0..3).map(|number| gray(&out.join(format!("{number:04}.png")))).collect::<Vec<_>>()
    };
    let by_codes = decode(&codes, "", "a");
    assert_eq!(decode(&indices, "--indices", "b"), by_codes);
    assert_eq!(decode(&table, "--indices", "c"), by_codes);
    RUNS.fails(
        &format!("decode {} -o x", indices.display()),
        "vqvae",
        1,
        "its codes as [count, 3, 2, 2]",
    );
    RUNS.fails(&format!("decode {} --indices -o x", codes.display()), "vqvae", 1, "[count, 2, 2]");
    fs::write(&table, "path,i0,i1,i2,i3\na,0,1,2,9\n").expect("writable");
    let what = "has 9 codes, and none of number 9";
    RUNS.fails(&format!("decode {} --indices -o x", table.display()), "vqvae", 1, what);
}

#[test]
fn labels_choose_what_is_decoded() {
    let folder = TempDir::new().expect("a temporary folder");
    let codes = folder.path().join("codes.csv");
    fs::write(&codes, "c0,c1,c2\n0,0.5,-1\n").expect("writable");
    let decode = |label: u32| {
        let out = folder.path().join(label.to_string());
        let line = format!("decode {} --label {label} -o {}", codes.display(), out.display());
        RUNS.succeeds(&line, "cvae");
        gray(&out.join("0000.png"))
    };
    assert_ne!(decode(1), decode(7));
    RUNS.fails(&format!("decode {} -o x", codes.display()), "cvae", 2, "--label: is needed");
    RUNS.fails(&format!("decode {} --label 10 -o x", codes.display()), "cvae", 2, "knows 0 to 9");
    let inputs = pictures(folder.path());
    RUNS.fails(&format!("encode {} -o x.npy", inputs.display()), "cvae", 2, "--label: is needed");
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = TempDir::new().expect("a temporary folder");
    let inputs = pictures(folder.path());
    let inputs = inputs.display();
    RUNS.fails(&format!("encode {inputs} -o codes.txt"), "dense", 2, "ending in .npy or .csv");
    RUNS.fails(
        &format!("encode {inputs} --indices -o c.npy"),
        "dense",
        2,
        "--indices: has no effect",
    );
    RUNS.fails(
        &format!("encode {inputs} --label 3 -o c.npy"),
        "dense",
        2,
        "--label: has no effect",
    );
    RUNS.fails("encode -o c.npy", "dense", 2, "required");
    RUNS.fails(
        &format!("encode {inputs} --dataset test -o c.npy"),
        "dense",
        2,
        "cannot be used with",
    );
    RUNS.fails("encode no-such.png -o c.npy", "dense", 1, "no-such.png");
    let bad = folder.path().join("codes.npy");
    let decode = format!("decode {} -o {}", bad.display(), folder.path().join("out").display());
    RUNS.fails(&decode, "dense", 1, "does not exist");
    fs::write(&bad, "no array").expect("writable");
    RUNS.fails(&decode, "dense", 1, "is damaged or no .npy file");
    npy::write(&bad, &Tensor::zeros([2, 4])).expect("writable");
    RUNS.fails(
        &decode,
        "dense",
        1,
        "has numbers of shape [2, 4]; this model takes its codes as [count, 5]",
    );
    npy::write(&bad, &Tensor::zeros([0, 5])).expect("writable");
    RUNS.fails(&decode, "dense", 1, "has numbers of shape [0, 5]");
    npy::write(&bad, &Tensor::full([2, 5], f32::NAN)).expect("writable");
    RUNS.fails(&decode, "dense", 1, "a number in code 0 that is not finite");
    assert!(!folder.path().join("out").exists(), "nothing is made before the codes are known good");
    // A row of numbers is one code.
    npy::write(&bad, &Tensor::full([5], 0.5)).expect("writable");
    assert!(RUNS.succeeds(&decode, "dense").starts_with("1 picture "));
}
