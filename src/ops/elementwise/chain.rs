//! Elementwise operations that follow each other, in one pass over memory. Only fusion makes these.

use crate::arithmetic::simd;
use crate::arithmetic::workspace::with_workspace;
use crate::error::{Error, Result};
use crate::ops::function::Pointwise;
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, MAX_INPUTS, MAX_OUTPUTS, kernel};
use crate::ops::loss::gaussian_kl::divergence;
use crate::ops::metric::MetricColumn;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::reduction::reduce::{ReduceKind, reduce_slice};
use crate::ops::step::StepScalars;
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

/// The example of the file; [`Chain::kernel`] makes those that run.
static EXAMPLE: Kernel = kernel!("elementwise/chain");

/// The storage buffers that WebGPU guarantees a kernel.
const MAX_BUFFERS: usize = 8;

impl Pointwise {
    /// `out[i] = f(x[i], y[i])`.
    fn apply(self, out: &mut [f32], x: &[f32], y: &[f32], step: &StepScalars) {
        match self {
            Self::Unary(kind) => kind.apply(out, x),
            Self::Binary(kind) => kind.apply(out, x, y),
            Self::Activation(activation) => {
                out.copy_from_slice(x);
                activation.apply(out);
            }
            Self::ActivationGradient(activation) => {
                out.copy_from_slice(x);
                activation.apply_gradient(out, y);
            }
            Self::GaussianKl => simd::vectorised!({
                let pairs = x.iter().zip(y);
                out.iter_mut().zip(pairs).for_each(|(out, (m, v))| *out = divergence(*m, *v));
            }),
            Self::StepWeight => out.fill(step.weight),
            Self::Copy => out.copy_from_slice(x),
        }
    }
}

/// One operation of a chain. Registers are numbered: first the inputs, then the results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instruction {
    /// What is done.
    pub function: Pointwise,
    /// The registers it reads; the second one is of no matter to functions of one number.
    pub operands: [usize; 2],
}

/// The sum of one register over all elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Total {
    /// The register.
    pub register: usize,
    /// What the sum is multiplied by.
    pub scale: f32,
}

/// One of the outputs that is a metric: it goes into the metrics log, too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recorded {
    /// The number of the output.
    pub output: usize,
    /// Where it goes.
    pub column: MetricColumn,
}

/// Operations on each element of inputs that have `shape`'s number of elements or one. Its outputs:
/// the registers of `tensors`, then the total, then the metrics log where one of these is recorded. How
/// many there may be is what [`Chain::fits`] says.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The shape of what is computed for each element.
    pub shape: Shape,
    /// In the order of their registers.
    pub instructions: Vec<Instruction>,
    /// Registers whose elements are kept.
    pub tensors: Vec<usize>,
    /// A sum.
    pub total: Option<Total>,
    /// What is written into the metrics log.
    pub recorded: Option<Recorded>,
}

/// Elements of one instruction's result that are computed at a time, so that all stay in the
/// first-level cache.
const BLOCK: usize = 256;
/// Elements whose sum is one part of the total, whatever the number of threads.
const PIECE: usize = 1 << 14;
/// Elements below which a second thread is not worth it.
const THREAD_GRAIN: usize = 1 << 15;

/// A chain with the numbers it reads.
struct Run<'a> {
    chain: &'a Chain,
    inputs: &'a [&'a [f32]],
    step: &'a StepScalars,
}

