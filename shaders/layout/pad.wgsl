// needs: linear
// pad.wgsl: out[i0, i1, ...] = in[i0 - before0, i1 - before1, ...] where that exists, else `value`.
// One element an invocation. Dispatch: ceil(n / 64) workgroups, folded past 65535.
// Between the titles stands an example of what src/ops/layout/pad.rs writes.
const NOWHERE = 0xffffffffu;
struct Params { count: u32, value: f32 }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// ---- the place in the input of element i
fn source(i: u32) -> u32 {
    // Before the input, differences wrap round to something large.
    let p0 = i % 7u - 2u;
    let p1 = i / 7u - 1u;
    if p0 >= 4u || p1 >= 3u {
        return NOWHERE;
    }
    return p0 + p1 * 4u;
}

// ---- the copy
@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i >= params.count {
        return;
    }
    let at = source(i);
    var value = params.value;
    if at != NOWHERE {
        value = input[at];
    }
    output[i] = value;
}
