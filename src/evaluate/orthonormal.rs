//! Orthonormal rows from any rows, in single precision but as good as double: by Gram and Schmidt,
//! block by block, twice (Giraud, Langou, Rozložník: "The loss of orthogonality in the Gram-Schmidt
//! orthogonalization process", 2005: twice is enough).

use rayon::prelude::*;

use crate::arithmetic::product::{Operand, Threads, product};

/// Rows that are freed from those before them by one product.
const BLOCK: usize = 32;

/// A row of which so little is left depends on those before it, but for rounding.
const NOTHING: f64 = 1e-5;

/// Makes the rows of `width` orthonormal in place; a row that depends on those before it becomes 0.
/// Sums are in an order that no number of threads changes.
pub(super) fn orthonormalise(rows: &mut [f32], width: usize) {
    let count = rows.len() / width.max(1);
    for first in (0..count).step_by(BLOCK) {
        let (done, rest) = rows.split_at_mut(first * width);
        let block = &mut rest[..BLOCK.min(count - first) * width];
        let sizes: Vec<f64> = block.chunks(width).map(|row| dot(row, row).sqrt()).collect();
        // The second time mends what cancellation left of the first.
        for _ in 0..2 {
            subtract_parts(done, block, width);
            orthonormalise_block(block, width, &sizes);
        }
    }
}

/// Takes from each row of `block` its parts along the orthonormal rows `done`.
fn subtract_parts(done: &[f32], block: &mut [f32], width: usize) {
    let (known, rows) = (done.len() / width, block.len() / width);
    if known == 0 {
        return;
    }
    let mut parts = vec![0.0; rows * known];
    let sizes = [rows, width, known];
    let (left, right) = (Operand::rows(block, width), Operand::columns(done, width));
    product(&mut parts, sizes, left, right, Threads::Many, |_, _| ());
    let mut sums = vec![0.0; block.len()];
    let (left, right) = (Operand::rows(&parts, known), Operand::rows(done, width));
    product(&mut sums, [rows, known, width], left, right, Threads::Many, |_, _| ());
    block.iter_mut().zip(&sums).for_each(|(number, sum)| *number -= sum);
}

/// The same within a block, whose rows had these lengths to begin with.
fn orthonormalise_block(block: &mut [f32], width: usize, sizes: &[f64]) {
    for (index, size) in sizes.iter().enumerate() {
        let (row, later) = block[index * width..].split_at_mut(width);
        let rest = dot(row, row).sqrt();
        // Of the second time, rows have length 1 or 0.
        let scale = if rest > size.min(1.0) * NOTHING { 1.0 / rest } else { 0.0 };
        row.iter_mut().for_each(|number| *number = (f64::from(*number) * scale) as f32);
        let row = &*row;
        later.par_chunks_mut(width).for_each(|later| {
            let part = dot(row, later);
            for (number, along) in later.iter_mut().zip(row) {
                *number = (f64::from(*number) - part * f64::from(*along)) as f32;
            }
        });
    }
}

/// In eight sums that a processor adds up at once.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0_f64; 8];
    let (left, right) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = left.remainder().iter().zip(right.remainder());
    let rest: f64 = rest.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    for (a, b) in left.zip(right) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f64::from(*a) * f64::from(*b);
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::latent::standard_normal;
    use crate::rng::Seed;

    fn products(rows: &[f32], width: usize) -> Vec<f64> {
        let each = || rows.chunks(width);
        each().flat_map(|a| each().map(move |b| dot(a, b))).collect()
    }

    #[test]
    fn rows_become_orthonormal_however_alike_they_were() {
        let (count, width) = (75, 203);
        let mut rows = standard_normal(count * width, Seed(3));
        // All nearly along the first, of very different lengths.
        let first = rows[..width].to_vec();
        for (index, row) in rows.chunks_mut(width).enumerate() {
            let size = 10.0_f32.powi(index as i32 % 7 - 3);
            row.iter_mut().zip(&first).for_each(|(x, first)| *x = size * (*x * 1e-3 + first));
        }
        orthonormalise(&mut rows, width);
        for (index, found) in products(&rows, width).iter().enumerate() {
            let expected = f64::from(u8::from(index % (count + 1) == 0));
            assert!((found - expected).abs() < 1e-5, "{index}: {found}");
        }
    }

    #[test]
    fn rows_that_depend_on_others_become_nothing() {
        let mut rows =
            vec![3.0, 4.0, 0.0, 6.0, 8.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 7.0, 3.0, 1.0];
        orthonormalise(&mut rows, 3);
        let lengths: Vec<f64> = rows.chunks(3).map(|row| dot(row, row)).collect();
        for (found, expected) in lengths.iter().zip([1.0, 0.0, 0.0, 1.0, 1.0]) {
            assert!((found - expected).abs() < 1e-6, "{lengths:?}");
        }
        orthonormalise(&mut [], 0);
    }
}
