// needs: tile, terms, own_4x4
// sums_4x4.wgsl: 4 x 4 outputs an invocation, in 4 vec4.
fn accumulate(local: u32) {
    accumulate_terms(local / QUADS_B, local % QUADS_B);
}

fn add_outer_product(a: u32, b: u32) {
    add_outer(tile_a[a], tile_b[b]);
}
