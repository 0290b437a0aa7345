//! The sizes of pictures, and the colours at chosen places.

use image::Rgb;

use super::colours::NOT_A_NUMBER;
use super::sheet::GROUND;
use super::*;
use crate::error::Error;
use crate::shape::{ImageShape, Shape};
use crate::tensor::Tensor;

fn tensor(shape: &[usize], value: impl Fn(usize) -> f32) -> Tensor {
    let shape = Shape::from(shape);
    let data = (0..shape.elements()).map(value).collect();
    Tensor::new(shape, data).expect("as many numbers as the shape has")
}

fn gray(value: u8) -> Rgb<u8> {
    Rgb([value; 3])
}

#[test]
fn digits_are_enlarged_and_stand_above_their_reconstructions() {
    let originals = tensor(&[12, 1, 8, 8], |at| if at % 64 == 9 { 1.0 } else { 0.0 });
    let made = tensor(&[12, 1, 8, 8], |_| 0.5);
    let picture = reconstructions(&originals, &made).expect("can be drawn");
    let (width, height) = (6 + 10 * (48 + 6), 6 + 2 * (48 + 2 + 48) + 12 + 6);
    assert_eq!(picture.dimensions(), (width, height));
    assert_eq!(*picture.get_pixel(0, 0), GROUND);
    // The image's pixel (1, 1) fills a square of six pixels.
    for (x, y, expected) in [(6, 6, 0), (11, 11, 0), (12, 12, 255), (17, 17, 255), (18, 18, 0)] {
        assert_eq!(*picture.get_pixel(x, y), gray(expected), "{x} {y}");
    }
    assert_eq!(*picture.get_pixel(6, 6 + 48), GROUND);
    assert_eq!(*picture.get_pixel(6, 6 + 48 + 2), gray(128));
    // The second group has two pairs; the rest of it is empty.
    assert_eq!(*picture.get_pixel(6 + 54, 6 + 110), gray(0));
    assert_eq!(*picture.get_pixel(6 + 2 * 54, 6 + 110), GROUND);
}

#[test]
fn colours_come_from_planes_and_odd_numbers_are_visible() {
    let values = [0.0, 1.0, 2.0, -1.0, 0.2, f32::INFINITY];
    let image = tensor(&[1, 3, 1, 2], |at| values[at]);
    let picture = compare(&[&image]).expect("can be drawn");
    assert_eq!(picture.dimensions(), (6 + 48 + 6, 6 + 24 + 6));
    assert_eq!(*picture.get_pixel(6, 6), Rgb([0, 255, 51]));
    assert_eq!(*picture.get_pixel(6 + 24, 6), Rgb([255, 0, 255]));
    let nan = tensor(&[1, 2, 1, 1], |at| [f32::NAN, 0.0][at]);
    let picture = compare(&[&nan]).expect("can be drawn");
    assert_eq!(*picture.get_pixel(6, 6), NOT_A_NUMBER);
}

#[test]
fn three_rows_are_compared_in_order() {
    let [clean, corrupted, restored] =
        [0.0, 1.0, 0.6].map(|value| tensor(&[11, 1, 48, 48], |_| value));
    let picture = compare(&[&clean, &corrupted, &restored]).expect("can be drawn");
    assert_eq!(picture.dimensions(), (6 + 10 * 54, 6 + 2 * (3 * 48 + 4) + 12 + 6));
    for group in [6, 6 + 3 * 48 + 4 + 12] {
        for (row, expected) in [0, 255, 153].into_iter().enumerate() {
            assert_eq!(*picture.get_pixel(20, group + row as u32 * 50), gray(expected));
        }
    }
}

#[test]
fn a_grid_goes_row_by_row_between_thin_lines() {
    let images = tensor(&[5, 1, 24, 48], |at| [0.0, 0.2, 0.4, 0.6, 1.0][at / (24 * 48)]);
    let picture = grid(&images, 3).expect("can be drawn");
    assert_eq!(picture.dimensions(), (6 + 3 * 50 - 2 + 6, 6 + 24 + 2 + 24 + 6));
    let places =
        [(6, 6, 0), (56, 6, 51), (106, 6, 102), (6, 32, 153), (56, 32, 255), (103, 55, 255)];
    for (x, y, expected) in places {
        assert_eq!(*picture.get_pixel(x, y), gray(expected), "{x} {y}");
    }
    for (x, y) in [(54, 6), (6, 30), (106, 32), (153, 55)] {
        assert_eq!(*picture.get_pixel(x, y), GROUND, "{x} {y}");
    }
    assert_eq!(grid(&images, 9).expect("can be drawn").width(), 6 + 5 * 50 - 2 + 6);
    assert!(grid(&images, 0).is_err());
}

