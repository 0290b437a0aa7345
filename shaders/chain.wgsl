// needs: linear, step, activation, unary, binary, gaussian
// chain.wgsl: up to 16 elementwise operations in one pass, and the sum of one result over all elements.
// Registers 0 .. 4 are the inputs, 5 .. the results: r[5 + k] = f_k(r[X_k], r[Y_k]) with constants c_k, for
// k < COUNT. All but the counts and constants is chosen when the pipeline is made, so that compilers see
// straight-line code. An input whose bit of ONES is set has one element.
// Entries say what is kept: `tensor`: out0 = r[KEEP_0]; `two_tensors`: out1 = r[KEEP_1] too; `sum`: the sum of
// r[SUMMED] over all elements, times scale where the dispatch is one workgroup, else a part of it a workgroup;
// `tensor_and_sum`, `two_tensors_and_sum`. Then `join`: total = scale * sum of the parts, by one workgroup.
// EACH vec4s an invocation. Dispatch: ceil(n / 4 / 64 / EACH) workgroups, folded past 65535.
override ONES: u32 = 0u;
override COUNT: u32 = 0u;
override EACH: u32 = 1u;
override KEEP_0: u32 = 0u;
override KEEP_1: u32 = 0u;
override SUMMED: u32 = 0u;
override F_0: u32 = 0u;
override F_1: u32 = 0u;
override F_2: u32 = 0u;
override F_3: u32 = 0u;
override F_4: u32 = 0u;
override F_5: u32 = 0u;
override F_6: u32 = 0u;
override F_7: u32 = 0u;
override F_8: u32 = 0u;
override F_9: u32 = 0u;
override F_10: u32 = 0u;
override F_11: u32 = 0u;
override F_12: u32 = 0u;
override F_13: u32 = 0u;
override F_14: u32 = 0u;
override F_15: u32 = 0u;
override X_0: u32 = 0u;
override X_1: u32 = 0u;
override X_2: u32 = 0u;
override X_3: u32 = 0u;
override X_4: u32 = 0u;
override X_5: u32 = 0u;
override X_6: u32 = 0u;
override X_7: u32 = 0u;
override X_8: u32 = 0u;
override X_9: u32 = 0u;
override X_10: u32 = 0u;
override X_11: u32 = 0u;
override X_12: u32 = 0u;
override X_13: u32 = 0u;
override X_14: u32 = 0u;
override X_15: u32 = 0u;
override Y_0: u32 = 0u;
override Y_1: u32 = 0u;
override Y_2: u32 = 0u;
override Y_3: u32 = 0u;
override Y_4: u32 = 0u;
override Y_5: u32 = 0u;
override Y_6: u32 = 0u;
override Y_7: u32 = 0u;
override Y_8: u32 = 0u;
override Y_9: u32 = 0u;
override Y_10: u32 = 0u;
override Y_11: u32 = 0u;
override Y_12: u32 = 0u;
override Y_13: u32 = 0u;
override Y_14: u32 = 0u;
override Y_15: u32 = 0u;

struct Params {
    elements: u32,
    groups: u32,
    scale: f32,
    constants: array<vec4<f32>, 16>, // of instruction k in x and y
}
@group(0) @binding(0) var<storage, read> in0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in2: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> in3: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> in4: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> out1: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> total: array<f32>;
@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

const INPUTS = 5u;
var<private> r: array<vec4<f32>, 21>;
var<workgroup> partial: array<f32, 64>;

// Codes as in Pointwise::code.
fn apply(f: u32, x: vec4<f32>, y: vec4<f32>, c: vec4<f32>) -> vec4<f32> {
    if f < 16u {
        return unary4(f, x, c.x, c.y);
    }
    if f < 32u {
        return binary4(f - 16u, x, y);
    }
    if f < 40u {
        return activation4(f - 32u, c.x, x);
    }
    if f < 48u {
        return derivative4(f - 40u, c.x, x, y);
    }
    if f == 48u {
        return gaussian_kl4(x, y);
    }
    if f == 49u {
        return vec4<f32>(step.weight);
    }
    return x;
}

// Where in an input the elements of vec4 number i are: in the first one, if it has but one element.
fn place(input: u32, i: u32) -> u32 {
    return select(i, 0u, ((ONES >> input) & 1u) == 1u);
}

fn spread(input: u32, x: vec4<f32>) -> vec4<f32> {
    return select(x, x.xxxx, vec4<bool>(((ONES >> input) & 1u) == 1u));
}

