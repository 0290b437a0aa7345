//! What a task hands back is in the form of the picture that it was given: as many bits, the same
//! transparency, the same colour profile. What is lost on the way is said.

#[path = "support/profiles.rs"]
mod profiles;
#[path = "support/program.rs"]
mod program;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use image::codecs::png::PngEncoder;
use image::metadata::Orientation;
use image::{
    DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, ImageDecoder, ImageEncoder, ImageReader,
    Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage,
};
use profiles::{WIDE, profile};
use program::{Runs, diabolo, printed, text};
use tempfile::TempDir;

/// Options of a training that takes no time.
const TINY: &str = "--variant dense --arch dense:4 --latent 2 --epochs 1";
const CODEC: &str = "--variant conv --arch conv:4 --latent map:2 --quantise 0.25 --epochs 1";

/// Runs trained on pictures of 8x8, in gray and in colour.
struct Trained {
    _pictures: TempDir,
    gray: Runs,
    colour: Runs,
}

static TRAINED: LazyLock<Trained> = LazyLock::new(|| {
    let folder = folder();
    let (gray, colour) = (folder.path().join("gray"), folder.path().join("colour"));
    for number in 0..6 {
        let light = |x: u32, y: u32| ((37 * number + 5 * x + 9 * y) % 256) as u8;
        for kind in [&gray, &colour] {
            fs::create_dir_all(kind).expect("the folder is ours");
        }
        let image = GrayImage::from_fn(8, 8, |x, y| Luma([light(x, y)]));
        image.save(gray.join(format!("{number}.png"))).expect("the folder is ours");
        let image = RgbImage::from_fn(8, 8, |x, y| Rgb([light(x, y), light(y, x), 90]));
        image.save(colour.join(format!("{number}.png"))).expect("the folder is ours");
    }
    let train = |pictures: &Path| {
        let data = format!("--data images:{}", pictures.display());
        Runs::train(&data, &[("dense", TINY), ("codec", CODEC)])
    };
    let (gray, colour) = (train(&gray), train(&colour));
    Trained { _pictures: folder, gray, colour }
});

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// A picture of 8x8 in colour.
fn colour_picture(path: &Path) {
    let image = RgbImage::from_fn(8, 8, |x, y| Rgb([255, 30 * x as u8, 20 * y as u8]));
    image.save(path).expect("the folder is ours");
}

/// Sixteen bits in are sixteen bits out, or it is said that half of them are gone.
#[test]
fn sixteen_bits_are_kept_or_spoken_of() {
    let folder = folder();
    let (path, out) = (folder.path().join("deep.png"), folder.path().join("out"));
    let image = ImageBuffer::<Luma<u16>, Vec<u16>>::from_fn(8, 8, |x, y| {
        Luma([(1021 * (8 * y + x)) as u16])
    });
    image.save(&path).expect("the folder is ours");
    let line = format!("restore {} -o {}", path.display(), out.display());
    let output = TRAINED.gray.task(&line, "dense");
    let said = printed(&output) + &text(&output.stderr);
    let deep = image::open(out.join("deep.png")).expect("is written").color();
    let kept = deep.bytes_per_pixel() == 2;
    assert!(kept || said.contains("8 bits"), "half of the bits are gone without a word: {said}");
}

/// What becomes of transparency, which a compressed picture does not have, is said.
#[test]
fn compress_speaks_of_transparency() {
    let folder = folder();
    let path = folder.path().join("see-through.png");
    let image = GrayAlphaImage::from_fn(8, 8, |x, y| LumaA([30 * y as u8, 30 * x as u8]));
    image.save(&path).expect("the folder is ours");
    let output = TRAINED.gray.task(&format!("compress {}", path.display()), "codec");
    let said = printed(&output) + &text(&output.stderr);
    assert!(said.contains("transparen"), "transparency is gone without a word: {said}");
}

/// Each task that turns a picture gray for its model's sake says so.
#[test]
fn a_picture_that_is_turned_gray_is_spoken_of() {
    let folder = folder();
    let (path, out) = (folder.path().join("colour.png"), folder.path().join("out"));
    colour_picture(&path);
    for task in ["restore", "reconstruct"] {
        let line = format!("{task} {} -o {}", path.display(), out.display());
        let said = text(&TRAINED.gray.task(&line, "dense").stderr);
        assert!(said.contains("gray"), "{task}: colours are gone without a word: {said}");
    }
}

/// A picture that does not exist is not called damaged.
#[test]
fn a_missing_picture_is_called_missing() {
    let folder = folder();
    let [missing, out] = ["missing.png", "codes.csv"].map(|name| folder.path().join(name));
    let line = format!("encode {} -o {}", missing.display(), out.display());
    let said = text(&TRAINED.gray.task(&line, "dense").stderr);
    assert!(!said.contains("decoded"), "a missing picture is called damaged: {said}");
}

