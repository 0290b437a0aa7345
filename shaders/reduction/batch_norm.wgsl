// needs: linear
// batch_norm.wgsl: out[n, c, i] = (in[n, c, i] - mean[c]) * gamma[c] / sqrt(variance[c] + epsilon) + beta[c].
// One vec4 an invocation. Dispatch: ceil(count / 4 / 64) workgroups, folded past 65535.
override CHANNELS: u32 = 1u;
override PLANE: u32 = 1u; // elements of a channel of one image

struct Params { count: u32, epsilon: f32 }
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> variance: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

fn channel(e: u32) -> u32 {
    return e / PLANE % CHANNELS;
}

// What is taken away, the factor, and what is added, of channel c.
fn numbers(c: u32) -> vec3<f32> {
    return vec3<f32>(mean[c], gamma[c] / sqrt(variance[c] + params.epsilon), beta[c]);
}

fn normalise(x: f32, n: vec3<f32>) -> f32 {
    return (x - n.x) * n.y + n.z;
}

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    let e = i * 4u;
    if e >= params.count {
        return;
    }
    let x = input[i];
    let n = numbers(channel(e));
    if PLANE % 4u == 0u {
        // All four lie in one channel.
        output[i] = (x - n.x) * n.y + n.z;
        return;
    }
    output[i] = vec4<f32>(
        normalise(x.x, n),
        normalise(x.y, numbers(channel(e + 1u))),
        normalise(x.z, numbers(channel(e + 2u))),
        normalise(x.w, numbers(channel(e + 3u))),
    );
}
