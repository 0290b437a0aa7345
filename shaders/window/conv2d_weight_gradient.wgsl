// needs: linear, geometry, line, tile, lines, sums_8x8, store
// conv2d_weight_gradient.wgsl: w[co, ci, ky, kx] = sum over n, oy, ox of
//     y[n, co, oy, ox] * x[n, ci, oy*SY+ky*DY-PY, ox*SX+kx*DX-PX].
// As a product: Y[Co, N*Ho*Wo] x columns(x)^T[N*Ho*Wo, Ci*Kh*Kw], columns never stored. It has many terms
// and few outputs, so the terms are cut into split_k parts; out is then [split_k, Co, Ci, Kh, Kw].
// Entry `tiled`: a tile a workgroup (see tile.wgsl).
//   Dispatch: ceil(Co / 64) * ceil(Ci*Kh*Kw / 64) * split_k, folded past 65535.
// Entry `direct`, for few channels: the weights of four output channels at four places on a line of the kernel
//   an invocation, for one split; with SUMS one sum. Dispatch: ceil((ceil(Co/4)*Ci*Kh*ceil(Kw/4) + sums) * split_k / 64),
//   folded past 65535.
// Entry `join`: w[i] = sum over split < split_k of out[split, i], in order. Dispatch: ceil(Co*Ci*Kh*Kw / 64).
// With SUMS, also the gradient of a bias on the way, whose parts [split_k, Co] (SUMS 1: of y, a sum a channel)
// or [split_k, Ci*Kh*Kw] (SUMS 2: of x, whose windows tile it) follow the other parts:
// entry `join_sums`: sums[c] from these. Dispatch: with `join`'s invocations before its own, Co or Ci more.
override SUMS: u32 = 0u;
override WHOLE: u32 = 0u; // all places of all images are a multiple of 16, so no step reaches past them
override VECTOR_Y: u32 = 0u; // planes of y are whole vec4s

