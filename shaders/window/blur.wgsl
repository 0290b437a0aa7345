// needs: linear
// blur.wgsl: out[.., p, ..] = min(sum over k from -RADIUS to RADIUS of weight[|k|] in[.., q, ..], 1),
// q = p + k clamped to the axis, which is LENGTH long and has its neighbours STRIDE apart.
// Run along the columns, then along the rows. Dispatch: ceil(n / 64) workgroups, folded past 65535.
override RADIUS: u32 = 1u;
override LENGTH: u32 = 1u;
override STRIDE: u32 = 1u;

struct Params { count: u32, weights: array<vec4<f32>, 13> }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i >= params.count {
        return;
    }
    let p = i / STRIDE % LENGTH;
    let base = i - p * STRIDE;
    var sum = 0.0;
    for (var k = -i32(RADIUS); k <= i32(RADIUS); k++) {
        let q = clamp(i32(p) + k, 0, i32(LENGTH) - 1);
        let distance = abs(k);
        sum += params.weights[distance / 4][distance % 4] * input[base + u32(q) * STRIDE];
    }
    output[i] = min(sum, 1.0);
}
