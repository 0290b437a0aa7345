//! Loops over slices, compiled for the widest vectors the processor has and spread over threads
//! where they are long; and the functions of `f32` that such loops can vectorise.
//!
//! The standard library's `exp` and `ln` are calls, which a loop cannot vectorise; those here are
//! the polynomials of Moshier's Cephes library, good to about 2 units in the last place.

use rayon::prelude::*;

/// Elements below which a loop is not worth a second thread.
const THREAD_GRAIN: usize = 1 << 15;

/// `out[i] = f(a[i])`. To be vectorised, `f` has to be an `#[inline(always)]` closure, or a short one.
pub fn map(out: &mut [f32], a: &[f32], f: impl Fn(f32) -> f32 + Sync) {
    in_chunks(out, |start, out| {
        let a = &a[start..start + out.len()];
        vectorised!(for (out, a) in out.iter_mut().zip(a) {
            *out = f(*a);
        });
    });
}

/// `out[i] = f(a[i], b[i])`, for such an `f`.
pub fn zip(out: &mut [f32], a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32 + Sync) {
    in_chunks(out, |start, out| {
        let (a, b) = (&a[start..start + out.len()], &b[start..start + out.len()]);
        vectorised!(for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = f(*a, *b);
        });
    });
}

/// Hands `out` to `f` in pieces with the index of each piece's first element, in threads where
/// `out` is long.
pub fn in_chunks(out: &mut [f32], f: impl Fn(usize, &mut [f32]) + Sync) {
    in_rows(out, 1, f);
}

/// Like [`in_chunks`], with pieces of whole rows of `row` elements, and the number of each piece's
/// first row.
pub fn in_rows(out: &mut [f32], row: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    let threads = rayon::current_num_threads();
    let row = row.max(1);
    let rows = out.len().div_ceil(row);
    if out.len() < THREAD_GRAIN || threads == 1 {
        return f(0, out);
    }
    let rows_each = rows.div_ceil(2 * threads).max(1);
    let pieces = out.par_chunks_mut(rows_each * row).enumerate();
    pieces.for_each(|(piece, out)| f(piece * rows_each, out));
}

/// What an expression gives, compiled for the widest vectors that the processor has. What it calls has
/// to be `#[inline(always)]`, closures too: a call that stays one is compiled for any processor.
macro_rules! vectorised {
    ($expression:expr) => {
        $crate::arithmetic::simd::dispatched(
            #[inline(always)]
            || $expression,
        )
    };
}
pub(crate) use vectorised;

/// For [`vectorised`]. A closure that is known to be called once is called without a shim.
#[inline(always)]
pub(crate) fn dispatched<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// e to the `x`; 0 below -87.3, infinite above 88.7.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x > 88.722_83 { 88.722_83 } else { x };
    let clamped = if clamped < -87.336_54 { -87.336_54 } else { clamped };
    let n = (clamped * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = clamped - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_66;
    let p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    // Two factors, since 2^128 is not a number of its own.
    let half = (n * 0.5 + ROUND) - ROUND;
    let y = y * power_of_two(half) * power_of_two(n - half);
    let y = if x > 88.722_83 { f32::INFINITY } else { y };
    if x < -87.336_54 { 0.0 } else { y }
}

#[inline(always)]
fn power_of_two(n: f32) -> f32 {
    // With 2^23 + 127 added, the whole number n stands in the lowest bits of the mantissa.
    f32::from_bits((n + 8_388_735.0).to_bits() << 23)
}

/// The natural logarithm; minus infinity at 0, NaN below.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 8_388_608.0 } else { x };
    let bits = scaled.to_bits();
    // The mantissa is brought into [sqrt(1/2), sqrt(2)).
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (shifted as i32 >> 23) as f32 - if tiny { 23.0 } else { 0.0 };
    let m = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3)) - 1.0;
    let z = m * m;
    let p = 7.037_683_6e-2;
    let p = p * m - 0.115_146_1;
    let p = p * m + 0.116_769_99;
    let p = p * m - 0.124_201_41;
    let p = p * m + 0.142_493_23;
    let p = p * m - 0.166_680_58;
    let p = p * m + 0.200_007_15;
    let p = p * m - 0.249_999_94;
    let p = p * m + 0.333_333_3;
    let y = m * z * p - 2.121_944_4e-4 * exponent - 0.5 * z + m + 0.693_359_4 * exponent;
    let y = if x == f32::INFINITY { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x < 0.0 || x.is_nan() { f32::NAN } else { y }
}

