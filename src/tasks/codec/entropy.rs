//! Bits under chances that adapt to what was coded, by `constriction`'s range coder. Every chance is
//! a whole number and follows from whole numbers, so a decoder finds the same ones on any machine.

use std::num::NonZeroU32;

use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use constriction::stream::queue::{DefaultRangeDecoder, DefaultRangeEncoder};
use constriction::stream::{Decode, Encode};

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage(pub String);

/// Chances are so many bits wide.
const PRECISION: usize = 16;
/// A chance of 1.
const ONE: u32 = 1 << PRECISION;
/// No chance is nearer to 0 or 1 than this: any bit costs at least `-log2 (1 - 2^-11)`, 1/1420 bit.
const LEAST: u32 = ONE >> 11;
/// A chance becomes the mean over no more bits than this, so that it can still change.
const MEMORY: u16 = 160;
/// Zeros that may be left out at the end.
pub(super) const LEFT_OUT: usize = 8;
/// No more bits than this are coded by one bit of a file, which bounds what a file can ask for.
pub(super) const MOST_BITS_BY_BIT: u64 = 2048;

/// Digits that a chance has besides those that are coded by, so that small steps are not lost.
const FINER: usize = 12;

/// The chance that a bit is 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance {
    /// Of `ONE << FINER`.
    one: u32,
    seen: u16,
}

impl Chance {
    /// As likely as not, and quick to change.
    pub const EVEN: Self = Self { one: (ONE / 2) << FINER, seen: 0 };

    /// `one` in 65536, as if it had been seen in so many bits.
    pub fn new(one: u32, seen: u16) -> Self {
        Self { one: one.clamp(LEAST, ONE - LEAST) << FINER, seen: seen.min(MEMORY) }
    }

    /// The mean of what was seen, by the rule of Krichevsky and Trofimov (1981).
    pub fn adapt(&mut self, bit: bool) {
        let divisor = u32::from(self.seen) + 2;
        self.one = match bit {
            true => self.one + ((ONE << FINER) - self.one) / divisor,
            false => self.one - self.one / divisor,
        };
        self.one = self.one.clamp(LEAST << FINER, (ONE - LEAST) << FINER);
        self.seen = (self.seen + 1).min(MEMORY);
    }

    /// Of 65536.
    pub fn one(self) -> u32 {
        self.one >> FINER
    }

    /// The bits that `bit` takes.
    pub fn bits(self, bit: bool) -> f32 {
        -(self.part(bit).1.get() as f32 / ONE as f32).log2()
    }

    /// In how many bits it has been seen, or as if.
    pub fn seen(self) -> u16 {
        self.seen
    }

    /// Where the bit's part of all chances begins, and how wide it is.
    fn part(self, bit: bool) -> (u32, NonZeroU32) {
        let one = self.one();
        let zero = ONE - one;
        let (start, width) = if bit { (zero, one) } else { (0, zero) };
        (start, NonZeroU32::new(width).unwrap_or(NonZeroU32::MIN))
    }
}

impl EntropyModel<PRECISION> for Chance {
    type Symbol = bool;
    type Probability = u32;
}

impl EncoderModel<PRECISION> for Chance {
    fn left_cumulative_and_probability(
        &self,
        bit: impl std::borrow::Borrow<bool>,
    ) -> Option<(u32, NonZeroU32)> {
        Some(self.part(*bit.borrow()))
    }
}

impl DecoderModel<PRECISION> for Chance {
    fn quantile_function(&self, quantile: u32) -> (bool, u32, NonZeroU32) {
        let bit = quantile >= ONE - self.one();
        let (start, width) = self.part(bit);
        (bit, start, width)
    }
}

/// A range coder in one of its directions: what is written for one is read by the other, so that the
/// two cannot differ.
#[derive(Clone)]
pub(super) enum BitCoder {
    /// Takes bits.
    Encoder(DefaultRangeEncoder),
    /// Gives them back.
    Decoder(DefaultRangeDecoder),
}

impl BitCoder {
    /// One that takes bits.
    pub fn encoder() -> Self {
        Self::Encoder(DefaultRangeEncoder::new())
    }

    /// One that gives back what [`BitCoder::finish`] made.
    pub fn decoder(payload: &[u8]) -> Self {
        let words = payload.chunks(4).map(|bytes| {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            u32::from_be_bytes(word)
        });
        match DefaultRangeDecoder::from_compressed(words.collect::<Vec<_>>()) {
            Ok(decoder) => Self::Decoder(decoder),
            Err(never) => match never {},
        }
    }

    /// Whether it takes bits.
    pub fn is_encoder(&self) -> bool {
        matches!(self, Self::Encoder(_))
    }

    /// Encodes `bit`, or decodes the bit that stood there; `chance` follows it.
    pub fn bit(&mut self, bit: bool, chance: &mut Chance) -> Result<bool, Damage> {
        let bit = self.fixed(bit, *chance)?;
        chance.adapt(bit);
        Ok(bit)
    }

    /// The same with a chance that stays.
    pub fn fixed(&mut self, bit: bool, chance: Chance) -> Result<bool, Damage> {
        match self {
            Self::Encoder(encoder) => {
                let impossible = |_| Damage("a bit has no chance".into());
                encoder.encode_symbol(bit, chance).map_err(impossible)?;
                Ok(bit)
            }
            Self::Decoder(decoder) => {
                let invalid = |_| Damage("its code stands for nothing".into());
                decoder.decode_symbol(chance).map_err(invalid)
            }
        }
    }

    /// The bytes that were made of the bits; none of a decoder.
    pub fn finish(self) -> Vec<u8> {
        let Self::Encoder(encoder) = self else { return vec![] };
        let words = match encoder.into_compressed() {
            Ok(words) => words,
            Err(never) => match never {},
        };
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        // A decoder reads zeros beyond the end. Those of the coder's last two words are left out; those
        // before stay, so that a payload's length says how many bits it can stand for.
        let kept = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(kept.max(bytes.len().saturating_sub(LEFT_OUT)));
        bytes
    }

    /// Whether all of the bytes have been of use.
    pub fn is_at_end(&self) -> bool {
        match self {
            Self::Encoder(_) => true,
            Self::Decoder(decoder) => decoder.maybe_exhausted(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_come_back(bits in proptest::collection::vec(any::<bool>(), 0..2000), start in 0..=ONE) {
            let first = Chance::new(start, 3);
            let mut coder = BitCoder::encoder();
            let mut chance = first;
            for bit in &bits {
                coder.bit(*bit, &mut chance).unwrap();
            }
            let bytes = coder.finish();
            let mut coder = BitCoder::decoder(&bytes);
            let mut chance = first;
            for bit in &bits {
                prop_assert_eq!(coder.bit(false, &mut chance).unwrap(), *bit);
            }
            prop_assert!(coder.is_at_end());
        }
    }

    #[test]
    fn rare_bits_cost_much_and_common_ones_little() {
        let mut coder = BitCoder::encoder();
        let mut chance = Chance::EVEN;
        let count = 1 << 20;
        for _ in 0..count {
            coder.bit(false, &mut chance).unwrap();
        }
        let bits = 8 * coder.finish().len() as u64;
        // 2^20 / 1420 = 738 and a few for learning, less what is left out.
        assert!((660..1100).contains(&bits), "{bits}");
        assert!(bits * MOST_BITS_BY_BIT > count);
    }
}
