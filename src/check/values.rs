//! The numbers of inputs, which this program and a page draw alike; `web/values.js` is the same.

use serde::Serialize;

use crate::rng::{Seed, Stream, block, uniform};

/// How the numbers of an input are made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Values {
    /// Anything between two numbers.
    Between { low: f32, high: f32 },
    /// Whole numbers below this.
    Whole { below: u32 },
    /// Some 0.03 apart, around 0, in no order: no maximum is in doubt.
    Apart,
    /// Between -1 and 1; what is above 0.9 is NaN.
    Holes,
}

/// Between -1 and 1.
pub(super) const ANY: Values = Values::Between { low: -1.0, high: 1.0 };

/// A prime number, by which places are put out of order.
const STRIDE: u64 = 7919;

impl Values {
    /// So many of them under a seed.
    pub fn draw(self, seed: u32, count: usize) -> Vec<f32> {
        let uniforms = words(seed, count).map(uniform);
        match self {
            Self::Between { low, high } => uniforms.map(|u| low + (high - low) * u).collect(),
            Self::Whole { below } => {
                let most = below as f32 - 1.0;
                uniforms.map(|u| (below as f32 * u).floor().min(most)).collect()
            }
            Self::Apart => {
                let place = |at: usize| (at as u64 * STRIDE % count as u64) as f32;
                (0..count).map(|at| (place(at) - (count / 2) as f32) * 0.03).collect()
            }
            Self::Holes => uniforms
                .map(|u| 2.0 * u - 1.0)
                .map(|x| if x > 0.9 { f32::NAN } else { x })
                .collect(),
        }
    }
}

/// Random bytes.
pub(super) fn bytes(seed: u32, count: usize) -> Vec<u8> {
    words(seed, count).map(|word| (word >> 24) as u8).collect()
}

fn words(seed: u32, count: usize) -> impl Iterator<Item = u32> {
    let blocks = 0..count.div_ceil(4) as u32;
    blocks.flat_map(move |at| block(Seed(seed.into()), Stream(0), 0, at)).take(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_of_their_kind() {
        let count = 1000;
        let between = Values::Between { low: 0.5, high: 2.0 }.draw(3, count);
        assert!(between.iter().all(|x| (0.5..2.0).contains(x)));
        let whole = Values::Whole { below: 3 }.draw(3, count);
        assert!([0.0, 1.0, 2.0].iter().all(|x| whole.contains(x)));
        assert!(whole.iter().all(|x| [0.0, 1.0, 2.0].contains(x)));
        let mut apart = Values::Apart.draw(3, count);
        apart.sort_by(f32::total_cmp);
        assert!(apart.windows(2).all(|pair| pair[1] - pair[0] > 0.02));
        let holes = Values::Holes.draw(3, count);
        let missing = holes.iter().filter(|x| x.is_nan()).count();
        assert!((10..100).contains(&missing), "{missing}");
        assert_ne!(bytes(1, 9), bytes(2, 9));
    }
}
