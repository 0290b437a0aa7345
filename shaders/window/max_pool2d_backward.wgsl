// needs: linear, geometry, activation
// max_pool2d_backward.wgsl: out[p, iy, ix] = activation'(x[p, iy, ix]) * sum of g[p, oy, ox] over the windows
//     whose maximum, the first of equals and NaN over all, is x[p, iy, ix].
// Entry `main`: one output an invocation. Entry `pairs`, for windows of 2 x 2 that tile planes of even sides: a
//   window an invocation. Dispatch: ceil(count / 64), folded past 65535.
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> x2: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> out2: array<vec2<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

fn beats(value: f32, best: f32) -> bool {
    return value > best || (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

// The place of the maximum in window oy, ox of the plane that begins at base.
fn winner(base: u32, oy: u32, ox: u32) -> u32 {
    var place = 0xffffffffu;
    var best = 0.0;
    for (var ky = 0u; ky < KH; ky++) {
        // Wraps below 0, which is above H.
        let iy = oy * SY + ky * DY - PY;
        if iy >= H {
            continue;
        }
        for (var kx = 0u; kx < KW; kx++) {
            let ix = ox * SX + kx * DX - PX;
            if ix >= W {
                continue;
            }
            let value = x[base + iy * W + ix];
            if place == 0xffffffffu || beats(value, best) {
                place = iy * W + ix;
                best = value;
            }
        }
    }
    return place;
}

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i >= params.count {
        return;
    }
    let place = i % (H * W);
    let base = i - place;
    let pooled = i / (H * W) * (HO * WO);
    let ix = place % W + PX;
    let iy = place / W + PY;
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
            if winner(base, oy, ox) == place {
                sum += g[pooled + oy * WO + ox];
            }
        }
    }
    out[i] = activation_gradient4(vec4<f32>(sum), vec4<f32>(x[i])).x;
}

@compute @workgroup_size(64)
fn pairs(me: Invocation) {
    let o = linear_index(me);
    if o >= params.count {
        return;
    }
    // Pairs along a row are as many as windows.
    let upper = o / WO * (2u * WO) + o % WO;
    let lower = upper + WO;
    let values = vec4<f32>(x2[upper], x2[lower]);
    var at = 0u;
    var best = values.x;
    for (var k = 1u; k < 4u; k++) {
        if beats(values[k], best) {
            at = k;
            best = values[k];
        }
    }
    let mine = vec4<bool>(at == 0u, at == 1u, at == 2u, at == 3u);
    let routed = select(vec4<f32>(0.0), vec4<f32>(g[o]), mine);
    let gradient = activation_gradient4(routed, values);
    out2[upper] = gradient.xy;
    out2[lower] = gradient.zw;
}
