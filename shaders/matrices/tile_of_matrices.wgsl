// needs: f32_by_8
// tile_of_matrices.wgsl: in place of tile.wgsl, a tile of a product by matrix units: TILE_M x TILE_N outputs in blocks
// of 32 x 32, each of which LANES invocations own, that is a subgroup, and 16 terms at a time. Both operands' tiles
// lie as [k][m or n] in numbers of the units' kind, with eight of padding a row: rows begin at multiples of 16 bytes,
// and not all in one bank. Where subgroups are smaller than LANES, those of one block compute and stage the same.
override TILE_M: u32 = 64u;
override TILE_N: u32 = 64u;
override THREADS: u32 = 128u;
override LANES: u32 = 32u; // invocations of a block
override PREFETCH: u32 = 0u; // registers are plenty, see steps.wgsl
override SCALE_A: f32 = 1.0; // what A and B are multiplied by on the way in, powers of two
override SCALE_B: f32 = 1.0;
override UNSCALE: f32 = 1.0 / (SCALE_A * SCALE_B);
override QUADS_A: u32 = TILE_M / 4u; // vec4s across tile_a
override QUADS_B: u32 = TILE_N / 4u;
override LINES_A: u32 = QUADS_A * 16u / THREADS; // vec4s of tile_a for each invocation to fill
override LINES_B: u32 = QUADS_B * 16u / THREADS;
override ROW_A: u32 = TILE_M + 8u; // numbers from one k to the next
override ROW_B: u32 = TILE_N + 8u;
override COUNT_A: u32 = 16u * ROW_A; // numbers of tile_a
override COUNT_B: u32 = 16u * ROW_B;
override COUNT_STAGED: u32 = TILE_M * TILE_N / 4u; // a quarter of each block's sums
var<workgroup> tile_a: array<Term, COUNT_A>;
var<workgroup> tile_b: array<Term, COUNT_B>;
var<workgroup> staged: array<f32, COUNT_STAGED>;

// Four neighbours of an operand for one term.
fn keep_a(term: u32, quad: u32, four: vec4<f32>) {
    let terms = Terms(four * SCALE_A);
    let i = term * ROW_A + quad * 4u;
    tile_a[i] = terms.x;
    tile_a[i + 1u] = terms.y;
    tile_a[i + 2u] = terms.z;
    tile_a[i + 3u] = terms.w;
}

fn keep_b(term: u32, quad: u32, four: vec4<f32>) {
    let terms = Terms(four * SCALE_B);
    let i = term * ROW_B + quad * 4u;
    tile_b[i] = terms.x;
    tile_b[i + 1u] = terms.y;
    tile_b[i + 2u] = terms.z;
    tile_b[i + 3u] = terms.w;
}

// A vec4 an invocation for the others to read, once all sums are stored.
fn share(i: u32, four: vec4<f32>) {
    staged[i * 4u] = four.x;
    staged[i * 4u + 1u] = four.y;
    staged[i * 4u + 2u] = four.z;
    staged[i * 4u + 3u] = four.w;
}

fn shared_by(i: u32) -> vec4<f32> {
    return vec4<f32>(staged[i * 4u], staged[i * 4u + 1u], staged[i * 4u + 2u], staged[i * 4u + 3u]);
}

// The row and column of the tile at which the block of an invocation begins.
fn block_of(local: u32) -> vec2<u32> {
    let block = local / LANES;
    return vec2<u32>(block / (TILE_N / 32u) * 32u, block % (TILE_N / 32u) * 32u);
}

// Where the staged sums of an invocation's block begin.
fn stage_of(local: u32) -> u32 {
    return local / LANES * 256u;
}

// Hands the 256 sums that were staged for the block, in rows of so many columns, to store(), four neighbours along n
// at a time; they begin at m, n.
fn store_staged(m: u32, n: u32, columns: u32, local: u32) {
    // They are staged before they are read.
    workgroupBarrier();
    for (var quad = local % LANES; quad < 64u; quad += LANES) {
        let at = vec2<u32>(m + quad * 4u / columns, n + quad * 4u % columns);
        store(at.x, at.y, shared_by(stage_of(local) / 4u + quad) * UNSCALE);
    }
    // They are read before others are staged.
    workgroupBarrier();
}
