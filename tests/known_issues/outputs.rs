//! Files that are written where they should not be, or not as they should be.

use image::{GrayAlphaImage, ImageBuffer, Luma, LumaA};

use super::program::{printed, text};
use super::{TRAINED, folder};

/// Sixteen bits in are sixteen bits out, or it is said that half of them are gone.
#[test]
#[should_panic(expected = "half of the bits are gone without a word")]
fn sixteen_bits_are_kept_or_spoken_of() {
    let folder = folder();
    let (path, out) = (folder.path().join("deep.png"), folder.path().join("out"));
    let image = ImageBuffer::<Luma<u16>, Vec<u16>>::from_fn(8, 8, |x, y| {
        Luma([(1021 * (8 * y + x)) as u16])
    });
    image.save(&path).expect("the folder is ours");
    let line = format!("restore {} -o {}", path.display(), out.display());
    let output = TRAINED.runs.task(&line, "dense");
    let said = printed(&output) + &text(&output.stderr);
    let deep = image::open(out.join("deep.png")).expect("is written").color();
    let kept = deep.bytes_per_pixel() == 2;
    assert!(kept || said.contains("8 bits"), "half of the bits are gone without a word: {said}");
}

/// What becomes of transparency, which a compressed picture does not have, is said.
#[test]
#[should_panic(expected = "transparency is gone without a word")]
fn compress_speaks_of_transparency() {
    let folder = folder();
    let path = folder.path().join("see-through.png");
    let image = GrayAlphaImage::from_fn(8, 8, |x, y| LumaA([30 * y as u8, 30 * x as u8]));
    image.save(&path).expect("the folder is ours");
    let output = TRAINED.runs.task(&format!("compress {}", path.display()), "codec");
    let said = printed(&output) + &text(&output.stderr);
    assert!(said.contains("transparen"), "transparency is gone without a word: {said}");
}
