// needs: linear
// bias.wgsl: out[n, c, i] = in[n, c, i] + bias[c].
// One vec4 an invocation. Dispatch: ceil(count / 4 / 64) workgroups, folded past 65535.
override CHANNELS: u32;
override PLANE: u32;

struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

fn channel(i: u32) -> u32 {
    return i / PLANE % CHANNELS;
}

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i * 4u >= params.count {
        return;
    }
    let first = channel(i * 4u);
    let last = channel(i * 4u + 3u);
    var b = vec4<f32>(bias[first]);
    if first != last || PLANE < 4u {
        b = vec4<f32>(b.x, bias[channel(i * 4u + 1u)], bias[channel(i * 4u + 2u)], bias[last]);
    }
    output[i] = input[i] + b;
}
