// needs: tile, lines
// lines_a.wgsl: the left operand's part of lines.wgsl.
override READERS_A: u32 = TILE_M * (4u - 3u * TURN_A); // how many there are for the vec4s or blocks of a tile
override STEP_A: u32 = THREADS / QUADS_A; // terms from one vec4 of an invocation to its next, where that is not turned

fn reads_a(local: u32) -> bool {
    return THREADS <= READERS_A || local < READERS_A;
}

// Where vec4 number j of invocation number `local` goes.
fn spot_a(j: u32, local: u32) -> Spot {
    if TURN_A == 1u {
        return Spot(local % 4u * 4u + j % 4u, local / 4u + j / 4u * (THREADS / 4u));
    }
    return Spot(local / QUADS_A + j * STEP_A, local % QUADS_A);
}

fn put_a(j: u32, local: u32, four: vec4<f32>) {
    let spot = spot_a(j, local);
    keep_a(spot.term, spot.quad, four);
    note_a(four);
}

// The same for a block of four lines: its columns.
fn put_block_a(j: u32, local: u32, p: vec4<f32>, q: vec4<f32>, r: vec4<f32>, s: vec4<f32>) {
    put_a(j, local, vec4<f32>(p.x, q.x, r.x, s.x));
    put_a(j + 1u, local, vec4<f32>(p.y, q.y, r.y, s.y));
    put_a(j + 2u, local, vec4<f32>(p.z, q.z, r.z, s.z));
    put_a(j + 3u, local, vec4<f32>(p.w, q.w, r.w, s.w));
}

// Of what note_a() is given, four rows at a time, several invocations hold sums over some terms: the sums over all of
// them, for the quad that `summed_quad_a(local)` says; past the last one there is none.
fn sum_of_all_a(local: u32, own: vec4<f32>) -> vec4<f32> {
    share(local, own);
    // All parts are written before they are added up.
    workgroupBarrier();
    if summed_quad_a(local) >= QUADS_A {
        return own;
    }
    if TURN_A == 1u {
        return sum_shared(local, 4u, 1u);
    }
    return sum_shared(local, THREADS / QUADS_A, QUADS_A);
}

fn summed_quad_a(local: u32) -> u32 {
    if TURN_A == 1u {
        return select(QUADS_A, local / 4u, local % 4u == 0u);
    }
    return local;
}
