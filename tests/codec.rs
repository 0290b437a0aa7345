//! The learned codec: whole numbers come back exactly and everywhere, pictures are what the model
//! makes of them, and damaged files are errors.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use clap::Parser;
use diabolo::arithmetic::byte::number_of_byte;
use diabolo::data::ImageShape;
use diabolo::inference::Inference;
use diabolo::models::Kind;
use diabolo::run::{self, TrainArgs};
use diabolo::tasks::{CodeMap, Codec, Quality, Raster, Trained};
use diabolo::tensor::Tensor;
use flate2::Crc;
use program::{printed, program};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

/// A run folder of each kind of codec, trained once.
struct Runs {
    folder: TempDir,
}

/// Name, variant and options; whether it is of colours.
const RUNS: [(&str, Kind, &str, bool); 7] = [
    ("map", Kind::Conv, "--arch conv:8,8 --latent map:4 --quantise 0.2 --rate 0.001", true),
    (
        "hyperprior",
        Kind::Conv,
        "--arch conv:8,8 --latent map:4 --quantise 0.05 --rate 0.001 --hyperprior 5",
        true,
    ),
    (
        "inner",
        Kind::Denoising,
        "--arch conv:6 --latent map:3 --block inner --norm batch --downsample stride --quantise 0.1 \
         --noise gaussian:0.05",
        false,
    ),
    ("vector", Kind::Conv, "--arch conv:6 --latent 5 --quantise 0.2", true),
    (
        "dense",
        Kind::Dense,
        "--arch dense:20 --latent 8 --quantise 0.1 --loss bce --rate 0.01",
        false,
    ),
    ("codebook", Kind::Vqvae, "--arch conv:8,8 --codes 11 --code-dim 4", true),
    ("dense-codebook", Kind::Vqvae, "--arch dense:20 --latent 8 --code-dim 2 --codes 6", false),
];

impl Runs {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn codec(&self, name: &str) -> Codec {
        Codec::load(&self.path(name), &"cpu".parse().unwrap()).unwrap_or_else(|e| panic!("{e}"))
    }
}

fn runs() -> &'static Runs {
    static RUN: OnceLock<Runs> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = TempDir::new().expect("a temporary folder");
        for colours in [false, true] {
            let data = folder.path().join(if colours { "colours" } else { "grays" });
            fs::create_dir(&data).expect("writable");
            for index in 0..40 {
                let picture = drawn(16, 16, colours, index);
                picture.save(&data.join(format!("{index}.png"))).expect("writable");
            }
        }
        for (name, kind, options, colours) in RUNS {
            let data = folder.path().join(if colours { "colours" } else { "grays" });
            let data = format!("--data images:{} --epochs 40 --batch 4 --lr 0.005", data.display());
            train(kind, &format!("{data} {options}"), &folder.path().join(name));
        }
        Runs { folder }
    })
}

fn train(kind: Kind, options: &str, out: &Path) {
    let text = format!("train --device cpu --out {} {options}", out.display());
    let args = TrainArgs::try_parse_from(text.split_whitespace()).unwrap_or_else(|e| panic!("{e}"));
    run::run(&args, kind).unwrap_or_else(|error| panic!("{options}: {error}"));
}

/// Waves that differ by `index`.
fn drawn(width: usize, height: usize, colours: bool, index: usize) -> Raster {
    let channels = if colours { 3 } else { 1 };
    let shape = ImageShape { channels, height, width };
    let mut pixels = vec![];
    for channel in 0..channels {
        for y in 0..height {
            for x in 0..width {
                let phase = (x * (1 + index % 4) + y * (1 + index / 4 % 3)) as f32 * 0.21;
                let wave = (phase + channel as f32 + index as f32 * 0.3).sin();
                pixels.push((127.5 + 100.0 * wave) as u8);
            }
        }
    }
    Raster { shape, pixels }
}

fn furthest(a: &Raster, b: &Raster) -> u8 {
    assert_eq!(a.shape, b.shape);
    a.pixels.iter().zip(&b.pixels).map(|(a, b)| a.abs_diff(*b)).max().expect("has pixels")
}

