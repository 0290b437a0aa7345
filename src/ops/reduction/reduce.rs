//! Sums, means and maxima over any axes, in a fixed order.

use std::sync::Arc;

use pulp::{Simd, WithSimd};

use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::elementwise::nodes::{affine, div, equal, mul};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::layout::reshape::reshape;
use crate::ops::layout::strided::Walk;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

/// What becomes of the elements that share a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReduceKind {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The greatest; the gradient is shared among equals.
    Max,
}

static EXAMPLE: Kernel = kernel!("reduction/reduce");

/// `x` reduced over `axes`, which keep a size of 1.
///
/// # Errors
/// When `x` has no such axes.
pub fn reduce(
    builder: &mut dyn Builder,
    x: NodeId,
    kind: ReduceKind,
    axes: &[usize],
) -> Result<NodeId> {
    let shape = builder.shape(x).clone();
    if let Some(axis) = axes.iter().find(|axis| **axis >= shape.rank()) {
        return Err(Error::shape("reduce", format!("there is no axis {axis}"), &[&shape]));
    }
    let mut axes: Vec<usize> = axes.iter().copied().filter(|axis| shape[*axis] != 1).collect();
    axes.sort_unstable();
    axes.dedup();
    if axes.is_empty() {
        return Ok(x);
    }
    builder.apply(Arc::new(Reduce { kind, axes }), &[x])
}

/// The sum of all elements, of shape `[]`.
///
/// # Errors
/// Never for a node of the same graph.
pub fn sum_all(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    reduce_all(builder, x, ReduceKind::Sum)
}

/// The mean of all elements, of shape `[]`.
///
/// # Errors
/// Never for a node of the same graph.
pub fn mean_all(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    reduce_all(builder, x, ReduceKind::Mean)
}

fn reduce_all(builder: &mut dyn Builder, x: NodeId, kind: ReduceKind) -> Result<NodeId> {
    let axes: Vec<usize> = (0..builder.shape(x).rank()).collect();
    let reduced = reduce(builder, x, kind, &axes)?;
    reshape(builder, reduced, Shape::scalar())
}

/// The operation of [`reduce`]. Axes are sorted, each of size above 1.
#[derive(Clone, Debug)]
pub struct Reduce {
    /// What becomes of the elements.
    pub kind: ReduceKind,
    /// The axes that shrink to 1.
    pub axes: Vec<usize>,
}

/// A reduction as two walks over the input: over the places of the output, and from each of them
/// over the elements that fall together there.
struct Walks {
    kept: Walk,
    reduced: Walk,
}

impl Walks {
    /// Where they lead, in WGSL.
    fn wgsl(&self) -> String {
        [self.kept.wgsl("kept", 0), self.reduced.wgsl("reduced", 0)].join("\n")
    }
}

/// The same over parts, of which there are as many as the kernel is told.
const JOIN: &str = "\
fn kept(i: u32) -> u32 {
    return i * params.count;
}

fn reduced(i: u32) -> u32 {
    return i;
}
";

impl Reduce {
    fn walks(&self, input: &Shape) -> Walks {
        let strides = input.strides();
        let select = |wanted: bool| {
            let axes: Vec<usize> =
                (0..input.rank()).filter(|axis| self.axes.contains(axis) == wanted).collect();
            let sizes: Vec<usize> = axes.iter().map(|axis| input[*axis]).collect();
            let strides: Vec<usize> = axes.iter().map(|axis| strides[*axis]).collect();
            Walk::new(&sizes, &[strides])
        };
        Walks { kept: select(false), reduced: select(true) }
    }

    fn count(&self, input: &Shape) -> usize {
        self.axes.iter().map(|axis| input[*axis]).product()
    }

    /// What the sum of all elements is multiplied by, where it is their sum or mean.
    pub(crate) fn factor_of_all(&self, input: &Shape) -> Option<f32> {
        let is_sum = self.kind != ReduceKind::Max;
        (is_sum && self.count(input) == input.elements()).then(|| self.scale(input))
    }

    fn scale(&self, input: &Shape) -> f32 {
        if self.kind == ReduceKind::Mean { 1.0 / self.count(input) as f32 } else { 1.0 }
    }

    /// Into how many parts the elements of one output are cut: one where the outputs alone fill the
    /// adapter, else enough to fill it. A second pass joins the parts in order.
    fn parts(&self, shapes: &Shapes) -> usize {
        let (outputs, count) = (shapes.output.elements(), self.count(&shapes.inputs[0]));
        if count <= 4096 { 1 } else { (count / 2048).min(512_usize.div_ceil(outputs)).max(1) }
    }
}

