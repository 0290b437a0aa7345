//! Numbers written into the metrics log.

use crate::error::{Error, Result};
use crate::ops::kernel::{Binding, Dispatch, Kernel, MAX_INPUTS, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("optimiser/record");

/// Writes its one-element inputs into columns `first`, `first + 1`, ... of the log's row for this
/// step.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// The column of the first one.
    pub first: usize,
    /// How many metrics there are.
    pub columns: usize,
}

impl Op for Record {
    fn name(&self) -> &'static str {
        "record"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Err(Error::Graph("the metrics log has no gradient".into()))
    }

    fn cpu(&self, mut call: CpuCall) {
        let place = call.step.row as usize * self.columns + self.first;
        let inputs = call.inputs;
        // One NaN for all, as the kernel has it.
        let number = |input: &&[f32]| if input[0].is_nan() { f32::NAN } else { input[0] };
        let numbers = inputs.iter().take(call.shapes.inputs.len()).map(number);
        call.output()[place..].iter_mut().zip(numbers).for_each(|(to, number)| *to = number);
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.inputs.len();
        // Beyond the last one stands the first.
        let mut bindings: Vec<Binding> = (0..MAX_INPUTS)
            .map(|input| Binding::Input(if input < count { input } else { 0 }))
            .collect();
        bindings.push(Binding::Output(0));
        let numbers = [self.first, self.columns, count].map(|number| number as u32);
        vec![Dispatch::new(&KERNEL, bindings, [1, 1, 1]).params(numbers)]
    }

    fn flops(&self, _shapes: &Shapes) -> u64 {
        0
    }

    /// A row of the log is written, not the whole of it.
    fn traffic(&self, shapes: &Shapes, _outputs: usize) -> usize {
        2 * shapes.inputs.len()
    }
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
