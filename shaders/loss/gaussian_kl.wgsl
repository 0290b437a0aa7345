// needs: linear, gaussian
// gaussian_kl.wgsl: out[i] = (exp(v) - 1 - v + mean[i]^2) / 2, v the clamped log_variance[i].
// One vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
struct Params { vectors: u32 }
@group(0) @binding(0) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> log_variance: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        output[i] = gaussian_kl4(mean[i], log_variance[i]);
    }
}
