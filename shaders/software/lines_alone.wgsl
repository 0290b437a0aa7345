// needs: tile
// lines_alone.wgsl: in place of lines.wgsl: which vec4s an invocation reads that works alone. They are four for four
// terms: of an operand that is turned, the terms of each of its rows or columns, else all of these for each term.
override STEP_A: u32 = 1u;
override STEP_B: u32 = 1u;

struct Spot { term: u32, quad: u32 }

fn spot_a(j: u32, local: u32) -> Spot {
    return Spot(j, local / QUADS_B);
}

fn spot_b(j: u32, local: u32) -> Spot {
    return Spot(j, local % QUADS_B);
}

// Each has seen all terms: of those with the same rows or columns, the first has their sums.
fn sum_of_all_a(local: u32, own: vec4<f32>) -> vec4<f32> {
    return own;
}

fn summed_quad_a(local: u32) -> u32 {
    return select(QUADS_A, local / QUADS_B, local % QUADS_B == 0u);
}

fn sum_of_all_b(local: u32, own: vec4<f32>) -> vec4<f32> {
    return own;
}

fn summed_quad_b(local: u32) -> u32 {
    return local;
}
