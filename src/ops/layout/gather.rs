//! Rows of a table, chosen by number.

use std::sync::Arc;

use super::one_hot::{MAX_INDEX, one_hot};
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::elementwise::nodes::unary;
use crate::ops::function::UnaryKind;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::product::matmul::{Transpose, matmul_transposed};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("layout/gather");

/// Rows of `table` of `[rows, width]` by the whole numbers in `index` of `[n]`, as `[n, width]`.
/// A number that no row has stands for the nearest that one has.
///
/// # Errors
/// When the ranks differ from these, or there are more than 2^24 rows.
pub fn gather(builder: &mut dyn Builder, table: NodeId, index: NodeId) -> Result<NodeId> {
    builder.apply(Arc::new(Gather), &[table, index])
}

/// The operation of [`gather`].
#[derive(Clone, Copy, Debug)]
pub struct Gather;

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        match (&inputs[0][..], &inputs[1][..]) {
            ([1..=MAX_INDEX, width], [n]) if *width > 0 => Ok(Shape::from([*n, *width])),
            _ => Err(Error::shape(self.name(), "needs [rows, width] and [n]", inputs)),
        }
    }

    /// In the table: one_hot(index)^T gradient, a product with a fixed order of summation, which
    /// adding up row by row in parallel would not have.
    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let rows = builder.shape(at.inputs[0])[0];
        let by_table = match at.wanted[0] {
            true => {
                let kind = UnaryKind::Clamp { low: 0.0, high: (rows - 1) as f32 };
                let index = unary(builder, at.inputs[1], kind)?;
                let chosen = one_hot(builder, index, rows)?;
                let transpose = Transpose { a: true, b: false };
                Some(matmul_transposed(builder, chosen, at.gradient, transpose)?)
            }
            false => None,
        };
        Ok(vec![by_table, None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let (rows, width) = (call.shapes.inputs[0][0], call.shapes.inputs[0][1]);
        let (table, index) = (call.inputs[0], call.inputs[1]);
        simd::in_rows(call.output(), width, |first, out| {
            for (out, index) in out.chunks_mut(width).zip(&index[first..]) {
                let row = (*index as usize).min(rows - 1);
                out.copy_from_slice(&table[row * width..][..width]);
            }
        });
    }

    /// Of the table the chosen rows alone are read.
    fn traffic(&self, shapes: &Shapes, outputs: usize) -> usize {
        shapes.inputs[1].elements() + 2 * outputs
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.output.elements();
        let numbers = [count, shapes.inputs[0][0], shapes.inputs[0][1]];
        vec![
            Dispatch::new(
                &KERNEL,
                vec![Binding::Input(0), Binding::Input(1), Binding::Output(0)],
                Dispatch::linear(count, 64),
            )
            .params(numbers.map(|number| number as u32)),
        ]
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
