// needs: linear, epilogue, gathered, geometry, taps, tap, tile, lines, places, steps, weights, sums_8x8, whole
// conv_transpose2d.wgsl: x[n, ci, iy, ix] = last(bias[ci] + ... + sum over co, ky, kx of
//     y[n, co, (iy+PY-ky*DY)/SY, (ix+PX-kx*DX)/SX] * w[co, ci, ky, kx]), where both divide evenly;
//     see epilogue.wgsl.
// Outputs whose places agree modulo the strides (a phase) read through the same places of the kernel, so
// each phase is a product of its own, W[Ci, taps*Co] x columns(y)[taps*Co, N*Hp*Wp] with
// Hp = ceil(H / SY), Wp = ceil(W / SX), and nothing is multiplied by the zeros between y's places.
// Entry `tiled`: a tile a workgroup (see tile.wgsl).
//   Dispatch: SY*SX * ceil(N*Hp*Wp / TILE_N) * ceil(Ci / TILE_M), folded past 65535.
// Entry `direct`, for few channels: four places of a phase by four channels an invocation.
//   Dispatch: ceil(SY*SX * ceil(N*Hp*Wp / 32)*8 * ceil(Ci / 4) / 64), folded past 65535.
// With apart.wgsl for whole.wgsl, there may be several phases, and planes of x need not be whole vec4s. With
// neighbours.wgsl for gathered.wgsl, windows lie side by side and fill the image, so that phases are as large as y, whose
// planes are whole vec4s.

struct Params {
    batch: u32,
    steps_end: u32, // READ, which no compiler is to know: it would spell the steps out
}
@group(0) @binding(1) var<storage, read> w: array<f32>; // as stored, for `direct`
@group(0) @binding(1) var<storage, read> turned: array<vec4<f32>>; // by turn_weights.wgsl, for `tiled`
@group(1) @binding(0) var<uniform> params: Params;

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

// A place of the phase, as seen from y; past the last image, below all rows.
fn place_of(q: u32) -> Place {
    let plane = phase_rows() * phase_columns();
    let row = q / phase_columns() % phase_rows() * SY + phase.x + PY;
    return Place(
        q / plane * (CO * HO * WO),
        select(1u << 31u, row, q < params.batch * plane),
        q % phase_columns() * SX + phase.y + PX,
    );
}

// Whether a phase reads through this place of the kernel. The phase is an argument, since compilers
// take private variables to differ within a workgroup, and barriers depend on the answer.
fn takes_part(own: vec2<u32>, ky: u32, kx: u32) -> bool {
    let rows = own.x + PY + KH * DY * SY - ky * DY;
    let columns = own.y + PX + KW * DX * SX - kx * DX;
    return rows % SY == 0u && columns % SX == 0u;
}

// What a place sees of y's first channel through one place of the kernel; nothing in the padding.
fn seen_from(place: Place, tap: u32) -> u32 {
    // Wraps below 0, which is above any place.
    let row = place.row - tap / KW * DY;
    let column = place.column - tap % KW * DX;
    let inside = select(NONE, column, row < HO * SY) < WO * SX;
    return select(NONE, place.image + row / SY * WO + column / SX, inside);
}

fn line_b(k: u32, j: u32, local: u32) -> vec4<f32> {
    let ok = is_read_channel(read_channel(k, j, local));
    let after = (k + j * STEP_B) * (HO * WO);
    return four_y(sources(after, ok), is_inside(), ok);
}

@compute @workgroup_size(THREADS)
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
    find_places(q, local);
    let term = spot_b(0u, local).term;
    for (var tap = 0u; tap < KH * KW; tap++) {
        if !takes_part(own, tap / KW, tap % KW) {
            continue;
        }
        see(seen_by_four(tap, local), term * (HO * WO));
        first_weight = weights_from(ci, tap, local);
        sum_steps(0u, params.steps_end, local);
    }
    // Groups that only fill up the last row of the dispatch have a phase past the last: what begins past the last
    // channel is not stored. All invocations come here, as barriers want it.
    store_tile(select(CI, ci, number < SY * SX), q, local);
}

@compute @workgroup_size(64)
fn direct(me: Invocation) {
    let quads = (params.batch * phase_rows() * phase_columns() + 31u) / 32u * 8u;
    let quads_of_channels = (CI + 3u) / 4u;
    let g = linear_index(me);
    let q = g % quads * 4u;
    let ci = g / quads % quads_of_channels * 4u;
    let number = g / (quads * quads_of_channels);
    if number >= SY * SX {
        return;
    }
    phase = vec2<u32>(number / SX, number % SX);
    let p0 = place_of(q);
    let p1 = place_of(q + 1u);
    let p2 = place_of(q + 2u);
    let p3 = place_of(q + 3u);
    let own = Own(ci, CI, KH * KW, q);
    // Few channels are spelled out.
    let end = select(params.steps_end, CO, CO <= 4u);
    for (var tap = 0u; tap < KH * KW; tap++) {
        if !takes_part(phase, tap / KW, tap % KW) {
            continue;
        }
        see(vec4<u32>(seen_from(p0, tap), seen_from(p1, tap), seen_from(p2, tap), seen_from(p3, tap)), 0u);
        for (var co = 0u; co < end; co++) {
            let line = four_y(sources(co * (HO * WO), true), is_inside(), true);
            let weight = (co * CI + ci) * (KH * KW) + tap;
            add_tap(line, weight, own);
        }
    }
    store_channels(own);
}
