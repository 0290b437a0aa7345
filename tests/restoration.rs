//! Pictures of any size are restored by models of small ones, and reconstructed, changed into each
//! other and varied, through the program.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use diabolo::tasks::Raster;
use image::{GrayImage, ImageReader, Luma, LumaA};
use program::{Runs, diabolo, text};
use tempfile::TempDir;

/// Runs trained once for all tests.
static RUNS: LazyLock<Runs> = LazyLock::new(|| {
    let runs = [
        ("dense", "--variant dense --arch dense:32 --latent 8 --epochs 4"),
        ("vae", "--variant vae --arch dense:32 --latent 4 --epochs 4"),
        ("cvae", "--variant cvae --arch dense:16 --latent 3 --epochs 1"),
        ("vqvae", "--variant vqvae --arch conv:4 --codes 9 --code-dim 3 --epochs 4"),
        ("filling", "--variant denoising --noise mask:0.3 --arch dense:64 --latent 24 --epochs 6"),
    ];
    Runs::train("--data digits --limit 300", &runs)
});

/// A smooth picture with an edge, of any size.
fn picture(width: u32, height: u32, number: u32) -> GrayImage {
    GrayImage::from_fn(width, height, |x, y| {
        let wave = (f64::from(x * (3 + number) + 2 * y) / 9.0).sin();
        Luma([(128.0 + 60.0 * wave + if x > y { 50.0 } else { 0.0 }) as u8])
    })
}

fn size(path: &Path) -> (u32, u32) {
    ImageReader::open(path).expect("is there").into_dimensions().expect("is a picture")
}

#[test]
fn pictures_are_reconstructed_at_the_models_size() {
    let folder = TempDir::new().expect("a temporary folder");
    let (a, b) = (folder.path().join("a.png"), folder.path().join("sub/a.jpg"));
    fs::create_dir(folder.path().join("sub")).expect("writable");
    picture(8, 8, 0).save(&a).expect("writable");
    picture(30, 20, 1).save(&b).expect("writable");
    let out = folder.path().join("out");
    let line = format!("reconstruct {} {} -o {}", a.display(), b.display(), out.display());
    let said = RUNS.succeeds(&line, "dense");
    assert!(said.contains("2 pictures") && said.contains("dB"), "{said}");
    assert_eq!([size(&out.join("a.png")), size(&out.join("a-2.png"))], [(8, 8); 2]);
    RUNS.fails(&format!("reconstruct {} -o {}", a.display(), out.display()), "cvae", 2, "--label");
    RUNS.fails(&format!("reconstruct nothing.png -o {}", out.display()), "dense", 1, "nothing.png");
}

#[test]
fn one_picture_becomes_another() {
    let folder = TempDir::new().expect("a temporary folder");
    let [a, b] = [0, 1].map(|number| {
        let path = folder.path().join(format!("{number}.png"));
        picture(8, 8, 5 * number).save(&path).expect("writable");
        path
    });
    let out = folder.path().join("way.png");
    let ends = format!("{} {}", a.display(), b.display());
    for (model, more) in [("vae", ""), ("dense", ""), ("cvae", "--label 3"), ("vqvae", "")] {
        let line = format!("interpolate {ends} --steps 5 -o {} {more}", out.display());
        RUNS.succeeds(&line, model);
        let bytes = fs::read(folder.path().join("way.gif")).expect("written beside the strip");
        let decoder = image::codecs::gif::GifDecoder::new(std::io::Cursor::new(bytes));
        let frames = image::AnimationDecoder::into_frames(decoder.expect("is a GIF"));
        let frames = frames.collect_frames().expect("has frames");
        assert_eq!(frames.len(), 5 + 3, "there and back");
        assert!(frames[0].buffer().width() >= 64, "enlarged");
        let differ = frames[0].buffer() != frames[4].buffer();
        // A codebook of nine may know no difference between the two.
        assert!(differ || model == "vqvae", "{model}: both ends are alike");
    }
    RUNS.fails(&format!("interpolate {ends} --steps 1"), "vae", 2, "--steps");
}

