//! The tiles that kernels of products and convolutions are written for.

use super::matrices::{BLOCK, Matrices};

/// The sums that one invocation has in registers, rows by columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sums {
    /// 64, for many registers: most multiply-adds for what is loaded.
    EightByEight,
    /// 32.
    FourByEight,
    /// 16, for few registers or few outputs.
    FourByFour,
    /// Those of a block of 32 x 32, which a subgroup's invocations share, by matrix units.
    Matrices {
        /// What the units take.
        of: Matrices,
        /// Invocations that share a block.
        lanes: usize,
    },
}

impl Sums {
    /// How many they are.
    pub const fn count(self) -> usize {
        match self {
            Self::FourByFour => 16,
            Self::FourByEight => 32,
            Self::EightByEight => 64,
            Self::Matrices { lanes, .. } => BLOCK * BLOCK / lanes,
        }
    }
}

/// The outputs of one workgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Rows of outputs.
    pub rows: usize,
    /// Columns of outputs.
    pub columns: usize,
    /// Sums of an invocation.
    pub sums: Sums,
    /// How long an output takes with it, in hundredths of what one takes in a tile of 64 x 64 with most sums.
    pub cost: usize,
}

/// Terms that lie in workgroup memory at a time.
pub(crate) const DEPTH: usize = 16;

impl Tile {
    /// A tile of so many outputs.
    pub(crate) const fn new([rows, columns]: [usize; 2], sums: Sums, cost: usize) -> Self {
        Self { rows, columns, sums, cost }
    }

    /// Rows and columns.
    pub const fn sides(self) -> [usize; 2] {
        [self.rows, self.columns]
    }

    /// Invocations of its workgroup.
    pub const fn invocations(self) -> usize {
        self.rows * self.columns / self.sums.count()
    }

    /// Bytes of workgroup memory: both operands' terms, with padding, sums of matrices on their way out, and, for
    /// convolutions, three words for each column.
    pub(crate) const fn bytes(self) -> usize {
        let products = match self.sums {
            Sums::Matrices { of, .. } => {
                DEPTH * of.bytes() * (self.rows + 8 + self.columns + 8) + self.rows * self.columns
            }
            _ => DEPTH * 4 * (self.rows + 4 + self.columns + 4),
        };
        products + 12 * self.columns
    }

    /// What matrix units take, where it is for them.
    pub const fn matrices(self) -> Option<Matrices> {
        match self.sums {
            Sums::Matrices { of, .. } => Some(of),
            _ => None,
        }
    }
}
