//! Products of two matrices, and sums of such.

use rayon::prelude::*;

use super::operand::{Operand, Strides};
use super::pack::{Columns, Right, crosswise, pack_rows};
use super::tile::{Block, Left, ROWS};
use crate::arithmetic::workspace::with_workspace;

/// Terms that are summed before a tile is put away.
const TERMS: usize = 256;
/// Rows that share a pass over the right operand.
const BLOCK: usize = 128;
/// Multiply-adds below which a product is not worth a second thread.
const THREAD_GRAIN: usize = 1 << 17;

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
    let factors = Factors { sizes: [m, k, n], a, b, threads };
    match factors.are_turned() {
        true => factors.multiply_turned(out, then),
        false => factors.multiply(out, then),
    }
}

/// What is multiplied, by so many threads.
#[derive(Clone, Copy)]
struct Factors<'a> {
    sizes: [usize; 3],
    a: Operand<'a>,
    b: Operand<'a>,
    threads: usize,
}

impl Factors<'_> {
    /// Whether it takes less to multiply the transposes, and to turn what they give, than to pack a
    /// right operand that lies crosswise: where it has far more columns than the left one rows.
    fn are_turned(&self) -> bool {
        let [m, k, n] = self.sizes;
        let crosswise = self.a.strides.column == 1 && self.b.strides.row == 1;
        crosswise && k * m + 2 * m * n < k * n
    }

    fn transposed(self) -> Self {
        let [m, k, n] = self.sizes;
        Self { sizes: [n, k, m], a: self.b.transposed(), b: self.a.transposed(), ..self }
    }

    fn multiply_turned(self, out: &mut [f32], then: impl Fn(usize, &mut [f32]) + Sync) {
        let [m, _, n] = self.sizes;
        with_workspace(m * n, |turned| {
            self.transposed().multiply(turned, |_, _| ());
            let rows_each = m.div_ceil(self.threads);
            let turned: &[f32] = turned;
            let rows = |(number, out): (usize, &mut [f32])| {
                let first = number * rows_each;
                crosswise(&turned[first..], m, 1, n, out, n);
                then(first, out);
            };
            match self.threads {
                1 => rows((0, out)),
                _ => out.par_chunks_mut(rows_each * n).enumerate().for_each(rows),
            }
        });
    }

    fn multiply(self, out: &mut [f32], then: impl Fn(usize, &mut [f32]) + Sync) {
        let Self { sizes: [m, k, n], a, b, threads } = self;
        let columns = Columns::of([m, k, n], b.strides);
        with_workspace(columns.packed_words(), |packed| {
            columns.pack(b, packed, threads > 1);
            let right = Right { columns: &columns, data: b, packed };
            let rows_each = match threads {
                1 => m,
                _ => m.div_ceil(2 * threads).next_multiple_of(ROWS),
            };
            let piece = |(number, out): (usize, &mut [f32])| {
                let first = number * rows_each;
                for (block, out) in out.chunks_mut(BLOCK * n).enumerate() {
                    let first = first + block * BLOCK;
                    some_rows(out, k, a, first, &right, false);
                    then(first, out);
                }
            };
            match threads {
                1 => piece((0, out)),
                _ => out.par_chunks_mut(rows_each * n).enumerate().for_each(piece),
            }
        });
    }
}

/// `out += a b`, row-major, for sizes `[m, k, n]`, within this thread.
pub fn accumulate(out: &mut [f32], [m, k, n]: [usize; 3], a: Operand, b: Operand) {
    let out = &mut out[..m * n];
    if out.is_empty() {
        return;
    }
    let columns = Columns::of([m, k, n], b.strides);
    with_workspace(columns.packed_words(), |packed| {
        columns.pack(b, packed, false);
        some_rows(out, k, a, 0, &Right { columns: &columns, data: b, packed }, true);
    });
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