#[test]
fn variants_lie_in_the_folders_of_their_classes_and_differ() {
    let folder = TempDir::new().expect("a temporary folder");
    let (pictures, out) = (folder.path().join("in"), folder.path().join("out"));
    for number in 0..4 {
        let class = pictures.join(format!("{}", number % 2));
        fs::create_dir_all(&class).expect("writable");
        picture(8, 8, number).save(class.join(format!("{number}.png"))).expect("writable");
    }
    for model in ["vae", "dense", "cvae", "vqvae"] {
        let line = format!("augment {} -n 3 -o {}", pictures.display(), out.display());
        RUNS.succeeds(&line, model);
        let made: Vec<Vec<u8>> = (1..=3)
            .map(|variant| fs::read(out.join(format!("1/3-{variant}.png"))).expect("there"))
            .collect();
        assert!(made[0] != made[1] || made[1] != made[2], "{model}: all variants are alike");
        RUNS.succeeds(&line, model);
        let again = fs::read(out.join("1/3-1.png")).expect("there");
        assert_eq!(again, made[0], "{model}: the same seed draws the same");
        fs::remove_dir_all(&out).expect("writable");
    }
    let still = format!("augment {} -n 1 --strength 0 -o {}", pictures.display(), out.display());
    RUNS.succeeds(&still, "dense");
    let plain = folder.path().join("plain");
    RUNS.succeeds(&format!("reconstruct {} -o {}", pictures.display(), plain.display()), "dense");
    let read = |path: PathBuf| Raster::read(&path).expect("a picture");
    assert_eq!(read(out.join("1/3-1.png")), read(plain.join("1/3.png")), "no strength, no change");
    RUNS.fails(&format!("{still} --strength -1"), "dense", 2, "--strength");
}

#[test]
fn all_pictures_of_a_large_folder_are_varied_alike() {
    let folder = TempDir::new().expect("a temporary folder");
    let (pictures, out) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir(&pictures).expect("writable");
    // One more than are at work at once.
    for number in 0..257 {
        let path = pictures.join(format!("{number:03}.png"));
        picture(8, 8, number % 7).save(path).expect("writable");
    }
    let line = format!("augment {} -n 1 --strength 1 -o {}", pictures.display(), out.display());
    for model in ["dense", "vqvae"] {
        let said = RUNS.succeeds(&line, model);
        assert!(said.contains("257 pictures"), "{said}");
    }
    RUNS.succeeds(&line, "dense");
    let varied = Raster::read(&out.join("256-1.png")).expect("a picture");
    let plain = folder.path().join("plain");
    let last = pictures.join("256.png");
    RUNS.succeeds(&format!("reconstruct {} -o {}", last.display(), plain.display()), "dense");
    let still = Raster::read(&plain.join("256.png")).expect("a picture");
    assert_ne!(varied, still, "the last picture varies as the others do");
}

#[test]
fn missing_pixels_are_filled_and_the_others_stay() {
    let folder = TempDir::new().expect("a temporary folder");
    let [whole, holed, mask] =
        ["whole.png", "holed.png", "mask.png"].map(|name| folder.path().join(name));
    let clean = picture(37, 21, 0);
    clean.save(&whole).expect("writable");
    let seen = |x: u32, y: u32| !(x * 7 + y * 5).is_multiple_of(4);
    let mask_image = GrayImage::from_fn(37, 21, |x, y| Luma([if seen(x, y) { 255 } else { 0 }]));
    mask_image.save(&mask).expect("writable");
    let with_alpha = image::GrayAlphaImage::from_fn(37, 21, |x, y| {
        LumaA(if seen(x, y) { [clean.get_pixel(x, y)[0], 255] } else { [0, 0] })
    });
    with_alpha.save(&holed).expect("writable");
    let out = folder.path().join("out");
    let by_mask =
        format!("restore {} --noise mask:{} -o {}", whole.display(), mask.display(), out.display());
    let said = RUNS.succeeds(&by_mask, "filling");
    assert!(said.contains("dB") && said.contains("SSIM"), "{said}");
    let by_alpha =
        format!("restore {} -o {} --clean {}", holed.display(), out.display(), whole.display());
    RUNS.succeeds(&by_alpha, "filling");
    let read = |name: &str| image::open(out.join(name)).expect("written").into_luma8();
    let (first, second) = (read("whole.png"), read("holed.png"));
    assert_eq!(first.dimensions(), (37, 21));
    assert_eq!(first, second, "a mask and transparency say the same");
    let mut nearer = 0;
    for (x, y, pixel) in clean.enumerate_pixels() {
        match seen(x, y) {
            true => assert_eq!(first.get_pixel(x, y), pixel, "({x}, {y}) was there"),
            false => nearer += i32::from(first.get_pixel(x, y)[0] > 40),
        }
    }
    assert!(nearer > 100, "{nearer} of about 194 holes are no longer dark");
    let small = folder.path().join("small.png");
    picture(5, 5, 0).save(&small).expect("writable");
    let line = format!(
        "restore {} --noise mask:{} -o {}",
        whole.display(),
        small.display(),
        out.display()
    );
    RUNS.fails(&line, "filling", 1, "a mask has its picture's size");
    let line = format!("restore {} --noise fog:1 -o {}", whole.display(), out.display());
    RUNS.fails(&line, "filling", 2, "fog");
}