/// Cosine and sine of `turns` full turns, for turns in [0, 1].
#[inline(always)]
pub fn cos_sin_turns(turns: f32) -> [f32; 2] {
    // 4 turns rounded to a whole number of quarters, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let rounded = 4.0 * turns + ROUND;
    let quadrant = rounded.to_bits();
    let r = (4.0 * turns - (rounded - ROUND)) * std::f32::consts::FRAC_PI_2;
    let z = r * r;
    let s = ((-1.951_529_6e-4 * z + 8.332_161e-3) * z - 0.166_666_55) * z * r + r;
    let c = (2.443_315_7e-5 * z - 1.388_731_6e-3) * z + 4.166_664_6e-2;
    let c = c * z * z - 0.5 * z + 1.0;
    let (cosine, sine) = if quadrant & 1 == 1 { (s, c) } else { (c, s) };
    [
        if (quadrant + 1) & 2 == 2 { -cosine } else { cosine },
        if quadrant & 2 == 2 { -sine } else { sine },
    ]
}

/// ln(1 + x) for x in [0, 1], without loss near 0.
#[inline(always)]
pub fn ln_1p_unit(x: f32) -> f32 {
    // Kahan's correction: the rounding of 1 + x is undone to first order.
    let u = 1.0 + x;
    if u == 1.0 { x } else { ln(u) * x / (u - 1.0) }
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let small = e / (1.0 + e);
    if x < 0.0 { small } else { 1.0 - small }
}

/// ln(1 + e^x).
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    (if x > 0.0 { x } else { 0.0 }) + ln_1p_unit(exp(-x.abs()))
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let z = x * x;
    let p = -5.704_988_7e-3;
    let p = p * z + 2.063_909e-2;
    let p = p * z - 5.373_971_5e-2;
    let p = p * z + 0.133_314_42;
    let p = p * z - 0.333_332_8;
    let near = p * z * x + x;
    let e = exp(-2.0 * x.abs());
    let far = ((1.0 - e) / (1.0 + e)).copysign(x);
    if x.abs() < 0.625 { near } else { far }
}

/// The error function, to 1.5e-7 (Abramowitz and Stegun, 7.1.26), and its Taylor series near 0,
/// where that one loses relative accuracy.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let a = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * a);
    let p = 1.061_405_4 * t - 1.453_152;
    let p = p * t + 1.421_413_7;
    let p = p * t - 0.284_496_74;
    let p = p * t + 0.254_829_6;
    let far = (1.0 - p * t * exp(-a * a)).copysign(x);
    let z = x * x;
    let q = 1.0 - z * (1.0 / 3.0 - z * (0.1 - z * (1.0 / 42.0 - z / 216.0)));
    let near = std::f32::consts::FRAC_2_SQRT_PI * x * q;
    if a < 0.3 { near } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest relative error of `f` against the f64 function over `[low, high]`.
    fn worst(f: fn(f32) -> f32, exact: fn(f64) -> f64, low: f32, high: f32) -> f64 {
        (0..=200_000)
            .map(|i| low + (high - low) * i as f32 / 200_000.0)
            .map(|x| {
                let expected = exact(f64::from(x));
                (f64::from(f(x)) - expected).abs() / expected.abs().max(1e-30)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn close_to_the_exact_functions() {
        assert!(worst(exp, f64::exp, -87.0, 88.5) < 3e-7);
        assert!(worst(ln, f64::ln, 1e-30, 0.9) < 3e-7);
        assert!(worst(ln, f64::ln, 1.1, 1e20) < 3e-7);
        assert!(worst(tanh, f64::tanh, -10.0, 10.0) < 4e-7);
        assert!(worst(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -80.0, 80.0) < 4e-7);
        assert!(worst(softplus, |x| x.exp().ln_1p(), -80.0, 30.0) < 4e-7);
    }

    #[test]
    fn turns_all_the_way_round() {
        for i in 0..=4096 {
            let turns = i as f32 / 4096.0;
            let angle = f64::from(turns) * std::f64::consts::TAU;
            let [cosine, sine] = cos_sin_turns(turns).map(f64::from);
            assert!((cosine - angle.cos()).abs() < 2e-7 && (sine - angle.sin()).abs() < 2e-7);
        }
    }

    #[test]
    fn edges() {
        assert_eq!(exp(-200.0), 0.0);
        assert_eq!(exp(200.0), f32::INFINITY);
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(ln(0.0), f32::NEG_INFINITY);
        assert!(ln(-1.0).is_nan());
        assert_eq!(ln(1.0), 0.0);
        assert_eq!((tanh(50.0), tanh(-50.0)), (1.0, -1.0));
        assert_eq!((sigmoid(200.0), sigmoid(-200.0)), (1.0, 0.0));
        assert!((erf(0.5) - 0.520_499_9).abs() < 3e-7);
        assert!((erf(-1.5) + 0.966_105_15).abs() < 3e-7);
    }
}