/// A picture as the model sees it, with its edges repeated up to `shape`.
fn tensor(picture: &Raster, shape: ImageShape) -> Tensor {
    let ImageShape { height, width, .. } = picture.shape;
    let mut values = vec![];
    for channel in 0..shape.channels {
        for y in 0..shape.height {
            for x in 0..shape.width {
                let place = (channel * height + y.min(height - 1)) * width + x.min(width - 1);
                values.push(number_of_byte(picture.pixels[place]));
            }
        }
    }
    Tensor::new([1, shape.channels, shape.height, shape.width], values).expect("fits")
}

#[test]
fn whole_numbers_come_back_exactly_for_any_size() {
    for (name, .., colours) in RUNS {
        let mut codec = runs().codec(name);
        let sizes = [(1, 1), (37, 53), (16, 16), (3, 70), (601, 5)];
        for (width, height) in sizes {
            for coloured in [false, true] {
                if coloured && !colours {
                    continue;
                }
                let picture = drawn(width, height, coloured, 3);
                let bytes = codec.compress(&picture).unwrap_or_else(|e| panic!("{name}: {e}"));
                let (header, codes) = codec.read(&bytes, Path::new("x.dia")).expect(name);
                assert_eq!(header.image, picture.shape, "{name}");
                assert_eq!(codes, codec.quantise(&picture).expect(name), "{name} {width}x{height}");
                let shown = codec.decompress(&bytes, Path::new("x.dia")).expect(name);
                assert_eq!(shown.shape, picture.shape, "{name}");
                assert_eq!(shown, codec.render(&codes, picture.shape).expect(name), "{name}");
            }
        }
    }
}

/// What the decoder of a run makes of whole numbers, as one picture of this size.
fn drawn_whole(trained: &mut Trained, codes: &CodeMap, image: ImageShape) -> Vec<f32> {
    let mut model = trained.model().clone();
    model.network.images = image;
    let numbers: Vec<f32> = match &model.quantiser {
        Some(quantiser) => {
            codes.values.iter().map(|value| *value as f32 * quantiser.step).collect()
        }
        None => {
            let indices: Vec<u32> = codes.values.iter().map(|value| *value as u32).collect();
            let state = trained.executor().state().expect("on the processor");
            model.look_up(&state, &indices).expect("are those of codes")
        }
    };
    let layout = trained.layout().clone();
    let mut inference = Inference::new(trained.executor(), &model, &layout);
    inference.decode(&numbers, None).expect("of this size").into_data()
}

#[test]
fn pictures_are_what_the_model_reconstructs() {
    for (name, .., colours) in RUNS {
        let mut trained = Trained::load(&runs().path(name), &"cpu".parse().unwrap()).expect(name);
        let picture = drawn(16, 16, colours, 7);
        let images = tensor(&picture, picture.shape);
        let made = trained.inference().reconstruct(&images, None).expect(name);
        let pixels = made.data().iter().map(|value| (value * 255.0 + 0.5) as u8).collect();
        let expected = Raster { shape: picture.shape, pixels };
        let mut codec = runs().codec(name);
        let bytes = codec.compress(&picture).expect(name);
        let shown = codec.decompress(&bytes, Path::new("x.dia")).expect(name);
        match trained.model().quantiser {
            None => assert!(furthest(&shown, &expected) <= 1, "{name}"),
            // Some numbers are not the nearest ones, where that saves bits.
            Some(_) => {
                let [found, nearest] = [&shown, &expected].map(|one| picture.psnr(one));
                assert!(found > nearest - 1.5, "{name}: {found} dB, not {nearest}");
            }
        }
    }
}

