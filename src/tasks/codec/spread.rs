//! One channel of whole numbers: where it lies and how wide it is, as trained weights say it, and the chances that this
//! gives at first, by steps that are exact on any machine.

use super::activity::CLASSES;
use super::entropy::Chance;
use super::quality::Quality;

/// Steps of [`STARTS`] by which a scale grows e-fold.
const STARTS_BY_LOGARITHM: f32 = WIDER_BY_LOGARITHM as f32;
/// Steps of a scale by which it grows e-fold.
pub(super) const WIDER_BY_LOGARITHM: i64 = 4;
/// The place in [`STARTS`] of a scale of 1.
const START_OF_ONE: i32 = 8;
/// For scales `s = e^(i/4)`, i from -8 to 24, of a logistic distribution around 0, in 65536ths: the
/// chance of 0, `tanh(1/4s)`, and the chance of more than 1 if there is 1, `F(-3/2s) / F(-1/2s)`.
const STARTS: [[u16; 2]; 33] = [
    [62357, 42],
    [58552, 219],
    [52934, 819],
    [46051, 2335],
    [38748, 5345],
    [31772, 10202],
    [25580, 16719],
    [20343, 24175],
    [16051, 31667],
    [12601, 38488],
    [9862, 44288],
    [7703, 49003],
    [6010, 52736],
    [4686, 55645],
    [3652, 57896],
    [2845, 59632],
    [2216, 60969],
    [1726, 61999],
    [1345, 62795],
    [1047, 63410],
    [816, 63885],
    [635, 64254],
    [495, 64539],
    [385, 64761],
    [300, 64933],
    [234, 65067],
    [182, 65171],
    [142, 65252],
    [110, 65315],
    [86, 65364],
    [67, 65402],
    [52, 65432],
    [41, 65455],
];

/// The place in [`MEANS`] of the first scale of [`STARTS`].
const FIRST_MEAN: i32 = 2;
/// For scales of such distributions, i from -10 to 24, the mean distance from 0 in 256ths; 1 at least.
const MEANS: [u32; 35] = [
    1, 4, 12, 27, 50, 79, 114, 155, 206, 269, 349, 451, 582, 749, 963, 1237, 1589, 2041, 2622,
    3367, 4323, 5551, 7128, 9153, 11752, 15090, 19376, 24880, 31946, 41020, 52671, 67630, 86839,
    111504, 143173,
];
/// For classes of expected sizes, the place in [`STARTS`] of the scale with the nearest mean distance.
const BY_CLASS: [usize; CLASSES] =
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 19, 20, 21];

/// What is known of a number whose size is expected to be of this class: the chances of 0, and of being
/// farther from it than any distance.
pub(super) fn known(class: usize) -> [Chance; 2] {
    STARTS[BY_CLASS[class]].map(|one| Chance::new(one.into(), 0))
}

/// One channel of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    /// Where the channel lies, in steps.
    location: f32,
    /// The place in [`STARTS`].
    start: i32,
}

impl Spread {
    /// Of a channel whose location and logarithm of its scale training found to be these, in steps.
    pub fn new(location: f32, log_scale: f32) -> Self {
        // A product by 4 and a rounding are exact.
        let start = (log_scale * STARTS_BY_LOGARITHM).round() as i32;
        Self { location, start: start.saturating_add(START_OF_ONE) }
    }

    /// The same in the steps of this quality.
    pub fn at(self, quality: Quality) -> Self {
        let location = self.location / quality.factor();
        Self { location, start: self.start.saturating_add(quality.larger()) }
    }

    /// The number that is most likely.
    pub fn centre(&self) -> i32 {
        (self.location.round() as i32).clamp(-CENTRES, CENTRES)
    }

    /// The mean distance from the centre where the scale is so many steps wider, in 256ths; 1 at least.
    pub fn mean(&self, wider: i32) -> u32 {
        let last = MEANS.len() as i32 - 1;
        let start = self.start.saturating_add(FIRST_MEAN).saturating_add(wider);
        MEANS[start.clamp(0, last) as usize]
    }
}

/// Locations beyond this are none that training finds.
const CENTRES: i32 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_what_their_formula_says() {
        for (index, [zero, more]) in (-8..).zip(STARTS) {
            let scale = (f64::from(index) / 4.0).exp();
            let tail = |from: f64| 1.0 / (1.0 + (from / scale).exp());
            let near = |stored: u16, chance: f64| {
                let chance = (chance * 65536.0).round().clamp(32.0, 65504.0);
                assert!((f64::from(stored) - chance).abs() <= 1.0, "{index}: {stored}, {chance}");
            };
            near(zero, (0.25 / scale).tanh());
            near(more, tail(1.5) / tail(0.5));
        }
    }

    #[test]
    fn means_are_those_of_their_scales() {
        let mean = |index: i32| {
            let scale = (f64::from(index) / 4.0).exp();
            let tail = |size: i32| 2.0 / (1.0 + ((f64::from(size) - 0.5) / scale).exp());
            256.0 * (1..(60.0 * scale) as i32 + 60).map(tail).sum::<f64>()
        };
        for (index, stored) in (-8 - FIRST_MEAN..).zip(MEANS) {
            let exact = mean(index).max(1.0);
            assert!((f64::from(stored) - exact).abs() <= 1.0, "{index}: {stored}, {exact}");
        }
        // The middle of a class, and of what is 0 a quarter.
        for (class, stored) in BY_CLASS.into_iter().enumerate() {
            let power = f64::from(2_u32.pow(class.saturating_sub(1) as u32 / 2));
            let middle = match class {
                0 => 0.25,
                class if class % 2 == 1 => power * 1.5_f64.sqrt(),
                _ => power * 3.0_f64.sqrt(),
            };
            let off = |start: usize| (mean(start as i32 - 8) / middle).ln().abs();
            assert!((0..STARTS.len()).all(|start| off(stored) <= off(start) + 1e-9), "{class}");
        }
    }

    #[test]
    fn strange_weights_give_a_start_all_the_same() {
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30] {
            let spread = Spread::new(number, number);
            assert!(spread.centre().abs() <= CENTRES);
            assert!(spread.mean(0) > 0 && spread.mean(i32::MIN) > 0 && spread.mean(i32::MAX) > 0);
        }
    }
}
