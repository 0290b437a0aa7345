// needs: linear, epilogue, geometry, taps, tile, lines, sums_8x8, whole
// conv_transpose2d.wgsl: x[n, ci, iy, ix] = last(bias[ci] + ... + sum over co, ky, kx of
//     y[n, co, (iy+PY-ky*DY)/SY, (ix+PX-kx*DX)/SX] * w[co, ci, ky, kx]), where both divide evenly;
//     see epilogue.wgsl.
// Outputs whose places agree modulo the strides (a phase) read through the same places of the kernel, so
// each phase is a product of its own, W[Ci, taps*Co] x columns(y)[taps*Co, N*Hp*Wp] with
// Hp = ceil(H / SY), Wp = ceil(W / SX), and nothing is multiplied by the zeros between y's places.
// Entry `tiled`: a tile a workgroup (see tile.wgsl).
//   Dispatch: SY*SX * ceil(N*Hp*Wp / TILE_N) * ceil(Ci / TILE_M), folded past 65535.
// Entry `direct`, for few channels: four places of a phase by four channels an invocation.
//   Dispatch: ceil(SY*SX * ceil(N*Hp*Wp / 4) * ceil(Ci / 4) / 64), folded past 65535.
// With apart.wgsl for whole.wgsl, there may be several phases, and planes of x need not be whole vec4s.

struct Params { batch: u32 }
@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

const NONE = 0xffffffffu;
var<private> phase: vec2<u32>; // row and column

fn phase_rows() -> u32 {
    return (H + SY - 1u) / SY;
}

fn phase_columns() -> u32 {
    return (W + SX - 1u) / SX;
}

// Where place q of the phase lies in channel ci of x; none past the last image, row or column. Of four places at
// once, SwiftShader takes none to be within an image of one pixel.
fn target_of(ci: u32, q: u32) -> u32 {
    let iy = q / phase_columns() % phase_rows() * SY + phase.x;
    let ix = q % phase_columns() * SX + phase.y;
    let n = q / (phase_columns() * phase_rows());
    let known = n < params.batch && iy < H && ix < W;
    return select(NONE, ((n * CI + ci) * H + iy) * W + ix, known);
}

// Four places of channel ci, from place q of the phase on.
fn store(ci: u32, q: u32, sum: vec4<f32>) {
    if ci >= CI || q >= params.batch * phase_rows() * phase_columns() {
        return;
    }
    var z = sum;
    if BIAS == 1u {
        z += bias[ci];
    }
    let places = vec4<u32>(
        target_of(ci, q),
        target_of(ci, q + 1u),
        target_of(ci, q + 2u),
        target_of(ci, q + 3u),
    );
    put(places, places != vec4<u32>(NONE), z);
}

// Four places of the phase, as seen from y.
struct Places { known: vec4<bool>, image: vec4<u32>, bottom: vec4<u32>, right: vec4<u32> }

fn places(q: u32) -> Places {
    let at = vec4<u32>(q, q + 1u, q + 2u, q + 3u);
    let plane = phase_rows() * phase_columns();
    return Places(
        at < vec4<u32>(params.batch * plane),
        at / plane * (CO * HO * WO),
        at / phase_columns() % phase_rows() * SY + phase.x + PY,
        at % phase_columns() * SX + phase.y + PX,
    );
}

// Whether a phase reads through this place of the kernel. The phase is an argument, since compilers
// take private variables to differ within a workgroup, and barriers depend on the answer.
fn takes_part(own: vec2<u32>, ky: u32, kx: u32) -> bool {
    let rows = own.x + PY + KH * DY * SY - ky * DY;
    let columns = own.y + PX + KW * DX * SX - kx * DX;
    return rows % SY == 0u && columns % SX == 0u;
}

struct Sources { inside: vec4<bool>, at: vec4<u32> }

fn sources(places: Places, ky: u32, kx: u32) -> Sources {
    // Wraps below 0, which is above any place.
    let rows = places.bottom - ky * DY;
    let columns = places.right - kx * DX;
    let inside = (rows < vec4<u32>(HO * SY)) & (columns < vec4<u32>(WO * SX)) & places.known;
    return Sources(inside, places.image + rows / SY * WO + columns / SX);
}

