//! A chain as WGSL: `shaders/elementwise/chain.wgsl` with this chain's lines in place of those of its example.

use super::chain::{Chain, Instruction, example};
use crate::ops::function::{Activation, BinaryKind, Pointwise, UnaryKind};
use crate::ops::kernel::Kernel;
use crate::ops::written::{self, TITLE};
use crate::shape::Shape;

impl Pointwise {
    /// The numbers that the kernel takes from its uniform, and not from its text: factors of means
    /// depend on the batch, and batches of every size share a pipeline.
    fn constants(self) -> Vec<(&'static str, f32)> {
        match self {
            Self::Unary(UnaryKind::Affine { scale, offset }) => {
                vec![("scale", scale), ("offset", offset)]
            }
            Self::Unary(UnaryKind::Clamp { low, high } | UnaryKind::Within { low, high }) => {
                vec![("low", low), ("high", high)]
            }
            Self::Unary(UnaryKind::Power { exponent }) => vec![("exponent", exponent)],
            Self::Activation(Activation::LeakyRelu(slope))
            | Self::ActivationGradient(Activation::LeakyRelu(slope)) => vec![("slope", slope)],
            _ => vec![],
        }
    }

    /// The shared part that its value in WGSL calls.
    fn shared(self) -> Option<&'static str> {
        match self {
            Self::StepWeight => Some("step"),
            Self::GaussianKl => Some("gaussian"),
            Self::Activation(Activation::Relu | Activation::LeakyRelu(_)) => None,
            Self::Activation(_)
            | Self::ActivationGradient(Activation::Gelu | Activation::Silu)
            | Self::Binary(BinaryKind::BinaryCrossEntropy) => Some("activation"),
            _ => None,
        }
    }
}

impl Instruction {
    /// The name that constant `name` of the instruction with this result has in the kernel.
    fn field(name: &str, register: usize) -> String {
        format!("{name}_{register}")
    }

    /// The line that computes it.
    fn line(&self, register: usize) -> String {
        let [x, y] = self.operands.map(|operand| format!("r{operand}"));
        let mut constants = self.function.constants().into_iter();
        let [a, b] = [(); 2].map(|()| match constants.next() {
            Some((name, _)) => format!("params.{}", Self::field(name, register)),
            None => String::new(),
        });
        let value = match self.function {
            Pointwise::Unary(kind) => kind.wgsl(&x, [&a, &b]),
            Pointwise::Binary(kind) => kind.wgsl(&x, &y),
            Pointwise::Activation(activation) => activation.wgsl(&x, &a),
            Pointwise::ActivationGradient(activation) => activation.gradient_wgsl(&x, &y, &a),
            Pointwise::GaussianKl => format!("gaussian_kl4({x}, {y})"),
            Pointwise::StepWeight => "vec4<f32>(step.weight)".into(),
            Pointwise::Copy => x,
        };
        format!("    let r{register} = {value};\n")
    }
}

impl Chain {
    /// The kernel of this chain on inputs of these shapes, the same for the same text.
    pub(crate) fn kernel(&self, inputs: &[Shape]) -> Kernel {
        written::kernel(example().name, self.text(inputs))
    }

