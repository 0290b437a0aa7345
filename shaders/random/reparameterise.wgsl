// needs: linear, philox, gaussian
// reparameterise.wgsl: z[i] = mean[i] + exp(log_variance[i] / 2) * e[i], e standard normal draws; the
// log-variance is clamped.
// One Philox block, a vec4, an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
struct Params { vectors: u32, stream: u32 }
@group(0) @binding(0) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> log_variance: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        let deviation = exp(0.5 * clamp_log_variance(log_variance[i]));
        output[i] = mean[i] + deviation * normal4(random_words(params.stream, i));
    }
}