/// A profile of other primaries than sRGB's, as bytes.
fn wide_gamut() -> Vec<u8> {
    profile(WIDE, 2.2, "Display P3")
}

/// Writes a colour picture of 8x8 with such a profile.
fn wide_picture(path: &Path, number: u8) {
    let image = RgbImage::from_fn(8, 8, |x, y| Rgb([255, 30 * x as u8, 20 * y as u8 + number]));
    let mut bytes = Cursor::new(vec![]);
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_icc_profile(wide_gamut()).expect("PNG has profiles");
    DynamicImage::ImageRgb8(image).write_with_encoder(encoder).expect("a picture");
    fs::write(path, bytes.into_inner()).expect("the folder is ours");
}

fn profile_of(path: &Path) -> Option<Vec<u8>> {
    let reader = ImageReader::open(path).expect("is there");
    reader.into_decoder().expect("a picture").icc_profile().expect("readable")
}

/// The output of a task for one picture.
fn made(task: &str, path: &Path, runs: &Runs) -> PathBuf {
    let out = path.with_file_name(format!("out-{task}"));
    runs.succeeds(&format!("{task} {} -o {}", path.display(), out.display()), "dense");
    out.join(path.file_name().expect("a file"))
}

#[test]
fn sixteen_bits_of_each_form_come_back() {
    let folder = folder();
    let deep = DynamicImage::ImageRgba16(ImageBuffer::from_fn(8, 8, |x, y| {
        Rgba([8000 * x as u16 + 3, 8000 * y as u16 + 5, 777, 65_535 - 4000 * x as u16])
    }));
    let forms = [
        DynamicImage::ImageRgb16(deep.to_rgb16()),
        DynamicImage::ImageLuma16(deep.to_luma16()),
        DynamicImage::ImageLumaA16(deep.to_luma_alpha16()),
        deep,
    ];
    for image in forms {
        let path = folder.path().join("deep.png");
        image.save(&path).expect("the folder is ours");
        for task in ["restore", "reconstruct"] {
            let form = image.color();
            let runs = if form.has_color() { &TRAINED.colour } else { &TRAINED.gray };
            let back = image::open(made(task, &path, runs)).expect("is written");
            assert_eq!(back.color(), form, "{task}");
            let levels = |image: &DynamicImage| {
                image.to_rgba16().pixels().map(|pixel| pixel[3]).collect::<Vec<u16>>()
            };
            assert_eq!(levels(&back), levels(&image), "{task}: {form:?}: another opacity");
            let fine = back.to_luma16().pixels().any(|pixel| pixel[0] % 257 != 0);
            assert!(fine, "{task}: {form:?}: eight bits, written as sixteen");
        }
    }
}

/// A gray picture that goes through a model of colours is gray again, and that it did is said.
#[test]
fn a_gray_picture_is_spoken_of_by_a_model_of_colours() {
    let folder = folder();
    let path = folder.path().join("gray.png");
    let image = ImageBuffer::<Luma<u16>, Vec<u16>>::from_fn(8, 8, |x, y| {
        Luma([(1021 * (8 * y + x)) as u16])
    });
    image.save(&path).expect("the folder is ours");
    let line = format!("restore {} -o {}", path.display(), folder.path().join("o").display());
    let said = text(&TRAINED.colour.task(&line, "dense").stderr);
    assert!(said.contains("gray.png") && said.contains("three equal channels"), "{said}");
    let back = image::open(made("restore", &path, &TRAINED.colour)).expect("is written");
    assert_eq!(back.color(), image::ColorType::L16);
}

/// Partial transparency is handed on; what is wholly transparent is missing, filled, and opaque then.
#[test]
fn transparency_is_handed_on() {
    let folder = folder();
    let path = folder.path().join("clear.png");
    let alpha = |x: u32| [0, 0, 40, 90, 128, 200, 255, 255][x as usize];
    let image = RgbaImage::from_fn(8, 8, |x, y| Rgba([30 * x as u8, 99, 30 * y as u8, alpha(x)]));
    image.save(&path).expect("the folder is ours");
    let of = |task: &str, x: u32| {
        let back = image::open(made(task, &path, &TRAINED.colour)).expect("is written");
        assert!(back.color().has_alpha(), "{task}: the opacity is gone");
        back.to_rgba8().get_pixel(x, 3).0
    };
    for x in 0..8 {
        assert_eq!(of("reconstruct", x)[3], alpha(x), "reconstruct, column {x}");
        let restored = of("restore", x);
        if alpha(x) == 0 {
            assert_eq!(restored[3], 255, "what was missing is filled");
        } else {
            // Where pixels are missing, the others stay as they are.
            assert_eq!(restored, image.get_pixel(x, 3).0, "column {x}");
        }
    }
}

