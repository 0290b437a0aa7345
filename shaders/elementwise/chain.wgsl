// needs: linear, activation, tree, metric
// chain.wgsl: elementwise operations that follow each other, in one pass over memory: out_k[i] = f_k(in_0[i],
// in_1[i], ..); and where a result is summed, total = total_scale * sum over i of g(in_0[i], in_1[i], ..).
// The lines of the chain itself, between the first two titles, are written by src/ops/elementwise/chain_text.rs, and of
// the sections after them those are left out that it does not use. In shaders/elementwise/chain.wgsl an example stands in
// their place. r0, r1 .. are the inputs and then the results, one line each; an input of one element is the same for all.
// Entry `tensors`: one vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
// Entry `sum`: EACH vec4s an invocation. Dispatch: ceil(n / 4 / 64 / EACH) workgroups, folded past 65535. One
// workgroup gives the total; several give a part each, of which `join`, one workgroup, makes it. `sum_recorded`, of
// one workgroup, and `join_recorded` write it into the metrics log, too.
@group(1) @binding(0) var<uniform> params: Params;

fn vectors() -> u32 {
    return (params.elements + 3u) / 4u;
}

// ---- the chain
struct Params {
    elements: u32,
    groups: u32,
    total_scale: f32,
    scale_5: f32,
    offset_5: f32,
    column: u32,
    columns: u32,
}
@group(0) @binding(0) var<storage, read> in0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in2: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> total: array<f32>;
@group(0) @binding(5) var<storage, read_write> rows: array<u32>;

// Vec4 number i of all elements: stores what is kept of it, gives what is summed.
fn chain(i: u32) -> vec4<f32> {
    let r0 = in0[i];
    let r1 = in1[i];
    let r2 = in2[0].xxxx;
    let r3 = tanh4(r0);
    let r4 = (r3 - r1) * (r3 - r1);
    let r5 = params.scale_5 * r3 + params.offset_5;
    let r6 = r5 * r2;
    out0[i] = r6;
    return r4;
}

// ---- where nothing is summed
@compute @workgroup_size(64)
fn tensors(me: Invocation) {
    let i = linear_index(me);
    if i < vectors() {
        chain(i);
    }
}

// ---- where there is a sum
override EACH: u32 = 1u;

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> joined: array<f32>;

alias Partial = f32;

fn combine(a: f32, b: f32) -> f32 {
    return a + b;
}

// What is summed of vec4 number i, without what pads the last one.
fn within(i: u32, values: vec4<f32>) -> f32 {
    let at = vec4<u32>(i * 4u, i * 4u + 1u, i * 4u + 2u, i * 4u + 3u);
    return dot(select(vec4<f32>(0.0), values, at < vec4<u32>(params.elements)), vec4<f32>(1.0));
}

// The sum of what workgroup g has, for its first invocation.
fn sum_of_group(g: u32, local: u32) -> f32 {
    var own = 0.0;
    for (var k = 0u; k < EACH; k++) {
        let i = (g * EACH + k) * 64u + local;
        if i < vectors() {
            own += within(i, chain(i));
        }
    }
    return combine_all(own, local);
}

// The total of all parts, for the first invocation.
fn sum_of_parts(local: u32) -> f32 {
    var own = 0.0;
    for (var i = local; i < params.groups; i += 64u) {
        own += parts[i];
    }
    return combine_all(own, local) * params.total_scale;
}

@compute @workgroup_size(64)
fn sum(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let g = group.x + group.y * groups.x;
    let sum = sum_of_group(g, local);
    if local == 0u && g < params.groups {
        total[g] = select(sum, sum * params.total_scale, params.groups == 1u);
    }
}

@compute @workgroup_size(64)
fn join(@builtin(local_invocation_index) local: u32) {
    let sum = sum_of_parts(local);
    if local == 0u {
        joined[0] = sum;
    }
}

// ---- where the sum is a metric
@group(0) @binding(2) var<storage, read_write> joined_rows: array<u32>;

@compute @workgroup_size(64)
fn sum_recorded(@builtin(local_invocation_index) local: u32) {
    let sum = sum_of_group(0u, local) * params.total_scale;
    if local == 0u {
        total[0] = sum;
        rows[metric_place(params.column, params.columns)] = metric_word(bitcast<u32>(sum));
    }
}

@compute @workgroup_size(64)
fn join_recorded(@builtin(local_invocation_index) local: u32) {
    let sum = sum_of_parts(local);
    if local == 0u {
        joined[0] = sum;
        joined_rows[metric_place(params.column, params.columns)] = metric_word(bitcast<u32>(sum));
    }
}