#[test]
fn effort_makes_better_pictures_that_any_decoder_reads() {
    let picture = drawn(96, 64, true, 5);
    let made = |effort: usize| {
        let mut codec = runs().codec("map").with_effort(effort).expect("has numbers");
        let bytes = codec.compress(&picture).expect("fits");
        let (_, codes) = codec.read(&bytes, Path::new("x.dia")).expect("whole");
        assert_eq!(codes, codec.quantise(&picture).expect("fits"));
        let shown = runs().codec("map").decompress(&bytes, Path::new("x.dia")).expect("whole");
        (bytes.len() as f64, picture.psnr(&shown))
    };
    let [(bytes, psnr), (more, better)] = [0, 4].map(made);
    // Six decibels are a bit for each of the numbers that matter: a tenth of that is more than bytes may grow by.
    assert!(
        better > psnr + 0.05 && more < 1.05 * bytes,
        "{psnr} to {better} dB, {bytes} to {more}"
    );
    let refused = runs().codec("codebook").with_effort(1);
    let error = refused.err().expect("has no others").to_string();
    assert!(error.starts_with("--effort:"), "{error}");
}

#[test]
fn a_higher_quality_makes_larger_files_and_nearer_pictures() {
    for name in ["map", "hyperprior", "vector"] {
        let picture = drawn(96, 64, true, 5);
        let mut before: Option<(usize, f64)> = None;
        for number in [1, 3, 5, 8] {
            let quality = Quality::new(number).expect("is one");
            let mut codec = runs().codec(name).with_quality(quality).expect(name);
            let bytes = codec.compress(&picture).expect(name);
            let (header, codes) = codec.read(&bytes, Path::new("x.dia")).expect(name);
            assert_eq!((header.quality, codes.quality), (quality, quality), "{name}");
            assert_eq!(codes, codec.quantise(&picture).expect(name), "{name}");
            // A file tells its own.
            let shown = runs().codec(name).decompress(&bytes, Path::new("x.dia")).expect(name);
            let psnr = picture.psnr(&shown);
            if let Some((length, decibels)) = before {
                assert!(bytes.len() >= length, "{name} {number}: {} bytes", bytes.len());
                // Five numbers for all of an image leave no more to be gained by finer ones.
                assert!(name == "vector" || psnr > decibels, "{name} {number}: {psnr} dB");
            }
            before = Some((bytes.len(), psnr));
        }
    }
    let refused = runs().codec("codebook").with_quality(Quality::new(4).expect("is one"));
    let error = refused.err().expect("has one quality").to_string();
    assert!(error.starts_with("--quality:"), "{error}");
}

/// The part of `picture` of this size from a row and a column on.
fn cut(picture: &Raster, [top, left]: [usize; 2], part: ImageShape) -> Vec<u8> {
    let ImageShape { height, width, .. } = picture.shape;
    let rows =
        (0..part.channels).flat_map(|channel| (0..part.height).map(move |row| (channel, row)));
    let row = |(channel, row)| {
        &picture.pixels[(channel * height + top + row) * width + left..][..part.width]
    };
    rows.flat_map(row).copied().collect()
}

#[test]
fn windows_leave_no_seams() {
    for (name, cell) in [("map", 4), ("inner", 2), ("codebook", 4)] {
        let mut codec = runs().codec(name);
        let picture = drawn(1301, 530, name != "inner", 1);
        let codes = codec.quantise(&picture).expect(name);
        let shown = codec.render(&codes, picture.shape).expect(name);
        // The same in one piece.
        let mut trained = Trained::load(&runs().path(name), &"cpu".parse().unwrap()).expect(name);
        let [height, width] = [530_usize, 1301].map(|side| side.next_multiple_of(cell));
        let whole = ImageShape { height, width, ..trained.model().images() };
        let made = drawn_whole(&mut trained, &codes, whole);
        let mut far = 0;
        for channel in 0..whole.channels {
            for y in 0..530 {
                for x in 0..1301 {
                    let value = made[(channel * whole.height + y) * whole.width + x];
                    let pixel = shown.pixels[(channel * 530 + y) * 1301 + x];
                    far += usize::from(pixel.abs_diff((value * 255.0 + 0.5) as u8) > 1);
                }
            }
        }
        assert_eq!(far, 0, "{name}: of {} pixels", shown.pixels.len());
        // Nor do they in the code: what lies on both sides of a window's edge is the same in a picture that begins elsewhere.
        let image = ImageShape { height: 256, width: 256, ..picture.shape };
        let part = Raster { shape: image, pixels: cut(&picture, [128, 384], image) };
        let inner = codec.quantise(&part).expect(name);
        let margin = 16;
        let mut other = 0;
        for channel in 0..codes.channels {
            for row in margin..inner.rows - margin {
                for column in margin..inner.columns - margin {
                    let at = (channel * codes.rows + row + 128 / cell) * codes.columns;
                    let whole = codes.values[at + column + 384 / cell];
                    let part = inner.values[(channel * inner.rows + row) * inner.columns + column];
                    other += usize::from(whole.abs_diff(part) > 1);
                }
            }
        }
        assert!(other * 2000 < inner.values.len(), "{name}: {other} of {}", inner.values.len());
    }
}

