// tile.wgsl: a tile of a product, for kernels that fill tile_a and tile_b and say in put() where
// outputs go: TILE_M x TILE_N outputs and 16 terms at a time, by 64 invocations, in rows of COLUMNS. Both
// tiles lie as [k][m or n] in vec4, with one of padding a row against bank conflicts. Include the sizes,
// tile_64.wgsl, tile_wide.wgsl or tile_32.wgsl, and for the first two sums_8x8.wgsl.
override UNROLLED: u32 = 1u; // 0 where compiling takes longer than it saves
const QUADS_A = TILE_M / 4u; // vec4s across tile_a
const QUADS_B = TILE_N / 4u;
const ROW_A = QUADS_A + 1u; // vec4s from one k to the next
const ROW_B = QUADS_B + 1u;
var<workgroup> tile_a: array<vec4<f32>, 16u * ROW_A>;
var<workgroup> tile_b: array<vec4<f32>, 16u * ROW_B>;

// Adds the product of both tiles, once all invocations have filled them, to the sums.
fn multiply_tiles(local: u32) {
    // The tiles are written before they are read.
    workgroupBarrier();
    let a = local / COLUMNS;
    let b = local % COLUMNS;
    if UNROLLED == 1u {
        add_all(a, b);
    } else {
        for (var k = 0u; k < 16u; k++) {
            add_outer_product(a + k * ROW_A, b + k * ROW_B);
        }
    }
    // They are read before the next ones are written.
    workgroupBarrier();
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
