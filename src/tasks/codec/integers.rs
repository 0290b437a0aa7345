//! The whole numbers of a code as bits, and back.
//!
//! A number is coded as its distance from its channel's centre, or from what its neighbours are like where that has
//! been nearer so far: whether it is 0, its sign, then by ones and a zero up to [`COUNTED`], and beyond in Elias's gamma
//! code (1975). Chances follow what stands around a number. A code of a codebook is a way down a binary tree of all of
//! them.

use super::activity::{Activity, CLASSES, OF_CHANNEL, PLACES};
use super::entropy::{BitCoder, Chance, Damage};
use super::mixing::Mixed;
use super::prior::{Prior, Spread, known};
use super::quality::Quality;

/// The whole numbers that stand for an image: one map a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeMap {
    /// Maps.
    pub channels: usize,
    /// Rows of each.
    pub rows: usize,
    /// Columns of each.
    pub columns: usize,
    /// How coarse the numbers are.
    pub quality: Quality,
    /// Channel by channel and row by row.
    pub values: Vec<i32>,
}

/// Numbers of a code lie between this and its negative.
pub(super) const LARGEST: i32 = 1 << 20;
/// Distances up to this are counted out.
const COUNTED: u32 = 24;
/// Bits of a number that are told apart: whether it is its centre, and whether it is farther than 1, than 2 and so on.
const BITS: usize = 14;
/// A distance has no more digits than this.
const DIGITS: usize = 22;
/// How fast a channel forgets how well its centres did: by 1/128 a number.
const FORGET: u32 = 7;

/// What the chances of all channels follow.
struct Numbers {
    mixed: Mixed,
    activity: Activity,
}

impl Numbers {
    fn new(rows: usize, columns: usize) -> Self {
        let mixed = Mixed::new(PLACES.map(|places| BITS * places), 2 * CLASSES);
        Self { mixed, activity: Activity::new(rows, columns) }
    }

    /// Codes a channel of so many columns.
    fn channel(
        &mut self,
        coder: &mut BitCoder,
        spread: &Spread,
        plane: &mut [i32],
        columns: usize,
    ) -> Result<(), Damage> {
        self.activity.begin(spread.mean());
        OF_CHANNEL.into_iter().for_each(|view| self.mixed.forget(view));
        let mut channel = Channel::new();
        // By the distances from the channel's centre, and from what the neighbours are like.
        let mut misses = [0_u32; 2];
        for place in 0..plane.len() {
            let likely = [spread.centre(), median(plane, place, columns)];
            let centre = likely[usize::from(2 * u64::from(misses[1]) < u64::from(misses[0]))];
            let value = self.number(coder, &mut channel, centre, plane[place])?;
            plane[place] = value;
            for (miss, centre) in misses.iter_mut().zip(likely) {
                *miss = *miss - (*miss >> FORGET) + (value.abs_diff(centre).min(1 << 16) << 8);
            }
        }
        self.activity.end();
        Ok(())
    }

    fn number(
        &mut self,
        coder: &mut BitCoder,
        channel: &mut Channel,
        centre: i32,
        value: i32,
    ) -> Result<i32, Damage> {
        let around = self.activity.around();
        let (class, places) = (around.class(), around.places());
        let known = known(class);
        let distance = value.saturating_sub(centre);
        let size = distance.unsigned_abs();
        let mut bit = |coder: &mut BitCoder, number: usize, bit| {
            let mut at = places;
            at.iter_mut().zip(PLACES).for_each(|(at, places)| *at += number * places);
            let more = usize::from(number > 0);
            self.mixed.bit(coder, bit, more * CLASSES + class, at, known[more])
        };
        if bit(coder, 0, size == 0)? {
            self.activity.take(0);
            return Ok(centre);
        }
        let negative = coder.bit(distance < 0, &mut channel.is_negative)?;
        let mut found = 1;
        while found <= COUNTED && bit(coder, (found as usize).min(BITS - 1), size > found)? {
            found += 1;
        }
        if found > COUNTED {
            found = COUNTED + channel.gamma(coder, size.saturating_sub(COUNTED))?;
        }
        self.activity.take(found);
        let distance = if negative { -i64::from(found) } else { i64::from(found) };
        match i32::try_from(i64::from(centre) + distance) {
            Ok(value) if value.abs() <= LARGEST => Ok(value),
            _ => Err(Damage("a number is larger than any of a code".into())),
        }
    }
}