struct Params {
    batch: u32,
    split_k: u32, // into how many parts the terms are cut
    k_each: u32, // terms of one split, a multiple of 16
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> w: array<f32>;
@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> joined: array<f32>;
@group(0) @binding(2) var<storage, read_write> joined_sums: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<private> base_out: u32;
// Of four channels of y, or four columns of x.
var<private> four_sums: vec4<f32>;

fn store(co: u32, column: u32, sum: vec4<f32>) {
    let window = CI * KH * KW;
    if co >= CO || column >= window {
        return;
    }
    let i = base_out + co * window + column;
    let used = vec4<bool>(true, column + 1u < window, column + 2u < window, column + 3u < window);
    store_some(vec4<u32>(i, i + 1u, i + 2u, i + 3u), used, sum);
}

fn store_one(i: u32, value: f32) {
    w[i] = value;
}

// Where all tiles are full, which is known when the pipeline is made, nothing is checked.
fn is_place(q: vec4<u32>, count: u32) -> vec4<bool> {
    return vec4<bool>(WHOLE == 1u) | (q < vec4<u32>(count));
}

// Channel co of y at four places, from q of all images on, which lies in image n; 0 past the last place.
fn line_y(co: u32, q: u32, n: u32) -> vec4<f32> {
    let plane = HO * WO;
    let count = params.batch * plane;
    let at = vec4<u32>(q, q + 1u, q + 2u, q + 3u);
    let ok = is_place(at, count);
    if VECTOR_Y == 1u {
        let i = select(0u, (n * CO + co) * (plane / 4u) + (q - n * plane) / 4u, ok.x);
        return select(vec4<f32>(0.0), y[i], ok.x);
    }
    let i = select(vec4<u32>(0u), (at / plane * CO + co) * plane + at % plane, ok);
    let line = vec4<f32>(
        y[i.x / 4u][i.x % 4u],
        y[i.y / 4u][i.y % 4u],
        y[i.z / 4u][i.z % 4u],
        y[i.w / 4u][i.w % 4u],
    );
    return select(vec4<f32>(0.0), line, ok);
}

struct Place { image: u32, row: u32, column: u32 }

// Place q + j of all images, where q is the first of four and lies in image n.
fn place(q: u32, n: u32, j: u32) -> Place {
    let plane = HO * WO;
    if WO % 4u == 0u {
        // The four lie on one line.
        let at = q - n * plane;
        return Place(n, at / WO, at % WO + j);
    }
    let image = select((q + j) / plane, n, plane % 4u == 0u);
    let at = q + j - image * plane;
    return Place(image, at / WO, at % WO);
}

@compute @workgroup_size(64)
fn tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let window = CI * KH * KW;
    let tiles_m = (CO + TILE_M - 1u) / TILE_M;
    let tiles_n = (window + TILE_N - 1u) / TILE_N;
    let g = group.x + group.y * groups.x;
    let co = g % tiles_m * TILE_M;
    let column = g / tiles_m % tiles_n * TILE_N;
    let split = g / (tiles_m * tiles_n);
    // Groups that only fill up the last row of the dispatch have a split past the last.
    let used = split < params.split_k;
    let plane = HO * WO;
    let count = params.batch * plane;
    let begin = split * params.k_each;
    let end = select(begin, min(begin + params.k_each, count), used);
    base_out = split * (CO * window);
    // Each invocation reads y at four places for four channels, and gathers x at the same places for four
    // columns: a channel of x and a place of the kernel each.
    let quad = local / 4u;
    let t = local % 4u * 4u;
    let to_a = t * ROW_A + quad;
    let to_b = t * ROW_B + quad;
    // Past the last channel or column, that one is read: it ends in sums that are not stored.
    let first = co + quad * 4u;
    let all = vec4<u32>(first, first + 1u, first + 2u, first + 3u);
    let channels = select(min(all, vec4<u32>(CO - 1u)), all, CO % TILE_M == 0u);
    let c = column + quad * 4u;
    let columns = min(vec4<u32>(c, c + 1u, c + 2u, c + 3u), vec4<u32>(window - 1u));
    let down = columns / KW % KH * DY - PY;
    let right = columns % KW * DX - PX;
    // From the place that a window begins at; wraps around where it begins in the padding.
    let offset = columns / (KH * KW) * (H * W) + down * W + right;
    for (var k = begin; k < end; k += 16u) {
        let q = k + t;
        // Where planes are whole steps, a step lies in one image.
        let n = select(q / plane, k / plane, plane % 16u == 0u);
        let r0 = line_y(channels.x, q, n);
        let r1 = line_y(channels.y, q, n);
        let r2 = line_y(channels.z, q, n);
        let r3 = line_y(channels.w, q, n);
        if SUMS == 1u {
            let one = vec4<f32>(1.0);
            four_sums += vec4<f32>(dot(r0, one), dot(r1, one), dot(r2, one), dot(r3, one));
        }
        tile_a[to_a] = vec4<f32>(r0.x, r1.x, r2.x, r3.x);
        tile_a[to_a + ROW_A] = vec4<f32>(r0.y, r1.y, r2.y, r3.y);
        tile_a[to_a + 2u * ROW_A] = vec4<f32>(r0.z, r1.z, r2.z, r3.z);
        tile_a[to_a + 3u * ROW_A] = vec4<f32>(r0.w, r1.w, r2.w, r3.w);
        for (var j = 0u; j < lines_b(local); j++) {
            let at = place(q, n, j);
            let oy = at.row * SY;
            let ox = at.column * SX;
            // Wraps below 0, which is above H or W.
            let inside = (oy + down < vec4<u32>(H)) & (ox + right < vec4<u32>(W));
            let ok = (vec4<bool>(is_unpadded()) | inside) & is_place(vec4<u32>(q + j), count);
            let i = select(vec4<u32>(0u), at.image * (CI * H * W) + oy * W + ox + offset, ok);
            let line = vec4<f32>(x[i.x], x[i.y], x[i.z], x[i.w]);
            let values = select(vec4<f32>(0.0), line, ok);
            tile_b[to_b + j * ROW_B] = values;
            if SUMS == 2u {
                four_sums += values;
            }
        }
        multiply_tiles(local);
    }
    if used {
        store_tile(co, column, local);
    }
    if SUMS != 0u {
        tile_a[local] = four_sums;
        // All sums are written before they are added up.
        workgroupBarrier();
        store_sums(co, column, select(params.split_k, split, used), local);
    }
}

// Four neighbours hold parts of the same four sums.
fn store_sums(co: u32, column: u32, split: u32, local: u32) {
    let window = CI * KH * KW;
    let count = select(window, CO, SUMS == 1u);
    let at = select(column, co, SUMS == 1u) + local;
    // Of the tiles that read the same, the first one says it.
    if split >= params.split_k || at >= count || select(co, column, SUMS == 1u) > 0u {
        return;
    }
    var sum = 0.0;
    for (var part = 0u; part < 4u; part++) {
        sum += tile_a[local / 4u * 4u + part][local % 4u];
    }
    w[params.split_k * (CO * window) + split * count + at] = sum;
}

// Four values of x for the given places, seen through one place of the kernel; 0 in the padding.
fn line_x(at: vec4<u32>, column: u32) -> vec4<f32> {
    let plane = HO * WO;
    let channel = column / (KH * KW) * (H * W);
    // Wraps below 0, which is above H or W.
    let iy = at / WO % HO * SY + (column / KW % KH * DY - PY);
    let ix = at % WO * SX + (column % KW * DX - PX);
    let ok = (iy < vec4<u32>(H)) & (ix < vec4<u32>(W)) & (at < vec4<u32>(params.batch * plane));
    let i = select(vec4<u32>(0u), at / plane * (CI * H * W) + channel + iy * W + ix, ok);
    return select(vec4<f32>(0.0), vec4<f32>(x[i.x], x[i.y], x[i.z], x[i.w]), ok);
}

