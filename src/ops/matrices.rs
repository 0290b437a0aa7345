//! The matrix units that some GPUs have: a subgroup multiplies two square matrices, and adds a third.

use std::fmt;

/// The matrices that an adapter's units take, of those that kernels are written for. Sums are f32 in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrices {
    /// 8 x 8 of f32, so that nothing is rounded: Apple's.
    F32By8,
    /// 8 x 8 of f16: llvmpipe's.
    F16By8,
    /// 16 x 16 of f16: NVIDIA's, and AMD's from RDNA3 on.
    F16By16,
}

/// Rows and columns of outputs that a subgroup owns, in several matrices.
pub(crate) const BLOCK: usize = 32;

impl Matrices {
    /// All of them, best first.
    pub const ALL: [Self; 3] = [Self::F32By8, Self::F16By16, Self::F16By8];

    /// Rows and columns of a matrix.
    pub const fn side(self) -> usize {
        match self {
            Self::F32By8 | Self::F16By8 => 8,
            Self::F16By16 => 16,
        }
    }

    /// Whether what is multiplied is f16.
    pub const fn rounds(self) -> bool {
        !matches!(self, Self::F32By8)
    }

    /// Bytes of a number that is multiplied.
    pub(crate) const fn bytes(self) -> usize {
        if self.rounds() { 2 } else { 4 }
    }
}

impl fmt::Display for Matrices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.rounds() { "f16" } else { "f32" };
        write!(f, "{0} x {0} of {kind}", self.side())
    }
}
