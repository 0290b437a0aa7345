// needs: tile
// terms_looped.wgsl: in place of terms.wgsl on adapters that compute on the processor: they compile a loop in
// less time than terms that are spelled out, and run it no slower.
fn accumulate_terms(a: u32, b: u32) {
    for (var k = 0u; k < 16u; k++) {
        add_outer_product(a + k * ROW_A, b + k * ROW_B);
    }
}