#[test]
fn devices_agree_on_the_whole_numbers_of_a_file() {
    let adapter = std::env::var("DIABOLO_TEST_ADAPTER").unwrap_or_else(|_| "gpu".into());
    let adapter = adapter.parse().unwrap_or_else(|error| panic!("{error}"));
    for (name, .., colours) in RUNS {
        let mut here = runs().codec(name);
        let mut there =
            Codec::load(&runs().path(name), &adapter).unwrap_or_else(|error| panic!("{error}"));
        let picture = drawn(37, 53, colours, 5);
        for writer in [true, false] {
            let bytes = match writer {
                true => here.compress(&picture).expect(name),
                false => there.compress(&picture).expect(name),
            };
            let path = Path::new("x.dia");
            let codes = [here.read(&bytes, path), there.read(&bytes, path)];
            let [(_, a), (_, b)] = codes.map(|read| read.unwrap_or_else(|e| panic!("{name}: {e}")));
            assert_eq!(a, b, "{name}");
            let shown = [here.decompress(&bytes, path), there.decompress(&bytes, path)];
            let [a, b] = shown.map(|shown| shown.unwrap_or_else(|e| panic!("{name}: {e}")));
            assert!(furthest(&a, &b) <= 1, "{name}");
        }
    }
}

#[test]
fn a_file_that_is_cut_or_has_a_bit_turned_is_an_error() {
    for name in ["map", "hyperprior", "dense-codebook"] {
        let mut codec = runs().codec(name);
        let bytes = codec.compress(&drawn(21, 18, false, 2)).expect(name);
        let refused = |bytes: &[u8], what: &str| {
            let error = codec.read(bytes, Path::new("x.dia")).expect_err(what).to_string();
            assert!(error.starts_with("x.dia: "), "{error}");
        };
        for length in 0..bytes.len() {
            refused(&bytes[..length], &format!("{name} of {length} bytes"));
        }
        for bit in 0..8 * bytes.len() {
            let mut turned = bytes.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            refused(&turned, &format!("{name} with bit {bit} turned"));
        }
    }
}

/// `bytes` with another checksum at the end, the right one.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut crc = Crc::new();
    bytes.truncate(bytes.len().saturating_sub(4));
    crc.update(&bytes);
    bytes.extend(crc.sum().to_le_bytes());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_a_picture_or_an_error(
        noise in proptest::collection::vec(any::<u8>(), 0..120),
        from in 0..60_usize,
    ) {
        for name in ["map", "hyperprior", "codebook", "vector"] {
            let mut codec = runs().codec(name);
            let path = Path::new("x.dia");
            prop_assert!(codec.decompress(&noise, path).is_err());
            // Behind a true beginning and under a true checksum, a payload may stand for anything.
            let mut bytes = codec.compress(&drawn(21, 18, false, 2)).expect(name);
            bytes.truncate(from.max(20).min(bytes.len()));
            bytes.extend(&noise);
            if let Ok(picture) = codec.decompress(&sealed(bytes), path) {
                prop_assert_eq!(picture.pixels.len(), picture.shape.elements());
            }
        }
    }
}

