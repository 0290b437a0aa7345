//! The innermost part of a matrix product: a few rows by a few vectors of sums in registers.

use pulp::{Simd, WithSimd};

/// Rows of a tile.
pub const ROWS: usize = 8;

/// Rows of the left operand.
#[derive(Clone, Copy)]
pub enum Left<'a> {
    /// Row-major: row `r` begins at `r * pitch`.
    Rows(&'a [f32], usize),
    /// Packed: [`ROWS`] numbers a term.
    Packed(&'a [f32]),
}

/// Some rows and columns of a product over `terms`.
pub struct Block<'a> {
    pub left: Left<'a>,
    /// Term by term, rows `pitch` apart, each readable for whole vectors.
    pub right: &'a [f32],
    pub pitch: usize,
    pub terms: usize,
    pub out: &'a mut [f32],
    pub out_pitch: usize,
    pub rows: usize,
    pub columns: usize,
    /// Whether to add to what `out` holds.
    pub add: bool,
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { right, columns, .. } = self;
        let mut first = 0;
        while first < columns {
            let vectors = (columns - first).div_ceil(S::F32_LANES).min(3);
            let count = (vectors * S::F32_LANES).min(columns - first);
            let out = &mut self.out[first..];
            let part = Block { out, right: &right[first..], columns: count, ..self };
            match vectors {
                1 => part.by_rows::<S, 1>(simd),
                2 => part.by_rows::<S, 2>(simd),
                _ => part.by_rows::<S, 3>(simd),
            }
            first += count;
        }
    }
}

impl Block<'_> {
    #[inline(always)]
    fn by_rows<S: Simd, const V: usize>(mut self, simd: S) {
        let rows = self.rows;
        let mut row = 0;
        if S::F32_LANES < 16 {
            while rows - row >= 4 {
                self.tile::<S, 4, V>(simd, row);
                row += 4;
            }
        }
        while rows - row >= ROWS {
            self.tile::<S, ROWS, V>(simd, row);
            row += ROWS;
        }
        if rows - row >= 4 {
            self.tile::<S, 4, V>(simd, row);
            row += 4;
        }
        if rows - row >= 2 {
            self.tile::<S, 2, V>(simd, row);
            row += 2;
        }
        if rows - row == 1 {
            self.tile::<S, 1, V>(simd, row);
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, row: usize) {
        let terms = self.terms;
        let sums = match self.left {
            Left::Rows(data, pitch) => {
                let rows: [&[f32]; R] =
                    std::array::from_fn(|r| &data[(row + r) * pitch..][..terms]);
                self.sums::<S, R, V>(simd, |term| std::array::from_fn(|r| rows[r][term]))
            }
            Left::Packed(data) => {
                let whole = row / ROWS * ROWS;
                let data = &data[whole * terms..][..ROWS * terms].as_chunks::<ROWS>().0[..terms];
                let at = row - whole;
                if R == ROWS {
                    self.sums::<S, R, V>(simd, |term| std::array::from_fn(|r| data[term][r]))
                } else {
                    self.sums::<S, R, V>(simd, |term| {
                        std::array::from_fn(|r| data[term][(at + r) % ROWS])
                    })
                }
            }
        };
        self.put(simd, row, sums);
    }

    #[inline(always)]
    fn sums<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        left: impl Fn(usize) -> [f32; R],
    ) -> [[S::f32s; V]; R] {
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for term in 0..self.terms {
            let right = &self.right[term * self.pitch..][..V * S::F32_LANES];
            let (right, _) = S::as_simd_f32s(right);
            let right: &[S::f32s; V] = right.try_into().expect("V vectors");
            let left = left(term);
            for r in 0..R {
                let x = simd.splat_f32s(left[r]);
                for v in 0..V {
                    sums[r][v] = simd.mul_add_f32s(x, right[v], sums[r][v]);
                }
            }
        }
        sums
    }

    #[inline(always)]
    fn put<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        sums: [[S::f32s; V]; R],
    ) {
        let rows = self.out[row * self.out_pitch..].chunks_mut(self.out_pitch);
        if self.columns == V * S::F32_LANES {
            for (out, sums) in rows.zip(sums) {
                let (out, _) = S::as_mut_simd_f32s(&mut out[..V * S::F32_LANES]);
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = if self.add { simd.add_f32s(*out, sum) } else { sum };
                }
            }
            return;
        }
        for (out, sums) in rows.zip(sums) {
            let vectors = out[..self.columns].chunks_mut(S::F32_LANES);
            for (out, sum) in vectors.zip(sums) {
                let sum = match self.add {
                    true => simd.add_f32s(simd.partial_load_f32s(out), sum),
                    false => sum,
                };
                simd.partial_store_f32s(out, sum);
            }
        }
    }
}