// Of four channels of y, through four places of the kernel on one of its lines.
var<private> w0: vec4<f32>;
var<private> w1: vec4<f32>;
var<private> w2: vec4<f32>;
var<private> w3: vec4<f32>;

@compute @workgroup_size(64)
fn direct(me: Invocation) {
    let g = linear_index(me);
    let quads = (KW + 3u) / 4u;
    let lines = CI * KH * quads;
    let each = (CO + 3u) / 4u * lines;
    if g >= each * params.split_k {
        sum_alone(g - each * params.split_k);
        return;
    }
    let split = g / each;
    let co = g % each / lines * 4u;
    let line = g % lines / quads;
    let kx = g % quads * 4u;
    // Of the first of four columns; the others follow.
    let column = line * KW + kx;
    let plane = HO * WO;
    let end = min((split + 1u) * params.k_each, params.batch * plane);
    for (var k = split * params.k_each; k < end; k += 4u) {
        let n = k / plane;
        let y0 = line_y(co, k, n);
        var y1 = vec4<f32>(0.0);
        var y2 = vec4<f32>(0.0);
        var y3 = vec4<f32>(0.0);
        if CO > 1u && co + 1u < CO {
            y1 = line_y(co + 1u, k, n);
        }
        if CO > 2u && co + 2u < CO {
            y2 = line_y(co + 2u, k, n);
        }
        if CO > 3u && co + 3u < CO {
            y3 = line_y(co + 3u, k, n);
        }
        let y = mat4x4<f32>(y0, y1, y2, y3);
        if windows_slide() {
            let at = k - n * plane;
            let iy = at / WO * SY + line % KH * DY - PY;
            let base = (n * CI + line / KH) * (H * W) + iy * W;
            let seen_here = slide(base, at % WO + kx - PX, iy < H);
            w0 += seen(seen_here, 0u) * y;
            w1 += seen(seen_here, 1u) * y;
            w2 += seen(seen_here, 2u) * y;
            w3 += seen(seen_here, 3u) * y;
        } else {
            let at = vec4<u32>(k, k + 1u, k + 2u, k + 3u);
            w0 += line_x(at, column) * y;
            if KW > 1u {
                w1 += line_x(at, column + 1u) * y;
            }
            if KW > 2u {
                w2 += line_x(at, column + 2u) * y;
            }
            if KW > 3u {
                w3 += line_x(at, column + 3u) * y;
            }
        }
    }
    base_out = split * (CO * CI * KH * KW) + column;
    store_column(co, kx, w0);
    store_column(co, kx + 1u, w1);
    store_column(co, kx + 2u, w2);
    store_column(co, kx + 3u, w3);
}

// Four channels' weights at place kx of the kernel's line.
fn store_column(co: u32, kx: u32, values: vec4<f32>) {
    if kx >= KW {
        return;
    }
    for (var c = 0u; c < 4u; c++) {
        if co + c < CO {
            w[base_out + (co + c) * (CI * KH * KW) + kx % 4u] = values[c];
        }
    }
}

// Sum number `place` of those that follow the weights: of y's channels, or of x's columns, split by split.
fn sum_alone(place: u32) {
    let count = select(CI * KH * KW, CO, SUMS == 1u);
    if SUMS == 0u || place >= count * params.split_k {
        return;
    }
    let begin = place / count * params.k_each;
    let end = min(begin + params.k_each, params.batch * (HO * WO));
    var sum = 0.0;
    for (var k = begin; k < end; k += 4u) {
        var values: vec4<f32>;
        if SUMS == 1u {
            values = line_y(place % count, k, k / (HO * WO));
        } else {
            values = line_x(vec4<u32>(k, k + 1u, k + 2u, k + 3u), place % count);
        }
        sum += dot(values, vec4<f32>(1.0));
    }
    w[params.split_k * (CO * CI * KH * KW) + place] = sum;
}

fn join_one(i: u32) {
    var sum = 0.0;
    for (var split = 0u; split < params.split_k; split++) {
        sum += parts[split * (CO * CI * KH * KW) + i];
    }
    joined[i] = sum;
}

@compute @workgroup_size(64)
fn join(me: Invocation) {
    let i = linear_index(me);
    if i < CO * CI * KH * KW {
        join_one(i);
    }
}

@compute @workgroup_size(64)
fn join_sums(me: Invocation) {
    let g = linear_index(me);
    let window = CI * KH * KW;
    let words = CO * window;
    if g < words {
        join_one(g);
        return;
    }
    let c = g - words;
    let count = select(window, CO, SUMS == 1u);
    let taps = select(KH * KW, 1u, SUMS == 1u);
    if c * taps >= count {
        return;
    }
    var sum = 0.0;
    for (var split = 0u; split < params.split_k; split++) {
        for (var tap = 0u; tap < taps; tap++) {
            sum += parts[params.split_k * words + split * count + c * taps + tap];
        }
    }
    joined_sums[c] = sum;
}