impl Op for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            ReduceKind::Sum => "sum",
            ReduceKind::Mean => "mean",
            ReduceKind::Max => "max",
        }
    }

    fn halves(&self) -> Halves {
        Halves::Inputs
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let mut shape = inputs[0].to_vec();
        self.axes.iter().for_each(|axis| shape[*axis] = 1);
        Ok(Shape::new(shape))
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let shape = builder.shape(at.inputs[0]).clone();
        // Left at the output's shape: consumers broadcast it where they need it.
        let gradient = match self.kind {
            ReduceKind::Sum => at.gradient,
            ReduceKind::Mean => affine(builder, at.gradient, self.scale(&shape), 0.0)?,
            ReduceKind::Max => {
                let winners = equal(builder, at.inputs[0], at.output)?;
                let count = reduce(builder, winners, ReduceKind::Sum, &self.axes)?;
                let share = div(builder, at.gradient, count)?;
                mul(builder, winners, share)?
            }
        };
        Ok(vec![Some(gradient)])
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        shapes.inputs[0].elements() as u64
    }

    fn cpu(&self, mut call: CpuCall) {
        let input = call.inputs[0];
        let walks = self.walks(&call.shapes.inputs[0]);
        let scale = self.scale(&call.shapes.inputs[0]);
        let count = self.count(&call.shapes.inputs[0]);
        let start = if self.kind == ReduceKind::Max { f32::NEG_INFINITY } else { 0.0 };
        let out = call.output();
        let (kept_inner, [kept_stride]) = walks.kept.inner::<1>();
        let (inner, [inner_stride]) = walks.reduced.inner::<1>();
        // Where neighbours of the output are neighbours of the input, whole rows are added up.
        if kept_stride == 1 && kept_inner > 1 && inner_stride != 1 {
            walks.kept.rows::<1>(0, out.len() / kept_inner, |first, [base]| {
                let row = &mut out[first..][..kept_inner];
                sum_rows(self.kind, row, input, base, &walks.reduced);
                row.iter_mut().for_each(|value| *value *= scale);
            });
            return;
        }
        let places = |index: usize| -> usize {
            let mut at = 0;
            let row = index / kept_inner;
            walks.kept.rows::<1>(row, 1, |_, [base]| at = base);
            at + index % kept_inner * kept_stride
        };
        let reduce_one = |index: usize| {
            let base = places(index);
            let mut total = f64::from(start);
            walks.reduced.rows::<1>(0, count / inner, |_, [at]| {
                let part = match inner_stride {
                    1 => reduce_slice(self.kind, &input[base + at..][..inner]),
                    step => {
                        let values = (0..inner).map(|i| input[base + at + i * step]);
                        values.fold(start, |a, b| combine(self.kind, a, b))
                    }
                };
                total = match self.kind {
                    ReduceKind::Max => total.max(f64::from(part)),
                    _ => total + f64::from(part),
                };
            });
            total as f32 * scale
        };
        // Threads are worth it by what is read, not by what is written.
        if count * out.len() > 1 << 16 && out.len() > 1 {
            use rayon::prelude::*;
            out.par_iter_mut()
                .enumerate()
                .with_min_len((1 << 15) / count + 1)
                .for_each(|(index, value)| *value = reduce_one(index));
        } else {
            out.iter_mut().enumerate().for_each(|(index, value)| *value = reduce_one(index));
        }
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let input = &shapes.inputs[0];
        let walks = self.walks(input);
        let (outputs, count) = (shapes.output.elements(), self.count(input));
        let parts = self.parts(shapes);
        let scale = self.scale(input);
        let first = Pass { kind: self.kind, outputs, parts, count, scale };
        let kernel = EXAMPLE.with_lines(&walks.wgsl());
        if parts == 1 {
            return vec![first.dispatch(Binding::Input(0), Binding::Output(0), &kernel)];
        }
        let second = Pass { parts: 1, count: parts, ..first };
        let join = EXAMPLE.with_lines(JOIN);
        vec![
            Pass { scale: 1.0, ..first }.dispatch(Binding::Input(0), Binding::Scratch, &kernel),
            second.dispatch(Binding::Scratch, Binding::Output(0), &join),
        ]
    }

    fn gpu_scratch(&self, shapes: &Shapes, _target: &GpuTarget) -> usize {
        match self.parts(shapes) {
            1 => 0,
            parts => parts * shapes.output.elements(),
        }
    }
}

/// One run of the kernel: `parts` results for each of `outputs` places, from `count` elements each.
#[derive(Clone, Copy)]
struct Pass {
    kind: ReduceKind,
    outputs: usize,
    parts: usize,
    count: usize,
    scale: f32,
}

