//! IDX files, right and wrong.

use std::io::Write;
use std::path::Path;

use diabolo::data::{ImageShape, idx};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

fn images(axes: &[u32], elements: usize) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, axes.len() as u8];
    bytes.extend(axes.iter().flat_map(|axis| axis.to_be_bytes()));
    bytes.extend((0..elements).map(|index| index as u8));
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn parse(bytes: &[u8]) -> diabolo::error::Result<idx::Array> {
    idx::parse(bytes, Path::new("some-file"))
}

#[track_caller]
fn refused(bytes: &[u8], expected: &str) {
    let error = parse(bytes).expect_err("it is wrong").to_string();
    assert!(error.starts_with("some-file: ") && error.contains(expected), "{error}");
}

#[test]
fn plain_and_gzipped_files_are_the_same() {
    let bytes = images(&[5, 3, 2], 30);
    let plain = parse(&bytes).expect("right");
    assert_eq!(plain.axes, [5, 3, 2]);
    assert_eq!(plain.bytes, (0..30).collect::<Vec<u8>>());
    assert_eq!(parse(&gzip(&bytes)).expect("right"), plain);
}

#[test]
fn truncated_files_are_named() {
    let bytes = images(&[5, 3, 2], 30);
    let packed = gzip(&bytes);
    refused(&packed[..packed.len() - 9], "cut off");
    // Even when all elements are there, and only the checksum is not.
    refused(&packed[..packed.len() - 4], "cut off");
    refused(&bytes[..bytes.len() - 1], "holds 29");
    refused(&bytes[..9], "cut off");
    refused(&[], "cut off");
}

#[test]
fn a_damaged_gzip_is_named() {
    let mut packed = gzip(&images(&[5, 3, 2], 30));
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    refused(&packed, "damaged");
}

#[test]
fn wrong_magic_and_wrong_types_are_named() {
    refused(b"\x89PNG\r\n\x1a\n", "not an IDX file");
    let mut floats = images(&[5], 20);
    floats[2] = 0x0d;
    refused(&floats, "0x0d");
    refused(&images(&[], 0), "no axes");
}

#[test]
fn counts_that_do_not_fit_are_named() {
    refused(&images(&[5, 3, 2], 31), "holds more");
    refused(&images(&[6, 3, 2], 30), "36 elements but holds 30");
    refused(&images(&[u32::MAX, u32::MAX, u32::MAX], 30), "more than");
    refused(&images(&[u32::MAX, 28, 28], 30), "more than");
    refused(&gzip(&images(&[1 << 18, 1 << 12], 30)), "holds 30");
}

/// A thousand times as many bytes as the file has are as much as gzip can make.
#[test]
fn a_gzip_that_unpacks_to_gigabytes_is_refused() {
    refused(&gzip(&images(&[(1 << 18) + 1, 1 << 12], 30)), "unpack it with gunzip");
    refused(&images(&[(1 << 18) + 1, 1 << 12], 30), "holds 30");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("this system has mkfifo").success());
    for path in [&pipe, folder.path()] {
        let error = idx::read(path).expect_err("is no file").to_string();
        assert!(error.contains("it is not a file"), "{error}");
    }
}

#[test]
fn empty_sizes_are_named() {
    refused(&images(&[0, 28, 28], 0), "empty");
    refused(&images(&[5, 0, 28], 0), "empty");
    refused(&images(&[5, 28, 0], 0), "empty");
}

#[test]
fn images_and_labels_must_belong_together() {
    let array = |axes: &[u32], name: &str| {
        let elements: u32 = axes.iter().product();
        idx::parse(&images(axes, elements as usize)[..], Path::new(name)).expect("right")
    };
    let pair = |images: &[u32], labels: &[u32]| {
        idx::pair(array(images, "the-images"), array(labels, "the-labels"))
            .map_err(|error| error.to_string())
    };
    let (shape, both) = pair(&[2, 3, 4, 5], &[2]).expect("they fit");
    assert_eq!(shape, ImageShape { channels: 3, height: 4, width: 5 });
    assert_eq!(both.labels, Some(vec![0, 1]));
    let error = pair(&[5, 3, 2], &[4]).expect_err("one is missing");
    assert!(error.starts_with("the-labels: holds 4 labels"), "{error}");
    let error = pair(&[5], &[5]).expect_err("labels twice");
    assert!(error.starts_with("the-images: "), "{error}");
    let error = pair(&[5, 3, 2], &[5, 3, 2]).expect_err("images twice");
    assert!(error.starts_with("the-labels: "), "{error}");
    let error = pair(&[2, 2, 4, 5], &[2]).expect_err("two channels");
    assert!(error.contains("1 or 3 channels"), "{error}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    /// Right up to the sizes, which may be anything, so that the parser gets past the magic.
    #[test]
    fn arbitrary_sizes_give_what_they_say_or_an_error(
        axes in prop::collection::vec(prop_oneof![0_u32..6, any::<u32>()], 0..5),
        elements in 0_usize..130,
        packed in any::<bool>(),
    ) {
        let bytes = images(&axes, elements);
        let result = parse(&if packed { gzip(&bytes) } else { bytes });
        let fits = !axes.is_empty()
            && axes.iter().map(|&axis| u128::from(axis)).product::<u128>() == elements as u128
            && elements > 0;
        prop_assert_eq!(result.is_ok(), fits, "{:?}", result);
    }

    #[test]
    fn one_changed_byte_of_a_gzip_never_panics(at in 0_usize..40, value in any::<u8>()) {
        let mut packed = gzip(&images(&[5, 3, 2], 30));
        let at = at % packed.len();
        packed[at] = value;
        let _ = parse(&packed);
    }
}
