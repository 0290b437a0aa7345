// needs: tile
// terms.wgsl: the terms of a tile one after the other, for invocations that each own their sums, spelled out:
// no compiler makes a loop of them. From vec4s a and b of either tile's first row on.
fn accumulate_terms(a: u32, b: u32) {
    add_outer_product(a + 0u * ROW_A, b + 0u * ROW_B);
    add_outer_product(a + 1u * ROW_A, b + 1u * ROW_B);
    add_outer_product(a + 2u * ROW_A, b + 2u * ROW_B);
    add_outer_product(a + 3u * ROW_A, b + 3u * ROW_B);
    add_outer_product(a + 4u * ROW_A, b + 4u * ROW_B);
    add_outer_product(a + 5u * ROW_A, b + 5u * ROW_B);
    add_outer_product(a + 6u * ROW_A, b + 6u * ROW_B);
    add_outer_product(a + 7u * ROW_A, b + 7u * ROW_B);
    add_outer_product(a + 8u * ROW_A, b + 8u * ROW_B);
    add_outer_product(a + 9u * ROW_A, b + 9u * ROW_B);
    add_outer_product(a + 10u * ROW_A, b + 10u * ROW_B);
    add_outer_product(a + 11u * ROW_A, b + 11u * ROW_B);
    add_outer_product(a + 12u * ROW_A, b + 12u * ROW_B);
    add_outer_product(a + 13u * ROW_A, b + 13u * ROW_B);
    add_outer_product(a + 14u * ROW_A, b + 14u * ROW_B);
    add_outer_product(a + 15u * ROW_A, b + 15u * ROW_B);
}
