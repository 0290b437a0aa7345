// needs: linear, epilogue, geometry, line, taps, tap, tile, lines, places, steps, weights, sums_8x8, whole
// conv2d.wgsl: y[n, co, oy, ox] = last(bias[co] + ... + sum over ci, ky, kx of
//     x[n, ci, oy*SY+ky*DY-PY, ox*SX+kx*DX-PX] * w[co, ci, ky, kx]), see epilogue.wgsl.
// Entry `tiled`: as the product W[Co, Kh*Kw*Ci] x columns(x)[Kh*Kw*Ci, N*Ho*Wo], columns never stored; a
//   tile a workgroup (see tile.wgsl). Dispatch: ceil(N*Ho*Wo / TILE_N) * ceil(Co / TILE_M), folded past 65535.
// Entry `direct`, for few channels: four places by four channels an invocation.
//   Dispatch: ceil(ceil(N*Ho*Wo / 32)*8 * ceil(Co / 4) / 64), folded past 65535.
// With apart.wgsl for whole.wgsl, planes of y need not be whole vec4s.

struct Params {
    batch: u32,
    steps_end: u32, // READ, which no compiler is to know: it would spell the steps out
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>; // as stored, for `direct`
@group(0) @binding(1) var<storage, read> turned: array<vec4<f32>>; // by turn_weights.wgsl, for `tiled`
@group(1) @binding(0) var<uniform> params: Params;

// Four places of channel co, from place q of all images on; four may run into the next image.
fn store(co: u32, q: u32, sum: vec4<f32>) {
    let plane = HO * WO;
    let count = params.batch * plane;
    if co >= CO || q >= count {
        return;
    }
    var z = sum;
    if BIAS == 1u {
        z += bias[co];
    }
    let at = vec4<u32>(q, q + 1u, q + 2u, q + 3u);
    put((at / plane * CO + co) * plane + at % plane, at < vec4<u32>(count), z);
}

// A place of y: where its window begins in x; past the last image, below all rows.
fn place_of(q: u32) -> Place {
    let image = q / (HO * WO) * (CI * H * W);
    let top = select(1u << 31u, q / WO % HO * SY - PY, q < params.batch * (HO * WO));
    return Place(image, top, q % WO * SX - PX);
}

// What a place sees of its image's first channel through one place of the kernel; nothing in the padding.
fn seen_from(place: Place, tap: u32) -> u32 {
    // Wraps below 0, which is above H or W.
    let iy = place.row + tap / KW * DY;
    let ix = place.column + tap % KW * DX;
    let inside = iy < H && (is_unpadded() || ix < W);
    return select(NONE, place.image + iy * W + ix, inside);
}

fn line_b(k: u32, j: u32, local: u32) -> vec4<f32> {
    let ok = is_read_channel(read_channel(k, j, local));
    let after = (k + j * STEP_B) * (H * W);
    let i = sources(after, ok);
    let line = vec4<f32>(x[i.x], x[i.y], x[i.z], x[i.w]);
    return select(vec4<f32>(0.0), line, is_inside() & vec4<bool>(ok));
}

@compute @workgroup_size(THREADS)
fn tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles_m = (CO + TILE_M - 1u) / TILE_M;
    let g = group.x + group.y * groups.x;
    let co = g % tiles_m * TILE_M;
    let q = g / tiles_m * TILE_N;
    find_places(q, local);
    let term = spot_b(0u, local).term;
    for (var tap = 0u; tap < KH * KW; tap++) {
        see(seen_by_four(tap, local), term * (H * W));
        first_weight = weights_from(co, tap, local);
        sum_steps(0u, params.steps_end, local);
    }
    store_tile(co, q, local);
}

// As add_tap, for a line of the kernel.
fn add_line(line: Slide, own: Own, weight: u32, kx: u32) {
    add_tap(seen(line, 0u), weight, own);
    if kx + 1u < KW {
        add_tap(seen(line, 1u), weight + 1u, own);
    }
    if kx + 2u < KW {
        add_tap(seen(line, 2u), weight + 2u, own);
    }
    if kx + 3u < KW {
        add_tap(seen(line, 3u), weight + 3u, own);
    }
}

@compute @workgroup_size(64)
fn direct(me: Invocation) {
    let quads = (params.batch * HO * WO + 31u) / 32u * 8u;
    let g = linear_index(me);
    let q = g % quads * 4u;
    let co = g / quads * 4u;
    if co >= CO {
        return;
    }
    let own = Own(co, CO, CI * KH * KW, q);
    let at = vec4<u32>(q, q + 1u, q + 2u, q + 3u);
    let known = at < vec4<u32>(params.batch * (HO * WO));
    let image = at / (HO * WO) * (CI * H * W);
    // Wrap below 0, which is above H or W. Past the last image, below all rows.
    let top = select(vec4<u32>(1u << 31u), at / WO % HO * SY - PY, known);
    let left = at % WO * SX - PX;
    // Few channels are spelled out.
    let end = select(params.steps_end, CI, CI <= 4u);
    for (var ci = 0u; ci < end; ci++) {
        for (var ky = 0u; ky < KH; ky++) {
            let weight = ((co * CI + ci) * KH + ky) * KW;
            let iy = top + ky * DY;
            let source = image + ci * (H * W) + iy * W;
            for (var kx = 0u; kx < KW; kx++) {
                if windows_slide() {
                    if kx % 4u == 0u {
                        add_line(slide(source.x, left.x + kx, iy.x < H), own, weight + kx, kx);
                    }
                    continue;
                }
                let ix = left + kx * DX;
                let inside = (iy < vec4<u32>(H)) & (ix < vec4<u32>(W));
                let i = select(vec4<u32>(0u), source + ix, inside);
                let line = vec4<f32>(x[i.x], x[i.y], x[i.z], x[i.w]);
                add_tap(select(vec4<f32>(0.0), line, inside), weight + kx, own);
            }
        }
    }
    store_channels(own);
}
