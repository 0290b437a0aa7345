//! Products, convolutions, normalisation, pooling, and what looks at whole rows.

use super::place::{Place, Size};
use super::proto::NodeProto;
use super::writer::Writer;
use crate::error::Result;
use crate::ops::{
    Argmin, AvgPool2d, Bias, Conv2d, ConvGeometry, ConvTranspose2d, Fused, Gather, Matmul,
    MaxPool2d, Normalise, OneHot, Reduce, ReduceKind, Softmax, SoftmaxKind, TopKMask, Upsample2d,
    Upsampling,
};

/// Writes the operation at `place` if it is one of these.
///
/// # Errors
/// When ONNX cannot express its parameters.
pub(super) fn write(writer: &mut Writer, place: &Place) -> Result<bool> {
    let output = place.output;
    if let Some(matmul) = place.op::<Matmul>() {
        product(writer, place, matmul)?;
    } else if let Some(Bias) = place.op() {
        bias(writer, place);
    } else if let Some(conv) = place.op::<Conv2d>() {
        plain(place, conv.fused)?;
        walks(writer.node("Conv", &place.inputs, output), conv.geometry);
    } else if let Some(conv) = place.op::<ConvTranspose2d>() {
        transposed(writer, place, conv)?;
    } else if let Some(Normalise { epsilon }) = place.op() {
        let [x, mean, variance, gamma, beta] = place.inputs[..] else {
            return Err(place.unsupported("it has five inputs"));
        };
        let inputs = [x, gamma, beta, mean, variance];
        writer.node("BatchNormalization", &inputs, output).float("epsilon", *epsilon);
    } else if let Some(MaxPool2d { geometry }) = place.op() {
        walks(writer.node("MaxPool", &place.inputs, output), *geometry);
    } else if let Some(AvgPool2d { geometry }) = place.op() {
        average(writer, place, *geometry)?;
    } else if let Some(Upsample2d { adjoint: false, .. }) = place.op() {
        upsample(writer, place)?;
    } else {
        return rows(writer, place);
    }
    Ok(true)
}

