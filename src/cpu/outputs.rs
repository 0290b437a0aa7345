//! Where an operation's outputs lie in memory that was taken out for it.

use crate::graph::Location;
use crate::ops::MAX_OUTPUTS;

/// Whether output `number` is the first one in its area.
pub(super) fn is_first(outputs: &[Location], number: usize) -> bool {
    outputs[..number].iter().all(|other| other.area != outputs[number].area)
}

/// The outputs' places in memory, which is that of the first output in each area.
pub(super) fn carve<'a>(
    memory: &'a mut [Vec<f32>; MAX_OUTPUTS],
    outputs: &[Location],
) -> [&'a mut [f32]; MAX_OUTPUTS] {
    let mut places: [&mut [f32]; MAX_OUTPUTS] = Default::default();
    for (number, memory) in memory.iter_mut().enumerate().take(outputs.len()) {
        if !is_first(outputs, number) {
            continue;
        }
        let mut rest: &mut [f32] = memory;
        let mut begin = 0;
        let mut order: [usize; MAX_OUTPUTS] = std::array::from_fn(|output| output);
        order[..outputs.len()].sort_unstable_by_key(|output| outputs[*output].offset);
        for output in order.into_iter().take(outputs.len()) {
            let Location { area, offset, length, .. } = outputs[output];
            if area == outputs[number].area {
                let from = rest.split_at_mut(offset - begin).1;
                (places[output], rest) = from.split_at_mut(length);
                begin = offset + length;
            }
        }
    }
    places
}