#[test]
fn training_with_noise_for_rounding_lowers_the_loss() {
    for name in ["map", "hyperprior", "inner", "vector", "dense"] {
        let text = fs::read_to_string(runs().path(name).join("metrics.json")).expect("written");
        let metrics: Value = serde_json::from_str(&text).expect("is JSON");
        let epochs = metrics["epochs"].as_array().expect("epochs are listed");
        let loss = |epoch: usize| epochs[epoch]["train_loss"].as_f64().expect("is there");
        // Where only the linear path is trained, it begins near its end.
        assert!(loss(39) < loss(0), "{name}: from {} to {}", loss(0), loss(39));
        let test = |name: &str| metrics["test"][name].as_f64().expect("is measured");
        assert!(test("mse") < 0.75 * test("mean_mse"), "{name}: {}", metrics["test"]);
        let bits = metrics["test"]["bits_per_pixel"].as_f64().expect("is measured");
        assert!(bits > 0.0 && bits < 8.0, "{name}: {bits}");
    }
}

#[test]
fn a_higher_weight_of_bits_makes_smaller_files() {
    let folder = TempDir::new().expect("a temporary folder");
    let data = runs().path("colours");
    let sizes = [0.0001, 0.02].map(|rate| {
        let out = folder.path().join(rate.to_string());
        let options = format!(
            "--data images:{} --epochs 40 --batch 4 --lr 0.005 --arch conv:8,8 --latent map:4 --quantise 0.1 \
             --rate {rate}",
            data.display()
        );
        train(Kind::Conv, &options, &out);
        let mut codec = Codec::load(&out, &"cpu".parse().unwrap()).expect("is trained");
        codec.compress(&drawn(128, 128, true, 6)).expect("can be compressed").len()
    });
    assert!(2 * sizes[1] < sizes[0], "{sizes:?} bytes");
}

