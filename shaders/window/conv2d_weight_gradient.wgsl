// needs: linear, geometry, line, tile, lines, lines_a, steps, sums_8x8, store, tree
// conv2d_weight_gradient.wgsl: w[co, ci, ky, kx] = sum over n, oy, ox of
//     y[n, co, oy, ox] * x[n, ci, oy*SY+ky*DY-PY, ox*SX+kx*DX-PX].
// As a product: Y[Co, N*Ho*Wo] x columns(x)^T[N*Ho*Wo, Kh*Kw*Ci], columns never stored. Those of one place of the
// kernel are padded to whole vec4s, so that four see the same places of x. It has many terms and few outputs, so the
// terms are cut into split_k parts; out is then [split_k, Co, Ci, Kh, Kw].
// Entry `tiled`: a tile a workgroup (see tile.wgsl).
//   Dispatch: ceil(Co / TILE_M) * ceil(Kh*Kw*ceil(Ci/4)*4 / TILE_N) * split_k, folded past 65535.
// Entry `direct`, for few channels: the weights of four output channels at four places on a line of the kernel
//   a workgroup, for one split; with SUMS one sum. Its invocations read neighbouring places, and add up in a tree.
//   Dispatch: (ceil(Co/4)*Ci*Kh*ceil(Kw/4) + sums) * split_k, folded past 65535.
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
    if co >= CO || column >= KH * KW * CI4 {
        return;
    }
    let ci = column % CI4 + vec4<u32>(0u, 1u, 2u, 3u);
    let i = base_out + (co * CI + ci) * (KH * KW) + column / CI4;
    store_some(i, ci < vec4<u32>(CI), sum);
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

const TURN_A = 1u; // both operands lie by terms, see lines.wgsl
const TURN_B = 1u;

// The image that place q of all images lies in, in a step from place k on.
fn image_of(q: u32, k: u32) -> u32 {
    let plane = HO * WO;
    // Where planes are whole steps, a step lies in one image.
    return select(q / plane, k / plane, plane % 16u == 0u);
}

override CI4: u32 = (CI + 3u) / 4u * 4u; // columns of one place of the kernel

// What this invocation reads: channels of y from the first on, and channels of x, so far down and right of where a
// window begins; these two wrap around where it begins in the padding.
struct Reads { y: u32, x: u32, down: u32, right: u32 }
var<private> reads: Reads;

fn line_a(k: u32, j: u32, local: u32) -> vec4<f32> {
    let q = k + spot_a(0u, local).term;
    // Past the last channel, that one is read: it ends in sums that are not stored.
    let all = reads.y + j % 4u + j / 4u * THREADS;
    return line_y(select(min(all, CO - 1u), all, CO % TILE_M == 0u), q, image_of(q, k));
}

fn line_b(k: u32, j: u32, local: u32) -> vec4<f32> {
    let plane = HO * WO;
    let q = k + spot_b(0u, local).term;
    let at = vec4<u32>(q, q + 1u, q + 2u, q + 3u);
    // Four places from a multiple of four on lie in one image, and on one line of it, where these are whole fours.
    let image = select(at / plane, vec4<u32>(image_of(q, k)), plane % 4u == 0u);
    let within = at - image * plane;
    let row = select(within / WO, vec4<u32>(within.x / WO), WO % 4u == 0u);
    let iy = row * SY + reads.down;
    let ix = (within - row * WO) * SX + reads.right;
    // Wraps below 0, which is above H or W.
    let inside = vec4<bool>(is_unpadded()) | ((iy < vec4<u32>(H)) & (ix < vec4<u32>(W)));
    let ok = inside & is_place(at, params.batch * plane);
    // Of up to four channels, all are known; past the last one, that one is read.
    let all = select(reads.x, 0u, CI <= 4u) + j;
    let channel = select(min(all, CI - 1u), all, CI % 4u == 0u);
    let first = select(vec4<u32>(0u), image * (CI * H * W) + iy * W + ix, ok);
    let i = first + channel * (H * W);
    return select(vec4<f32>(0.0), vec4<f32>(x[i.x], x[i.y], x[i.z], x[i.w]), ok);
}

fn note_a(four: vec4<f32>) {
    if SUMS == 1u {
        four_sums += four;
    }
}

fn note_b(four: vec4<f32>) {
    if SUMS == 2u {
        four_sums += four;
    }
}

@compute @workgroup_size(THREADS)
fn tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let window = CI * KH * KW;
    let tiles_m = (CO + TILE_M - 1u) / TILE_M;
    let tiles_n = (KH * KW * CI4 + TILE_N - 1u) / TILE_N;
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
    // Past the last column, that one is read: it ends in sums that are not stored.
    let mine = min(column + spot_b(0u, local).quad * 4u, KH * KW * CI4 - 4u);
    let tap = mine / CI4;
    let down = tap / KW * DY - PY;
    let right = tap % KW * DX - PX;
    reads = Reads(co + spot_a(0u, local).quad * 4u, mine % CI4, down, right);
    sum_steps(begin, end, local);
    // What begins past the last channel is not stored: all invocations come here, as barriers want it.
    store_tile(select(CO, co, used), column, local);
    if SUMS != 0u {
        store_sums(co, column, select(params.split_k, split, used), local);
    }
}

