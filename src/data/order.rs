//! The order of images: permutations that depend on a seed, a stream and an epoch, and nothing else.

use crate::error::{Error, Result};
use crate::rng::{self, Seed, Stream, stream};

/// A random order of the numbers `0..count` (Fisher and Yates), the same one for the same seed,
/// stream and epoch. Training shuffles with [`stream::SHUFFLE`], a new epoch giving a new order.
pub fn permutation(seed: Seed, stream: Stream, epoch: u32, count: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count).collect();
    for last in (1..count).rev() {
        // Two draws of 64 bits to a block; this order is kept for the sake of stored runs.
        let words = rng::block(seed, stream, epoch, last / 2);
        let half = 2 * (last % 2) as usize;
        let other = below(u64::from(last) + 1, words[half], words[half + 1]);
        order.swap(last as usize, other as usize);
    }
    order
}

/// A number in `0..bound` from 64 random bits. Multiplying in place of taking the remainder costs
/// no division; some numbers come up more often than others by at most `bound / 2^64`.
pub(super) fn below(bound: u64, low: u32, high: u32) -> u64 {
    let bits = u64::from(high) << 32 | u64::from(low);
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

/// Which images to train on and which to hold out, both in random order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    pub train: Vec<u32>,
    pub test: Vec<u32>,
}

impl Split {
    /// Holds out `held_out` of `count` images, chosen by seed, and keeps the first `limit` of the
    /// others. The images that are held out do not depend on the limit.
    ///
    /// # Errors
    /// When there are fewer than two images, or more than can be numbered in 32 bits.
    pub fn new(count: usize, held_out: usize, seed: Seed, limit: Option<usize>) -> Result<Split> {
        if count < 2 {
            let what = format!(
                "{count} image{} cannot be split; at least 2 are needed, as one is held out",
                if count == 1 { "" } else { "s" }
            );
            return Err(Error::option("--data", what));
        }
        let Ok(numbered) = u32::try_from(count) else {
            let what = format!("{count} images are too many; at most {} can be numbered", u32::MAX);
            return Err(Error::option("--data", what));
        };
        let mut test = permutation(seed, stream::SPLIT, 0, numbered);
        let mut train = test.split_off(held_out.clamp(1, count - 1));
        train.truncate(limit.unwrap_or(count));
        Ok(Split { train, test })
    }

    /// Holds out this share of the images, or a tenth where none is given, and at least one.
    ///
    /// # Errors
    /// As [`Split::new`].
    pub fn by_share(
        count: usize,
        share: Option<f64>,
        seed: Seed,
        limit: Option<usize>,
    ) -> Result<Split> {
        match share {
            Some(share) => Self::new(count, held_out(count, share), seed, limit),
            None => Self::tenth(count, seed, limit),
        }
    }

    /// Holds out a tenth, and at least one image.
    ///
    /// # Errors
    /// As [`Split::new`].
    pub fn tenth(count: usize, seed: Seed, limit: Option<usize>) -> Result<Split> {
        Self::new(count, count / 10, seed, limit)
    }
}

/// Refuses a share that would hold out nothing, or everything.
///
/// # Errors
/// When it does not lie between 0 and 1; the error names `--hold-out`.
pub fn check_held_out(share: f64) -> Result<()> {
    if share > 0.0 && share < 1.0 {
        return Ok(());
    }
    let what = format!("is {share}; it must lie between 0 and 1, such as 0.2");
    Err(Error::option("--hold-out", what))
}

/// How many of `count` images a share of them is, and at least one.
pub fn held_out(count: usize, share: f64) -> usize {
    ((count as f64 * share).round() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_once() {
        for count in [0, 1, 2, 3, 100, 1001] {
            let mut order = permutation(Seed(5), stream::SHUFFLE, 3, count);
            order.sort_unstable();
            assert_eq!(order, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn seed_stream_and_epoch_each_give_another_order() {
        let order = permutation(Seed(1), stream::SHUFFLE, 0, 50);
        assert_eq!(order, permutation(Seed(1), stream::SHUFFLE, 0, 50));
        assert_ne!(order, permutation(Seed(2), stream::SHUFFLE, 0, 50));
        assert_ne!(order, permutation(Seed(1), stream::SPLIT, 0, 50));
        assert_ne!(order, permutation(Seed(1), stream::SHUFFLE, 1, 50));
    }

    /// Each of the 24 orders of four things comes up as often as the others: chi-square with 23
    /// degrees of freedom exceeds 50 about once in a thousand seeds, and this seed is fixed.
    #[test]
    fn all_orders_are_equally_likely() {
        let mut counts = std::collections::HashMap::<Vec<u32>, f64>::new();
        let draws = 24_000;
        for epoch in 0..draws {
            *counts.entry(permutation(Seed(9), stream::SHUFFLE, epoch, 4)).or_default() += 1.0;
        }
        assert_eq!(counts.len(), 24);
        let expected = f64::from(draws) / 24.0;
        let chi_square: f64 = counts.values().map(|n| (n - expected).powi(2) / expected).sum();
        assert!(chi_square < 50.0, "{chi_square}");
    }

    #[test]
    fn a_limit_leaves_the_held_out_images_alone() {
        let all = Split::tenth(100, Seed(4), None).expect("enough images");
        let few = Split::tenth(100, Seed(4), Some(5)).expect("enough images");
        assert_eq!((all.train.len(), all.test.len()), (90, 10));
        assert_eq!(few.test, all.test);
        assert_eq!(few.train, all.train[..5]);
    }

    #[test]
    fn a_share_is_held_out() {
        let split = |count, share| {
            let split = Split::by_share(count, Some(share), Seed(1), None).expect("enough images");
            (split.train.len(), split.test.len())
        };
        assert_eq!([split(50, 0.2), split(3, 0.01), split(3, 0.99)], [(40, 10), (2, 1), (1, 2)]);
        assert_eq!(
            Split::by_share(50, None, Seed(1), None).expect("enough images"),
            Split::tenth(50, Seed(1), None).expect("enough images")
        );
    }

    #[test]
    fn two_images_are_enough_and_one_is_not() {
        let split = Split::tenth(2, Seed(0), None).expect("two images");
        assert_eq!((split.train.len(), split.test.len()), (1, 1));
        for count in [0, 1] {
            let error = Split::tenth(count, Seed(0), None).expect_err("too few").to_string();
            assert!(error.contains("at least 2"), "{error}");
        }
    }
}
