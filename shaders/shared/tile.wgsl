// tile.wgsl: a tile of a product, for kernels that fill tile_a and tile_b and say in put() where
// outputs go: TILE x TILE outputs and 16 terms at a time, by 64 invocations. Both tiles lie as
// [k][m or n] in vec4, with one of padding a row against bank conflicts. The sums are in
// tile_64.wgsl or tile_32.wgsl; include one of them.
const QUADS = TILE / 4u; // vec4s across a tile
const ROW = QUADS + 1u; // vec4s from one k to the next
var<workgroup> tile_a: array<vec4<f32>, 16u * ROW>;
var<workgroup> tile_b: array<vec4<f32>, 16u * ROW>;

// Adds the product of both tiles, once all invocations have filled them, to the sums.
fn multiply_tiles(local: u32) {
    // The tiles are written before they are read.
    workgroupBarrier();
    let a = local / 8u;
    let b = local % 8u;
    add_outer_product(a + 0u * ROW, b + 0u * ROW);
    add_outer_product(a + 1u * ROW, b + 1u * ROW);
    add_outer_product(a + 2u * ROW, b + 2u * ROW);
    add_outer_product(a + 3u * ROW, b + 3u * ROW);
    add_outer_product(a + 4u * ROW, b + 4u * ROW);
    add_outer_product(a + 5u * ROW, b + 5u * ROW);
    add_outer_product(a + 6u * ROW, b + 6u * ROW);
    add_outer_product(a + 7u * ROW, b + 7u * ROW);
    add_outer_product(a + 8u * ROW, b + 8u * ROW);
    add_outer_product(a + 9u * ROW, b + 9u * ROW);
    add_outer_product(a + 10u * ROW, b + 10u * ROW);
    add_outer_product(a + 11u * ROW, b + 11u * ROW);
    add_outer_product(a + 12u * ROW, b + 12u * ROW);
    add_outer_product(a + 13u * ROW, b + 13u * ROW);
    add_outer_product(a + 14u * ROW, b + 14u * ROW);
    add_outer_product(a + 15u * ROW, b + 15u * ROW);
    // They are read before the next ones are written.
    workgroupBarrier();
}
