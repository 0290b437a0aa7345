// needs: linear, tree
// reduce.wgsl: out[o * parts + p] = scale * sum (or max) over elements r of part p of in[kept(o) + reduced(r)].
// Entry `together`: a workgroup a result, 64 invocations in a fixed tree; entry `alone`: an invocation an output,
// of one part. A second run over the parts, in order, ends long reductions.
// Dispatch: `together` (parts, outputs) workgroups, `alone` ceil(outputs / 64); outputs folded past 65535.
// Between the titles stands an example of what src/ops/reduction/reduce.rs writes.
override MAX: u32 = 0u;

struct Params { outputs: u32, count: u32, count_a_part: u32, scale: f32 }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// ---- the walks
fn kept(i: u32) -> u32 {
    return i * 20u;
}

fn reduced(i: u32) -> u32 {
    return i % 20u + i / 20u * 60u;
}

// ---- the reduction
alias Partial = f32;

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
        total = combine(total, input[base + reduced(r)]);
    }
    return total;
}

@compute @workgroup_size(64)
fn alone(me: Invocation) {
    let o = linear_index(me);
    if o < params.outputs {
        output[o] = params.scale * reduce_part(kept(o), 0u, params.count, 1u);
    }
}

@compute @workgroup_size(64)
fn together(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let o = group.y + group.z * groups.y;
    let first = group.x * params.count_a_part;
    let end = min(first + params.count_a_part, params.count);
    let valid = o < params.outputs;
    var total = select(0.0, -3.4028234e38, MAX == 1u);
    if valid {
        total = reduce_part(kept(o), first + local, end, 64u);
    }
    total = combine_all(total, local);
    if valid && local == 0u {
        output[o * groups.x + group.x] = params.scale * total;
    }
}
