//! The whole numbers of a code as bits, and back.
//!
//! A number is coded as its distance from its channel's centre, or from what its neighbours are like where that has
//! been nearer so far: whether it is 0, its sign, then by ones and a zero up to [`COUNTED`], and beyond in Elias's gamma
//! code (1975). Chances follow what stands around a number. A code of a codebook is a way down a binary tree of all of
//! them.

use super::activity::{Activity, CLASSES, OF_CHANNEL, PLACES};
use super::code_map::{CodeMap, LARGEST};
use super::entropy::{BitCoder, Chance, Damage};
use super::hyperprior::{Hyperprior, Scales};
use super::mixing::{Mixed, Seen};
use super::prior::Prior;
use super::quality::Quality;
use super::spread::{Spread, known};

/// Distances up to this are counted out.
const COUNTED: u32 = 24;
/// Bits of a number that are told apart: whether it is its centre, and whether it is farther than 1, than 2 and so on.
const BITS: usize = 14;
/// A distance has no more digits than this.
const DIGITS: usize = 22;
/// The error that a bit is worth, in squared steps. Of many bits it is `2 ln 2 / 12` (Gersho and Gray, "Vector
/// quantization and signal compression", 1992); of few, more.
pub(super) const BIT: f32 = 0.1;
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

    /// Codes a channel of so many columns, each of whose numbers may be so many steps of a scale wider than the channel.
    fn channel(
        &mut self,
        coder: &mut BitCoder,
        (spread, wider): (&Spread, Option<&[i32]>),
        plane: &mut [i32],
        exact: Option<&[f32]>,
        columns: usize,
    ) -> Result<(), Damage> {
        let wider = |place| wider.map_or(0, |wider: &[i32]| wider[place]);
        self.activity.begin((0..plane.len()).map(|place| spread.mean(wider(place))));
        OF_CHANNEL.into_iter().for_each(|view| self.mixed.forget(view));
        let mut channel = Channel::new();
        // By the distances from the channel's centre, and from what the neighbours are like.
        let mut misses = [0_u32; 2];
        for place in 0..plane.len() {
            let likely = [spread.centre(), median(plane, place, columns)];
            let centre = likely[usize::from(2 * u64::from(misses[1]) < u64::from(misses[0]))];
            let exact = exact.map(|exact| exact[place]);
            let value = self.number(coder, &mut channel, centre, plane[place], exact)?;
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
        exact: Option<f32>,
    ) -> Result<i32, Damage> {
        let around = self.activity.around();
        let (class, places) = (around.class(), around.places());
        let known = known(class);
        let seen = |number: usize| {
            let mut at = places;
            at.iter_mut().zip(PLACES).for_each(|(at, places)| *at += number * places);
            let more = usize::from(number > 0);
            Seen { kind: more * CLASSES + class, places: at, known: known[more] }
        };
        let value = match exact {
            Some(exact) => self.worth(centre, value, exact, seen),
            None => value,
        };
        let distance = value.saturating_sub(centre);
        let size = distance.unsigned_abs();
        let mut bit =
            |coder: &mut BitCoder, number: usize, bit| self.mixed.bit(coder, bit, &seen(number));
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

impl Numbers {
    /// `value`, or the number next to it on the way to the `centre`, if the bits that it saves are worth the error: what
    /// later numbers take is not considered (after Ramchandran and Vetterli, "Rate-distortion optimal fast thresholding",
    /// 1994).
    fn worth(&self, centre: i32, value: i32, exact: f32, seen: impl Fn(usize) -> Seen) -> i32 {
        let distance = value.saturating_sub(centre);
        let size = distance.unsigned_abs();
        if size == 0 || size > COUNTED {
            return value;
        }
        let bits = |number: u32, bit| self.mixed.bits(bit, &seen((number as usize).min(BITS - 1)));
        // Whether it is farther than its neighbour, and then no farther than it is.
        let (neighbour, itself) = match size {
            1 => (bits(0, true), bits(0, false) + 1.0 + bits(1, false)),
            _ => (bits(size - 1, false), bits(size - 1, true) + bits(size, false)),
        };
        let nearer = value - distance.signum();
        let error = |value: i32| (exact - value as f32).powi(2);
        if error(nearer) - error(value) < BIT * (itself - neighbour) { nearer } else { value }
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

/// Codes `map`, or decodes what stands in its place: of numbers, `told` channels. Where there are `exact` ones, in steps,
/// those of `map` are the nearest to them, and are changed by 1 where that saves bits that are worth it.
///
/// It gives back how many channels have to be told.
fn pass(
    coder: &mut BitCoder,
    prior: &Prior,
    map: &mut CodeMap,
    exact: Option<&[f32]>,
) -> Result<usize, Damage> {
    let CodeMap { rows, columns, .. } = *map;
    let (spreads, hyperprior) = match prior {
        Prior::Numbers { spreads, hyperprior, .. } => (spreads, hyperprior),
        Prior::Codebook { uses, .. } => {
            let mut tree = Tree::new(uses);
            for value in &mut map.values {
                *value = tree.number(coder, *value)?;
            }
            return Ok(map.channels);
        }
    };
    let scales = match hyperprior {
        Some(hyperprior) => Some(beside(coder, hyperprior, map)?),
        None => None,
    };
    let mut numbers = Numbers::new(rows, columns);
    let each = (rows * columns).max(1);
    let (mut told, mut kept) = (0, None);
    for (index, (plane, spread)) in map.values.chunks_mut(each).zip(spreads).enumerate() {
        let exact = exact.map(|exact| &exact[index * each..][..plane.len()]);
        let wider = scales.as_ref().map(|scales| scales.wider(index));
        numbers.channel(coder, (spread, wider.as_deref()), plane, exact, columns)?;
        if index == 0 || plane.iter().any(|value| *value != spread.centre()) {
            told = index + 1;
            kept = coder.is_encoder().then(|| coder.clone());
        }
    }
    // Nothing has to be said of channels that are as they are expected.
    *coder = kept.unwrap_or_else(|| coder.clone());
    Ok(told)
}

/// Codes the side code that goes with `map`, or decodes the one that stands in its place: what it says of the scales.
fn beside<'a>(
    coder: &mut BitCoder,
    hyperprior: &'a Hyperprior,
    map: &CodeMap,
) -> Result<Scales<'a>, Damage> {
    let size = [map.rows, map.columns];
    let [rows, columns] = Hyperprior::size(size);
    let spreads = hyperprior.spreads();
    let mut side = match coder.is_encoder() {
        true => hyperprior.side_code(map),
        false => vec![0; spreads.len() * rows * columns],
    };
    let mut numbers = Numbers::new(rows, columns);
    for (plane, spread) in side.chunks_mut((rows * columns).max(1)).zip(spreads) {
        numbers.channel(coder, (spread, None), plane, None, columns)?;
    }
    Ok(hyperprior.scales(&side, size))
}

/// How many channels of `map` are told, and the bytes that stand for them; it has as many as the prior of its quality,
/// and numbers that lie within [`LARGEST`] or are those of codes. Where there are `exact` numbers, in steps, to which
/// those of `map` are the nearest, they are changed by 1 where that saves bits that are worth it.
pub(super) fn encode(
    prior: &Prior,
    map: &mut CodeMap,
    exact: Option<&[f32]>,
) -> Result<(usize, Vec<u8>), Damage> {
    let mut coder = BitCoder::encoder();
    let told = pass(&mut coder, prior, map, exact)?;
    Ok((told, coder.finish()))
}

/// The numbers of a map of this shape and quality, which the prior is for: `payload` stands for those of the first `told`
/// channels.
pub(super) fn decode(
    prior: &Prior,
    quality: Quality,
    [channels, rows, columns]: [usize; 3],
    told: usize,
    payload: &[u8],
) -> Result<CodeMap, Damage> {
    let mut coder = BitCoder::decoder(payload);
    let mut map =
        CodeMap { channels: told, rows, columns, quality, values: vec![0; told * rows * columns] };
    pass(&mut coder, prior, &mut map, None)?;
    if !coder.is_at_end() {
        return Err(Damage("its code goes on beyond the last number".into()));
    }
    if let Prior::Numbers { spreads, .. } = prior {
        let centres = spreads.iter().take(channels).skip(told).map(Spread::centre);
        map.values.extend(centres.flat_map(|centre| std::iter::repeat_n(centre, rows * columns)));
    }
    map.channels = channels;
    Ok(map)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tasks::codec::entropy::MOST_BITS_BY_BIT;

    const Q: Quality = Quality::TRAINED;

    fn numbers(channels: usize) -> Prior {
        let state = |place: usize| Spread::new(place as f32 - 1.0, 0.7 * place as f32 - 1.0);
        Prior::Numbers { step: 1.0, spreads: (0..channels).map(state).collect(), hyperprior: None }
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
            let (told, payload) = encode(&prior, &mut map.clone(), None).unwrap();
            let shape = [channels, rows, columns];
            prop_assert_eq!(decode(&prior, Q, shape, told, &payload).unwrap(), map);
        }

        #[test]
        fn codes_come_back(codes in 2..70_usize, pool in proptest::collection::vec(any::<u32>(), 1..50)) {
            let values: Vec<i32> = pool.iter().map(|n| (*n as usize % codes) as i32).collect();
            let map = CodeMap { channels: 1, rows: 1, columns: values.len(), quality: Q, values };
            let prior = codebook(codes);
            let (told, payload) = encode(&prior, &mut map.clone(), None).unwrap();
            prop_assert_eq!(decode(&prior, Q, [1, 1, map.columns], told, &payload).unwrap(), map);
        }

        #[test]
        fn any_bytes_are_numbers_or_refused(
            payload in proptest::collection::vec(any::<u8>(), 0..60),
            (codes, told) in (2..70_usize, 1..3_usize)
        ) {
            if let Ok(map) = decode(&numbers(2), Q, [2, 5, 4], told, &payload) {
                prop_assert!(map.values.iter().all(|value| value.abs() <= LARGEST));
            }
            if let Ok(map) = decode(&codebook(codes), Q, [1, 5, 4], 1, &payload) {
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
            let (told, payload) = encode(&prior, &mut map.clone(), None).unwrap();
            let most = (payload.len() as u64 + 16) * 8 * MOST_BITS_BY_BIT;
            assert!((rows * columns) as u64 <= most, "{} bytes", payload.len());
            assert_eq!(decode(&prior, Q, [1, rows, columns], told, &payload).unwrap(), map);
        }
    }

    #[test]
    fn what_is_like_its_surroundings_costs_less() {
        let map =
            |values: Vec<i32>| CodeMap { channels: 1, rows: 32, columns: 32, quality: Q, values };
        let length = |values| encode(&numbers(1), &mut map(values), None).unwrap().1.len();
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
