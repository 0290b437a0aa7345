// binary.wgsl: out[i] = f(a[i], b[i]), f chosen by KIND as in BinaryKind.
// Entry `same_shape`: one vec4 an invocation; `broadcast`: one element an invocation, operands read
// through strides. Dispatch: ceil(invocations / 64) workgroups, folded past 65535.
override KIND: u32;
override AXES: u32 = 1u;

// Axes innermost first.
struct Params {
    invocations: u32,
    sizes: array<vec4<u32>, 2>,
    strides_a: array<vec4<u32>, 2>,
    strides_b: array<vec4<u32>, 2>,
}
@group(0) @binding(0) var<storage, read> a4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output4: array<vec4<f32>>;
@group(0) @binding(0) var<storage, read> a1: array<f32>;
@group(0) @binding(1) var<storage, read> b1: array<f32>;
@group(0) @binding(2) var<storage, read_write> output1: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn apply(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    switch KIND {
        case 0u: { return a + b; }
        case 1u: { return a - b; }
        case 2u: { return a * b; }
        case 3u: { return a / b; }
        case 4u: { return max(a, b); }
        case 5u: { return min(a, b); }
        case 6u: { return select(vec4<f32>(0.0), vec4<f32>(1.0), a >= b); }
        case 7u: { return select(vec4<f32>(0.0), vec4<f32>(1.0), a == b); }
        case 8u: { return (a - b) * (a - b); }
        default: { return max(a, vec4<f32>(0.0)) - a * b + ln_1p_unit4(exp(-abs(a))); }
    }
}

@compute @workgroup_size(64)
fn same_shape(me: Invocation) {
    let i = linear_index(me);
    if i < params.invocations {
        output4[i] = apply(a4[i], b4[i]);
    }
}

@compute @workgroup_size(64)
fn broadcast(me: Invocation) {
    let i = linear_index(me);
    if i >= params.invocations {
        return;
    }
    var rest = i;
    var at_a = 0u;
    var at_b = 0u;
    for (var axis = 0u; axis < AXES; axis++) {
        let size = params.sizes[axis / 4u][axis % 4u];
        let place = rest % size;
        rest /= size;
        at_a += place * params.strides_a[axis / 4u][axis % 4u];
        at_b += place * params.strides_b[axis / 4u][axis % 4u];
    }
    output1[i] = apply(vec4<f32>(a1[at_a]), vec4<f32>(b1[at_b])).x;
}