// Where all steps are full, which is known when the pipeline is made, nothing is checked.
fn is_read_channel(co: u32) -> bool {
    return CO % 16u == 0u || co < CO;
}

// Where the weights of four image channels begin. Past the last channel, that one's are read: they end in sums
// that are not stored.
fn weights(ci: u32) -> vec4<u32> {
    let all = vec4<u32>(ci, ci + 1u, ci + 2u, ci + 3u);
    return select(min(all, vec4<u32>(CI - 1u)), all, CI % TILE_M == 0u) * (KH * KW);
}

@compute @workgroup_size(64)
fn tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles_m = (CI + TILE_M - 1u) / TILE_M;
    let tiles_n = (params.batch * phase_rows() * phase_columns() + TILE_N - 1u) / TILE_N;
    let g = group.x + group.y * groups.x;
    let ci = g % tiles_m * TILE_M;
    let q = g / tiles_m % tiles_n * TILE_N;
    let number = g / (tiles_m * tiles_n);
    let own = vec2<u32>(number / SX, number % SX);
    phase = own;
    // Each invocation reads the weights of four image channels, and gathers four places' columns, each for
    // some of y's channels.
    let first_a = local / QUADS_A * LINES_A;
    let to_a = first_a * ROW_A + local % QUADS_A;
    let weight = weights(ci + local % QUADS_A * 4u) + first_a * (CI * KH * KW);
    let first_b = local / QUADS_B * LINES_B;
    let to_b = first_b * ROW_B + local % QUADS_B;
    let mine = places(q + local % QUADS_B * 4u);
    for (var tap = 0u; tap < KH * KW; tap++) {
        if !takes_part(own, tap / KW, tap % KW) {
            continue;
        }
        let source = sources(mine, tap / KW, tap % KW);
        // What lies in the padding is read in the first image's corner instead, and not used.
        let first = select(vec4<u32>(0u), source.at, source.inside) + first_b * (HO * WO);
        for (var co = 0u; co < CO; co += 16u) {
            for (var j = 0u; j < lines_a(local); j++) {
                let ok = is_read_channel(co + first_a + j);
                let i = select(vec4<u32>(0u), weight + ((co + j) * (CI * KH * KW) + tap), ok);
                let line = vec4<f32>(w[i.x], w[i.y], w[i.z], w[i.w]);
                tile_a[to_a + j * ROW_A] = select(vec4<f32>(0.0), line, ok);
            }
            for (var j = 0u; j < lines_b(local); j++) {
                let ok = is_read_channel(co + first_b + j);
                let i = select(vec4<u32>(0u), first + (co + j) * (HO * WO), ok);
                let line = vec4<f32>(y[i.x], y[i.y], y[i.z], y[i.w]);
                let used = source.inside & vec4<bool>(ok);
                tile_b[to_b + j * ROW_B] = select(vec4<f32>(0.0), line, used);
            }
            multiply_tiles(local);
        }
    }
    // Groups that only fill up the last row of the dispatch have a phase past the last.
    if number < SY * SX {
        store_tile(ci, q, local);
    }
}

@compute @workgroup_size(64)
fn direct(me: Invocation) {
    let quads = (params.batch * phase_rows() * phase_columns() + 3u) / 4u;
    let quads_of_channels = (CI + 3u) / 4u;
    let g = linear_index(me);
    let q = g % quads * 4u;
    let ci = g / quads % quads_of_channels * 4u;
    let number = g / (quads * quads_of_channels);
    if number >= SY * SX {
        return;
    }
    let own = vec2<u32>(number / SX, number % SX);
    phase = own;
    let mine = places(q);
    let channels = Channels(ci, CI, KH * KW);
    for (var tap = 0u; tap < KH * KW; tap++) {
        if !takes_part(own, tap / KW, tap % KW) {
            continue;
        }
        let source = sources(mine, tap / KW, tap % KW);
        for (var co = 0u; co < CO; co++) {
            let i = select(vec4<u32>(0u), source.at + co * (HO * WO), source.inside);
            let line = vec4<f32>(y[i.x], y[i.y], y[i.z], y[i.w]);
            let weight = (co * CI + ci) * (KH * KW) + tap;
            add_tap(select(vec4<f32>(0.0), line, source.inside), weight, channels);
        }
    }
    store_channels(channels, q);
}
