// tile.wgsl: a tile of a product, for kernels that fill tile_a and tile_b and say in store() where
// outputs go: TILE_M x TILE_N outputs and 16 terms at a time, by 64 invocations. Both tiles lie as
// [k][m or n] in vec4, with one of padding a row against bank conflicts. Who adds up which sums is for
// the kernel to choose: sums_8x8.wgsl, or sums_4x4.wgsl for tiles of 32 x 32.
override TILE_M: u32 = 64u;
override TILE_N: u32 = 64u;
override QUADS_A: u32 = TILE_M / 4u; // vec4s across tile_a
override QUADS_B: u32 = TILE_N / 4u;
override LINES_A: u32 = QUADS_A / 4u; // vec4s of tile_a for each invocation to fill
override LINES_B: u32 = QUADS_B / 4u;
override ROW_A: u32 = QUADS_A + 1u; // vec4s from one k to the next
override ROW_B: u32 = QUADS_B + 1u;
// Sizes have names because naga 30 takes a count that is computed in place only after all overrides.
override COUNT_A: u32 = 16u * ROW_A; // vec4s of tile_a
override COUNT_B: u32 = 16u * ROW_B;
var<workgroup> tile_a: array<vec4<f32>, COUNT_A>;
var<workgroup> tile_b: array<vec4<f32>, COUNT_B>;

// Adds the product of both tiles, once all invocations have filled them, to the sums.
fn multiply_tiles(local: u32) {
    // The tiles are written before they are read.
    workgroupBarrier();
    accumulate(local);
    // They are read before the next ones are written.
    workgroupBarrier();
}
