// conv2d.wgsl: y[n, co, oy, ox] = activation(bias[co] + sum over ci, ky, kx of
//     x[n, ci, oy*SY+ky*DY-PY, ox*SX+kx*DX-PX] * w[co, ci, ky, kx]).
// Entry `direct`: one output an invocation. Dispatch: ceil(N*Co*Ho*Wo / 64), folded past 65535.
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn window_sum(i: u32) -> f32 {
    let ox = i % WO;
    let oy = i / WO % HO;
    let co = i / (WO * HO) % CO;
    let n = i / (WO * HO * CO);
    var sum = 0.0;
    for (var ci = 0u; ci < CI; ci++) {
        for (var ky = 0u; ky < KH; ky++) {
            // Wraps below 0, which is above H.
            let iy = oy * SY + ky * DY - PY;
            if iy >= H {
                continue;
            }
            for (var kx = 0u; kx < KW; kx++) {
                let ix = ox * SX + kx * DX - PX;
                if ix < W {
                    sum += x[((n * CI + ci) * H + iy) * W + ix] * w[((co * CI + ci) * KH + ky) * KW + kx];
                }
            }
        }
    }
    return sum;
}

@compute @workgroup_size(64)
fn direct(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group.x + group.y * groups.x) * 64u + local;
    if i < params.count {
        y[i] = activate4(vec4<f32>(window_sum(i))).x;
    }
}

@compute @workgroup_size(64)
fn direct_with_bias(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group.x + group.y * groups.x) * 64u + local;
    if i < params.count {
        y[i] = activate4(vec4<f32>(window_sum(i) + bias[i / (WO * HO) % CO])).x;
    }
}
