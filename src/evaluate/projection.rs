//! Codes of many dimensions seen in two: their principal components.

/// Codes brought into the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// One point a code.
    pub points: Vec<[f32; 2]>,
    /// The part of the codes' variance that lies along each axis, in `[0, 1]`; zeros where codes do
    /// not vary.
    pub explained: [f64; 2],
}

/// The directions are found from about so many numbers at most, of codes evenly spread over all:
/// more would take longer and not be seen in a picture.
const MOST_NUMBERS: usize = 1 << 21;

/// The fewest codes that the directions are found from, where there are as many.
const FEWEST_ROWS: usize = 1000;

/// Passes over the codes. The more alike the variances of the second and the third direction, the
/// more would be needed, and the less it matters which of the two is shown.
const MOST_PASSES: usize = 200;

/// The directions are found when a pass turns them by less than this, as the squared sine.
const STILL: f64 = 1e-14;

/// A variance this small beside the codes' squares, or beside the first direction's, is rounding.
const NOTHING: f64 = 1e-20;

/// Projects codes, `[count, width]` row by row, onto their two leading principal components, the
/// directions of largest variance. Codes of width 2 are given as they are, those of width 1 with a
/// second number of 0. Codes that are not finite do not count, and their points are not finite
/// either. The same codes give the same points.
///
/// The directions come from simultaneous power iteration with a Rayleigh-Ritz rotation (Golub and
/// Van Loan: "Matrix Computations", 4th edition, 2013, section 8.2.4); the sign of each makes its
/// largest weight positive.
pub fn principal_components(codes: &[f32], width: usize) -> Projection {
    let rows: Vec<&[f32]> = codes.chunks_exact(width.max(1)).collect();
    let finite: Vec<&[f32]> = rows.iter().copied().filter(|row| is_finite(row)).collect();
    let mean = mean(&finite, width);
    let squares: f64 =
        finite.iter().flat_map(|row| row.iter()).map(|x| f64::from(*x).powi(2)).sum();
    let total: f64 = finite.iter().map(|row| squared_distance(row, &mean)).sum();
    let total = if total <= squares * NOTHING { 0.0 } else { total };
    let axes = match width {
        0 => [vec![], vec![]],
        1 => [vec![1.0], vec![0.0]],
        2 => [vec![1.0, 0.0], vec![0.0, 1.0]],
        _ if total == 0.0 => [vec![0.0; width], vec![0.0; width]],
        _ => leading_pair(&sample(&finite, width), &mean),
    };
    let sums = finite.iter().fold([0.0; 2], |[first, second], row| {
        let [a, b] = axes.each_ref().map(|axis| along(row, &mean, axis));
        [first + a * a, second + b * b]
    });
    let explained = sums.map(|sum| if total > 0.0 { (sum / total).min(1.0) } else { 0.0 });
    let point = |row: &&[f32]| match **row {
        [x] => [x, 0.0],
        [x, y] => [x, y],
        _ => axes.each_ref().map(|axis| along(row, &mean, axis) as f32),
    };
    Projection {
        points: if width == 0 { vec![] } else { rows.iter().map(point).collect() },
        explained,
    }
}

fn is_finite(row: &[f32]) -> bool {
    row.iter().all(|number| number.is_finite())
}

fn mean(rows: &[&[f32]], width: usize) -> Vec<f64> {
    let mut mean = vec![0.0; width];
    for row in rows {
        for (mean, number) in mean.iter_mut().zip(*row) {
            *mean += f64::from(*number);
        }
    }
    mean.iter_mut().for_each(|mean| *mean /= rows.len().max(1) as f64);
    mean
}

fn squared_distance(row: &[f32], mean: &[f64]) -> f64 {
    row.iter().zip(mean).map(|(number, mean)| (f64::from(*number) - mean).powi(2)).sum()
}

/// How far a code lies from the mean along a direction.
fn along(row: &[f32], mean: &[f64], axis: &[f64]) -> f64 {
    let terms = row.iter().zip(mean).zip(axis);
    terms.map(|((number, mean), axis)| (f64::from(*number) - mean) * axis).sum()
}

/// Every so many rows one, so that the order of the codes does not matter.
fn sample<'a>(rows: &[&'a [f32]], width: usize) -> Vec<&'a [f32]> {
    let most = (MOST_NUMBERS / width.max(1)).max(FEWEST_ROWS);
    rows.iter().copied().step_by(rows.len().div_ceil(most).max(1)).collect()
}

