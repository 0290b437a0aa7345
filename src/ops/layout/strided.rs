//! Tensors read through strides: neighbouring axes that every operand steps through alike become
//! one, so that most broadcasts are walks over one or two axes.

use crate::arithmetic::simd;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::shape::Shape;

static EXAMPLE: Kernel = kernel!("layout/strided");

/// The most axes left after merging.
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

    /// A function in WGSL that gives an operand's offset at element `i` of the walk. The outermost size,
    /// which is the batch's more often than not, is no part of it.
    pub(crate) fn wgsl(&self, name: &str, operand: usize) -> String {
        // By itself, an operand may merge more axes than it does beside others.
        let own = Self::new(&self.sizes, &[self.strides[operand].clone()]);
        let mut terms = vec![];
        let mut within = 1;
        let axes = own.sizes.iter().zip(&own.strides[0]).enumerate().rev();
        for (axis, (size, stride)) in axes {
            let mut term = String::from("i");
            if within > 1 {
                term += &format!(" / {within}u");
            }
            if axis > 0 {
                term += &format!(" % {size}u");
            }
            if *stride > 1 {
                term += &format!(" * {stride}u");
            }
            if *stride > 0 {
                terms.push(term);
            }
            within *= size;
        }
        let sum = if terms.is_empty() { "0u".to_owned() } else { terms.join(" + ") };
        format!("fn {name}(i: u32) -> u32 {{\n    return {sum};\n}}\n")
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
        let kernel = EXAMPLE.with_lines(&self.wgsl("offset", 0));
        Dispatch::new(&kernel, bindings, Dispatch::linear(count, 64))
            .params([count as u32, base as u32])
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &EXAMPLE
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
    fn the_example_of_the_file_is_written_of_its_walk() {
        // [2, 5, 6] to [2, 3, 5], each second column of three.
        let walk = Walk { sizes: vec![2, 3, 5], strides: vec![vec![30, 1, 6]] };
        crate::ops::written::assert_example(&EXAMPLE, &walk.wgsl("offset", 0));
    }

    #[test]
    fn offsets_in_wgsl_name_no_more_than_there_is() {
        let offset = |shape: &[usize], operand: &[usize]| {
            let target = Shape::from(shape.to_vec());
            let walk = Walk::broadcast(&target, &[&target, &Shape::from(operand.to_vec())]);
            let text = walk.wgsl("f", 1);
            text.lines().nth(1).unwrap().trim().to_owned()
        };
        assert_eq!(offset(&[4, 7], &[4, 7]), "return i;");
        assert_eq!(offset(&[4, 7], &[1, 7]), "return i % 7u;");
        assert_eq!(offset(&[4, 7], &[4, 1]), "return i / 7u;");
        assert_eq!(offset(&[4, 7], &[]), "return 0u;");
        // A bias of channels, in a batch of any size.
        assert_eq!(offset(&[4, 3, 7, 5], &[3, 1, 1]), "return i / 35u % 3u;");
        assert_eq!(offset(&[9, 3, 7, 5], &[3, 1, 1]), "return i / 35u % 3u;");
    }

    #[test]
    fn equal_shapes_are_one_axis_and_scalars_too() {
        let shape = Shape::from([7, 1, 9]);
        assert_eq!(Walk::broadcast(&shape, &[&shape]).sizes, [63]);
        assert_eq!(Walk::broadcast(&Shape::scalar(), &[&Shape::scalar()]).sizes, [1]);
    }
}
