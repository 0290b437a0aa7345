//! Elementwise operations that follow each other, in one pass over memory. Only fusion makes these.

use super::gaussian_kl::divergence;
use super::reduce::reduce_slice;
use super::*;
use crate::kernel;
use crate::simd;
use crate::workspace::with_workspace;

static KERNEL: Kernel = kernel!("chain");

/// The most operations of a chain.
pub const MAX_CHAINED: usize = 16;
/// The most tensors that a chain reads.
pub const MAX_CHAIN_INPUTS: usize = 5;
/// The most tensors of which a chain keeps all elements.
pub const MAX_CHAIN_TENSORS: usize = 2;

/// What an operation does to each element of its inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pointwise {
    /// A function of one number.
    Unary(UnaryKind),
    /// A function of two numbers.
    Binary(BinaryKind),
    /// An activation.
    Activation(Activation),
    /// A gradient, times an activation's derivative at a second number.
    ActivationGradient(Activation),
    /// The divergence of a normal distribution of this mean and log-variance.
    GaussianKl,
    /// The weight of this step's schedule; no inputs.
    StepWeight,
    /// The number itself.
    Copy,
}

impl Pointwise {
    /// The number by which `shaders/chain.wgsl` knows it.
    fn code(self) -> u32 {
        match self {
            Self::Unary(kind) => kind.code(),
            Self::Binary(kind) => 16 + kind as u32,
            Self::Activation(activation) => 32 + activation.code(),
            Self::ActivationGradient(activation) => 40 + activation.code(),
            Self::GaussianKl => 48,
            Self::StepWeight => 49,
            Self::Copy => 50,
        }
    }

    fn constants(self) -> [f32; 2] {
        match self {
            Self::Unary(kind) => kind.constants(),
            Self::Activation(activation) | Self::ActivationGradient(activation) => {
                [activation.slope(), 0.0]
            }
            _ => [0.0; 2],
        }
    }

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

/// Operations on each element of up to [`MAX_CHAIN_INPUTS`] inputs that have `shape`'s number of
/// elements or one. Its outputs: the registers of `tensors`, then the total.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The shape of what is computed for each element.
    pub shape: Shape,
    /// At most [`MAX_CHAINED`].
    pub instructions: Vec<Instruction>,
    /// Registers whose elements are kept; two at most.
    pub tensors: Vec<usize>,
    /// A sum.
    pub total: Option<Total>,
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
    fn piece(&self, start: usize, length: usize, tensors: [&mut [f32]; 2]) -> f32 {
        let mut results = [[0.0; BLOCK]; MAX_CHAINED];
        let mut spread = [[0.0; BLOCK]; MAX_CHAIN_INPUTS];
        for (spread, input) in spread.iter_mut().zip(self.inputs) {
            spread.fill(input[0]);
        }
        let [first, second] = tensors;
        let mut sum = 0.0_f64;
        for begin in (0..length).step_by(BLOCK) {
            let block = begin..length.min(begin + BLOCK);
            self.block(start + begin, block.len(), &mut results, &spread);
            let register =
                |number| self.register(number, start + begin, block.len(), &results, &spread);
            let kept = self.chain.tensors.iter().map(|number| register(*number));
            for (tensor, values) in [&mut *first, &mut *second].into_iter().zip(kept) {
                tensor[block.clone()].copy_from_slice(values);
            }
            if let Some(total) = self.chain.total {
                sum += f64::from(reduce_slice(ReduceKind::Sum, register(total.register)));
            }
        }
        sum as f32
    }

    fn block(
        &self,
        at: usize,
        length: usize,
        results: &mut [[f32; BLOCK]; MAX_CHAINED],
        spread: &[[f32; BLOCK]; MAX_CHAIN_INPUTS],
    ) {
        for (number, instruction) in self.chain.instructions.iter().enumerate() {
            let (done, rest) = results.split_at_mut(number);
            let [x, y] = instruction
                .operands
                .map(|operand| self.register(operand, at, length, done, spread));
            instruction.function.apply(&mut rest[0][..length], x, y, self.step);
        }
    }

