//! What codes of many images are like, number by number.

use crate::inference::Codes;

/// The divergence of each dimension from the standard normal in nats, averaged over the codes.
pub(super) fn divergences(codes: &Codes, log_variances: &[f32]) -> Vec<f32> {
    let mut sums = vec![0.0_f64; codes.width];
    for (means, variances) in
        codes.values.chunks(codes.width).zip(log_variances.chunks(codes.width))
    {
        for ((sum, mean), v) in sums.iter_mut().zip(means).zip(variances) {
            let (mean, v) = (f64::from(*mean), f64::from(*v));
            *sum += 0.5 * (v.exp() - 1.0 - v + mean * mean);
        }
    }
    sums.iter().map(|sum| (sum / codes.count().max(1) as f64) as f32).collect()
}

/// The variance of each number of a code over the images.
pub(super) fn variances(codes: &Codes) -> Vec<f64> {
    let count = codes.count().max(1) as f64;
    let mut sums = vec![(0.0_f64, 0.0_f64); codes.width];
    for row in codes.values.chunks(codes.width) {
        for ((sum, squares), value) in sums.iter_mut().zip(row) {
            *sum += f64::from(*value);
            *squares += f64::from(*value).powi(2);
        }
    }
    sums.iter().map(|(sum, squares)| squares / count - (sum / count).powi(2)).collect()
}

/// How often each code of a codebook is used.
pub(super) fn uses(indices: &[u32], codes: usize) -> Vec<u64> {
    let mut uses = vec![0; codes];
    indices.iter().for_each(|index| uses[*index as usize % codes] += 1);
    uses
}

/// How many codes there would be, were all used alike: e to the entropy, 0 where nothing is used.
pub(super) fn perplexity(uses: &[u64]) -> f64 {
    let total: u64 = uses.iter().sum();
    let shares = uses.iter().filter(|count| **count > 0).map(|count| *count as f64 / total as f64);
    let entropy: f64 = shares.map(|share| -share * share.ln()).sum();
    if total > 0 { entropy.exp() } else { 0.0 }
}

/// What one unit of a code is over many images: a number of a vector, or a channel of a map with all
/// its places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct UnitRange {
    pub least: f32,
    pub greatest: f32,
}

impl UnitRange {
    /// Of each unit of codes of this shape.
    pub fn all(codes: &Codes, shape: &[usize]) -> Vec<Self> {
        let plane = if shape.len() == 3 { shape[1] * shape[2] } else { 1 };
        let none = Self { least: f32::INFINITY, greatest: f32::NEG_INFINITY };
        let mut units = vec![none; codes.width / plane.max(1)];
        for row in codes.values.chunks(codes.width.max(1)) {
            for (unit, values) in units.iter_mut().zip(row.chunks(plane)) {
                for value in values {
                    unit.least = unit.least.min(*value);
                    unit.greatest = unit.greatest.max(*value);
                }
            }
        }
        units
    }

    pub fn magnitude(&self) -> f32 {
        self.least.abs().max(self.greatest.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(values: &[f32]) -> Codes {
        Codes { width: 2, values: values.to_vec(), ..Codes::default() }
    }

    #[test]
    fn a_dimension_is_active_if_its_mean_varies() {
        let spread = variances(&codes(&[1.0, 3.0, -1.0, 3.0]));
        assert!((spread[0] - 1.0).abs() < 1e-12 && spread[1].abs() < 1e-12, "{spread:?}");
    }

    #[test]
    fn perplexity_is_the_number_of_codes_used_alike() {
        assert!((perplexity(&[3, 0, 3, 3, 0, 3]) - 4.0).abs() < 1e-12);
        // Entropy of (1/2, 1/4, 1/4): 1.5 bits.
        assert!((perplexity(&[2, 1, 1]) - 2.0_f64.powf(1.5)).abs() < 1e-12);
        assert_eq!([perplexity(&[7]), perplexity(&[0; 2]), perplexity(&[])], [1.0, 0.0, 0.0]);
        assert!((perplexity(&uses(&[0, 2, 1, 1, 2, 0], 3)) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn divergences_follow_the_closed_form() {
        let nats = divergences(&codes(&[2.0, 0.0, 0.0, 0.0]), &[0.0, 0.0, 0.0, 1.0]);
        let expected = [1.0, 0.25 * (1.0_f32.exp() - 2.0)];
        assert!((nats[0] - expected[0]).abs() < 1e-6 && (nats[1] - expected[1]).abs() < 1e-6);
    }

    #[test]
    fn a_channel_of_a_map_is_one_unit() {
        let values = vec![1.0, 2.0, 0.0, 0.0, -3.0, 0.0, 0.0, 0.5];
        let maps = Codes { width: 4, values, ..Codes::default() };
        let range = |least, greatest| UnitRange { least, greatest };
        assert_eq!(UnitRange::all(&maps, &[2, 1, 2]), [range(-3.0, 2.0), range(0.0, 0.5)]);
        assert_eq!(UnitRange::all(&maps, &[4])[3], range(0.0, 0.5));
        assert_eq!(UnitRange::all(&maps, &[2, 1, 2])[0].magnitude(), 3.0);
    }
}
