// needs: linear, geometry
// max_pool2d.wgsl: maxima of windows, plane by plane; the first of equals wins, and NaN over all.
// Entries: `values`: out[p, oy, ox] = max over ky, kx of x[p, oy*SY+ky*DY-PY, ox*SX+kx*DX-PX];
//   `indices`: the place iy*W+ix of that maximum in its plane;
//   `take`: out[p, oy, ox] = x[p, indices[p, oy, ox]];
//   `gradient`: out[p, iy, ix] = sum of g[p, oy, ox] over windows whose index is iy*W+ix.
// One output an invocation, nothing is scattered. Dispatch: ceil(count / 64), folded past 65535.
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> pooled: array<f32>;
@group(0) @binding(1) var<storage, read> places: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

struct Winner { value: f32, place: u32 }

fn winner(i: u32) -> Winner {
    let ox = i % WO;
    let oy = i / WO % HO;
    let base = i / (WO * HO) * (H * W);
    var best = Winner(0.0, 0xffffffffu);
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
            let place = iy * W + ix;
            let value = x[base + place];
            let is_nan = (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
            if best.place == 0xffffffffu || value > best.value || is_nan {
                best = Winner(value, place);
            }
        }
    }
    return best;
}

@compute @workgroup_size(64)
fn values(me: Invocation) {
    let i = linear_index(me);
    if i < params.count {
        pooled[i] = winner(i).value;
    }
}

@compute @workgroup_size(64)
fn indices(me: Invocation) {
    let i = linear_index(me);
    if i < params.count {
        pooled[i] = f32(winner(i).place);
    }
}

@compute @workgroup_size(64)
fn take(me: Invocation) {
    let i = linear_index(me);
    if i < params.count {
        // A place out of range (only NaN memory has one) must not be read.
        let place = min(u32(places[i]), H * W - 1u);
        output[i] = x[i / (WO * HO) * (H * W) + place];
    }
}

@compute @workgroup_size(64)
fn gradient(me: Invocation) {
    let i = linear_index(me);
    if i >= params.count {
        return;
    }
    let place = i % (H * W);
    let ix = place % W + PX;
    let iy = place / W + PY;
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
            if ox >= WO || ox * SX + kx * DX != ix {
                continue;
            }
            let o = base + oy * WO + ox;
            if u32(places[o]) == place {
                sum += x[o];
            }
        }
    }
    output[i] = sum;
}
