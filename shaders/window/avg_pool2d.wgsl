// needs: linear, geometry
// avg_pool2d.wgsl: means of windows, plane by plane; padding counts as zeros.
// Entries: `values`: out[p, oy, ox] = sum over ky, kx of in[p, oy*SY+ky*DY-PY, ox*SX+kx*DX-PX] / (KH*KW);
//   `gradient`: out[p, iy, ix] = sum over windows that read iy, ix of in[p, oy, ox] / (KH*KW).
// One output an invocation. Dispatch: ceil(count / 64), folded past 65535.
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn values(me: Invocation) {
    let i = linear_index(me);
    if i >= params.count {
        return;
    }
    let ox = i % WO;
    let oy = i / WO % HO;
    let base = i / (WO * HO) * (H * W);
    var sum = 0.0;
    for (var ky = 0u; ky < KH; ky++) {
        // Wraps below 0, which is above H.
        let iy = oy * SY + ky * DY - PY;
        if iy >= H {
            continue;
        }
        for (var kx = 0u; kx < KW; kx++) {
            let ix = ox * SX + kx * DX - PX;
            if ix < W {
                sum += input[base + iy * W + ix];
            }
        }
    }
    output[i] = sum / f32(KH * KW);
}

@compute @workgroup_size(64)
fn gradient(me: Invocation) {
    let i = linear_index(me);
    if i >= params.count {
        return;
    }
    let ix = i % W + PX;
    let iy = i / W % H + PY;
    let base = i / (H * W) * (HO * WO);
    var sum = 0.0;
    for (var ky = 0u; ky < KH; ky++) {
        // Wraps below 0, which is above any place.
        let oy = (iy - ky * DY) / SY;
        if oy >= HO || oy * SY + ky * DY != iy {
            continue;
        }
        for (var kx = 0u; kx < KW; kx++) {
            let ox = (ix - kx * DX) / SX;
            if ox < WO && ox * SX + kx * DX == ix {
                sum += input[base + oy * WO + ox];
            }
        }
    }
    output[i] = sum / f32(KH * KW);
}
