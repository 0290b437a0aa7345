//! The tiles that kernels of products and convolutions are written for.

/// The sums that one invocation has in registers, rows by columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sums {
    /// 64, for many registers: most multiply-adds for what is loaded.
    EightByEight,
    /// 32.
    FourByEight,
    /// 16, for few registers or few outputs.
    FourByFour,
}

impl Sums {
    /// How many they are.
    pub const fn count(self) -> usize {
        match self {
            Self::FourByFour => 16,
            Self::FourByEight => 32,
            Self::EightByEight => 64,
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

    /// Bytes of workgroup memory: both operands' terms, a vec4 of padding for each, and, for convolutions, a vec4
    /// for each column.
    pub(crate) const fn bytes(self) -> usize {
        DEPTH * 4 * (self.rows + 4 + self.columns + 4) + 16 * self.columns
    }
}
