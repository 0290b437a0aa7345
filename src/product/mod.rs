//! Matrix products on the processor, without allocations.
//!
//! `out[m, n] = sum over k of a[m, k] b[k, n]`, in tiles of 8 rows by 48 columns whose sums stay in
//! registers over 256 terms. Rows of `a` and of `b` are read where they lie; only what lies crosswise,
//! or on addresses that a cache cannot hold together, is packed first. Each sum adds up its terms in
//! the order of `k` whatever the number of threads, so results are the same bits.

mod tile;

use rayon::prelude::*;

use crate::simd;
use crate::workspace::with_workspace;
use tile::{Block, Left, ROWS};

/// Columns of a full tile.
const WIDTH: usize = 48;
/// Columns that tiles are made of: a vector of the widest kind.
const VECTOR: usize = 16;
/// Terms that are summed before a tile is put away.
const TERMS: usize = 256;
/// Rows that share a pass over the right operand.
const BLOCK: usize = 128;
/// Multiply-adds below which a product is not worth a second thread.
const THREAD_GRAIN: usize = 1 << 17;
/// Numbers between rows beyond which they are packed, as each lies on a page of its own then.
const FAR: usize = 1000;
/// Rows of which the processor knows the pages all the same.
const NEAR: usize = 64;

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

    fn transposed(self) -> Self {
        let Strides { row, column } = self.strides;
        Self { strides: Strides { row: column, column: row }, ..self }
    }

    /// The transpose of a row-major matrix of `columns`.
    pub fn columns(data: &'a [f32], columns: usize) -> Self {
        Self { data, strides: Strides { row: 1, column: columns } }
    }
}

/// Whether the product may use all threads, or runs within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// This one only.
    One,
    /// All, where the product is large.
    Many,
}

/// `out = a b`, row-major, for sizes `[m, k, n]`; `then` is called with each piece of finished rows
/// and the number of its first one.
pub fn product(
    out: &mut [f32],
    [m, k, n]: [usize; 3],
    a: Operand,
    b: Operand,
    threads: Threads,
    then: impl Fn(usize, &mut [f32]) + Sync,
) {
    let out = &mut out[..m * n];
    if out.is_empty() {
        return;
    }
    let threads = match threads {
        Threads::Many if m * k * n > THREAD_GRAIN => rayon::current_num_threads(),
        _ => 1,
    };
    match is_turned([m, k, n], a, b) {
        true => multiply_turned(out, [m, k, n], a, b, threads, then),
        false => multiply(out, [m, k, n], a, b, threads, then),
    }
}

/// Whether it takes less to multiply the transposes, and to turn what they give, than to pack a right
/// operand that lies crosswise: where it has far more columns than the left one rows.
fn is_turned([m, k, n]: [usize; 3], a: Operand, b: Operand) -> bool {
    a.strides.column == 1 && b.strides.row == 1 && k * m + 2 * m * n < k * n
}

fn multiply_turned(
    out: &mut [f32],
    [m, k, n]: [usize; 3],
    a: Operand,
    b: Operand,
    threads: usize,
    then: impl Fn(usize, &mut [f32]) + Sync,
) {
    with_workspace(m * n, |turned| {
        multiply(turned, [n, k, m], b.transposed(), a.transposed(), threads, |_, _| ());
        let rows_each = m.div_ceil(threads);
        let turned: &[f32] = turned;
        let rows = |(number, out): (usize, &mut [f32])| {
            let first = number * rows_each;
            crosswise(&turned[first..], m, 1, n, out, n);
            then(first, out);
        };
        match threads {
            1 => rows((0, out)),
            _ => out.par_chunks_mut(rows_each * n).enumerate().for_each(rows),
        }
    });
}

fn multiply(
    out: &mut [f32],
    [m, k, n]: [usize; 3],
    a: Operand,
    b: Operand,
    threads: usize,
    then: impl Fn(usize, &mut [f32]) + Sync,
) {
    let columns = Columns { terms: k, count: n, packs: packs([m, k, n], b.strides) };
    with_workspace(columns.packed_words(), |packed| {
        columns.pack(b, packed, threads > 1);
        let right = Right { columns: &columns, data: b, packed };
        let rows_each = match threads {
            1 => m,
            _ => m.div_ceil(2 * threads).next_multiple_of(ROWS),
        };
        let piece = |number: usize, out: &mut [f32]| {
            let first = number * rows_each;
            for (block, out) in out.chunks_mut(BLOCK * n).enumerate() {
                let first = first + block * BLOCK;
                some_rows(out, k, a, first, &right, false);
                then(first, out);
            }
        };
        match threads {
            1 => piece(0, out),
            _ => out
                .par_chunks_mut(rows_each * n)
                .enumerate()
                .for_each(|(number, out)| piece(number, out)),
        }
    });
}

/// `out += a b`, row-major, for sizes `[m, k, n]`, within this thread.
pub fn accumulate(out: &mut [f32], [m, k, n]: [usize; 3], a: Operand, b: Operand) {
    let out = &mut out[..m * n];
    if out.is_empty() {
        return;
    }
    let columns = Columns { terms: k, count: n, packs: packs([m, k, n], b.strides) };
    with_workspace(columns.packed_words(), |packed| {
        columns.pack(b, packed, false);
        some_rows(out, k, a, 0, &Right { columns: &columns, data: b, packed }, true);
    });
}

