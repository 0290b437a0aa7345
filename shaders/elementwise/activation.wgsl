// needs: linear, activation
// activation.wgsl: out[i] = activation(in[i]); entry `gradient`: out[i] = in[i] * activation'(value[i]).
// One vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
struct Params { vectors: u32 }
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> value: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        output[i] = activate4(input[i]);
    }
}

@compute @workgroup_size(64)
fn gradient(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        output[i] = activation_gradient4(input[i], value[i]);
    }
}
