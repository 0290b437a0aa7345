// needs: tile, lines
// lines_a_lanes.wgsl: in place of lines_a.wgsl: a subgroup's lanes read what the rows of its own sums need,
// QUADS_OF_LANES vec4s across, from memory and for themselves. All of them have it then, without a store to the
// workgroup's memory and a load from there, each of which costs llvmpipe as much as the load from memory.
override LANES_OF_QUAD: u32 = 8u / QUADS_OF_LANES; // lanes that read the same rows
override STEP_A: u32 = LANES_OF_QUAD;
override BLOCKS_OF_QUAD: u32 = min(LANES_OF_QUAD, 4u); // where that is turned: of four terms each

fn rows_of_lanes(local: u32) -> u32 {
    return local / 8u / (TILE_N / 32u) * QUADS_OF_LANES;
}

fn spot_a(j: u32, local: u32) -> Spot {
    let number = local % 8u / QUADS_OF_LANES;
    let quad = rows_of_lanes(local) + local % QUADS_OF_LANES;
    if TURN_A == 1u {
        return Spot(number % BLOCKS_OF_QUAD * 4u + j, quad);
    }
    return Spot(number + j * STEP_A, quad);
}

// As in lines_a.wgsl. Subgroups side by side have read the same: the first has the sums.
fn sum_of_all_a(local: u32, own: vec4<f32>) -> vec4<f32> {
    share(local, own);
    // All parts are written before they are added up.
    workgroupBarrier();
    if summed_quad_a(local) >= QUADS_A {
        return own;
    }
    return sum_shared(local, select(LANES_OF_QUAD, BLOCKS_OF_QUAD, TURN_A == 1u), QUADS_OF_LANES);
}

fn summed_quad_a(local: u32) -> u32 {
    let is_first = local % 8u < QUADS_OF_LANES && local / 8u % (TILE_N / 32u) == 0u;
    return select(QUADS_A, rows_of_lanes(local) + local % QUADS_OF_LANES, is_first);
}
