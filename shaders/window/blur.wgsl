// needs: linear, philox
// blur.wgsl: out[.., p, ..] = min(sum over k from -RADIUS to RADIUS of weight[|k|] in[.., q, ..], 1),
// q = p + k clamped to the axis, which is LENGTH long and has its neighbours STRIDE apart.
// Run along the columns, then along the rows. Dispatch: ceil(n / 64) workgroups, folded past 65535.
// Entry `drawn`: the same with the Gaussian's own weights exp(-k^2 / (2 s^2)) / sum and RADIUS ceil(3 s), s drawn for
// each image from `steps` of 2^-24 above `least`, and no less than 1/16, where no neighbour has a weight.
override RADIUS: u32 = 1u;
override IMAGE: u32 = 1u; // elements of an image
override LENGTH: u32 = 1u;
override STRIDE: u32 = 1u;

struct Params { count: u32, stream: u32, least: f32, steps: u32, weights: array<vec4<f32>, 13> }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// The element k after element i along the axis, or the one at its end.
fn neighbour(i: u32, k: i32) -> f32 {
    let p = i / STRIDE % LENGTH;
    let q = clamp(i32(p) + k, 0, i32(LENGTH) - 1);
    return input[i - p * STRIDE + u32(q) * STRIDE];
}

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i >= params.count {
        return;
    }
    var sum = 0.0;
    for (var k = -i32(RADIUS); k <= i32(RADIUS); k++) {
        let distance = abs(k);
        sum += params.weights[distance / 4][distance % 4] * neighbour(i, k);
    }
    output[i] = min(sum, 1.0);
}

@compute @workgroup_size(64)
fn drawn(me: Invocation) {
    let i = linear_index(me);
    if i >= params.count {
        return;
    }
    let word = random_words(params.stream, i / IMAGE).x;
    let s = max(params.least + f32(multiply_wide(params.steps, word).x) * (1.0 / 16777216.0), 0.0625);
    let radius = i32(ceil(3.0 * s));
    var sum = 0.0;
    var total = 0.0;
    for (var k = -radius; k <= radius; k++) {
        let distance = f32(k) / s;
        let weight = exp(-0.5 * distance * distance);
        sum += weight * neighbour(i, k);
        total += weight;
    }
    output[i] = min(sum / total, 1.0);
}
