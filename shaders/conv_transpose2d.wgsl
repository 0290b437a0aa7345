// conv_transpose2d.wgsl: x[n, ci, iy, ix] = activation(bias[ci] + sum over co, ky, kx of
//     y[n, co, (iy+PY-ky*DY)/SY, (ix+PX-kx*DX)/SX] * w[co, ci, ky, kx]), where both divide evenly.
// Entry `direct`: one output an invocation. Dispatch: ceil(N*Ci*H*W / 64), folded past 65535.
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn window_sum(i: u32) -> f32 {
    let ix = i % W + PX;
    let iy = i / W % H + PY;
    let ci = i / (W * H) % CI;
    let n = i / (W * H * CI);
    var sum = 0.0;
    for (var ky = 0u; ky < KH; ky++) {
        // Wraps below 0, which is above any place.
        let oy = (iy - ky * DY) / SY;
        if oy >= HO || oy * SY + ky * DY != iy {
            continue;
        }
        for (var kx = 0u; kx < KW; kx++) {
            let ox = (ix - kx * DX) / SX;
            if ox >= WO || ox * SX + kx * DX != ix {
                continue;
            }
            for (var co = 0u; co < CO; co++) {
                sum += y[((n * CO + co) * HO + oy) * WO + ox] * w[((co * CI + ci) * KH + ky) * KW + kx];
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
        x[i] = activate4(vec4<f32>(window_sum(i))).x;
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
        x[i] = activate4(vec4<f32>(window_sum(i) + bias[i / (W * H) % CI])).x;
    }
}
