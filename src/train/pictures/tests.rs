//! The sizes of pictures, and the colours at chosen places.

use super::*;

fn tensor(shape: &[usize], value: impl Fn(usize) -> f32) -> Tensor {
    let shape = Shape::from(shape);
    let data = (0..shape.elements()).map(value).collect();
    Tensor::new(shape, data).expect("as many numbers as the shape has")
}

fn gray(value: u8) -> Rgb<u8> {
    Rgb([value; 3])
}

const DIGIT: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };

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
fn kernels_are_scaled_around_zero() {
    let weights = tensor(&[2, 1, 1, 3], |at| [-2.0, 0.0, 1.0, 0.0, 0.0, 0.0][at]);
    let picture = filters(&weights, DIGIT).expect("can be drawn");
    assert_eq!(picture.dimensions(), (6 + 2 * 54, 6 + 16 + 6));
    let colour = |x: u32| picture.get_pixel(6 + x, 6).0;
    assert_eq!(colour(0), DIVERGING[0]);
    assert!(colour(16).iter().all(|part| *part > 240), "zero is white: {:?}", colour(16));
    let [red, _, blue] = colour(32);
    assert!(red > blue, "above zero is red");
    assert!(colour(54).iter().all(|part| *part > 240), "a kernel of zeros is white");
}

#[test]
fn columns_of_a_dense_layer_are_images() {
    // Output 1 sees the first pixel only, output 0 none.
    let weights = tensor(&[64, 2], |at| if at == 1 { 3.0 } else { 0.0 });
    let picture = filters(&weights, DIGIT).expect("can be drawn");
    assert_eq!(picture.dimensions(), (6 + 2 * 54, 6 + 54));
    assert_eq!(picture.get_pixel(6 + 54, 6).0, DIVERGING[4]);
    assert!(picture.get_pixel(6 + 54 + 6, 6).0.iter().all(|part| *part > 240));
    assert!(picture.get_pixel(6, 6).0.iter().all(|part| *part > 240));
}

#[test]
fn grids_are_even_and_bounded() {
    let expected = [(1, 1), (2, 2), (3, 3), (8, 4), (16, 4), (32, 8), (64, 8), (100, 10)];
    for (count, columns) in expected {
        assert_eq!(even_columns(count), columns, "{count}");
    }
    let weights = tensor(&[64, 5000], |at| at as f32);
    let picture = filters(&weights, DIGIT).expect("can be drawn");
    assert_eq!(picture.dimensions(), (6 + 10 * 54, 6 + 10 * 54));
    let colour = tensor(&[1, 3, 1, 1], |at| [0.0, f32::NAN, f32::INFINITY][at]);
    filters(&colour, DIGIT).expect("odd weights can be drawn");
}

#[test]
fn shapes_that_are_no_images_are_errors() {
    let (image, flat) = (Tensor::zeros([2, 1, 8, 8]), Tensor::zeros([2, 64]));
    let fewer = Tensor::zeros([1, 1, 8, 8]);
    let none = Tensor::zeros([0, 1, 8, 8]);
    for rows in [&[][..], &[&image, &fewer], &[&flat], &[&none]] {
        assert!(matches!(compare(rows), Err(Error::Shape { .. })), "{rows:?}");
    }
    for weights in [&flat, &none, &Tensor::zeros([3]), &Tensor::zeros([64, 0])] {
        assert!(matches!(filters(weights, DIGIT), Err(Error::Shape { .. })), "{weights:?}");
    }
}

#[test]
fn a_picture_is_stored_pixel_by_pixel() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("filters.png");
    let picture = compare(&[&tensor(&[3, 3, 5, 4], |at| at as f32 / 180.0)]).expect("drawn");
    save_png(&path, &picture).expect("writable");
    assert_eq!(image::open(&path).expect("a PNG").to_rgb8(), picture);
}
