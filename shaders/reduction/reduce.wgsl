// needs: linear, walk, tree
// reduce.wgsl: out[o * parts + p] = scale * sum (or max) over elements r of part p of in[kept(o) + reduced(r)].
// Entry `together`: a workgroup a result, 64 invocations in a fixed tree; entry `alone`: an
// invocation a result. A second run over the parts, in order, ends long reductions.
// Dispatch: `together` outputs * parts workgroups, `alone` a 64th of that; folded past 65535.
override MAX: u32 = 0u;
override KEPT_AXES: u32 = 1u;
override REDUCED_AXES: u32 = 1u;

const KEPT_SIZES = 0u;
const KEPT_STRIDES = 1u;
const REDUCED_SIZES = 2u;
const REDUCED_STRIDES = 3u;
struct Params {
    outputs: u32,
    parts: u32,
    count: u32,
    count_a_part: u32,
    scale: f32,
    lists: array<vec4<u32>, 8>,
}
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

alias Partial = f32;

fn kept_offset(index: u32) -> u32 {
    return offset(index, KEPT_AXES, KEPT_SIZES, KEPT_STRIDES);
}

fn reduced_offset(index: u32) -> u32 {
    return offset(index, REDUCED_AXES, REDUCED_SIZES, REDUCED_STRIDES);
}

fn combine(a: f32, b: f32) -> f32 {
    if MAX == 1u {
        return max(a, b);
    }
    return a + b;
}

// The elements first, first + step, ... below end of the output at `base`, reduced.
fn reduce_part(base: u32, first: u32, end: u32, step: u32) -> f32 {
    var total = select(0.0, -3.4028234e38, MAX == 1u);
    for (var r = first; r < end; r += step) {
        total = combine(total, input[base + reduced_offset(r)]);
    }
    return total;
}

@compute @workgroup_size(64)
fn alone(me: Invocation) {
    let result = linear_index(me);
    if result >= params.outputs * params.parts {
        return;
    }
    let first = result % params.parts * params.count_a_part;
    let end = min(first + params.count_a_part, params.count);
    output[result] = params.scale * reduce_part(kept_offset(result / params.parts), first, end, 1u);
}

@compute @workgroup_size(64)
fn together(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let result = group.x + group.y * groups.x;
    let first = result % params.parts * params.count_a_part;
    let end = min(first + params.count_a_part, params.count);
    let valid = result < params.outputs * params.parts;
    var total = select(0.0, -3.4028234e38, MAX == 1u);
    if valid {
        total = reduce_part(kept_offset(result / params.parts), first + local, end, 64u);
    }
    total = combine_all(total, local);
    if valid && local == 0u {
        output[result] = params.scale * total;
    }
}
