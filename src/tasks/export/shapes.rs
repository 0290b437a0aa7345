//! Operations that move elements and leave them as they are.

use super::place::{Place, Size};
use super::writer::Writer;
use crate::error::Result;
use crate::ops::{Concat, Expand, Pad, Permute, Reshape, Slice};

/// Writes the operation at `place` if it is one of these.
///
/// # Errors
/// When it depends on the batch size in a way that cannot be left open.
pub(super) fn write(writer: &mut Writer, place: &Place) -> Result<bool> {
    if place.op::<Reshape>().is_some() {
        reshape(writer, place)?;
    } else if place.op::<Expand>().is_some() {
        expand(writer, place)?;
    } else if place.op::<Slice>().is_some() {
        slice(writer, place)?;
    } else if let Some(Permute { axes }) = place.op() {
        writer.node("Transpose", &place.inputs, place.output).ints("perm", axes.iter().copied());
    } else if let Some(Concat { axis }) = place.op() {
        writer.node("Concat", &place.inputs, place.output).int("axis", *axis as i64);
    } else if let Some(Pad { before, after, value }) = place.op() {
        let counts: Vec<i64> = before.iter().chain(after).map(|count| *count as i64).collect();
        let (counts, value) = (writer.whole(&counts), writer.scalar(*value));
        writer.node("Pad", &[place.inputs[0], &counts, &value], place.output);
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// The axis of the batch is what remains.
fn reshape(writer: &mut Writer, place: &Place) -> Result<()> {
    let open = place.sizes.iter().filter(|size| matches!(size, Size::Batch(_))).count();
    if open > 1 {
        return Err(place.unsupported("two of its axes depend on the batch size"));
    }
    let size = |size: &Size| if let Size::Fixed(size) = size { *size as i64 } else { -1 };
    let shape: Vec<i64> = place.sizes.iter().map(size).collect();
    let shape = writer.whole(&shape);
    writer.node("Reshape", &[place.inputs[0], &shape], place.output);
    Ok(())
}

/// Axes of size 1 are repeated; the axis of the batch stays as it is.
fn expand(writer: &mut Writer, place: &Place) -> Result<()> {
    let missing = place.sizes.len() - place.input_sizes[0].len();
    let mut shape = vec![];
    for (axis, size) in place.sizes.iter().enumerate() {
        let own = axis.checked_sub(missing).map(|axis| place.input_sizes[0][axis]);
        shape.push(match size {
            Size::Fixed(size) => *size as i64,
            Size::Batch(_) if own == Some(*size) => 1,
            Size::Batch(_) => return Err(place.unsupported("it repeats a value over the batch")),
        });
    }
    let shape = writer.whole(&shape);
    writer.node("Expand", &[place.inputs[0], &shape], place.output);
    Ok(())
}

fn slice(writer: &mut Writer, place: &Place) -> Result<()> {
    let [Some(first), Some(second)] =
        place.ops.map(|op| (op as &dyn std::any::Any).downcast_ref::<Slice>())
    else {
        return Err(place.unsupported("it is another operation"));
    };
    let (mut begins, mut ends, mut axes) = (vec![], vec![], vec![]);
    for (axis, size) in place.input_sizes[0].iter().enumerate() {
        if first.begin[axis] == 0 && *size == place.sizes[axis] {
            continue;
        }
        if first.begin[axis] != second.begin[axis] || first.end[axis] != second.end[axis] {
            return Err(place.unsupported("it takes a part of the batch"));
        }
        begins.push(first.begin[axis] as i64);
        ends.push(first.end[axis] as i64);
        axes.push(axis as i64);
    }
    let [begins, ends, axes] = [begins, ends, axes].map(|numbers| writer.whole(&numbers));
    writer.node("Slice", &[place.inputs[0], &begins, &ends, &axes], place.output);
    Ok(())
}
