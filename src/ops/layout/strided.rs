//! Tensors read through strides: neighbouring axes that every operand steps through alike become
//! one, so that most broadcasts are walks over one or two axes.

use crate::arithmetic::simd;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("layout/strided");

/// The most axes left after merging; a uniform of two `vec4<u32>`.
pub const MAX_AXES: usize = 8;

/// A walk over the elements of one shape, with the strides of several operands.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// Sizes of the merged axes, outermost first; at least one.
    pub sizes: Vec<usize>,
    /// One list of strides an operand.
    pub strides: Vec<Vec<usize>>,
}

impl Walk {
    /// Merges the axes of `shape` that all of `strides` agree on.
    pub fn new(shape: &[usize], strides: &[Vec<usize>]) -> Self {
        let mut sizes: Vec<usize> = vec![];
        let mut merged: Vec<Vec<usize>> = vec![vec![]; strides.len()];
        for (axis, size) in shape.iter().copied().enumerate().filter(|(_, size)| *size != 1) {
            let merges = !sizes.is_empty()
                && merged
                    .iter()
                    .zip(strides)
                    .all(|(merged, strides)| merged.last().copied() == Some(strides[axis] * size));
            if merges {
                *sizes.last_mut().expect("checked above") *= size;
            } else {
                sizes.push(size);
            }
            for (merged, strides) in merged.iter_mut().zip(strides) {
                if merges {
                    merged.pop();
                }
                merged.push(strides[axis]);
            }
        }
        if sizes.is_empty() {
            sizes.push(1);
            merged.iter_mut().for_each(|strides| strides.push(0));
        }
        Self { sizes, strides: merged }
    }

    /// The walk over `target`'s elements that reads each of `operands` broadcast to it.
    pub fn broadcast(target: &Shape, operands: &[&Shape]) -> Self {
        let strides: Vec<_> =
            operands.iter().map(|shape| shape.broadcast_strides(target)).collect();
        Self::new(target, &strides)
    }

    /// Calls `row` for each run along the innermost axis, with the index of its first element in
    /// the walk and in each operand; from row number `first` on, `count` rows.
    pub fn rows<const N: usize>(
        &self,
        first: usize,
        count: usize,
        mut row: impl FnMut(usize, [usize; N]),
    ) {
        let outer = self.sizes.len() - 1;
        let mut place = vec![0; outer];
        let mut offsets = [0; N];
        let mut rest = first;
        for axis in (0..outer).rev() {
            place[axis] = rest % self.sizes[axis];
            rest /= self.sizes[axis];
            for (offset, strides) in offsets.iter_mut().zip(&self.strides) {
                *offset += place[axis] * strides[axis];
            }
        }
        for number in first..first + count {
            row(number * self.sizes[outer], offsets);
            for axis in (0..outer).rev() {
                place[axis] += 1;
                for (offset, strides) in offsets.iter_mut().zip(&self.strides) {
                    *offset += strides[axis];
                }
                if place[axis] < self.sizes[axis] {
                    break;
                }
                for (offset, strides) in offsets.iter_mut().zip(&self.strides) {
                    *offset -= self.sizes[axis] * strides[axis];
                }
                place[axis] = 0;
            }
        }
    }

    /// The length of a row and each operand's stride along it.
    pub fn inner<const N: usize>(&self) -> (usize, [usize; N]) {
        let last = self.sizes.len() - 1;
        (self.sizes[last], std::array::from_fn(|operand| self.strides[operand][last]))
    }

    /// Sizes and then each operand's strides, eight words each, innermost axis first: the lists of
    /// `walk.wgsl`.
    pub fn words(&self) -> Vec<u32> {
        let padded = |values: &[usize], fill: u32| {
            let mut words = [fill; MAX_AXES];
            for (word, value) in words.iter_mut().zip(values.iter().rev()) {
                *word = *value as u32;
            }
            words
        };
        let strides = self.strides.iter().flat_map(|strides| padded(strides, 0));
        padded(&self.sizes, 1).into_iter().chain(strides).collect()
    }

    /// Copies what the walk over one operand reads to `output`, element by element.
    pub fn copy(&self, input: &[f32], output: &mut [f32]) {
        let (length, [stride]) = self.inner::<1>();
        simd::in_rows(output, length, |first, out| {
            self.rows::<1>(first, out.len() / length, |start, [at]| {
                let out = &mut out[start - first * length..][..length];
                match stride {
                    0 => out.fill(input[at]),
                    1 => out.copy_from_slice(&input[at..][..length]),
                    _ => out.iter_mut().enumerate().for_each(|(i, out)| {
                        *out = input[at + i * stride];
                    }),
                }
            });
        });
    }

    /// The same on a GPU, from element `base` of input 0 to output 0.
    pub fn dispatch(&self, base: usize) -> Dispatch {
        let count: usize = self.sizes.iter().product();
        let bindings = vec![Binding::Input(0), Binding::Output(0)];
        Dispatch::new(&KERNEL, bindings, Dispatch::linear(count, 64))
            .constant("AXES", self.sizes.len() as u32)
            .params([count as u32, base as u32, 0, 0].into_iter().chain(self.words()))
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_bias_is_a_walk_over_three_axes() {
        let walk = Walk::broadcast(
            &Shape::from([2, 3, 4, 5]),
            &[&Shape::from([2, 3, 4, 5]), &Shape::from([3, 1, 1])],
        );
        assert_eq!(walk.sizes, [2, 3, 20]);
        assert_eq!(walk.strides, [vec![60, 20, 1], vec![0, 1, 0]]);
        let mut seen = vec![];
        walk.rows(1, 4, |start, [a, b]| seen.push((start, a, b)));
        assert_eq!(seen, [(20, 20, 1), (40, 40, 2), (60, 60, 0), (80, 80, 1)]);
    }

    #[test]
    fn equal_shapes_are_one_axis_and_scalars_too() {
        let shape = Shape::from([7, 1, 9]);
        assert_eq!(Walk::broadcast(&shape, &[&shape]).sizes, [63]);
        assert_eq!(Walk::broadcast(&Shape::scalar(), &[&Shape::scalar()]).sizes, [1]);
    }
}
