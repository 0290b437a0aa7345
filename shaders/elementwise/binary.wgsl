// needs: linear, binary
// binary.wgsl: out[i] = f(a[i], b[i]), f chosen by KIND as in BinaryKind.
// Entry `same_shape`: one vec4 an invocation; `broadcast`: one element an invocation, operands read
// through strides. Dispatch: ceil(invocations / 64) workgroups, folded past 65535.
// Between the titles stands an example of what Walk::wgsl in src/ops/layout/strided.rs writes.
override KIND: u32;

struct Params { invocations: u32 }
@group(0) @binding(0) var<storage, read> a4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output4: array<vec4<f32>>;
@group(0) @binding(0) var<storage, read> a1: array<f32>;
@group(0) @binding(1) var<storage, read> b1: array<f32>;
@group(0) @binding(2) var<storage, read_write> output1: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// ---- the walks
fn place_a(i: u32) -> u32 {
    return i;
}

fn place_b(i: u32) -> u32 {
    return i / 20u % 3u;
}

// ---- the function
@compute @workgroup_size(64)
fn same_shape(me: Invocation) {
    let i = linear_index(me);
    if i < params.invocations {
        output4[i] = binary4(KIND, a4[i], b4[i]);
    }
}

@compute @workgroup_size(64)
fn broadcast(me: Invocation) {
    let i = linear_index(me);
    if i < params.invocations {
        let a = a1[place_a(i)];
        let b = b1[place_b(i)];
        output1[i] = binary4(KIND, vec4<f32>(a), vec4<f32>(b)).x;
    }
}
