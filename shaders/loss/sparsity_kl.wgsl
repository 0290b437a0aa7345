// needs: linear
// sparsity_kl.wgsl: out[i] = rho ln(rho / p) + (1 - rho) ln((1 - rho) / (1 - p)), p = in[i] clamped to
// [MARGIN, 1 - MARGIN]. `constant` is the part without p: rho ln rho + (1 - rho) ln(1 - rho).
// One vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
override MARGIN: f32 = 0.000001;

struct Params { vectors: u32, rho: f32, constant: f32 }
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        let p = clamp(input[i], vec4<f32>(MARGIN), vec4<f32>(1.0 - MARGIN));
        output[i] = params.constant - params.rho * log(p) - (1.0 - params.rho) * log(1.0 - p);
    }
}
