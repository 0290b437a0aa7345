// needs: linear, walk
// pad.wgsl: out[i0, i1, ...] = in[i0 - before0, i1 - before1, ...] where that exists, else `value`.
// One element an invocation. Dispatch: ceil(n / 64) workgroups, folded past 65535.
override AXES: u32 = 1u;

const OUTER = 0u; // the output's sizes
const BEFORE = 1u;
const INNER = 2u; // the input's sizes
struct Params { count: u32, value: f32, lists: array<vec4<u32>, 6> }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i >= params.count {
        return;
    }
    var rest = i;
    var at = 0u;
    var stride = 1u;
    var inside = true;
    for (var axis = 0u; axis < AXES; axis++) {
        let outer = entry(OUTER, axis);
        let inner = entry(INNER, axis);
        // Before the input, the difference wraps round to something large.
        let place = rest % outer - entry(BEFORE, axis);
        inside &= place < inner;
        at += place * stride;
        stride *= inner;
        rest /= outer;
    }
    var value = params.value;
    if inside {
        value = input[at];
    }
    output[i] = value;
}
