//! How near an adapter's numbers have to be to the processor's; `web/verdict.js` is the same.

use serde::Serialize;

/// How far numbers may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tolerance {
    /// Not at all: what is moved, compared or drawn as whole numbers.
    Exact,
    /// 1e-4 of the number, or 1e-4 where it is below 1. WGSL lets `tanh` be 1e-5 off, which gradients multiply.
    Elementwise,
    /// 2^-11, which is all that WGSL promises of `sin` and `cos`.
    Trigonometric,
    /// 1e-4 of the largest number: sums in another order, where terms cancel.
    Sums,
    /// 1e-3 of the number: what many steps or long sums come to.
    Steps,
}

impl Tolerance {
    fn of(self, expected: f32, largest: f32) -> f32 {
        match self {
            Self::Exact => 0.0,
            Self::Elementwise => 1e-4 * expected.abs().max(1.0),
            Self::Trigonometric => 1.0 / 2048.0,
            // Inputs are of order 1, so what is far below 1 everywhere is what cancelled.
            Self::Sums => 1e-4 * largest.max(0.1),
            Self::Steps => 1e-3 * expected.abs().max(0.1),
        }
    }

    /// How far the worst of these numbers is off, as a share of what is allowed, with both. Infinite where one is no
    /// number and the other is.
    pub fn worst(self, expected: &[f32], actual: &[f32]) -> (f32, [f32; 2]) {
        let largest = expected.iter().filter(|x| x.is_finite());
        let largest = largest.fold(0.0_f32, |most, x| most.max(x.abs()));
        let share = |e: f32, a: f32| match e == a || (e.is_nan() && a.is_nan()) {
            true => 0.0,
            false => {
                let share = (e - a).abs() / self.of(e, largest);
                if share.is_nan() { f32::INFINITY } else { share }
            }
        };
        let pairs = expected.iter().zip(actual).map(|(e, a)| (share(*e, *a), [*e, *a]));
        pairs.fold((0.0, [0.0; 2]), |worst, it| if it.0 > worst.0 { it } else { worst })
    }
}

/// The most numbers of a result that are stored as they are.
const WHOLE: usize = 1024;

/// The numbers themselves or, where there are many, the means of as many stretches of them, so that a page has room for
/// what it is to find, and each number still counts.
pub(super) fn condensed(numbers: &[f32]) -> Vec<f32> {
    let each = numbers.len().div_ceil(WHOLE).max(1);
    let mean = |stretch: &[f32]| {
        let sum: f64 = stretch.iter().map(|x| f64::from(*x)).sum();
        (sum / stretch.len() as f64) as f32
    };
    numbers.chunks(each).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_must_be_none_on_both() {
        let worst = |e: &[f32], a: &[f32]| Tolerance::Sums.worst(e, a).0;
        assert_eq!(worst(&[f32::NAN, 1.0], &[f32::NAN, 1.0]), 0.0);
        assert_eq!(worst(&[f32::NAN, 1.0], &[0.0, 1.0]), f32::INFINITY);
        assert_eq!(worst(&[0.0, 1.0], &[f32::NAN, 1.0]), f32::INFINITY);
        assert_eq!(Tolerance::Exact.worst(&[1.0], &[1.0 + 1e-6]).0, f32::INFINITY);
        let (share, pair) = Tolerance::Elementwise.worst(&[4.0, 8.0], &[4.0, 8.0004]);
        assert!((0.45..0.55).contains(&share) && pair[0] == 8.0, "{share} {pair:?}");
    }

    #[test]
    fn many_numbers_are_means_in_which_each_counts() {
        let mut numbers = vec![0.5; 5000];
        let before = condensed(&numbers);
        assert_eq!((before.len(), before[0]), (1000, 0.5));
        numbers[4321] = 0.6;
        assert!(Tolerance::Sums.worst(&before, &condensed(&numbers)).0 > 1.0);
        assert_eq!(condensed(&[1.5, f32::NAN])[0], 1.5);
    }
}