type Pair = [Vec<f64>; 2];

/// The two directions of largest variance, each of length 1, or zeros where there is no such
/// direction.
fn leading_pair(rows: &[&[f32]], mean: &[f64]) -> Pair {
    let mut pair = orthonormal(start(mean.len()));
    for _ in 0..MOST_PASSES {
        let next = orthonormal(spread(rows, mean, &pair));
        let turned: f64 = next.iter().map(|axis| outside(axis, &pair)).sum();
        pair = next;
        if turned < STILL {
            break;
        }
    }
    let [first, second] = &pair;
    let [spread_first, spread_second] = spread(rows, mean, &pair);
    // The covariance within the plane is [[a, b], [b, c]]; this turn makes it diagonal.
    let (a, b, c) =
        (dot(first, &spread_first), dot(first, &spread_second), dot(second, &spread_second));
    let (sin, cos) = (0.5 * (2.0 * b).atan2(a - c)).sin_cos();
    let mix = |x: f64, y: f64| first.iter().zip(second).map(|(a, b)| x * a + y * b).collect();
    [mix(cos, sin), mix(-sin, cos)].map(with_sign)
}

/// Two directions that no data are likely to be at right angles to: the golden ratio's and the
/// silver ratio's multiples, modulo 1.
fn start(width: usize) -> Pair {
    let steps = [(5.0_f64.sqrt() - 1.0) / 2.0, 2.0_f64.sqrt() - 1.0];
    steps.map(|step| (1..=width).map(|index| (index as f64 * step).fract() - 0.5).collect())
}

/// The covariance of the rows (but for a factor) times each direction.
fn spread(rows: &[&[f32]], mean: &[f64], pair: &Pair) -> Pair {
    let mut sums = pair.each_ref().map(|axis| vec![0.0; axis.len()]);
    for row in rows {
        for (sum, axis) in sums.iter_mut().zip(pair) {
            let part = along(row, mean, axis);
            for ((sum, number), mean) in sum.iter_mut().zip(*row).zip(mean) {
                *sum += part * (f64::from(*number) - mean);
            }
        }
    }
    sums
}

/// The directions at length 1, the second at a right angle to the first (Gram and Schmidt, twice
/// against rounding).
fn orthonormal([mut first, mut second]: Pair) -> Pair {
    let size = dot(&first, &first).sqrt();
    if size == 0.0 {
        return [first, vec![0.0; second.len()]];
    }
    first.iter_mut().for_each(|number| *number /= size);
    for _ in 0..2 {
        let part = dot(&first, &second);
        second.iter_mut().zip(&first).for_each(|(number, first)| *number -= part * first);
    }
    let rest = dot(&second, &second).sqrt();
    let scale = if rest > size * NOTHING.sqrt() { 1.0 / rest } else { 0.0 };
    second.iter_mut().for_each(|number| *number *= scale);
    [first, second]
}