// Sums over all places: of the tiles that read the same, the first one says them.
fn store_sums(co: u32, column: u32, split: u32, local: u32) {
    let of_y = SUMS == 1u;
    var four = vec4<f32>(0.0);
    if of_y {
        four = sum_of_all_a(local, four_sums);
    } else {
        four = sum_of_all_b(local, four_sums);
    }
    let quad = select(summed_quad_b(local), summed_quad_a(local), of_y);
    if split >= params.split_k || quad >= select(QUADS_B, QUADS_A, of_y) || select(co, column, of_y) > 0u {
        return;
    }
    let count = select(CI * KH * KW, CO, of_y);
    let base = params.split_k * (CO * CI * KH * KW) + split * count;
    let first = select(column, co, of_y) + quad * 4u;
    for (var i = 0u; i < 4u; i++) {
        let at = first + i;
        let ci = at % CI4;
        if select(ci < CI && at < KH * KW * CI4, at < CO, of_y) {
            w[base + select(ci * (KH * KW) + at / CI4, at, of_y)] = four[i];
        }
    }
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

// Sums of four channels of y, each times what four places of the kernel on one of its lines see.
struct Partial { w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32> }

fn combine(a: Partial, b: Partial) -> Partial {
    return Partial(a.w0 + b.w0, a.w1 + b.w1, a.w2 + b.w2, a.w3 + b.w3);
}

// Adds the products of four places, from place k of all images on: channels of y from co on, and places of the kernel
// from kx of a line on.
fn add_places(sum: Partial, k: u32, co: u32, line: u32, kx: u32) -> Partial {
    let plane = HO * WO;
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
    var more = sum;
    if windows_slide() {
        let at = k - n * plane;
        let iy = at / WO * SY + line % KH * DY - PY;
        let base = (n * CI + line / KH) * (H * W) + iy * W;
        let seen_here = slide(base, at % WO + kx - PX, iy < H);
        more.w0 += seen(seen_here, 0u) * y;
        more.w1 += seen(seen_here, 1u) * y;
        more.w2 += seen(seen_here, 2u) * y;
        more.w3 += seen(seen_here, 3u) * y;
    } else {
        let at = vec4<u32>(k, k + 1u, k + 2u, k + 3u);
        let column = line * KW + kx;
        more.w0 += line_x(at, column) * y;
        if KW > 1u {
            more.w1 += line_x(at, column + 1u) * y;
        }
        if KW > 2u {
            more.w2 += line_x(at, column + 2u) * y;
        }
        if KW > 3u {
            more.w3 += line_x(at, column + 3u) * y;
        }
    }
    return more;
}

// Four places of number `place` of the sums that follow the weights: of y's channels, or of x's columns.
fn values_to_sum(k: u32, place: u32) -> vec4<f32> {
    if SUMS == 1u {
        return line_y(place, k, k / (HO * WO));
    }
    return line_x(vec4<u32>(k, k + 1u, k + 2u, k + 3u), place);
}

@compute @workgroup_size(64)
fn direct(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let quads = (KW + 3u) / 4u;
    let lines = CI * KH * quads;
    let each = (CO + 3u) / 4u * lines;
    let count = select(CI * KH * KW, CO, SUMS == 1u);
    let all = each + select(count, 0u, SUMS == 0u);
    let g = group.x + group.y * groups.x;
    // Groups that only fill up the last row of the dispatch have a split past the last, and sum nothing.
    let split = g / all;
    let begin = split * params.k_each;
    let end = select(begin, min(begin + params.k_each, params.batch * (HO * WO)), split < params.split_k);
    let number = g % all;
    let of_weights = number < each;
    let co = number / lines * 4u;
    let line = number % lines / quads;
    let kx = number % quads * 4u;
    var own = Partial();
    for (var k = begin + local * 4u; k < end; k += 256u) {
        if of_weights {
            own = add_places(own, k, co, line, kx);
        } else {
            own.w0 += values_to_sum(k, number - each);
        }
    }
    let sum = combine_all(own, local);
    if local > 0u || split >= params.split_k {
        return;
    }
    if !of_weights {
        w[params.split_k * (CO * CI * KH * KW) + split * count + number - each] = dot(sum.w0, vec4<f32>(1.0));
        return;
    }
    base_out = split * (CO * CI * KH * KW) + line * KW + kx;
    store_column(co, kx, sum.w0);
    store_column(co, kx + 1u, sum.w1);
    store_column(co, kx + 2u, sum.w2);
    store_column(co, kx + 3u, sum.w3);
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
