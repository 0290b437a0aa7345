// needs: linear, epilogue, geometry, line, taps, tile, lines, sums_8x8, whole
// conv2d.wgsl: y[n, co, oy, ox] = last(bias[co] + ... + sum over ci, ky, kx of
//     x[n, ci, oy*SY+ky*DY-PY, ox*SX+kx*DX-PX] * w[co, ci, ky, kx]), see epilogue.wgsl.
// Entry `tiled`: as the product W[Co, Kh*Kw*Ci] x columns(x)[Kh*Kw*Ci, N*Ho*Wo], columns never stored; a
//   tile a workgroup (see tile.wgsl). Dispatch: ceil(N*Ho*Wo / TILE_N) * ceil(Co / TILE_M), folded past 65535.
// Entry `direct`, for few channels: four places by four channels an invocation.
//   Dispatch: ceil(ceil(N*Ho*Wo / 4) * ceil(Co / 4) / 64), folded past 65535.
// With apart.wgsl for whole.wgsl, planes of y need not be whole vec4s.

struct Params { batch: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
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

// Where all steps are full, which is known when the pipeline is made, nothing is checked.
fn is_input_channel(ci: u32) -> bool {
    return CI % 16u == 0u || ci < CI;
}

// Where the weights of four output channels begin. Past the last channel, that one's are read: they end in sums
// that are not stored.
fn weights(co: u32) -> vec4<u32> {
    let all = vec4<u32>(co, co + 1u, co + 2u, co + 3u);
    return select(min(all, vec4<u32>(CO - 1u)), all, CO % TILE_M == 0u) * (CI * KH * KW);
}

@compute @workgroup_size(64)
fn tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles_m = (CO + TILE_M - 1u) / TILE_M;
    let g = group.x + group.y * groups.x;
    let co = g % tiles_m * TILE_M;
    let q = g / tiles_m * TILE_N;
    // Each invocation reads the weights of one input channel for some output channels, and gathers four
    // places' columns for some input channels.
    let own = local % 16u;
    let to_a = own * ROW_A + local / 16u;
    let first_co = co + local / 16u * 4u;
    let quad = local % QUADS_B;
    let first_ci = local / QUADS_B * LINES_B;
    let to_b = first_ci * ROW_B + quad;
    let first = q + quad * 4u;
    let at = vec4<u32>(first, first + 1u, first + 2u, first + 3u);
    let known = at < vec4<u32>(params.batch * (HO * WO));
    let image = at / (HO * WO) * (CI * H * W) + first_ci * (H * W);
    let top = at / WO % HO * SY - PY;
    let left = at % WO * SX - PX;
    for (var tap = 0u; tap < KH * KW; tap++) {
        // Wraps below 0, which is above H or W.
        let iy = top + tap / KW * DY;
        let ix = left + tap % KW * DX;
        let within = vec4<bool>(is_unpadded()) | ((iy < vec4<u32>(H)) & (ix < vec4<u32>(W)));
        let inside = known & within;
        // What lies in the padding is read in the first image's corner instead, and not used.
        let source = select(vec4<u32>(first_ci * (H * W)), image + iy * W + ix, inside);
        for (var ci = 0u; ci < CI; ci += 16u) {
            let some = is_input_channel(ci + own);
            let weight = select(0u, (ci + own) * (KH * KW) + tap, some);
            for (var j = 0u; j < lines_a(local); j++) {
                let i = weights(first_co + j * 16u) + weight;
                let line = vec4<f32>(w[i.x], w[i.y], w[i.z], w[i.w]);
                tile_a[to_a + j * 4u] = select(vec4<f32>(0.0), line, some);
            }
            for (var j = 0u; j < lines_b(local); j++) {
                let ok = is_input_channel(ci + first_ci + j);
                let i = select(vec4<u32>(0u), source + (ci + j) * (H * W), ok);
                let line = vec4<f32>(x[i.x], x[i.y], x[i.z], x[i.w]);
                tile_b[to_b + j * ROW_B] = select(vec4<f32>(0.0), line, inside & vec4<bool>(ok));
            }
            multiply_tiles(local);
        }
    }
    store_tile(co, q, local);
}

// As add_tap, for a line of the kernel.
fn add_line(line: Slide, channels: Channels, weight: u32, kx: u32) {
    add_tap(seen(line, 0u), weight, channels);
    if kx + 1u < KW {
        add_tap(seen(line, 1u), weight + 1u, channels);
    }
    if kx + 2u < KW {
        add_tap(seen(line, 2u), weight + 2u, channels);
    }
    if kx + 3u < KW {
        add_tap(seen(line, 3u), weight + 3u, channels);
    }
}

@compute @workgroup_size(64)
fn direct(me: Invocation) {
    let quads = (params.batch * HO * WO + 3u) / 4u;
    let g = linear_index(me);
    let q = g % quads * 4u;
    let co = g / quads * 4u;
    if co >= CO {
        return;
    }
    let channels = Channels(co, CO, CI * KH * KW);
    let at = vec4<u32>(q, q + 1u, q + 2u, q + 3u);
    let known = at < vec4<u32>(params.batch * (HO * WO));
    let image = at / (HO * WO) * (CI * H * W);
    // Wrap below 0, which is above H or W.
    let top = at / WO % HO * SY - PY;
    let left = at % WO * SX - PX;
    for (var ci = 0u; ci < CI; ci++) {
        for (var ky = 0u; ky < KH; ky++) {
            let weight = ((co * CI + ci) * KH + ky) * KW;
            let iy = top + ky * DY;
            let source = image + ci * (H * W) + iy * W;
            for (var kx = 0u; kx < KW; kx++) {
                if windows_slide() {
                    if kx % 4u == 0u {
                        add_line(slide(source.x, left.x + kx, iy.x < H), channels, weight + kx, kx);
                    }
                    continue;
                }
                let ix = left + kx * DX;
                let inside = known & (iy < vec4<u32>(H)) & (ix < vec4<u32>(W));
                let i = select(vec4<u32>(0u), source + ix, inside);
                let line = vec4<f32>(x[i.x], x[i.y], x[i.z], x[i.w]);
                add_tap(select(vec4<f32>(0.0), line, inside), weight + kx, channels);
            }
        }
    }
    store_channels(channels, q);
}