#[test]
fn many_images_in_a_grid_are_small() {
    for (count, side, columns) in [(400, 100, 20), (900, 28, 300), (64, 300, 8), (2000, 8, 1)] {
        let picture = grid(&Tensor::full([count, 1, side, side], 1.0), columns).expect("drawn");
        let (width, height) = picture.dimensions();
        assert!(width < 2800 && height < 8192 + 2 * 2000 + 10, "{count}: {width}x{height}");
        let (right, bottom) = (picture.width() - 7, picture.height() - 7);
        assert_eq!(*picture.get_pixel(right, bottom), gray(255));
    }
}

#[test]
fn strips_lie_below_each_other() {
    let strip = |start: f32| tensor(&[3, 1, 48, 48], move |at| start + (at / 2304) as f32 * 0.2);
    let picture = strips(&[strip(0.0), strip(0.6)]).expect("can be drawn");
    assert_eq!(picture.dimensions(), (6 + 3 * 50 - 2 + 6, 6 + 2 * 54));
    for (x, y, expected) in [(6, 6, 0), (56, 6, 51), (106, 53, 102), (6, 60, 153), (106, 60, 255)] {
        assert_eq!(*picture.get_pixel(x, y), gray(expected), "{x} {y}");
    }
    assert_eq!(*picture.get_pixel(6, 54), GROUND);
    assert!(strips(&[]).is_err());
    assert!(strips(&[strip(0.0), Tensor::zeros([2, 1, 48, 48])]).is_err());
}

#[test]
fn what_is_not_a_number_shows_in_every_picture_of_images() {
    let images = tensor(&[4, 1, 8, 8], |at| if at < 64 { f32::NAN } else { 0.5 });
    let pictures = [grid(&images, 2), strips(std::slice::from_ref(&images)), compare(&[&images])];
    for picture in pictures.map(|picture| picture.expect("can be drawn")) {
        assert_eq!(*picture.get_pixel(6, 6), NOT_A_NUMBER);
        assert_eq!(*picture.get_pixel(6 + 60, 6), gray(128));
    }
}

#[test]
fn large_images_are_reduced() {
    for (height, width) in [(1000, 300), (257, 1), (16_384, 2), (100, 256)] {
        let image = tensor(&[1, 1, height, width], |_| 0.4);
        let picture = compare(&[&image]).expect("can be drawn");
        assert!(picture.height() <= 256 + 12 && picture.width() <= 256 + 12, "{height}x{width}");
        let (right, bottom) = (picture.width() - 7, picture.height() - 7);
        assert_eq!(*picture.get_pixel(right, bottom), gray(102), "{height}x{width}");
    }
    let many = tensor(&[300, 1, 1, 1], |_| 1.0);
    let picture = compare(&[&many, &many, &many]).expect("can be drawn");
    assert_eq!(picture.dimensions(), (6 + 10 * 54, 6 + 4 * (3 * 48 + 4) + 3 * 12 + 6));
}

#[test]
fn images_of_a_sheet_keep_their_size() {
    for (count, columns) in [(1, 10), (12, 5), (12, 12)] {
        let images = tensor(&[count, 1, 300, 400], |at| (at % 400) as f32 / 400.0);
        let picture = sheet(&images, columns).expect("can be drawn");
        let image = ImageShape { channels: 1, height: 300, width: 400 };
        let size = (picture.width() as usize, picture.height() as usize);
        assert_eq!(sheet_size(image, count, columns).expect("fits"), size);
        let (across, down) = (columns.min(count), count.div_ceil(columns));
        assert_eq!(size, (10 + 402 * across, 10 + 302 * down));
        assert_eq!(*picture.get_pixel(6 + 200, 6), gray(128), "pixel by pixel");
    }
    let small = Tensor::zeros([2, 1, 8, 8]);
    assert_eq!(sheet(&small, 2).expect("drawn"), grid(&small, 2).expect("drawn"), "enlarged");
    let large = ImageShape { channels: 1, height: 16_384, width: 16_384 };
    assert!(matches!(sheet_size(large, 1000, 10), Err(Error::Memory(_))));
    assert!(sheet_size(large, 1, 0).is_err());
}

#[test]
fn shapes_that_are_no_images_are_errors() {
    let (image, flat) = (Tensor::zeros([2, 1, 8, 8]), Tensor::zeros([2, 64]));
    let fewer = Tensor::zeros([1, 1, 8, 8]);
    let none = Tensor::zeros([0, 1, 8, 8]);
    for rows in [&[][..], &[&image, &fewer], &[&flat], &[&none]] {
        assert!(matches!(compare(rows), Err(Error::Shape { .. })), "{rows:?}");
    }
}

#[test]
fn a_picture_is_stored_pixel_by_pixel() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rows.png");
    let picture = compare(&[&tensor(&[3, 3, 5, 4], |at| at as f32 / 180.0)]).expect("drawn");
    save_png(&path, &picture).expect("writable");
    assert_eq!(image::open(&path).expect("a PNG").to_rgb8(), picture);
}
