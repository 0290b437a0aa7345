//! Numbers written into the metrics log.

use crate::error::{Error, Result};
use crate::ops::kernel::{Binding, Dispatch, Kernel, MAX_INPUTS, kernel};
use crate::ops::metric::MetricColumn;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("optimiser/record");

/// Writes its one-element inputs into the log's row for this step: those that no
/// [`Chain`](crate::ops::Chain) writes while it computes them.
#[derive(Clone, Debug)]
pub struct Record {
    /// The column of each input.
    pub columns: Vec<MetricColumn>,
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

    fn cpu(&self, call: CpuCall) {
        let [log, ..] = call.outputs;
        for (column, input) in self.columns.iter().zip(call.inputs) {
            column.write(log, call.step, input[0]);
        }
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let count = shapes.inputs.len();
        // Beyond the last one stands the first.
        let mut bindings: Vec<Binding> = (0..MAX_INPUTS)
            .map(|input| Binding::Input(if input < count { input } else { 0 }))
            .collect();
        bindings.push(Binding::Output(0));
        let of = self.columns.first().map_or(0, |column| column.of);
        let mut params = vec![of as u32, count as u32, 0, 0];
        params.extend(self.columns.iter().map(|column| column.number as u32));
        params.resize(12, 0);
        vec![Dispatch::new(&KERNEL, bindings, [1, 1, 1]).params(params)]
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