impl Run<'_> {
    /// Computes the elements from `start` on, as many as `length`; the sum, unscaled.
    fn piece(&self, start: usize, length: usize, mut tensors: [&mut [f32]; MAX_OUTPUTS]) -> f32 {
        let blocks = self.chain.instructions.len() + self.inputs.len();
        with_workspace(blocks * BLOCK, |memory| {
            let (blocks, _) = memory.as_chunks_mut::<BLOCK>();
            let (results, spread) = blocks.split_at_mut(self.chain.instructions.len());
            for (spread, input) in spread.iter_mut().zip(self.inputs) {
                spread.fill(input[0]);
            }
            let mut sum = 0.0_f64;
            for begin in (0..length).step_by(BLOCK) {
                let block = begin..length.min(begin + BLOCK);
                self.block(start + begin, block.len(), results, spread);
                let register =
                    |number| self.register(number, start + begin, block.len(), results, spread);
                for (tensor, number) in tensors.iter_mut().zip(&self.chain.tensors) {
                    tensor[block.clone()].copy_from_slice(register(*number));
                }
                if let Some(total) = self.chain.total {
                    let values = register(total.register);
                    sum += f64::from(reduce_slice(ReduceKind::Sum, values));
                }
            }
            sum as f32
        })
    }

    fn block(
        &self,
        at: usize,
        length: usize,
        results: &mut [[f32; BLOCK]],
        spread: &[[f32; BLOCK]],
    ) {
        for (number, instruction) in self.chain.instructions.iter().enumerate() {
            let (done, rest) = results.split_at_mut(number);
            let [x, y] = instruction
                .operands
                .map(|operand| self.register(operand, at, length, done, spread));
            instruction.function.apply(&mut rest[0][..length], x, y, self.step);
        }
    }

    /// A register's elements from `at` on; none of a result that is not computed yet, for which only the
    /// step's weight asks, as it reads nothing.
    fn register<'b>(
        &'b self,
        number: usize,
        at: usize,
        length: usize,
        results: &'b [[f32; BLOCK]],
        spread: &'b [[f32; BLOCK]],
    ) -> &'b [f32] {
        match number.checked_sub(self.inputs.len()) {
            Some(result) => results.get(result).map_or(&[], |values| &values[..length]),
            None if self.inputs[number].len() == 1 => &spread[number][..length],
            None => &self.inputs[number][at..][..length],
        }
    }
}

impl Chain {
    fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// Vec4s an invocation and workgroups of the pass over all elements. Sums take several elements
    /// each, and one workgroup where it ends soon.
    fn grain(&self) -> [usize; 2] {
        const MOST_EACH: usize = 16;
        let per_invocation = self.elements().div_ceil(4).div_ceil(64);
        let each = match self.total {
            None => 1,
            Some(_) if per_invocation <= MOST_EACH => per_invocation.max(1),
            Some(_) => 8,
        };
        [each, per_invocation.div_ceil(each).max(1)]
    }

    /// Whether one kernel can bind all it keeps and this many inputs.
    pub fn fits(&self, inputs: usize) -> bool {
        let single = [self.total.is_some(), self.recorded.is_some()];
        let outputs = self.tensors.len() + single.map(usize::from).iter().sum::<usize>();
        inputs <= MAX_INPUTS && outputs <= MAX_OUTPUTS && inputs + outputs <= MAX_BUFFERS
    }

    /// The sum of all elements of an input, by itself.
    pub fn sum(elements: usize, scale: f32) -> Self {
        Self {
            shape: [elements].into(),
            instructions: vec![],
            tensors: vec![],
            total: Some(Total { register: 0, scale }),
            recorded: None,
        }
    }

    /// The chain on so many inputs with one of its outputs recorded, if the kernel can bind the log, too, and
    /// the output is the total or, where there is none, one number.
    pub fn recording(&self, output: usize, column: MetricColumn, inputs: usize) -> Option<Self> {
        let is_number = match self.total {
            Some(_) => output == self.tensors.len(),
            None => self.elements() == 1,
        };
        let recorded = Some(Recorded { output, column });
        let chain = Self { recorded, ..self.clone() };
        (self.recorded.is_none() && is_number && chain.fits(inputs)).then_some(chain)
    }

    /// The metrics log, where it is an output.
    fn log(&self) -> Option<Binding> {
        let before = self.tensors.len() + usize::from(self.total.is_some());
        self.recorded.map(|_| Binding::Output(before))
    }

    /// The words of `struct Params`, as [`Chain::kernel`] declares it.
    fn params(&self, inputs: usize, groups: usize) -> Vec<u32> {
        let mut params = vec![self.elements() as u32];
        if let Some(total) = self.total {
            params.extend([groups as u32, total.scale.to_bits()]);
        }
        params.extend(self.constants(inputs).into_iter().map(|(_, value)| value.to_bits()));
        let column = self.recorded.map(|recorded| recorded.column);
        params.extend(column.into_iter().flat_map(|it| [it.number as u32, it.of as u32]));
        params
    }
}

