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
        let mut test = permutation(seed, stream::SPLIT, 0, numbered(count)?);
        let mut train = test.split_off(held_out.clamp(1, count - 1));
        train.truncate(limit.unwrap_or(count));
        Ok(Split { train, test })
    }

    /// Holds out this share of the images, or a tenth where none is given, and at least one; none where
    /// the share is 0. Where images have classes, each class gives its share of those that are held out,
    /// and keeps at least one image to be trained on.
    ///
    /// # Errors
    /// As [`Split::new`].
    pub fn by_share(
        classes: Option<&[u32]>,
        count: usize,
        share: Option<f64>,
        seed: Seed,
        limit: Option<usize>,
    ) -> Result<Split> {
        if share == Some(0.0) {
            let train = permutation(seed, stream::SPLIT, 0, numbered(count)?);
            let most = limit.unwrap_or(count);
            return Ok(Split { train: train.into_iter().take(most).collect(), test: vec![] });
        }
        let wanted = share.map_or(count / 10, |share| held_out(count, share));
        let mut quotas = classes.map(|classes| quotas(classes, wanted)).unwrap_or_default();
        let Some(classes) = classes.filter(|_| quotas.iter().any(|quota| *quota > 0)) else {
            return Self::new(count, wanted, seed, limit);
        };
        let mut split = Split { train: vec![], test: vec![] };
        for index in permutation(seed, stream::SPLIT, 0, numbered(count)?) {
            match &mut quotas[classes[index as usize] as usize] {
                0 => split.train.push(index),
                quota => {
                    *quota -= 1;
                    split.test.push(index);
                }
            }
        }
        split.train.truncate(limit.unwrap_or(count));
        Ok(split)
    }

    /// Holds out a tenth, and at least one image.
    ///
    /// # Errors
    /// As [`Split::new`].
    pub fn tenth(count: usize, seed: Seed, limit: Option<usize>) -> Result<Split> {
        Self::new(count, count / 10, seed, limit)
    }
}

fn numbered(count: usize) -> Result<u32> {
    u32::try_from(count).map_err(|_| {
        let what = format!("{count} images are too many; at most {} can be numbered", u32::MAX);
        Error::option("--data", what)
    })
}

/// How many images of each class to hold out, of `wanted` in all: in proportion to what each has beyond
/// the one that it keeps, the largest remainders rounded up.
fn quotas(classes: &[u32], wanted: usize) -> Vec<usize> {
    let mut spare = vec![0; classes.iter().max().map_or(0, |last| *last as usize + 1)];
    classes.iter().for_each(|class| spare[*class as usize] += 1);
    spare.iter_mut().for_each(|count| *count = usize::saturating_sub(*count, 1));
    let all: usize = spare.iter().sum();
    let wanted = wanted.clamp(1, all.max(1)).min(all);
    let share = |count: usize| count as u128 * wanted as u128;
    let mut quotas: Vec<usize> =
        spare.iter().map(|count| (share(*count) / all.max(1) as u128) as usize).collect();
    let mut order: Vec<usize> = (0..quotas.len()).collect();
    order.sort_by_key(|class| std::cmp::Reverse(share(spare[*class]) % all.max(1) as u128));
    let left = wanted - quotas.iter().sum::<usize>();
    order.iter().take(left).for_each(|class| quotas[*class] += 1);
    quotas
}

/// Refuses a share that would hold out everything.
///
/// # Errors
/// When it is not 0 or more, and below 1; the error names `--hold-out`.
pub fn check_held_out(share: f64) -> Result<()> {
    if (0.0..1.0).contains(&share) {
        return Ok(());
    }
    let what = format!("is {share}; it must lie between 0 and 1, such as 0.2, or be 0 for none");
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
            let split =
                Split::by_share(None, count, Some(share), Seed(1), None).expect("enough images");
            (split.train.len(), split.test.len())
        };
        assert_eq!([split(50, 0.2), split(3, 0.01), split(3, 0.99)], [(40, 10), (2, 1), (1, 2)]);
        assert_eq!(
            Split::by_share(None, 50, None, Seed(1), None).expect("enough images"),
            Split::tenth(50, Seed(1), None).expect("enough images")
        );
    }

    #[test]
    fn each_class_gives_its_share() {
        // 60, 30 and 9 images, and one.
        let classes: Vec<u32> =
            [(0, 60), (1, 30), (2, 9), (3, 1)].iter().flat_map(|(c, n)| vec![*c; *n]).collect();
        for seed in (0..20).map(Seed) {
            let split = Split::by_share(Some(&classes), 100, None, seed, None).expect("enough");
            let classes = &classes;
            let count = |class| split.test.iter().filter(move |at| classes[**at as usize] == class);
            assert_eq!([0, 1, 2, 3].map(|class| count(class).count()), [6, 3, 1, 0]);
            assert_eq!(split.train.len(), 90);
        }
        assert_eq!(quotas(&[0, 0, 1, 1, 2], 50), [1, 1, 0]);
        // Where each class has but one image, classes are no guide.
        let split = Split::by_share(Some(&[0, 1, 2]), 3, None, Seed(1), None).expect("enough");
        assert_eq!((split.train.len(), split.test.len()), (2, 1));
        let all = Split::by_share(Some(&[0, 1]), 2, Some(0.0), Seed(1), Some(1)).expect("enough");
        assert_eq!((all.train.len(), all.test.len()), (1, 0));
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