/// The median of the numbers to the left, above, and of the plane through these and the one between them (Weinberger,
/// Seroussi and Sapiro, "The LOCO-I lossless image compression algorithm", 2000); 0 for the first.
fn median(plane: &[i32], place: usize, columns: usize) -> i32 {
    match (place / columns, place % columns) {
        (0, 0) => 0,
        (0, _) => plane[place - 1],
        (_, 0) => plane[place - columns],
        _ => {
            let (left, above) = (plane[place - 1], plane[place - columns]);
            let through = left + above - plane[place - columns - 1];
            through.clamp(left.min(above), left.max(above))
        }
    }
}

/// The chances of one channel alone.
struct Channel {
    is_negative: Chance,
    has_digit: [Chance; DIGITS],
}

impl Channel {
    fn new() -> Self {
        Self { is_negative: Chance::EVEN, has_digit: [Chance::EVEN; DIGITS] }
    }

    /// A number of 1 or more: how many binary digits follow the first, then those.
    fn gamma(&mut self, coder: &mut BitCoder, number: u32) -> Result<u32, Damage> {
        let digits = number.max(1).ilog2() as usize;
        let mut found = 0;
        while coder.bit(digits > found, &mut self.has_digit[found])? {
            found += 1;
            if found == DIGITS {
                return Err(Damage("a number has too many digits".into()));
            }
        }
        (0..found).rev().try_fold(1, |made, digit| {
            let bit = coder.fixed(number >> digit & 1 == 1, Chance::EVEN)?;
            Ok(made << 1 | u32::from(bit))
        })
    }
}

/// How likely each way down the tree of a codebook is; the ways from node n lead to 2n and 2n + 1.
struct Tree {
    codes: usize,
    depth: u32,
    nodes: Vec<Chance>,
}

impl Tree {
    fn new(uses: &[u32]) -> Self {
        let depth = uses.len().max(2).next_power_of_two().ilog2();
        let leaves = 1 << depth;
        let mut sums = vec![0_u64; 2 * leaves];
        for (sum, uses) in sums[leaves..].iter_mut().zip(uses) {
            *sum = u64::from(*uses) + 1;
        }
        let mut nodes = vec![Chance::EVEN; leaves];
        for node in (1..leaves).rev() {
            sums[node] = sums[2 * node] + sums[2 * node + 1];
            let one = (sums[2 * node + 1] << 16) / sums[node].max(1);
            nodes[node] = Chance::new(one as u32, 24);
        }
        Self { codes: uses.len(), depth, nodes }
    }

    fn number(&mut self, coder: &mut BitCoder, value: i32) -> Result<i32, Damage> {
        let mut node = 1;
        for level in (0..self.depth).rev() {
            let first_right = ((2 * node + 1) << level) - (1 << self.depth);
            let wanted = value >> level & 1 == 1;
            // Where there are no codes to the right, nothing needs to be said.
            let right = first_right < self.codes && coder.bit(wanted, &mut self.nodes[node])?;
            node = 2 * node + usize::from(right);
        }
        Ok((node - (1 << self.depth)) as i32)
    }
}

/// Codes `map`, or decodes what stands in its place.
fn pass(coder: &mut BitCoder, prior: &Prior, map: &mut CodeMap) -> Result<(), Damage> {
    let CodeMap { rows, columns, .. } = *map;
    let spreads = match prior {
        Prior::Numbers { spreads, .. } => spreads,
        Prior::Codebook { uses, .. } => {
            let mut tree = Tree::new(uses);
            for value in &mut map.values {
                *value = tree.number(coder, *value)?;
            }
            return Ok(());
        }
    };
    let mut numbers = Numbers::new(rows, columns);
    for (plane, spread) in map.values.chunks_mut((rows * columns).max(1)).zip(spreads) {
        numbers.channel(coder, spread, plane, columns)?;
    }
    Ok(())
}

/// The bytes that stand for `map`, which has as many channels as the prior of its quality, and whose numbers lie
/// within [`LARGEST`] or are those of codes.
pub(super) fn encode(prior: &Prior, map: &CodeMap) -> Result<Vec<u8>, Damage> {
    let mut coder = BitCoder::encoder();
    pass(&mut coder, prior, &mut map.clone())?;
    Ok(coder.finish())
}

