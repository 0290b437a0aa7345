//! The block of bytes that a document speaks of.

use half::f16;
use serde::Serialize;

/// Spans begin at multiples of this many bytes, so that they can be read as words where they lie.
const ALIGNMENT: usize = 16;

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Numbers {
    /// Four bytes each.
    F32,
    /// Two bytes each.
    F16,
    /// Bytes as they are.
    U8,
}

/// Where something lies in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Its first byte.
    pub offset: usize,
    /// How many bytes it has.
    pub bytes: usize,
    /// What they are, the lowest byte of a number first.
    pub numbers: Numbers,
}

/// A block that grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Block(Vec<u8>);

impl Block {
    /// Puts bytes behind what is there.
    pub fn add(&mut self, bytes: &[u8]) -> Span {
        self.extend(Numbers::U8, |block| block.extend_from_slice(bytes))
    }

    /// Puts numbers behind what is there, rounded to f16 where they are to be stored so.
    pub fn add_numbers(&mut self, values: &[f32], half: bool) -> Span {
        match half {
            true => self.extend(Numbers::F16, |block| {
                block.extend(values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()));
            }),
            false => self.extend(Numbers::F32, |block| {
                block.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }),
        }
    }

    fn extend(&mut self, numbers: Numbers, extend: impl FnOnce(&mut Vec<u8>)) -> Span {
        self.0.resize(self.0.len().next_multiple_of(ALIGNMENT), 0);
        let offset = self.0.len();
        extend(&mut self.0);
        Span { offset, bytes: self.0.len() - offset, numbers }
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_aligned_and_hold_what_was_added() {
        let mut block = Block::default();
        let odd = block.add(&[1, 2, 3]);
        let whole = block.add_numbers(&[1.5, -2.0], false);
        let half = block.add_numbers(&[1.5, 1e-9], true);
        assert_eq!(odd, Span { offset: 0, bytes: 3, numbers: Numbers::U8 });
        assert_eq!(whole, Span { offset: 16, bytes: 8, numbers: Numbers::F32 });
        assert_eq!(half, Span { offset: 32, bytes: 4, numbers: Numbers::F16 });
        assert_eq!(block.bytes()[20..24], (-2.0_f32).to_le_bytes());
        assert_eq!(block.bytes()[32..], [0, 0x3e, 0, 0]);
    }
}
