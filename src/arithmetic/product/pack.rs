//! Operands brought into the order in which tiles read them, where they lie otherwise.

use rayon::prelude::*;

use super::operand::{Operand, Strides};
use super::tile::ROWS;
use crate::arithmetic::simd;
use crate::arithmetic::workspace::with_workspace;

/// Columns of a full tile.
const WIDTH: usize = 48;
/// Columns that tiles are made of: a vector of the widest kind.
const VECTOR: usize = 16;
/// Numbers between rows beyond which they are packed, as each lies on a page of its own then.
const FAR: usize = 1000;
/// Rows of which the processor knows the pages all the same.
const NEAR: usize = 64;

/// Whether the right operand is packed as a whole.
fn packs([m, k, n]: [usize; 3], strides: Strides) -> bool {
    strides.column != 1 || (m > 4 * ROWS && k > NEAR && strides.row >= FAR) || n < VECTOR
}

/// The right operand's columns, cut into tiles.
pub struct Columns {
    terms: usize,
    pub count: usize,
    /// Whether all tiles are packed, or but the last one where it is ragged.
    packs: bool,
}

impl Columns {
    /// Those of a product of these sizes, whose right operand has these strides.
    pub fn of([m, k, n]: [usize; 3], strides: Strides) -> Self {
        Self { terms: k, count: n, packs: packs([m, k, n], strides) }
    }

    pub fn tiles(&self) -> usize {
        self.count.div_ceil(WIDTH)
    }

    /// Where a tile's columns begin and end.
    pub fn range(&self, tile: usize) -> std::ops::Range<usize> {
        tile * WIDTH..((tile + 1) * WIDTH).min(self.count)
    }

    fn is_packed(&self, tile: usize) -> bool {
        self.packs || !self.range(tile).len().is_multiple_of(VECTOR)
    }

    pub fn packed_words(&self) -> usize {
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

    pub fn pack(&self, b: Operand, packed: &mut [f32], threads: bool) {
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

/// Copies some columns of every term, up to whole vectors.
fn pack_tile(b: Operand, columns: std::ops::Range<usize>, packed: &mut [f32]) {
    let width = columns.len().next_multiple_of(VECTOR);
    let Strides { row, column } = b.strides;
    if column == 1 {
        for (term, packed) in packed.chunks_exact_mut(width).enumerate() {
            let from = &b.data[term * row + columns.start..];
            if let Some(whole) = from.get(..width) {
                // What follows the columns makes sums that nobody stores, and vectors are copied faster.
                let vectors = packed.as_chunks_mut::<VECTOR>().0;
                vectors.copy_from_slice(whole.as_chunks().0);
                continue;
            }
            let (to, zeros) = packed.split_at_mut(columns.len());
            to.copy_from_slice(&from[..columns.len()]);
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
pub fn crosswise(
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
        let row = |row: usize| &from[row * between..][..terms];
        with_workspace(2 * ROWS * terms, |workspace| {
            let (first, second) = workspace.as_chunks_mut::<ROWS>().0.split_at_mut(terms);
            while lines - line >= 2 * ROWS {
                transpose(std::array::from_fn(|number| row(line + number)), first);
                transpose(std::array::from_fn(|number| row(line + ROWS + number)), second);
                // Whole lines of a cache.
                for (to, pair) in to.chunks_exact_mut(width).zip(first.iter().zip(&*second)) {
                    let (left, right) = to[line..][..2 * ROWS].split_at_mut(ROWS);
                    left.copy_from_slice(pair.0);
                    right.copy_from_slice(pair.1);
                }
                line += 2 * ROWS;
            }
            if lines - line >= ROWS {
                transpose(std::array::from_fn(|number| row(line + number)), first);
                for (to, column) in to.chunks_exact_mut(width).zip(&*first) {
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
pub struct Right<'a> {
    pub columns: &'a Columns,
    pub data: Operand<'a>,
    pub packed: &'a [f32],
}

impl<'a> Right<'a> {
    /// The tile's numbers from `term` on, and how far its terms lie apart.
    pub fn tile(&self, tile: usize, term: usize) -> (&'a [f32], usize) {
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

/// Rows of the left operand in the order of `Left::Packed`.
pub fn pack_rows(data: &[f32], strides: Strides, rows: usize, terms: usize, packed: &mut [f32]) {
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
