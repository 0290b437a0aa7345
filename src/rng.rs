//! Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011).
//!
//! A block of four random words is a pure function of a key and a counter, so there is no state to
//! keep: any step of any training run can be drawn again, on any device, in any order.
//! `shaders/shared/philox.wgsl` is the same function, word for word.

use std::convert::Infallible;

use rand::TryRng;

use crate::arithmetic::simd;

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// The seed of a whole run. Runs with different seeds share no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Seed(pub u64);

impl Seed {
    /// The two words of the Philox key.
    pub fn key(self) -> [u32; 2] {
        [self.0 as u32, (self.0 >> 32) as u32]
    }
}

/// A numbered sequence of random numbers within a run: each random node of a graph has one, and so
/// has each use on the host (see [`stream`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream(pub u32);

/// Streams used on the host. Those of graph nodes count up from 0 and never come near.
pub mod stream {
    use super::Stream;
    /// First values of parameters.
    pub const INITIALISE: Stream = Stream(0xFFFF_0000);
    /// The order of images in an epoch.
    pub const SHUFFLE: Stream = Stream(0xFFFF_0001);
    /// Which images are held out.
    pub const SPLIT: Stream = Stream(0xFFFF_0002);
    /// Procedural images.
    pub const SPRITES: Stream = Stream(0xFFFF_0003);
    /// Which pixels nobody sees.
    pub const MISSING: Stream = Stream(0xFFFF_0004);
    /// Codes of new images.
    pub const SAMPLES: Stream = Stream(0xFFFF_0005);
    /// Pixels drawn as 0 or 1 on the host.
    pub const BINARISE: Stream = Stream(0xFFFF_0006);
    /// Where patches are cut from pictures.
    pub const PATCHES: Stream = Stream(0xFFFF_0007);
    /// How codes of new variants of pictures differ from theirs.
    pub const VARIANTS: Stream = Stream(0xFFFF_0008);
    /// Where a mixture starts, and what is drawn from it.
    pub const MIXTURE: Stream = Stream(0xFFFF_0009);
}

/// Four random words: ten rounds of Philox on `counter` under `key`.
#[inline(always)]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let a = u64::from(MULTIPLIER[0]) * u64::from(counter[0]);
        let b = u64::from(MULTIPLIER[1]) * u64::from(counter[2]);
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
    }
    counter
}

/// The block of four words that holds elements `4 * block ..` of `stream` at `step`.
#[inline(always)]
pub fn block(seed: Seed, stream: Stream, step: u32, block: u32) -> [u32; 4] {
    philox([block, step, stream.0, 0], seed.key())
}

/// A number in [0, 1): the word's upper 24 bits, so that 1 is never reached by rounding.
#[inline(always)]
pub fn uniform(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Two independent standard normal numbers from two words (Box and Muller, 1958).
#[inline(always)]
pub fn normal_pair(a: u32, b: u32) -> [f32; 2] {
    // (a + 1) / 2^24 lies in (0, 1], where the logarithm is finite.
    let open = ((a >> 8) + 1) as f32 * (1.0 / 16_777_216.0);
    let radius = (-2.0 * simd::ln(open)).sqrt();
    simd::cos_sin_turns(uniform(b)).map(|part| radius * part)
}

/// A Philox stream as a sequential generator for the `rand` crate.
#[derive(Clone, Debug)]
pub struct Philox {
    key: [u32; 2],
    stream: Stream,
    next: u64,
    words: [u32; 4],
}

impl Philox {
    /// The generator of `stream` under `seed`, at its start.
    pub fn new(seed: Seed, stream: Stream) -> Self {
        Self { key: seed.key(), stream, next: 0, words: [0; 4] }
    }
}

impl TryRng for Philox {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        let (block, word) = (self.next / 4, (self.next % 4) as usize);
        if word == 0 {
            self.words = philox([block as u32, (block >> 32) as u32, self.stream.0, 0], self.key);
        }
        self.next += 1;
        Ok(self.words[word])
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        let low = u64::from(self.try_next_u32()?);
        Ok(low | u64::from(self.try_next_u32()?) << 32)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> std::result::Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            let word = self.try_next_u32()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    /// The known answers that the Random123 library publishes in `kat_vectors`.
    #[test]
    fn known_answers() {
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([!0; 4], [!0; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox(counter, key), expected);
        }
    }

    #[test]
    fn sequential_words_are_the_blocks_in_order() {
        let seed = Seed(0x0123_4567_89ab_cdef);
        let mut sequential = Philox::new(seed, Stream(7));
        for index in 0..3 {
            for word in philox([index, 0, 7, 0], seed.key()) {
                assert_eq!(sequential.random::<u32>(), word);
            }
        }
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let draws: Vec<f32> = (0..20_000)
            .flat_map(|index| {
                let words = block(Seed(1), Stream(0), 0, index);
                let (a, b) = (normal_pair(words[0], words[1]), normal_pair(words[2], words[3]));
                [a[0], a[1], b[0], b[1]]
            })
            .collect();
        let mean = draws.iter().sum::<f32>() / draws.len() as f32;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / draws.len() as f32;
        assert!(mean.abs() < 0.02, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.03, "variance {variance}");
    }
}