/// Whether the right operand is packed as a whole.
fn packs([m, k, n]: [usize; 3], strides: Strides) -> bool {
    strides.column != 1 || (m > 4 * ROWS && k > NEAR && strides.row >= FAR) || n < VECTOR
}

/// The right operand's columns, cut into tiles.
struct Columns {
    terms: usize,
    count: usize,
    /// Whether all tiles are packed, or but the last one where it is ragged.
    packs: bool,
}

impl Columns {
    fn tiles(&self) -> usize {
        self.count.div_ceil(WIDTH)
    }

    /// Where a tile's columns begin and end.
    fn range(&self, tile: usize) -> std::ops::Range<usize> {
        tile * WIDTH..((tile + 1) * WIDTH).min(self.count)
    }

    fn is_packed(&self, tile: usize) -> bool {
        self.packs || !self.range(tile).len().is_multiple_of(VECTOR)
    }

    fn packed_words(&self) -> usize {
        match self.packs {
            true => self.terms * self.count.next_multiple_of(VECTOR),
            false => self.terms * WIDTH,
        }
    }

    /// Where a packed tile lies: tiles beside each other, each term by term.
    fn packed_range(&self, tile: usize) -> std::ops::Range<usize> {
        let columns = self.range(tile);
        let start = if self.packs { self.terms * columns.start } else { 0 };
        start..start + self.terms * columns.len().next_multiple_of(VECTOR)
    }

    fn pack(&self, b: Operand, packed: &mut [f32], threads: bool) {
        if self.terms == 0 {
            return;
        }
        if !self.packs {
            let last = self.tiles() - 1;
            if self.is_packed(last) {
                pack_tile(b, self.range(last), &mut packed[self.packed_range(last)]);
            }
            return;
        }
        let pieces = self.terms * WIDTH;
        let pack = |(tile, piece): (usize, &mut [f32])| pack_tile(b, self.range(tile), piece);
        match threads {
            true => packed.par_chunks_mut(pieces).enumerate().for_each(pack),
            false => packed.chunks_mut(pieces).enumerate().for_each(pack),
        }
    }
}

/// Copies some columns of every term, with zeros up to whole vectors.
fn pack_tile(b: Operand, columns: std::ops::Range<usize>, packed: &mut [f32]) {
    let width = columns.len().next_multiple_of(VECTOR);
    let Strides { row, column } = b.strides;
    if column == 1 {
        for (term, packed) in packed.chunks_exact_mut(width).enumerate() {
            let (to, zeros) = packed.split_at_mut(columns.len());
            to.copy_from_slice(&b.data[term * row + columns.start..][..columns.len()]);
            zeros.fill(0.0);
        }
        return;
    }
    if columns.len() < width {
        packed.chunks_exact_mut(width).for_each(|term| term[columns.len()..].fill(0.0));
    }
    crosswise(&b.data[columns.start * column..], column, row, columns.len(), packed, width);
}

/// `to[term * width + line] = from[line * between + term * step]` for the first `lines`.
fn crosswise(
    from: &[f32],
    between: usize,
    step: usize,
    lines: usize,
    to: &mut [f32],
    width: usize,
) {
    let terms = to.len() / width;
    let mut line = 0;
    if step == 1 && lines >= ROWS {
        with_workspace(ROWS * terms, |workspace| {
            let columns = workspace.as_chunks_mut::<ROWS>().0;
            while lines - line >= ROWS {
                let row = |row: usize| &from[(line + row) * between..][..terms];
                transpose(std::array::from_fn(row), columns);
                for (to, column) in to.chunks_exact_mut(width).zip(&*columns) {
                    to[line..][..ROWS].copy_from_slice(column);
                }
                line += ROWS;
            }
        });
    }
    for line in line..lines {
        for term in 0..terms {
            to[term * width + line] = from[line * between + term * step];
        }
    }
}

/// Rows as columns. Written element by element into one piece, the compiler makes shuffles of it.
fn transpose(rows: [&[f32]; ROWS], columns: &mut [[f32; ROWS]]) {
    simd::vectorised!({
        let rows = rows.map(|row| &row[..columns.len()]);
        for (term, column) in columns.iter_mut().enumerate() {
            *column = std::array::from_fn(|row| rows[row][term]);
        }
    });
}

/// The right operand, where tiles find it.
struct Right<'a> {
    columns: &'a Columns,
    data: Operand<'a>,
    packed: &'a [f32],
}

impl<'a> Right<'a> {
    /// The tile's numbers from `term` on, and how far its terms lie apart.
    fn tile(&self, tile: usize, term: usize) -> (&'a [f32], usize) {
        let columns = self.columns.range(tile);
        match self.columns.is_packed(tile) {
            true => {
                let pitch = columns.len().next_multiple_of(VECTOR);
                (&self.packed[self.columns.packed_range(tile)][term * pitch..], pitch)
            }
            false => {
                let pitch = self.data.strides.row;
                (&self.data.data[term * pitch + columns.start..], pitch)
            }
        }
    }
}