/// The square of the part of a direction that lies outside a plane.
fn outside(axis: &[f64], [first, second]: &Pair) -> f64 {
    let (a, b) = (dot(axis, first), dot(axis, second));
    let rest = axis.iter().zip(first).zip(second).map(|((x, p), q)| x - a * p - b * q);
    rest.map(|rest| rest * rest).sum()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Turned round where the largest weight is negative.
fn with_sign(mut axis: Vec<f64>) -> Vec<f64> {
    let largest = axis.iter().copied().reduce(|a, b| if b.abs() > a.abs() { b } else { a });
    if largest.is_some_and(|weight| weight < 0.0) {
        axis.iter_mut().for_each(|weight| *weight = -*weight);
    }
    axis
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::latent::standard_normal;
    use crate::rng::Seed;

    fn close(points: &[[f32; 2]], expected: &[[f32; 2]]) -> bool {
        let pairs = points.iter().flatten().zip(expected.iter().flatten());
        points.len() == expected.len() && pairs.clone().all(|(a, b)| (a - b).abs() < 1e-4)
    }

    #[test]
    fn codes_on_a_line_are_places_on_it() {
        // Direction (2, -3, 6) has length 7.
        let places = [-3.0, 1.0, 0.5, 4.0, -2.5];
        let codes: Vec<f32> = places
            .iter()
            .flat_map(|at| [2.0, -3.0, 6.0].map(|part| part * at / 7.0 + 10.0))
            .collect();
        let Projection { points, explained } = principal_components(&codes, 3);
        let expected = places.map(|at| [at, 0.0]);
        assert!(close(&points, &expected), "{points:?}");
        assert!((explained[0] - 1.0).abs() < 1e-9 && explained[1] < 1e-9, "{explained:?}");
    }

    #[test]
    fn directions_of_known_variances_are_found_in_order() {
        // Variances 16, 9, 1 and 0.25 along axes that are turned in the planes (0, 3) and (1, 2).
        let (sin, cos) = 0.6_f32.sin_cos();
        let normals = standard_normal(4 * 3000, Seed(5));
        let (parts, codes): (Vec<[f32; 4]>, Vec<[f32; 4]>) = normals
            .chunks_exact(4)
            .map(|row| [4.0 * row[0], 3.0 * row[1], row[2], 0.5 * row[3]])
            .map(|[a, b, c, d]| {
                let code =
                    [cos * a - sin * d, cos * b - sin * c, sin * b + cos * c, sin * a + cos * d];
                ([a, b, c, d], code.map(|number| number + 3.0))
            })
            .unzip();
        let Projection { points, explained } = principal_components(codes.as_flattened(), 4);
        for (share, expected) in explained.iter().zip([16.0 / 26.25, 9.0 / 26.25]) {
            assert!((share - expected).abs() < 0.02, "{explained:?}");
        }
        // As variances of a sample have errors, so do their directions.
        let error = |axis: usize| {
            let pairs = points.iter().zip(&parts);
            let sum: f32 = pairs.map(|(point, part)| (point[axis] - part[axis]).powi(2)).sum();
            (sum / points.len() as f32).sqrt()
        };
        assert!(error(0) < 0.3 && error(1) < 0.3, "{} {}", error(0), error(1));
        assert_eq!(principal_components(codes.as_flattened(), 4).points, points);
    }

    #[test]
    fn equal_variances_are_shared_out() {
        let codes = standard_normal(16 * 2000, Seed(2));
        let Projection { points, explained } = principal_components(&codes, 16);
        assert_eq!(points.len(), 2000);
        assert!(explained[0] >= explained[1] && explained[1] > 1.0 / 16.0, "{explained:?}");
        assert!(explained[0] < 0.09, "{explained:?}");
    }

    #[test]
    fn narrow_codes_are_given_as_they_are() {
        let Projection { points, explained } = principal_components(&[5.0, -1.0, 0.0], 1);
        assert_eq!((points, explained), (vec![[5.0, 0.0], [-1.0, 0.0], [0.0, 0.0]], [1.0, 0.0]));
        let Projection { points, explained } =
            principal_components(&[1.0, 0.0, -1.0, 2.0, 0.0, 1.0], 2);
        assert_eq!(points, [[1.0, 0.0], [-1.0, 2.0], [0.0, 1.0]]);
        assert_eq!(explained, [0.5, 0.5]);
    }

    #[test]
    fn codes_without_spread_and_odd_numbers_do_no_harm() {
        for count in [1, 2, 7] {
            let Projection { points, explained } = principal_components(&vec![0.1; 5 * count], 5);
            assert!(close(&points, &vec![[0.0; 2]; count]), "{points:?}");
            assert_eq!(explained, [0.0; 2]);
        }
        for (codes, width) in [(vec![], 3), (vec![], 0), (vec![1.0], 0), (vec![1.0], 3)] {
            let projection = principal_components(&codes, width);
            assert_eq!(projection, Projection { points: vec![], explained: [0.0; 2] });
        }
        let two = principal_components(&[0.0, 0.0, 0.0, 3.0, 4.0, 0.0], 3).points;
        assert!(close(&two, &[[-2.5, 0.0], [2.5, 0.0]]), "{two:?}");
        let odd = [0.0, 0.0, 0.0, f32::NAN, 1.0, 1.0, 3.0, 4.0, 0.0];
        let points = principal_components(&odd, 3).points;
        assert!(close(&[points[0], points[2]], &two), "{points:?}");
        assert!(points[1][0].is_nan());
    }
}