fn run(i: u32) {
    r[0] = spread(0u, in0[place(0u, i)]);
    r[1] = spread(1u, in1[place(1u, i)]);
    r[2] = spread(2u, in2[place(2u, i)]);
    r[3] = spread(3u, in3[place(3u, i)]);
    r[4] = spread(4u, in4[place(4u, i)]);
    if COUNT > 0u {
        r[INPUTS] = apply(F_0, r[X_0], r[Y_0], params.constants[0]);
    }
    if COUNT > 1u {
        r[INPUTS + 1u] = apply(F_1, r[X_1], r[Y_1], params.constants[1]);
    }
    if COUNT > 2u {
        r[INPUTS + 2u] = apply(F_2, r[X_2], r[Y_2], params.constants[2]);
    }
    if COUNT > 3u {
        r[INPUTS + 3u] = apply(F_3, r[X_3], r[Y_3], params.constants[3]);
    }
    if COUNT > 4u {
        r[INPUTS + 4u] = apply(F_4, r[X_4], r[Y_4], params.constants[4]);
    }
    if COUNT > 5u {
        r[INPUTS + 5u] = apply(F_5, r[X_5], r[Y_5], params.constants[5]);
    }
    if COUNT > 6u {
        r[INPUTS + 6u] = apply(F_6, r[X_6], r[Y_6], params.constants[6]);
    }
    if COUNT > 7u {
        r[INPUTS + 7u] = apply(F_7, r[X_7], r[Y_7], params.constants[7]);
    }
    if COUNT > 8u {
        r[INPUTS + 8u] = apply(F_8, r[X_8], r[Y_8], params.constants[8]);
    }
    if COUNT > 9u {
        r[INPUTS + 9u] = apply(F_9, r[X_9], r[Y_9], params.constants[9]);
    }
    if COUNT > 10u {
        r[INPUTS + 10u] = apply(F_10, r[X_10], r[Y_10], params.constants[10]);
    }
    if COUNT > 11u {
        r[INPUTS + 11u] = apply(F_11, r[X_11], r[Y_11], params.constants[11]);
    }
    if COUNT > 12u {
        r[INPUTS + 12u] = apply(F_12, r[X_12], r[Y_12], params.constants[12]);
    }
    if COUNT > 13u {
        r[INPUTS + 13u] = apply(F_13, r[X_13], r[Y_13], params.constants[13]);
    }
    if COUNT > 14u {
        r[INPUTS + 14u] = apply(F_14, r[X_14], r[Y_14], params.constants[14]);
    }
    if COUNT > 15u {
        r[INPUTS + 15u] = apply(F_15, r[X_15], r[Y_15], params.constants[15]);
    }
}

// What is summed of vec4 number i, without what pads the last one.
fn summed(i: u32) -> f32 {
    let at = vec4<u32>(i * 4u, i * 4u + 1u, i * 4u + 2u, i * 4u + 3u);
    return dot(select(vec4<f32>(0.0), r[SUMMED], at < vec4<u32>(params.elements)), vec4<f32>(1.0));
}

fn vectors() -> u32 {
    return (params.elements + 3u) / 4u;
}

// The sum of one number an invocation, in a fixed order; in the first invocation.
fn add_up(own: f32, local: u32) -> f32 {
    partial[local] = own;
    for (var half = 32u; half > 0u; half /= 2u) {
        // The upper half is written before the lower half reads it.
        workgroupBarrier();
        if local < half {
            partial[local] += partial[local + half];
        }
    }
    return partial[0];
}

fn put_sum(own: f32, group: u32, local: u32) {
    let sum = add_up(own, local);
    if local == 0u && group < params.groups {
        total[group] = select(sum, sum * params.scale, params.groups == 1u);
    }
}

@compute @workgroup_size(64)
fn tensor(me: Invocation) {
    let i = linear_index(me);
    if i < vectors() {
        run(i);
        out0[i] = r[KEEP_0];
    }
}

@compute @workgroup_size(64)
fn two_tensors(me: Invocation) {
    let i = linear_index(me);
    if i < vectors() {
        run(i);
        out0[i] = r[KEEP_0];
        out1[i] = r[KEEP_1];
    }
}

@compute @workgroup_size(64)
fn sum(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let g = group.x + group.y * groups.x;
    var own = 0.0;
    for (var k = 0u; k < EACH; k++) {
        let i = (g * EACH + k) * 64u + local;
        if i < vectors() {
            run(i);
            own += summed(i);
        }
    }
    put_sum(own, g, local);
}

@compute @workgroup_size(64)
fn tensor_and_sum(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let g = group.x + group.y * groups.x;
    var own = 0.0;
    for (var k = 0u; k < EACH; k++) {
        let i = (g * EACH + k) * 64u + local;
        if i < vectors() {
            run(i);
            out0[i] = r[KEEP_0];
            own += summed(i);
        }
    }
    put_sum(own, g, local);
}

@compute @workgroup_size(64)
fn two_tensors_and_sum(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let g = group.x + group.y * groups.x;
    var own = 0.0;
    for (var k = 0u; k < EACH; k++) {
        let i = (g * EACH + k) * 64u + local;
        if i < vectors() {
            run(i);
            out0[i] = r[KEEP_0];
            out1[i] = r[KEEP_1];
            own += summed(i);
        }
    }
    put_sum(own, g, local);
}

@compute @workgroup_size(64)
fn join(@builtin(local_invocation_index) local: u32) {
    var own = 0.0;
    for (var i = local; i < params.groups; i += 64u) {
        own += parts[i];
    }
    let sum = add_up(own, local);
    if local == 0u {
        total[0] = sum * params.scale;
    }
}