/// The rows of `out`, the first of which is row `first` of the product.
fn some_rows(out: &mut [f32], k: usize, a: Operand, first: usize, right: &Right, add: bool) {
    let n = right.columns.count;
    let rows = out.len() / n;
    let Strides { row, column } = a.strides;
    let direct = column == 1;
    let words = if direct { 0 } else { rows.next_multiple_of(ROWS) * TERMS.min(k) };
    if k == 0 && !add {
        out.fill(0.0);
    }
    with_workspace(words, |packed| {
        for term in (0..k).step_by(TERMS) {
            let terms = TERMS.min(k - term);
            let data = &a.data[first * row + term * column..];
            let left = match direct {
                true => Left::Rows(data, row),
                false => {
                    pack_rows(data, a.strides, rows, terms, packed);
                    Left::Packed(packed)
                }
            };
            for tile in 0..right.columns.tiles() {
                let columns = right.columns.range(tile);
                let (right, pitch) = right.tile(tile, term);
                pulp::Arch::new().dispatch(Block {
                    left,
                    right,
                    pitch,
                    terms,
                    out: &mut out[columns.start..],
                    out_pitch: n,
                    rows,
                    columns: columns.len(),
                    add: add || term > 0,
                });
            }
        }
    });
}

/// Rows of the left operand as [`Left::Packed`] has them.
fn pack_rows(data: &[f32], strides: Strides, rows: usize, terms: usize, packed: &mut [f32]) {
    let Strides { row, column } = strides;
    for (number, packed) in packed.chunks_exact_mut(ROWS * terms).enumerate() {
        let first = number * ROWS;
        if first >= rows {
            break;
        }
        let count = ROWS.min(rows - first);
        let data = &data[first * row..];
        if column == 1 && count == ROWS {
            let row = |number: usize| &data[number * row..][..terms];
            transpose(std::array::from_fn(row), packed.as_chunks_mut::<ROWS>().0);
        } else if row == 1 && count == ROWS {
            for (term, packed) in packed.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
                packed.copy_from_slice(&data[term * column..][..ROWS]);
            }
        } else {
            crosswise(data, row, column, count, packed, ROWS);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(count: usize, factor: usize) -> Vec<f32> {
        (0..count).map(|i| (i * factor % 31) as f32 / 8.0 - 2.0).collect()
    }

    fn at(operand: &Operand, row: usize, column: usize) -> f64 {
        let Strides { row: rows, column: columns } = operand.strides;
        f64::from(operand.data[row * rows + column * columns])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn sums_are_those_of_the_definition(
            m in 1_usize..150, k in 0_usize..600, n in 1_usize..120, orders in any::<[bool; 2]>(),
        ) {
            let (a, b) = (numbers(m * k, 7), numbers(k * n, 11));
            let a = if orders[0] { Operand::columns(&a, m) } else { Operand::rows(&a, k) };
            let b = if orders[1] { Operand::columns(&b, k) } else { Operand::rows(&b, n) };
            let mut once = vec![f32::NAN; m * n];
            product(&mut once, [m, k, n], a, b, Threads::One, |_, _| ());
            for row in 0..m {
                for column in 0..n {
                    let terms = (0..k).map(|term| at(&a, row, term) * at(&b, term, column));
                    let (sum, found) = (terms.sum::<f64>(), once[row * n + column]);
                    prop_assert!((sum - f64::from(found)).abs() < 1e-2, "{sum} {found}");
                }
            }
            let mut many = vec![f32::NAN; m * n];
            let seen = std::sync::Mutex::new(vec![0; m]);
            product(&mut many, [m, k, n], a, b, Threads::Many, |first, rows| {
                let mut seen = seen.lock().expect("no thread has failed");
                (first..first + rows.len() / n).for_each(|row| seen[row] += 1);
            });
            prop_assert_eq!(&many, &once);
            prop_assert_eq!(seen.into_inner().expect("no thread has failed"), vec![1; m]);
            accumulate(&mut many, [m, k, n], a, b);
            for (twice, once) in many.iter().zip(&once) {
                prop_assert!((twice - 2.0 * once).abs() <= 1e-5 * once.abs(), "{twice} {once}");
            }
        }
    }

    #[test]
    fn rows_that_lie_far_apart() {
        let [m, k, n] = [40, 70, 1100];
        let (a, b) = (numbers(m * k, 3), numbers(k * n, 5));
        let (a, b) = (Operand::rows(&a, k), Operand::rows(&b, n));
        let mut out = vec![f32::NAN; m * n];
        product(&mut out, [m, k, n], a, b, Threads::Many, |_, _| ());
        for (row, column) in [(0, 0), (39, 1099), (17, 1055), (8, 48)] {
            let sum: f64 = (0..k).map(|term| at(&a, row, term) * at(&b, term, column)).sum();
            assert!((sum - f64::from(out[row * n + column])).abs() < 1e-3);
        }
    }
}
