//! Operations on each element by itself.

use super::place::Place;
use super::writer::Writer;
use crate::ops::{Activate, Activation, Binary, BinaryKind, Detach, Unary, UnaryKind};

/// Writes the operation at `place` if it is one of these.
pub(super) fn write(writer: &mut Writer, place: &Place) -> bool {
    let output = place.output;
    if let Some(Activate(activation)) = place.op() {
        activate(writer, *activation, place.inputs[0], output);
    } else if let Some(Unary(kind)) = place.op() {
        unary(writer, *kind, place.inputs[0], output);
    } else if let Some(Binary(kind)) = place.op() {
        binary(writer, *kind, [place.inputs[0], place.inputs[1]], output);
    } else if place.op::<Detach>().is_some() {
        writer.node("Identity", &place.inputs, output);
    } else {
        return false;
    }
    true
}

fn activate(writer: &mut Writer, activation: Activation, x: &str, output: &str) {
    match activation {
        Activation::Relu => {
            writer.node("Relu", &[x], output);
        }
        Activation::LeakyRelu(slope) => {
            writer.node("LeakyRelu", &[x], output).float("alpha", slope);
        }
        Activation::Sigmoid => {
            writer.node("Sigmoid", &[x], output);
        }
        Activation::Tanh => {
            writer.node("Tanh", &[x], output);
        }
        Activation::Softplus => {
            writer.node("Softplus", &[x], output);
        }
        // x (1 + erf(x / sqrt 2)) / 2
        Activation::Gelu => {
            let root = writer.scalar(std::f32::consts::FRAC_1_SQRT_2);
            let [half, one] = [0.5, 1.0].map(|number| writer.scalar(number));
            let scaled = writer.inner("Mul", &[x, &root]);
            let erf = writer.inner("Erf", &[&scaled]);
            let sum = writer.inner("Add", &[&erf, &one]);
            let product = writer.inner("Mul", &[x, &sum]);
            writer.node("Mul", &[&product, &half], output);
        }
        Activation::Silu => {
            let sigmoid = writer.inner("Sigmoid", &[x]);
            writer.node("Mul", &[x, &sigmoid], output);
        }
    }
}

fn unary(writer: &mut Writer, kind: UnaryKind, x: &str, output: &str) {
    let name = match kind {
        UnaryKind::Exp => "Exp",
        UnaryKind::Log => "Log",
        UnaryKind::Sqrt => "Sqrt",
        UnaryKind::Abs => "Abs",
        UnaryKind::Reciprocal => "Reciprocal",
        UnaryKind::Sign => "Sign",
        UnaryKind::Sin => "Sin",
        UnaryKind::Cos => "Cos",
        UnaryKind::Floor => "Floor",
        UnaryKind::Square => {
            writer.node("Mul", &[x, x], output);
            return;
        }
        UnaryKind::Affine { scale, offset } => {
            let scale = writer.scalar(scale);
            if offset == 0.0 {
                writer.node("Mul", &[x, &scale], output);
            } else {
                let offset = writer.scalar(offset);
                let scaled = writer.inner("Mul", &[x, &scale]);
                writer.node("Add", &[&scaled, &offset], output);
            }
            return;
        }
        UnaryKind::Clamp { low, high } => {
            let bounds = [low, high].map(|bound| writer.scalar(bound));
            writer.node("Clip", &[x, &bounds[0], &bounds[1]], output);
            return;
        }
        UnaryKind::Power { exponent } => {
            let exponent = writer.scalar(exponent);
            writer.node("Pow", &[x, &exponent], output);
            return;
        }
        UnaryKind::Within { low, high } => {
            let bounds = [low, high].map(|bound| writer.scalar(bound));
            let above = writer.inner("GreaterOrEqual", &[x, &bounds[0]]);
            let below = writer.inner("LessOrEqual", &[x, &bounds[1]]);
            let both = writer.inner("And", &[&above, &below]);
            writer.real_of(&both, output);
            return;
        }
    };
    writer.node(name, &[x], output);
}

fn binary(writer: &mut Writer, kind: BinaryKind, [a, b]: [&str; 2], output: &str) {
    let name = match kind {
        BinaryKind::Add => "Add",
        BinaryKind::Subtract => "Sub",
        BinaryKind::Multiply => "Mul",
        BinaryKind::Divide => "Div",
        BinaryKind::Maximum => "Max",
        BinaryKind::Minimum => "Min",
        BinaryKind::GreaterEqual | BinaryKind::Equal => {
            let name = if kind == BinaryKind::Equal { "Equal" } else { "GreaterOrEqual" };
            let truth = writer.inner(name, &[a, b]);
            writer.real_of(&truth, output);
            return;
        }
        BinaryKind::SquaredError => {
            let difference = writer.inner("Sub", &[a, b]);
            writer.node("Mul", &[&difference, &difference], output);
            return;
        }
        // max(a, 0) - a b + softplus(-|a|)
        BinaryKind::BinaryCrossEntropy => {
            let positive = writer.inner("Relu", &[a]);
            let product = writer.inner("Mul", &[a, b]);
            let magnitude = writer.inner("Abs", &[a]);
            let negative = writer.inner("Neg", &[&magnitude]);
            let rest = writer.inner("Softplus", &[&negative]);
            let difference = writer.inner("Sub", &[&positive, &product]);
            writer.node("Add", &[&difference, &rest], output);
            return;
        }
    };
    writer.node(name, &[a, b], output);
}