fn diabolo(words: &[&str]) -> Output {
    program().args(words).output().expect("the program runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("is text")
}

#[test]
fn pictures_go_through_files() {
    let folder = TempDir::new().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    drawn(45, 30, true, 4).save(&at("in.png")).expect("writable");
    let (run, gray) = (runs().path("map"), runs().path("dense"));
    let device = ["--device", "cpu"];
    let (input, out, back) = (at("in.png"), at("a.dia"), at("a.png"));
    let words = ["compress", text(&input), "-o", text(&out), "--info", "-m", text(&run)];
    let words = [&words[..], &device].concat();
    let output = diabolo(&[&words[..], &["--quality", "9"]].concat());
    assert!(output.status.code() == Some(2) && !out.exists());
    let info = printed(&diabolo(&words));
    for part in ["bits per pixel", "PSNR", "45x30", "bytes"] {
        assert!(info.contains(part), "{info}");
    }
    let info = printed(&diabolo(&["decompress", text(&out), "--info"]));
    let size = format!("{}, ", fs::metadata(&out).expect("written").len());
    assert!(info.contains(&size) && info.contains("4 x 8 x 12, by 4x4 pixels"), "{info}");
    let words = [&["decompress", text(&out), "-o", text(&back), "-m", text(&run)][..], &device];
    printed(&diabolo(&words.concat()));
    let mut codec = runs().codec("map");
    let bytes = fs::read(&out).expect("readable");
    assert_eq!(
        Raster::read(&back).expect("readable"),
        codec.decompress(&bytes, &out).expect("whole")
    );
    // A gray model's picture is gray, and the user is told.
    let words = [&["compress", text(&input), "-m", text(&gray)][..], &device].concat();
    let output = diabolo(&words);
    printed(&output);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("turned gray"), "{told}");
    let written = at("in.dia");
    let words =
        [&["decompress", text(&written), "-o", text(&back), "-m", text(&gray)][..], &device];
    printed(&diabolo(&words.concat()));
    assert_eq!(Raster::read(&back).expect("readable").shape.channels, 1);
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = TempDir::new().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    drawn(20, 20, true, 4).save(&at("in.png")).expect("writable");
    let input = at("in.png");
    let run = |name: &str| runs().path(name);
    let [map, other] = ["map", "codebook"].map(run);
    let plain = at("plain");
    train(Kind::Dense, "--limit 64 --epochs 1 --arch dense --latent 4", &plain);
    let words = ["compress", text(&input), "--device", "cpu", "-m", text(&map)];
    printed(&diabolo(&words));
    let file = at("in.dia");
    fs::write(at("bad.dia"), b"DIAB").expect("writable");
    let bad = at("bad.dia");
    let [other_format, none, back] = ["out.xyz", "none.png", "back.png"].map(at);
    let cases: [(&[&str], i32, &str); 5] = [
        (&["compress", text(&input), "-m", text(&plain)], 2, "--quantise"),
        (&["decompress", text(&file), "-m", text(&other), "-o", text(&back)], 1, "another model"),
        (&["decompress", text(&bad), "-m", text(&map)], 1, "damaged"),
        (&["decompress", text(&file), "-m", text(&map), "-o", text(&other_format)], 2, ".png"),
        (&["compress", text(&none), "-m", text(&map)], 1, "none.png"),
    ];
    for (words, code, part) in cases {
        let output = diabolo(&[words, &["--device", "cpu"]].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {told}");
        assert!(told.starts_with("error: ") && told.contains(part), "{words:?}: {told}");
    }
    let output = diabolo(&["decompress", text(&file), "-o", text(&back)]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && told.contains("name its run with --model"),
        "{told}"
    );
}

#[test]
fn models_are_compared_with_jpeg() {
    let folder = TempDir::new().expect("a temporary folder");
    for index in 0..2 {
        let picture = drawn(70, 40 + index, true, index);
        picture.save(&folder.path().join(format!("{index}.png"))).expect("writable");
    }
    let out = folder.path().join("curves.png");
    let [map, vector] = ["map", "vector"].map(|name| runs().path(name));
    let words = ["rate-distortion", text(folder.path()), "--device", "cpu", "-o", text(&out)];
    let table = printed(&diabolo(&[&words[..], &["-m", text(&map), "-m", text(&vector)]].concat()));
    for part in ["means over 2 pictures", "\nmap, quality 8", "\nvector, quality 1", "JPEG, 95"] {
        assert!(table.contains(part), "{table}");
    }
    assert!(image::open(&out).expect("was drawn").width() > 500);
    let gray = runs().path("dense");
    let output = diabolo(&[&words[..], &["-m", text(&map), "-m", text(&gray)]].concat());
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn options_of_quantised_codes_without_effect_are_refused() {
    let refused = [
        (Kind::Vae, "--quantise 1", "--quantise"),
        (Kind::Sparse, "--rate 1", "--rate"),
        (Kind::Vqvae, "--quantise 1", "--quantise"),
        (Kind::Conv, "--rate 1", "--rate"),
        (Kind::Conv, "--quantise 0", "--quantise"),
        (Kind::Dense, "--quantise inf", "--quantise"),
        (Kind::Dense, "--quantise 1 --rate 0", "--rate"),
        (Kind::Dense, "--quantise 1 --rate=-1", "--rate"),
        (Kind::Conv, "--quantise 1 --dropout 0.1", "--dropout"),
        (Kind::Conv, "--hyperprior 8", "--hyperprior"),
        (Kind::Conv, "--quantise 1 --latent 8 --hyperprior 8", "--hyperprior"),
        (Kind::Conv, "--quantise 1 --latent map:8 --hyperprior 0", "--hyperprior"),
        (Kind::Dense, "--quantise 1 --hyperprior 8", "--hyperprior"),
    ];
    let out = TempDir::new().expect("a temporary folder");
    for (kind, options, option) in refused {
        let text = format!("train --device cpu --out {} {options}", out.path().display());
        let args = TrainArgs::try_parse_from(text.split_whitespace());
        let args = args.unwrap_or_else(|e| panic!("{e}"));
        let error = run::run(&args, kind).expect_err(options).to_string();
        assert!(error.starts_with(&format!("{option}:")), "{kind:?} {options}: {error}");
    }
}