/// The numbers of a map of this size and quality, which the prior is for, that `payload` stands for.
pub(super) fn decode(
    prior: &Prior,
    quality: Quality,
    [channels, rows, columns]: [usize; 3],
    payload: &[u8],
) -> Result<CodeMap, Damage> {
    let mut coder = BitCoder::decoder(payload);
    let values = vec![0; channels * rows * columns];
    let mut map = CodeMap { channels, rows, columns, quality, values };
    pass(&mut coder, prior, &mut map)?;
    match coder.is_at_end() {
        true => Ok(map),
        false => Err(Damage("its code goes on beyond the last number".into())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tasks::codec::entropy::MOST_BITS_BY_BIT;

    const Q: Quality = Quality::TRAINED;

    fn numbers(channels: usize) -> Prior {
        let state = |place: usize| Spread::new(place as f32 - 1.0, 0.7 * place as f32 - 1.0);
        Prior::Numbers { step: 1.0, spreads: (0..channels).map(state).collect() }
    }

    fn codebook(codes: usize) -> Prior {
        let uses = (0..codes as u32).collect();
        Prior::Codebook { uses, codes: vec![0.0; codes], width: 1 }
    }

    /// Small numbers mostly, and large ones.
    fn number() -> impl Strategy<Value = i32> {
        prop_oneof![6 => -3..=3, 2 => -200..=200, 1 => -LARGEST..=LARGEST]
    }

    proptest! {
        #[test]
        fn numbers_come_back(
            (channels, rows, columns) in (1..4_usize, 1..6_usize, 1..6_usize),
            pool in proptest::collection::vec(number(), 75)
        ) {
            let values = pool[..channels * rows * columns].to_vec();
            let map = CodeMap { channels, rows, columns, quality: Q, values };
            let prior = numbers(channels);
            let payload = encode(&prior, &map).unwrap();
            prop_assert_eq!(decode(&prior, Q, [channels, rows, columns], &payload).unwrap(), map);
        }

        #[test]
        fn codes_come_back(codes in 2..70_usize, pool in proptest::collection::vec(any::<u32>(), 1..50)) {
            let values: Vec<i32> = pool.iter().map(|n| (*n as usize % codes) as i32).collect();
            let map = CodeMap { channels: 1, rows: 1, columns: values.len(), quality: Q, values };
            let prior = codebook(codes);
            let payload = encode(&prior, &map).unwrap();
            prop_assert_eq!(decode(&prior, Q, [1, 1, map.columns], &payload).unwrap(), map);
        }

        #[test]
        fn any_bytes_are_numbers_or_refused(
            payload in proptest::collection::vec(any::<u8>(), 0..60),
            codes in 2..70_usize
        ) {
            if let Ok(map) = decode(&numbers(2), Q, [2, 5, 4], &payload) {
                prop_assert!(map.values.iter().all(|value| value.abs() <= LARGEST));
            }
            if let Ok(map) = decode(&codebook(codes), Q, [1, 5, 4], &payload) {
                prop_assert!(map.values.iter().all(|value| (0..codes as i32).contains(value)));
            }
        }
    }

    #[test]
    fn the_most_likely_numbers_fit_the_bound_on_what_a_file_stands_for() {
        // The bound is on bits, so a number must cost one bit at least.
        let (rows, columns) = (1 << 10, 1 << 10);
        for (prior, value) in [(numbers(1), -1), (codebook(2), 0), (codebook(2), 1)] {
            let map = CodeMap {
                channels: 1,
                rows,
                columns,
                quality: Q,
                values: vec![value; rows * columns],
            };
            let payload = encode(&prior, &map).unwrap();
            let most = (payload.len() as u64 + 16) * 8 * MOST_BITS_BY_BIT;
            assert!((rows * columns) as u64 <= most, "{} bytes", payload.len());
            assert_eq!(decode(&prior, Q, [1, rows, columns], &payload).unwrap(), map);
        }
    }

    #[test]
    fn what_is_like_its_surroundings_costs_less() {
        let map =
            |values: Vec<i32>| CodeMap { channels: 1, rows: 32, columns: 32, quality: Q, values };
        let length = |values| encode(&numbers(1), &map(values)).unwrap().len();
        let large = |place: usize| 1 + (place * 7919 % 5) as i32;
        // The same numbers, together and apart.
        let together = length((0..1024).map(|p| if p < 256 { large(p) } else { -1 }).collect());
        let apart = length(
            (0..1024)
                .map(|p| if p * 389 % 1024 < 256 { large(p * 389 % 1024) } else { -1 })
                .collect(),
        );
        assert!(together * 5 < apart * 4, "{together} and {apart} bytes");
    }
}
