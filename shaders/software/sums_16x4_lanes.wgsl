// needs: tile, count_hidden
// sums_16x4_lanes.wgsl: in place of sums_8x8.wgsl: 16 x 4 outputs an invocation, in 16 vec4, for
// adapters whose subgroups are eight neighbours by local index that compute as one vector, and for which a
// load is eight loads: llvmpipe. A subgroup owns 16 rows by 32 columns, each of its lanes a vec4 of columns.
// What the rows need of the left operand for two terms is eight vec4s: each lane loads one, see lines_a_lanes.wgsl, and
// the others take it from there, which costs next to nothing.
// c<row>: the sums of one invocation.
var<private> c0: vec4<f32>;
var<private> c1: vec4<f32>;
var<private> c2: vec4<f32>;
var<private> c3: vec4<f32>;
var<private> c4: vec4<f32>;
var<private> c5: vec4<f32>;
var<private> c6: vec4<f32>;
var<private> c7: vec4<f32>;
var<private> c8: vec4<f32>;
var<private> c9: vec4<f32>;
var<private> c10: vec4<f32>;
var<private> c11: vec4<f32>;
var<private> c12: vec4<f32>;
var<private> c13: vec4<f32>;
var<private> c14: vec4<f32>;
var<private> c15: vec4<f32>;

const QUADS_OF_LANES = 4u;

fn accumulate(k: u32, local: u32) {
    let b = local / 8u % (TILE_N / 32u) * 8u + local % 8u;
    if TURN_A == 1u {
        for (var i = 0u; i < count(16u, local); i += 8u) {
            let p = line_a(k + i, 0u, local);
            let q = line_a(k + i, 1u, local);
            let r = line_a(k + i, 2u, local);
            let s = line_a(k + i, 3u, local);
            let at = b + i * ROW_B;
            add_two_terms(vec4<f32>(p.x, q.x, r.x, s.x), at, 4u * ROW_B);
            add_two_terms(vec4<f32>(p.y, q.y, r.y, s.y), at + ROW_B, 4u * ROW_B);
            add_two_terms(vec4<f32>(p.z, q.z, r.z, s.z), at + 2u * ROW_B, 4u * ROW_B);
            add_two_terms(vec4<f32>(p.w, q.w, r.w, s.w), at + 3u * ROW_B, 4u * ROW_B);
        }
    } else {
        for (var j = 0u; j < count(8u, local); j++) {
            add_two_terms(line_a(k, j, local), b + j * (2u * ROW_B), ROW_B);
        }
    }
}

// Of four rows a lane, lanes 0 to 3 for the first term and 4 to 7 for the second; tile_b has them at b, and so far
// after it. p<quad>, q<quad>: four rows of the first and of the second term.
fn add_two_terms(mine: vec4<f32>, b: u32, apart: u32) {
    note_a(mine);
    let b0 = tile_b[b];
    let b1 = tile_b[b + apart];
    let p0 = subgroupBroadcast(mine, 0u);
    let p1 = subgroupBroadcast(mine, 1u);
    let p2 = subgroupBroadcast(mine, 2u);
    let p3 = subgroupBroadcast(mine, 3u);
    let q0 = subgroupBroadcast(mine, 4u);
    let q1 = subgroupBroadcast(mine, 5u);
    let q2 = subgroupBroadcast(mine, 6u);
    let q3 = subgroupBroadcast(mine, 7u);
    c0 = fma(vec4<f32>(q0.x), b1, fma(vec4<f32>(p0.x), b0, c0));
    c1 = fma(vec4<f32>(q0.y), b1, fma(vec4<f32>(p0.y), b0, c1));
    c2 = fma(vec4<f32>(q0.z), b1, fma(vec4<f32>(p0.z), b0, c2));
    c3 = fma(vec4<f32>(q0.w), b1, fma(vec4<f32>(p0.w), b0, c3));
    c4 = fma(vec4<f32>(q1.x), b1, fma(vec4<f32>(p1.x), b0, c4));
    c5 = fma(vec4<f32>(q1.y), b1, fma(vec4<f32>(p1.y), b0, c5));
    c6 = fma(vec4<f32>(q1.z), b1, fma(vec4<f32>(p1.z), b0, c6));
    c7 = fma(vec4<f32>(q1.w), b1, fma(vec4<f32>(p1.w), b0, c7));
    c8 = fma(vec4<f32>(q2.x), b1, fma(vec4<f32>(p2.x), b0, c8));
    c9 = fma(vec4<f32>(q2.y), b1, fma(vec4<f32>(p2.y), b0, c9));
    c10 = fma(vec4<f32>(q2.z), b1, fma(vec4<f32>(p2.z), b0, c10));
    c11 = fma(vec4<f32>(q2.w), b1, fma(vec4<f32>(p2.w), b0, c11));
    c12 = fma(vec4<f32>(q3.x), b1, fma(vec4<f32>(p3.x), b0, c12));
    c13 = fma(vec4<f32>(q3.y), b1, fma(vec4<f32>(p3.y), b0, c13));
    c14 = fma(vec4<f32>(q3.z), b1, fma(vec4<f32>(p3.z), b0, c14));
    c15 = fma(vec4<f32>(q3.w), b1, fma(vec4<f32>(p3.w), b0, c15));
}

// Hands the sums to store(), four neighbours along n at a time; the tile begins at m, n.
fn store_tile(m: u32, n: u32, local: u32) {
    let group = local / 8u;
    let i = m + group / (TILE_N / 32u) * 16u;
    let j = n + group % (TILE_N / 32u) * 32u + local % 8u * 4u;
    for (var r = 0u; r < count(16u, local); r++) {
        store(i + r, j, sum_of(r));
    }
}

fn sum_of(row: u32) -> vec4<f32> {
    var sum = c0;
    sum = select(sum, c1, row == 1u);
    sum = select(sum, c2, row == 2u);
    sum = select(sum, c3, row == 3u);
    sum = select(sum, c4, row == 4u);
    sum = select(sum, c5, row == 5u);
    sum = select(sum, c6, row == 6u);
    sum = select(sum, c7, row == 7u);
    sum = select(sum, c8, row == 8u);
    sum = select(sum, c9, row == 9u);
    sum = select(sum, c10, row == 10u);
    sum = select(sum, c11, row == 11u);
    sum = select(sum, c12, row == 12u);
    sum = select(sum, c13, row == 13u);
    sum = select(sum, c14, row == 14u);
    sum = select(sum, c15, row == 15u);
    return sum;
}