    /// A register's elements from `at` on.
    fn register<'b>(
        &'b self,
        number: usize,
        at: usize,
        length: usize,
        results: &'b [[f32; BLOCK]],
        spread: &'b [[f32; BLOCK]],
    ) -> &'b [f32] {
        match number.checked_sub(self.inputs.len()) {
            Some(result) => &results[result][..length],
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

    /// The entry point for what is kept.
    fn entry(&self) -> &'static str {
        match (self.tensors.len(), self.total) {
            (0, _) => "sum",
            (1, None) => "tensor",
            (1, Some(_)) => "tensor_and_sum",
            (_, None) => "two_tensors",
            (_, Some(_)) => "two_tensors_and_sum",
        }
    }

    /// A register's number in the kernel, where results come after all inputs there may be.
    fn kernel_register(&self, number: usize, inputs: usize) -> u32 {
        let gap = if number < inputs { 0 } else { MAX_CHAIN_INPUTS - inputs };
        (number + gap) as u32
    }

    fn params(&self, groups: usize) -> Vec<u32> {
        let scale = self.total.map_or(1.0, |total| total.scale);
        let mut params = vec![self.elements() as u32, groups as u32, scale.to_bits(), 0];
        for number in 0..MAX_CHAINED {
            let instruction = self.instructions.get(number);
            let constants = instruction.map_or([0.0; 2], |i| i.function.constants());
            params.extend([constants[0].to_bits(), constants[1].to_bits(), 0, 0]);
        }
        params
    }

    fn main_pass(&self, shapes: &Shapes, total: Binding) -> Dispatch {
        const FUNCTIONS: [&str; MAX_CHAINED] = [
            "F_0", "F_1", "F_2", "F_3", "F_4", "F_5", "F_6", "F_7", "F_8", "F_9", "F_10", "F_11",
            "F_12", "F_13", "F_14", "F_15",
        ];
        const FIRST: [&str; MAX_CHAINED] = [
            "X_0", "X_1", "X_2", "X_3", "X_4", "X_5", "X_6", "X_7", "X_8", "X_9", "X_10", "X_11",
            "X_12", "X_13", "X_14", "X_15",
        ];
        const SECOND: [&str; MAX_CHAINED] = [
            "Y_0", "Y_1", "Y_2", "Y_3", "Y_4", "Y_5", "Y_6", "Y_7", "Y_8", "Y_9", "Y_10", "Y_11",
            "Y_12", "Y_13", "Y_14", "Y_15",
        ];
        let inputs = shapes.inputs.len();
        // Inputs and outputs that are not there have stand-ins, which nothing uses.
        let mut bindings: Vec<Binding> = (0..MAX_CHAIN_INPUTS)
            .map(|input| Binding::Input(if input < inputs { input } else { 0 }))
            .collect();
        bindings.extend([Binding::Output(0), Binding::Output(1), total]);
        let one = |shape: &Shape| shape.elements() == 1;
        let ones = shapes.inputs.iter().enumerate().filter(|(_, shape)| one(shape));
        let ones = ones.fold(0, |ones, (input, _)| ones | 1 << input);
        let register = |number: usize| self.kernel_register(number, inputs);
        let [each, groups] = self.grain();
        let mut dispatch = Dispatch::new(&KERNEL, bindings, Dispatch::linear(groups, 1))
            .entry(self.entry())
            .constant("ONES", ones)
            .constant("COUNT", self.instructions.len() as u32)
            .constant("EACH", each as u32)
            .params(self.params(groups));
        for (name, number) in ["KEEP_0", "KEEP_1"].into_iter().zip(&self.tensors) {
            dispatch = dispatch.constant(name, register(*number));
        }
        if let Some(total) = self.total {
            dispatch = dispatch.constant("SUMMED", register(total.register));
        }
        for (number, instruction) in self.instructions.iter().enumerate() {
            let [x, y] = instruction.operands.map(register);
            dispatch = dispatch
                .constant(FUNCTIONS[number], instruction.function.code())
                .constant(FIRST[number], x)
                .constant(SECOND[number], y);
        }
        dispatch
    }
}

impl Op for Chain {
    fn name(&self) -> &'static str {
        "chain"
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
        let elements = self.elements();
        let [first, second, third] = call.outputs;
        let (first, second, total) = match self.tensors.len() {
            0 => (&mut [][..], &mut [][..], first),
            1 => (first, &mut [][..], second),
            _ => (first, second, third),
        };
        let pieces = elements.div_ceil(PIECE);
        with_workspace(pieces, |sums| {
            run_pieces(&run, elements, [first, second], sums);
            if let Some(Total { scale, .. }) = self.total {
                let sum: f64 = sums.iter().map(|sum| f64::from(*sum)).sum();
                total[0] = sum as f32 * scale;
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let [_, groups] = self.grain();
        let output = Binding::Output(self.tensors.len());
        if self.total.is_none() || groups == 1 {
            return vec![self.main_pass(shapes, output)];
        }
        let mut bindings = vec![Binding::Scratch; MAX_INPUTS];
        bindings.push(output);
        let join = Dispatch::new(&KERNEL, bindings, [1, 1, 1]).entry("join");
        vec![self.main_pass(shapes, Binding::Scratch), join.params(self.params(groups))]
    }

    fn gpu_scratch(&self, _shapes: &Shapes, _target: &GpuTarget) -> usize {
        let [_, groups] = self.grain();
        if self.total.is_some() && groups > 1 { groups } else { 0 }
    }

    fn flops(&self, _shapes: &Shapes) -> u64 {
        let sums = usize::from(self.total.is_some());
        (self.elements() * (self.instructions.len() + sums)) as u64
    }
}

/// Runs all pieces, in threads where there are many elements.
fn run_pieces(run: &Run, elements: usize, [first, second]: [&mut [f32]; 2], sums: &mut [f32]) {
    use rayon::prelude::*;
    let length = |piece: usize| PIECE.min(elements - piece * PIECE);
    if elements < THREAD_GRAIN {
        for (piece, sum) in sums.iter_mut().enumerate() {
            let range = piece * PIECE..piece * PIECE + length(piece);
            let [first, second] = [&mut *first, &mut *second]
                .map(|tensor| tensor.get_mut(range.clone()).unwrap_or_default());
            *sum = run.piece(range.start, range.len(), [first, second]);
        }
        return;
    }
    let sums = sums.par_iter_mut().enumerate();
    let one = |(piece, sum): (usize, &mut f32), tensors| {
        *sum = run.piece(piece * PIECE, length(piece), tensors);
    };
    match (first.is_empty(), second.is_empty()) {
        (true, _) => sums.for_each(|sum| one(sum, Default::default())),
        (_, true) => sums
            .zip(first.par_chunks_mut(PIECE))
            .for_each(|(sum, first)| one(sum, [first, &mut []])),
        _ => sums
            .zip(first.par_chunks_mut(PIECE).zip(second.par_chunks_mut(PIECE)))
            .for_each(|(sum, (first, second))| one(sum, [first, second])),
    }
}

pub(super) fn kernel() -> &'static Kernel {
    &KERNEL
}
