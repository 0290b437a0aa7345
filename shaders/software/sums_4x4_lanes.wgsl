// needs: tile, count_hidden
// sums_4x4_lanes.wgsl: in place of sums_4x4.wgsl: 4 x 4 outputs an invocation, in 4 vec4, by lanes as in
// sums_16x4_lanes.wgsl: a subgroup owns 4 rows by 32 columns, so what the rows need of the left operand for eight terms
// is a vec4 a lane.
// c<row>: the sums of one invocation.
var<private> c0: vec4<f32>;
var<private> c1: vec4<f32>;
var<private> c2: vec4<f32>;
var<private> c3: vec4<f32>;

const QUADS_OF_LANES = 1u;

fn accumulate(k: u32, local: u32) {
    let b = local % 8u;
    if TURN_A == 1u {
        let p = line_a(k, 0u, local);
        let q = line_a(k, 1u, local);
        let r = line_a(k, 2u, local);
        let s = line_a(k, 3u, local);
        add_four_terms(vec4<f32>(p.x, q.x, r.x, s.x), b);
        add_four_terms(vec4<f32>(p.y, q.y, r.y, s.y), b + ROW_B);
        add_four_terms(vec4<f32>(p.z, q.z, r.z, s.z), b + 2u * ROW_B);
        add_four_terms(vec4<f32>(p.w, q.w, r.w, s.w), b + 3u * ROW_B);
    } else {
        for (var j = 0u; j < count(2u, local); j++) {
            add_eight_terms(line_a(k, j, local), b + j * (8u * ROW_B));
        }
    }
}

// Of the rows, a term a lane; every fourth of 16 terms.
fn add_four_terms(mine: vec4<f32>, b: u32) {
    note_a(mine);
    add_term(subgroupBroadcast(mine, 0u), tile_b[b]);
    add_term(subgroupBroadcast(mine, 1u), tile_b[b + 4u * ROW_B]);
    add_term(subgroupBroadcast(mine, 2u), tile_b[b + 8u * ROW_B]);
    add_term(subgroupBroadcast(mine, 3u), tile_b[b + 12u * ROW_B]);
}

// The same of eight terms, one after the other.
fn add_eight_terms(mine: vec4<f32>, b: u32) {
    note_a(mine);
    add_term(subgroupBroadcast(mine, 0u), tile_b[b]);
    add_term(subgroupBroadcast(mine, 1u), tile_b[b + 1u * ROW_B]);
    add_term(subgroupBroadcast(mine, 2u), tile_b[b + 2u * ROW_B]);
    add_term(subgroupBroadcast(mine, 3u), tile_b[b + 3u * ROW_B]);
    add_term(subgroupBroadcast(mine, 4u), tile_b[b + 4u * ROW_B]);
    add_term(subgroupBroadcast(mine, 5u), tile_b[b + 5u * ROW_B]);
    add_term(subgroupBroadcast(mine, 6u), tile_b[b + 6u * ROW_B]);
    add_term(subgroupBroadcast(mine, 7u), tile_b[b + 7u * ROW_B]);
}

fn add_term(a: vec4<f32>, b: vec4<f32>) {
    c0 = fma(vec4<f32>(a.x), b, c0);
    c1 = fma(vec4<f32>(a.y), b, c1);
    c2 = fma(vec4<f32>(a.z), b, c2);
    c3 = fma(vec4<f32>(a.w), b, c3);
}

// Hands the sums to store(), four neighbours along n at a time; the tile begins at m, n.
fn store_tile(m: u32, n: u32, local: u32) {
    let i = m + local / 8u * 4u;
    let j = n + local % 8u * 4u;
    for (var r = 0u; r < count(4u, local); r++) {
        store(i + r, j, sum_of(r));
    }
}

fn sum_of(row: u32) -> vec4<f32> {
    var sum = c0;
    sum = select(sum, c1, row == 1u);
    sum = select(sum, c2, row == 2u);
    sum = select(sum, c3, row == 3u);
    return sum;
}
