//! Pictures in pairs: found by name, cut at the same places, of one shape, each with its partner.

use std::fs;
use std::path::{Path, PathBuf};

use diabolo::data::{Dataset, Fit, Images, LoadOptions, Manifest, Source};
use diabolo::error::Result;
use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use tempfile::TempDir;

/// Two folders of pairs.
struct Pairs(TempDir);

impl Pairs {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn path(&self, side: &str, name: &str) -> PathBuf {
        let path = self.0.path().join(side).join(name);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("the folder is ours");
        path
    }

    /// Gray pictures of 9x7, each beside its negative.
    fn negatives(count: u32) -> Self {
        let this = Self::new();
        for number in 0..count {
            let name = format!("{number:02}.png");
            gray(number).save(this.path("noisy", &name)).expect("writable");
            let mut negative = DynamicImage::ImageLuma8(gray(number));
            negative.invert();
            negative.save(this.path("clean", &name)).expect("writable");
        }
        this
    }

    fn source(&self) -> Source {
        let folder = |side: &str| self.0.path().join(side);
        Source::Pairs { noisy: folder("noisy"), clean: folder("clean") }
    }

    fn load(&self, options: &LoadOptions) -> Result<Dataset> {
        Dataset::load(&self.source(), options)
    }
}

fn gray(number: u32) -> GrayImage {
    GrayImage::from_fn(9, 7, |x, y| Luma([((31 * number + 7 * x + 29 * y) % 251) as u8]))
}

/// Makes sure that the second half of each image is the negative of the first.
fn check_negatives(dataset: &Dataset, images: &Images) {
    assert_eq!(images.pixels.len(), images.count * dataset.stored_elements());
    for index in 0..images.count {
        let image = images.image(index);
        let (given, wanted) = image.split_at(dataset.shape.elements());
        assert_eq!(&image[dataset.target()], wanted);
        assert!(given.iter().zip(wanted).all(|(a, b)| a + b == 255), "image {index}");
        assert!(given.iter().any(|value| *value != given[0]), "image {index} shows something");
    }
}

#[test]
fn each_picture_is_followed_by_its_partner() {
    let dataset = Pairs::negatives(20).load(&LoadOptions::default()).expect("pairs");
    assert!(dataset.paired);
    assert_eq!((dataset.shape.channels, dataset.stored_channels()), (1, 2));
    assert_eq!((dataset.train.count, dataset.test.count), (18, 2));
    for part in [&dataset.train, &dataset.test] {
        check_negatives(&dataset, part);
        assert!(part.files.iter().all(|file| file.clean.is_some()));
    }
}

#[test]
fn patches_are_cut_from_both_at_the_same_place() {
    let patches = LoadOptions { patches: Some((4, 3)), ..LoadOptions::default() };
    let dataset = Pairs::negatives(10).load(&patches).expect("pairs");
    // 2 times 2 of each picture.
    assert_eq!((dataset.train.count, dataset.test.count), (36, 4));
    let few = LoadOptions { limit: Some(7), ..patches.clone() };
    let few = Pairs::negatives(10).load(&few).expect("pairs");
    assert_eq!(few.train.count, 7);
    // Of a single pair, a strip is held out.
    let one = Pairs::negatives(1).load(&patches).expect("one pair");
    for dataset in [&dataset, &few, &one] {
        check_negatives(dataset, &dataset.train);
        check_negatives(dataset, &dataset.test);
    }
}

#[test]
fn both_are_brought_to_one_size_in_one_way() {
    let pairs = Pairs::negatives(4);
    for fit in [Fit::Stretch, Fit::Crop] {
        let options = LoadOptions { size: Some((5, 4)), fit: Some(fit), ..LoadOptions::default() };
        let dataset = pairs.load(&options).expect("pairs");
        let shape = dataset.shape;
        assert_eq!((shape.channels, shape.height, shape.width), (1, 4, 5));
        for index in 0..dataset.train.count {
            // Each side is rounded by itself.
            let (given, wanted) = dataset.train.image(index).split_at(shape.elements());
            let sums = given.iter().zip(wanted).map(|(a, b)| i32::from(*a) + i32::from(*b));
            assert!(sums.into_iter().all(|sum| (254..=256).contains(&sum)), "{fit:?}");
        }
    }
}

