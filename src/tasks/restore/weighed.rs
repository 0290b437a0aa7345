//! What two methods have made of one noisy picture, joined by which is nearer to the clean one, place by place. That is not
//! known, but how far a method is from it can be estimated from what it is given, what it makes of that, and how much it
//! makes of a small change (Stein, "Estimation of the mean of a multivariate normal distribution", 1981; by a random change
//! of all pixels at once: Ramani, Blu, Unser, "Monte-Carlo SURE", 2008).

/// The side of the windows over which errors are estimated, in pixels.
const WINDOW: usize = 83;
/// How much weights differ from half by themselves: their variance. What an estimate adds to that is taken off.
const VARIANCE: f64 = 0.03;

/// What a method makes, plane by plane: of the noisy picture, and of one that was changed a little.
pub(super) type Pair<'a> = [&'a [f32]; 2];

/// A plane of `[height, width]` that `one` and `other` made of `given`, joined; and the same of the changed one. Noise has
/// this deviation where pixels are `usable`; where it was clipped, its errors say nothing.
pub(super) fn joined(
    [one, other]: [Pair; 2],
    given: Pair,
    usable: &[bool],
    [height, width]: [usize; 2],
    deviation: f32,
) -> [Vec<f32>; 2] {
    let change = |at: usize| f64::from(given[1][at] - given[0][at]);
    let apart = |at: usize, which: usize| f64::from(one[which][at] - other[which][at]);
    let square: f64 = (0..usable.len()).map(|at| change(at).powi(2)).sum();
    let noise = f64::from(deviation).powi(2);
    // The mean square of a change is what its products are measured in.
    let per_change = noise * usable.len() as f64 / square.max(f64::MIN_POSITIVE);
    let sums = |of: &dyn Fn(usize) -> f64| {
        Sums::new([height, width], |at| if usable[at] { of(at) } else { 0.0 })
    };
    let squares = sums(&|at| apart(at, 0).powi(2));
    let gains = sums(&|at| {
        let divergence = change(at) * (apart(at, 1) - apart(at, 0));
        apart(at, 0) * f64::from(given[0][at] - other[0][at]) - per_change * divergence
    });
    let weights: Vec<f32> = (0..usable.len())
        .map(|at| {
            let (square, gain) = (squares.around(at), gains.around(at));
            let uncertain = 2.0 * noise / (VARIANCE * square.max(f64::MIN_POSITIVE));
            let found = if square > 0.0 { (gain / square).clamp(0.0, 1.0) } else { 0.5 };
            (0.5 + (found - 0.5) / (1.0 + uncertain)) as f32
        })
        .collect();
    [0, 1].map(|which| {
        let pixels = one[which].iter().zip(other[which]).zip(&weights);
        pixels.map(|((one, other), weight)| other + weight * (one - other)).collect()
    })
}

/// Sums over windows.
struct Sums {
    /// Of all that is above and to the left of each corner.
    corners: Vec<f64>,
    size: [usize; 2],
}

impl Sums {
    fn new(size @ [height, width]: [usize; 2], of: impl Fn(usize) -> f64) -> Self {
        let columns = width + 1;
        let mut corners = vec![0.0; (height + 1) * columns];
        for row in 0..height {
            let mut line = 0.0;
            for column in 0..width {
                line += of(row * width + column);
                corners[(row + 1) * columns + column + 1] =
                    corners[row * columns + column + 1] + line;
            }
        }
        Self { corners, size }
    }

    /// Of the window about a pixel, as far as it is in the plane.
    fn around(&self, at: usize) -> f64 {
        let [height, width] = self.size;
        let ends = |at: usize, size: usize| {
            (at.saturating_sub(WINDOW / 2), (at + WINDOW / 2 + 1).min(size))
        };
        let ((top, bottom), (left, right)) = (ends(at / width, height), ends(at % width, width));
        let corner = |row: usize, column: usize| self.corners[row * (width + 1) + column];
        corner(bottom, right) - corner(top, right) - corner(bottom, left) + corner(top, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{self, Seed, Stream};

    /// Normal numbers.
    fn normals(stream: u32) -> impl Iterator<Item = f32> {
        (0..).flat_map(move |at| {
            let [a, b, c, d] = rng::block(Seed(3), Stream(stream), 0, at);
            [rng::normal_pair(a, b), rng::normal_pair(c, d)].concat()
        })
    }

    #[test]
    fn each_place_goes_by_the_method_that_is_nearer_there() {
        let (size @ [height, width], deviation) = ([90, 400], 0.1);
        let clean = |at: usize| 0.5 + 0.1 * ((at % width) as f32 * 0.9).sin();
        let noise: Vec<f32> = normals(1).take(height * width).collect();
        let given: Vec<f32> =
            (0..height * width).map(|at| clean(at) + deviation * noise[at]).collect();
        let changed: Vec<f32> =
            given.iter().zip(normals(2)).map(|(x, change)| x + 0.01 * change).collect();
        // One keeps a share of the noise on the left, and is right on the right; with the other it is the reverse.
        let by = |picture: &[f32], is_left: bool| -> Vec<f32> {
            let pixel = |at: usize| match (at % width < width / 2) == is_left {
                true => clean(at) + 0.4 * (picture[at] - clean(at)),
                false => clean(at),
            };
            (0..height * width).map(pixel).collect()
        };
        let [one, other] =
            [true, false].map(|is_left| [&given, &changed].map(|it| by(it, is_left)));
        let methods = [[&one[0][..], &one[1]], [&other[0], &other[1]]];
        let joined = |is_usable: bool| {
            let usable = vec![is_usable; height * width];
            let [made, _] = joined(methods, [&given, &changed], &usable, size, deviation);
            made
        };
        let error = |made: &[f32]| -> f32 {
            made.iter().enumerate().map(|(at, x)| (x - clean(at)).powi(2)).sum()
        };
        let half: Vec<f32> = one[0].iter().zip(&other[0]).map(|(a, b)| 0.5 * (a + b)).collect();
        let [of_half, of_joined] = [error(&half), error(&joined(true))];
        assert!(of_joined < 0.4 * of_half, "{of_joined} of {of_half}");
        // Where nothing is known of the noise, it is half of both.
        assert!(joined(false).iter().zip(&half).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
