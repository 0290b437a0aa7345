//! How near is near enough, said once.

use diabolo::graph::State;
use diabolo::tensor::Tensor;

/// How two results of one computation may differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// Not at all: data that is moved, integers, comparisons.
    Exact,
    /// 1e-5 of the number, or 1e-5 where the number is below 1: a few dozen units in the last
    /// place, which is what WGSL allows `exp`, `log` and division and their composition needs.
    Elementwise,
    /// 2^-11, which is all that WGSL promises of `sin` and `cos`, and what some adapters use up.
    Trigonometric,
    /// 1e-4 of the largest number of the tensor: sums whose order differs, where terms cancel.
    Sums,
}

impl Tolerance {
    fn at(self, expected: f32, largest: f32) -> f32 {
        match self {
            Self::Exact => 0.0,
            Self::Elementwise => 1e-5 * expected.abs().max(1.0),
            Self::Trigonometric => 1.0 / 2048.0,
            // Inputs are of order 1, so what is far below 1 everywhere is what cancelled.
            Self::Sums => 1e-4 * largest.max(0.1),
        }
    }
}

/// The first place where `actual` is not `expected`, in words.
pub fn difference(expected: &Tensor, actual: &Tensor, tolerance: Tolerance) -> Option<String> {
    if expected.shape() != actual.shape() {
        return Some(format!("shape {} where {} is right", actual.shape(), expected.shape()));
    }
    let largest = expected.data().iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let pairs = expected.data().iter().zip(actual.data()).enumerate();
    let wrong = |e: f32, a: f32| {
        let same = e.to_bits() == a.to_bits() || e == a;
        // Written so that a NaN is wrong.
        !(same || (a - e).abs() <= tolerance.at(e, largest))
    };
    let mut bad = pairs.filter(|(_, (e, a))| wrong(**e, **a));
    let (index, (e, a)) = bad.next()?;
    let others = bad.count();
    Some(format!(
        "element {index} of {} is {a:e} where {e:e} is right ({tolerance:?}, {others} more)",
        expected.shape()
    ))
}

/// The Euclidean norm.
pub fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

/// Checks that each tensor of `b` is within `tolerance` of that of `a`, by Euclidean norm.
pub fn assert_near(a: &State, b: &State, tolerance: f64) {
    assert_as_near(a, b, a, tolerance);
}

/// The same, but for a tensor of which `other` is farther than that from `a`: of such a one `b` may be twice as far.
pub fn assert_as_near(a: &State, b: &State, other: &State, tolerance: f64) {
    let apart = |a: &[f32], b: &[f32]| norm(a.iter().zip(b).map(|(a, b)| a - b));
    for (((name, _, expected), (_, _, actual)), (_, _, other)) in
        a.tensors().zip(b.tensors()).zip(other.tensors())
    {
        let size = norm(expected.iter().copied());
        let most = (tolerance * size).max(2.0 * apart(expected, other));
        let apart = apart(expected, actual);
        // Written so that a NaN fails.
        assert!(apart <= most, "{name}: {apart:e} apart at norm {size:e}, and {most:e} may be");
    }
}