impl Op for Chain {
    fn name(&self) -> &'static str {
        "chain"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, _inputs: &[&Shape]) -> Result<Shape> {
        Ok(if self.tensors.is_empty() { Shape::scalar() } else { self.shape.clone() })
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Err(Error::Graph("differentiate before fusing".into()))
    }

    fn cpu(&self, call: CpuCall) {
        let inputs = &call.inputs[..call.shapes.inputs.len()];
        let run = Run { chain: self, inputs, step: call.step };
        let mut outputs = call.outputs;
        let mut tensors: [&mut [f32]; MAX_OUTPUTS] = Default::default();
        let kept = outputs.iter_mut().take(self.tensors.len());
        tensors.iter_mut().zip(kept).for_each(|(tensor, output)| *tensor = &mut **output);
        let sum = with_workspace(self.elements().div_ceil(PIECE), |sums| {
            run_pieces(&run, 0, tensors, sums);
            sums.iter().map(|sum| f64::from(*sum)).sum::<f64>()
        });
        if let Some(total) = self.total {
            outputs[self.tensors.len()][0] = sum as f32 * total.scale;
        }
        if let (Some(recorded), Some(Binding::Output(log))) = (self.recorded, self.log()) {
            let number = outputs[recorded.output][0];
            recorded.column.write(outputs[log], call.step, number);
        }
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let inputs = shapes.inputs.len();
        let [each, groups] = self.grain();
        let kernel = self.kernel(&shapes.inputs);
        let params = self.params(inputs, groups);
        let mut bindings: Vec<Binding> = (0..inputs).map(Binding::Input).collect();
        bindings.extend((0..self.tensors.len()).map(Binding::Output));
        let pass = |bindings| Dispatch::new(&kernel, bindings, Dispatch::linear(groups, 1));
        let log = self.log();
        if self.total.is_none() {
            bindings.extend(log);
            return vec![pass(bindings).entry("tensors").params(params)];
        }
        let total = Binding::Output(self.tensors.len());
        let [sum, join] = match log {
            Some(_) => ["sum_recorded", "join_recorded"],
            None => ["sum", "join"],
        };
        if groups == 1 {
            bindings.push(total);
            bindings.extend(log);
            let sum = pass(bindings).entry(sum).constant("EACH", each as u32);
            return vec![sum.params(params)];
        }
        bindings.push(Binding::Scratch);
        let parts =
            pass(bindings).entry("sum").constant("EACH", each as u32).params(params.clone());
        let bindings = [Binding::Scratch, total].into_iter().chain(log).collect();
        let join = Dispatch::new(&kernel, bindings, [1, 1, 1]).entry(join);
        vec![parts, join.params(params)]
    }

    fn gpu_scratch(&self, _shapes: &Shapes, _target: &GpuTarget) -> usize {
        let [_, groups] = self.grain();
        if self.total.is_some() && groups > 1 { groups } else { 0 }
    }

    /// A row of the log is written, not the whole of it.
    fn traffic(&self, shapes: &Shapes, _outputs: usize) -> usize {
        let numbers = [self.total.is_some(), self.recorded.is_some()].map(usize::from);
        let read = shapes.inputs.iter().map(Shape::elements).sum::<usize>();
        read + self.tensors.len() * self.elements() + numbers.iter().sum::<usize>()
    }

    fn flops(&self, _shapes: &Shapes) -> u64 {
        let sums = usize::from(self.total.is_some());
        (self.elements() * (self.instructions.len() + sums)) as u64
    }
}

/// Runs the pieces from element `start` on, one for each of `sums`, in threads where there are many.
fn run_pieces(run: &Run, start: usize, tensors: [&mut [f32]; MAX_OUTPUTS], sums: &mut [f32]) {
    let elements = run.chain.elements();
    match sums {
        [] => return,
        [sum] => return *sum = run.piece(start, PIECE.min(elements - start), tensors),
        _ => {}
    }
    let pieces = sums.len() / 2;
    let (first_sums, second_sums) = sums.split_at_mut(pieces);
    let [mut first, mut second]: [[&mut [f32]; MAX_OUTPUTS]; 2] = Default::default();
    for ((first, second), tensor) in first.iter_mut().zip(&mut second).zip(tensors) {
        let middle = tensor.len().min(pieces * PIECE);
        (*first, *second) = tensor.split_at_mut(middle);
    }
    let middle = start + pieces * PIECE;
    let first = || run_pieces(run, start, first, first_sums);
    let second = || run_pieces(run, middle, second, second_sums);
    if elements < THREAD_GRAIN {
        first();
        second();
    } else {
        rayon::join(first, second);
    }
}

pub(crate) fn example() -> &'static Kernel {
    &EXAMPLE
}