/// Operations on rows or axes.
fn rows(writer: &mut Writer, place: &Place) -> Result<bool> {
    let (inputs, output) = (&place.inputs, place.output);
    if let Some(reduction) = place.op::<Reduce>() {
        reduce(writer, place, reduction);
    } else if let Some(Argmin { greatest }) = place.op() {
        let name = if *greatest { "ArgMax" } else { "ArgMin" };
        let place = writer.fresh();
        writer.node(name, inputs, &place).int("axis", -1).int("keepdims", 0);
        writer.real_of(&place, output);
    } else if let Some(Softmax(kind)) = place.op() {
        match kind {
            SoftmaxKind::Softmax => writer.node("Softmax", inputs, output).int("axis", -1),
            SoftmaxKind::LogSoftmax => writer.node("LogSoftmax", inputs, output).int("axis", -1),
            SoftmaxKind::LogSumExp => {
                let node = writer.node("ReduceLogSumExp", inputs, output).int("keepdims", 1);
                node.ints("axes", [place.sizes.len().saturating_sub(1)])
            }
        };
    } else if let Some(Gather) = place.op() {
        gather(writer, place)?;
    } else if let Some(OneHot { classes }) = place.op() {
        // Of the numbers 0 and on, one at the most is equal; ONNX's OneHot counts back from the last
        // for numbers below 0.
        let numbers: Vec<f32> = (0..*classes).map(|class| class as f32).collect();
        let (numbers, last) = (writer.row(&numbers), writer.whole(&[-1]));
        let column = writer.inner("Unsqueeze", &[inputs[0], &last]);
        let equal = writer.inner("Equal", &[&column, &numbers]);
        writer.real_of(&equal, output);
    } else if let Some(TopKMask { k }) = place.op() {
        top_k(writer, place, *k)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Refuses an operation that does more than its name says, which only fusion makes.
fn plain(place: &Place, fused: Fused) -> Result<()> {
    match fused == Fused::default() {
        true => Ok(()),
        false => Err(place.unsupported("it is fused; export the graph before that")),
    }
}

/// How a window walks, in ONNX's terms.
fn walks(node: &mut NodeProto, geometry: ConvGeometry) -> &mut NodeProto {
    let [[above, below], [left, right]] = geometry.padding;
    node.ints("kernel_shape", geometry.kernel)
        .ints("strides", geometry.stride)
        .ints("pads", [above, left, below, right])
        .ints("dilations", geometry.dilation)
}

fn product(writer: &mut Writer, place: &Place, matmul: &Matmul) -> Result<()> {
    plain(place, matmul.fused)?;
    if matmul.sums {
        return Err(place.unsupported("it has two results"));
    }
    let turns = [matmul.transpose.a, matmul.transpose.b];
    if place.sizes.len() == 2 {
        let node = writer.node("Gemm", &place.inputs, place.output);
        node.int("transA", turns[0].into()).int("transB", turns[1].into());
        return Ok(());
    }
    let mut operands = vec![];
    for (input, turned) in place.inputs.iter().zip(turns) {
        let mut operand = (*input).to_owned();
        if turned {
            operand = writer.fresh();
            writer.node("Transpose", &[input], &operand).ints("perm", [0, 2, 1]);
        }
        operands.push(operand);
    }
    writer.node("MatMul", &[&operands[0], &operands[1]], place.output);
    Ok(())
}

/// One number a channel, along axis 1.
fn bias(writer: &mut Writer, place: &Place) {
    let inner = place.sizes.len().saturating_sub(2);
    let mut numbers = place.inputs[1].to_owned();
    if inner > 0 {
        let axes: Vec<i64> = (1..=inner as i64).collect();
        let axes = writer.whole(&axes);
        numbers = writer.inner("Unsqueeze", &[&numbers, &axes]);
    }
    writer.node("Add", &[place.inputs[0], &numbers], place.output);
}

fn transposed(writer: &mut Writer, place: &Place, conv: &ConvTranspose2d) -> Result<()> {
    plain(place, conv.fused)?;
    let (geometry, mut extra) = (conv.geometry, [0; 2]);
    for (axis, extra) in extra.iter_mut().enumerate() {
        let Some(Size::Fixed(windows)) = place.input_sizes[0].get(axis + 2) else {
            return Err(place.unsupported("it needs images of a known size"));
        };
        let padding: usize = geometry.padding[axis].iter().sum();
        let whole = (windows - 1) * geometry.stride[axis] + geometry.span()[axis];
        let made = conv.output_size[axis] + padding;
        let more = made.checked_sub(whole).filter(|more| *more < geometry.stride[axis]);
        *extra = more.ok_or_else(|| place.unsupported("its output is cut off"))?;
    }
    let node = walks(writer.node("ConvTranspose", &place.inputs, place.output), geometry);
    node.ints("output_padding", extra);
    Ok(())
}

fn average(writer: &mut Writer, place: &Place, geometry: ConvGeometry) -> Result<()> {
    if geometry.dilation != [1, 1] {
        return Err(place.unsupported("means of windows with gaps come with a later version"));
    }
    let [[above, below], [left, right]] = geometry.padding;
    writer
        .node("AveragePool", &place.inputs, place.output)
        .ints("kernel_shape", geometry.kernel)
        .ints("strides", geometry.stride)
        .ints("pads", [above, left, below, right])
        .int("count_include_pad", 1);
    Ok(())
}

fn upsample(writer: &mut Writer, place: &Place) -> Result<()> {
    let Some(op) = place.op::<Upsample2d>() else {
        return Err(place.unsupported("it is another operation"));
    };
    let factors = [0, 1].map(|axis| op.to[axis] / op.from[axis].max(1));
    if (0..2).any(|axis| factors[axis] * op.from[axis] != op.to[axis]) {
        return Err(place.unsupported("it enlarges images by a factor that is no whole number"));
    }
    let scales = writer.row(&[1.0, 1.0, factors[0] as f32, factors[1] as f32]);
    let node = writer.node("Resize", &[place.inputs[0], "", &scales], place.output);
    match op.kind {
        Upsampling::Nearest => node
            .text("mode", "nearest")
            .text("coordinate_transformation_mode", "asymmetric")
            .text("nearest_mode", "floor"),
        Upsampling::Bilinear => {
            node.text("mode", "linear").text("coordinate_transformation_mode", "half_pixel")
        }
    };
    Ok(())
}

fn reduce(writer: &mut Writer, place: &Place, op: &Reduce) {
    let axes: Vec<i64> = op.axes.iter().map(|axis| *axis as i64).collect();
    match op.kind {
        // The sum's axes are an input already; those of others become one in a later version.
        ReduceKind::Sum => {
            let axes = writer.whole(&axes);
            writer.node("ReduceSum", &[place.inputs[0], &axes], place.output).int("keepdims", 1);
        }
        ReduceKind::Mean | ReduceKind::Max => {
            let name = if op.kind == ReduceKind::Mean { "ReduceMean" } else { "ReduceMax" };
            let node = writer.node(name, &place.inputs, place.output);
            node.ints("axes", op.axes.iter().copied()).int("keepdims", 1);
        }
    }
}

/// Rows by number; a number that no row has stands for the nearest that one has.
fn gather(writer: &mut Writer, place: &Place) -> Result<()> {
    let Some(Size::Fixed(rows)) = place.input_sizes[0].first() else {
        return Err(place.unsupported("its table depends on the batch size"));
    };
    let bounds = [0.0, (rows - 1) as f32].map(|bound| writer.scalar(bound));
    let within = writer.inner("Clip", &[place.inputs[1], &bounds[0], &bounds[1]]);
    let index = writer.fresh();
    writer.whole_of(&within, &index);
    writer.node("Gather", &[place.inputs[0], &index], place.output).int("axis", 0);
    Ok(())
}

/// Ones scattered to the places of the greatest numbers; of equal numbers both sides take the first.
fn top_k(writer: &mut Writer, place: &Place, k: Option<usize>) -> Result<()> {
    let (Some(k), Some(Size::Fixed(length))) = (k, place.sizes.last()) else {
        return Err(place.unsupported("the number of units that stay is not fixed"));
    };
    let k = writer.whole(&[k.min(*length) as i64]);
    let (values, places) = (writer.fresh(), writer.fresh());
    let node = writer.node("TopK", &[place.inputs[0], &k], &values);
    node.int("axis", -1).int("largest", 1).int("sorted", 1);
    node.output.push(places.clone());
    let mut filled = |like: &str, number: f32| {
        let shape = writer.inner("Shape", &[like]);
        let output = writer.fresh();
        writer.node("ConstantOfShape", &[&shape], &output).tensor("value", number);
        output
    };
    let (zeros, ones) = (filled(place.inputs[0], 0.0), filled(&places, 1.0));
    let node = writer.node("ScatterElements", &[&zeros, &places, &ones], place.output);
    node.int("axis", place.sizes.len() as i64 - 1);
    Ok(())
}
