//! Matrices in slices, in any order of their elements.

/// Elements from one row to the next, and from one column to the next.
#[derive(Clone, Copy, Debug)]
pub struct Strides {
    /// Between rows.
    pub row: usize,
    /// Between columns.
    pub column: usize,
}

/// A matrix in a slice.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// Their order.
    pub strides: Strides,
}

impl<'a> Operand<'a> {
    /// A row-major matrix of `columns`.
    pub fn rows(data: &'a [f32], columns: usize) -> Self {
        Self { data, strides: Strides { row: columns, column: 1 } }
    }

    pub(crate) fn transposed(self) -> Self {
        let Strides { row, column } = self.strides;
        Self { strides: Strides { row: column, column: row }, ..self }
    }

    /// The transpose of a row-major matrix of `columns`.
    pub fn columns(data: &'a [f32], columns: usize) -> Self {
        Self { data, strides: Strides { row: 1, column: columns } }
    }
}
