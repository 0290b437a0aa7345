//! One number written into the metrics log.

use super::*;
use crate::kernel;

static KERNEL: Kernel = kernel!("record", "step");

/// Writes its one-element input into column `column` of the log's row for this step.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Which metric.
    pub column: usize,
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
        let place = call.step.row as usize * self.columns + self.column;
        let value = call.inputs[0][0];
        call.output()[place] = value;
    }

    fn gpu(&self, _shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        vec![
            Dispatch::new(&KERNEL, vec![Binding::Input(0), Binding::Output(0)], [1, 1, 1])
                .params([self.column as u32, self.columns as u32]),
        ]
    }

    fn flops(&self, _shapes: &Shapes) -> u64 {
        0
    }
}

pub(super) fn kernel() -> &'static Kernel {
    &KERNEL
}