#[test]
fn a_picture_with_colour_gives_both_sides_of_all_pairs_three_channels() {
    let pairs = Pairs::new();
    for number in 0..4_u8 {
        let name = format!("{number}.png");
        GrayImage::from_pixel(2, 2, Luma([number])).save(pairs.path("noisy", &name)).unwrap();
        let colour = Rgb([10 + number, 20 + number, 30 + number]);
        match number {
            0 => GrayImage::from_pixel(2, 2, Luma([9])).save(pairs.path("clean", &name)).unwrap(),
            _ => RgbImage::from_pixel(2, 2, colour).save(pairs.path("clean", &name)).unwrap(),
        }
    }
    let all = LoadOptions { hold_out: Some(0.0), ..LoadOptions::default() };
    let dataset = pairs.load(&all).expect("pairs");
    assert_eq!((dataset.shape.channels, dataset.stored_channels()), (3, 6));
    for (index, name) in dataset.train.names().iter().enumerate() {
        let number: u8 = name[..1].parse().expect("is called by its number");
        let planes: Vec<u8> = dataset.train.image(index).chunks(4).map(|plane| plane[0]).collect();
        let clean = if number == 0 { [9; 3] } else { [10, 20, 30].map(|light| light + number) };
        assert_eq!(planes, [[number; 3], clean].concat(), "{name}");
    }
    let gray = pairs.load(&LoadOptions { gray: true, ..all }).expect("pairs in gray");
    assert_eq!((gray.shape.channels, gray.stored_channels()), (1, 2));
}

/// Where pairs are split, only the picture that is given counts; a partner that changed is the new one.
#[test]
fn pairs_stay_in_their_part_and_a_partner_is_what_it_is_now() {
    let pairs = Pairs::negatives(12);
    let before = pairs.load(&LoadOptions::default()).expect("pairs");
    let manifest = Manifest::of(&before, before.digest().expect("in memory"));
    let again = |pairs: &Pairs| {
        Dataset::load_known(&pairs.source(), &LoadOptions::default(), Some(&manifest)).expect("all")
    };
    let name = &before.test.files[0].file;
    for side in ["noisy", "clean"] {
        fs::rename(pairs.path(side, name), pairs.path(side, "deeper/moved.png")).expect("ours");
    }
    let after = again(&pairs);
    assert_eq!(
        (&after.train.pixels, &after.test.pixels),
        (&before.train.pixels, &before.test.pixels)
    );
    assert_eq!(after.digest().expect("in memory"), manifest.digest);
    GrayImage::from_pixel(9, 7, Luma([5])).save(pairs.path("clean", "deeper/moved.png")).unwrap();
    let after = again(&pairs);
    assert_eq!(after.train, before.train);
    assert_eq!(after.test.image(0)[..63], before.test.image(0)[..63]);
    assert_eq!(after.test.image(0)[63..], [5; 63]);
    assert_ne!(after.digest().expect("in memory"), manifest.digest);
}

#[test]
fn held_out_pairs_may_lie_elsewhere_and_are_pairs() {
    let (here, there) = (Pairs::negatives(6), Pairs::negatives(3));
    let options = LoadOptions { hold_out: Some(0.0), ..LoadOptions::default() };
    let dataset = here.load(&options).expect("pairs");
    let both = dataset.clone().with_test(&there.source(), &options, None).expect("of one size");
    assert_eq!((both.train.count, both.test.count), (6, 3));
    check_negatives(&both, &both.test);
    let alone = Source::Images(there.0.path().join("noisy"));
    let said = dataset.with_test(&alone, &options, None).expect_err("no pairs").to_string();
    assert!(said.starts_with("--test-data") && said.contains("pairs:NOISY,CLEAN"), "{said}");
    let images = Dataset::load(&alone, &options).expect("pictures");
    let said = images.with_test(&here.source(), &options, None).expect_err("pairs").to_string();
    assert!(said.starts_with("--test-data") && said.contains("images:DIR"), "{said}");
}

#[test]
fn folders_of_pairs_lie_apart() {
    let pairs = Pairs::negatives(3);
    let (top, noisy) = (pairs.0.path().to_path_buf(), pairs.0.path().join("noisy"));
    let load = |noisy: &Path, clean: &Path| {
        let source = Source::Pairs { noisy: noisy.into(), clean: clean.into() };
        Dataset::load(&source, &LoadOptions::default()).expect_err("no two folders").to_string()
    };
    assert!(load(&noisy, &noisy.join(".")).contains("is given twice"));
    assert!(load(&noisy, &top).contains("lies in"));
    assert!(load(&top, &noisy).contains("holds"));
    assert!(load(&noisy, &top.join("none")).contains("there is no such folder"));
}
