// walk.wgsl: the offset in a tensor of an element of a walk over `axes` axes, innermost first, their
// sizes and strides in lists of eight numbers; Walk::words in src/ops/layout/strided.rs. The
// kernel's `params.lists` holds those lists, two vec4 each.
fn entry(list: u32, axis: u32) -> u32 {
    return params.lists[list * 2u + axis / 4u][axis % 4u];
}

fn offset(element: u32, axes: u32, sizes: u32, strides: u32) -> u32 {
    var rest = element;
    var at = 0u;
    for (var axis = 0u; axis < axes; axis++) {
        let size = entry(sizes, axis);
        at += rest % size * entry(strides, axis);
        rest /= size;
    }
    return at;
}
