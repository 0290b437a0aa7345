// tile.wgsl: a tile of a product, for kernels that fill tile_a and tile_b and say in put() where
// outputs go: TILE_M x TILE_N outputs and 16 terms at a time, by 64 invocations. Both tiles lie as
// [k][m or n] in vec4, with one of padding a row against bank conflicts. Include the sizes, tile_64.wgsl,
// tile_wide.wgsl or tile_32.wgsl, and who adds up which sums: terms.wgsl with sums_8x8.wgsl (sums_4x4.wgsl
// for 32), or lanes.wgsl with sums_16x4_lanes.wgsl (sums_4x4_lanes.wgsl for 32).
const QUADS_A = TILE_M / 4u; // vec4s across tile_a
const QUADS_B = TILE_N / 4u;
const LINES_A = QUADS_A / 4u; // vec4s of tile_a for each invocation to fill
const LINES_B = QUADS_B / 4u;
const ROW_A = QUADS_A + 1u; // vec4s from one k to the next
const ROW_B = QUADS_B + 1u;
var<workgroup> tile_a: array<vec4<f32>, 16u * ROW_A>;
var<workgroup> tile_b: array<vec4<f32>, 16u * ROW_B>;

// Adds the product of both tiles, once all invocations have filled them, to the sums.
fn multiply_tiles(local: u32) {
    // The tiles are written before they are read.
    workgroupBarrier();
    add_terms(local);
    // They are read before the next ones are written.
    workgroupBarrier();
}