impl Pass {
    fn dispatch(self, from: Binding, to: Binding, kernel: &Kernel) -> Dispatch {
        // Short sums are one invocation's work; long ones are shared by a workgroup.
        let alone = self.parts == 1 && self.count < 64;
        let [rows, planes, _] = Dispatch::linear(self.outputs, 1);
        let workgroups = match alone {
            true => Dispatch::linear(self.outputs, 64),
            false => [self.parts as u32, rows, planes],
        };
        let numbers = [self.outputs, self.count, self.count.div_ceil(self.parts)];
        let numbers = numbers.map(|number| number as u32);
        Dispatch::new(kernel, vec![from, to], workgroups)
            .entry(if alone { "alone" } else { "together" })
            .constant("MAX", u32::from(self.kind == ReduceKind::Max))
            .params(numbers.into_iter().chain([self.scale.to_bits()]))
    }
}

#[inline(always)]
fn combine(kind: ReduceKind, a: f32, b: f32) -> f32 {
    match kind {
        ReduceKind::Max => {
            if b > a {
                b
            } else {
                a
            }
        }
        _ => a + b,
    }
}

/// A slice reduced in interleaved parts, which vectorises.
pub(crate) fn reduce_slice(kind: ReduceKind, values: &[f32]) -> f32 {
    match kind {
        ReduceKind::Max => greatest(values),
        _ => {
            let mut sum = [0.0];
            add_row_sums(values, values.len().max(1), &mut sum);
            sum[0]
        }
    }
}

fn greatest(values: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    simd::vectorised!(for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = combine(ReduceKind::Max, *lane, *value);
        }
    });
    let ends = lanes.iter().chain(rest).copied();
    ends.fold(f32::NEG_INFINITY, |a, b| combine(ReduceKind::Max, a, b))
}

/// Adds the sum of each row of `length` values to its place in `sums`, over and over.
pub(crate) fn add_row_sums(values: &[f32], length: usize, sums: &mut [f32]) {
    for values in values.chunks_exact(sums.len() * length) {
        pulp::Arch::new().dispatch(RowSums { values, length, sums: &mut *sums });
    }
}

struct RowSums<'a> {
    values: &'a [f32],
    length: usize,
    sums: &'a mut [f32],
}

impl WithSimd for RowSums<'_> {
    type Output = ();

    /// In four vectors at a time, so that no addition waits for the one before it.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (row, sum) in self.values.chunks_exact(self.length).zip(self.sums) {
            let (vectors, rest) = S::as_simd_f32s(row);
            let (fours, last) = vectors.as_chunks::<4>();
            let mut parts = [simd.splat_f32s(0.0); 4];
            for four in fours {
                for (part, vector) in parts.iter_mut().zip(four) {
                    *part = simd.add_f32s(*part, *vector);
                }
            }
            for (part, vector) in parts.iter_mut().zip(last) {
                *part = simd.add_f32s(*part, *vector);
            }
            let [a, b, c, d] = parts;
            let all = simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d));
            *sum += simd.reduce_sum_f32s(all) + rest.iter().sum::<f32>();
        }
    }
}

/// Reduces whole rows of `input` into `row`: from `base`, one row a place of `reduced`.
fn sum_rows(kind: ReduceKind, row: &mut [f32], input: &[f32], base: usize, reduced: &Walk) {
    row.fill(if kind == ReduceKind::Max { f32::NEG_INFINITY } else { 0.0 });
    let (inner, [stride]) = reduced.inner::<1>();
    let outer = reduced.sizes.iter().product::<usize>() / inner;
    reduced.rows::<1>(0, outer, |_, [at]| {
        for i in 0..inner {
            let from = &input[base + at + i * stride..][..row.len()];
            simd::vectorised!(for (value, from) in row.iter_mut().zip(from) {
                *value = combine(kind, *value, *from);
            });
        }
    });
}

pub(crate) fn kernel() -> &'static Kernel {
    &EXAMPLE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::written::assert_example;

    #[test]
    fn the_example_of_the_file_is_written_of_its_walks() {
        let sums = |batch: usize| {
            let reduce = Reduce { kind: ReduceKind::Sum, axes: vec![0, 2, 3] };
            reduce.walks(&Shape::from([batch, 3, 4, 5])).wgsl()
        };
        assert_example(&EXAMPLE, &sums(2));
        assert_eq!(sums(2), sums(7), "batches of every size share a kernel");
        EXAMPLE.with_lines(JOIN).parse().unwrap();
    }
}