    /// The kernel's text, but for what it needs.
    fn text(&self, inputs: &[Shape]) -> String {
        let mut parts = match self.total {
            None => vec!["linear"],
            Some(_) => vec!["tree"],
        };
        parts.extend(self.recorded.map(|_| "metric"));
        for part in self.instructions.iter().filter_map(|it| it.function.shared()) {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        let file = example().own_text();
        let sections: Vec<&str> = file.split(TITLE).collect();
        let [head, _example, tensors, sum, recorded] = sections[..] else {
            unreachable!("the file has four titles")
        };
        let rest = match (self.total, self.recorded) {
            (None, _) => tensors.to_owned(),
            (Some(_), None) => sum.to_owned(),
            (Some(_), Some(_)) => format!("{sum}{TITLE}{recorded}"),
        };
        // The file's first line says what its example needs.
        let head = head.split_once('\n').map_or(head, |(_, head)| head);
        let needs = parts.join(", ");
        format!("// needs: {needs}\n{head}{TITLE}{}\n{TITLE}{rest}", self.lines(inputs))
    }

    /// The constants of all instructions, by the names of their fields.
    pub(crate) fn constants(&self, inputs: usize) -> Vec<(String, f32)> {
        let numbered = self.instructions.iter().zip(inputs..);
        let named = numbered.flat_map(|(instruction, register)| {
            let constants = instruction.function.constants().into_iter();
            constants.map(move |(name, value)| (Instruction::field(name, register), value))
        });
        named.collect()
    }

    /// What the example of `shaders/elementwise/chain.wgsl` is of another chain.
    fn lines(&self, inputs: &[Shape]) -> String {
        let mut text = String::from("the chain\nstruct Params {\n    elements: u32,\n");
        if self.total.is_some() {
            text += "    groups: u32,\n    total_scale: f32,\n";
        }
        for (name, _) in self.constants(inputs.len()) {
            text += &format!("    {name}: f32,\n");
        }
        if self.recorded.is_some() {
            text += "    column: u32,\n    columns: u32,\n";
        }
        text += "}\n";
        let read = (0..inputs.len()).map(|input| ("read", format!("in{input}: array<vec4<f32>>")));
        let kept = (0..self.tensors.len())
            .map(|output| ("read_write", format!("out{output}: array<vec4<f32>>")));
        let total = self.total.map(|_| ("read_write", "total: array<f32>".into()));
        let log = self.recorded.map(|_| ("read_write", "rows: array<u32>".into()));
        let buffers = read.chain(kept).chain(total).chain(log);
        for (number, (access, buffer)) in buffers.enumerate() {
            text += &format!("@group(0) @binding({number}) var<storage, {access}> {buffer};\n");
        }
        text + &self.function(inputs)
    }

    /// The function that computes one vec4.
    fn function(&self, inputs: &[Shape]) -> String {
        let (what, result) = match self.total {
            None => ("stores what is kept of it", ""),
            Some(_) => ("stores what is kept of it, gives what is summed", " -> vec4<f32>"),
        };
        let mut text =
            format!("\n// Vec4 number i of all elements: {what}.\nfn chain(i: u32){result} {{\n");
        for (input, shape) in inputs.iter().enumerate() {
            // What lies beyond a tensor's one element is nobody's.
            let place = if shape.elements() == 1 { "[0].xxxx" } else { "[i]" };
            text += &format!("    let r{input} = in{input}{place};\n");
        }
        for (instruction, register) in self.instructions.iter().zip(inputs.len()..) {
            text += &instruction.line(register);
        }
        for (output, register) in self.tensors.iter().enumerate() {
            text += &format!("    out{output}[i] = r{register};\n");
        }
        match (self.total, self.recorded) {
            (Some(total), _) => text += &format!("    return r{};\n", total.register),
            // There is but one vec4 then.
            (None, Some(recorded)) => {
                let place = "metric_place(params.column, params.columns)";
                let number = format!("bitcast<u32>(r{}.x)", self.tensors[recorded.output]);
                text += &format!("    rows[{place}] = metric_word({number});\n");
            }
            (None, None) => {}
        }
        text + "}\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::elementwise::chain::{Recorded, Total};
    use crate::ops::metric::MetricColumn;
    use crate::ops::shared;

    fn instruction(function: Pointwise, operands: [usize; 2]) -> Instruction {
        Instruction { function, operands }
    }

    /// Two tensors and a number: what the file shows.
    fn example() -> (Chain, [Shape; 3]) {
        let affine = UnaryKind::Affine { scale: 0.5, offset: -1.0 };
        let chain = Chain {
            shape: [2, 3].into(),
            instructions: vec![
                instruction(Pointwise::Activation(Activation::Tanh), [0, 0]),
                instruction(Pointwise::Binary(BinaryKind::SquaredError), [3, 1]),
                instruction(Pointwise::Unary(affine), [3, 0]),
                instruction(Pointwise::Binary(BinaryKind::Multiply), [5, 2]),
            ],
            tensors: vec![6],
            total: Some(Total { register: 4, scale: 1.0 }),
            recorded: Some(Recorded { output: 1, column: MetricColumn { number: 0, of: 2 } }),
        };
        (chain, [[2, 3].into(), [2, 3].into(), Shape::scalar()])
    }

    #[test]
    fn the_example_of_the_file_is_what_its_chain_is_written_as() {
        let (chain, inputs) = example();
        let lines = chain.lines(&inputs);
        let file = super::example().own_text();
        let shown = file.split(TITLE).nth(1).unwrap();
        assert_eq!(lines.trim_end(), shown.trim_end(), "\n{lines}");
    }

    #[test]
    fn a_chain_without_a_sum_has_what_it_needs_and_no_more() {
        let kinds = [
            Pointwise::StepWeight,
            Pointwise::Unary(UnaryKind::Clamp { low: -1.0, high: f32::INFINITY }),
            Pointwise::Binary(BinaryKind::Multiply),
            Pointwise::ActivationGradient(Activation::LeakyRelu(0.1)),
        ];
        let operands = [[0, 0], [0, 0], [1, 2], [0, 3]];
        let instructions = kinds.into_iter().zip(operands);
        let chain = Chain {
            shape: [5].into(),
            instructions: instructions
                .map(|(kind, operands)| instruction(kind, operands))
                .collect(),
            tensors: vec![3, 4],
            total: None,
            recorded: None,
        };
        let expected = "\
the chain
struct Params {
    elements: u32,
    low_2: f32,
    high_2: f32,
    slope_4: f32,
}
@group(0) @binding(0) var<storage, read> in0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out1: array<vec4<f32>>;

// Vec4 number i of all elements: stores what is kept of it.
fn chain(i: u32) {
    let r0 = in0[i];
    let r1 = vec4<f32>(step.weight);
    let r2 = clamp(r0, vec4<f32>(params.low_2), vec4<f32>(params.high_2));
    let r3 = r1 * r2;
    let r4 = select(params.slope_4 * r0, r0, r3 > vec4<f32>(0.0));
    out0[i] = r3;
    out1[i] = r4;
}
";
        let inputs = [Shape::from([5])];
        assert_eq!(chain.lines(&inputs), expected);
        let text = chain.kernel(&inputs).text();
        assert!(text.contains(shared::LINEAR) && text.contains(shared::STEP));
        assert!(!text.contains("fn sigmoid4") && !text.contains("workgroupBarrier"), "{text}");
    }

    #[test]
    fn kernels_are_named_by_their_text() {
        let (chain, inputs) = example();
        let kernel = chain.kernel(&inputs);
        let scaled = Chain { total: Some(Total { register: 4, scale: 0.25 }), ..chain.clone() };
        assert_eq!(scaled.kernel(&inputs), kernel, "a factor is no part of the text");
        let tensors = [Shape::from([2, 3]), Shape::from([2, 3]), Shape::from([2, 3])];
        assert_ne!(chain.kernel(&tensors).name, kernel.name);
        kernel.parse().unwrap();
    }

    #[test]
    fn every_function_is_valid_wgsl() {
        for function in every_function() {
            let chain = Chain {
                shape: [4].into(),
                instructions: vec![instruction(function, [0, 1])],
                tensors: vec![2],
                total: None,
                recorded: None,
            };
            let kernel = chain.kernel(&[[4].into(), [4].into()]);
            kernel.parse().unwrap_or_else(|error| panic!("{function:?}: {error}"));
        }
    }

    fn every_function() -> Vec<Pointwise> {
        use crate::ops::function::{Activation as A, BinaryKind as B, UnaryKind as U};
        let (low, high, scale, offset) = (-0.5, 0.5, 2.0, 1.0);
        let unary = [
            U::Affine { scale, offset },
            U::Exp,
            U::Log,
            U::Sqrt,
            U::Square,
            U::Abs,
            U::Reciprocal,
            U::Sign,
            U::Sin,
            U::Cos,
            U::Clamp { low, high },
            U::Power { exponent: 1.5 },
            U::Within { low, high },
            U::Floor,
        ];
        let binary = [
            B::Add,
            B::Subtract,
            B::Multiply,
            B::Divide,
            B::Maximum,
            B::Minimum,
            B::GreaterEqual,
            B::Equal,
            B::SquaredError,
            B::BinaryCrossEntropy,
        ];
        let activations =
            [A::Relu, A::LeakyRelu(0.1), A::Sigmoid, A::Tanh, A::Softplus, A::Gelu, A::Silu];
        let mut all = vec![Pointwise::GaussianKl, Pointwise::StepWeight, Pointwise::Copy];
        all.extend(unary.map(Pointwise::Unary));
        all.extend(binary.map(Pointwise::Binary));
        all.extend(activations.map(Pointwise::Activation));
        all.extend(activations.map(Pointwise::ActivationGradient));
        all
    }
}
