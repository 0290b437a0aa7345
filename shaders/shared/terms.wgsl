// terms.wgsl: the terms of a tile one after the other, for invocations that each own their sums, in rows of
// COLUMNS. Include tile.wgsl and sums_8x8.wgsl or sums_4x4.wgsl too.
override UNROLLED: u32 = 1u; // 0 where compiling takes longer than it saves

// How often a loop of so many turns runs: compilers spell it out.
fn turns(count: u32, local: u32) -> u32 {
    return count;
}

fn add_terms(local: u32) {
    let a = local / COLUMNS;
    let b = local % COLUMNS;
    if UNROLLED == 1u {
        add_all(a, b);
    } else {
        for (var k = 0u; k < 16u; k++) {
            add_outer_product(a + k * ROW_A, b + k * ROW_B);
        }
    }
}

fn add_all(a: u32, b: u32) {
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
