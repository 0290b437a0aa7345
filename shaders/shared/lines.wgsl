// needs: tile
// lines.wgsl: which vec4s of the tiles an invocation reads. Those of an operand that is not turned lie one after
// the other; of one that is turned (TURN_A, TURN_B), invocations read blocks of 4 x 4, whose lines are columns of
// the tile. Where there are more invocations than vec4s or blocks, some of them read.

override READERS_B: u32 = TILE_N * (4u - 3u * TURN_B); // how many there are for the vec4s or blocks of a tile
override STEP_B: u32 = THREADS / QUADS_B;

fn reads_b(local: u32) -> bool {
    return THREADS <= READERS_B || reader_b(local) < READERS_B;
}

// The number of an invocation among those that read B: where not all do, others than those that read A come first.
fn reader_b(local: u32) -> u32 {
    return select((local + THREADS / 2u) % THREADS, local, THREADS <= READERS_B);
}

// A place in a tile: a vec4 of the row of a term.
struct Spot { term: u32, quad: u32 }

fn spot_b(j: u32, local: u32) -> Spot {
    let reader = reader_b(local);
    if TURN_B == 1u {
        return Spot(reader % 4u * 4u + j % 4u, reader / 4u + j / 4u * (THREADS / 4u));
    }
    return Spot(reader / QUADS_B + j * STEP_B, reader % QUADS_B);
}

fn put_b(j: u32, local: u32, four: vec4<f32>) {
    let spot = spot_b(j, local);
    keep_b(spot.term, spot.quad, four);
    note_b(four);
}

fn put_block_b(j: u32, local: u32, p: vec4<f32>, q: vec4<f32>, r: vec4<f32>, s: vec4<f32>) {
    put_b(j, local, vec4<f32>(p.x, q.x, r.x, s.x));
    put_b(j + 1u, local, vec4<f32>(p.y, q.y, r.y, s.y));
    put_b(j + 2u, local, vec4<f32>(p.z, q.z, r.z, s.z));
    put_b(j + 3u, local, vec4<f32>(p.w, q.w, r.w, s.w));
}

// As sum_of_all_a, of what note_b() is given, where that is turned.
fn sum_of_all_b(local: u32, own: vec4<f32>) -> vec4<f32> {
    share(reader_b(local), own);
    // All parts are written before they are added up.
    workgroupBarrier();
    if summed_quad_b(local) >= QUADS_B {
        return own;
    }
    return sum_shared(local, 4u, 1u);
}

fn summed_quad_b(local: u32) -> u32 {
    return select(QUADS_B, local / 4u, local % 4u == 0u);
}

fn sum_shared(first: u32, count: u32, apart: u32) -> vec4<f32> {
    var sum = vec4<f32>(0.0);
    for (var part = 0u; part < count; part++) {
        sum += shared_by(first + part * apart);
    }
    return sum;
}
