// needs: linear, philox
// dropout.wgsl: out[i] = in[i] / (1 - p) where draw number i is at least p, else 0.
// One Philox block, a vec4, an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
struct Params { vectors: u32, stream: u32, probability: f32, scale: f32 }
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        let draws = uniform4(random_words(params.stream, i));
        let kept = draws >= vec4<f32>(params.probability);
        output[i] = select(vec4<f32>(0.0), input[i] * params.scale, kept);
    }
}