#[test]
fn colour_profiles_are_handed_on_or_spoken_of() {
    let folder = folder();
    let (pictures, path) = (folder.path().join("wide"), folder.path().join("wide/0.png"));
    fs::create_dir(&pictures).expect("the folder is ours");
    for number in 0..4 {
        wide_picture(&pictures.join(format!("{number}.png")), number);
    }
    for task in ["restore", "reconstruct"] {
        assert_eq!(profile_of(&made(task, &path, &TRAINED.colour)), Some(wide_gamut()), "{task}");
        let gray = profile_of(&made(task, &path, &TRAINED.gray));
        assert_eq!(gray, None, "{task}: a profile of colours in a gray picture");
    }
    let line = format!("compress {} -o {}", path.display(), folder.path().join("x.dia").display());
    let said = text(&TRAINED.colour.task(&line, "codec").stderr);
    assert!(said.contains("Display P3"), "{said}");
    let out = folder.path().join("run");
    let data = format!("--data images:{} --device cpu --out {}", pictures.display(), out.display());
    let output = diabolo(&format!("train {TINY} {data}"));
    let (said, _) = (text(&output.stderr), printed(&output));
    assert!(said.contains("and 3 other pictures") && said.contains("Display P3"), "{said}");
}

/// Every task that hands colours to a gray model says so, once, with the number of pictures.
#[test]
fn each_task_says_once_how_many_pictures_are_turned_gray() {
    let folder = folder();
    let pictures = folder.path().join("in");
    fs::create_dir(&pictures).expect("the folder is ours");
    for name in ["a.png", "b.png"] {
        colour_picture(&pictures.join(name));
    }
    let (all, out) = (pictures.display(), folder.path().join("out"));
    let out = out.display();
    let (a, b) = (pictures.join("a.png"), pictures.join("b.png"));
    for line in [
        format!("restore {all} -o {out}/restored"),
        format!("reconstruct {all} -o {out}/made"),
        format!("augment {all} -n 1 -o {out}/more"),
        format!("interpolate {} {} --steps 2 -o {out}/way.png", a.display(), b.display()),
        format!("encode {all} -o {out}/codes.csv"),
        format!("anomaly --test {all} -o {out}/anomaly"),
    ] {
        let output = TRAINED.gray.task(&line, "dense");
        let said = text(&output.stderr);
        assert!(output.status.success(), "{line}: {said}");
        let notes: Vec<&str> = said.lines().filter(|line| line.contains("turned gray")).collect();
        assert_eq!(notes.len(), 1, "{line}: {said}");
        assert!(notes[0].contains("2 pictures"), "{line}: {said}");
    }
}

/// Notes of a camera as TIFF has them: its model, and that it was held upright, a quarter turn to the right.
fn notes_of_a_camera() -> Vec<u8> {
    let mut notes = b"II*\0\x08\0\0\0\x02\0".to_vec();
    let model = b"Box camera\0";
    notes.extend([0x10, 0x01, 2, 0, model.len() as u8, 0, 0, 0, 38, 0, 0, 0]);
    notes.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]);
    notes.extend([0; 4]);
    notes.extend(model);
    notes
}

#[test]
fn what_a_camera_noted_stays_with_its_picture() {
    let folder = folder();
    let path = folder.path().join("photo.jpg");
    let mut bytes = Cursor::new(vec![]);
    let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
    encoder.set_exif_metadata(notes_of_a_camera()).expect("JPEG has notes");
    let image = RgbImage::from_fn(10, 8, |x, y| Rgb([20 * x as u8, 30 * y as u8, 99]));
    DynamicImage::ImageRgb8(image).write_with_encoder(encoder).expect("a picture");
    fs::write(&path, bytes.into_inner()).expect("the folder is ours");
    for task in ["restore", "reconstruct"] {
        let out = made(task, &path, &TRAINED.colour).with_extension("png");
        let mut decoder =
            ImageReader::open(&out).expect("is there").into_decoder().expect("a picture");
        let (width, height) = decoder.dimensions();
        assert!(height > width || width == height, "{task}: it was turned: {width}x{height}");
        let notes = decoder.exif_metadata().expect("readable").expect("are kept");
        assert!(notes.windows(10).any(|word| word == b"Box camera"), "{task}");
        // Or it would be turned again by whoever shows it.
        let held = Orientation::from_exif_chunk(&notes);
        assert_eq!(held, Some(Orientation::NoTransforms), "{task}");
    }
    let out = folder.path().join("photo.dia");
    let line = format!("compress {} -o {}", path.display(), out.display());
    let said = text(&TRAINED.colour.task(&line, "codec").stderr);
    assert!(said.contains("without what a camera noted"), "{said}");
}