/// The decibels in a line such as `a.png: 16.5 dB, .. -> 26.4 dB, .. (median filter 23.7 dB, ..; best
/// Gaussian filter 25.1 dB, ..)`.
fn decibels(line: &str) -> [f64; 4] {
    let words: Vec<&str> = line.split_whitespace().collect();
    let numbers = words.windows(2).filter(|pair| pair[1].starts_with("dB"));
    let numbers: Vec<f64> = numbers.map(|pair| pair[0].parse().expect("a number")).collect();
    numbers.try_into().expect("four measures")
}

#[test]
fn a_blind_residual_model_beats_filters_on_a_photograph_it_never_saw() {
    let folder = TempDir::new().expect("a temporary folder");
    let photographs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photographs");
    let (run, out) = (folder.path().join("run"), folder.path().join("out"));
    let data =
        format!("--data images:{} --patches 24x24 --gray", photographs.join("seen").display());
    let model = "--variant denoising --residual --noise gaussian:0.05-0.25 --arch conv:32";
    let how = "--hold-out 0.25 --batch 16 --epochs 100 --device cpu";
    let output = diabolo(&format!("train {data} {model} {how} --out {}", run.display()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    for noise in ["gaussian:0.1", "gaussian:0.15", "gaussian:0.2"] {
        let unseen = photographs.join("unseen/camera.png");
        let line = format!("restore {} --noise {noise} -o {}", unseen.display(), out.display());
        let output = diabolo(&format!("{line} --device cpu --model {}", run.display()));
        let said = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let [corrupted, restored, median, smooth] = decibels(said.lines().next().expect("a line"));
        assert!(restored > corrupted + 5.0, "{said}");
        assert!(restored > median + 1.0 && restored > smooth, "{noise}: {said}");
    }
    fails_with_run("sample", &run, "--residual");
    assert_eq!(size(&out.join("camera.png")), (192, 192));
}

#[test]
fn a_model_that_is_told_the_noise_estimates_it_where_nobody_says() {
    let folder = TempDir::new().expect("a temporary folder");
    let photographs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photographs");
    let (run, out) = (folder.path().join("run"), folder.path().join("out"));
    let data = format!(
        "--data images:{} --patches 24x24 --gray --hold-out 0.25",
        photographs.join("seen").display()
    );
    let model = "--variant denoising --residual --arch flat:16x4";
    let output =
        diabolo(&format!("train {data} {model} --epochs 30 --device cpu --out {}", run.display()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let camera = photographs.join("unseen/camera.png");
    let restored = |options: &str| {
        let line = format!("restore {} -o {} {options}", camera.display(), out.display());
        let output = diabolo(&format!("{line} --device cpu --model {}", run.display()));
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let said = restored("--noise gaussian:0.1");
    let words: Vec<&str> = said.lines().next().expect("a line").split_whitespace().collect();
    assert_eq!(words.last(), Some(&"estimated"), "{said}");
    let level: f64 = words[words.len() - 2].trim_end_matches(',').parse().expect("a number");
    assert!((level - 0.1).abs() < 0.01, "{said}");
    let of = |said: &str| decibels(said.lines().find(|line| line.contains(" dB")).expect("one"));
    let [corrupted, estimated, median, _] = of(&said);
    assert!(estimated > corrupted + 5.0 && estimated > median, "{said}");
    let said = restored("--noise gaussian:0.1 --noise-level 0.1");
    let told = of(&said)[1];
    assert!((told - estimated).abs() < 0.3 && !said.contains("estimated"), "{said}");
    // Told that there is hardly any, it leaves the noise where it is.
    let spared = of(&restored("--noise gaussian:0.1 --noise-level 0.01"))[1];
    assert!(spared < told - 3.0, "{spared} dB, told the truth {told} dB");
}

#[test]
fn a_model_that_is_not_told_the_noise_takes_no_level() {
    let folder = TempDir::new().expect("a temporary folder");
    let (given, out) = (folder.path().join("a.png"), folder.path().join("out"));
    picture(20, 10, 0).save(&given).expect("writable");
    let line = format!("restore {} -o {} --noise-level 0.1", given.display(), out.display());
    RUNS.fails(&line, "dense", 2, "--noise-level");
}

/// A task that the run's model cannot do.
fn fails_with_run(line: &str, run: &Path, words: &str) {
    let output = diabolo(&format!("{line} --device cpu --model {}", run.display()));
    let errors = text(&output.stderr);
    assert!(!output.status.success() && errors.contains(words), "{errors}");
}
