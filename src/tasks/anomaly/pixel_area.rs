//! How well heat maps find what is wrong: the area under the ROC curve over pixels.

/// Bits of an error that are looked at: its size to one part in 4096.
const DROPPED_BITS: u32 = 11;
/// As many as there are such numbers from 0 on.
const BINS: usize = 1 << (31 - DROPPED_BITS);

/// Counts the errors of pixels, of any number of pictures, by size and by whether something is wrong
/// there.
#[derive(Clone, Debug)]
pub struct PixelArea {
    /// Pixels that are as they should be, and others.
    counts: [Vec<u64>; 2],
}

impl Default for PixelArea {
    fn default() -> Self {
        Self { counts: [vec![0; BINS], vec![0; BINS]] }
    }
}

impl PixelArea {
    /// Counts a pixel with this error, where something is wrong or not.
    pub fn add(&mut self, error: f64, is_wrong: bool) {
        // Floats above 0 are ordered as their bits are.
        let bits = (error.max(0.0) as f32).to_bits() >> DROPPED_BITS;
        if let Some(count) = self.counts[usize::from(is_wrong)].get_mut(bits as usize) {
            *count += 1;
        }
    }

    /// The probability that a pixel where something is wrong has a greater error than another; equal
    /// ones, to one part in 4096, count a half. `None` where there are not both kinds.
    pub fn auroc(&self) -> Option<f64> {
        let [right, wrong] = &self.counts;
        let [all, found] = [right, wrong].map(|counts| counts.iter().sum::<u64>() as f64);
        let (mut below, mut won) = (0.0, 0.0);
        for (right, wrong) in right.iter().zip(wrong) {
            won += *wrong as f64 * (below + *right as f64 / 2.0);
            below += *right as f64;
        }
        (all > 0.0 && found > 0.0).then(|| won / (all * found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::anomaly::auroc;

    #[test]
    fn the_area_is_that_of_all_pixels() {
        let errors: Vec<f64> = (0..500).map(|at| f64::from(at * 37 % 101) * 1e-3).collect();
        let wrong: Vec<bool> = (0..500).map(|at| at % 7 < 2 && at % 101 > 20).collect();
        let mut area = PixelArea::default();
        errors.iter().zip(&wrong).for_each(|(error, wrong)| area.add(*error, *wrong));
        let expected = auroc(&errors, &wrong).expect("both kinds");
        let found = area.auroc().expect("both kinds");
        assert!((found - expected).abs() < 1e-3, "{found} {expected}");
    }

    #[test]
    fn pixels_of_one_kind_have_no_area() {
        let mut area = PixelArea::default();
        assert_eq!(area.auroc(), None);
        area.add(f64::NAN, false);
        area.add(-1.0, false);
        assert_eq!(area.auroc(), None);
        area.add(f64::INFINITY, true);
        assert_eq!(area.auroc(), Some(1.0));
    }
}
