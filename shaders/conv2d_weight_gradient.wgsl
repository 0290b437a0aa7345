// conv2d_weight_gradient.wgsl: w[co, ci, ky, kx] = sum over n, oy, ox of
//     y[n, co, oy, ox] * x[n, ci, oy*SY+ky*DY-PY, ox*SX+kx*DX-PX].
// Entry `direct`: one weight an invocation. Dispatch: ceil(Co*Ci*Kh*Kw / 64), folded past 65535.
struct Params { count: u32, batch: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> w: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn direct(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group.x + group.y * groups.x) * 64u + local;
    if i >= params.count {
        return;
    }
    let kx = i % KW;
    let ky = i / KW % KH;
    let ci = i / (KW * KH) % CI;
    let co = i / (KW * KH * CI);
    var sum = 0.0;
    for (var n = 0u; n < params.batch; n++) {
        for (var oy = 0u; oy < HO; oy++) {
            // Wraps below 0, which is above H.
            let iy = oy * SY + ky * DY - PY;
            if iy >= H {
                continue;
            }
            for (var ox = 0u; ox < WO; ox++) {
                let ix = ox * SX + kx * DX - PX;
                if ix < W {
                    sum += x[((n * CI + ci) * H + iy) * W + ix] * y[((n * CO + co) * HO + oy) * WO + ox];
                }
            }
        }
    }
    w[i] = sum;
}
