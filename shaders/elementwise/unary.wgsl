// needs: linear, unary
// unary.wgsl: out[i] = f(in[i]), f chosen by KIND as in UnaryKind::code.
// One vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
override KIND: u32;

struct Params { vectors: u32, a: f32, b: f32 }
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        output[i] = unary4(KIND, input[i], params.a, params.b);
    }
}
