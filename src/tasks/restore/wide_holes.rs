//! What lies deep in a hole, beyond what a model of pixels nearby can know: it is interpolated from the picture made
//! smaller, again and again, until something is seen ("pull-push", Gortler, Grzeszczuk, Szeliski, Cohen: "The
//! Lumigraph", 1996).

use crate::data::ImageShape;
use crate::tensor::Tensor;

/// Pixels from the nearest that is seen, down or across, from which on a hole is deep.
const DEEP: usize = 8;

/// `picture`, `[1, channels, height, width]` of `shape`, in which pixels are missing that are NaN, with none missing deep
/// in holes. Where nothing at all is seen, all stay missing.
pub(super) fn without_deep_holes(picture: &Tensor, shape: ImageShape) -> Tensor {
    let ImageShape { height, width, .. } = shape;
    let mut made = picture.clone();
    for plane in made.data_mut().chunks_mut(height * width) {
        let deep = deep(plane, [height, width]);
        if deep.contains(&true) {
            let smooth = Level::of(plane, [height, width]).interpolated();
            let pixels = plane.iter_mut().zip(smooth).zip(deep);
            pixels.filter(|(_, deep)| *deep).for_each(|((pixel, smooth), _)| *pixel = smooth);
        }
    }
    made
}

/// Which pixels have none that is seen within [`DEEP`].
fn deep(plane: &[f32], [height, width]: [usize; 2]) -> Vec<bool> {
    let near = |line: &mut dyn Iterator<Item = bool>| -> Vec<bool> {
        let seen: Vec<bool> = line.collect();
        let mut counts = vec![0];
        counts.extend(seen.iter().scan(0, |count, seen| {
            *count += usize::from(*seen);
            Some(*count)
        }));
        let window = |at: usize| (at.saturating_sub(DEEP), (at + DEEP + 1).min(seen.len()));
        (0..seen.len()).map(window).map(|(from, to)| counts[to] > counts[from]).collect()
    };
    let rows = plane.chunks(width).flat_map(|row| near(&mut row.iter().map(|x| !x.is_nan())));
    let rows: Vec<bool> = rows.collect();
    let mut deep = vec![false; rows.len()];
    for column in 0..width {
        let line = near(&mut (0..height).map(|row| rows[row * width + column]));
        line.iter().enumerate().for_each(|(row, near)| deep[row * width + column] = !near);
    }
    deep
}

/// A plane at one size: the mean of what is seen at each place, NaN where nothing is.
struct Level {
    values: Vec<f32>,
    size: [usize; 2],
}

impl Level {
    fn of(plane: &[f32], size: [usize; 2]) -> Self {
        Self { values: plane.to_vec(), size }
    }

    /// The plane with no place missing, unless all are.
    fn interpolated(self) -> Vec<f32> {
        let [height, width] = self.size;
        let is_whole = self.values.iter().all(|value| !value.is_nan());
        if is_whole || height * width <= 1 {
            return self.values;
        }
        let half = self.halved();
        let [_, columns] = half.size;
        let size = half.size;
        let coarse = half.interpolated();
        let mut values = self.values;
        for (at, value) in values.iter_mut().enumerate().filter(|(_, value)| value.is_nan()) {
            let ((row, down), (column, right_share)) = (between(at / width), between(at % width));
            let corner = |row: usize, column: usize| coarse[row * columns + column];
            let [below, right] = [(row + 1).min(size[0] - 1), (column + 1).min(size[1] - 1)];
            let across = |row| mix(corner(row, column), corner(row, right), right_share);
            *value = mix(across(row), across(below), down);
        }
        values
    }

    /// At half the size: each place is the mean of those of its four that are seen.
    fn halved(&self) -> Self {
        let [height, width] = self.size;
        let size @ [rows, columns] = self.size.map(|side| side.div_ceil(2));
        let mean = |row: usize, column: usize| {
            let rows = (2 * row..height.min(2 * row + 2)).flat_map(|y| {
                (2 * column..width.min(2 * column + 2)).map(move |x| self.values[y * width + x])
            });
            let seen = rows.filter(|value| !value.is_nan());
            let (sum, count) = seen.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
            sum / count
        };
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        Self { values: places.map(|(row, column)| mean(row, column)).collect(), size }
    }
}

/// The place of half the size that a place lies behind, and the share of the next one in what is between them.
fn between(at: usize) -> (usize, f32) {
    match (at / 2, at % 2) {
        (0, 0) => (0, 0.0),
        (half, 0) => (half - 1, 0.75),
        (half, _) => (half, 0.25),
    }
}

fn mix(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deep_is_between_what_is_around_and_the_rest_stays() {
        let (height, width) = (61, 90);
        let shape = ImageShape { channels: 2, height, width };
        // A slope with a hole of 50x70, and one of a pixel.
        let slope = |row: usize, column: usize| (row as f32 + column as f32) / 200.0;
        let is_hole = |row: usize, column: usize| {
            ((5..55).contains(&row) && (10..80).contains(&column)) || (row, column) == (57, 3)
        };
        let places = || (0..2 * height * width).map(|at| (at / width % height, at % width));
        let pixel =
            |(row, column)| if is_hole(row, column) { f32::NAN } else { slope(row, column) };
        let pixels = places().map(pixel).collect();
        let given = Tensor::new([1, 2, height, width], pixels).expect("as many");
        let made = without_deep_holes(&given, shape);
        for ((row, column), (made, given)) in places().zip(made.data().iter().zip(given.data())) {
            let is_deep = (13..47).contains(&row) && (18..72).contains(&column);
            match is_deep {
                true => assert!((made - slope(row, column)).abs() < 0.1, "{row} {column}: {made}"),
                false => assert!(made.to_bits() == given.to_bits(), "{row} {column}"),
            }
        }
    }

    #[test]
    fn where_nothing_is_seen_nothing_is_made() {
        for (height, width) in [(1, 1), (40, 30)] {
            let pixels = vec![f32::NAN; height * width];
            let picture = Tensor::new([1, 1, height, width], pixels).expect("as many");
            let made = without_deep_holes(&picture, ImageShape { channels: 1, height, width });
            assert!(made.data().iter().all(|x| x.is_nan()));
        }
    }
}
