//! Numbers that are kept as f16 between operations, while all is computed in f32.

/// How the numbers of a tensor lie in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Storage {
    /// As they are computed.
    #[default]
    F32,
    /// As f16, each of them times two to this power. What is too large for that becomes the largest there
    /// is; infinity and NaN stay.
    F16 {
        /// The power.
        exponent: i32,
    },
}

impl Storage {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 { .. } => 2,
        }
    }

    /// So many numbers, of the words that hold them.
    pub(crate) fn read(self, words: Vec<f32>, numbers: usize) -> Vec<f32> {
        let Self::F16 { exponent } = self else { return words };
        let halves: &[u16] = bytemuck::cast_slice(&words);
        let factor = (-exponent as f32).exp2();
        halves[..numbers].iter().map(|bits| half::f16::from_bits(*bits).to_f32() * factor).collect()
    }
}

/// What an operation can have as f16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Halves {
    /// Nothing: it reads words that are no f32, or its kernels are not known.
    #[default]
    Nothing,
    /// What it reads; what it gives is summed, or wants all bits of f32.
    Inputs,
    /// What it reads and gives.
    All,
}

/// That both operands of a product may be rounded to f16 before they are multiplied, as matrix units take them: they
/// are kept so, or are parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfTerms {
    /// See [`Storage::F16`], for each operand: so they are multiplied, or gradients would be too small.
    pub exponents: [i32; 2],
}

impl HalfTerms {
    /// Those of the product with its operands in the other order.
    pub(crate) fn swapped(self) -> Self {
        let [a, b] = self.exponents;
        Self { exponents: [b, a] }
    }
}

/// A storage buffer of a kernel that holds f16.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Half {
    /// Its binding's number.
    pub binding: u32,
    /// See [`Storage::F16`].
    pub exponent: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read_as_the_numbers_they_were() {
        let halves = [0x3c00_u16, 0xc000, 0x0001, 0x7c00, 0x7e00, 0x7e00];
        let words: Vec<f32> = bytemuck::cast_slice(&halves).to_vec();
        let numbers = Storage::F16 { exponent: 2 }.read(words, 5);
        assert_eq!(numbers[..4], [0.25, -0.5, 2.0_f32.powi(-26), f32::INFINITY]);
        assert!(numbers[4].is_nan() && numbers.len() == 5);
    }
}
