// needs: linear, gaussian
// gaussian_nll.wgsl: out[i] = (ln 2 pi + v + (target[i] - mean[i])^2 exp(-v)) / 2, v the clamped
// log_variance[i].
// One vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
struct Params { vectors: u32 }
@group(0) @binding(0) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> log_variance: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> goal: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        let v = clamp_log_variance(log_variance[i]);
        let distance = goal[i] - mean[i];
        output[i] = 0.5 * (1.8378770664 + v + distance * distance * exp(-v));
    }
}
